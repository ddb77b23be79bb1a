//! Which fields of products an operation asks for.

use std::collections::BTreeSet;

use async_graphql::Context;
use async_graphql::parser::types::{Field, Selection, SelectionSet};
use prost_types::FieldMask;

/// Those of the product that a field gives. `None` is all.
pub(super) fn of_product(ctx: &Context<'_>) -> Option<FieldMask> {
    mask(ctx, &[&ctx.item.node])
}

/// Those of the products that a connection has. `None` is all.
pub(super) fn of_products(ctx: &Context<'_>) -> Option<FieldMask> {
    let connection = below(ctx, &[&ctx.item.node]);
    let edges = named(&connection, "edges");
    let mut products = named(&connection, "nodes");
    products.extend(named(&below(ctx, &edges), "node"));
    mask(ctx, &products)
}

fn mask(ctx: &Context<'_>, products: &[&Field]) -> Option<FieldMask> {
    let fields = below(ctx, products);
    let variants = below(ctx, &named(&fields, "variants"));
    // Of the product of a variant of it anything may be asked for.
    if !named(&variants, "product").is_empty() {
        return None;
    }
    let mut paths = BTreeSet::from(["id".to_owned()]);
    paths.extend(fields.iter().filter_map(|field| path(&field.name.node)));
    Some(FieldMask {
        paths: paths.into_iter().collect(),
    })
}

/// What the catalogue calls a field of a product.
fn path(field: &str) -> Option<String> {
    match field {
        "__typename" => None,
        "category" => Some("category_id".to_owned()),
        _ => {
            let mut path = String::with_capacity(field.len() + 3);
            for letter in field.chars() {
                if letter.is_ascii_uppercase() {
                    path.push('_');
                }
                path.push(letter.to_ascii_lowercase());
            }
            Some(path)
        }
    }
}

fn named<'a>(fields: &[&'a Field], name: &str) -> Vec<&'a Field> {
    let named = fields.iter().filter(|field| field.name.node == name);
    named.copied().collect()
}

/// The fields right below these, fragments spread.
fn below<'a>(ctx: &Context<'a>, fields: &[&'a Field]) -> Vec<&'a Field> {
    let mut spread = BTreeSet::new();
    let mut found = Vec::new();
    for field in fields {
        collect(ctx, &field.selection_set.node, &mut spread, &mut found);
    }
    found
}

fn collect<'a>(
    ctx: &Context<'a>,
    set: &'a SelectionSet,
    spread: &mut BTreeSet<&'a str>,
    found: &mut Vec<&'a Field>,
) {
    for item in &set.items {
        match &item.node {
            Selection::Field(field) => found.push(&field.node),
            Selection::InlineFragment(fragment) => {
                collect(ctx, &fragment.node.selection_set.node, spread, found);
            }
            Selection::FragmentSpread(fragment) => {
                let name = &fragment.node.fragment_name.node;
                if spread.insert(name)
                    && let Some(fragment) = ctx.query_env.fragments.get(name)
                {
                    collect(ctx, &fragment.node.selection_set.node, spread, found);
                }
            }
        }
    }
}
