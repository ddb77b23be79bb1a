//! Stock, reservations and the ledger.

use comptoir_mesh::{Caller, Error, error::ErrorReason, page, text};
use comptoir_proto::catalog::v1 as proto;

use super::{Catalog, product::check_batch};
use crate::{
    convert::{self, Checks, Cursor, idempotency_key},
    domain::{Adjustment, Reservation},
    error::{invalid, not_found},
    store::HOLD,
};

/// Variants or movements on a page unless the caller says otherwise.
const PAGE: u32 = 50;
/// The longest reason, in characters.
const REASON_LIMIT: usize = comptoir_mesh::lengths::STOCK_REASON;
/// The most lines of a reservation; a cart has fewer.
const LINE_LIMIT: usize = 1000;

impl Catalog {
    pub(super) async fn batch_get_stock(
        &self,
        request: proto::BatchGetStockRequest,
    ) -> Result<proto::BatchGetStockResponse, Error> {
        check_batch("variant_ids", &request.variant_ids)?;
        let stocks = self
            .store
            .stock(&request.variant_ids)
            .await?
            .into_iter()
            .map(|stock| proto::Stock {
                variant_id: stock.variant_id,
                on_hand: stock.on_hand,
                reserved: stock.reserved,
            });
        Ok(proto::BatchGetStockResponse {
            stocks: stocks.collect(),
        })
    }

    pub(super) async fn adjust_stock(
        &self,
        caller: &Caller,
        request: proto::AdjustStockRequest,
    ) -> Result<proto::AdjustStockResponse, Error> {
        let actor = caller.staff()?.id.clone();
        let mut checks = Checks::default();
        if request.delta == 0 {
            checks.refuse(
                "delta",
                ErrorReason::InvalidQuantity,
                "A movement is of one unit or more.",
            );
        }
        let adjustment = Adjustment {
            reason: checks.required("reason", &request.reason, REASON_LIMIT),
            request_id: checks.take(idempotency_key("request_id", &request.request_id)),
            variant_id: request.variant_id,
            delta: request.delta,
            actor,
        };
        let adjustment = checks.done(adjustment)?;
        let variant_id = adjustment.variant_id.clone();
        let product_id = self.store.adjust_stock(adjustment).await?;
        let product = self
            .products
            .by_id(&product_id)
            .await?
            .ok_or_else(|| not_found("variant"))?;
        let variant = product.variant(&variant_id).ok_or_else(|| not_found("variant"))?;
        Ok(proto::AdjustStockResponse {
            variant: Some(convert::variant(&product, variant, true)),
        })
    }

    pub(super) async fn reserve_stock(
        &self,
        request: proto::ReserveStockRequest,
    ) -> Result<proto::ReserveStockResponse, Error> {
        let id = reservation_id(&request.reservation_id)?;
        let mut checks = Checks::default();
        if request.lines.is_empty() {
            checks.invalid("lines", "There is nothing to reserve.");
        }
        if request.lines.len() > LINE_LIMIT {
            checks.refuse(
                "lines",
                ErrorReason::TooManyLines,
                format!("At most {LINE_LIMIT} lines."),
            );
        }
        for (place, line) in request.lines.iter().enumerate() {
            if line.quantity < 1 {
                let field = format!("lines.{place}.quantity");
                checks.refuse(field, ErrorReason::InvalidQuantity, "A quantity is 1 or more.");
            }
        }
        checks.done(())?;
        let lines: Vec<_> = request
            .lines
            .into_iter()
            .map(|line| (line.variant_id, line.quantity))
            .collect();
        let reservation = Reservation::new(id, &lines, HOLD).ok_or_else(|| {
            Error::field(
                "lines",
                ErrorReason::QuantityOutOfRange,
                "That is more than can be counted.",
            )
        })?;
        let expires_at = self.store.reserve_stock(reservation).await?;
        Ok(proto::ReserveStockResponse {
            expires_at: Some(convert::timestamp(expires_at)),
        })
    }

    pub(super) async fn confirm_reservation(
        &self,
        request: &proto::ConfirmReservationRequest,
    ) -> Result<proto::ConfirmReservationResponse, Error> {
        self.store
            .confirm_reservation(&reservation_id(&request.reservation_id)?)
            .await?;
        Ok(proto::ConfirmReservationResponse {})
    }

    pub(super) async fn release_reservation(
        &self,
        request: &proto::ReleaseReservationRequest,
    ) -> Result<proto::ReleaseReservationResponse, Error> {
        let reason = text::line("reason", &request.reason, REASON_LIMIT)?;
        self.store
            .release_reservation(&reservation_id(&request.reservation_id)?, &reason)
            .await?;
        Ok(proto::ReleaseReservationResponse {})
    }

    pub(super) async fn list_stock_movements(
        &self,
        request: &proto::ListStockMovementsRequest,
    ) -> Result<proto::ListStockMovementsResponse, Error> {
        const LIST: &str = "movements";
        let size = page::size(request.page_size, PAGE, self.env.limit_list)? as usize;
        let before = Cursor::decode_number::<i64>(LIST, &request.page_token)?.map(|(position, _)| position);
        let page = self.store.movements(&request.variant_id, before, size).await?;
        let positions = page.items.iter().map(|movement| movement.position.to_string());
        let cursors: Vec<String> = positions
            .map(|position| Cursor::encode(LIST, &position, ""))
            .collect();
        Ok(proto::ListStockMovementsResponse {
            next_page_token: cursors.last().filter(|_| page.more).cloned().unwrap_or_default(),
            cursors,
            movements: page.items.into_iter().map(convert::movement).collect(),
            total_count: page.total,
        })
    }

    pub(super) async fn list_low_stock(
        &self,
        request: &proto::ListLowStockRequest,
    ) -> Result<proto::ListLowStockResponse, Error> {
        const LIST: &str = "low-stock";
        let size = page::size(request.page_size, PAGE, self.env.limit_list)? as usize;
        let after = Cursor::decode_number::<i32>(LIST, &request.page_token)?;
        if request.threshold < 0 {
            return Err(invalid("threshold", "A threshold is 0 or more."));
        }
        let page = self.store.low_stock(request.threshold, after, size).await?;
        let product_ids: Vec<&str> = page.items.iter().map(|low| low.product_id.as_str()).collect();
        let products = self.products.at_the_source().get(&product_ids).await?;
        let mut answer = proto::ListLowStockResponse {
            total_count: page.total,
            ..Default::default()
        };
        for (low, product) in page.items.iter().zip(&products) {
            let found = product
                .as_ref()
                .and_then(|product| Some((product, product.variant(&low.variant_id)?)));
            let cursor = Cursor::encode(LIST, &low.available.to_string(), &low.variant_id);
            answer.next_page_token = if page.more { cursor.clone() } else { String::new() };
            if let Some((product, variant)) = found {
                answer.variants.push(convert::variant(product, variant, true));
                answer.cursors.push(cursor);
            }
        }
        Ok(answer)
    }
}

fn reservation_id(id: &str) -> Result<String, Error> {
    let id = text::line("reservation_id", id, 255)?;
    if id.is_empty() {
        Err(invalid("reservation_id", "This is needed."))
    } else {
        Ok(id)
    }
}
