//! Variants: what can be bought.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use comptoir_proto::catalog::v1 as pb;
use comptoir_proto::types;

use super::connection::connection;
use super::data::RequestData;
use super::errors::Failure;
use super::money::{Money, money};
use super::product::{Image, Product, SelectedOption};

#[derive(Clone)]
pub(super) struct ProductVariant {
    variant: Arc<pb::Variant>,
    /// Where it was read with its product.
    product: Option<Product>,
}

impl ProductVariant {
    /// A variant that was read alone.
    pub(super) fn new(data: &RequestData, variant: impl Into<Arc<pb::Variant>>) -> Self {
        let variant = variant.into();
        data.tag(format!("product:{}", variant.product_id));
        Self {
            variant,
            product: None,
        }
    }

    /// A variant of a product that is in the answer.
    pub(super) fn of_product(variant: pb::Variant, product: Product) -> Self {
        Self {
            variant: Arc::new(variant),
            product: Some(product),
        }
    }

    /// What stands for a variant that the catalogue no longer shows to this caller, so that a cart that holds it can
    /// still be shown, and the line be taken out.
    pub(super) fn gone(id: &str, price: Option<types::Money>) -> Self {
        let ulid = id.strip_prefix("var_").unwrap_or(id);
        let variant = pb::Variant {
            id: id.to_owned(),
            product_id: format!("prod_{ulid}"),
            price,
            product_status: pb::ProductStatus::Archived.into(),
            ..pb::Variant::default()
        };
        let product = Self::unlisted_product(&variant);
        Self::of_product(variant, product)
    }

    /// A product that this caller does not see: what its variant says of it is all there is.
    fn unlisted_product(variant: &pb::Variant) -> Product {
        Product::unlisted(pb::Product {
            id: variant.product_id.clone(),
            slug: variant.product_slug.clone(),
            title: variant.product_title.clone(),
            images: variant.product_image.clone().into_iter().collect(),
            status: variant.product_status,
            variants: vec![variant.clone()],
            ..pb::Product::default()
        })
    }

    fn for_staff(ctx: &Context<'_>, quantity: Option<i32>) -> Option<i32> {
        quantity.filter(|_| ctx.data_unchecked::<RequestData>().is_staff())
    }
}

#[Object]
impl ProductVariant {
    pub(super) async fn id(&self) -> ID {
        ID(self.variant.id.clone())
    }

    async fn sku(&self) -> Option<&str> {
        self.variant.sku.as_deref()
    }

    async fn title(&self) -> &str {
        &self.variant.title
    }

    async fn product(&self, ctx: &Context<'_>) -> Result<Product, Failure> {
        if let Some(product) = &self.product {
            return Ok(product.clone());
        }
        let data = ctx.data_unchecked::<RequestData>();
        match data.loaders.products.one(&self.variant.product_id).await? {
            Some(product) => Ok(Product::new(data, product)),
            None => Ok(Self::unlisted_product(&self.variant)),
        }
    }

    async fn selected_options(&self) -> Vec<SelectedOption> {
        let option = |option: &pb::SelectedOption| SelectedOption {
            name: option.name.clone(),
            value: option.value.clone(),
        };
        self.variant.selected_options.iter().map(option).collect()
    }

    async fn price(&self) -> Money {
        money(self.variant.price.clone())
    }

    async fn compare_at_price(&self) -> Option<Money> {
        self.variant.compare_at_price.clone().map(Money::from)
    }

    async fn available_for_sale(&self) -> bool {
        self.variant.available_for_sale
    }

    /// Units that can be bought now: on hand less reserved.
    async fn quantity_available(&self) -> i32 {
        self.variant.quantity_available
    }

    /// For STAFF and ADMIN, else null.
    async fn quantity_on_hand(&self, ctx: &Context<'_>) -> Option<i32> {
        Self::for_staff(ctx, self.variant.quantity_on_hand)
    }

    /// For STAFF and ADMIN, else null.
    async fn quantity_reserved(&self, ctx: &Context<'_>) -> Option<i32> {
        Self::for_staff(ctx, self.variant.quantity_reserved)
    }

    async fn image(&self) -> Option<Image> {
        self.variant.image.clone().map(Image::from)
    }

    async fn weight_grams(&self) -> Option<i32> {
        self.variant.weight_grams
    }
}

connection!(VariantConnection, VariantEdge, ProductVariant);
