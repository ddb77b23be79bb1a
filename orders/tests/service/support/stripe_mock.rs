//! Stripe's own mock: it keeps no state, but takes only requests that the description of Stripe's interface allows.

use std::collections::BTreeSet;

use super::stripe_double::Call;

/// Sends what the double was sent to the mock, which has to take each; gives the kinds there were, such as `POST confirm`.
pub(crate) async fn takes(mock: &str, calls: &[Call]) -> BTreeSet<String> {
    let client = reqwest::Client::new();
    let mut kinds = BTreeSet::new();
    for call in calls {
        let url = format!("{}{}?{}", mock.trim_end_matches('/'), call.path, call.query);
        let mut request = client
            .request(call.method.parse().unwrap(), url)
            .bearer_auth("sk_test_double")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(call.body.clone());
        if let Some(key) = &call.key {
            request = request.header("Idempotency-Key", key);
        }
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{call:?}: {status} {text}");
        let last = call.path.rsplit('/').next().unwrap();
        let kind = if last.starts_with("pi_") { "ID" } else { last };
        kinds.insert(format!("{} {kind}", call.method));
    }
    kinds
}
