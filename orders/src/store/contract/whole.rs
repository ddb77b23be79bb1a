//! Documents with every field filled come back as they were.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::orders::{at, contents, order};
use crate::{
    domain::{
        address::Address,
        cart::{Cart, Claim, Line, Seen, UsedKey},
        discount::{Discount, Kind},
        order::{
            BankAction, Cancel, Capture, FulfilledLine, Fulfillment, IntentState, Lease, Operation, Order,
            OrderLine, PaymentEventKind, Refund, Refusal, Refused, Request, State, UsedDiscount,
        },
        pricing::{Cost, Rate, TaxLine},
    },
    store::{CartStore, DiscountStore, orders::OrderStore},
};

/// More than 32 bits, and not a whole second.
const MUCH: i64 = i64::MAX - 1;

fn moment() -> Timestamp {
    at(7) + SignedDuration::from_nanos(123_456_789)
}

fn text(of: &str) -> Option<String> {
    Some(format!("{of} “Zoë” $set {{$ne: 1}} a.b \u{1F600}"))
}

fn address() -> Address {
    Address {
        company: text("company"),
        line2: text("line2"),
        region: text("region"),
        phone: text("phone"),
        ..contents().delivery_address
    }
}

/// An order that has everything an order can have.
async fn an_order_is_kept_whole(store: Arc<dyn OrderStore>) {
    let mut full = Order {
        version: MUCH,
        customer_id: text("customer"),
        account_email: text("account"),
        expected_total: Some(MUCH),
        number: Some("1001".to_owned()),
        hold_expires_at: Some(moment()),
        failing: vec![Refusal {
            code: "CODE".to_owned(),
            field: vec!["lines".to_owned(), "0".to_owned()],
            message: "No.".to_owned(),
        }],
        unasked: true,
        cancel: Some(Cancel {
            id: "cxl_1".to_owned(),
            reason: text("reason"),
            actor: "buyer".to_owned(),
            state: IntentState::Open,
        }),
        restocked: true,
        fulfillments: vec![Fulfillment {
            id: "ful_1".to_owned(),
            lines: vec![FulfilledLine {
                order_line_id: "line_1".to_owned(),
                quantity: i32::MAX,
            }],
            tracking_number: text("tracking"),
            carrier: text("carrier"),
            shipped_at: moment(),
            delivered_at: Some(moment()),
        }],
        requests: vec![Request {
            operation: Operation::Refund,
            caller: "guest".to_owned(),
            key: "$key.with.dots".to_owned(),
            fingerprint: "print".to_owned(),
            subject: text("subject"),
            refused: Some(Refused {
                code: "CODE".to_owned(),
                message: "No.".to_owned(),
                field: text("field"),
            }),
        }],
        events: u64::try_from(MUCH).unwrap(),
        lease: Some(Lease {
            holder: "drv_1".to_owned(),
            until: moment(),
        }),
        wake_at: Some(moment()),
        attempts: u32::MAX,
        placed_at: Some(moment()),
        ..order("order_1", 0)
    };
    full.payment.return_url = text("url");
    full.payment.payment_id = text("payment");
    full.payment.action = Some(BankAction {
        redirect_url: "/".to_owned(),
        client_secret: text("secret"),
    });
    full.payment.capture = Some(Capture {
        id: "cap_1".to_owned(),
        amount: MUCH,
        state: IntentState::Done,
    });
    full.payment.refunds.push(Refund {
        id: "ref_1".to_owned(),
        amount: MUCH,
        reason: "late".to_owned(),
        restock: true,
        state: IntentState::Refused,
    });
    full.note_payment(
        "pev_1".to_owned(),
        PaymentEventKind::CaptureFailed,
        MUCH,
        text("message"),
        moment(),
    );
    let contents = full.contents.as_mut().unwrap();
    contents.phone = text("phone");
    contents.billing_address = address();
    contents.delivery_option.estimated_days = Some(u32::MAX);
    contents.cost = Cost {
        total: MUCH,
        taxes: vec![TaxLine {
            name: "VAT".to_owned(),
            rate: Rate::from_percent("5.5").unwrap(),
            included: true,
            amount: -1,
        }],
        discounts: vec![0, MUCH],
        ..contents.cost.clone()
    };
    contents.lines.push(OrderLine {
        id: "line_1".to_owned(),
        variant_id: "var_1".to_owned(),
        product_id: "prod_1".to_owned(),
        product_title: text("title").unwrap(),
        variant_title: String::new(),
        sku: text("sku"),
        image_url: text("image"),
        quantity: i32::MAX,
        unit_price: MUCH,
        line_total: MUCH,
    });
    contents.discounts.push(UsedDiscount {
        id: "disc_1".to_owned(),
        code: "Été".to_owned(),
        customer: "user_1".to_owned(),
        also: vec!["ada@example.org".to_owned()],
    });
    full.transition(State::Failed, "system", text("reason"), moment())
        .unwrap();
    assert!(store.insert_order(&full, &[]).await.unwrap());
    assert_eq!(store.order("order_1").await.unwrap(), Some(full.clone()));
    // And what it had is gone where a change takes it away.
    let bare = Order {
        revision: 2,
        ..order("order_1", 0)
    };
    assert!(store.replace_order(&bare, &[]).await.unwrap());
    assert_eq!(store.order("order_1").await.unwrap(), Some(bare));
    assert_eq!(store.due_orders(at(1_000), 10).await.unwrap(), [""; 0]);
    full.revision = 3;
    assert!(store.replace_order(&full, &[]).await.unwrap());
    assert_eq!(store.order("order_1").await.unwrap(), Some(full));
}

/// A cart that has everything a cart can have.
async fn a_cart_is_kept_whole(store: Arc<dyn CartStore>) {
    let claim = Claim {
        key: "$key.with.dots".to_owned(),
        fingerprint: "print".to_owned(),
        order_id: "order_1".to_owned(),
        owner: "user_1".to_owned(),
        at: moment(),
    };
    let used = UsedKey {
        key: "refused".to_owned(),
        fingerprint: "print".to_owned(),
        order_id: "order_0".to_owned(),
        owner: "user_1".to_owned(),
    };
    let full = Cart {
        id: "cart_1".to_owned(),
        version: 1,
        customer_id: Some("user_1".to_owned()),
        locale: "fr".to_owned(),
        currency: "EUR".to_owned(),
        lines: vec![Line {
            id: "line_1".to_owned(),
            variant_id: "var_1".to_owned(),
            quantity: i32::MAX,
            seen: Seen {
                unit_price: MUCH,
                product_id: "prod_1".to_owned(),
                product_slug: "a.b".to_owned(),
                product_title: text("title").unwrap(),
                variant_title: String::new(),
                sku: text("sku"),
                image_url: text("image"),
            },
        }],
        email: text("email"),
        phone: text("phone"),
        delivery_address: Some(address()),
        billing_address: Some(address()),
        delivery_option_id: text("option"),
        discount_codes: vec!["Été".to_owned()],
        claim: Some(claim),
        order_id: Some("order_1".to_owned()),
        used_keys: vec![used],
        merged_into: text("cart"),
        merged_from: vec!["cart_0".to_owned()],
        created_at: moment(),
        updated_at: moment(),
    };
    store.insert_cart(&full).await.unwrap();
    assert_eq!(store.cart("cart_1").await.unwrap(), Some(full));
}

/// A discount that has everything a discount can have, of either kind.
async fn a_discount_is_kept_whole(store: Arc<dyn DiscountStore>) {
    let kinds = [
        Kind::Fixed(MUCH),
        Kind::Percent(Rate::from_percent("100").unwrap()),
    ];
    for (n, kind) in kinds.into_iter().enumerate() {
        let full = Discount {
            id: format!("disc_{n}"),
            version: MUCH,
            code: format!("Été {n} $set"),
            kind,
            currency: "EUR".to_owned(),
            starts_at: Some(moment()),
            ends_at: Some(moment()),
            usage_limit: Some(i32::MAX),
            usage_limit_per_customer: Some(i32::MAX),
            minimum_subtotal: Some(MUCH),
            created_at: moment(),
            updated_at: moment(),
        };
        assert!(store.insert_discount(&full).await.unwrap());
        let read = store.discount(&full.id).await.unwrap().unwrap();
        assert_eq!(read.discount, full);
    }
}

mod order {
    super::super::on_every_store!(orders: an_order_is_kept_whole);
    use super::an_order_is_kept_whole;
}
mod cart {
    super::super::on_every_store!(carts: a_cart_is_kept_whole);
    use super::a_cart_is_kept_whole;
}
mod discount {
    super::super::on_every_store!(discounts: a_discount_is_kept_whole);
    use super::a_discount_is_kept_whole;
}
