//! Answers.

use comptoir_mesh::money::money;
use comptoir_proto::catalog::v1 as proto;
use jiff::Timestamp;

use crate::domain::{Category, Image, Movement, Product, ProductSort, Status, Variant};

/// The product as the caller may see it: how many units are on hand and held is for staff.
pub(crate) fn product(product: &Product, staff: bool) -> proto::Product {
    let options = product.options().into_iter();
    let content = &product.content;
    proto::Product {
        id: product.id.clone(),
        slug: product.slug.clone(),
        title: content.title.clone(),
        description: content.description.clone(),
        vendor: content.vendor.clone(),
        product_type: content.product_type.clone(),
        tags: content.tags.clone(),
        category_id: content.category_id.clone(),
        options: options
            .map(|option| proto::ProductOption {
                name: option.name,
                values: option.values,
            })
            .collect(),
        variants: product
            .variants
            .iter()
            .map(|one| variant(product, one, staff))
            .collect(),
        images: content.images.iter().map(image).collect(),
        status: status(product.status).into(),
        seo_title: content.seo_title.clone(),
        seo_description: content.seo_description.clone(),
        created_at: Some(timestamp(product.created_at)),
        updated_at: Some(timestamp(product.updated_at)),
        version: product.version,
    }
}

/// The variant as the caller may see it.
pub(crate) fn variant(product: &Product, variant: &Variant, staff: bool) -> proto::Variant {
    let selected = product.content.options.iter().zip(&variant.option_values);
    proto::Variant {
        id: variant.id.clone(),
        product_id: product.id.clone(),
        sku: variant.sku.clone(),
        title: variant.title(),
        selected_options: selected
            .map(|(name, value)| proto::SelectedOption {
                name: name.clone(),
                value: value.clone(),
            })
            .collect(),
        price: Some(money(variant.price, &product.currency)),
        compare_at_price: variant
            .compare_at_price
            .map(|amount| money(amount, &product.currency)),
        quantity_available: variant.available(),
        quantity_on_hand: staff.then_some(variant.on_hand),
        quantity_reserved: staff.then_some(variant.reserved),
        image: variant.image.as_ref().map(image),
        weight_grams: variant.weight_grams,
        product_title: product.content.title.clone(),
        product_slug: product.slug.clone(),
        product_image: product.content.images.first().map(image),
        available_for_sale: product.is_active() && variant.available() > 0,
        product_status: status(product.status).into(),
    }
}

/// A node of the tree.
pub(crate) fn category(category: &Category) -> proto::Category {
    proto::Category {
        id: category.id.clone(),
        slug: category.slug.clone(),
        name: category.name.clone(),
        parent_id: category.parent_id.clone(),
    }
}

/// An entry of the ledger.
pub(crate) fn movement(movement: Movement) -> proto::StockMovement {
    proto::StockMovement {
        id: movement.id,
        delta: movement.delta,
        reason: movement.reason,
        actor: movement.actor,
        order_id: movement.order_id,
        created_at: Some(timestamp(movement.created_at)),
    }
}

/// A time.
pub(crate) fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.as_second(),
        nanos: at.subsec_nanosecond(),
    }
}

/// The sort asked for, where nothing is searched for; None for a number that is none.
pub(crate) fn product_sort(sort: i32) -> Option<ProductSort> {
    Some(match proto::ProductSort::try_from(sort).ok()? {
        proto::ProductSort::Unspecified | proto::ProductSort::Relevance | proto::ProductSort::Newest => {
            ProductSort::Newest
        }
        proto::ProductSort::PriceAsc => ProductSort::PriceAsc,
        proto::ProductSort::PriceDesc => ProductSort::PriceDesc,
        proto::ProductSort::TitleAsc => ProductSort::TitleAsc,
    })
}

/// The status asked for: Some(None) is any, None a number that is none.
pub(crate) fn product_status(status: i32) -> Option<Option<Status>> {
    Some(match proto::ProductStatus::try_from(status).ok()? {
        proto::ProductStatus::Unspecified => None,
        proto::ProductStatus::Active => Some(Status::Active),
        proto::ProductStatus::Draft => Some(Status::Draft),
        proto::ProductStatus::Archived => Some(Status::Archived),
    })
}

fn status(status: Status) -> proto::ProductStatus {
    match status {
        Status::Active => proto::ProductStatus::Active,
        Status::Draft => proto::ProductStatus::Draft,
        Status::Archived => proto::ProductStatus::Archived,
    }
}

fn image(image: &Image) -> proto::Image {
    proto::Image {
        url: image.url.clone(),
        alt_text: image.alt_text.clone(),
        width: image.width,
        height: image.height,
    }
}
