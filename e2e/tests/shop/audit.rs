//! `comptoir audit` accepts a shop's stores after every course an order can take, and names the broken invariant of a damaged
//! store.

use std::{collections::BTreeSet, path::Path, process::Output, time::Duration};

use comptoir_e2e::{
    Buyer, Calls, Shop,
    cluster::{Cluster, Servers},
    process,
    shop::eventually,
};
use mongodb::bson::{Bson, Document, doc};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use tokio::process::Command;

/// Damage to a store, and the only invariant that it breaks.
struct Damage {
    promise: &'static str,
    store: &'static str,
    statements: &'static [&'static str],
}

const DAMAGES: [Damage; 10] = [
    // An order whose units went back to stock as if they had not been bought.
    Damage {
        promise: "I1",
        store: "catalog",
        statements: &[
            "UPDATE stock SET on_hand = on_hand + (SELECT COALESCE(SUM(l.quantity), 0) FROM reservation_lines l
             JOIN reservations r ON r.id = l.reservation_id WHERE r.state = 'sold' AND l.variant_id = stock.variant_id)",
            "DELETE FROM stock_movements WHERE order_id IN (SELECT id FROM reservations WHERE state = 'sold')",
            "UPDATE reservations SET state = 'released' WHERE state = 'sold'",
        ],
    },
    Damage {
        promise: "I2",
        store: "catalog",
        statements: &["UPDATE stock SET reserved = reserved + 1"],
    },
    Damage {
        promise: "I2",
        store: "orders",
        statements: &["DELETE FROM orders WHERE state = 'CONFIRMED'"],
    },
    Damage {
        promise: "I4",
        store: "catalog",
        statements: &["UPDATE stock SET on_hand = on_hand + 1"],
    },
    Damage {
        promise: "I13",
        store: "orders",
        statements: &["UPDATE orders SET document = json_set(document, '$.history[0].from', 'PLACED') WHERE state = 'CONFIRMED'"],
    },
    Damage {
        promise: "I15",
        store: "orders",
        statements: &["UPDATE orders SET document = json_set(document, '$.contents.cost.total',
                       json_extract(document, '$.contents.cost.total') + 1) WHERE state = 'CONFIRMED'"],
    },
    Damage {
        promise: "I18",
        store: "orders",
        statements: &["UPDATE orders SET revenue = revenue - 1 WHERE state = 'CONFIRMED'"],
    },
    Damage {
        promise: "I19",
        store: "orders",
        statements: &["UPDATE orders SET document = json_set(document, '$.payment.payment_id', 'pay_one') WHERE state = 'CONFIRMED'"],
    },
    Damage {
        promise: "I22",
        store: "orders",
        statements: &["UPDATE orders SET document = json_set(document, '$.events', 1) WHERE state = 'CONFIRMED'"],
    },
    Damage {
        promise: "I22",
        store: "catalog",
        statements: &["UPDATE sequences SET sequence = 0"],
    },
];

/// The invariants that the output calls broken.
fn broken(output: &Output) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(&output.stdout);
    let verdicts = text.lines().filter(|line| line.starts_with('I'));
    assert_eq!(
        verdicts.clone().count(),
        8,
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    verdicts
        .filter(|line| line.contains("BROKEN"))
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

async fn audit(mut command: Command) -> Output {
    command.args(["audit", "--wait", "1"]).output().await.unwrap()
}

async fn audit_of(folder: &Path) -> Output {
    let mut command = process::command("comptoir");
    command.env("COMPTOIR_DATA", folder);
    audit(command).await
}

/// Every invariant holds.
fn sound(output: &Output) {
    assert_eq!(
        (broken(output), output.status.code()),
        (BTreeSet::new(), Some(0)),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

fn names(output: &Output, promise: &str, what: &str) {
    assert_eq!(
        (broken(output), output.status.code()),
        (BTreeSet::from([promise.to_owned()]), Some(1)),
        "{what}: {}",
        String::from_utf8_lossy(&output.stdout)
    );
}

/// A call of the back office about an order.
async fn act(calls: &Calls, admin: &str, order: &str, path: &str, body: serde_json::Value) {
    let request = calls
        .http
        .post(calls.url(&format!("/admin/orders/{order}/{path}")))
        .bearer_auth(admin)
        .header("idempotency-key", path)
        .json(&body);
    let answer = request.send().await.unwrap();
    assert!(
        answer.status().is_success(),
        "{path}: {}",
        answer.text().await.unwrap()
    );
}

/// Places an order and waits for its capture; returns its id.
async fn bought(calls: &Calls, name: &str, variant: &str) -> String {
    let buyer = Buyer::with_cart(calls, name, &[(variant, 2)]).await;
    let placed = buyer.complete("tok_visa", "key").await;
    assert_eq!(placed.kind, "CartCompleteSuccess", "{placed:?}");
    eventually("the order is captured", Duration::from_secs(20), || async {
        (buyer.order().await["state"] == "CONFIRMED").then_some(())
    })
    .await;
    placed.order
}

#[tokio::test(flavor = "multi_thread")]
async fn every_damage_is_named() {
    let mut shop = Shop::start().await;
    let admin = shop.admin().await;
    let variant = shop.add_product(&admin, "Lamp", "49.90", 100).await;
    bought(&shop, "one", &variant).await;
    bought(&shop, "two", &variant).await;
    for (path, body) in [
        ("cancel", json!({})),
        ("fulfill", json!({ "trackingNumber": "1Z" })),
        ("refund", json!({ "amount": "10.00", "reason": "scratched" })),
    ] {
        let order = bought(&shop, path, &variant).await;
        act(&shop, &admin, &order, path, body).await;
    }
    let returned = bought(&shop, "returned", &variant).await;
    act(
        &shop,
        &admin,
        &returned,
        "refund",
        json!({ "reason": "all back", "restock": true }),
    )
    .await;
    let declined = Buyer::with_cart(&shop, "declined", &[(&variant, 1)]).await;
    assert_eq!(
        declined.complete("tok_declined", "key").await.code,
        "PAYMENT_DECLINED"
    );
    let asked = Buyer::with_cart(&shop, "asked", &[(&variant, 1)]).await;
    let asked = asked.complete("tok_requires_action", "key").await;
    assert_eq!(asked.kind, "CartCompleteActionRequired", "{asked:?}");
    let removed = shop.add_product(&admin, "Gone", "5.00", 10).await;
    bought(&shop, "gone", &removed).await;

    // While the shop runs, and after it has stopped.
    let data = shop.folder().path().join("data");
    sound(&audit_of(&data).await);
    assert_eq!(shop.stop().await, Some(0));
    sound(&audit_of(&data).await);

    for Damage {
        promise,
        store,
        statements,
    } in DAMAGES
    {
        let copy = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(&data).unwrap() {
            let file = file.unwrap();
            if file.file_type().unwrap().is_file() {
                std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
            }
        }
        let file = copy.path().join(format!("{store}.db"));
        let mut database = SqliteConnection::connect(file.to_str().unwrap()).await.unwrap();
        for statement in statements {
            let done = sqlx::query(*statement).execute(&mut database).await.unwrap();
            assert!(done.rows_affected() > 0, "{statement}");
        }
        database.close().await.unwrap();
        names(&audit_of(copy.path()).await, promise, statements[0]);
    }

    let nothing = tempfile::tempdir().unwrap();
    let output = audit_of(nothing.path()).await;
    assert_eq!(output.status.code(), Some(78));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("catalog.db"),
        "{output:?}"
    );
    assert_eq!(
        std::fs::read_dir(nothing.path()).unwrap().count(),
        0,
        "nothing is created"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_damage_on_servers_is_named() {
    let Some(servers) = Servers::of_environment("every_damage_on_servers_is_named") else {
        return;
    };
    let cluster = Cluster::start(&servers, 1, &[]).await;
    let admin = cluster.admin().await;
    let variant = cluster.add_product(&admin, "Lamp", "49.90", 100).await;
    for name in ["one", "two"] {
        bought(&cluster, name, &variant).await;
    }
    let order = bought(&cluster, "three", &variant).await;
    act(
        &cluster,
        &admin,
        &order,
        "refund",
        json!({ "reason": "all back", "restock": true }),
    )
    .await;
    sound(&audit(cluster.operator()).await);

    let mut database = sqlx::PgConnection::connect(cluster.setting("DATABASE_URL"))
        .await
        .unwrap();
    for (promise, damage, repair) in [
        ("I4", "on_hand = on_hand + 1", "on_hand = on_hand - 1"),
        ("I2", "reserved = reserved + 1", "reserved = reserved - 1"),
    ] {
        // The statements are the constants above.
        let update = |set| sqlx::query(AssertSqlSafe(format!("UPDATE stock SET {set}")));
        update(damage).execute(&mut database).await.unwrap();
        names(&audit(cluster.operator()).await, promise, damage);
        update(repair).execute(&mut database).await.unwrap();
    }

    let client = mongodb::Client::with_uri_str(cluster.setting("COMPTOIR_ORDERS_STORE"))
        .await
        .unwrap();
    let orders = client
        .default_database()
        .unwrap()
        .collection::<Document>("orders");
    for (promise, field, value) in [
        ("I13", "order.history.0.from", Bson::from("PLACED")),
        ("I15", "order.contents.cost.total", Bson::from(1_i64)),
        ("I18", "revenue", Bson::from(1_i64)),
        ("I22", "order.events", Bson::from(1_i64)),
    ] {
        let one = orders.find_one(doc! { "_id": &order }).await.unwrap().unwrap();
        let damage = doc! { "$set": { field: value } };
        orders.update_one(doc! { "_id": &order }, damage).await.unwrap();
        names(&audit(cluster.operator()).await, promise, field);
        orders.replace_one(doc! { "_id": &order }, one).await.unwrap();
    }
    sound(&audit(cluster.operator()).await);
}
