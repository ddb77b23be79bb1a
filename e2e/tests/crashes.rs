//! A process that kills itself with SIGKILL at each crash point, then a restart: within 30 s and without another call the order
//! is CONFIRMED and charged once, or FAILED with nothing held or charged, and nothing acknowledged is lost.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::{process::Command, sync::Arc, time::Duration};

use comptoir_e2e::{
    Buyer, Shop,
    buyer::{Completed, authorisations, charges},
    shop::{self, eventually},
};
use futures::StreamExt as _;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// What the promise says.
const RECOVERY: Duration = Duration::from_secs(30);
/// How long a scenario may take to reach the point it dies at.
const DEATH: Duration = Duration::from_secs(20);
/// Units of the product at the start.
const UNITS: i64 = 100;
/// Processes side by side.
const SIDE_BY_SIDE: usize = 2;

/// What is going on when the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scenario {
    /// An order is placed with a card that is good, and a discount.
    Place,
    /// The card is declined: what was done is undone.
    Decline,
    /// The answer of the provider is lost once.
    Timeout,
    /// The buyer is at the bank and declines there.
    BankDeclines,
    /// A confirmed order is cancelled.
    Cancel,
    /// A part of a confirmed order is refunded, and the units are put back.
    Refund,
}

const SCENARIOS: [Scenario; 6] = [
    Scenario::Place,
    Scenario::Decline,
    Scenario::Timeout,
    Scenario::BankDeclines,
    Scenario::Cancel,
    Scenario::Refund,
];

/// The crash points that this binary has; none when it was built without them.
fn points() -> Vec<String> {
    let output = Command::new(shop::binary()).arg("fail-points").output().expect("the binary runs");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// The scenario that reaches a point first, by the point's name.
fn scenarios_for(point: &str) -> Vec<Scenario> {
    let first: &[Scenario] = match point {
        point if point.contains("cancel") => &[Scenario::Cancel],
        point if point.contains("refund") => &[Scenario::Refund, Scenario::Cancel],
        point if point.contains("undo") || point.contains("release") || point.contains("fail") => {
            &[Scenario::Decline, Scenario::BankDeclines]
        }
        _ => &[],
    };
    let rest = SCENARIOS.into_iter().filter(|scenario| !first.contains(scenario));
    first.iter().copied().chain(rest).collect()
}

/// A folder with a product, a discount and an administrator in it.
async fn seeded() -> (Arc<tempfile::TempDir>, String) {
    let mut shop = Shop::start().await;
    let admin = shop.admin().await;
    let variant = shop.add_product(&admin, "Lamp", "50.00", u32::try_from(UNITS).unwrap()).await;
    let query = "mutation($input: DiscountInput!) { discountCreate(input: $input) { userErrors { code message } } }";
    let input = json!({ "code": "TEN", "kind": "PERCENT", "value": "10", "usageLimit": 1000 });
    let data = shop.graphql(Some(&admin), query, json!({ "input": input })).await;
    assert_eq!(data["discountCreate"]["userErrors"], json!([]), "{data}");
    assert_eq!(shop.stop().await, Some(0));
    (shop.folder(), variant)
}

fn copy_of(folder: &tempfile::TempDir) -> Arc<tempfile::TempDir> {
    let copy = tempfile::tempdir().unwrap();
    let status = Command::new("cp").arg("-r").arg(folder.path().join("data")).arg(copy.path()).status().unwrap();
    assert!(status.success());
    Arc::new(copy)
}

/// What was acknowledged before the process died.
#[derive(Debug, Default)]
struct Seen {
    cart: String,
    email: String,
    /// The order was answered as placed.
    placed: bool,
    /// The cancel or refund was answered as done.
    done: bool,
}

/// Plays the scenario until the process dies or the scenario is over.
async fn play(shop: &Shop, scenario: Scenario, variant: &str) -> Seen {
    let buyer = Buyer::with_cart(shop, "crash", &[(variant, 2)]).await.with_discount("TEN").await;
    let mut seen = Seen { cart: buyer.cart.clone(), email: buyer.email.clone(), ..Seen::default() };
    let token = match scenario {
        Scenario::Decline => "tok_declined",
        Scenario::Timeout => "tok_timeout",
        Scenario::BankDeclines => "tok_requires_action",
        Scenario::Place | Scenario::Cancel | Scenario::Refund => "tok_visa",
    };
    let answer: Completed = buyer.complete(token, "the-key").await;
    seen.placed = !answer.order.is_empty() && answer.kind != "CartCompleteActionRequired";
    let result = &answer.body["data"]["cartComplete"];
    if scenario == Scenario::BankDeclines
        && let Some(payment) = result["paymentId"].as_str()
    {
        let url = shop.url(&format!("/sandbox/payments/{payment}"));
        let _ = shop.http.post(url).body("outcome=decline").header("content-type", "application/x-www-form-urlencoded").send().await;
        let _ = buyer.complete(token, "the-key").await;
    }
    if !seen.placed || !matches!(scenario, Scenario::Cancel | Scenario::Refund) {
        return seen;
    }
    let ready = async {
        loop {
            let query = "query($cart: ID!) { cart(id: $cart) { order { state } } }";
            match shop.post_graphql(None, query, json!({ "cart": buyer.cart })).await {
                Ok((_, body)) if body["data"]["cart"]["order"]["state"] == "CONFIRMED" => return true,
                Ok(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(_) => return false,
            }
        }
    };
    if !tokio::time::timeout(DEATH, ready).await.unwrap_or(false) {
        return seen;
    }
    let (query, variables) = if scenario == Scenario::Cancel {
        let access = result["order"]["accessToken"].as_str().unwrap();
        (
            "mutation($id: ID!, $access: String) { orderCancel(id: $id, accessToken: $access, idempotencyKey: \"c\") {
                order { state } userErrors { code message } } }",
            json!({ "id": answer.order, "access": access }),
        )
    } else {
        (
            "mutation($id: ID!) { orderRefund(id: $id, amount: \"10.00\", reason: \"broken\", restock: true,
                idempotencyKey: \"r\") { order { state } userErrors { code message } } }",
            json!({ "id": answer.order }),
        )
    };
    let token = if scenario == Scenario::Refund { sign_in(shop).await } else { None };
    if scenario == Scenario::Refund && token.is_none() {
        return seen;
    }
    if let Ok((StatusCode::OK, body)) = shop.post_graphql(token.as_deref(), query, variables).await {
        let field = if scenario == Scenario::Cancel { "orderCancel" } else { "orderRefund" };
        seen.done = body["data"][field]["userErrors"] == json!([]);
    }
    seen
}

/// The administrator's token, unless the process died.
async fn sign_in(shop: &Shop) -> Option<String> {
    let query = "mutation($email: String!, $password: String!) {
        tokenCreate(email: $email, password: $password) { accessToken } }";
    let variables = json!({ "email": shop::ADMIN_EMAIL, "password": shop::ADMIN_PASSWORD });
    let (_, body) = shop.post_graphql(None, query, variables).await.ok()?;
    body["data"]["tokenCreate"]["accessToken"].as_str().map(str::to_owned)
}

/// Dies at the point, starts again, and checks the promise. Gives whether the point was reached.
async fn crash(template: &tempfile::TempDir, variant: &str, point: &str, scenario: Scenario) -> bool {
    let folder = copy_of(template);
    let armed = format!("{point}=return");
    let mut shop = Shop::start_on(folder, &[("FAILPOINTS", &armed)]).await;
    let seen = play(&shop, scenario, variant).await;
    if !shop.died(Duration::from_secs(4)).await {
        return false;
    }
    shop.restart(&[("FAILPOINTS", "")]).await;
    let what = format!("{point} during {scenario:?}");
    let order = eventually(&what, RECOVERY, || async { settled(&shop, scenario, &seen).await }).await;
    audit(&shop, scenario, &seen, &order, variant, &what).await;
    true
}

/// The order, once it stands where it may end; `Null` where there is none and never will be one.
async fn settled(shop: &Shop, scenario: Scenario, seen: &Seen) -> Option<Value> {
    let query = "query($cart: ID!) { cart(id: $cart) { order { id state paymentStatus
        paymentEvents { type } cost { total { fractionalAmount } } } } }";
    let data = shop.graphql(None, query, json!({ "cart": seen.cart })).await;
    let order = data["cart"]["order"].clone();
    let state = order["state"].as_str().unwrap_or_default();
    let ended = match scenario {
        _ if order.is_null() => !seen.placed,
        Scenario::Cancel if seen.done => state == "CANCELED",
        Scenario::Cancel => ["CONFIRMED", "CANCELED"].contains(&state),
        Scenario::Refund if seen.done => order["paymentStatus"] == "PARTIALLY_REFUNDED",
        Scenario::BankDeclines => ["PENDING_PAYMENT", "FAILED"].contains(&state),
        _ => ["CONFIRMED", "FAILED"].contains(&state),
    };
    ended.then_some(order)
}

/// Compares order, stock, journal and mailbox.
async fn audit(shop: &Shop, scenario: Scenario, seen: &Seen, order: &Value, variant: &str, what: &str) {
    let admin = shop.admin().await;
    // What is settled by the order may still be on its way in stock, journal and mailbox: one condition, one bound.
    eventually(&format!("{what}: {order}: the books agree"), RECOVERY, || async {
        let state = order["state"].as_str().unwrap_or("NONE");
        let payments = match order["id"].as_str() {
            Some(id) => shop.payments(Some(id)).await,
            None => shop.payments(None).await,
        };
        let amount = |name: &str| -> i64 {
            payments.iter().map(|payment| payment[name]["fractionalAmount"].as_i64().unwrap_or(0)).sum()
        };
        let (on_hand, reserved) = shop.stock(&admin, variant).await;
        let ledger = shop.ledger(&admin, variant).await;
        let mails = shop.mailbox(&seen.email).await.len();
        let captured = charges(&payments);
        let total = order["cost"]["total"]["fractionalAmount"].as_i64().unwrap_or(0);
        let books = match state {
            "CONFIRMED" => {
                let restocked = scenario == Scenario::Refund && on_hand == UNITS;
                captured == 1
                    && authorisations(&payments) == 1
                    && amount("captured") == total
                    && (on_hand == UNITS - 2 || restocked)
                    && reserved == 0
                    && mails >= 2
            }
            "CANCELED" => amount("captured") == amount("refunded") && (on_hand, reserved) == (UNITS, 0) && mails >= 1,
            "PENDING_PAYMENT" => captured == 0 && (on_hand, reserved) == (UNITS, 2),
            _ => {
                let open = payments.iter().any(|payment| payment["status"] == "authorized");
                captured == 0 && !open && (on_hand, reserved) == (UNITS, 0) && mails == 0
            }
        };
        (books && ledger == on_hand).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_crash_point_is_survived() {
    let points: Vec<String> = points()
        .into_iter()
        .filter(|point| std::env::var("POINT").map_or(true, |wanted| point.contains(&wanted)))
        .collect();
    assert!(!points.is_empty(), "this binary has no crash points: build it with --features failpoints");
    let (template, variant) = seeded().await;
    let outcomes: Vec<(String, Option<Scenario>)> = futures::stream::iter(points)
        .map(|point| {
            let (template, variant) = (&template, &variant);
            async move {
                for scenario in scenarios_for(&point) {
                    if crash(template, variant, &point, scenario).await {
                        return (point, Some(scenario));
                    }
                }
                (point, None)
            }
        })
        .buffer_unordered(SIDE_BY_SIDE)
        .collect()
        .await;
    for (point, scenario) in &outcomes {
        println!("{point}: {}", scenario.map_or("never reached".to_owned(), |scenario| format!("{scenario:?}")));
    }
    let missed: Vec<&String> =
        outcomes.iter().filter(|(_, scenario)| scenario.is_none()).map(|(point, _)| point).collect();
    assert!(missed.is_empty(), "no scenario reaches {missed:?}");
}
