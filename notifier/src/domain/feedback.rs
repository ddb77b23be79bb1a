//! What providers tell of messages they had taken, whom not to write to because of it, and how much was used up.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::message::Recipient;
use super::plain;

/// The longest detail that is kept of what a provider says.
const MAX_DETAIL: usize = 80;

/// What a provider told last of a delivery's message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The delivery.
    pub delivery_id: String,
    /// How far the message came.
    pub progress: Progress,
    /// The provider's code, where it has one for what went wrong.
    pub detail: Option<String>,
    /// When it was told.
    pub at: Timestamp,
}

/// How far a message came after the provider had taken it. A later one is never overwritten by an earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Waits at the provider.
    Queued,
    /// On its way.
    Sending,
    /// Given to the next on the way.
    Sent,
    /// With its recipient.
    Delivered,
    /// Not taken at the other end.
    Undelivered,
    /// The provider gave up.
    Failed,
    /// Came back.
    Bounced,
    /// The recipient complained of it.
    Complained,
}

impl Progress {
    /// How far it is: only what is further follows.
    pub fn rank(self) -> i64 {
        match self {
            Self::Queued => 0,
            Self::Sending => 1,
            Self::Sent => 2,
            Self::Delivered | Self::Undelivered | Self::Failed => 3,
            // A mail can bounce, and annoy, after it was delivered.
            Self::Bounced => 4,
            Self::Complained => 5,
        }
    }

    /// Its name, in metrics too.
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

    /// Whether the recipient has not got the message, or did not want it.
    pub fn is_failure(self) -> bool {
        self.rank() >= 3 && self != Self::Delivered
    }
}

impl Report {
    /// A sentence for staff, of a message that was sent and did not arrive.
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

/// An address that is not written to any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    /// The address, by [`address_hash`].
    pub address_hash: String,
    /// Why.
    pub reason: Why,
    /// What the provider calls it.
    pub detail: Option<String>,
    /// The provider's message that said so.
    pub source: String,
    /// Since when.
    pub at: Timestamp,
}

/// Why an address is not written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Mails to it came back for good.
    Bounced,
    /// Its owner complained of a mail.
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

/// Names an address, or number, without saying it: two spellings of one have the same hash.
pub fn address_hash(address: &str) -> String {
    let digest = Sha256::digest(Recipient::lookup_key(address));
    digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
        use std::fmt::Write as _;
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// What a provider says, cut to what is safe to keep and to show: one line, no addresses.
pub fn detail(text: &str) -> Option<String> {
    let line: String = plain::line(text).chars().take(MAX_DETAIL).collect();
    (!line.is_empty() && !line.contains('@')).then_some(line)
}

/// A mail to an unconfirmed address, as it is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedMail {
    /// The address, by [`address_hash`].
    pub address_hash: String,
    /// The delivery; the same one counts once.
    pub delivery_id: String,
    /// When it is to be sent.
    pub at: Timestamp,
}

/// Something of which a day has only so much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// Names what is counted, and the day.
    pub key: String,
    /// How much there is.
    pub limit: u32,
    /// From when on the count may be forgotten.
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
