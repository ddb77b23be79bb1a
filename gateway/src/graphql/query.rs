//! The root of queries.

use async_graphql::{Context, ID, MergedObject, Object};
use comptoir_mesh::error::ErrorReason;
use comptoir_proto::catalog::v1 as catalog;
use comptoir_proto::orders::v1 as orders;
use orders::get_order_request::Key;

use super::admin::AdminQuery;
use super::cart::Cart;
use super::category::{Category, list_products};
use super::connection::PageArguments;
use super::mask;
use super::node::{self, Node};
use super::order::{Order, OrderConnection};
use super::product::{Product, ProductConnection, ProductSort};
use super::search::SearchQuery;
use super::shop::Shop;
use super::user::User;
use crate::backend::{Failure, RequestData, Services, optional, require_user};

/// All reads.
#[derive(MergedObject, Default)]
pub(crate) struct Query(CatalogQuery, SearchQuery, BuyerQuery, AdminQuery);

#[derive(Default)]
struct CatalogQuery;

#[Object]
impl CatalogQuery {
    async fn node(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Node>, Failure> {
        Node::read(ctx, id.0).await
    }

    async fn shop(&self, ctx: &Context<'_>) -> Shop {
        ctx.data_unchecked::<Services>().into()
    }

    /// Needs exactly one of id and slug. Customers and guests only see ACTIVE products, here and in every list.
    async fn product(
        &self,
        ctx: &Context<'_>,
        id: Option<ID>,
        slug: Option<String>,
    ) -> Result<Option<Product>, Failure> {
        match (id, slug) {
            (Some(id), None) => node::product(ctx, &id).await,
            (None, Some(slug)) => product_by_slug(ctx, slug).await,
            _ => Err(Failure::new(
                ErrorReason::ValidationFailed,
                "Name the product by exactly one of id and slug.",
            )),
        }
    }

    async fn products(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 24)] first: Option<i32>,
        after: Option<String>,
        sort: Option<ProductSort>,
    ) -> Result<ProductConnection, Failure> {
        let page_arguments = PageArguments::new(ctx, first, 24, after)?;
        let request = catalog::ListProductsRequest {
            page_size: page_arguments.size,
            page_token: page_arguments.after.clone(),
            sort: ProductSort::to_proto(sort),
            ..Default::default()
        };
        list_products(ctx, &page_arguments, request).await
    }

    async fn categories(&self, ctx: &Context<'_>) -> Result<Vec<Category>, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        data.tag("categories");
        let tree = data.loaders.categories().await?;
        Ok(tree
            .all()
            .iter()
            .map(|category| Category::new(data, category.clone()))
            .collect())
    }

    async fn category(&self, ctx: &Context<'_>, slug: String) -> Result<Option<Category>, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        data.tag("categories");
        let tree = data.loaders.categories().await?;
        Ok(tree
            .by_slug(&slug)
            .map(|category| Category::new(data, category.clone())))
    }
}

async fn product_by_slug(ctx: &Context<'_>, slug: String) -> Result<Option<Product>, Failure> {
    let data = ctx.data_unchecked::<RequestData>();
    // The slug may move to another product.
    data.tag("products");
    let mut client = ctx.data_unchecked::<Services>().catalog.clone();
    let request = catalog::GetProductRequest {
        key: Some(catalog::get_product_request::Key::Slug(slug)),
        read_mask: mask::of_product(ctx),
    };
    match optional(client.get_product(request).await) {
        Ok(answer) => Ok(answer
            .and_then(|answer| answer.product)
            .map(|product| Product::new(data, product))),
        // A text that cannot be a slug belongs to no product.
        Err(failure) if failure.is_malformed() => Ok(None),
        Err(failure) => Err(failure),
    }
}

#[derive(Default)]
struct BuyerQuery;

#[Object]
impl BuyerQuery {
    async fn cart(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Cart>, Failure> {
        Cart::read(ctx, id.0).await
    }

    /// The signed-in customer's open cart.
    async fn active_cart(&self, ctx: &Context<'_>) -> Result<Option<Cart>, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        if require_user(data).is_err() {
            return Ok(None);
        }
        let mut client = ctx.data_unchecked::<Services>().carts.clone();
        let answer = optional(client.get_active_cart(orders::GetActiveCartRequest {}).await)?;
        Ok(answer
            .and_then(|answer| answer.cart)
            .map(|cart| Cart::new(data, cart)))
    }

    async fn order(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Order>, Failure> {
        Order::by_id(ctx, id.0).await
    }

    async fn order_by_access_token(
        &self,
        ctx: &Context<'_>,
        token: String,
    ) -> Result<Option<Order>, Failure> {
        let key = Some(Key::AccessToken(token));
        Order::read(ctx, orders::GetOrderRequest { key, cart_id: None }).await
    }

    /// The orders of the signed-in customer.
    async fn orders(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: Option<i32>,
        after: Option<String>,
    ) -> Result<OrderConnection, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        require_user(data)?;
        let page_arguments = PageArguments::new(ctx, first, 20, after)?;
        let request = orders::ListOrdersRequest {
            page_size: page_arguments.size,
            page_token: page_arguments.after.clone(),
            ..Default::default()
        };
        list_orders(ctx, &page_arguments, request).await
    }

    async fn me(&self, ctx: &Context<'_>) -> Result<Option<User>, Failure> {
        match require_user(ctx.data_unchecked()) {
            Ok(caller) => User::read(ctx, caller.id.clone()).await,
            Err(_) => Ok(None),
        }
    }
}

/// A page of orders.
pub(super) async fn list_orders(
    ctx: &Context<'_>,
    page_arguments: &PageArguments,
    request: orders::ListOrdersRequest,
) -> Result<OrderConnection, Failure> {
    let data = ctx.data_unchecked::<RequestData>();
    let mut client = ctx.data_unchecked::<Services>().orders.clone();
    let answer = client.list_orders(request).await?.into_inner();
    let found = answer
        .orders
        .into_iter()
        .map(|order| Order::new(data, order))
        .collect();
    Ok(page_arguments
        .page(found, answer.cursors, &answer.next_page_token, answer.total_count)
        .into())
}
