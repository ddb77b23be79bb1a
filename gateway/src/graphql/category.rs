//! Categories.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use comptoir_proto::catalog::v1 as pb;

use super::connection::Window;
use super::mask;
use super::product::{Product, ProductConnection, ProductSort};
use super::refusals::payload;
use crate::backend::{Failure, RequestData, Services};
use crate::executor::plain::{Unknown, looked_at, plain};

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

plain!(Category: &pb::Category, |category, walk| {
    id: ID = ID(category.id.clone()),
    slug: &str = &category.slug,
    name: &str = &category.name,
    parent: Result<Option<&pb::Category>, Unknown> = walk.category(category.parent_id.as_deref()),
    children: Result<Vec<&pb::Category>, Unknown> = walk.categories(|tree| tree.children(&category.id)),
    ancestors: Result<Vec<&pb::Category>, Unknown> = walk.categories(|tree| tree.ancestors(category)),
} else Listing(category));
looked_at!(Category as &pb::Category, |category| &*category.0);

/// What a category has only by a call.
pub(super) struct Listing {
    category_id: String,
}

impl Listing {
    /// That of a category.
    pub(super) fn of(category: &pb::Category) -> Self {
        Self {
            category_id: category.id.clone(),
        }
    }
}

#[Object]
impl Listing {
    /// Those of its descendants too.
    async fn products(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 24)] first: Option<i32>,
        after: Option<String>,
        sort: Option<ProductSort>,
    ) -> Result<ProductConnection, Failure> {
        let window = Window::new(ctx, first, 24, after)?;
        let request = pb::ListProductsRequest {
            page_size: window.size,
            page_token: window.after.clone(),
            sort: ProductSort::to_proto(sort),
            category_id: self.category_id.clone(),
            ..Default::default()
        };
        list_products(ctx, &window, request).await
    }
}

/// A page of products.
pub(super) async fn list_products(
    ctx: &Context<'_>,
    window: &Window,
    mut request: pb::ListProductsRequest,
) -> Result<ProductConnection, Failure> {
    let mut client = ctx.data_unchecked::<Services>().catalog.clone();
    request.read_mask = mask::of_products(ctx);
    let answer = client.list_products(request).await?.into_inner();
    let data = ctx.data_unchecked::<RequestData>();
    let (next, total) = (answer.next_page_token, answer.total_count);
    Ok(Product::page(
        data,
        window,
        answer.products,
        answer.cursors,
        &next,
        total,
    ))
}

payload!(CategoryPayload { category: Category });
