//! Variants of products.

use std::borrow::Cow;
use std::sync::Arc;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{ContextSelectionSet, ID, OutputType, Positioned, ServerResult, Value};
use comptoir_proto::catalog::v1 as pb;
use comptoir_proto::types;

use super::connection::connection;
use super::money::Amount;
use super::product::Product;
use crate::backend::{Failure, RequestData, present};
use crate::executor::sync_object::{self, SyncObject, Unresolved, sync_object};

#[derive(Clone)]
pub(super) struct ProductVariant {
    variant: Arc<pb::Variant>,
    /// Set if it is known without a read.
    product: Option<Product>,
}

impl ProductVariant {
    /// A variant that was read without its product.
    pub(super) fn new(data: &RequestData, variant: impl Into<Arc<pb::Variant>>) -> Self {
        let variant = variant.into();
        data.tag(format!("product:{}", variant.product_id));
        Self {
            variant,
            product: None,
        }
    }

    /// Replaces a variant that the catalogue no longer shows to this caller, so that a cart with it can still be shown, and
    /// its line removed.
    pub(super) fn unavailable(id: &str, price: Option<types::Money>) -> Self {
        let ulid = id.strip_prefix("var_").unwrap_or(id);
        let variant = pb::Variant {
            id: id.to_owned(),
            product_id: format!("prod_{ulid}"),
            price,
            product_status: pb::ProductStatus::Archived.into(),
            ..pb::Variant::default()
        };
        Self {
            product: Some(Self::unlisted_product(&variant)),
            variant: Arc::new(variant),
        }
    }

    /// A product that the caller may not read, built from what its variant says of it.
    fn unlisted_product(variant: &pb::Variant) -> Product {
        Product::unlisted(pb::Product {
            id: variant.product_id.clone(),
            slug: variant.product_slug.clone(),
            title: variant.product_title.clone(),
            images: variant.product_image.clone().into_iter().collect(),
            status: variant.product_status,
            variants: vec![variant.clone()],
            price_range: Some(pb::PriceRange {
                min: variant.price.clone(),
                max: variant.price.clone(),
            }),
            available_for_sale: variant.available_for_sale,
            featured_image: variant.product_image.clone(),
            ..pb::Product::default()
        })
    }

    /// Reads its product.
    async fn load(&self, data: &RequestData) -> Result<Product, Failure> {
        match data.loaders.products.one(&self.variant.product_id).await? {
            Some(product) => Ok(Product::new(data, product)),
            None => Ok(Self::unlisted_product(&self.variant)),
        }
    }
}

/// A borrowed view of a variant.
#[derive(Clone, Copy)]
pub(super) struct VariantView<'a> {
    variant: &'a pb::Variant,
    /// Its product, if requested.
    product: Result<Option<&'a pb::Product>, &'a Failure>,
}

impl<'a> VariantView<'a> {
    /// The variants of a product.
    pub(super) fn all(product: &'a pb::Product) -> Vec<Self> {
        let of = |variant| Self {
            variant,
            product: Ok(Some(product)),
        };
        product.variants.iter().map(of).collect()
    }

    fn product(self) -> Result<&'a pb::Product, Unresolved> {
        Ok(present(self.product.map_err(Failure::clone)?)?)
    }
}

sync_object!(ProductVariant: VariantView<'_>, |this, walk| {
    id: ID = ID(this.variant.id.clone()),
    sku: Option<&str> = this.variant.sku.as_deref(),
    title: &str = &this.variant.title,
    product: Result<&pb::Product, Unresolved> = this.product(),
    selectedOptions: &[pb::SelectedOption] = &this.variant.selected_options,
    price: Amount<'_> = Amount::of(this.variant.price.as_ref()),
    compareAtPrice: Option<Amount<'_>> = this.variant.compare_at_price.as_ref().map(Amount::from),
    availableForSale: bool = this.variant.available_for_sale,
    /// Units that can be bought now: on hand minus reserved.
    quantityAvailable: i32 = this.variant.quantity_available,
    /// Only for STAFF and ADMIN, otherwise null.
    quantityOnHand: Option<i32> = this.variant.quantity_on_hand.filter(|_| walk.data.is_staff()),
    /// Only for STAFF and ADMIN, otherwise null.
    quantityReserved: Option<i32> = this.variant.quantity_reserved.filter(|_| walk.data.is_staff()),
    image: Option<&pb::Image> = this.variant.image.as_ref(),
    weightGrams: Option<i32> = this.variant.weight_grams,
});

sync_object!(SelectedOption: &pb::SelectedOption, |option| {
    name: &str = &option.name,
    value: &str = &option.value,
});

impl OutputType for ProductVariant {
    fn type_name() -> Cow<'static, str> {
        <VariantView<'_> as SyncObject>::NAME.into()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        sync_object::register::<VariantView<'_>>(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, _: &Positioned<Field>) -> ServerResult<Value> {
        let read = if self.product.is_none() && sync_object::selects::<VariantView<'_>>(ctx, "product") {
            Some(self.load(ctx.data_unchecked()).await)
        } else {
            None
        };
        let product = match &read {
            Some(read) => read.as_ref().map(Some),
            None => Ok(self.product.as_ref()),
        };
        let variant = VariantView {
            variant: &self.variant,
            product: product.map(|product| product.map(Product::as_proto)),
        };
        sync_object::resolve(variant, ctx).await
    }
}

connection!(VariantConnection, VariantEdge, ProductVariant);
