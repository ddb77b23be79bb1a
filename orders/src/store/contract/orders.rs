//! What [`OrderStore`] promises.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use comptoir_proto::orders::v1::PaymentStatus;
use jiff::{SignedDuration, Timestamp};

use crate::{
    domain::{
        address::Address,
        delivery::DeliveryOption,
        order::{BankAction, Contents, HistoryEntry, Lease, Order, Payment, PaymentEventKind, State},
        pricing::Cost,
    },
    store::orders::{Entry, OrderPage, OrderStore},
};

type Store = Arc<dyn OrderStore>;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn order(id: &str, created: i64) -> Order {
    Order {
        id: id.to_owned(),
        revision: 1,
        version: 1,
        cart_id: "cart_1".to_owned(),
        cart_version: 1,
        owner: "cart_1".to_owned(),
        customer_id: None,
        key: "key".to_owned(),
        fingerprint: "print".to_owned(),
        expected_total: None,
        client_address: Some("192.0.2.1".to_owned()),
        number: None,
        state: State::PendingPayment,
        contents: Some(contents()),
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
        history: vec![HistoryEntry {
            at: at(created),
            from: None,
            to: State::PendingPayment,
            actor: "buyer".to_owned(),
            reason: None,
        }],
        requests: Vec::new(),
        events: 0,
        lease: None,
        wake_at: None,
        attempts: 0,
        created_at: at(created),
        placed_at: None,
        updated_at: at(created),
    }
}

fn contents() -> Contents {
    let address = Address {
        first_name: "Ada".to_owned(),
        last_name: "Lovelace".to_owned(),
        company: None,
        line1: "12 rue de la Paix".to_owned(),
        line2: None,
        city: "Paris".to_owned(),
        region: None,
        postal_code: "75002".to_owned(),
        country_code: "FR".to_owned(),
        phone: None,
    };
    Contents {
        email: "Ada_L%@example.org".to_owned(),
        phone: None,
        locale: "fr".to_owned(),
        currency: "EUR".to_owned(),
        lines: Vec::new(),
        cost: Cost {
            total: 4_990,
            ..Cost::default()
        },
        billing_address: Address {
            last_name: "Byron".to_owned(),
            ..address.clone()
        },
        delivery_address: address,
        delivery_option: DeliveryOption {
            id: "standard".to_owned(),
            name: "Standard".to_owned(),
            price: 0,
            estimated_days: None,
        },
        discounts: Vec::new(),
    }
}

/// The order as PLACED at this time.
fn placed(id: &str, second: i64, number: &str) -> Order {
    let mut order = order(id, second - 1);
    order
        .transition(State::Placed, "system", None, at(second))
        .unwrap();
    order.placed_at = Some(at(second));
    order.number = Some(number.to_owned());
    order.note_payment(
        "pev_1".to_owned(),
        PaymentEventKind::Authorized,
        4_990,
        None,
        at(second),
    );
    order
}

fn event(order: &Order, sequence: u64) -> Entry {
    Entry {
        id: format!("evt_{}_{sequence}", order.id),
        order_id: order.id.clone(),
        sequence,
        payload: Bytes::from_static(b"payload"),
    }
}

async fn ids(store: &Store, page: OrderPage) -> Vec<String> {
    let (orders, total) = store.orders(&OrderPage { limit: 100, ..page }).await.unwrap();
    assert_eq!(total, i64::try_from(orders.len()).unwrap());
    orders.into_iter().map(|order| order.id).collect()
}

/// An order is added once, read back whole, and an id that is taken changes nothing.
pub(crate) async fn an_order_is_added_once(store: Store) {
    let added = order("order_1", 0);
    assert!(store.insert_order(&added, &[event(&added, 1)]).await.unwrap());
    assert_eq!(store.order("order_1").await.unwrap(), Some(added.clone()));
    let other = Order {
        key: "other".to_owned(),
        ..added.clone()
    };
    assert!(!store.insert_order(&other, &[event(&other, 2)]).await.unwrap());
    assert_eq!(store.order("order_1").await.unwrap(), Some(added));
    assert_eq!(
        store.pending_events(10).await.unwrap().len(),
        1,
        "what was not written announces nothing"
    );
    assert_eq!(store.order("order_2").await.unwrap(), None);
}

/// Of writers that read the same revision one wins; the others change nothing and announce nothing.
pub(crate) async fn one_writer_of_a_revision_wins(store: Store) {
    store.insert_order(&order("order_1", 0), &[]).await.unwrap();
    let writers = (0..20_u64).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut order = store.order("order_1").await.unwrap().unwrap();
            order.revision = 2;
            order.key = n.to_string();
            store
                .replace_order(&order, &[event(&order, n + 1)])
                .await
                .unwrap()
                .then_some(n)
        })
    });
    let won: Vec<u64> = futures::future::join_all(writers)
        .await
        .into_iter()
        .filter_map(Result::unwrap)
        .collect();
    assert_eq!(won.len(), 1, "{won:?}");
    let order = store.order("order_1").await.unwrap().unwrap();
    assert_eq!(
        (order.revision, order.key.as_str()),
        (2, won[0].to_string().as_str())
    );
    let events = store.pending_events(100).await.unwrap();
    assert_eq!(events, [event(&order, won[0] + 1)]);
}

/// Events come in the order in which they were written, and are gone once they are published.
pub(crate) async fn events_wait_until_they_are_published(store: Store) {
    let changed = store.events_changed();
    let (one, two) = (order("order_1", 0), order("order_2", 1));
    store
        .insert_order(&one, &[event(&one, 1), event(&one, 2)])
        .await
        .unwrap();
    store.insert_order(&two, &[event(&two, 1)]).await.unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(1), changed.notified())
        .await
        .unwrap();
    let mut next = one.clone();
    next.revision += 1;
    store.replace_order(&next, &[event(&one, 3)]).await.unwrap();
    let waiting = store.pending_events(2).await.unwrap();
    assert_eq!(waiting, [event(&one, 1), event(&one, 2)]);
    store
        .events_done(&[("order_1".to_owned(), 1), ("order_2".to_owned(), 1)])
        .await
        .unwrap();
    assert_eq!(
        store.pending_events(10).await.unwrap(),
        [event(&one, 2), event(&one, 3)]
    );
    store.events_done(&[("order_1".to_owned(), 1)]).await.unwrap();
    assert_eq!(
        store.pending_events(10).await.unwrap().len(),
        2,
        "done again is done"
    );
}

/// An order is due when its lease or its rest ends, and not before.
pub(crate) async fn what_is_due_is_found(store: Store) {
    let mut leased = order("order_leased", 0);
    leased.lease = Some(Lease {
        holder: "one".to_owned(),
        until: at(20),
    });
    let mut resting = order("order_resting", 0);
    resting.wake_at = Some(at(10));
    for order in [&leased, &resting, &order("order_idle", 0)] {
        store.insert_order(order, &[]).await.unwrap();
    }
    assert_eq!(store.due_orders(at(9), 10).await.unwrap(), [""; 0]);
    assert_eq!(store.due_orders(at(10), 10).await.unwrap(), ["order_resting"]);
    assert_eq!(
        store.due_orders(at(20), 10).await.unwrap(),
        ["order_resting", "order_leased"]
    );
    assert_eq!(store.due_orders(at(20), 1).await.unwrap(), ["order_resting"]);
    resting.wake_at = None;
    resting.revision += 1;
    store.replace_order(&resting, &[]).await.unwrap();
    assert_eq!(store.due_orders(at(99), 10).await.unwrap(), ["order_leased"]);
}

/// Holds that await a bank's action count for their client's address, others do not.
pub(crate) async fn awaited_actions_are_counted_by_address(store: Store) {
    let mut awaiting = order("order_1", 0);
    awaiting.payment.action = Some(BankAction {
        redirect_url: "/".to_owned(),
        client_secret: None,
    });
    store.insert_order(&awaiting, &[]).await.unwrap();
    store.insert_order(&order("order_2", 0), &[]).await.unwrap();
    assert_eq!(store.awaiting_holds("192.0.2.1").await.unwrap(), 1);
    assert_eq!(store.awaiting_holds("192.0.2.2").await.unwrap(), 0);
    awaiting.payment.action = None;
    awaiting.revision += 1;
    store.replace_order(&awaiting, &[]).await.unwrap();
    assert_eq!(store.awaiting_holds("192.0.2.1").await.unwrap(), 0);
}

/// Lists are newest first, go on where they were left, and hold what was never PLACED only when asked for by state.
pub(crate) async fn a_list_goes_on_where_it_was_left(store: Store) {
    for n in 0..7 {
        // Two of each second, so that the id has to decide.
        let order = placed(&format!("order_{n}"), 10 + n / 2, &(1_000 + n).to_string());
        store.insert_order(&order, &[]).await.unwrap();
    }
    store.insert_order(&order("order_never", 99), &[]).await.unwrap();
    let all = ids(&store, OrderPage::default()).await;
    assert_eq!(
        all,
        [
            "order_6", "order_5", "order_4", "order_3", "order_2", "order_1", "order_0"
        ]
    );
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = OrderPage {
            after,
            limit: 2,
            ..OrderPage::default()
        };
        let (orders, total) = store.orders(&page).await.unwrap();
        assert_eq!(total, 7, "of all pages");
        let Some(last) = orders.last() else { break };
        after = Some((last.placed_at.unwrap(), last.id.clone()));
        seen.extend(orders.into_iter().map(|order| order.id));
    }
    assert_eq!(seen, all);
    let pending = OrderPage {
        state: Some(State::PendingPayment),
        ..OrderPage::default()
    };
    assert_eq!(ids(&store, pending).await, ["order_never"]);
}

/// Each filter narrows the list; a query is taken literally, without regard to case.
pub(crate) async fn filters_narrow_the_list(store: Store) {
    let mut one = placed("order_1", 10, "1001");
    one.customer_id = Some("user_1".to_owned());
    let mut two = placed("order_2", 20, "1002");
    two.contents.as_mut().unwrap().email = "bob@example.com".to_owned();
    two.note_payment(
        "pev_2".to_owned(),
        PaymentEventKind::Captured,
        4_990,
        None,
        at(21),
    );
    for order in [&one, &two] {
        store.insert_order(order, &[]).await.unwrap();
    }
    let cases = [
        (
            OrderPage {
                customer_id: Some("user_1".to_owned()),
                ..OrderPage::default()
            },
            "order_1",
        ),
        (
            OrderPage {
                payment_status: Some(PaymentStatus::Captured),
                ..OrderPage::default()
            },
            "order_2",
        ),
        (
            OrderPage {
                placed_from: Some(at(20)),
                ..OrderPage::default()
            },
            "order_2",
        ),
        (
            OrderPage {
                placed_to: Some(at(20)),
                ..OrderPage::default()
            },
            "order_1",
        ),
        (
            OrderPage {
                query: "1002".to_owned(),
                ..OrderPage::default()
            },
            "order_2",
        ),
        (
            OrderPage {
                query: "ADA_L%@".to_owned(),
                ..OrderPage::default()
            },
            "order_1",
        ),
    ];
    for (page, expected) in cases {
        assert_eq!(ids(&store, page.clone()).await, [expected], "{page:?}");
    }
    let named = OrderPage {
        query: "ada byron".to_owned(),
        ..OrderPage::default()
    };
    assert_eq!(ids(&store, named).await.len(), 2, "the bill's name counts");
    let literal = OrderPage {
        query: "b_b".to_owned(),
        ..OrderPage::default()
    };
    assert_eq!(ids(&store, literal).await, [""; 0]);
}

/// A number is given to one caller, ever.
pub(crate) async fn a_number_is_given_once(store: Store) {
    let takers = (0..20).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            let first = store.take_numbers(5).await.unwrap();
            first..first + 5
        })
    });
    let taken: Vec<u64> = futures::future::join_all(takers)
        .await
        .into_iter()
        .flat_map(Result::unwrap)
        .collect();
    assert_eq!(taken.iter().collect::<BTreeSet<_>>().len(), 100);
}

/// The first secret of a name stays.
pub(crate) async fn a_secret_stays(store: Store) {
    assert_eq!(store.secret("a", b"first").await.unwrap(), b"first");
    assert_eq!(store.secret("a", b"second").await.unwrap(), b"first");
    assert_eq!(store.secret("b", b"second").await.unwrap(), b"second");
}

/// Sales are of what was placed in the span and not canceled, captured less refunded.
pub(crate) async fn sales_count_what_stayed(store: Store) {
    let mut paid = placed("order_1", 10, "1001");
    paid.note_payment(
        "pev_2".to_owned(),
        PaymentEventKind::Captured,
        4_990,
        None,
        at(11),
    );
    paid.note_payment("pev_3".to_owned(), PaymentEventKind::Refunded, 990, None, at(12));
    let mut canceled = placed("order_2", 10, "1002");
    canceled
        .transition(State::Canceled, "buyer", None, at(12))
        .unwrap();
    for order in [
        &paid,
        &canceled,
        &placed("order_3", 20, "1003"),
        &order("order_4", 10),
    ] {
        store.insert_order(order, &[]).await.unwrap();
    }
    let sales = store.sales(at(10), at(20)).await.unwrap();
    assert_eq!(sales.len(), 1);
    assert_eq!((sales[0].placed_at, sales[0].revenue), (at(10), 4_000));
    let later = at(10) + SignedDuration::from_secs(11);
    assert_eq!(store.sales(at(10), later).await.unwrap().len(), 2);
}

super::on_sqlite!(orders:
    an_order_is_added_once,
    one_writer_of_a_revision_wins,
    events_wait_until_they_are_published,
    what_is_due_is_found,
    awaited_actions_are_counted_by_address,
    a_list_goes_on_where_it_was_left,
    filters_narrow_the_list,
    a_number_is_given_once,
    a_secret_stays,
    sales_count_what_stayed,
);
