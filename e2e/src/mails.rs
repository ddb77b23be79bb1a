//! The mails that the fake SES accepted.

use serde_json::Value;

use crate::Calls;

/// A mail.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mail {
    /// The one recipient's address.
    pub to: String,
    /// Its subject, which names the order.
    pub subject: String,
}

/// The mails to addresses that contain `to`, in their order. The fake SES is slow when it has many mails: wait for another
/// condition first.
pub async fn mails(calls: &Calls, to: &str) -> Vec<Mail> {
    let server = std::env::var("AWS_ENDPOINT_URL").expect("a test on servers has it");
    let answer = calls.http.get(format!("{server}/moto-api/data.json")).send();
    let data: Value = answer
        .await
        .expect("SES answers")
        .json()
        .await
        .expect("what it holds");
    let all = data["ses"]["Message"].as_array().cloned().unwrap_or_default();
    all.iter()
        .map(|mail| Mail {
            to: text(&mail["destinations"]["ToAddresses"][0]),
            subject: text(&mail["subject"]),
        })
        .filter(|mail| mail.to.contains(to))
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
