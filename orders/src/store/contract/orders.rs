//! What [`OrderStore`] promises.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use jiff::Timestamp;

use crate::{
    domain::{
        address::Address,
        delivery::DeliveryOption,
        order::{BankAction, Contents, HistoryEntry, Lease, Order, Payment, PaymentEventKind, State},
        pricing::Cost,
    },
    store::orders::{Entry, OrderStore},
};

pub(super) type Store = Arc<dyn OrderStore>;

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

pub(super) fn order(id: &str, created: i64) -> Order {
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
        account_email: None,
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

pub(crate) fn contents() -> Contents {
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
pub(super) fn placed(id: &str, second: i64, number: &str) -> Order {
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

pub(super) fn event(order: &Order, sequence: u64) -> Entry {
    Entry {
        id: format!("evt_{}_{sequence}", order.id),
        order_id: order.id.clone(),
        sequence,
        payload: Bytes::from_static(b"payload"),
    }
}

/// An order is added once, read back whole, and an id that is taken changes nothing.
async fn an_order_is_added_once(store: Store) {
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
async fn one_writer_of_a_revision_wins(store: Store) {
    store.insert_order(&order("order_1", 0), &[]).await.unwrap();
    let writers = (0..50_u64).map(|n| {
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

/// A number is one order's.
async fn a_number_is_one_orders(store: Store) {
    store
        .insert_order(&placed("order_1", 10, "1001"), &[])
        .await
        .unwrap();
    let mut other = order("order_2", 10);
    store.insert_order(&other, &[]).await.unwrap();
    other.number = Some("1001".to_owned());
    other.revision += 1;
    assert!(store.replace_order(&other, &[event(&other, 1)]).await.is_err());
    assert!(
        store
            .insert_order(&placed("order_3", 10, "1001"), &[])
            .await
            .is_err()
    );
    assert_eq!(store.order("order_2").await.unwrap().unwrap().number, None);
    assert_eq!(store.order("order_3").await.unwrap(), None);
    assert_eq!(store.pending_events(10).await.unwrap(), []);
}

/// An order is due when its lease or its rest ends, and not before.
async fn what_is_due_is_found(store: Store) {
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
async fn awaited_actions_are_counted_by_address(store: Store) {
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

/// A number is given to one caller, ever.
async fn a_number_is_given_once(store: Store) {
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
async fn a_secret_stays(store: Store) {
    assert_eq!(store.secret("a", b"first").await.unwrap(), b"first");
    assert_eq!(store.secret("a", b"second").await.unwrap(), b"first");
    assert_eq!(store.secret("b", b"second").await.unwrap(), b"second");
}

super::on_every_store!(orders:
    an_order_is_added_once,
    one_writer_of_a_revision_wins,
    a_number_is_one_orders,
    what_is_due_is_found,
    awaited_actions_are_counted_by_address,
    a_number_is_given_once,
    a_secret_stays,
);
