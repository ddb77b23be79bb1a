//! Data that an older build stored: accounts, carts and orders, and work that was half done when it was killed. This build
//! opens the data and finishes the work. `make.py` makes the data.

use std::{path::Path, process::Stdio, sync::Arc, time::Duration};

use comptoir_e2e::{
    Buyer, Shop,
    buyer::{authorisations, charges},
    databases::{beside, drop_mongo, statement},
    now, process, server,
    shop::eventually,
};
use mongodb::bson::{Bson, Document, doc};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};

/// How long the unfinished work may take.
const FINISHED: Duration = Duration::from_secs(60);
const ON_MONGO: [&str; 3] = ["auth", "orders", "notifier"];
/// The orders by name, and their final states.
const ENDS: [(&str, &str, &str); 9] = [
    ("ada", "CONFIRMED", "CAPTURED"),
    ("plain", "CONFIRMED", "CAPTURED"),
    ("fulfilled", "CONFIRMED", "CAPTURED"),
    ("partly-refunded", "CONFIRMED", "PARTIALLY_REFUNDED"),
    ("returned", "CONFIRMED", "REFUNDED"),
    ("canceled", "CANCELED", "REFUNDED"),
    // The process was killed in a refund, between authorisation and confirmation, and before a mail.
    ("half-refunded", "CONFIRMED", "PARTIALLY_REFUNDED"),
    ("half-placed", "CONFIRMED", "CAPTURED"),
    ("unsent", "CONFIRMED", "CAPTURED"),
];

/// The ids in the data.
struct Known(Value);

impl Known {
    fn text(&self, path: &str) -> &str {
        let found = self.0.pointer(path).and_then(Value::as_str);
        found.unwrap_or_else(|| panic!("{path}"))
    }

    fn cart(&self, name: &str) -> &str {
        self.text(&format!("/carts/{name}"))
    }
}

/// The fields of a cart that are compared.
async fn cart(shop: &Shop, token: Option<&str>, id: &str) -> Value {
    let query = "query($id: ID!) { cart(id: $id) { lines { quantity } discountCodes { code }
        order { id state paymentStatus cost { total { fractionalAmount } } } } }";
    shop.graphql(token, query, json!({ "id": id })).await["cart"].take()
}

async fn holds(shop: &Shop, known: &Known) {
    let admin = shop.admin().await;
    let ada = shop
        .sign_in(known.text("/customer/0"), known.text("/customer/1"))
        .await;
    for (name, quantities, codes) in [
        ("open-guest", json!([3, 1]), json!([])),
        ("open-ada", json!([2]), json!([{ "code": "TEN" }])),
    ] {
        let token = name.ends_with("ada").then_some(ada.as_str());
        let cart = cart(shop, token, known.cart(name)).await;
        let lines = cart["lines"]
            .as_array()
            .unwrap_or_else(|| panic!("{name}: {cart}"));
        let found: Value = lines.iter().map(|line| line["quantity"].clone()).collect();
        assert_eq!((found, &cart["discountCodes"]), (quantities, &codes), "{name}");
    }
    for (name, state, payment) in ENDS {
        let token = (name == "ada").then_some(ada.as_str());
        let order = eventually(&format!("{name} is {state}, {payment}"), FINISHED, || async {
            let order = cart(shop, token, known.cart(name)).await["order"].take();
            (order["state"] == state && order["paymentStatus"] == payment).then_some(order)
        })
        .await;
        let payments = shop.payments(order["id"].as_str()).await;
        assert_eq!(
            (authorisations(&payments), charges(&payments)),
            (1, 1),
            "{name}: {payments:#?}"
        );
        let amount = |of: &str| payments[0][of]["fractionalAmount"].as_i64().unwrap_or_default();
        let total = order["cost"]["total"]["fractionalAmount"].as_i64().unwrap();
        let refunded = match name {
            "partly-refunded" => 1000,
            "half-refunded" => 500,
            "returned" | "canceled" => total,
            _ => 0,
        };
        assert_eq!(
            (amount("captured"), amount("refunded")),
            (total, refunded),
            "{name}"
        );
    }
    eventually("the payment at the bank has expired", FINISHED, || async {
        let query = "query($id: ID!) { order(id: $id) { state } }";
        let id = json!({ "id": known.text("/orders/at-bank/id") });
        let data = shop.graphql(Some(&admin), query, id).await;
        let state = data["order"]["state"].as_str()?;
        ["FAILED", "CANCELED"].contains(&state).then_some(())
    })
    .await;
    let declined = cart(shop, None, known.cart("declined")).await;
    assert!(declined["order"].is_null(), "{declined}");
    for name in ["half-placed", "unsent"] {
        let subjects = eventually("both mails are sent", FINISHED, || async {
            let mails = shop.mailbox(&format!("{name}@buyer.example")).await;
            let subjects: Vec<Value> = mails.iter().map(|mail| mail["subject"].clone()).collect();
            (subjects.len() >= 2).then_some(subjects)
        });
        assert_eq!(subjects.await.len(), 2, "{name}");
    }
    // Of a hundred each, the orders above keep eight and six.
    for (variant, left) in [("/lamp", 92), ("/mug", 94)] {
        let variant = known.text(variant);
        eventually("no unit is reserved", FINISHED, || async {
            (shop.stock(&admin, variant).await == (left, 0)).then_some(())
        })
        .await;
        assert_eq!(shop.ledger(&admin, variant).await, left);
    }
    let buyer = Buyer::of(shop, known.cart("open-guest"), "open@buyer.example");
    let placed = buyer.complete("tok_visa", "key").await;
    assert_eq!(placed.kind, "CartCompleteSuccess", "{placed:?}");
    eventually("the new order is captured", FINISHED, || async {
        (buyer.order().await["paymentStatus"] == "CAPTURED").then_some(())
    })
    .await;
}

async fn audit(settings: &[(&str, &str)]) {
    let mut command = process::command("comptoir");
    command.args(["audit", "--wait", "10"]);
    let output = command.envs(settings.iter().copied()).output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_data_folder_opens_and_its_orders_are_finished() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shop/before/sqlite.tar.gz");
    let mut tar = std::process::Command::new("tar");
    tar.arg("-xzf")
        .arg(archive)
        .arg("-C")
        .arg(folder.path())
        .stdout(Stdio::null());
    assert!(tar.status().unwrap().success());
    let known = Known(serde_json::from_str(include_str!("sqlite.json")).unwrap());
    let mut shop = Shop::start_on(folder.clone(), &[]).await;
    holds(&shop, &known).await;
    assert_eq!(shop.stop().await, Some(0));
    audit(&[("COMPTOIR_DATA", folder.path().join("data").to_str().unwrap())]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn older_databases_open_and_their_orders_are_finished() {
    let test = "older_databases_open_and_their_orders_are_finished";
    let (Some(postgres), Some(mongo)) = (server("DATABASE_URL", test), server("MONGODB_URI", test)) else {
        return;
    };
    let id = format!("before{}", now().as_nanos() % 1_000_000_000_000);
    statement(&postgres, format!("CREATE DATABASE {id}"))
        .await
        .unwrap();
    let database = beside(&postgres, &id);
    let mut connection = PgConnection::connect(&database).await.unwrap();
    sqlx::raw_sql(include_str!("postgres.sql"))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let client = mongodb::Client::with_uri_str(&mongo).await.unwrap();
    for line in include_str!("mongodb.jsonl").lines() {
        let line: Document = serde_json::from_str(line).unwrap();
        let service = client.database(&format!("{id}_{}", line.get_str("service").unwrap()));
        let collection = line.get_str("collection").unwrap();
        if let Ok(indexes) = line.get_array("indexes") {
            service.create_collection(collection).await.unwrap();
            // The index of `_id` is there.
            let made = |index: &&Bson| index.as_document().unwrap().get_str("name").unwrap() != "_id_";
            let indexes: Vec<&Bson> = indexes.iter().filter(made).collect();
            if !indexes.is_empty() {
                let command = doc! { "createIndexes": collection, "indexes": indexes };
                service.run_command(command).await.unwrap();
            }
        } else {
            let document = line.get_document("document").unwrap();
            service
                .collection::<Document>(collection)
                .insert_one(document)
                .await
                .unwrap();
        }
    }
    let stores: Vec<(String, String)> = ON_MONGO
        .iter()
        .map(|service| {
            let name = format!("COMPTOIR_{}_STORE", service.to_uppercase());
            (name, beside(&mongo, &format!("{id}_{service}")))
        })
        .collect();
    let mut settings = vec![("DATABASE_URL", database.as_str())];
    settings.extend(stores.iter().map(|(name, url)| (name.as_str(), url.as_str())));
    let known = Known(serde_json::from_str(include_str!("servers.json")).unwrap());
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("sandbox.jsonl"), include_str!("sandbox.jsonl")).unwrap();
    let mut shop = Shop::start_on(folder, &settings).await;
    holds(&shop, &known).await;
    assert_eq!(shop.stop().await, Some(0));
    audit(&settings).await;
    for service in ON_MONGO {
        drop_mongo(&mongo, &format!("{id}_{service}")).await.unwrap();
    }
    let drop = format!("DROP DATABASE {id} WITH (FORCE)");
    statement(&postgres, drop).await.unwrap();
}
