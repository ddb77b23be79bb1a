//! Providers' reports about sent messages, the suppression list that follows from them, and daily quotas.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::message::Recipient;
use super::plain;

/// The longest stored detail of a provider's report.
const MAX_DETAIL: usize = 80;

/// A provider's last report about a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The delivery.
    pub delivery_id: String,
    /// The progress of the message.
    pub progress: Progress,
    /// The provider's error code, if any.
    pub detail: Option<String>,
    /// When it was reported.
    pub at: Timestamp,
}

/// The progress of a message after the provider accepted it. A later stage is never overwritten by an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Queued at the provider.
    Queued,
    /// On its way.
    Sending,
    /// Handed to the next carrier.
    Sent,
    /// Delivered to its recipient.
    Delivered,
    /// Refused by the recipient's side.
    Undelivered,
    /// The provider gave up.
    Failed,
    /// Bounced.
    Bounced,
    /// The recipient complained about it.
    Complained,
}

impl Progress {
    /// The order of stages: only a higher one replaces a lower one.
    pub fn rank(self) -> i64 {
        match self {
            Self::Queued => 0,
            Self::Sending => 1,
            Self::Sent => 2,
            Self::Delivered | Self::Undelivered | Self::Failed => 3,
            // A mail can bounce, and cause a complaint, after it was delivered.
            Self::Bounced => 4,
            Self::Complained => 5,
        }
    }

    /// Its name, also in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
            Self::Failed => "failed",
            Self::Bounced => "bounced",
            Self::Complained => "complained",
        }
    }

    /// Whether the message did not arrive, or was not wanted.
    pub fn is_failure(self) -> bool {
        self.rank() >= 3 && self != Self::Delivered
    }
}

impl Report {
    /// A sentence for staff about a message that was sent and did not arrive.
    pub fn failure(&self) -> Option<String> {
        self.progress.is_failure().then(|| {
            let progress = self.progress.as_str();
            match &self.detail {
                Some(detail) => format!("the provider says: {progress} ({detail})"),
                None => format!("the provider says: {progress}"),
            }
        })
    }
}

/// A suppressed address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    /// The address, by [`address_hash`].
    pub address_hash: String,
    /// Why.
    pub reason: Why,
    /// The provider's name for the reason.
    pub detail: Option<String>,
    /// The provider's message that reported it.
    pub source: String,
    /// Since when.
    pub at: Timestamp,
}

/// Why an address is suppressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Mails to it bounced permanently.
    Bounced,
    /// Its owner complained about a mail.
    Complained,
}

impl Why {
    /// Its name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bounced => "bounced",
            Self::Complained => "complained",
        }
    }
}

impl Suppression {
    /// A sentence for staff.
    pub fn sentence(&self) -> String {
        let why = match self.reason {
            Why::Bounced => "an earlier mail to this address came back",
            Why::Complained => "the address's owner complained of an earlier mail",
        };
        match &self.detail {
            Some(detail) => format!("{why} ({detail})"),
            None => why.to_owned(),
        }
    }
}

/// A hash that identifies an address or number: two spellings of one have the same hash.
pub fn address_hash(address: &str) -> String {
    let digest = Sha256::digest(Recipient::lookup_key(address));
    digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
        use std::fmt::Write as _;
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A provider's text, reduced to what is safe to store and show: one line, without addresses.
pub fn detail(text: &str) -> Option<String> {
    let line: String = plain::line(text).chars().take(MAX_DETAIL).collect();
    (!line.is_empty() && !line.contains('@')).then_some(line)
}

/// A mail to an unconfirmed address, as it is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedMail {
    /// The address, by [`address_hash`].
    pub address_hash: String,
    /// The delivery, which counts once.
    pub delivery_id: String,
    /// When it is to be sent.
    pub at: Timestamp,
}

/// A daily quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// The counter and the day.
    pub key: String,
    /// The limit.
    pub limit: u32,
    /// When the count may be deleted.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_of_an_address_have_one_hash() {
        assert_eq!(address_hash("Ada@Example.org "), address_hash("ada@example.org"));
        assert_eq!(address_hash("+33 6 12"), address_hash("33612"));
        assert_ne!(address_hash("ada@example.org"), address_hash("ada@example.com"));
        assert_eq!(address_hash("ada@example.org").len(), 64);
    }

    #[test]
    fn a_detail_is_a_short_line_without_addresses() {
        assert_eq!(
            detail("Permanent/General\r\nforged").as_deref(),
            Some("Permanent/General forged")
        );
        assert_eq!(detail("to ada@example.org"), None);
        assert_eq!(detail(" "), None);
        assert_eq!(detail(&"x".repeat(500)).unwrap().len(), MAX_DETAIL);
    }
}
