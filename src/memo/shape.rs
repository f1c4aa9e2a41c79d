//! The types that functions return: which part is stored, and which goes to the caller only.
//!
//! An attribute sees names of types, and any name may be an alias of `Result`. So the compiler
//! decides: the call `(&Returned::<R>::new()).shape()` resolves to the method for results, for
//! options, or for all other types, under any alias. There are two methods for results, since some
//! errors can be shared between callers and others cannot.

use std::{any::Any, fmt, marker::PhantomData, sync::Arc};

/// A value that can be stored.
pub trait Storable: Clone + Send + Sync + 'static {}

impl<T: Clone + Send + Sync + 'static> Storable for T {}

/// Stands for the cache in bounds. The bounds are on this type, because for an unmet bound on the
/// value rustc would suggest to borrow the value.
#[derive(Debug)]
pub struct Keeps;

/// Values that can be cloned for each caller.
#[diagnostic::on_unimplemented(
    message = "`{V}` cannot be kept in a cache, since it is not `Clone`",
    label = "each caller gets a clone of what is kept",
    note = "derive `Clone` for it, or return it in an `Arc`"
)]
pub trait Cloned<V> {}

#[diagnostic::do_not_recommend]
impl<V: Clone> Cloned<V> for Keeps {}

/// Values that can be sent to other threads.
#[diagnostic::on_unimplemented(
    message = "`{V}` cannot be kept in a cache, since it is not `Send + Sync`",
    label = "other threads get what is kept, too",
    note = "return what threads can share: an `Arc` instead of an `Rc`, a `Mutex` instead of a `RefCell`"
)]
pub trait Shareable<V> {}

#[diagnostic::do_not_recommend]
impl<V: Send + Sync> Shareable<V> for Keeps {}

/// An error, or the absence of a value, that can be handed to all waiting callers.
pub(super) type Shared = Arc<dyn Any + Send + Sync>;

/// How the output of a function is split into the stored value and the rest.
pub trait Form {
    /// What the function returns.
    type Output;
    /// The part that is stored.
    type Value;
    /// What is returned in place of a value.
    type Rest;

    /// Whether the rest is an error, rather than the absence of a value.
    const FAILS: bool;

    /// Splits an output.
    ///
    /// # Errors
    ///
    /// The rest, which is not stored.
    fn split(output: Self::Output) -> Result<Self::Value, Self::Rest>;
    /// Returns the output for a stored value.
    fn join(value: Self::Value) -> Self::Output;
    /// Returns the output for a rest.
    fn rest(rest: Self::Rest) -> Self::Output;
    /// Returns the rest in a form for all waiting callers; `None` if it cannot be shared.
    fn share(rest: &Self::Rest) -> Option<Shared>;
    /// Returns the rest from its shared form.
    fn shared(shared: &Shared) -> Option<Self::Rest>;
}

/// A form whose values can be stored.
pub trait Shape: Form<Value: Clone + Send + Sync + 'static> {}

impl<F: Form<Value: Clone + Send + Sync + 'static>> Shape for F {}

/// Compiles if the values of a form can be stored.
pub fn check_kept<V: 'static>(_: impl Form<Value = V>)
where
    Keeps: Cloned<V> + Shareable<V>,
{
}

/// A form. Its method `shape` returns the form. For values that cannot be stored, [`OtherForm`] has
/// a method of the same name that compiles, so that [`check_kept`] alone reports the error, once.
#[derive(Debug)]
pub struct Formed<F>(pub F);

impl<F: Form<Value: Storable>> Formed<F> {
    /// Returns the form.
    #[inline(always)]
    pub fn shape(self) -> F {
        self.0
    }
}

/// Forms of values that cannot be stored.
pub trait OtherForm: Sized {
    /// The form.
    type Form: Form;

    /// Never called, since [`check_kept`] does not compile for the form.
    fn shape(self) -> Unkept<Self::Form> {
        Unkept(PhantomData)
    }
}

impl<F: Form> OtherForm for Formed<F> {
    type Form = F;
}

/// Stands for a form of values that cannot be stored.
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
        unreachable!("no value is stored")
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

/// Finds the form of the return type `T` by method resolution.
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
    /// The form of all types except `Option` and `Result`: the whole output is stored.
    Whole<T>;
    /// The form of options: the content of `Some` is stored.
    Optional<T>;
    /// The form of results whose errors can be shared: the content of `Ok` is stored.
    Sharing<T, E>;
    /// The form of other results: the content of `Ok` is stored, an error goes to one caller.
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

    /// For a value whose type cannot be named.
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
    /// Returns the form of options.
    #[inline(always)]
    pub const fn shape(&self) -> Optional<T> {
        Optional(PhantomData)
    }
}

impl<T, E: Clone + Send + Sync + 'static> Returned<Result<T, E>> {
    /// Returns the form of results whose errors can be shared.
    #[inline(always)]
    pub const fn shape(&self) -> Sharing<T, E> {
        Sharing(PhantomData)
    }
}

/// Found by method resolution if there is no inherent method: other results.
pub trait OtherResult {
    /// The form.
    type Shape;

    /// Returns the form.
    fn shape(&self) -> Self::Shape;
}

impl<T, E> OtherResult for Returned<Result<T, E>> {
    type Shape = Fallible<T, E>;

    #[inline(always)]
    fn shape(&self) -> Fallible<T, E> {
        Fallible(PhantomData)
    }
}

/// Found by method resolution last, one reference further: all other types.
pub trait OtherValue {
    /// The form.
    type Shape;

    /// Returns the form.
    fn shape(&self) -> Self::Shape;
}

impl<T> OtherValue for &Returned<T> {
    type Shape = Whole<T>;

    #[inline(always)]
    fn shape(&self) -> Whole<T> {
        Whole(PhantomData)
    }
}

/// The rest of forms that store every output.
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

/// The shared form of `None`.
struct NoValue;

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
        Some(Arc::new(NoValue))
    }

    fn shared(shared: &Shared) -> Option<()> {
        shared.is::<NoValue>().then_some(())
    }
}

/// Implements the two forms of results, which differ in sharing errors.
macro_rules! results {
    ($($name:ident<T, E $(: $bound:ident $(+ $more:tt)*)?>: $share:expr, $shared:expr;)*) => {$(
        impl<T, E $(: $bound $(+ $more)*)?> Form for $name<T, E> {
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
                let share: fn(&E) -> Option<Shared> = $share;
                share(error)
            }

            fn shared(shared: &Shared) -> Option<E> {
                let error: fn(&Shared) -> Option<E> = $shared;
                error(shared)
            }
        }

        impl<T, E> Success<Result<T, E>> for $name<T, E> {
            fn succeeded(self, output: &Result<T, E>) -> bool {
                output.is_ok()
            }
        }
    )*};
}

results! {
    Sharing<T, E: Clone + Send + Sync + 'static>:
        |error| Some(Arc::new(error.clone())), |shared| shared.downcast_ref().cloned();
    Fallible<T, E>: |_| None, |_| None;
}

/// Whether a write with this output has succeeded.
pub trait Success<T> {
    /// Returns whether it has.
    fn succeeded(self, output: &T) -> bool;
}

impl<T> Success<T> for Whole<T> {
    // Never called: `on = "ok"` requires an output that can fail.
    fn succeeded(self, _: &T) -> bool {
        true
    }
}

impl<T> Success<Option<T>> for Optional<T> {
    fn succeeded(self, output: &Option<T>) -> bool {
        output.is_some()
    }
}

/// Defines traits of return types that options of the attributes require.
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
