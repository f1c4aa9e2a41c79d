//! Which type parameters belong to the key.

use proc_macro2::Ident;
use quote::ToTokens;
use std::collections::BTreeSet;
use syn::{GenericParam, Generics, visit::Visit};

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

fn name(param: &GenericParam) -> String {
    match param {
        GenericParam::Lifetime(param) => param.lifetime.to_string(),
        GenericParam::Type(param) => param.ident.to_string(),
        GenericParam::Const(param) => param.ident.to_string(),
    }
}

/// The parameters but for those that only arguments outside of the key mention, and bounds on these.
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
