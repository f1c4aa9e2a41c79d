//! What functions return: what of it is kept, and what goes to the caller only.
//!
//! An attribute sees names, and `Result` may hide behind any of them. So it is the compiler that is
//! asked: `(&Returned::<R>::new()).shape()` finds the method for results if `R` is one, by whatever
//! name, the one for options, or that for everything else. Results are told apart by whether their
//! errors can be shared.

use std::{any::Any, fmt, marker::PhantomData, sync::Arc};

/// A value that can be kept.
pub trait Kept: Clone + Send + Sync + 'static {}

impl<T: Clone + Send + Sync + 'static> Kept for T {}

/// What keeps values. It says what they lack, since for a value itself rustc proposes to borrow it.
#[derive(Debug)]
pub struct Keeps;

/// Values that each caller can have one of.
#[diagnostic::on_unimplemented(
    message = "`{V}` cannot be kept in a cache, since it is not `Clone`",
    label = "each caller gets a clone of what is kept",
    note = "derive `Clone` for it, or return it in an `Arc`"
)]
pub trait Cloned<V> {}

#[diagnostic::do_not_recommend]
impl<V: Clone> Cloned<V> for Keeps {}

/// Values that other threads can have.
#[diagnostic::on_unimplemented(
    message = "`{V}` cannot be kept in a cache, since it is not `Send + Sync`",
    label = "other threads get what is kept, too",
    note = "return what threads can share: an `Arc` instead of an `Rc`, a `Mutex` instead of a `RefCell`"
)]
pub trait Shareable<V> {}

#[diagnostic::do_not_recommend]
impl<V: Send + Sync> Shareable<V> for Keeps {}

/// What can be handed to those who have waited for it.
pub(super) type Shared = Arc<dyn Any + Send + Sync>;

/// How what a function returns is taken apart, whether it can be kept or not.
pub trait Form {
    /// What it returns.
    type Output;
    /// What is kept of that.
    type Value;
    /// What is not.
    type Rest;

    /// Whether the rest says that something went wrong, rather than that there is nothing.
    const FAILS: bool;

    /// Takes it apart.
    ///
    /// # Errors
    ///
    /// What is not kept.
    fn split(output: Self::Output) -> Result<Self::Value, Self::Rest>;
    /// Puts what was kept together again.
    fn join(value: Self::Value) -> Self::Output;
    /// Gives back what was not.
    fn rest(rest: Self::Rest) -> Self::Output;
    /// The rest for those who have waited; None if each needs one of its own.
    fn share(rest: &Self::Rest) -> Option<Shared>;
    /// The rest, from what was shared.
    fn shared(shared: &Shared) -> Option<Self::Rest>;
}

/// A form whose values can be kept.
pub trait Shape: Form<Value: Clone + Send + Sync + 'static> {}

impl<F: Form<Value: Clone + Send + Sync + 'static>> Shape for F {}

/// Compiles if what a function returns can be kept.
pub fn check_kept<V: 'static>(_: impl Form<Value = V>)
where
    Keeps: Cloned<V> + Shareable<V>,
{
}

/// A form. Its method `shape` is the form itself; or, where the values cannot be kept, something
/// else, by [`OtherForm`]. So it is [`check_kept`] that says so, once, and nothing else does.
#[derive(Debug)]
pub struct Formed<F>(pub F);

impl<F: Form<Value: Kept>> Formed<F> {
    /// The form.
    #[inline(always)]
    pub fn shape(self) -> F {
        self.0
    }
}

/// A form of values that cannot be kept.
pub trait OtherForm: Sized {
    /// What it is a form of.
    type Form: Form;

    /// A form that is never used, since what has this does not compile.
    fn shape(self) -> Unkept<Self::Form> {
        Unkept(PhantomData)
    }
}

impl<F: Form> OtherForm for Formed<F> {
    type Form = F;
}

/// Stands for a form of values that cannot be kept.
#[derive(Debug)]
pub struct Unkept<F>(PhantomData<fn() -> F>);

impl<F: Form> Form for Unkept<F> {
    type Output = F::Output;
    type Value = ();
    type Rest = F::Output;

    const FAILS: bool = false;

    fn split(output: F::Output) -> Result<(), F::Output> {
        Err(output)
    }

    fn join((): ()) -> F::Output {
        unreachable!("nothing is kept")
    }

    fn rest(rest: F::Output) -> F::Output {
        rest
    }

    fn share(_: &F::Output) -> Option<Shared> {
        None
    }

    fn shared(_: &Shared) -> Option<F::Output> {
        None
    }
}

/// Asks for the shape of `T`.
pub struct Returned<T>(PhantomData<fn() -> T>);

macro_rules! shapes {
    ($($(#[$doc:meta])* $name:ident<$($of:ident),+>;)*) => {$(
        $(#[$doc])*
        pub struct $name<$($of),+>(PhantomData<fn() -> ($($of,)+)>);

        impl<$($of),+> Clone for $name<$($of),+> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<$($of),+> Copy for $name<$($of),+> {}

        impl<$($of),+> fmt::Debug for $name<$($of),+> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}

shapes! {
    /// All of it is kept.
    Whole<T>;
    /// What there is, if there is something.
    Optional<T>;
    /// What went well; errors are shared.
    Sharing<T, E>;
    /// What went well; errors go to their callers.
    Fallible<T, E>;
}

impl<T> Whole<T> {
    #[must_use]
    #[allow(clippy::new_without_default, missing_docs)]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Returned<T> {
    #[must_use]
    #[allow(clippy::new_without_default, missing_docs)]
    pub const fn new() -> Self {
        Self(PhantomData)
    }

    /// That of a value whose type has no name.
    #[must_use]
    pub const fn of(_: &T) -> Self {
        Self(PhantomData)
    }
}

impl<T> fmt::Debug for Returned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Returned")
    }
}

impl<T> Returned<Option<T>> {
    /// That of an option.
    #[inline(always)]
    pub const fn shape(&self) -> Optional<T> {
        Optional(PhantomData)
    }
}

impl<T, E: Clone + Send + Sync + 'static> Returned<Result<T, E>> {
    /// That of a result whose errors can be shared.
    #[inline(always)]
    pub const fn shape(&self) -> Sharing<T, E> {
        Sharing(PhantomData)
    }
}

/// Found if no method of its own is.
pub trait OtherResult {
    /// That of a result.
    type Shape;

    /// The shape.
    fn shape(&self) -> Self::Shape;
}

impl<T, E> OtherResult for Returned<Result<T, E>> {
    type Shape = Fallible<T, E>;

    #[inline(always)]
    fn shape(&self) -> Fallible<T, E> {
        Fallible(PhantomData)
    }
}

/// Found if nothing else is, one reference further.
pub trait OtherValue {
    /// That of everything else.
    type Shape;

    /// The shape.
    fn shape(&self) -> Self::Shape;
}

impl<T> OtherValue for &Returned<T> {
    type Shape = Whole<T>;

    #[inline(always)]
    fn shape(&self) -> Whole<T> {
        Whole(PhantomData)
    }
}

/// The rest of what has none.
#[derive(Debug)]
pub enum Never {}

impl<T> Form for Whole<T> {
    type Output = T;
    type Value = T;
    type Rest = Never;

    const FAILS: bool = false;

    #[inline(always)]
    fn split(output: T) -> Result<T, Never> {
        Ok(output)
    }

    #[inline(always)]
    fn join(value: T) -> T {
        value
    }

    fn rest(rest: Never) -> T {
        match rest {}
    }

    fn share(rest: &Never) -> Option<Shared> {
        match *rest {}
    }

    fn shared(_: &Shared) -> Option<Never> {
        None
    }
}

/// That there is nothing, for those who have waited.
struct Nothing;

impl<T> Form for Optional<T> {
    type Output = Option<T>;
    type Value = T;
    type Rest = ();

    const FAILS: bool = false;

    #[inline(always)]
    fn split(output: Option<T>) -> Result<T, ()> {
        output.ok_or(())
    }

    #[inline(always)]
    fn join(value: T) -> Option<T> {
        Some(value)
    }

    fn rest((): ()) -> Option<T> {
        None
    }

    fn share((): &()) -> Option<Shared> {
        Some(Arc::new(Nothing))
    }

    fn shared(shared: &Shared) -> Option<()> {
        shared.is::<Nothing>().then_some(())
    }
}

impl<T, E: Clone + Send + Sync + 'static> Form for Sharing<T, E> {
    type Output = Result<T, E>;
    type Value = T;
    type Rest = E;

    const FAILS: bool = true;

    #[inline(always)]
    fn split(output: Result<T, E>) -> Result<T, E> {
        output
    }

    #[inline(always)]
    fn join(value: T) -> Result<T, E> {
        Ok(value)
    }

    fn rest(error: E) -> Result<T, E> {
        Err(error)
    }

    fn share(error: &E) -> Option<Shared> {
        Some(Arc::new(error.clone()))
    }

    fn shared(shared: &Shared) -> Option<E> {
        shared.downcast_ref::<E>().cloned()
    }
}

impl<T, E> Form for Fallible<T, E> {
    type Output = Result<T, E>;
    type Value = T;
    type Rest = E;

    const FAILS: bool = true;

    #[inline(always)]
    fn split(output: Result<T, E>) -> Result<T, E> {
        output
    }

    #[inline(always)]
    fn join(value: T) -> Result<T, E> {
        Ok(value)
    }

    fn rest(error: E) -> Result<T, E> {
        Err(error)
    }

    fn share(_: &E) -> Option<Shared> {
        None
    }

    fn shared(_: &Shared) -> Option<E> {
        None
    }
}

/// Whether a write has succeeded, of whatever it returns.
pub trait Success<T> {
    /// Whether it has.
    fn succeeded(self, output: &T) -> bool;
}

impl<T> Success<T> for Whole<T> {
    // Not asked: `on = "ok"` is for what can fail.
    fn succeeded(self, _: &T) -> bool {
        true
    }
}

impl<T> Success<Option<T>> for Optional<T> {
    fn succeeded(self, output: &Option<T>) -> bool {
        output.is_some()
    }
}

impl<T, E> Success<Result<T, E>> for Sharing<T, E> {
    fn succeeded(self, output: &Result<T, E>) -> bool {
        output.is_ok()
    }
}

impl<T, E> Success<Result<T, E>> for Fallible<T, E> {
    fn succeeded(self, output: &Result<T, E>) -> bool {
        output.is_ok()
    }
}

/// Traits that options need of what is returned, by whatever name.
macro_rules! needs {
    ($($check:ident($($of_value:ty)?): $trait:ident, $(<$($of:ident),+> $returned:ty),+, [$message:literal, $label:literal, $note:literal];)*) => {$(
        #[doc = $label]
        #[diagnostic::on_unimplemented(message = $message, label = $label, note = $note)]
        pub trait $trait {}

        $(impl<$($of),+> $trait for $returned {})+

        #[doc = $label]
        pub const fn $check<R: $trait>($(_: $of_value)?) {}
    )*};
}

needs! {
    stale_if_error(): StaleIfError, <T, E> Result<T, E>, [
        "`{Self}` is not a `Result`",
        "`stale_if_error` is for functions that return a `Result`",
        "remove `stale_if_error`, or let the function return a `Result`"
    ];
    keep_err(): KeepErr, <T, E> Result<T, E>, [
        "`{Self}` is not a `Result`",
        "`keep_err` is for functions that return a `Result`",
        "remove `keep_err`, or let the function return a `Result`"
    ];
    keep_none(): KeepNone, <T> Option<T>, [
        "`{Self}` is not an `Option`",
        "`keep_none` is for functions that return an `Option`",
        "remove `keep_none`, or let the function return an `Option`"
    ];
    on_ok(&R): OnOk, <T, E> Result<T, E>, <T> Option<T>, [
        "`{Self}` is neither a `Result` nor an `Option`",
        "`on = \"ok\"` is for functions that say whether they have written",
        "remove `on`: then each call counts as a write"
    ];
}
