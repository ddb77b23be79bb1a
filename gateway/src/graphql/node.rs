//! Anything by its global id.

use async_graphql::{Context, ID, Interface};
use comptoir_mesh::ids::is_id;

use super::cart::Cart;
use super::category::Category;
use super::data::RequestData;
use super::delivery::Delivery;
use super::discount::Discount;
use super::errors::Failure;
use super::order::Order;
use super::product::Product;
use super::user::User;
use super::variant::ProductVariant;

/// The prefix of an id says what it is of.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID"))]
pub(super) enum Node {
    Product(Product),
    ProductVariant(ProductVariant),
    Category(Category),
    Cart(Cart),
    Order(Order),
    User(User),
    Discount(Discount),
    Delivery(Delivery),
}

impl Node {
    /// The thing with this id. What is absent, what the caller may not see and what is no id at all get one answer.
    pub(super) async fn read(ctx: &Context<'_>, id: String) -> Result<Option<Self>, Failure> {
        Ok(match id.split_once('_').map_or("", |(prefix, _)| prefix) {
            "prod" => product(ctx, &id).await?.map(Self::Product),
            "var" => variant(ctx, &id).await?.map(Self::ProductVariant),
            "cat" => category(ctx, &id).await?.map(Self::Category),
            "cart" => Cart::read(ctx, id).await?.map(Self::Cart),
            "order" => Order::by_id(ctx, id).await?.map(Self::Order),
            "user" => User::read(ctx, id).await?.map(Self::User),
            "disc" => Discount::read(ctx, &id).await?.map(Self::Discount),
            "dlv" => Delivery::read(ctx, id).await?.map(Self::Delivery),
            _ => None,
        })
    }
}

/// The product with this id, if the caller may see it.
pub(super) async fn product(ctx: &Context<'_>, id: &str) -> Result<Option<Product>, Failure> {
    let data = ctx.data_unchecked::<RequestData>();
    // One id of another form would have the whole batch refused.
    if !is_id(id, "prod_") {
        return Ok(None);
    }
    // Tagged when it is absent too: the answer changes when it appears.
    data.tag(format!("product:{id}"));
    Ok(data
        .loaders
        .products
        .one(id)
        .await?
        .map(|product| Product::new(data, product)))
}

async fn variant(ctx: &Context<'_>, id: &str) -> Result<Option<ProductVariant>, Failure> {
    let data = ctx.data_unchecked::<RequestData>();
    if !is_id(id, "var_") {
        return Ok(None);
    }
    data.tag("products");
    Ok(data
        .loaders
        .variants
        .one(id)
        .await?
        .map(|variant| ProductVariant::new(data, variant)))
}

async fn category(ctx: &Context<'_>, id: &str) -> Result<Option<Category>, Failure> {
    let data = ctx.data_unchecked::<RequestData>();
    data.tag("categories");
    let tree = data.loaders.categories().await?;
    Ok(tree
        .by_id(id)
        .map(|category| Category::new(data, category.clone())))
}
