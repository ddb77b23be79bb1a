//! Providers' reports.

use super::at;
use crate::domain::feedback::{Progress, Report, Suppression, Why, address_hash};
use crate::store::Store;

fn suppression(address: &str, source: &str) -> Suppression {
    Suppression {
        address_hash: address_hash(address),
        reason: Why::Bounced,
        detail: Some("Permanent/General".to_owned()),
        source: source.to_owned(),
        at: at(0),
    }
}

/// An address is suppressed once; the first reason stays.
pub async fn an_address_is_suppressed_once(store: &dyn Store) {
    let hash = address_hash("ada@example.org");
    assert_eq!(store.suppression(&hash).await.expect("answer"), None);
    let first = suppression("ada@example.org", "m1");
    assert!(store.suppress(first.clone()).await.expect("answer"));
    let again = suppression("Ada@Example.org", "m2");
    assert!(!store.suppress(again).await.expect("answer"));
    assert_eq!(store.suppression(&hash).await.expect("answer"), Some(first));
    let other = address_hash("grace@example.org");
    assert_eq!(store.suppression(&other).await.expect("answer"), None);
}

/// A report is stored if its stage is later than the stored one's.
pub async fn a_report_moves_forward_only(store: &dyn Store) {
    let report = |delivery_id: &str, progress| Report {
        delivery_id: delivery_id.to_owned(),
        progress,
        detail: None,
        at: at(0),
    };
    for (progress, is_kept) in [
        (Progress::Sending, true),
        (Progress::Queued, false),
        (Progress::Sending, false),
        (Progress::Delivered, true),
        (Progress::Undelivered, false),
        (Progress::Sent, false),
        (Progress::Bounced, true),
    ] {
        let kept = store.report(report("dlv_1", progress)).await.expect("answer");
        assert_eq!(kept, is_kept, "{progress:?}");
    }
    assert!(
        store
            .report(report("dlv_2", Progress::Sent))
            .await
            .expect("answer")
    );
    let ids = ["dlv_1", "dlv_2", "dlv_3"].map(str::to_owned);
    let mut found = store.reports(&ids).await.expect("answer");
    found.sort_by(|one, other| one.delivery_id.cmp(&other.delivery_id));
    assert_eq!(
        found,
        [
            report("dlv_1", Progress::Bounced),
            report("dlv_2", Progress::Sent)
        ]
    );
    assert_eq!(store.reports(&[]).await.expect("answer"), []);
}
