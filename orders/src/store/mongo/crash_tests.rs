//! What MongoDB's documents look like, and what becomes of them where a process died between two writes.

use bytes::Bytes;
use jiff::Timestamp;
use mongodb::{
    Collection,
    bson::{Bson, Document, doc},
};

use crate::{
    domain::{
        discount::{Discount, Kind, Use, fold},
        order::{Contents, Lease, Order, Payment, State},
    },
    store::{
        Stores,
        contract::{on_server, orders::contents},
        orders::Entry,
    },
    testing::mongo::Database,
};

fn moment() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

struct Server {
    stores: Stores,
    raw: mongodb::Database,
    database: Database,
}

impl Server {
    async fn of(test: &str) -> Option<Self> {
        let database = Database::of(test)?;
        let client = mongodb::Client::with_uri_str(database.url()).await.unwrap();
        Some(Self {
            stores: on_server(&database).await,
            raw: client.default_database().unwrap(),
            database,
        })
    }

    fn collection(&self, name: &str) -> Collection<Document> {
        self.raw.collection(name)
    }

    /// A discount that a customer may use once.
    async fn once(test: &str) -> Option<Self> {
        let server = Self::of(test).await?;
        let discount = Discount {
            id: "disc_1".to_owned(),
            version: 1,
            code: "ONCE".to_owned(),
            kind: Kind::Fixed(100),
            currency: "EUR".to_owned(),
            starts_at: None,
            ends_at: None,
            usage_limit: Some(2),
            usage_limit_per_customer: Some(1),
            minimum_subtotal: None,
            created_at: moment(),
            updated_at: moment(),
        };
        assert!(server.stores.discounts.insert_discount(&discount).await.unwrap());
        Some(server)
    }

    async fn used(&self, order_id: &str, customer: &str) -> Use {
        let discounts = &self.stores.discounts;
        discounts
            .use_discount("disc_1", order_id, &[customer.to_owned()])
            .await
            .unwrap()
    }

    async fn give_back(&self, order_id: &str) {
        self.stores
            .discounts
            .give_back_discount("disc_1", order_id)
            .await
            .unwrap();
    }

    /// As if the process had died after the discount's document was written.
    async fn forget(&self, order_id: &str) {
        let uses = self.collection("discount_uses");
        let done = uses.delete_one(doc! { "order": order_id });
        assert_eq!(done.await.unwrap().deleted_count, 1);
    }

    /// The same, where the record of the use was there already.
    async fn forget_return(&self, order_id: &str) {
        let uses = self.collection("discount_uses");
        let done = uses.update_one(
            doc! { "order": order_id },
            doc! { "$set": { "given_back": false } },
        );
        assert_eq!(done.await.unwrap().modified_count, 1);
    }

    /// (of all, of this customer)
    async fn counts(&self, customer: &str) -> (i64, i64) {
        let codes = [fold("once")];
        let found = self
            .stores
            .discounts
            .discounts_by_code(&codes, &[customer.to_owned()])
            .await;
        let found = &found.unwrap()[0];
        (found.times_used, found.times_used_by_customer)
    }
}

#[tokio::test]
async fn a_use_that_was_not_recorded_counts() {
    let Some(server) = Server::once("a_use_that_was_not_recorded_counts").await else {
        return;
    };
    assert_eq!(server.used("order_1", "user_1").await, Use::Counted);
    server.forget("order_1").await;
    assert_eq!(server.counts("user_1").await, (1, 1));
    assert_eq!(
        server.used("order_1", "user_1").await,
        Use::Counted,
        "asked again"
    );
    server.forget("order_1").await;
    assert_eq!(
        server.used("order_2", "user_1").await,
        Use::CustomerLimitReached,
        "the next one of the same customer"
    );
    server.forget("order_1").await;
    assert_eq!(server.used("order_3", "user_2").await, Use::Counted);
    assert_eq!(server.counts("user_1").await, (2, 1), "recorded by the next call");
    server.give_back("order_1").await;
    assert_eq!(server.counts("user_1").await, (1, 0));
}

#[tokio::test]
async fn a_return_that_was_not_recorded_counts() {
    let Some(server) = Server::once("a_return_that_was_not_recorded_counts").await else {
        return;
    };
    assert_eq!(server.used("order_1", "user_1").await, Use::Counted);
    server.give_back("order_1").await;
    server.forget_return("order_1").await;
    assert_eq!(server.counts("user_1").await, (0, 0));
    server.give_back("order_1").await;
    assert_eq!(server.counts("user_1").await, (0, 0), "given back once");
    assert_eq!(server.used("order_1", "user_1").await, Use::GivenBack);
    server.forget_return("order_1").await;
    assert_eq!(server.used("order_2", "user_1").await, Use::Counted);
    assert_eq!(server.used("order_1", "user_1").await, Use::GivenBack);
    assert_eq!(server.counts("user_1").await, (1, 1));
}

#[tokio::test]
async fn a_return_of_what_was_never_used_is_remembered() {
    let Some(server) = Server::once("a_return_of_what_was_never_used_is_remembered").await else {
        return;
    };
    server.give_back("order_1").await;
    server.forget("order_1").await;
    assert_eq!(server.used("order_1", "user_1").await, Use::GivenBack);
    server.forget("order_1").await;
    assert_eq!(server.used("order_2", "user_1").await, Use::Counted);
    assert_eq!(server.used("order_1", "user_2").await, Use::GivenBack);
    assert_eq!(server.counts("user_1").await, (1, 1));
}

#[tokio::test]
async fn uses_that_earlier_versions_recorded_keep_counting() {
    let Some(server) = Server::once("uses_that_earlier_versions_recorded_keep_counting").await else {
        return;
    };
    let mut ordered = order();
    ordered.customer_id = Some("user_1".to_owned());
    ordered.contents = Some(Contents {
        email: "Ada@Example.org".to_owned(),
        ..contents()
    });
    server.stores.orders.insert_order(&ordered, &[]).await.unwrap();
    assert_eq!(server.used("order_1", "user_1").await, Use::Counted);
    // As they were written before a customer had several names.
    let bare = doc! { "$unset": { "customers": "", "last.customers": "" } };
    for name in ["discount_uses", "discounts"] {
        server
            .collection(name)
            .update_many(doc! {}, bare.clone())
            .await
            .unwrap();
    }
    assert_eq!(server.used("order_2", "user_1").await, Use::CustomerLimitReached);
    // The address is that of the order: looked up when the stores are opened.
    let again = on_server(&server.database).await;
    for name in ["user_1", "ada@example.org"] {
        let used = again
            .discounts
            .use_discount("disc_1", "order_3", &[name.to_owned()])
            .await;
        assert_eq!(used.unwrap(), Use::CustomerLimitReached, "{name}");
    }
    assert_eq!(server.used("order_3", "bob@example.org").await, Use::Counted);
    assert_eq!(
        server.counts("ada@example.org").await,
        (2, 1),
        "not the last one any more"
    );
}

fn order() -> Order {
    Order {
        id: "order_1".to_owned(),
        revision: 1,
        version: 1,
        cart_id: "cart_1".to_owned(),
        cart_version: 1,
        owner: "cart_1".to_owned(),
        customer_id: None,
        key: "key".to_owned(),
        fingerprint: "print".to_owned(),
        expected_total: Some(4_990),
        account_email: None,
        client_address: None,
        number: None,
        state: State::PendingPayment,
        contents: None,
        payment: Payment {
            provider: "sandbox".to_owned(),
            token: "tok_visa".to_owned(),
            return_url: None,
            payment_id: None,
            action: None,
            events: Vec::new(),
            capture: None,
            refunds: Vec::new(),
        },
        hold_expires_at: None,
        failing: Vec::new(),
        unasked: false,
        cancel: None,
        restocked: false,
        fulfillments: Vec::new(),
        history: Vec::new(),
        requests: Vec::new(),
        events: 0,
        lease: Some(Lease {
            holder: "drv_1".to_owned(),
            until: moment(),
        }),
        wake_at: None,
        attempts: 0,
        created_at: moment(),
        placed_at: None,
        updated_at: moment(),
    }
}

fn event(sequence: u64) -> Entry {
    Entry {
        id: format!("evt_{sequence}"),
        order_id: "order_1".to_owned(),
        sequence,
        payload: Bytes::from_static(b"payload"),
    }
}

#[tokio::test]
async fn an_order_and_its_events_are_one_document_that_can_be_read() {
    let Some(server) = Server::of("an_order_and_its_events_are_one_document_that_can_be_read").await else {
        return;
    };
    let orders = server.collection("orders");
    let mut order = order();
    server
        .stores
        .orders
        .insert_order(&order, &[event(1)])
        .await
        .unwrap();
    let stored = orders.find_one(doc! { "_id": "order_1" }).await.unwrap().unwrap();
    assert_eq!(
        stored.get("due_at"),
        Some(&Bson::Int64(moment().as_microsecond()))
    );
    assert!(
        !stored.contains_key("number"),
        "or two orders without one would be the same"
    );
    let document = stored.get_document("order").unwrap();
    assert_eq!(document.get("expected_total"), Some(&Bson::Int64(4_990)));
    assert_eq!(document.get_str("state").unwrap(), "PENDING_PAYMENT");
    assert_eq!(stored.get_array("outbox").unwrap().len(), 1);
    order.revision = 2;
    order.lease = None;
    server
        .stores
        .orders
        .replace_order(&order, &[event(2)])
        .await
        .unwrap();
    let stored = orders.find_one(doc! { "_id": "order_1" }).await.unwrap().unwrap();
    assert!(!stored.contains_key("due_at"));
    assert_eq!(stored.get_array("outbox").unwrap().len(), 2);
    let done = [("order_1".to_owned(), 1), ("order_1".to_owned(), 2)];
    server.stores.orders.events_done(&done).await.unwrap();
    let stored = orders.find_one(doc! { "_id": "order_1" }).await.unwrap().unwrap();
    assert_eq!(stored.get_array("outbox").unwrap().len(), 0);
    assert!(!stored.contains_key("outbox_since"));
}

#[tokio::test]
async fn a_mark_that_stayed_is_taken_away() {
    let Some(server) = Server::of("a_mark_that_stayed_is_taken_away").await else {
        return;
    };
    let orders = server.collection("orders");
    let mut order = order();
    server
        .stores
        .orders
        .insert_order(&order, &[event(1)])
        .await
        .unwrap();
    // As two relays leave it that each took out what the other did not.
    let emptied = doc! { "$set": { "outbox": [] } };
    orders.update_one(doc! {}, emptied).await.unwrap();
    assert_eq!(server.stores.orders.pending_events(1).await.unwrap(), []);
    let stored = orders.find_one(doc! {}).await.unwrap().unwrap();
    assert!(!stored.contains_key("outbox_since"));
    order.revision = 2;
    server
        .stores
        .orders
        .replace_order(&order, &[event(2)])
        .await
        .unwrap();
    assert_eq!(server.stores.orders.pending_events(1).await.unwrap(), [event(2)]);
}

#[tokio::test]
async fn stores_open_again_on_what_is_there() {
    let Some(server) = Server::of("stores_open_again_on_what_is_there").await else {
        return;
    };
    let first = server.stores.orders.take_numbers(5).await.unwrap();
    let again = on_server(&server.database).await;
    assert_eq!(
        (first, again.orders.take_numbers(1).await.unwrap()),
        (1_001, 1_006)
    );
    server.stores.orders.insert_order(&order(), &[]).await.unwrap();
    assert_eq!(again.orders.order("order_1").await.unwrap(), Some(order()));
}
