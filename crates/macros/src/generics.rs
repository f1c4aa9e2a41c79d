//! Which type parameters belong to the key.

use proc_macro2::Ident;
use quote::ToTokens;
use std::collections::BTreeSet;
use syn::{
    AssocType, GenericParam, Generics, ParenthesizedGenericArguments, ReturnType, Signature, Type,
    TypeParam, TypeParamBound, WherePredicate, visit::Visit,
};

/// All identifiers in a piece of syntax.
#[derive(Default)]
struct Idents(BTreeSet<String>);

impl<'ast> Visit<'ast> for Idents {
    fn visit_ident(&mut self, ident: &'ast Ident) {
        self.0.insert(ident.to_string());
    }
}

pub(crate) fn idents<'a>(types: impl IntoIterator<Item = &'a syn::Type>) -> BTreeSet<String> {
    let mut idents = Idents::default();
    types.into_iter().for_each(|ty| idents.visit_type(ty));
    idents.0
}

pub(crate) fn name(param: &GenericParam) -> String {
    match param {
        GenericParam::Lifetime(param) => param.lifetime.to_string(),
        GenericParam::Type(param) => param.ident.to_string(),
        GenericParam::Const(param) => param.ident.to_string(),
    }
}

/// The names in these types, and the parameters that are known when those are.
pub(crate) fn with_following<'a>(
    generics: &Generics,
    types: impl IntoIterator<Item = &'a syn::Type>,
) -> BTreeSet<String> {
    let mut names = idents(types);
    loop {
        let more = following(generics, &names);
        if more.is_subset(&names) {
            return names;
        }
        names.extend(more);
    }
}

/// Traits that types with lifetimes have as well.
const FOR_BORROWS: [&str; 28] = [
    "AsRef",
    "Borrow",
    "Clone",
    "Copy",
    "Debug",
    "Default",
    "Deref",
    "Display",
    "Eq",
    "Fn",
    "FnMut",
    "FnOnce",
    "Hash",
    "Into",
    "IntoIterator",
    "Iterator",
    "Ord",
    "PartialEq",
    "PartialOrd",
    "Send",
    "Serialize",
    "Sized",
    "Sync",
    "ToOwned",
    "ToString",
    "TryInto",
    "Unpin",
    "From",
];

/// Whether nothing makes a parameter `'static`, as far as can be seen: a trait of the user may, and
/// so may the type of an argument.
pub(crate) fn is_surely_not_static(signature: &Signature, param: &TypeParam) -> bool {
    if signature.to_token_stream().to_string().contains("'static") {
        return false;
    }
    let is_loose = |bound: &TypeParamBound| match bound {
        TypeParamBound::Lifetime(_) => true,
        TypeParamBound::Trait(bound) => {
            let last = bound.path.segments.last();
            last.is_some_and(|last| FOR_BORROWS.iter().any(|name| last.ident == name))
        }
        _ => false,
    };
    let clauses = signature.generics.where_clause.iter().flat_map(|clause| &clause.predicates);
    let in_clauses = clauses.filter_map(|predicate| match predicate {
        WherePredicate::Type(predicate) => match &predicate.bounded_ty {
            syn::Type::Path(path) if path.path.is_ident(&param.ident) => Some(&predicate.bounds),
            _ => None,
        },
        _ => None,
    });
    param.bounds.iter().chain(in_clauses.flatten()).all(is_loose)
}

/// The parameters but for those that only arguments outside of the key mention, and bounds on
/// these.
pub(crate) fn of_key(
    generics: &Generics,
    inside: &BTreeSet<String>,
    outside: &BTreeSet<String>,
) -> Generics {
    let mut dropped: BTreeSet<_> = generics
        .params
        .iter()
        .filter(|param| !matches!(param, GenericParam::Lifetime(_)))
        .map(name)
        .filter(|name| outside.contains(name) && !inside.contains(name))
        .collect();
    // So does what only follows from them: `R` of `F: Fn() -> R`.
    loop {
        let follow: BTreeSet<_> = following(generics, &dropped)
            .into_iter()
            .filter(|name| !inside.contains(name) && !dropped.contains(name))
            .collect();
        if follow.is_empty() {
            break;
        }
        dropped.extend(follow);
    }
    // What the others' bounds mention stays.
    loop {
        let needed: BTreeSet<_> = generics
            .params
            .iter()
            .filter(|param| !dropped.contains(&name(param)))
            .flat_map(|param| {
                let mut idents = Idents::default();
                idents.visit_generic_param(param);
                idents.0
            })
            .filter(|name| dropped.contains(name))
            .collect();
        if needed.is_empty() {
            break;
        }
        dropped.retain(|name| !needed.contains(name));
    }
    let mut kept = generics.clone();
    kept.params =
        generics.params.iter().filter(|param| !dropped.contains(&name(param))).cloned().collect();
    if let Some(clause) = &mut kept.where_clause {
        let stays = |predicate: &syn::WherePredicate| {
            let mut idents = Idents::default();
            idents.visit_where_predicate(predicate);
            idents.0.is_disjoint(&dropped)
        };
        clause.predicates = clause.predicates.iter().filter(|one| stays(one)).cloned().collect();
    }
    kept
}

/// The type parameters that are known when those are: what closures among them return, and
/// associated types.
fn following(generics: &Generics, of: &BTreeSet<String>) -> BTreeSet<String> {
    #[derive(Default)]
    struct Outputs(Idents);

    impl<'ast> Visit<'ast> for Outputs {
        fn visit_parenthesized_generic_arguments(
            &mut self,
            arguments: &'ast ParenthesizedGenericArguments,
        ) {
            if let ReturnType::Type(_, ty) = &arguments.output {
                self.0.visit_type(ty);
            }
        }

        fn visit_assoc_type(&mut self, assoc: &'ast AssocType) {
            self.0.visit_type(&assoc.ty);
        }
    }

    let mut outputs = Outputs::default();
    let mut look = |bounds: &mut dyn Iterator<Item = &TypeParamBound>| {
        // Each for itself, as their lifetimes are.
        bounds.for_each(|bound| {
            let mut found = Outputs::default();
            found.visit_type_param_bound(bound);
            outputs.0.0.extend(found.0.0);
        });
    };
    for param in generics.type_params().filter(|param| of.contains(&param.ident.to_string())) {
        look(&mut param.bounds.iter());
    }
    for predicate in generics.where_clause.iter().flat_map(|clause| &clause.predicates) {
        if let WherePredicate::Type(predicate) = predicate
            && let Type::Path(bounded) = &predicate.bounded_ty
            && bounded.path.get_ident().is_some_and(|name| of.contains(&name.to_string()))
        {
            look(&mut predicate.bounds.iter());
        }
    }
    let names: BTreeSet<_> = generics.type_params().map(|param| param.ident.to_string()).collect();
    outputs.0.0.intersection(&names).cloned().collect()
}

/// `::<T, N>` for the type and const parameters, if there are any.
pub(crate) fn turbofish(generics: &Generics) -> proc_macro2::TokenStream {
    let names: Vec<_> = generics
        .params
        .iter()
        .filter_map(|param| match param {
            GenericParam::Lifetime(_) => None,
            GenericParam::Type(param) => Some(param.ident.to_token_stream()),
            GenericParam::Const(param) => Some(param.ident.to_token_stream()),
        })
        .collect();
    if names.is_empty() { proc_macro2::TokenStream::new() } else { quote::quote!(::<#(#names),*>) }
}
