//! Two notifiers on one MongoDB: an event delivered to both is recorded once, and its messages are sent once.

use std::collections::BTreeSet;

use comptoir_events::Consumer as _;
use comptoir_mesh::testing::TestEnv;
use comptoir_notifier::Round;

use crate::common::{Subject, order, order_event, order_record, shipped};
use crate::doubles::Double;
use crate::stores::Mongo;
use crate::twilio::{accepted, set};

const ORDERS: usize = 25;

#[tokio::test(flavor = "multi_thread")]
async fn replicas_send_a_message_once() {
    let Some(mongo) = Mongo::new("replicas_send_a_message_once") else {
        return;
    };
    let twilio = Double::new(accepted).await;
    let replica = async || {
        Subject::with(TestEnv::new(), |config| {
            set(config, &twilio);
            config.store = Some(mongo.url.clone());
        })
        .await
    };
    let replicas = [replica().await, replica().await];
    let records: Vec<_> = (0..ORDERS)
        .map(|index| {
            let mut order = order("fr");
            order.id = format!("order_{index}");
            order.phone = Some(format!("+336123456{index:02}"));
            order_record(&order_event(&format!("evt_{index}"), 1, order, shipped()))
        })
        .collect();
    let work = replicas.iter().map(|replica| async {
        for record in &records {
            // Each sends while the other records, as they do in the background.
            let (taken, sent) = tokio::join!(
                replica.notifier.inbox.consume(record),
                replica.notifier.worker.round()
            );
            taken.unwrap();
            sent.unwrap();
        }
        while let Round::Tried(_) = replica.notifier.worker.round().await.unwrap() {}
    });
    futures::future::join_all(work).await;
    for replica in &replicas {
        while replica.send_due().await > 0 {}
    }
    let numbers: BTreeSet<_> = twilio.journal().iter().map(|asked| asked.form("To")).collect();
    assert_eq!((twilio.journal().len(), numbers.len()), (ORDERS, ORDERS));
    let mails = replicas[1].mailbox("").await;
    assert_eq!(mails.len(), ORDERS);
    let sent = replicas[0].deliveries("sent").await;
    assert_eq!(sent.len(), 2 * ORDERS, "a mail and a text each");
    assert!(sent.iter().all(|delivery| delivery.attempts == 1));
    mongo.drop().await;
}
