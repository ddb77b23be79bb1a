//! Objects by their global id.

use std::borrow::Cow;

use async_graphql::parser::types::Field;
use async_graphql::registry::{MetaTypeId, Registry};
use async_graphql::{Context, ContextSelectionSet, ID, OutputType, Positioned, ServerResult, Value};
use comptoir_mesh::ids::is_id;

use super::cart::Cart;
use super::category::Category;
use super::delivery::Delivery;
use super::discount::Discount;
use super::order::Order;
use super::product::Product;
use super::user::User;
use super::variant::ProductVariant;
use crate::backend::{Failure, RequestData};
use crate::executor::sync_object::{field, interface};

/// The prefix of an id says what type of object it identifies.
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

/// Matches a node of any type.
macro_rules! each {
    ($node:expr, $found:ident => $do:expr) => {
        match $node {
            Node::Product($found) => $do,
            Node::ProductVariant($found) => $do,
            Node::Category($found) => $do,
            Node::Cart($found) => $do,
            Node::Order($found) => $do,
            Node::User($found) => $do,
            Node::Discount($found) => $do,
            Node::Delivery($found) => $do,
        }
    };
}
impl Node {
    /// Returns the object with this id. An unknown id, a malformed one and one of an object that the caller may not see get
    /// the same answer.
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

impl OutputType for Node {
    fn type_name() -> Cow<'static, str> {
        "Node".into()
    }

    fn introspection_type_name(&self) -> Cow<'static, str> {
        each!(self, found => found.introspection_type_name())
    }

    fn create_type_info(registry: &mut Registry) -> String {
        registry.create_output_type::<Self, _>(MetaTypeId::Interface, |registry| {
            let possible_types = [
                implementing::<Product>(registry),
                implementing::<ProductVariant>(registry),
                implementing::<Category>(registry),
                implementing::<Cart>(registry),
                implementing::<Order>(registry),
                implementing::<User>(registry),
                implementing::<Discount>(registry),
                implementing::<Delivery>(registry),
            ];
            let id = field("id", &[], <ID as OutputType>::create_type_info(registry));
            interface(
                &Self::type_name(),
                &["The prefix of an id says what it is of."],
                vec![id],
                possible_types.into(),
            )
        })
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        each!(self, found => found.resolve(ctx, field).await)
    }
}

fn implementing<T: OutputType>(registry: &mut Registry) -> String {
    T::create_type_info(registry);
    registry.add_implements(&T::type_name(), &Node::type_name());
    T::type_name().into_owned()
}

/// The product with this id, if the caller may see it.
pub(super) async fn product(ctx: &Context<'_>, id: &str) -> Result<Option<Product>, Failure> {
    let data = ctx.data_unchecked::<RequestData>();
    // A malformed id would make the service refuse the whole batch.
    if !is_id(id, "prod_") {
        return Ok(None);
    }
    // An absent product is tagged too: the answer changes when it is created.
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
