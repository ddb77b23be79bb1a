//! What is kept of public answers, and until when.

use std::time::Duration;

use comptoir_mesh::identity::Role;
use serde_json::json;

use crate::support::served::{Shop, send};
use crate::support::until;

const LAMP: &str = "{ product(slug: \"lamp\") { title } }";
/// Entries that only events can remove within a test.
const LONG: &[&str] = &["--response-cache-age", "600000"];

async fn title(shop: &Shop) -> String {
    shop.query(LAMP).await.json()["data"]["product"]["title"]
        .as_str()
        .unwrap_or("none")
        .to_owned()
}

#[tokio::test]
async fn the_second_guest_costs_no_call() {
    let shop = Shop::open(LONG).await;
    let first = shop.query(LAMP).await;
    let calls = shop.fakes.calls().len();
    let second = shop.query(LAMP).await;
    assert_eq!((&first.text, shop.fakes.calls().len()), (&second.text, calls));
    assert_eq!(second.header("x-request-id"), "request-1");
    assert_eq!(second.header("x-ratelimit-remaining"), "598");
}

#[tokio::test]
async fn a_change_is_shown_when_its_event_was_heard() {
    let shop = Shop::open(LONG).await;
    assert_eq!(title(&shop).await, "Lamp");
    shop.lamp.rename("Lantern");
    assert_eq!(title(&shop).await, "Lamp");
    shop.announce_change().await;
    until("the new title is shown", async || title(&shop).await == "Lantern").await;
}

#[tokio::test]
async fn a_reading_from_before_a_change_is_not_kept_after_it() {
    let shop = Shop::open(LONG).await;
    shop.fakes.slow_down(Duration::from_millis(300));
    // The catalog reads the old title, then takes its time to say so.
    let reader = shop.post(json!({ "query": LAMP }).to_string());
    let reading = tokio::spawn(send(reader));
    until("the catalog was asked", async || {
        shop.fakes.count("get_product") == 1
    })
    .await;
    shop.lamp.rename("Lantern");
    shop.announce_change().await;
    // Let the gateway hear it: its listener runs on this very thread.
    tokio::time::sleep(Duration::from_millis(50)).await;
    // Who comes after the change does not wait for the old reading.
    let after = title(&shop).await;
    let before = reading.await.expect("an answer").json();
    assert_eq!(before["data"]["product"]["title"], "Lamp");
    assert_eq!(after, "Lantern");
    assert_eq!(title(&shop).await, "Lantern");
}

#[tokio::test]
async fn what_a_replica_says_that_is_behind_is_not_kept_for_long() {
    let shop = Shop::open(LONG).await;
    // An earlier change, whose second invalidation comes between the next one and the replica's hearing of it.
    shop.announce_change().await;
    tokio::time::sleep(Duration::from_millis(750)).await;
    shop.announce_change().await;
    tokio::time::sleep(Duration::from_millis(350)).await;
    // The catalog that is asked has not heard of the change itself.
    assert_eq!(title(&shop).await, "Lamp");
    shop.lamp.rename("Lantern");
    until("the new title is shown", async || title(&shop).await == "Lantern").await;
}

#[tokio::test]
async fn many_guests_are_one_load() {
    let shop = Shop::open(LONG).await;
    shop.fakes.slow_down(Duration::from_millis(200));
    let answers = futures::future::join_all((0..50).map(|_| shop.query(LAMP))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(shop.fakes.count("get_product"), 1);
}

#[tokio::test]
async fn a_load_goes_on_when_its_first_guest_goes_away() {
    let shop = Shop::open(LONG).await;
    shop.fakes.slow_down(Duration::from_millis(200));
    let gone = shop
        .post(json!({ "query": LAMP }).to_string())
        .timeout(Duration::from_millis(50))
        .send()
        .await;
    assert!(gone.is_err());
    assert_eq!(title(&shop).await, "Lamp");
    assert_eq!(shop.fakes.count("get_product"), 1);
}

#[tokio::test]
async fn age_alone_shows_a_change_too() {
    let shop = Shop::open(&["--response-cache-age", "400"]).await;
    assert_eq!(title(&shop).await, "Lamp");
    shop.lamp.rename("Lantern");
    tokio::time::sleep(Duration::from_millis(410)).await;
    assert_eq!(title(&shop).await, "Lantern");
}

#[tokio::test]
async fn signed_in_callers_share_nothing() {
    let shop = Shop::open(LONG).await;
    assert_eq!(title(&shop).await, "Lamp");
    shop.lamp.rename("Lantern");
    for role in [Role::Customer, Role::Staff, Role::Admin] {
        let token = shop.test.token(&shop.test.env.ids.new_id("user_"), role);
        let answer = send(shop.post(json!({ "query": LAMP }).to_string()).bearer_auth(token)).await;
        assert_eq!(answer.json()["data"]["product"]["title"], "Lantern", "{role:?}");
    }
    assert_eq!(title(&shop).await, "Lamp");
}

#[tokio::test]
async fn errors_and_private_answers_are_not_kept() {
    let shop = Shop::open(LONG).await;
    for document in [
        "{ product(slug: \"gone\") { title } }",
        "{ orderByAccessToken(token: \"x\") { id } }",
    ] {
        shop.query(document).await;
        let calls = shop.fakes.calls().len();
        shop.query(document).await;
        assert!(shop.fakes.calls().len() > calls, "{document}");
    }
}

#[tokio::test]
async fn it_can_be_turned_off() {
    let shop = Shop::open(&["--response-cache", "false"]).await;
    assert_eq!(title(&shop).await, "Lamp");
    shop.lamp.rename("Lantern");
    assert_eq!(title(&shop).await, "Lantern");
}

#[tokio::test]
async fn a_product_by_rest_is_one_call_until_it_changes() {
    let shop = Shop::open(LONG).await;
    let lamp = async || send(shop.get("/store/products/lamp")).await;
    let calls = shop.fakes.calls().len();
    let first = lamp().await;
    assert_eq!(
        (first.status.as_u16(), shop.fakes.calls().len()),
        (200, calls + 1)
    );
    let second = lamp().await;
    assert_eq!((&second.text, shop.fakes.calls().len()), (&first.text, calls + 1));
    assert_eq!(second.header("etag"), first.header("etag"));
    assert_eq!(second.header("cache-control"), "public, max-age=1");
    let known = shop
        .get("/store/products/lamp")
        .header("if-none-match", first.header("etag"));
    assert_eq!(send(known).await.status.as_u16(), 304);

    shop.lamp.rename("Lantern");
    assert_eq!(lamp().await.text, first.text);
    shop.announce_change().await;
    until("the new title is shown", async || {
        lamp().await.json()["title"] == "Lantern"
    })
    .await;
    assert_eq!(shop.fakes.count("get_product"), 2);
}

#[tokio::test]
async fn signed_in_callers_read_a_product_by_rest_from_the_catalog() {
    let shop = Shop::open(LONG).await;
    send(shop.get("/store/products/lamp")).await;
    shop.lamp.rename("Lantern");
    let token = shop
        .test
        .token(&shop.test.env.ids.new_id("user_"), Role::Customer);
    let answer = send(shop.get("/store/products/lamp").bearer_auth(token)).await;
    assert_eq!(answer.json()["title"], "Lantern");
    assert_eq!(answer.header("cache-control"), "no-store");
    let guest = send(shop.get("/store/products/lamp")).await;
    assert_eq!(guest.json()["title"], "Lamp");
}

#[tokio::test]
async fn a_product_that_is_absent_is_asked_for_each_time() {
    let shop = Shop::open(LONG).await;
    for calls in 1..=2 {
        let answer = send(shop.get("/store/products/nothing")).await;
        assert_eq!(
            (answer.code(), shop.fakes.count("get_product")),
            ("404 NOT_FOUND".to_owned(), calls)
        );
    }
}

#[tokio::test]
async fn what_rest_stores_answers_no_graphql() {
    let shop = Shop::open(LONG).await;
    send(shop.get("/store/products/lamp")).await;
    let answer = send(shop.post("/store/products/lamp")).await;
    assert_eq!(answer.status.as_u16(), 400, "{}", answer.text);
}
