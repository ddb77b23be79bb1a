//! Categories.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use comptoir_proto::catalog::v1 as pb;

use super::connection::PageArguments;
use super::mask;
use super::product::{Product, ProductConnection, ProductSort};
use super::user_errors::payload;
use crate::backend::{Failure, RequestData, Services};
use crate::executor::sync_object::{Unresolved, output_type, sync_object};

#[derive(Clone)]
pub(super) struct Category(Arc<pb::Category>);

impl Category {
    /// A category of the answer.
    pub(super) fn new(data: &RequestData, category: impl Into<Arc<pb::Category>>) -> Self {
        let category = category.into();
        data.tag_category(&category.id);
        Self(category)
    }
}

sync_object!(Category: &pb::Category, |category, walk| {
    id: ID = ID(category.id.clone()),
    slug: &str = &category.slug,
    name: &str = &category.name,
    parent: Result<Option<&pb::Category>, Unresolved> = walk.category(category.parent_id.as_deref()),
    children: Result<Vec<&pb::Category>, Unresolved> = walk.categories(|tree| tree.children(&category.id)),
    ancestors: Result<Vec<&pb::Category>, Unresolved> = walk.categories(|tree| tree.ancestors(category)),
} else CategoryProducts(category));
output_type!(Category as &pb::Category, |category| &*category.0);

/// The field of a category that needs a call.
pub(super) struct CategoryProducts {
    category_id: String,
}

impl CategoryProducts {
    pub(super) fn of(category: &pb::Category) -> Self {
        Self {
            category_id: category.id.clone(),
        }
    }
}

#[Object]
impl CategoryProducts {
    /// Includes the products of its descendants.
    async fn products(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 24)] first: Option<i32>,
        after: Option<String>,
        sort: Option<ProductSort>,
    ) -> Result<ProductConnection, Failure> {
        let page_arguments = PageArguments::new(ctx, first, 24, after)?;
        let request = pb::ListProductsRequest {
            page_size: page_arguments.size,
            page_token: page_arguments.after.clone(),
            sort: ProductSort::to_proto(sort),
            category_id: self.category_id.clone(),
            ..Default::default()
        };
        list_products(ctx, &page_arguments, request).await
    }
}

/// A page of products.
pub(super) async fn list_products(
    ctx: &Context<'_>,
    page_arguments: &PageArguments,
    mut request: pb::ListProductsRequest,
) -> Result<ProductConnection, Failure> {
    let mut client = ctx.data_unchecked::<Services>().catalog.clone();
    request.read_mask = mask::of_products(ctx);
    let answer = client.list_products(request).await?.into_inner();
    let data = ctx.data_unchecked::<RequestData>();
    let (next, total) = (answer.next_page_token, answer.total_count);
    Ok(Product::page(
        data,
        page_arguments,
        answer.products,
        answer.cursors,
        &next,
        total,
    ))
}

payload!(CategoryPayload { category: Category });
