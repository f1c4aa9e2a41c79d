//! Functions that are loaded in tasks.

use crate::subject::Subject;
use proc_macro2::Span;
use syn::{FnArg, ReceiverKind, Result, Type, parse::Error};

/// Whether a task can have the function; `at` is where that is said.
///
/// What borrows without saying so, such as a type with a lifetime, is left to the compiler.
pub(super) fn check(subject: &Subject, at: Span) -> Result<()> {
    if !subject.is_async() {
        return Err(Error::new(
            at,
            "`detached` is for async functions: it has a task poll the function's future, and this one has none",
        ));
    }
    for input in &subject.item.sig.inputs {
        let instead = match input {
            FnArg::Receiver(receiver) if is_borrowed_self(&receiver.kind) => "`self: Arc<Self>`",
            FnArg::Typed(typed) if is_borrowed(&typed.ty) => "an owned value or an `Arc`",
            _ => continue,
        };
        return Err(Error::new_spanned(
            input,
            format!(
                "`detached` has the function run in a task, which may outlive its caller and so can borrow nothing: \
                 take {instead}"
            ),
        ));
    }
    Ok(())
}

fn is_borrowed_self(kind: &ReceiverKind) -> bool {
    match kind {
        ReceiverKind::Reference(..) => true,
        ReceiverKind::Typed(_, ty) => is_borrowed(ty),
        _ => false,
    }
}

fn is_borrowed(ty: &Type) -> bool {
    let Type::Reference(reference) = ty else { return false };
    reference.lifetime.as_ref().is_none_or(|lifetime| lifetime.ident != "static")
}
