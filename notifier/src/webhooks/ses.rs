//! SES's reports about mails: bounces, complaints, deliveries. An address with a permanent bounce or a complaint is
//! suppressed, since SES counts mails to it against the account.

use comptoir_mesh::error::Error;
use jiff::Timestamp;
use serde::Deserialize;

use super::report;
use super::sns::Published;
use crate::backend::DELIVERY_TAG;
use crate::domain::feedback::{Progress, Report, Suppression, Why, address_hash, detail};
use crate::store::Store;

/// An event of a configuration set, or a notification of an identity; they differ in the name of the kind.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(alias = "notificationType")]
    event_type: String,
    #[serde(default)]
    mail: Mail,
    bounce: Option<Bounce>,
    complaint: Option<Complaint>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Mail {
    tags: std::collections::HashMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounce {
    bounce_type: String,
    #[serde(default)]
    bounce_sub_type: String,
    #[serde(default)]
    bounced_recipients: Vec<RecipientOf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Complaint {
    #[serde(default)]
    complained_recipients: Vec<RecipientOf>,
    complaint_feedback_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecipientOf {
    email_address: String,
}

/// Each effect is idempotent, so that a repeated message has the effect of one.
pub(super) async fn take(published: &Published, store: &dyn Store, now: Timestamp) -> Result<(), Error> {
    // SNS's test messages and unknown kinds have no effect.
    let Ok(event) = serde_json::from_str::<Event>(&published.message) else {
        return Ok(());
    };
    let (progress, text, suppressed) = match (event.event_type.as_str(), &event.bounce, &event.complaint) {
        ("Bounce", Some(bounce), _) => {
            // After a transient or undetermined bounce a later mail may arrive.
            let for_good = bounce.bounce_type == "Permanent";
            let text = detail(&format!("{}/{}", bounce.bounce_type, bounce.bounce_sub_type));
            let suppressed = for_good.then_some((Why::Bounced, &bounce.bounced_recipients));
            (Progress::Bounced, text, suppressed)
        }
        ("Complaint", _, Some(complaint)) => {
            let text = complaint.complaint_feedback_type.as_deref().and_then(detail);
            let suppressed = Some((Why::Complained, &complaint.complained_recipients));
            (Progress::Complained, text, suppressed)
        }
        ("Delivery", _, _) => (Progress::Delivered, None, None),
        ("Reject" | "Rendering Failure", _, _) => (Progress::Failed, detail(&event.event_type), None),
        _ => return Ok(()),
    };
    if let Some((reason, recipients)) = suppressed {
        for recipient in recipients {
            let suppression = Suppression {
                address_hash: address_hash(bare(&recipient.email_address)),
                reason,
                detail: text.clone(),
                source: published.id.clone(),
                at: now,
            };
            if store.suppress(suppression).await? {
                metrics::counter!("suppressions_total", "reason" => reason.as_str()).increment(1);
                tracing::warn!(
                    suppression.reason = reason.as_str(),
                    suppression.source = published.id,
                    "an address is not written to any more"
                );
            }
        }
    }
    let tagged = event
        .mail
        .tags
        .get(DELIVERY_TAG)
        .and_then(|values| values.first());
    match tagged {
        Some(id) => {
            let told = Report {
                delivery_id: id.clone(),
                progress,
                detail: text,
                at: now,
            };
            report(store, "ses", told).await
        }
        None => Ok(()),
    }
}

/// The address of `Ada <ada@example.org>`.
fn bare(recipient: &str) -> &str {
    let inner = recipient
        .rsplit_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or(recipient, |(address, _)| address).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_name() {
        assert_eq!(bare("Ada <ada@example.org>"), "ada@example.org");
        assert_eq!(bare(" ada@example.org "), "ada@example.org");
    }
}
