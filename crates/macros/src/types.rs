//! What can be seen in a type as it is written.

use crate::subject::Passing;
use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{
    Lifetime, PathArguments, Type, TypeImplTrait, TypeReference,
    visit::{self, Visit},
};

/// How an argument of this type is handed over.
pub(crate) fn passing(ty: &Type) -> Passing {
    match ty {
        Type::Reference(reference) if reference.mutability.is_some() => Passing::Mutable,
        Type::Reference(_) => Passing::Reference,
        Type::Paren(paren) => passing(&paren.elem),
        Type::Group(group) => passing(&group.elem),
        Type::Path(path) => {
            let Some(last) = path.path.segments.last() else { return Passing::Value };
            let PathArguments::AngleBracketed(arguments) = &last.arguments else {
                return Passing::Value;
            };
            match arguments.args.first() {
                Some(syn::GenericArgument::Type(Type::Reference(reference)))
                    if last.ident == "Option" && reference.mutability.is_none() =>
                {
                    Passing::OptionalReference
                }
                _ => Passing::Value,
            }
        }
        _ => Passing::Value,
    }
}

pub(crate) fn find_impl(ty: &Type) -> Option<TokenStream> {
    struct Find(Option<TokenStream>);

    impl<'ast> Visit<'ast> for Find {
        fn visit_type_impl_trait(&mut self, ty: &'ast TypeImplTrait) {
            self.0.get_or_insert(ty.to_token_stream());
        }
    }

    let mut find = Find(None);
    find.visit_type(ty);
    find.0
}

/// A future, boxed or not, by the names that are usual.
pub(crate) fn find_future(ty: &Type) -> Option<TokenStream> {
    struct Find(Option<TokenStream>);

    impl<'ast> Visit<'ast> for Find {
        fn visit_path(&mut self, path: &'ast syn::Path) {
            let names = ["Future", "BoxFuture", "LocalBoxFuture"];
            if path.segments.last().is_some_and(|last| names.iter().any(|name| last.ident == name))
            {
                self.0.get_or_insert(path.to_token_stream());
            }
            visit::visit_path(self, path);
        }

        // What these return is another matter.
        fn visit_type_fn_ptr(&mut self, _: &'ast syn::TypeFnPtr) {}
    }

    let mut find = Find(None);
    find.visit_type(ty);
    find.0
}

/// What an argument's type borrows beside the reference that it may be: `&str` is kept as a
/// `String`, but `&[&str]` as nothing.
pub(crate) fn inner_borrow(ty: &Type) -> Option<TokenStream> {
    match (ty, passing(ty)) {
        (Type::Paren(paren), _) => inner_borrow(&paren.elem),
        (Type::Group(group), _) => inner_borrow(&group.elem),
        (Type::Reference(reference), _) => find_borrow(&reference.elem),
        (Type::Path(path), Passing::OptionalReference) => {
            let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments
            else {
                return None;
            };
            match arguments.args.first()? {
                syn::GenericArgument::Type(ty) => inner_borrow(ty),
                _ => None,
            }
        }
        _ => find_borrow(ty),
    }
}

/// The first lifetime in a type, written or not, that is not `'static`.
pub(crate) fn find_borrow(ty: &Type) -> Option<TokenStream> {
    struct Find(Option<TokenStream>);

    impl<'ast> Visit<'ast> for Find {
        fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
            if lifetime.ident != "static" {
                self.0.get_or_insert(lifetime.to_token_stream());
            }
        }

        fn visit_type_reference(&mut self, ty: &'ast TypeReference) {
            if ty.lifetime.is_none() {
                self.0.get_or_insert(ty.to_token_stream());
            }
            visit::visit_type_reference(self, ty);
        }

        // The lifetimes in `fn(&str) -> bool` are its own.
        fn visit_type_fn_ptr(&mut self, _: &'ast syn::TypeFnPtr) {}
    }

    let mut find = Find(None);
    find.visit_type(ty);
    find.0
}
