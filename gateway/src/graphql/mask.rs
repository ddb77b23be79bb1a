//! Field masks of products.

use std::collections::BTreeSet;

use async_graphql::Context;
use async_graphql::parser::types::Field;
use prost_types::FieldMask;

use crate::executor::{below, named};

/// The mask of a field that returns a product. `None` means all fields.
pub(super) fn of_product(ctx: &Context<'_>) -> Option<FieldMask> {
    mask(ctx, &[&ctx.item.node])
}

/// The mask of a connection of products. `None` means all fields.
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
    // Any field of the product of a variant may be requested.
    if !named(&variants, "product").is_empty() {
        return None;
    }
    let mut paths = BTreeSet::from(["id".to_owned()]);
    paths.extend(fields.iter().filter_map(|field| path(&field.name.node)));
    Some(FieldMask {
        paths: paths.into_iter().collect(),
    })
}

/// The catalogue's name for a field of a product.
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
