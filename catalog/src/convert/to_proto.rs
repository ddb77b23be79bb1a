//! Answers.

pub(crate) use comptoir_mesh::clock::to_proto as timestamp;
use comptoir_proto::catalog::v1 as proto;
use comptoir_shop::money::money;

use super::{Field, Fields};
use crate::domain::{Category, Image, Movement, Product, ProductOption, ProductSort, Status, Variant};

/// The product as the caller may see it, with the fields it asks for: how many units are on hand and held is for staff.
pub(crate) fn product(product: &Product, staff: bool, fields: Fields) -> proto::Product {
    let content = &product.content;
    let text = |field, text: &String| {
        if fields.has(field) {
            text.clone()
        } else {
            String::new()
        }
    };
    let optional = |field, text: &Option<String>| text.as_ref().filter(|_| fields.has(field)).cloned();
    let at = |field, at| fields.has(field).then(|| timestamp(at));
    proto::Product {
        id: product.id.clone(),
        slug: text(Field::Slug, &product.slug),
        title: text(Field::Title, &content.title),
        description: text(Field::Description, &content.description),
        vendor: optional(Field::Vendor, &content.vendor),
        product_type: optional(Field::ProductType, &content.product_type),
        tags: list(fields.has(Field::Tags), &content.tags, String::clone),
        category_id: optional(Field::CategoryId, &content.category_id),
        options: if fields.has(Field::Options) {
            options(product)
        } else {
            Vec::new()
        },
        variants: list(fields.has(Field::Variants), &product.variants, |one| {
            product_variant(product, one, staff)
        }),
        images: list(fields.has(Field::Images), &content.images, image),
        status: if fields.has(Field::Status) {
            status(product.status).into()
        } else {
            proto::ProductStatus::Unspecified.into()
        },
        seo_title: optional(Field::SeoTitle, &content.seo_title),
        seo_description: optional(Field::SeoDescription, &content.seo_description),
        created_at: at(Field::CreatedAt, product.created_at),
        updated_at: at(Field::UpdatedAt, product.updated_at),
        version: if fields.has(Field::Version) {
            product.version
        } else {
            0
        },
        price_range: fields.has(Field::PriceRange).then(|| proto::PriceRange {
            min: Some(money(product.lowest_price(), &product.currency)),
            max: Some(money(product.highest_price(), &product.currency)),
        }),
        available_for_sale: fields.has(Field::AvailableForSale) && product.is_available(),
        featured_image: content
            .images
            .first()
            .filter(|_| fields.has(Field::FeaturedImage))
            .map(image),
    }
}

/// The variant as the caller may see it, with what it says of its product.
pub(crate) fn variant(product: &Product, variant: &Variant, staff: bool) -> proto::Variant {
    proto::Variant {
        product_title: product.content.title.clone(),
        product_slug: product.slug.clone(),
        product_image: product.content.images.first().map(image),
        ..product_variant(product, variant, staff)
    }
}

fn product_variant(product: &Product, variant: &Variant, staff: bool) -> proto::Variant {
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
        available_for_sale: product.is_active() && variant.available() > 0,
        product_status: status(product.status).into(),
        ..proto::Variant::default()
    }
}

fn options(product: &Product) -> Vec<proto::ProductOption> {
    let option = |option: ProductOption| proto::ProductOption {
        name: option.name,
        values: option.values,
    };
    product.options().into_iter().map(option).collect()
}

fn list<T, U>(wanted: bool, items: &[T], convert: impl FnMut(&T) -> U) -> Vec<U> {
    if wanted {
        items.iter().map(convert).collect()
    } else {
        Vec::new()
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

/// The requested sort of a list; None for an unknown number.
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

/// The requested status: Some(None) is any status, None an unknown number.
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
