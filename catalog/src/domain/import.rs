//! A product of an import file, and how it changes the stored product.

use super::text::slug_of;
use super::{Content, Image, Product, ProductDraft, SlugChoice, Status, VariantDraft};

/// One product of a file. A field that is absent is not in the file, so the stored value stays; an empty text clears it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportedProduct {
    /// The handle as the file has it, letter case aside.
    pub handle: String,
    /// The handle as a slug.
    pub slug: String,
    /// Needed for a new product.
    pub title: Option<String>,
    /// Sanitised HTML.
    pub description: Option<String>,
    /// The vendor.
    pub vendor: Option<String>,
    /// The product type.
    pub product_type: Option<String>,
    /// All tags.
    pub tags: Option<Vec<String>>,
    /// The id of an existing category.
    pub category_id: Option<String>,
    /// ACTIVE for a new product when None.
    pub status: Option<Status>,
    /// The names of the axes; as many as the stored product has.
    pub options: Option<Vec<String>>,
    /// The variants in the file, matched by their option values. Other variants stay.
    pub variants: Vec<ImportedVariant>,
    /// The pictures in the file, matched by their URL. Other pictures stay.
    pub images: Vec<Image>,
    /// The title for search engines.
    pub seo_title: Option<String>,
    /// The description for search engines.
    pub seo_description: Option<String>,
    /// The currency of the prices.
    pub currency: String,
}

/// One variant of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportedVariant {
    /// One for each option.
    pub option_values: Vec<String>,
    /// The SKU.
    pub sku: Option<String>,
    /// In minor units; needed for a new variant.
    pub price: Option<i64>,
    /// In minor units; None inside clears it.
    pub compare_at_price: Option<Option<i64>>,
    /// The first stock of a new variant; a stored one keeps its stock.
    pub quantity: Option<i32>,
    /// The weight of one unit; None inside clears it.
    pub weight_grams: Option<Option<i32>>,
    /// Its own picture; None inside clears it.
    pub image: Option<Option<Image>>,
}

/// What an import did with a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportOutcome {
    /// It was created.
    Created,
    /// It was changed.
    Updated,
    /// It did not differ: nothing was written, not even an event.
    Unchanged,
}

/// The result of importing one product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The product's id.
    pub product_id: String,
    /// What the import did.
    pub outcome: ImportOutcome,
}

impl ImportedProduct {
    /// The stored content with the fields of the file applied. The error is a sentence for the report.
    pub fn over(&self, stored: Option<&Product>) -> Result<ProductDraft, String> {
        let mut content = stored.map(|product| product.content.clone()).unwrap_or_default();
        self.handle_over(&mut content, stored.is_none())?;
        self.text_over(&mut content, stored.is_none())?;
        let mut variants: Vec<VariantDraft> = stored
            .map(|product| product.variants.iter().map(VariantDraft::from).collect())
            .unwrap_or_default();
        for named in &self.variants {
            if named.option_values.len() != content.options.len() {
                return Err(format!(
                    "a variant needs a value for each of the {} options of the product",
                    content.options.len()
                ));
            }
            match variants
                .iter_mut()
                .find(|variant| variant.option_values == named.option_values)
            {
                Some(variant) => named.over(variant),
                None => variants.push(named.fresh()?),
            }
        }
        if variants.is_empty() {
            return Err("a product needs at least one variant with a price".to_owned());
        }
        for image in &self.images {
            match content.images.iter_mut().find(|known| known.url == image.url) {
                Some(known) => known.alt_text = image.alt_text.clone().or(known.alt_text.take()),
                None => content.images.push(image.clone()),
            }
        }
        Ok(ProductDraft {
            slug: SlugChoice::Exact(self.slug.clone()),
            content,
            currency: self.currency.clone(),
            status: self.status,
            variants,
        })
    }

    /// A product that came from another handle is not this one. Where none is known, the slug is the handle.
    fn handle_over(&self, content: &mut Content, new: bool) -> Result<(), String> {
        match &content.handle {
            // A slug that staff changed says nothing of the handle before.
            Some(other) if *other != self.handle && slug_of(other, "") == self.slug => Err(format!(
                "the Handle is \"{}\" in URLs, and so is \"{other}\", which is there: give one of them another Handle",
                self.slug
            )),
            None if !new && self.handle == self.slug => Ok(()),
            _ => {
                content.handle = Some(self.handle.clone());
                Ok(())
            }
        }
    }

    fn text_over(&self, content: &mut Content, new: bool) -> Result<(), String> {
        match &self.title {
            Some(title) => title.clone_into(&mut content.title),
            None if new => return Err("a new product needs a title".to_owned()),
            None => {}
        }
        if let Some(options) = &self.options {
            if !new && options.len() != content.options.len() {
                return Err("the product has another number of options".to_owned());
            }
            content.options.clone_from(options);
        }
        if let Some(description) = &self.description {
            content.description.clone_from(description);
        }
        if let Some(tags) = &self.tags {
            content.tags.clone_from(tags);
        }
        let lay = |named: &Option<String>, field: &mut Option<String>| {
            if let Some(text) = named {
                *field = (!text.is_empty()).then(|| text.clone());
            }
        };
        lay(&self.vendor, &mut content.vendor);
        lay(&self.product_type, &mut content.product_type);
        lay(&self.category_id, &mut content.category_id);
        lay(&self.seo_title, &mut content.seo_title);
        lay(&self.seo_description, &mut content.seo_description);
        Ok(())
    }
}

impl ImportedVariant {
    fn over(&self, variant: &mut VariantDraft) {
        if let Some(sku) = &self.sku {
            variant.sku = (!sku.is_empty()).then(|| sku.clone());
        }
        variant.price = self.price.unwrap_or(variant.price);
        variant.compare_at_price = self.compare_at_price.unwrap_or(variant.compare_at_price);
        variant.weight_grams = self.weight_grams.unwrap_or(variant.weight_grams);
        let url = |image: &Option<Image>| image.as_ref().map(|image| image.url.clone());
        if let Some(image) = &self.image
            && url(image) != url(&variant.image)
        {
            variant.image.clone_from(image);
        }
        if variant.id.is_none() {
            variant.quantity = self.quantity.or(variant.quantity);
        }
    }

    fn fresh(&self) -> Result<VariantDraft, String> {
        let price = self.price.ok_or("a new variant needs a price")?;
        Ok(VariantDraft {
            id: None,
            sku: self.sku.clone().filter(|sku| !sku.is_empty()),
            option_values: self.option_values.clone(),
            price,
            compare_at_price: self.compare_at_price.flatten(),
            quantity: self.quantity,
            weight_grams: self.weight_grams.flatten(),
            image: self.image.clone().flatten(),
        })
    }
}

impl From<&super::Variant> for VariantDraft {
    fn from(variant: &super::Variant) -> Self {
        Self {
            id: Some(variant.id.clone()),
            sku: variant.sku.clone(),
            option_values: variant.option_values.clone(),
            price: variant.price,
            compare_at_price: variant.compare_at_price,
            quantity: None,
            weight_grams: variant.weight_grams,
            image: variant.image.clone(),
        }
    }
}
