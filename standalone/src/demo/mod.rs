//! The demo catalogue: fills an empty shop with products and drawn pictures, by the same contracts as every client.

use anyhow::Context as _;
use comptoir_mesh::Channel;
use comptoir_proto::catalog::v1::{
    CreateCategoryRequest, CreateProductRequest, ImageInput, ListProductsRequest, ProductInput,
    PutMediaRequest, VariantInput, catalog_service_client::CatalogServiceClient,
};
use futures::{StreamExt as _, TryStreamExt as _};
use serde::Deserialize;
use std::collections::HashMap;

mod picture;

const CATALOGUE: &str = include_str!("../../demo/catalogue.toml");
/// Products created at the same time: drawing takes a processor, storing waits for the disk.
const CONCURRENCY: usize = 4;
/// Bytes of a picture in one gRPC message.
const CHUNK: usize = 64 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    category: Vec<Category>,
    product: Vec<Product>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Category {
    name: String,
    slug: String,
    parent: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Product {
    title: String,
    r#type: String,
    shape: String,
    category: String,
    vendor: String,
    price: String,
    compare_at: Option<String>,
    colours: Vec<String>,
    #[serde(default)]
    sizes: Vec<String>,
    tags: Vec<String>,
    description: String,
}

/// Fills the shop, if it has no product.
pub(crate) async fn fill(channel: Channel) -> anyhow::Result<()> {
    let mut client = CatalogServiceClient::new(channel);
    let first = client
        .list_products(ListProductsRequest {
            page_size: 1,
            ..Default::default()
        })
        .await?
        .into_inner();
    if first.total_count > 0 {
        return Ok(());
    }
    let catalogue: Catalogue = toml::from_str(CATALOGUE)?;
    eprintln!(
        "filling the empty shop with a demo catalogue of {} products …",
        catalogue.product.len()
    );
    let categories = categories(&mut client, catalogue.category).await?;
    futures::stream::iter(catalogue.product)
        .map(|product| add(client.clone(), &categories, product))
        .buffer_unordered(CONCURRENCY)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(())
}

/// Creates the categories, parents first, and returns their ids by slug. Those that an interrupted run created are used.
async fn categories(
    client: &mut CatalogServiceClient<Channel>,
    categories: Vec<Category>,
) -> anyhow::Result<HashMap<String, String>> {
    let existing = client
        .list_categories(comptoir_proto::catalog::v1::ListCategoriesRequest::default())
        .await?;
    let mut ids: HashMap<String, String> = existing
        .into_inner()
        .categories
        .into_iter()
        .map(|category| (category.slug, category.id))
        .collect();
    for Category { name, slug, parent } in categories {
        if ids.contains_key(&slug) {
            continue;
        }
        let parent_id = parent
            .map(|parent| ids.get(&parent).cloned().context("a parent comes first"))
            .transpose()?;
        let request = CreateCategoryRequest {
            name,
            slug: Some(slug.clone()),
            parent_id,
        };
        let category = client
            .create_category(request)
            .await?
            .into_inner()
            .category
            .context("a category")?;
        ids.insert(slug, category.id);
    }
    Ok(ids)
}

async fn add(
    mut client: CatalogServiceClient<Channel>,
    categories: &HashMap<String, String>,
    product: Product,
) -> anyhow::Result<()> {
    let mut images = Vec::new();
    for colour in &product.colours {
        let picture = picture::draw(&product.shape, colour)?;
        let pieces: Vec<PutMediaRequest> = picture
            .chunks(CHUNK)
            .map(|chunk| PutMediaRequest {
                content_type: "image/png".into(),
                chunk: chunk.to_vec().into(),
            })
            .collect();
        let media = client.put_media(tokio_stream::iter(pieces)).await?.into_inner();
        images.push(ImageInput {
            url: format!("/media/{}", media.media_id),
            alt_text: Some(format!("{}, {}", product.title, colour.to_lowercase())),
        });
    }
    let title = product.title.clone();
    let input = ProductInput {
        description: Some(format!("<p>{}</p>", product.description)),
        category_id: categories.get(&product.category).cloned(),
        options: options(&product),
        variants: variants(&product, &images),
        images,
        title: product.title,
        vendor: Some(product.vendor),
        product_type: Some(product.r#type),
        tags: product.tags,
        ..Default::default()
    };
    client
        .create_product(CreateProductRequest { product: Some(input) })
        .await
        .with_context(|| format!("the product {title:?}"))?;
    Ok(())
}

fn options(product: &Product) -> Vec<String> {
    let mut options = vec!["Colour".to_owned()];
    if !product.sizes.is_empty() {
        options.push("Size".to_owned());
    }
    options
}

/// Every colour in every size. A few are scarce or sold out, as in a real shop.
fn variants(product: &Product, images: &[ImageInput]) -> Vec<VariantInput> {
    let sizes: Vec<Option<&String>> = if product.sizes.is_empty() {
        vec![None]
    } else {
        product.sizes.iter().map(Some).collect()
    };
    let code: String = product
        .title
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(6)
        .collect();
    let mut variants = Vec::new();
    for (colour, image) in product.colours.iter().zip(images) {
        for size in &sizes {
            let n = variants.len();
            let quantity = match (product.title.len() + n * 7) % 11 {
                0 => 0,
                1 => 3,
                rest => 8 + i32::try_from(rest).unwrap_or(0) * 6,
            };
            variants.push(VariantInput {
                sku: Some(format!(
                    "{}-{}-{n:02}",
                    code.to_uppercase(),
                    colour[..2].to_uppercase()
                )),
                option_values: std::iter::once(colour)
                    .chain(size.iter().copied())
                    .cloned()
                    .collect(),
                price: product.price.clone(),
                compare_at_price: product.compare_at.clone(),
                quantity: Some(quantity),
                image_url: Some(image.url.clone()),
                ..Default::default()
            });
        }
    }
    variants
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_product_can_be_drawn_and_has_a_category() {
        let catalogue: Catalogue = toml::from_str(CATALOGUE).unwrap();
        assert!(catalogue.product.len() >= 60);
        for product in &catalogue.product {
            assert!(
                catalogue
                    .category
                    .iter()
                    .any(|category| category.slug == product.category),
                "{}",
                product.title
            );
            for colour in &product.colours {
                let picture = picture::draw(&product.shape, colour).unwrap();
                assert!(picture.starts_with(b"\x89PNG"), "{} in {colour}", product.title);
            }
        }
    }
}
