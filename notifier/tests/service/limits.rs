//! An unconfirmed address gets a few mails about orders it was typed into, and no more.

use std::time::Duration;

use comptoir_mesh::testing::{TestEnv, with_token};
use comptoir_proto::notifier::v1::{Delivery, RetryDeliveryRequest};
use comptoir_proto::orders::v1::Order;
use comptoir_proto::orders::v1::order_event::Payload;

use crate::common::{Subject, canceled, order, order_event, order_record, paid, placed, refunded, shipped};

fn typed(email: &str) -> Order {
    Order {
        email: email.to_owned(),
        email_confirmed: false,
        ..order("fr")
    }
}

/// Delivers these events of a new order, and sends.
async fn happened(subject: &Subject, id: u32, order: &Order, events: &[Payload]) {
    let order = Order {
        id: format!("order_{id}"),
        ..order.clone()
    };
    for (n, payload) in events.iter().enumerate() {
        let event = order_event(
            &format!("evt_{id}_{n}"),
            n as u64 + 1,
            order.clone(),
            payload.clone(),
        );
        subject.feed(&order_record(&event)).await;
    }
    subject.send_due().await;
    subject.test.clock.advance(Duration::from_secs(1));
}

async fn suppressed(subject: &Subject) -> Vec<Delivery> {
    subject.deliveries("suppressed").await
}

#[tokio::test]
async fn eight_orders_of_guests_do_not_fill_a_strangers_mailbox() {
    let subject = Subject::new().await;
    for id in 0..8 {
        // One person in any spelling.
        let email = ["eve@example.org", "Eve@Example.org"][id as usize % 2];
        happened(&subject, id, &typed(email), &[placed(), paid()]).await;
    }
    assert_eq!(subject.mailbox("eve@example.org").await.len(), 6);
    let suppressed = suppressed(&subject).await;
    assert_eq!(suppressed.len(), 10, "the others are listed");
    for delivery in &suppressed {
        let error = delivery.last_error.as_deref().unwrap_or_default();
        assert!(error.starts_with("RATE_LIMITED: 6 mails "), "{error}");
    }
    happened(&subject, 20, &typed("mallory@example.org"), &[placed()]).await;
    assert_eq!(
        subject.mailbox("mallory@example.org").await.len(),
        1,
        "another address"
    );
    subject.test.clock.advance(Duration::from_secs(3600));
    happened(&subject, 21, &typed("eve@example.org"), &[placed(), paid()]).await;
    assert_eq!(subject.mailbox("eve@example.org").await.len(), 8, "an hour later");
}

#[tokio::test]
async fn a_confirmed_address_and_what_staff_do_have_no_limit() {
    let subject = Subject::new().await;
    for id in 0..8 {
        happened(&subject, id, &order("fr"), &[placed(), paid()]).await;
    }
    assert_eq!(subject.mailbox("ada@example.org").await.len(), 16);
    for id in 10..14 {
        let events = [placed(), paid(), shipped(), refunded()];
        happened(&subject, id, &typed("eve@example.org"), &events).await;
    }
    assert_eq!(subject.mailbox("eve@example.org").await.len(), 6 + 8);
    happened(&subject, 15, &typed("eve@example.org"), &[canceled(None)]).await;
    assert_eq!(
        subject.mailbox("eve@example.org").await.len(),
        6 + 8,
        "a guest cancels"
    );
}

#[tokio::test]
async fn staff_can_send_a_suppressed_mail_all_the_same() {
    let subject = Subject::with(TestEnv::new(), |config| config.limit_mails_unconfirmed = 1).await;
    happened(&subject, 1, &typed("eve@example.org"), &[placed(), paid()]).await;
    let suppressed = suppressed(&subject).await;
    assert_eq!(suppressed.len(), 1);
    let request = RetryDeliveryRequest {
        delivery_id: suppressed[0].id.clone(),
    };
    with_token(&subject.staff(), subject.client.clone().retry_delivery(request))
        .await
        .unwrap();
    subject.send_due().await;
    assert_eq!(subject.mailbox("eve@example.org").await.len(), 2);
    assert_eq!(subject.deliveries("sent").await.len(), 2);
}

#[tokio::test]
async fn zero_is_no_limit() {
    let subject = Subject::with(TestEnv::new(), |config| config.limit_mails_unconfirmed = 0).await;
    for id in 0..8 {
        happened(&subject, id, &typed("eve@example.org"), &[placed(), paid()]).await;
    }
    assert_eq!(subject.mailbox("eve@example.org").await.len(), 16);
}
