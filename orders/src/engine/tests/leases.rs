//! Who may drive an order, and for how long the dead keep others away.

use std::time::Duration;

use comptoir_proto::orders::v1::complete_cart_response::Outcome;
use jiff::Timestamp;

use crate::{
    domain::order::State,
    engine::tests::crashes::{Process, World, rest, until_crash},
    fail_points::crash,
};

#[tokio::test]
async fn five_seconds_after_a_crash_the_same_call_has_its_order() {
    let mut world = World::new().await;
    let cart = world.cart().await;
    crash::set("orders.complete.authorize.after");
    until_crash(world.complete(&cart, "tok_visa")).await;
    world.restart().await;
    world.test.clock.advance(Duration::from_secs(5));
    let answer = world.complete(&cart, "tok_visa").await.unwrap().outcome;
    assert!(matches!(answer, Some(Outcome::Placed(_))), "{answer:?}");
    rest(&world, &cart).await;
    assert_eq!(world.audit(&cart).await.unwrap().state, State::Confirmed);
}

#[tokio::test]
async fn a_live_lease_keeps_another_process_away() {
    let world = World::new().await;
    let cart = world.cart().await;
    crash::set("orders.complete.authorize.before");
    until_crash(world.complete(&cart, "tok_visa")).await;
    let other = Process::start(&world.test, &world.catalog, &world.stores).await;
    assert_eq!(other.engine.sweep().await.unwrap(), 0);
    let before = world.order_of(&cart).await.unwrap();
    let seen = other.engine.advance(&before.id).await.unwrap();
    assert_eq!(*seen, before, "looked at, not touched");
    assert_eq!(
        before.created_at,
        Timestamp::max(before.created_at, before.updated_at)
    );
}
