//! Keys that consist of arguments.

use crate::manager::Key;
use std::{
    any::type_name,
    borrow::Borrow,
    fmt,
    hash::{Hash, Hasher},
    marker::PhantomData,
};

/// An argument that can be part of a key.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of the key of a cached function",
    label = "is not `Hash + Eq`, or has no owned form that is `Send + Sync + 'static`",
    note = "say with `key = ..` what stands for it, or, if the result does not depend on it, leave it out with `skip(..)`"
)]
pub trait Argument: ToOwned<Owned = Self::OwnedForm> + Hash + Eq {
    /// The argument's owned form.
    type OwnedForm: Borrow<Self> + Hash + Eq + Send + Sync + 'static;
}

#[diagnostic::do_not_recommend]
impl<T: ?Sized> Argument for T
where
    T: ToOwned + Hash + Eq,
    T::Owned: Hash + Eq + Send + Sync + 'static,
{
    type OwnedForm = T::Owned;
}

/// A borrowed part of a key. Its stored form has the same hash.
pub trait Part: Hash {
    /// The stored form.
    type Stored: Hash + Eq + Send + Sync + 'static;

    /// Returns whether this is the part whose stored form is `stored`.
    fn matches(&self, stored: &Self::Stored) -> bool;

    /// Returns the stored form.
    fn to_stored(&self) -> Self::Stored;

    /// Hashes the part with its type.
    fn digest<H: Hasher>(&self, state: &mut H) {
        type_name::<Self::Stored>().hash(state);
        self.hash(state);
    }
}

/// A borrowed argument.
#[derive(Debug, Hash)]
pub struct Ref<'a, T: ?Sized>(&'a T);

/// Compiles if the argument can be a part of a key.
#[inline(always)]
pub fn check<T: Argument + ?Sized>(_: &T) {}

/// An argument, or a part of one. Its method `part` returns the part of the key. For a type that
/// cannot be one, [`OtherArgument`] has a method of the same name that compiles, so that [`check`]
/// alone reports the error, once.
#[derive(Debug)]
pub struct Arg<'a, T: ?Sized>(pub &'a T);

impl<'a, T: Argument + ?Sized> Arg<'a, T> {
    /// Returns the argument as a part of a key.
    #[inline(always)]
    pub fn part(self) -> Ref<'a, T> {
        Ref(self.0)
    }
}

/// An argument that is an `Option` of a reference.
#[derive(Debug)]
pub struct OptionArg<'a, T: ?Sized>(pub Option<&'a T>);

impl<'a, T: Argument + ?Sized> OptionArg<'a, T> {
    /// Returns the argument as a part of a key.
    #[inline(always)]
    pub fn part(self) -> Optional<'a, T> {
        Optional(self.0)
    }
}

/// Arguments that cannot be a part of a key.
pub trait OtherArgument: Sized {
    /// Never called, since [`check`] does not compile for the argument.
    fn part(self) -> Ref<'static, ()> {
        Ref(&())
    }
}

impl<T: ?Sized> OtherArgument for Arg<'_, T> {}

impl<T: ?Sized> OtherArgument for OptionArg<'_, T> {}

impl<T: Argument + ?Sized> Part for Ref<'_, T> {
    type Stored = T::OwnedForm;

    #[inline(always)]
    fn matches(&self, stored: &T::OwnedForm) -> bool {
        self.0 == stored.borrow()
    }

    fn to_stored(&self) -> T::OwnedForm {
        self.0.to_owned()
    }
}

/// A borrowed argument that may be missing.
#[derive(Debug, Hash)]
pub struct Optional<'a, T: ?Sized>(Option<&'a T>);

impl<T: Argument + ?Sized> Part for Optional<'_, T> {
    type Stored = Option<T::OwnedForm>;

    #[inline(always)]
    fn matches(&self, stored: &Option<T::OwnedForm>) -> bool {
        self.0 == stored.as_ref().map(Borrow::borrow)
    }

    fn to_stored(&self) -> Option<T::OwnedForm> {
        self.0.map(ToOwned::to_owned)
    }
}

/// A part that a closure has computed from arguments.
#[derive(Debug, Hash)]
struct Owned<K>(K);

/// Returns an owned value as a part of a key.
#[inline(always)]
pub fn owned<K: Argument<OwnedForm = K> + Clone + Send + Sync + 'static>(part: K) -> impl Part {
    Owned(part)
}

impl<K: Argument<OwnedForm = K> + Clone + Send + Sync + 'static> Part for Owned<K> {
    type Stored = K;

    #[inline(always)]
    fn matches(&self, stored: &K) -> bool {
        self.0 == *stored
    }

    fn to_stored(&self) -> K {
        self.0.clone()
    }
}

/// A type as a part of a key. The value of each type is equal to itself only.
struct Of<T: ?Sized>(PhantomData<fn() -> Box<T>>);

/// Returns a type parameter of the function as a part of a key.
#[inline(always)]
pub fn of<T: ?Sized + 'static>() -> impl Part {
    Of::<T>(PhantomData)
}

impl<T: ?Sized> fmt::Debug for Of<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(type_name::<T>())
    }
}

impl<T: ?Sized> Hash for Of<T> {
    #[inline(always)]
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl<T: ?Sized> PartialEq for Of<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T: ?Sized> Eq for Of<T> {}

impl<T: ?Sized + 'static> Part for Of<T> {
    type Stored = Of<T>;

    #[inline(always)]
    fn matches(&self, _: &Of<T>) -> bool {
        true
    }

    fn to_stored(&self) -> Of<T> {
        Of(PhantomData)
    }
}

/// All parts together: the key of a lookup.
#[derive(Debug, Hash)]
pub struct Arguments<P>(pub P);

impl<P: Part> Key for Arguments<P> {
    type Stored = P::Stored;

    #[inline(always)]
    fn matches(&self, stored: &P::Stored) -> bool {
        self.0.matches(stored)
    }

    fn to_stored(&self) -> P::Stored {
        self.0.to_stored()
    }
}

macro_rules! tuples {
    ($($name:ident $place:tt),*) => {
        impl<$($name: Part),*> Part for ($($name,)*) {
            type Stored = ($($name::Stored,)*);

            #[inline(always)]
            #[allow(unused_variables)]
            fn matches(&self, stored: &Self::Stored) -> bool {
                true $(&& self.$place.matches(&stored.$place))*
            }

            #[allow(clippy::unused_unit)]
            fn to_stored(&self) -> Self::Stored {
                ($(self.$place.to_stored(),)*)
            }

            #[allow(unused_variables)]
            fn digest<H: Hasher>(&self, state: &mut H) {
                $(self.$place.digest(state);)*
            }
        }
    };
}

// Longer ones are tuples of tuples.
tuples!();
tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
tuples!(A 0, B 1, C 2, D 3, E 4);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H0 7);
