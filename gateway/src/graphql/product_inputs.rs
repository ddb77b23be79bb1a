//! Mutations of products and categories, for STAFF and ADMIN.

use async_graphql::{Context, ID, InputObject, Object};
use comptoir_proto::catalog::v1 as pb;

use super::category::{Category, CategoryPayload};
use super::product::{Product, ProductStatus};
use super::scalars::{Decimal, Long};
use super::user_errors::{mutation_result, payload};
use crate::backend::{Failure, Paths, RequestData, Services, require_staff};

const PRODUCT_PATHS: Paths = &[("product_id", "id"), ("product", "input"), ("version", "version")];
const CATEGORY_PATHS: Paths = &[("category_id", "id"), ("", "input")];

#[derive(InputObject)]
pub(super) struct ProductInput {
    title: String,
    slug: Option<String>,
    description: Option<String>,
    vendor: Option<String>,
    product_type: Option<String>,
    tags: Option<Vec<String>>,
    category_id: Option<ID>,
    status: Option<ProductStatus>,
    options: Option<Vec<String>>,
    variants: Vec<VariantInput>,
    images: Option<Vec<ImageInput>>,
    seo_title: Option<String>,
    seo_description: Option<String>,
}

/// optionValues are in the order of options. quantity is the initial stock of a new variant. The stock of an existing
/// variant only changes by inventoryAdjust: a different quantity here is VALIDATION_FAILED. productUpdate removes variants
/// that are left out.
#[derive(InputObject)]
pub(super) struct VariantInput {
    id: Option<ID>,
    sku: Option<String>,
    option_values: Option<Vec<String>>,
    price: Decimal,
    compare_at_price: Option<Decimal>,
    currency_code: Option<String>,
    quantity: Option<i32>,
    weight_grams: Option<i32>,
    image_url: Option<String>,
}

/// url is an https address, or one that POST /admin/media returned.
#[derive(InputObject)]
pub(super) struct ImageInput {
    url: String,
    alt_text: Option<String>,
}

#[derive(InputObject)]
pub(super) struct CategoryInput {
    name: String,
    slug: Option<String>,
    parent_id: Option<ID>,
}

impl From<ProductInput> for pb::ProductInput {
    fn from(input: ProductInput) -> Self {
        let status = input
            .status
            .map_or(pb::ProductStatus::Unspecified, pb::ProductStatus::from);
        let image = |image: ImageInput| pb::ImageInput {
            url: image.url,
            alt_text: image.alt_text,
        };
        Self {
            title: input.title,
            slug: input.slug,
            description: input.description,
            vendor: input.vendor,
            product_type: input.product_type,
            tags: input.tags.unwrap_or_default(),
            category_id: input.category_id.map(|id| id.0),
            status: status.into(),
            options: input.options.unwrap_or_default(),
            variants: input.variants.into_iter().map(pb::VariantInput::from).collect(),
            images: input.images.unwrap_or_default().into_iter().map(image).collect(),
            seo_title: input.seo_title,
            seo_description: input.seo_description,
        }
    }
}

impl From<VariantInput> for pb::VariantInput {
    fn from(input: VariantInput) -> Self {
        Self {
            id: input.id.map(|id| id.0),
            sku: input.sku,
            option_values: input.option_values.unwrap_or_default(),
            price: input.price.into_string(),
            compare_at_price: input.compare_at_price.map(Decimal::into_string),
            currency_code: input.currency_code,
            quantity: input.quantity,
            weight_grams: input.weight_grams,
            image_url: input.image_url,
        }
    }
}

payload!(ProductPayload { product: Product });

#[derive(Default)]
pub(super) struct ProductMutation;

#[Object]
impl ProductMutation {
    async fn product_create(
        &self,
        ctx: &Context<'_>,
        input: ProductInput,
    ) -> Result<ProductPayload, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        require_staff(data)?;
        let mut client = ctx.data_unchecked::<Services>().catalog.clone();
        let answer = client
            .create_product(pb::CreateProductRequest {
                product: Some(input.into()),
            })
            .await;
        let result = mutation_result(answer, PRODUCT_PATHS, |answer| answer.product)?;
        Ok(result.map(|product| Product::new(data, product)).into())
    }

    async fn product_update(
        &self,
        ctx: &Context<'_>,
        id: ID,
        input: ProductInput,
        version: Long,
    ) -> Result<ProductPayload, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        require_staff(data)?;
        let mut client = ctx.data_unchecked::<Services>().catalog.clone();
        let request = pb::UpdateProductRequest {
            product_id: id.0,
            product: Some(input.into()),
            version: version.0,
        };
        let result = mutation_result(client.update_product(request).await, PRODUCT_PATHS, |answer| {
            answer.product
        })?;
        Ok(result.map(|product| Product::new(data, product)).into())
    }

    async fn product_delete(&self, ctx: &Context<'_>, id: ID) -> Result<ProductPayload, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        require_staff(data)?;
        let mut client = ctx.data_unchecked::<Services>().catalog.clone();
        let answer = client
            .delete_product(pb::DeleteProductRequest { product_id: id.0 })
            .await;
        let result = mutation_result(answer, PRODUCT_PATHS, |answer| answer.product)?;
        Ok(result.map(|product| Product::new(data, product)).into())
    }
}

#[derive(Default)]
pub(super) struct CategoryMutation;

#[Object]
impl CategoryMutation {
    async fn category_create(
        &self,
        ctx: &Context<'_>,
        input: CategoryInput,
    ) -> Result<CategoryPayload, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        require_staff(data)?;
        let mut client = ctx.data_unchecked::<Services>().catalog.clone();
        let request = pb::CreateCategoryRequest {
            name: input.name,
            slug: input.slug,
            parent_id: input.parent_id.map(|id| id.0),
        };
        let result = mutation_result(client.create_category(request).await, CATEGORY_PATHS, |answer| {
            answer.category
        })?;
        data.loaders.forget_categories();
        Ok(result.map(|category| Category::new(data, category)).into())
    }

    async fn category_update(
        &self,
        ctx: &Context<'_>,
        id: ID,
        input: CategoryInput,
    ) -> Result<CategoryPayload, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        require_staff(data)?;
        let mut client = ctx.data_unchecked::<Services>().catalog.clone();
        let request = pb::UpdateCategoryRequest {
            category_id: id.0,
            name: input.name,
            slug: input.slug,
            parent_id: input.parent_id.map(|id| id.0),
        };
        let result = mutation_result(client.update_category(request).await, CATEGORY_PATHS, |answer| {
            answer.category
        })?;
        data.loaders.forget_categories();
        Ok(result.map(|category| Category::new(data, category)).into())
    }

    /// Its children and products move to its parent.
    async fn category_delete(&self, ctx: &Context<'_>, id: ID) -> Result<CategoryPayload, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        require_staff(data)?;
        let mut client = ctx.data_unchecked::<Services>().catalog.clone();
        let answer = client
            .delete_category(pb::DeleteCategoryRequest { category_id: id.0 })
            .await;
        let result = mutation_result(answer, CATEGORY_PATHS, |answer| answer.category)?;
        data.loaders.forget_categories();
        Ok(result.map(|category| Category::new(data, category)).into())
    }
}
