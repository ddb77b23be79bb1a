//! Categories.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use comptoir_proto::catalog::v1 as pb;

use super::connection::Window;
use super::data::RequestData;
use super::errors::Failure;
use super::product::{Product, ProductConnection, ProductSort};
use super::refusals::payload;
use super::services::Services;

#[derive(Clone)]
pub(super) struct Category(Arc<pb::Category>);

impl Category {
    /// A category of the answer, which from then on depends on it, and on where it stands in the tree.
    pub(super) fn new(data: &RequestData, category: impl Into<Arc<pb::Category>>) -> Self {
        let category = category.into();
        data.tag(format!("category:{}", category.id));
        data.tag("categories");
        Self(category)
    }
}

#[Object]
impl Category {
    pub(super) async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    async fn slug(&self) -> &str {
        &self.0.slug
    }

    async fn name(&self) -> &str {
        &self.0.name
    }

    async fn parent(&self, ctx: &Context<'_>) -> Result<Option<Category>, Failure> {
        let Some(id) = self.0.parent_id.as_deref() else {
            return Ok(None);
        };
        let data = ctx.data_unchecked::<RequestData>();
        let tree = data.loaders.categories().await?;
        Ok(tree.by_id(id).map(|category| Self::new(data, category.clone())))
    }

    async fn children(&self, ctx: &Context<'_>) -> Result<Vec<Category>, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        let tree = data.loaders.categories().await?;
        Ok(tree
            .children(&self.0.id)
            .map(|category| Self::new(data, category.clone()))
            .collect())
    }

    async fn ancestors(&self, ctx: &Context<'_>) -> Result<Vec<Category>, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        let tree = data.loaders.categories().await?;
        Ok(tree
            .ancestors(&self.0)
            .into_iter()
            .map(|category| Self::new(data, category))
            .collect())
    }

    /// Those of its descendants too.
    async fn products(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 24)] first: Option<i32>,
        after: Option<String>,
        sort: Option<ProductSort>,
    ) -> Result<ProductConnection, Failure> {
        let window = Window::new(first, 24, after)?;
        let request = pb::ListProductsRequest {
            page_size: window.size,
            page_token: window.after.clone(),
            sort: ProductSort::to_proto(sort),
            category_id: self.0.id.clone(),
            ..Default::default()
        };
        list_products(ctx, &window, request).await
    }
}

/// A page of products.
pub(super) async fn list_products(
    ctx: &Context<'_>,
    window: &Window,
    request: pb::ListProductsRequest,
) -> Result<ProductConnection, Failure> {
    let mut client = ctx.data_unchecked::<Services>().catalog.clone();
    let answer = client.list_products(request).await?.into_inner();
    let data = ctx.data_unchecked::<RequestData>();
    let (next, total) = (answer.next_page_token, answer.total_count);
    Ok(Product::page(data, window, answer.products, answer.cursors, &next, total).into())
}

payload!(CategoryPayload { category: Category });
