//! `OrderService`.

use std::pin::Pin;

use comptoir_mesh::{Caller, Error, ErrorReason, text};
use comptoir_proto::orders::v1::{
    CancelOrderRequest, CancelOrderResponse, FulfillOrderRequest, FulfillOrderResponse, FulfillmentStatus,
    GetOrderRequest, GetOrderResponse, GetSalesRequest, GetSalesResponse, ListOrdersRequest,
    ListOrdersResponse, MarkDeliveredRequest, MarkDeliveredResponse, Order as ProtoOrder, OrderFilter,
    PaymentStatus, RefundOrderRequest, RefundOrderResponse, WatchOrderRequest, WatchOrderResponse,
    get_order_request, order_service_server::OrderService, watch_order_request,
};
use jiff::Timestamp;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use crate::{
    convert::{self, from_number, order::to_proto, page},
    domain::order::{FulfilledLine, Order, State},
    engine::{Engine, cancel::actor, fulfill::Parcel, not_found, refund::RefundRequest, requests::Requester},
    keys::check_key,
    sales::sales,
    store::orders::{OrderPage, sort_time},
};

/// Orders a page has unless asked otherwise.
const PAGE: u32 = 20;
/// The longest reason, tracking number and carrier.
const MAX_TEXT: usize = comptoir_mesh::lengths::ORDER_TEXT;
/// The longest query.
const MAX_QUERY: usize = comptoir_mesh::lengths::ORDER_QUERY;

/// Orders, for buyers and staff.
pub(crate) struct OrderHandler {
    pub(crate) engine: Engine,
}

/// By what right a caller sees an order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Right {
    Owner,
    Staff,
    Token,
    Cart,
}

/// How an order is named.
enum Key {
    Id(String),
    Token(String),
}

impl OrderHandler {
    /// The order, as far as the caller may see it.
    async fn find(&self, caller: &Caller, key: Key, cart_id: Option<&str>) -> Result<(Order, Right), Error> {
        let (id, by_token) = match key {
            Key::Id(id) => (id, false),
            Key::Token(token) => (
                self.engine.keys.order_of_token(&token).ok_or_else(not_found)?,
                true,
            ),
        };
        if !comptoir_mesh::ids::is_id(&id, "order_") {
            return Err(not_found());
        }
        let order = self.engine.order(&id).await?;
        let user = caller.user_id();
        let right = if user.is_some() && user == order.customer_id.as_deref() {
            Right::Owner
        } else if caller.is_staff() {
            Right::Staff
        } else if by_token {
            Right::Token
        } else if order.customer_id.is_none() && cart_id == Some(order.cart_id.as_str()) {
            Right::Cart
        } else {
            return Err(not_found());
        };
        Ok((order, right))
    }

    /// The order with its access token where it is the signed-in owner's.
    fn shown(&self, order: &Order, right: Right) -> ProtoOrder {
        let token = (right == Right::Owner).then(|| self.engine.keys.access_token(&order.id));
        to_proto(order, token)
    }

    fn staff_asks(caller: &Caller, key: &str) -> Result<Requester, Error> {
        let user = caller.staff()?;
        check_key(key)?;
        Ok(Requester {
            caller: user.id.clone(),
            key: key.to_owned(),
            actor: user.id.clone(),
        })
    }
}

fn optional_line(field: &str, value: Option<String>) -> Result<Option<String>, Error> {
    let checked = value
        .map(|value| text::line(field, &value, MAX_TEXT))
        .transpose()?;
    Ok(checked.filter(|text| !text.is_empty()))
}

#[tonic::async_trait]
impl OrderService for OrderHandler {
    async fn get_order(
        &self,
        request: Request<GetOrderRequest>,
    ) -> Result<Response<GetOrderResponse>, Status> {
        let caller = Caller::of(&request);
        let GetOrderRequest { key, cart_id } = request.into_inner();
        let key = match key {
            Some(get_order_request::Key::OrderId(id)) => Key::Id(id),
            Some(get_order_request::Key::AccessToken(token)) => Key::Token(token),
            None => return Err(unnamed().into()),
        };
        let (order, right) = self.find(&caller, key, cart_id.as_deref()).await?;
        Ok(Response::new(GetOrderResponse {
            order: Some(self.shown(&order, right)),
        }))
    }

    async fn list_orders(
        &self,
        request: Request<ListOrdersRequest>,
    ) -> Result<Response<ListOrdersResponse>, Status> {
        let caller = Caller::of(&request);
        let user = caller.user()?.id.clone();
        let request = request.into_inner();
        let asks_as_staff = request.all || request.filter.is_some();
        if asks_as_staff {
            caller.staff()?;
        }
        let limit = comptoir_mesh::page::size(request.page_size, PAGE, self.engine.env.limit_list)? as usize;
        let mut page = filtered(request.filter.unwrap_or_default())?;
        page.after = page::parse_cursor(&request.page_token)?;
        // One more than asked for tells whether there is a next page.
        page.limit = limit + 1;
        if !request.all {
            page.customer_id = Some(user);
        }
        let (mut orders, total_count) = self.engine.stores.orders.orders(&page).await?;
        let more = orders.len() > limit;
        orders.truncate(limit);
        let cursors: Vec<_> = orders
            .iter()
            .map(|order| page::cursor(sort_time(order), &order.id))
            .collect();
        let next_page_token = cursors.last().filter(|_| more).cloned().unwrap_or_default();
        let right = if request.all { Right::Staff } else { Right::Owner };
        let orders = orders.iter().map(|order| self.shown(order, right)).collect();
        Ok(Response::new(ListOrdersResponse {
            orders,
            cursors,
            next_page_token,
            total_count,
        }))
    }

    async fn cancel_order(
        &self,
        request: Request<CancelOrderRequest>,
    ) -> Result<Response<CancelOrderResponse>, Status> {
        let caller = Caller::of(&request);
        let CancelOrderRequest {
            order_id,
            access_token,
            reason,
            request_id,
        } = request.into_inner();
        check_key(&request_id)?;
        let named = match access_token {
            Some(token) => match self.engine.keys.order_of_token(&token) {
                Some(id) if id == order_id => Key::Token(token),
                _ => Key::Id(order_id.clone()),
            },
            None => Key::Id(order_id.clone()),
        };
        let (order, right) = self.find(&caller, named, None).await?;
        let reason = optional_line("reason", reason)?;
        let asked = Requester {
            caller: if right == Right::Token {
                "guest"
            } else {
                caller.user_id().unwrap_or("guest")
            }
            .to_owned(),
            key: request_id,
            actor: actor(caller.user_id(), right == Right::Staff),
        };
        let order = self.engine.cancel(&order.id, asked, reason).await?;
        Ok(Response::new(CancelOrderResponse {
            order: Some(self.shown(&order, right)),
        }))
    }

    async fn fulfill_order(
        &self,
        request: Request<FulfillOrderRequest>,
    ) -> Result<Response<FulfillOrderResponse>, Status> {
        let caller = Caller::of(&request);
        let FulfillOrderRequest {
            order_id,
            lines,
            tracking_number,
            carrier,
            request_id,
        } = request.into_inner();
        let asked = Self::staff_asks(&caller, &request_id)?;
        let line = |line: comptoir_proto::orders::v1::FulfilledLine| FulfilledLine {
            order_line_id: line.order_line_id,
            quantity: line.quantity,
        };
        let parcel = Parcel {
            lines: lines.into_iter().map(line).collect(),
            tracking_number: optional_line("tracking_number", tracking_number)?,
            carrier: optional_line("carrier", carrier)?,
        };
        let order = self.engine.fulfill(&order_id, asked, parcel).await?;
        Ok(Response::new(FulfillOrderResponse {
            order: Some(to_proto(&order, None)),
        }))
    }

    async fn mark_delivered(
        &self,
        request: Request<MarkDeliveredRequest>,
    ) -> Result<Response<MarkDeliveredResponse>, Status> {
        let caller = Caller::of(&request);
        let actor = caller.staff()?.id.clone();
        let MarkDeliveredRequest {
            order_id,
            fulfillment_id,
        } = request.into_inner();
        let order = self
            .engine
            .mark_delivered(&order_id, &fulfillment_id, &actor)
            .await?;
        Ok(Response::new(MarkDeliveredResponse {
            order: Some(to_proto(&order, None)),
        }))
    }

    async fn refund_order(
        &self,
        request: Request<RefundOrderRequest>,
    ) -> Result<Response<RefundOrderResponse>, Status> {
        let caller = Caller::of(&request);
        let RefundOrderRequest {
            order_id,
            amount,
            reason,
            restock,
            request_id,
        } = request.into_inner();
        let asked = Self::staff_asks(&caller, &request_id)?;
        let digits = self.engine.env.shop.currency_digits;
        let amount = amount
            .map(|amount| comptoir_shop::money::parse_decimal(&amount, digits))
            .transpose();
        let amount = amount
            .map_err(|error| Error::field("amount", ErrorReason::ValidationFailed, error.to_string()))?;
        if amount.is_some_and(|amount| amount < 1) {
            let message = "An amount that is refunded is more than nothing.";
            return Err(Error::field("amount", ErrorReason::ValidationFailed, message).into());
        }
        let reason = text::line("reason", &reason, MAX_TEXT)?;
        if reason.is_empty() {
            return Err(Error::field("reason", ErrorReason::ValidationFailed, "A reason is needed.").into());
        }
        let order = self
            .engine
            .refund(
                &order_id,
                asked,
                RefundRequest {
                    amount,
                    reason,
                    restock,
                },
            )
            .await?;
        Ok(Response::new(RefundOrderResponse {
            order: Some(to_proto(&order, None)),
        }))
    }

    type WatchOrderStream = Pin<Box<dyn Stream<Item = Result<WatchOrderResponse, Status>> + Send>>;

    async fn watch_order(
        &self,
        request: Request<WatchOrderRequest>,
    ) -> Result<Response<Self::WatchOrderStream>, Status> {
        let caller = Caller::of(&request);
        let key = match request.into_inner().key {
            Some(watch_order_request::Key::OrderId(id)) => Key::Id(id),
            Some(watch_order_request::Key::AccessToken(token)) => Key::Token(token),
            None => return Err(unnamed().into()),
        };
        let (order, right) = self.find(&caller, key, None).await?;
        let token = (right == Right::Owner).then(|| self.engine.keys.access_token(&order.id));
        let orders = self.engine.followers.follow(&self.engine, &order, token);
        Ok(Response::new(Box::pin(orders)))
    }

    async fn get_sales(
        &self,
        request: Request<GetSalesRequest>,
    ) -> Result<Response<GetSalesResponse>, Status> {
        Caller::of(&request).staff()?;
        let GetSalesRequest { from, to } = request.into_inner();
        let from = time("from", from.as_ref())?;
        let to = time("to", to.as_ref())?;
        Ok(Response::new(
            sales(&*self.engine.stores.orders, &self.engine.env.shop, from, to).await?,
        ))
    }
}

fn unnamed() -> Error {
    Error::field(
        "key",
        ErrorReason::ValidationFailed,
        "Name the order by its id or by its access token.",
    )
}

fn time(field: &str, at: Option<&prost_types::Timestamp>) -> Result<Timestamp, Error> {
    let at =
        at.ok_or_else(|| Error::field(field, ErrorReason::ValidationFailed, "A time is needed here."))?;
    convert::time(field, at)
}

fn filtered(filter: OrderFilter) -> Result<OrderPage, Error> {
    let state = State::from_proto(from_number("filter.state", filter.state)?);
    let payment_status = from_number("filter.payment_status", filter.payment_status)?;
    let fulfillment_status = from_number("filter.fulfillment_status", filter.fulfillment_status)?;
    let query = text::line("filter.query", &filter.query, MAX_QUERY)?;
    Ok(OrderPage {
        state,
        payment_status: Some(payment_status).filter(|status| *status != PaymentStatus::Unspecified),
        fulfillment_status: Some(fulfillment_status)
            .filter(|status| *status != FulfillmentStatus::Unspecified),
        placed_from: filter
            .placed_from
            .as_ref()
            .map(|at| time("filter.placed_from", Some(at)))
            .transpose()?,
        placed_to: filter
            .placed_to
            .as_ref()
            .map(|at| time("filter.placed_to", Some(at)))
            .transpose()?,
        customer_id: Some(filter.customer_id).filter(|id| !id.is_empty()),
        query,
        after: None,
        limit: 0,
    })
}
