//! `DiscountService`.

use std::sync::Arc;

use comptoir_mesh::{Caller, Env, Error, error::ErrorReason};
use comptoir_proto::orders::v1::{
    CreateDiscountRequest, CreateDiscountResponse, DeleteDiscountRequest, DeleteDiscountResponse,
    ListDiscountsRequest, ListDiscountsResponse, UpdateDiscountRequest, UpdateDiscountResponse,
    discount_service_server::DiscountService,
};
use tonic::{Request, Response, Status};

use crate::{
    convert::{discount as convert, page},
    domain::discount::{Counted, fold},
    store::{DiscountPage, DiscountStore, Replaced},
};

/// Characters of a code that a list is searched by at most.
const QUERY: usize = 64;

/// Discount codes, for staff.
pub(crate) struct DiscountHandler {
    pub(crate) store: Arc<dyn DiscountStore>,
    pub(crate) env: Env,
}

fn not_found() -> Error {
    Error::new(ErrorReason::NotFound, "There is no such discount.")
}

fn code_taken() -> Error {
    Error::field(
        "discount.code",
        ErrorReason::ValidationFailed,
        "Another discount has this code.",
    )
}

#[tonic::async_trait]
impl DiscountService for DiscountHandler {
    async fn create_discount(
        &self,
        request: Request<CreateDiscountRequest>,
    ) -> Result<Response<CreateDiscountResponse>, Status> {
        Caller::of(&request).staff()?;
        let terms = convert::parse(request.into_inner().discount, &self.env.shop)?;
        let discount = terms.create(self.env.ids.new_id("disc_"), self.env.clock.now());
        if !self.store.insert_discount(&discount).await? {
            return Err(code_taken().into());
        }
        let discount = Some(convert::to_proto(Counted {
            discount,
            times_used: 0,
        }));
        Ok(Response::new(CreateDiscountResponse { discount }))
    }

    async fn update_discount(
        &self,
        request: Request<UpdateDiscountRequest>,
    ) -> Result<Response<UpdateDiscountResponse>, Status> {
        Caller::of(&request).staff()?;
        let UpdateDiscountRequest {
            discount_id,
            discount,
        } = request.into_inner();
        let terms = convert::parse(discount, &self.env.shop)?;
        loop {
            let there = self.store.discount(&discount_id).await?.ok_or_else(not_found)?;
            let discount = terms.clone().replace(&there.discount, self.env.clock.now());
            match self.store.replace_discount(&discount).await? {
                Replaced::Done => {
                    let discount = convert::to_proto(Counted {
                        discount,
                        times_used: there.times_used,
                    });
                    return Ok(Response::new(UpdateDiscountResponse {
                        discount: Some(discount),
                    }));
                }
                Replaced::CodeTaken => return Err(code_taken().into()),
                // In each round one change wins, so this ends.
                Replaced::Stale => {}
            }
        }
    }

    async fn delete_discount(
        &self,
        request: Request<DeleteDiscountRequest>,
    ) -> Result<Response<DeleteDiscountResponse>, Status> {
        Caller::of(&request).staff()?;
        let was = self
            .store
            .delete_discount(&request.into_inner().discount_id)
            .await?
            .ok_or_else(not_found)?;
        Ok(Response::new(DeleteDiscountResponse {
            discount: Some(convert::to_proto(was)),
        }))
    }

    async fn list_discounts(
        &self,
        request: Request<ListDiscountsRequest>,
    ) -> Result<Response<ListDiscountsResponse>, Status> {
        Caller::of(&request).staff()?;
        let ListDiscountsRequest {
            page_size,
            page_token,
            query,
        } = request.into_inner();
        let limit = comptoir_mesh::page::size(page_size, 50, self.env.limit_list)? as usize;
        let query = fold(&comptoir_mesh::text::line("query", &query, QUERY)?);
        // One more than asked for tells whether there is another page.
        let page = DiscountPage {
            query,
            after: page::parse_cursor(&page_token)?,
            limit: limit + 1,
        };
        let (mut found, total_count) = self.store.discounts(&page).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let cursors: Vec<String> = found
            .iter()
            .map(|found| page::cursor(found.discount.created_at, &found.discount.id))
            .collect();
        let next_page_token = cursors.last().filter(|_| more).cloned().unwrap_or_default();
        let discounts = found.into_iter().map(convert::to_proto).collect();
        Ok(Response::new(ListDiscountsResponse {
            discounts,
            cursors,
            next_page_token,
            total_count,
        }))
    }
}
