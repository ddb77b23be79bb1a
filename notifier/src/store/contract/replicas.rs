//! What holds between several stores open on the same database.

use std::time::Duration;

use super::{at, delivery, entry, recorded};
use crate::domain::feedback::{CountedMail, Quota, address_hash};
use crate::domain::message::Channel;
use crate::store::{Recorded, Store};

/// Replicas share due deliveries: within its lease, and after it, a delivery is claimed by one of them.
pub async fn replicas_do_not_claim_the_same(one: &dyn Store, other: &dyn Store) {
    const DELIVERIES: i64 = 60;
    for index in 0..DELIVERIES {
        recorded(one, &format!("evt_{index}"), at(index)).await;
    }
    for (now, claims) in [(at(DELIVERIES), 1), (at(DELIVERIES + 15), 2)] {
        let lease_until = now + Duration::from_secs(15);
        let workers = (0..8).map(|worker| async move {
            let store = if worker % 2 == 0 { one } else { other };
            let mut ids = Vec::new();
            loop {
                let claimed = store.claim(now, lease_until, 5).await.expect("claimed");
                if claimed.is_empty() {
                    return ids;
                }
                for delivery in claimed {
                    assert_eq!(delivery.attempts, claims, "claimed {}", delivery.id);
                    ids.push(delivery.id);
                }
            }
        });
        let mut ids = futures::future::join_all(workers).await.concat();
        let given = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!((given, ids.len()), (60, 60));
    }
}

/// An event that several replicas record at once is new to one of them.
pub async fn replicas_record_an_event_once(one: &dyn Store, other: &dyn Store) {
    for index in 0..10 {
        let event = &format!("evt_{index}");
        let deliveries = &vec![
            delivery(event, Channel::Email, at(0)),
            delivery(event, Channel::Sms, at(0)),
        ];
        let recordings = (0..8).map(|worker| {
            let store = if worker % 2 == 0 { one } else { other };
            // The last of them has the event with another body.
            let body = if worker == 7 { "other" } else { "body" };
            store.record(entry(event, body), deliveries.clone())
        });
        let outcomes: Vec<Recorded> = futures::future::join_all(recordings)
            .await
            .into_iter()
            .map(|outcome| outcome.expect("answer"))
            .collect();
        let of = |outcome| outcomes.iter().filter(|each| **each == outcome).count();
        assert_eq!(of(Recorded::New), 1, "{outcomes:?}");
        assert!(matches!(of(Recorded::Conflict), 1 | 7), "{outcomes:?}");
    }
    assert_eq!(one.count(None).await.expect("count"), 20);
}

/// Of changes of the same version by several replicas, one is written.
pub async fn replicas_change_a_version_once(one: &dyn Store, other: &dyn Store) {
    recorded(one, "evt_1", at(0)).await;
    let claimed = one.claim(at(0), at(15), 1).await.expect("claimed").remove(0);
    let changes = (0..8).map(|worker| {
        let store = if worker % 2 == 0 { one } else { other };
        store.save(claimed.clone().sent(at(worker)))
    });
    let written = futures::future::join_all(changes)
        .await
        .into_iter()
        .filter(|outcome| *outcome.as_ref().expect("answer"))
        .count();
    assert_eq!(written, 1);
}

/// A daily quota holds however many replicas take from it at once; what is returned can be taken again.
pub async fn replicas_take_no_more_than_there_is(one: &dyn Store, other: &dyn Store) {
    let quota = |day: &str, limit| Quota {
        key: format!("sms:{day}"),
        limit,
        expires_at: at(200_000),
    };
    let today = &quota("2027-01-15", 10);
    let takes = (0..30).map(|worker| if worker % 2 == 0 { one } else { other }.take(today));
    let taken = futures::future::join_all(takes)
        .await
        .into_iter()
        .filter(|outcome| *outcome.as_ref().expect("answer"))
        .count();
    assert_eq!(taken, 10);
    one.give_back(today).await.expect("given back");
    assert!(other.take(today).await.expect("answer"));
    assert!(!one.take(today).await.expect("answer"));
    assert!(one.take(&quota("2027-01-16", 1)).await.expect("another day"));
    assert!(!one.take(&quota("2027-01-17", 0)).await.expect("answer"));
    one.give_back(&quota("2027-01-18", 1)).await.expect("never taken");
    assert!(one.take(&quota("2027-01-18", 1)).await.expect("answer"));
    assert!(!one.take(&quota("2027-01-18", 1)).await.expect("answer"));
}

/// Mails to an address are counted once each, up to the limit of a window, however many replicas count at once.
pub async fn replicas_count_mails_together(one: &dyn Store, other: &dyn Store) {
    const HOUR: Duration = Duration::from_secs(3600);
    let mail = |address: &str, delivery: u32, second: i64| CountedMail {
        address_hash: address_hash(address),
        delivery_id: format!("dlv_{delivery}"),
        at: at(second),
    };
    let mails: Vec<CountedMail> = (0..30).map(|n| mail("ada@example.org", n, 0)).collect();
    let counts = mails.iter().enumerate().map(|(n, mail)| {
        let store = if n % 2 == 0 { one } else { other };
        store.count_mail(mail, 6, HOUR)
    });
    let counted: Vec<bool> = futures::future::join_all(counts)
        .await
        .into_iter()
        .map(|outcome| outcome.expect("answer"))
        .collect();
    assert_eq!(counted.iter().filter(|counted| **counted).count(), 6);
    for (mail, counted) in mails.iter().zip(counted) {
        let again = one.count_mail(mail, 6, HOUR).await.expect("answer");
        assert_eq!(again, counted, "the same mail counts once");
    }
    let spelled = mail("Ada@Example.org", 40, 3599);
    assert!(!other.count_mail(&spelled, 6, HOUR).await.expect("answer"));
    let elsewhere = mail("grace@example.org", 41, 0);
    assert!(
        one.count_mail(&elsewhere, 6, HOUR)
            .await
            .expect("another address")
    );
    let later = mail("ada@example.org", 42, 3600);
    assert!(other.count_mail(&later, 6, HOUR).await.expect("an hour later"));
}
