//! Products as staff write them.

use std::collections::HashSet;

use comptoir_mesh::{Error, error::ErrorReason, lengths, text as mesh_text};
use comptoir_proto::catalog::v1::{ImageInput, ProductInput, ProductStatus, VariantInput};
use comptoir_shop::{
    Shop,
    money::{fraction_digits, parse_decimal},
};

use super::{Checks, category::slug_choice};
use crate::domain::{Content, Image, ProductDraft, Status, VariantDraft, text::is_option_name};

/// The longest line of text, in characters.
pub(crate) const LINE_LIMIT: usize = lengths::LINE;
/// The longest description, in characters of HTML.
pub(crate) const DESCRIPTION_LIMIT: usize = lengths::DESCRIPTION;
/// The most variants of a product.
pub(crate) const VARIANT_LIMIT: usize = lengths::VARIANTS;
/// The most pictures or tags of a product.
pub(crate) const LIST_LIMIT: usize = lengths::PICTURES_OR_TAGS;
/// The most options of a product.
pub(crate) const OPTION_LIMIT: usize = lengths::OPTIONS;
/// The highest price in minor units: a full cart of it still has a total that 64 bits hold.
pub(crate) const PRICE_LIMIT: i64 = lengths::PRICE;

/// Checks a product as staff wrote it; paths are below the field `product`.
pub(crate) fn product_draft(input: ProductInput, shop: &Shop) -> Result<ProductDraft, Error> {
    let mut checks = Checks::default();
    let title = checks.required("product.title", &input.title, LINE_LIMIT);
    let slug = slug_choice(
        &mut checks,
        "product.slug",
        input.slug.as_deref(),
        &title,
        "product",
    );
    let status = status(&mut checks, input.status);
    let options = options(&mut checks, &input.options);
    let variants = variants(&mut checks, input.variants, options.len(), shop);
    let mut line = |field: &str, text: &Option<String>| checks.optional(field, text.as_deref(), LINE_LIMIT);
    let (vendor, product_type) = (
        line("product.vendor", &input.vendor),
        line("product.product_type", &input.product_type),
    );
    let seo_title = line("product.seo_title", &input.seo_title);
    let seo_description = checks.optional(
        "product.seo_description",
        input.seo_description.as_deref(),
        lengths::SUMMARY,
    );
    let content = Content {
        title,
        description: description(&mut checks, input.description.as_deref()),
        vendor,
        product_type,
        tags: tags(&mut checks, &input.tags),
        category_id: input.category_id.filter(|id| !id.is_empty()),
        options,
        images: images(&mut checks, input.images),
        seo_title,
        seo_description,
        handle: None,
    };
    checks.done(ProductDraft {
        slug,
        content,
        currency: shop.currency.clone(),
        status,
        variants,
    })
}

/// HTML without what could run or reach out of its place.
pub(crate) fn sanitised(html: &str) -> String {
    ammonia::clean(html)
}

fn description(checks: &mut Checks, html: Option<&str>) -> String {
    let html = html.unwrap_or_default();
    sanitised(&checks.take(mesh_text::lines("product.description", html, DESCRIPTION_LIMIT)))
}

fn status(checks: &mut Checks, status: i32) -> Option<Status> {
    match ProductStatus::try_from(status) {
        Ok(ProductStatus::Unspecified) => None,
        Ok(ProductStatus::Active) => Some(Status::Active),
        Ok(ProductStatus::Draft) => Some(Status::Draft),
        Ok(ProductStatus::Archived) => Some(Status::Archived),
        Err(_) => {
            checks.invalid("product.status", "There is no such status.");
            None
        }
    }
}

fn tags(checks: &mut Checks, tags: &[String]) -> Vec<String> {
    if tags.len() > LIST_LIMIT {
        checks.invalid(
            "product.tags",
            format!("A product has at most {LIST_LIMIT} tags."),
        );
        return Vec::new();
    }
    let mut distinct: Vec<String> = Vec::with_capacity(tags.len());
    for (place, tag) in tags.iter().enumerate() {
        let tag = checks.required(&format!("product.tags.{place}"), tag, LINE_LIMIT);
        if !distinct.contains(&tag) {
            distinct.push(tag);
        }
    }
    distinct
}

fn options(checks: &mut Checks, options: &[String]) -> Vec<String> {
    if options.len() > OPTION_LIMIT {
        checks.invalid(
            "product.options",
            format!("A product has at most {OPTION_LIMIT} options."),
        );
        return Vec::new();
    }
    let mut names: Vec<String> = Vec::with_capacity(options.len());
    for (place, name) in options.iter().enumerate() {
        let field = format!("product.options.{place}");
        let name = checks.required(&field, name, LINE_LIMIT);
        if !name.is_empty() && !is_option_name(&name) {
            checks.refuse(
                &field,
                ErrorReason::InvalidKey,
                "An option's name has no dot and does not begin with $.",
            );
        }
        if names.contains(&name) {
            checks.invalid(&field, "Two options have this name.");
        }
        names.push(name);
    }
    names
}

fn images(checks: &mut Checks, images: Vec<ImageInput>) -> Vec<Image> {
    if images.len() > LIST_LIMIT {
        checks.invalid(
            "product.images",
            format!("A product has at most {LIST_LIMIT} pictures."),
        );
        return Vec::new();
    }
    let checked = images.into_iter().enumerate().map(|(place, image)| Image {
        url: checks.picture_url(&format!("product.images.{place}.url"), &image.url),
        alt_text: checks.optional(
            &format!("product.images.{place}.alt_text"),
            image.alt_text.as_deref(),
            lengths::SUMMARY,
        ),
        ..Image::default()
    });
    checked.collect()
}

fn variants(
    checks: &mut Checks,
    inputs: Vec<VariantInput>,
    options: usize,
    shop: &Shop,
) -> Vec<VariantDraft> {
    if inputs.is_empty() || inputs.len() > VARIANT_LIMIT {
        checks.invalid(
            "product.variants",
            format!("A product has 1 to {VARIANT_LIMIT} variants."),
        );
        return Vec::new();
    }
    let (mut combinations, mut ids) = (HashSet::new(), HashSet::new());
    let mut variants = Vec::with_capacity(inputs.len());
    for (place, input) in inputs.into_iter().enumerate() {
        let field = |name: &str| format!("product.variants.{place}.{name}");
        let variant = variant(checks, input, &field, options, shop);
        if !combinations.insert(variant.option_values.clone()) {
            checks.invalid(
                field("option_values"),
                "Another variant has the same option values.",
            );
        }
        if variant.id.as_ref().is_some_and(|id| !ids.insert(id.clone())) {
            checks.invalid(field("id"), "Another entry names the same variant.");
        }
        variants.push(variant);
    }
    variants
}

fn variant(
    checks: &mut Checks,
    input: VariantInput,
    field: &dyn Fn(&str) -> String,
    options: usize,
    shop: &Shop,
) -> VariantDraft {
    if input.option_values.len() != options {
        checks.invalid(
            field("option_values"),
            format!("There is one value for each of the {options} options."),
        );
    }
    let values = input.option_values.iter().enumerate();
    let option_values = values
        .map(|(axis, value)| {
            checks.required(&format!("{}.{axis}", field("option_values")), value, LINE_LIMIT)
        })
        .collect();
    currency(
        checks,
        &field("currency_code"),
        input.currency_code.as_deref(),
        shop,
    );
    let price = amount(checks, &field("price"), &input.price, shop);
    let compare_at_price = input
        .compare_at_price
        .map(|text| amount(checks, &field("compare_at_price"), &text, shop));
    if input.quantity.is_some_and(|quantity| quantity < 0) {
        checks.refuse(
            field("quantity"),
            ErrorReason::InvalidQuantity,
            "The first stock is 0 or more.",
        );
    }
    if input.weight_grams.is_some_and(|grams| grams < 0) {
        checks.invalid(field("weight_grams"), "A weight is 0 or more.");
    }
    let image = input.image_url.filter(|url| !url.is_empty()).map(|url| Image {
        url: checks.picture_url(&field("image_url"), &url),
        ..Image::default()
    });
    VariantDraft {
        id: input.id.filter(|id| !id.is_empty()),
        sku: checks.optional(&field("sku"), input.sku.as_deref(), LINE_LIMIT),
        option_values,
        price,
        compare_at_price,
        quantity: input.quantity,
        weight_grams: input.weight_grams,
        image,
    }
}

fn currency(checks: &mut Checks, field: &str, code: Option<&str>, shop: &Shop) {
    match code {
        None => {}
        Some(code) if code == shop.currency => {}
        Some(code) if fraction_digits(code).is_none() => {
            checks.refuse(
                field,
                ErrorReason::InvalidCurrency,
                "This is not an ISO 4217 currency.",
            );
        }
        Some(_) => {
            let message = format!("The shop's prices are in {}.", shop.currency);
            checks.refuse(field, ErrorReason::CurrencyMismatch, message);
        }
    }
}

fn amount(checks: &mut Checks, field: &str, text: &str, shop: &Shop) -> i64 {
    match parse_decimal(text, shop.currency_digits) {
        Ok(amount) if (0..=PRICE_LIMIT).contains(&amount) => amount,
        Ok(amount) => {
            let message = if amount < 0 {
                "A price is 0 or more."
            } else {
                "The price is too high."
            };
            checks.invalid(field, message);
            0
        }
        Err(error) => {
            checks.invalid(field, error.to_string());
            0
        }
    }
}

#[cfg(test)]
mod tests;
