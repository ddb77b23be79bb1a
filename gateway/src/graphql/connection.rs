//! Pages of lists, as connections.

use async_graphql::Context;
use comptoir_mesh::error::ErrorReason;

use crate::backend::{Failure, Services};
use crate::config::most_of_a_page;
use crate::executor::sync_object::{output_type, sync_object};

pub(super) struct PageInfo {
    has_next_page: bool,
    has_previous_page: bool,
    start_cursor: Option<String>,
    end_cursor: Option<String>,
}

sync_object!(PageInfo: &PageInfo, |page| {
    hasNextPage: bool = page.has_next_page,
    hasPreviousPage: bool = page.has_previous_page,
    startCursor: Option<&str> = page.start_cursor.as_deref(),
    endCursor: Option<&str> = page.end_cursor.as_deref(),
});
output_type!(PageInfo as &PageInfo, |page| page);

/// The arguments of a page.
pub(super) struct PageArguments {
    /// At least 1.
    pub(super) size: i32,
    /// The cursor of the last entry before the page. Empty is the start of the list.
    pub(super) after: String,
}

impl PageArguments {
    /// Reads the arguments of a field.
    pub(super) fn new(
        ctx: &Context<'_>,
        first: Option<i32>,
        default: i32,
        after: Option<String>,
    ) -> Result<Self, Failure> {
        let most = most_of_a_page(ctx.data_unchecked::<Services>().settings.limit_list);
        // An omitted `first` arrives as the schema's default, so the default is reduced to the limit rather than refused.
        let size = match first {
            Some(first) if first != default => first,
            _ => default.min(most),
        };
        if !(1..=most).contains(&size) {
            let message = format!("`first` is 1 to {most}.");
            return Err(Failure::new(ErrorReason::LimitOutOfRange, &message));
        }
        Ok(Self {
            size,
            after: after.unwrap_or_default(),
        })
    }

    /// Creates a page from the parts of a service's answer.
    pub(super) fn page<T>(&self, items: Vec<T>, cursors: Vec<String>, next: &str, total: i64) -> Page<T> {
        Page {
            items: cursors.into_iter().zip(items).collect(),
            has_next_page: !next.is_empty(),
            has_previous_page: !self.after.is_empty(),
            total_count: i32::try_from(total).unwrap_or(i32::MAX),
        }
    }
}

/// A page of a list, each item with its cursor.
pub(super) struct Page<T> {
    pub(super) items: Vec<(String, T)>,
    pub(super) has_next_page: bool,
    pub(super) has_previous_page: bool,
    pub(super) total_count: i32,
}

impl<T> Page<T> {
    /// The `pageInfo` of the page.
    pub(super) fn info(&self) -> PageInfo {
        PageInfo {
            has_next_page: self.has_next_page,
            has_previous_page: self.has_previous_page,
            start_cursor: self.items.first().map(|(cursor, _)| cursor.clone()),
            end_cursor: self.items.last().map(|(cursor, _)| cursor.clone()),
        }
    }
}

/// Declares a connection and its edge, over a node that is cheap to clone.
macro_rules! connection {
    ($connection:ident, $edge:ident, $node:ty) => {
        #[derive(async_graphql::SimpleObject, Clone)]
        pub(super) struct $edge {
            cursor: String,
            node: $node,
        }

        #[derive(async_graphql::SimpleObject)]
        pub(super) struct $connection {
            edges: Vec<$edge>,
            nodes: Vec<$node>,
            page_info: $crate::graphql::connection::PageInfo,
            total_count: i32,
        }

        impl From<$crate::graphql::connection::Page<$node>> for $connection {
            fn from(page: $crate::graphql::connection::Page<$node>) -> Self {
                let page_info = page.info();
                let total_count = page.total_count;
                let nodes = page.items.iter().map(|(_, node)| node.clone()).collect();
                let edges = page
                    .items
                    .into_iter()
                    .map(|(cursor, node)| $edge { cursor, node });
                Self {
                    edges: edges.collect(),
                    nodes,
                    page_info,
                    total_count,
                }
            }
        }
    };
}

pub(super) use connection;
