//! The fields that a resolver's selection requests.

use std::collections::BTreeSet;

use async_graphql::Context;
use async_graphql::parser::types::{Field, Selection, SelectionSet};

/// The fields with this name.
pub(crate) fn named<'a>(fields: &[&'a Field], name: &str) -> Vec<&'a Field> {
    let named = fields.iter().filter(|field| field.name.node == name);
    named.copied().collect()
}

/// The fields directly below these, with fragments spread.
pub(crate) fn below<'a>(ctx: &Context<'a>, fields: &[&'a Field]) -> Vec<&'a Field> {
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
