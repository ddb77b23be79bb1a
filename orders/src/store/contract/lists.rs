//! What [`OrderStore`](crate::store::OrderStore) promises of lists and sums.

use comptoir_proto::orders::v1::{FulfillmentStatus, PaymentStatus};
use jiff::SignedDuration;

use super::orders::{Store, at, order, placed};
use crate::{
    domain::order::{Order, PaymentEventKind, State},
    store::orders::OrderPage,
};

async fn ids(store: &Store, page: OrderPage) -> Vec<String> {
    let (orders, total) = store.orders(&OrderPage { limit: 100, ..page }).await.unwrap();
    assert_eq!(total, i64::try_from(orders.len()).unwrap());
    orders.into_iter().map(|order| order.id).collect()
}

/// Lists are newest first, go on where they were left, and hold what was never PLACED only when asked for by state.
async fn a_list_goes_on_where_it_was_left(store: Store) {
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
async fn filters_narrow_the_list(store: Store) {
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
    for nothing in [
        ".",
        "100.",
        ".*@",
        "(",
        "[a",
        "\\",
        "$",
        "^1001",
        "1001|1002",
        "\0",
        "{\"$ne\":1}",
    ] {
        let page = OrderPage {
            query: nothing.to_owned(),
            ..OrderPage::default()
        };
        let found = ids(&store, page).await.len();
        assert_eq!(found, if nothing == "." { 2 } else { 0 }, "{nothing:?}");
    }
}

/// Filters hold together, and a list goes on within them.
async fn filters_and_pages_go_together(store: Store) {
    for n in 0..8 {
        let mut order = placed(&format!("order_{n}"), 10 + n / 2, &(1_000 + n).to_string());
        order.customer_id = Some(format!("user_{}", n % 2));
        if n > 5 {
            order.transition(State::Canceled, "buyer", None, at(30)).unwrap();
        }
        store.insert_order(&order, &[]).await.unwrap();
    }
    let wanted = OrderPage {
        customer_id: Some("user_1".to_owned()),
        placed_from: Some(at(10)),
        placed_to: Some(at(13)),
        query: "lovelace".to_owned(),
        fulfillment_status: Some(FulfillmentStatus::NotFulfilled),
        payment_status: Some(PaymentStatus::Authorized),
        limit: 2,
        ..OrderPage::default()
    };
    let first = store.orders(&wanted).await.unwrap();
    let place = |(orders, total): (Vec<Order>, i64)| {
        (
            orders.into_iter().map(|order| order.id).collect::<Vec<_>>(),
            total,
        )
    };
    assert_eq!(
        place(first),
        (vec!["order_5".to_owned(), "order_3".to_owned()], 3)
    );
    let next = OrderPage {
        after: Some((at(11), "order_3".to_owned())),
        ..wanted
    };
    assert_eq!(
        place(store.orders(&next).await.unwrap()),
        (vec!["order_1".to_owned()], 3)
    );
    let canceled = OrderPage {
        state: Some(State::Canceled),
        customer_id: Some("user_1".to_owned()),
        placed_from: Some(at(13)),
        after: Some((at(14), String::new())),
        limit: 5,
        ..OrderPage::default()
    };
    assert_eq!(
        place(store.orders(&canceled).await.unwrap()),
        (vec!["order_7".to_owned()], 1)
    );
}

/// Sales are of what was placed in the span and not canceled, captured less refunded.
async fn sales_count_what_stayed(store: Store) {
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

super::on_every_store!(orders:
    a_list_goes_on_where_it_was_left,
    filters_narrow_the_list,
    filters_and_pages_go_together,
    sales_count_what_stayed,
);
