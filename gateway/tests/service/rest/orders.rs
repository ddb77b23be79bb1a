//! Orders and their events.

use std::sync::atomic::{AtomicUsize, Ordering};

use comptoir_mesh::error::ErrorReason;
use comptoir_mesh::identity::Role;
use comptoir_mesh::{Error, context};
use comptoir_proto::orders::v1 as pb;
use futures::stream;
use tonic::Status;

use super::carts::order;
use crate::support::fakes::Answers;
use crate::support::in_process::Shop;

const ID: &str = "order_01J000000000000000000000RD";

fn watched(shop: &Shop, state: pb::OrderState) {
    shop.fakes.on("watch_order", move |_: pb::WatchOrderRequest| {
        let order = |version| {
            let state = state.into();
            Ok(pb::WatchOrderResponse {
                order: Some(pb::Order {
                    version,
                    state,
                    ..order()
                }),
            })
        };
        Ok(Box::pin(stream::iter([order(1), order(2), order(3)])) as Answers<pb::WatchOrderResponse>)
    });
}

fn ids(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| line.strip_prefix("id: "))
        .collect()
}

#[tokio::test]
async fn events_go_on_behind_the_last_one_seen() {
    let shop = Shop::open().await;
    watched(&shop, pb::OrderState::Placed);
    let path = format!("/store/orders/{ID}/events?accessToken=secret");
    let all = shop.get(&path).await;
    assert_eq!(
        (all.header("content-type"), all.header("cache-control")),
        ("text/event-stream", "no-store")
    );
    assert_eq!(ids(&all.text), ["1", "2", "3"]);
    let rest = shop
        .send(&format!("GET {path}"), &[("last-event-id", "2")], "")
        .await;
    assert_eq!(ids(&rest.text), ["3"]);
    watched(&shop, pb::OrderState::Canceled);
    assert_eq!(
        shop.send(&format!("GET {path}"), &[("last-event-id", "3")], "")
            .await
            .status,
        204
    );
}

#[tokio::test]
async fn a_token_opens_its_own_order_alone() {
    let shop = Shop::open().await;
    watched(&shop, pb::OrderState::Placed);
    shop.fakes.on("get_order", |_: pb::GetOrderRequest| {
        Ok(pb::GetOrderResponse { order: Some(order()) })
    });
    assert_eq!(
        shop.get(&format!("/store/orders/{ID}?accessToken=secret"))
            .await
            .status,
        200
    );
    for path in [
        "/store/orders/order_other?accessToken=secret",
        "/store/orders/order_other/events?accessToken=secret",
    ] {
        assert_eq!(shop.get(path).await.code(), "404 NOT_FOUND");
    }
    assert_eq!(shop.get("/store/orders").await.code(), "401 UNAUTHENTICATED");
}

#[tokio::test]
async fn events_go_on_after_orders_was_away_by_the_right_they_began_with() {
    let shop = Shop::open().await;
    let opened = AtomicUsize::new(0);
    shop.fakes.on("watch_order", move |_: pb::WatchOrderRequest| {
        // A guest may not read the order of a user.
        if context::current().token.is_none() {
            return Err(Error::new(ErrorReason::NotFound, "There is no such order."));
        }
        let state = |version| {
            Ok(pb::WatchOrderResponse {
                order: Some(pb::Order { version, ..order() }),
            })
        };
        let answers = match opened.fetch_add(1, Ordering::SeqCst) {
            0 => vec![state(1), Err(Status::unavailable("restarting"))],
            _ => vec![state(1), state(2)],
        };
        Ok(Box::pin(stream::iter(answers)) as Answers<pb::WatchOrderResponse>)
    });
    let token = shop.token(Role::Customer);
    let route = format!("GET /store/orders/{ID}/events");
    let all = shop.send(&route, &[("authorization", &token)], "").await;
    assert_eq!(ids(&all.text), ["1", "2"]);
}
