//! How a draft becomes what is stored: the same in every adapter.

use comptoir_mesh::{Error, ids::Ids};
use jiff::Timestamp;

use crate::{
    domain::{Product, ProductDraft, SlugChoice, Status, Variant, VariantDraft, text},
    error::invalid,
};

/// A product of the draft, new.
pub(super) fn first(ids: &Ids, draft: ProductDraft, slug: String, now: Timestamp) -> Product {
    let variants = draft.variants.into_iter();
    Product {
        id: ids.new_id("prod_"),
        slug,
        currency: draft.currency,
        status: draft.status.unwrap_or_default(),
        variants: variants.map(|variant| fresh(ids, variant)).collect(),
        content: draft.content,
        created_at: now,
        updated_at: now,
        version: 1,
    }
}

/// What is stored with the draft laid over it.
pub(super) fn next(ids: &Ids, stored: Product, draft: ProductDraft, slug: String, now: Timestamp) -> Product {
    let variants = draft.variants.into_iter().map(|wanted| {
        let known = stored.variants.iter().find(|variant| is(&wanted, variant));
        match known.map(|known| (known.on_hand, known.reserved)) {
            Some((on_hand, reserved)) => Variant {
                on_hand,
                reserved,
                ..fresh(ids, wanted)
            },
            None => fresh(ids, wanted),
        }
    });
    Product {
        slug,
        content: draft.content,
        currency: draft.currency,
        status: draft.status.unwrap_or(stored.status),
        variants: variants.collect(),
        // A clock that was set back does not make the change older than the one before.
        updated_at: now.max(stored.updated_at),
        version: stored.version + 1,
        created_at: stored.created_at,
        id: stored.id,
    }
}

/// The stored variants that the draft does not name.
pub(super) fn gone<'p>(stored: &'p Product, draft: &ProductDraft) -> Vec<&'p Variant> {
    let variants = stored.variants.iter();
    variants
        .filter(|variant| draft.variants.iter().all(|kept| !is(kept, variant)))
        .collect()
}

fn is(draft: &VariantDraft, variant: &Variant) -> bool {
    draft.id.as_deref() == Some(variant.id.as_str())
}

/// The variant with its first stock; with the id of the stored one it continues.
fn fresh(ids: &Ids, draft: VariantDraft) -> Variant {
    Variant {
        id: draft.id.unwrap_or_else(|| ids.new_id("var_")),
        sku: draft.sku,
        option_values: draft.option_values,
        price: draft.price,
        compare_at_price: draft.compare_at_price,
        weight_grams: draft.weight_grams,
        image: draft.image,
        on_hand: draft.quantity.unwrap_or_default(),
        reserved: 0,
    }
}

/// Whether the variants with ids are the product's, and named with the stock they have.
pub(super) fn check_variants(stored: &Product, draft: &ProductDraft) -> Result<(), Error> {
    for (place, wanted) in draft.variants.iter().enumerate() {
        let Some(id) = &wanted.id else { continue };
        let Some(known) = stored.variant(id) else {
            return Err(invalid(
                format!("variants.{place}.id"),
                "The product has no such variant.",
            ));
        };
        if wanted.quantity.is_some_and(|quantity| quantity != known.on_hand) {
            return Err(invalid(
                format!("variants.{place}.quantity"),
                format!(
                    "{} units are on hand; that is changed by adjusting the stock.",
                    known.on_hand
                ),
            ));
        }
    }
    Ok(())
}

/// The chosen slug, or, of a derived one, the first that is free: shirt, shirt-2, shirt-3 …
pub(super) fn choose_slug(choice: &SlugChoice, taken: &[String]) -> Result<String, Error> {
    match choice {
        SlugChoice::Exact(slug) if taken.contains(slug) => Err(invalid("slug", "The slug is taken.")),
        SlugChoice::Exact(slug) => Ok(slug.clone()),
        SlugChoice::Derived(slug) if !taken.contains(slug) => Ok(slug.clone()),
        SlugChoice::Derived(slug) => {
            let numbered = (2..)
                .map(|number: u64| format!("{slug}-{number}"))
                .find(|next| !taken.contains(next));
            Ok(numbered.unwrap_or_else(|| slug.clone()))
        }
    }
}

/// What a list's text is looked for in: folded title, slug and SKUs, a line each.
pub(super) fn words(product: &Product) -> String {
    let mut words = format!("{}\n{}", product.content.title_key(), product.slug);
    let skus = product
        .variants
        .iter()
        .filter_map(|variant| variant.sku.as_deref());
    for sku in skus {
        words.push('\n');
        words.push_str(&text::fold(sku));
    }
    words
}

/// The status as stores name it.
pub(super) fn status_name(status: Status) -> &'static str {
    match status {
        Status::Active => "active",
        Status::Draft => "draft",
        Status::Archived => "archived",
    }
}

/// The status of that name.
pub(super) fn parse_status(name: &str) -> Result<Status, Error> {
    [Status::Active, Status::Draft, Status::Archived]
        .into_iter()
        .find(|status| status_name(*status) == name)
        .ok_or_else(|| Error::internal(anyhow::anyhow!("{name} is no status")))
}
