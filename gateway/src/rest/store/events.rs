//! The changes of an order as Server-Sent Events. The id of an event is the order's version, so that a client that
//! reconnects with `Last-Event-ID` gets no event twice.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use comptoir_mesh::error::ErrorReason;
use comptoir_proto::orders::v1 as pb;
use futures::{StreamExt as _, stream};
use http::header::{AUTHORIZATION, CACHE_CONTROL};
use http::{HeaderMap, StatusCode};
use pb::OrderState;
use pb::watch_order_request::Key;

use super::orders::check_order_id;
use crate::app::App;
use crate::backend::{OrderSnapshot, present, renamed};
use crate::problem::Problem;
use crate::request::{Client, bearer};
use crate::rest::extract::Id;
use crate::rest::parameters::Parameters;
use crate::rest::schema;
use crate::rest::view::Order;

/// Proxies close connections that are silent for longer.
const PING: Duration = Duration::from_secs(15);

/// Follows an order: its current state, then each change, until COMPLETED, CANCELED or FAILED.
#[utoipa::path(
    get,
    path = "/store/orders/{id}/events",
    params(
        ("accessToken" = Option<schema::AccessToken>, Query, description = "A guest's right to the order"),
        ("Last-Event-ID" = Option<schema::Text>, Header, description = "The version that was seen last"),
    ),
    responses(
        (status = 200, description = "Events named `order`, their id its version", body = Order, content_type = "text/event-stream"),
        (status = 204, description = "Nothing more will happen"),
    )
)]
pub(crate) async fn order_events(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Id(order_id): Id,
    mut parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let token = headers
        .get(AUTHORIZATION)
        .and_then(|value| bearer(value.to_str().ok()?))
        .map(str::to_owned);
    let access_token = parameters.text("accessToken");
    parameters.finish()?;
    let permit = app.streams.open(client.address)?;
    let seen = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.trim().parse().ok())
        .unwrap_or(i64::MIN);
    let key = access_token.map_or_else(|| Key::OrderId(order_id.clone()), Key::AccessToken);
    let followed_orders = &app.services.followed_orders;
    let place = followed_orders.permit()?;
    // The first state is awaited here, so that a refusal still has a status of its own.
    let mut follower = followed_orders
        .follow(key)
        .await
        .map_err(|error| renamed(error, &[]))?;
    let first = present(follower.next().await?)?;
    check_order_id(&first.order, &order_id)?;
    if first.order.version <= seen && is_final(first.order.state()) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let later = stream::unfold(follower, |mut follower| async {
        let next = follower.next().await.ok()??;
        Some((next, follower))
    });
    let news = stream::once(ready(first))
        .chain(later)
        .take_until(app.env.shutdown.clone().cancelled_owned())
        .take_until(token_ended(app.clone(), token));
    let mut last = seen;
    let events = news.filter_map(move |seen| {
        let _held = (&permit, &place);
        let version = seen.order.version;
        let is_new = version > last;
        last = last.max(version);
        ready(is_new.then(|| event(&seen)))
    });
    let answer = Sse::new(events).keep_alive(KeepAlive::new().interval(PING).text("ping"));
    Ok(([(CACHE_CONTROL, "no-store")], answer).into_response())
}

/// Waits until the token that opened the stream is expired or revoked. If auth cannot be reached, it is considered valid.
async fn token_ended(app: Arc<App>, token: Option<String>) {
    let Some(token) = token else {
        return std::future::pending().await;
    };
    loop {
        tokio::time::sleep(PING).await;
        match app.env.verifier.verify(&token) {
            Err(error) if error.reason() != ErrorReason::DependencyUnavailable => return,
            _ => {}
        }
    }
}

fn is_final(state: OrderState) -> bool {
    matches!(
        state,
        OrderState::Completed | OrderState::Canceled | OrderState::Failed
    )
}

fn event(seen: &OrderSnapshot) -> Result<Event, Infallible> {
    let order = &seen.order;
    let text = seen.text.get_or_init(|| {
        serde_json::to_string(&Order::new(pb::Order::clone(order), None)).unwrap_or_default()
    });
    let event = Event::default().event("order").id(order.version.to_string());
    Ok(event.data(text))
}
