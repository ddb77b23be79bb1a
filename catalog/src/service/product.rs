//! Products and variants.

use std::collections::HashMap;

use comptoir_mesh::{Caller, Error, error::ErrorReason, page};
use comptoir_proto::catalog::v1::{self as proto, get_product_request::Key};
use unicode_normalization::UnicodeNormalization as _;

use super::Catalog;
use crate::{
    convert::{self, Cursor, Fields, media_id_of, product_draft},
    domain::{Image, Product, ProductDraft, ProductQuery, ProductSort, Status, text},
    error::{below, invalid, not_found},
};

/// Products on a page unless the caller says otherwise.
const PAGE: u32 = 24;
/// The most ids in one batch.
const BATCH: usize = 100;

/// A page of products.
pub(super) struct Shown {
    pub(super) products: Vec<proto::Product>,
    /// A cursor for each product.
    pub(super) cursors: Vec<String>,
    /// Empty on the last page.
    pub(super) next_page_token: String,
}

impl Catalog {
    pub(super) async fn get_product(
        &self,
        caller: &Caller,
        request: proto::GetProductRequest,
    ) -> Result<proto::GetProductResponse, Error> {
        let fields = Fields::of(request.read_mask.as_ref())?;
        let found = match &request.key {
            Some(Key::ProductId(id)) => self.products_for(caller.is_staff()).by_id(id).await?,
            Some(Key::Slug(slug)) => {
                // Slugs are stored in NFC; typed text need not be in it.
                let slug: String = slug.nfc().collect();
                self.products_for(caller.is_staff()).by_slug(&slug).await?
            }
            None => return Err(invalid("product_id", "Name the product by its id or slug.")),
        };
        let staff = caller.is_staff();
        let product = found
            .filter(|product| visible(product, staff))
            .ok_or_else(|| not_found("product"))?;
        Ok(proto::GetProductResponse {
            product: Some(convert::product(&product, staff, fields)),
        })
    }

    pub(super) async fn batch_get_products(
        &self,
        caller: &Caller,
        request: proto::BatchGetProductsRequest,
    ) -> Result<proto::BatchGetProductsResponse, Error> {
        check_batch("product_ids", &request.product_ids)?;
        let mut ids: Vec<&str> = request.product_ids.iter().map(String::as_str).collect();
        ids.sort_unstable();
        ids.dedup();
        let staff = caller.is_staff();
        let found = self.products_for(caller.is_staff()).get(&ids).await?;
        let seen = found.iter().flatten().filter(|product| visible(product, staff));
        Ok(proto::BatchGetProductsResponse {
            products: seen
                .map(|product| convert::product(product, staff, Fields::ALL))
                .collect(),
        })
    }

    pub(super) async fn batch_get_variants(
        &self,
        caller: &Caller,
        request: proto::BatchGetVariantsRequest,
    ) -> Result<proto::BatchGetVariantsResponse, Error> {
        check_batch("variant_ids", &request.variant_ids)?;
        let staff = caller.is_staff();
        // A cart or order may contain variants that are no longer shown, and uses the present prices.
        let all = staff || caller.is_service("orders");
        let found = self.products_for(all).of_variants(&request.variant_ids).await?;
        let variants = found
            .iter()
            .filter(|(_, product)| visible(product, all))
            .filter_map(|(id, product)| Some(convert::variant(product, product.variant(id)?, staff)));
        Ok(proto::BatchGetVariantsResponse {
            variants: variants.collect(),
        })
    }

    pub(super) async fn list_products(
        &self,
        caller: &Caller,
        request: proto::ListProductsRequest,
    ) -> Result<proto::ListProductsResponse, Error> {
        let sort = convert::product_sort(request.sort)
            .ok_or_else(|| Error::field("sort", ErrorReason::InvalidSort, "There is no such sort."))?;
        let fields = Fields::of(request.read_mask.as_ref())?;
        let list = list_name(sort);
        let query = ProductQuery {
            sort,
            after: place(list, sort, &request.page_token)?,
            limit: page::size(request.page_size, PAGE, self.env.limit_list)? as usize,
            categories: match request.category_id.as_str() {
                "" => Vec::new(),
                id => self.products.tree().await?.with_descendants(id),
            },
            status: status(caller, request.status)?,
            text: self.query_text(caller, &request.query)?,
        };
        if !request.category_id.is_empty() && query.categories.is_empty() {
            return Ok(proto::ListProductsResponse::default());
        }
        let page = self.products_for(caller.is_staff()).page(query).await?;
        let ids: Vec<&str> = page.keys.iter().map(|(id, _)| id.as_str()).collect();
        let cursors = page
            .keys
            .iter()
            .map(|(id, value)| Cursor::encode(list, value, id));
        let shown = self
            .show(caller, fields, &ids, cursors.collect(), page.more)
            .await?;
        Ok(proto::ListProductsResponse {
            products: shown.products,
            cursors: shown.cursors,
            next_page_token: shown.next_page_token,
            total_count: page.total,
        })
    }

    pub(super) async fn create_product(
        &self,
        caller: &Caller,
        request: proto::CreateProductRequest,
    ) -> Result<proto::CreateProductResponse, Error> {
        let actor = &caller.staff()?.id;
        let draft = self.draft(request.product).await?;
        // The catalog chooses the id of a new variant.
        if let Some(place) = draft.variants.iter().position(|variant| variant.id.is_some()) {
            let message = "A new product has no variants yet.";
            return Err(invalid(format!("product.variants.{place}.id"), message));
        }
        let product = self
            .store
            .create_product(draft, actor)
            .await
            .map_err(|error| below("product", error))?;
        Ok(proto::CreateProductResponse {
            product: Some(convert::product(&product, true, Fields::ALL)),
        })
    }

    pub(super) async fn update_product(
        &self,
        caller: &Caller,
        request: proto::UpdateProductRequest,
    ) -> Result<proto::UpdateProductResponse, Error> {
        let actor = &caller.staff()?.id;
        let draft = self.draft(request.product).await?;
        let updated = self
            .store
            .update_product(&request.product_id, draft, request.version, actor)
            .await;
        let product = updated.map_err(|error| below("product", error))?;
        Ok(proto::UpdateProductResponse {
            product: Some(convert::product(&product, true, Fields::ALL)),
        })
    }

    pub(super) async fn delete_product(
        &self,
        caller: &Caller,
        request: proto::DeleteProductRequest,
    ) -> Result<proto::DeleteProductResponse, Error> {
        let product = self
            .store
            .delete_product(&request.product_id, &caller.staff()?.id)
            .await?;
        Ok(proto::DeleteProductResponse {
            product: Some(convert::product(&product, true, Fields::ALL)),
        })
    }

    /// The products of a page in its order. Products deleted or hidden since the page was found are left out.
    pub(super) async fn show(
        &self,
        caller: &Caller,
        fields: Fields,
        ids: &[&str],
        cursors: Vec<String>,
        more: bool,
    ) -> Result<Shown, Error> {
        let staff = caller.is_staff();
        let mut shown = Shown {
            products: Vec::with_capacity(ids.len()),
            cursors: Vec::with_capacity(ids.len()),
            // The next page starts after the last product, even if that one is left out.
            next_page_token: cursors.last().filter(|_| more).cloned().unwrap_or_default(),
        };
        for (product, cursor) in self
            .products_for(caller.is_staff())
            .get(ids)
            .await?
            .into_iter()
            .zip(cursors)
        {
            if let Some(product) = product.filter(|product| visible(product, staff)) {
                shown.products.push(convert::product(&product, staff, fields));
                shown.cursors.push(cursor);
            }
        }
        Ok(shown)
    }

    /// The checked draft of a product. Uploaded pictures in it exist, and their sizes are set.
    async fn draft(&self, input: Option<proto::ProductInput>) -> Result<ProductDraft, Error> {
        let input = input.ok_or_else(|| invalid("product", "This is needed."))?;
        let mut draft = product_draft(input, &self.env.shop)?;
        let own = |image: &Image| media_id_of(&image.url).map(str::to_owned);
        let variants = draft.variants.iter().filter_map(|variant| variant.image.as_ref());
        let ids: Vec<String> = draft
            .content
            .images
            .iter()
            .chain(variants)
            .filter_map(own)
            .collect();
        if ids.is_empty() {
            return Ok(draft);
        }
        let sizes = self.store.media_sizes(&ids).await?;
        let sizes: HashMap<_, _> = sizes
            .into_iter()
            .map(|(id, width, height)| (id, (width, height)))
            .collect();
        let places = draft.content.images.iter_mut().enumerate();
        let places = places.map(|(place, image)| (format!("product.images.{place}.url"), image));
        let variants = draft.variants.iter_mut().enumerate();
        let variants = variants.filter_map(|(place, variant)| {
            Some((
                format!("product.variants.{place}.image_url"),
                variant.image.as_mut()?,
            ))
        });
        for (field, image) in places.chain(variants) {
            let Some(id) = own(image) else { continue };
            let Some((width, height)) = sizes.get(&id) else {
                return Err(Error::field(
                    field,
                    ErrorReason::UrlNotAllowed,
                    "No such picture was uploaded.",
                ));
            };
            image.width = i32::try_from(*width).ok();
            image.height = i32::try_from(*height).ok();
        }
        Ok(draft)
    }

    fn query_text(&self, caller: &Caller, query: &str) -> Result<Option<String>, Error> {
        let query = query.trim();
        if query.is_empty() {
            return Ok(None);
        }
        caller.staff()?;
        let limit = self.config.limit_query;
        if limit > 0 && query.chars().count() > limit {
            let message = format!("A query has at most {limit} characters.");
            return Err(Error::field("query", ErrorReason::QueryTooLong, message));
        }
        Ok(Some(text::fold(query)))
    }
}

/// Whether the caller may see the product.
fn visible(product: &Product, all: bool) -> bool {
    all || product.is_active()
}

fn status(caller: &Caller, asked: i32) -> Result<Option<Status>, Error> {
    let status =
        convert::product_status(asked).ok_or_else(|| invalid("status", "There is no such status."))?;
    match status {
        _ if caller.is_staff() => Ok(status),
        None | Some(Status::Active) => Ok(Some(Status::Active)),
        Some(_) => caller.staff().map(|_| status),
    }
}

fn list_name(sort: ProductSort) -> &'static str {
    match sort {
        ProductSort::Newest => "newest",
        ProductSort::PriceAsc => "price",
        ProductSort::PriceDesc => "-price",
        ProductSort::TitleAsc => "title",
    }
}

/// The position that a token names. With a sort by numbers, its value must be a number.
fn place(list: &str, sort: ProductSort, token: &str) -> Result<Option<(String, String)>, Error> {
    if sort == ProductSort::TitleAsc {
        return Ok(Cursor::decode(list, token)?.map(|cursor| (cursor.value, cursor.id)));
    }
    let place = Cursor::decode_number::<i64>(list, token)?;
    Ok(place.map(|(number, id)| (number.to_string(), id)))
}

pub(super) fn check_batch(field: &str, ids: &[String]) -> Result<(), Error> {
    if ids.len() > BATCH {
        return Err(Error::field(
            field,
            ErrorReason::LimitOutOfRange,
            format!("At most {BATCH} ids at once."),
        ));
    }
    Ok(())
}
