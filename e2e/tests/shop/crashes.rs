//! A process that kills itself with SIGKILL at each fail point, and a restart. Within 30 s and without another call the order
//! is CONFIRMED and charged once, or FAILED with nothing reserved or charged, and nothing acknowledged is lost.
//!
//! A quick run leaves out the points before a write, where the stores are as they are after the previous write.

use std::{process::Command, sync::Arc, time::Duration};

use comptoir_e2e::{
    Buyer, Shop,
    buyer::{Completed, authorisations, charges},
    calls, is_full, process,
    shop::eventually,
};
use futures::StreamExt as _;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// The promised time.
const RECOVERY: Duration = Duration::from_secs(30);
/// How long a scenario may take to reach its fail point.
const DEATH: Duration = Duration::from_secs(20);
/// Units of the product at the start.
const UNITS: i64 = 100;
/// Processes at the same time. Each mostly waits for a lease of the process that died.
const CONCURRENCY: usize = 4;

/// What happens when the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scenario {
    /// A customer registers, confirms the address, signs in and refreshes the session.
    Account,
    /// An order is placed with a valid card and a discount.
    Place,
    /// The card is declined: the steps are undone.
    Decline,
    /// Capturing fails once.
    CaptureFails,
    /// The buyer is at the bank and approves there.
    BankApproves,
    /// The order is cancelled while the buyer is at the bank.
    CancelAtBank,
    /// A confirmed order is cancelled.
    Cancel,
    /// A part of a confirmed order is refunded, and the units are put back.
    Refund,
}

/// The scenario that reaches a fail point. `Err` says why none does; the services' own tests crash there.
fn scenario_for(point: &str) -> Result<Scenario, &'static str> {
    let step = |prefix: &str| point.starts_with(prefix);
    if step("orders.complete.reprice") {
        return Err("the cart has to change between two statements of one call");
    }
    if step("orders.lease.renew") {
        return Err("a step has to take some seconds and come back");
    }
    if step("notifier.bury") {
        return Err("no service sends a record that cannot be processed");
    }
    Ok(if step("auth.") {
        Scenario::Account
    } else if step("orders.complete.await") || step("orders.complete.lookup") || step("orders.lease.take") {
        Scenario::BankApproves
    } else if step("orders.lease.rest") {
        Scenario::CaptureFails
    } else if step("orders.cancel.void") || step("orders.cancel.claim") {
        Scenario::CancelAtBank
    } else if step("orders.cancel") {
        Scenario::Cancel
    } else if step("orders.refund") {
        Scenario::Refund
    } else if step("orders.undo") || step("catalog.release") {
        Scenario::Decline
    } else {
        Scenario::Place
    })
}

/// The fail points of the binary; empty when it was built without them.
fn points() -> Vec<String> {
    let output = Command::new(process::binary("comptoir"))
        .arg("fail-points")
        .output()
        .expect("the binary runs");
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

/// A folder with a product, a discount and an administrator in it.
async fn seeded() -> (Arc<tempfile::TempDir>, String) {
    let mut shop = Shop::start().await;
    let admin = shop.admin().await;
    let variant = shop
        .add_product(&admin, "Lamp", "50.00", u32::try_from(UNITS).unwrap())
        .await;
    let query =
        "mutation($input: DiscountInput!) { discountCreate(input: $input) { userErrors { code message } } }";
    let input = json!({ "code": "TEN", "kind": "PERCENT", "value": "10", "usageLimit": 1000 });
    let data = shop.graphql(Some(&admin), query, json!({ "input": input })).await;
    assert_eq!(data["discountCreate"]["userErrors"], json!([]), "{data}");
    // A process on a copy would publish an event that is left, and die before it is ready.
    eventually("all events are published", RECOVERY, || async {
        let url = format!("http://127.0.0.1:{}/metrics", shop.ports().admin);
        let metrics = shop.http.get(url).send().await.unwrap().text().await.unwrap();
        let mut pending = metrics.lines().filter(|line| line.starts_with("outbox_pending{"));
        (metrics.contains("outbox_pending{topic=\"comptoir.catalog.v1\"}")
            && pending.all(|line| line.ends_with(" 0")))
        .then_some(())
    })
    .await;
    assert_eq!(shop.stop().await, Some(0));
    (shop.folder(), variant)
}

fn copy_of(folder: &tempfile::TempDir) -> Arc<tempfile::TempDir> {
    let copy = tempfile::tempdir().unwrap();
    let status = Command::new("cp")
        .arg("-r")
        .arg(folder.path().join("data"))
        .arg(copy.path())
        .status()
        .unwrap();
    assert!(status.success());
    Arc::new(copy)
}

/// What was acknowledged before the process died.
#[derive(Debug, Default)]
struct Seen {
    cart: String,
    email: String,
    /// The response said that the order was placed.
    placed: bool,
    /// The bank accepted the buyer's approval.
    approved: bool,
    /// The response said that the cancellation or refund was done.
    done: bool,
    /// The registration was accepted.
    registered: bool,
    /// The response said that the address was confirmed.
    confirmed: bool,
}

const PASSWORD: &str = "a long pass phrase";

/// Plays the scenario until the process dies or the scenario is over.
async fn play(shop: &Shop, scenario: Scenario, variant: &str) -> Seen {
    if scenario == Scenario::Account {
        return play_account(shop).await;
    }
    let buyer = Buyer::with_cart(shop, "crash", &[(variant, 2)])
        .await
        .with_discount("TEN")
        .await;
    let mut seen = Seen {
        cart: buyer.cart.clone(),
        email: buyer.email.clone(),
        ..Seen::default()
    };
    let token = match scenario {
        Scenario::Decline => "tok_declined",
        Scenario::CaptureFails => "tok_capture_fails",
        Scenario::BankApproves | Scenario::CancelAtBank => "tok_requires_action",
        Scenario::Account | Scenario::Place | Scenario::Cancel | Scenario::Refund => "tok_visa",
    };
    let answer: Completed = buyer.complete(token, "the-key").await;
    let result = &answer.body["data"]["cartComplete"];
    seen.placed = !answer.order.is_empty() && answer.kind != "CartCompleteActionRequired";
    if let Some(payment) = result["paymentId"].as_str()
        && scenario == Scenario::BankApproves
    {
        let url = shop.url(&format!("/sandbox/payments/{payment}"));
        let form = shop
            .http
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded");
        seen.approved = form.body("outcome=approve").send().await.is_ok();
        let _ = buyer.complete(token, "the-key").await;
    }
    let access = result["order"]["accessToken"].as_str().unwrap_or_default();
    match scenario {
        Scenario::CancelAtBank if !access.is_empty() => seen.done = cancel(shop, &answer.order, access).await,
        Scenario::Cancel if seen.placed && captured(shop, &buyer).await => {
            seen.done = cancel(shop, &answer.order, access).await;
        }
        Scenario::Refund if seen.placed && captured(shop, &buyer).await => {
            seen.done = refund(shop, &answer.order).await;
        }
        _ => {}
    }
    seen
}

/// Waits for the capture; false when the process died first.
async fn captured(shop: &Shop, buyer: &Buyer<'_>) -> bool {
    let ready = async {
        loop {
            let query = "query($cart: ID!) { cart(id: $cart) { order { state } } }";
            match shop
                .post_graphql(None, query, json!({ "cart": buyer.cart }))
                .await
            {
                Ok((_, body)) if body["data"]["cart"]["order"]["state"] == "CONFIRMED" => return true,
                Ok(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(_) => return false,
            }
        }
    };
    tokio::time::timeout(DEATH, ready).await.unwrap_or(false)
}

/// Cancels; returns whether the response said so.
async fn cancel(shop: &Shop, order: &str, access: &str) -> bool {
    let query = "mutation($id: ID!, $access: String) { orderCancel(id: $id, accessToken: $access, idempotencyKey: \"c\") {
        order { state } userErrors { code message } } }";
    match shop
        .post_graphql(None, query, json!({ "id": order, "access": access }))
        .await
    {
        Ok((StatusCode::OK, body)) => body["data"]["orderCancel"]["userErrors"] == json!([]),
        _ => false,
    }
}

/// Refunds a part and puts the units back; returns whether the response said so.
async fn refund(shop: &Shop, order: &str) -> bool {
    let Some(admin) = sign_in(shop).await else {
        return false;
    };
    let query =
        "mutation($id: ID!) { orderRefund(id: $id, amount: \"10.00\", reason: \"broken\", restock: true,
        idempotencyKey: \"r\") { order { state } userErrors { code message } } }";
    match shop
        .post_graphql(Some(&admin), query, json!({ "id": order }))
        .await
    {
        Ok((StatusCode::OK, body)) => body["data"]["orderRefund"]["userErrors"] == json!([]),
        _ => false,
    }
}

/// Registers, confirms by the mailed link, signs in, refreshes.
async fn play_account(shop: &Shop) -> Seen {
    let email = "crash@account.example".to_owned();
    let mut seen = Seen {
        email: email.clone(),
        ..Seen::default()
    };
    let query = "mutation($email: String!, $password: String!) {
        accountRegister(input: { email: $email, password: $password }) { accepted } }";
    let variables = json!({ "email": email, "password": PASSWORD });
    let Ok((_, body)) = shop.post_graphql(None, query, variables.clone()).await else {
        return seen;
    };
    seen.registered = body["data"]["accountRegister"]["accepted"] == json!(true);
    let Some(token) = mailed_token(shop, &email).await else {
        return seen;
    };
    let query = "mutation($token: String!) { accountConfirm(token: $token) { user { id } } }";
    let Ok((_, body)) = shop.post_graphql(None, query, json!({ "token": token })).await else {
        return seen;
    };
    seen.confirmed = body["data"]["accountConfirm"]["user"]["id"].is_string();
    let query = "mutation($email: String!, $password: String!) {
        tokenCreate(email: $email, password: $password) { refreshToken } }";
    let Ok((_, body)) = shop.post_graphql(None, query, variables).await else {
        return seen;
    };
    let refresh = &body["data"]["tokenCreate"]["refreshToken"];
    let query =
        "mutation($token: String!) { tokenRefresh(refreshToken: $token, requestId: \"r\") { accessToken } }";
    let _ = shop.post_graphql(None, query, json!({ "token": refresh })).await;
    seen
}

/// The token of the newest confirmation mail; `None` when the process died first.
async fn mailed_token(shop: &Shop, email: &str) -> Option<String> {
    for _ in 0..600 {
        let request = shop
            .http
            .get(shop.url("/mailbox"))
            .query(&[("to", email)])
            .header("accept", "application/json");
        let mails: Value = request.send().await.ok()?.json().await.ok()?;
        if let Some(text) = mails[0]["text"].as_str() {
            let (_, rest) = text.split_once("confirm?token=")?;
            return rest.split_whitespace().next().map(str::to_owned);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    None
}

/// The administrator's token, unless the process died.
async fn sign_in(shop: &Shop) -> Option<String> {
    let query = "mutation($email: String!, $password: String!) {
        tokenCreate(email: $email, password: $password) { accessToken } }";
    let variables = json!({ "email": calls::ADMIN_EMAIL, "password": calls::ADMIN_PASSWORD });
    let (_, body) = shop.post_graphql(None, query, variables).await.ok()?;
    body["data"]["tokenCreate"]["accessToken"]
        .as_str()
        .map(str::to_owned)
}

/// Dies at the point, starts again, and checks the promise. Returns whether the point was reached.
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
    if scenario == Scenario::Account {
        audit_account(&shop, &seen, &what).await;
        return true;
    }
    audit(&shop, scenario, &seen, variant, &what).await;
    true
}

/// The order, once it has a state in which it may end; `Null` when there never will be an order.
async fn settled(shop: &Shop, scenario: Scenario, seen: &Seen) -> Option<Value> {
    let query = "query($cart: ID!) { cart(id: $cart) { order { id state paymentStatus
        paymentEvents { type } cost { total { fractionalAmount } } } } }";
    let data = shop.graphql(None, query, json!({ "cart": seen.cart })).await;
    let order = data["cart"]["order"].clone();
    let state = order["state"].as_str().unwrap_or_default();
    let ended = match scenario {
        _ if order.is_null() => !seen.placed,
        Scenario::Cancel | Scenario::CancelAtBank if seen.done => state == "CANCELED",
        Scenario::Cancel => ["CONFIRMED", "CANCELED"].contains(&state),
        Scenario::Refund if seen.done => order["paymentStatus"] == "PARTIALLY_REFUNDED",
        Scenario::BankApproves if seen.approved => state == "CONFIRMED",
        Scenario::BankApproves | Scenario::CancelAtBank => {
            ["PENDING_PAYMENT", "CONFIRMED", "CANCELED", "FAILED"].contains(&state)
        }
        Scenario::Decline => state == "FAILED",
        _ => ["CONFIRMED", "FAILED"].contains(&state),
    };
    ended.then_some(order)
}

/// What was acknowledged of the account is stored: the mail arrives, and a confirmed customer can sign in.
async fn audit_account(shop: &Shop, seen: &Seen, what: &str) {
    if seen.registered {
        eventually(&format!("{what}: the mail"), RECOVERY, || async {
            (!shop.mailbox(&seen.email).await.is_empty()).then_some(())
        })
        .await;
    }
    if seen.confirmed {
        assert!(!shop.sign_in(&seen.email, PASSWORD).await.is_empty(), "{what}");
    }
    let mails = shop.mailbox(&seen.email).await.len();
    assert!(mails <= 1, "{what}: {mails} mails");
}

/// Compares order, stock, journal and mailbox.
async fn audit(shop: &Shop, scenario: Scenario, seen: &Seen, variant: &str, what: &str) {
    let admin = shop.admin().await;
    // Order, stock, journal and mailbox come to rest one after the other: one condition over all of them.
    eventually(&format!("{what}: the books agree"), RECOVERY, || async {
        let order = settled(shop, scenario, seen).await?;
        let state = order["state"].as_str().unwrap_or("NONE");
        let payments = match order["id"].as_str() {
            Some(id) => shop.payments(Some(id)).await,
            None => shop.payments(None).await,
        };
        let amount = |name: &str| -> i64 {
            payments
                .iter()
                .map(|payment| payment[name]["fractionalAmount"].as_i64().unwrap_or(0))
                .sum()
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
            "CANCELED" => {
                amount("captured") == amount("refunded") && (on_hand, reserved) == (UNITS, 0) && mails >= 1
            }
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
async fn an_order_survives_every_fail_point() {
    let points: Vec<String> = points()
        .into_iter()
        .filter(|point| match std::env::var("POINT") {
            Ok(part) => point.contains(&part),
            Err(_) => is_full() || point.ends_with(".after"),
        })
        .collect();
    assert!(
        !points.is_empty(),
        "the binary has no fail points: build it with --features comptoir-standalone/failpoints"
    );
    let (template, variant) = seeded().await;
    let outcomes: Vec<(String, Result<(), &str>)> = futures::stream::iter(points)
        .map(|point| {
            let (template, variant) = (&template, &variant);
            async move {
                let outcome = match scenario_for(&point) {
                    Err(reason) => Err(reason),
                    Ok(scenario) => {
                        let reached = crash(template, variant, &point, scenario).await;
                        println!("{point}: {scenario:?}");
                        assert!(reached, "{scenario:?} does not reach {point}");
                        Ok(())
                    }
                };
                (point, outcome)
            }
        })
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await;
    for (point, outcome) in &outcomes {
        if let Err(reason) = outcome {
            println!("{point}: not over sockets, as {reason}");
        }
    }
    let survived = outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).count();
    println!("{survived} of {} fail points", outcomes.len());
}
