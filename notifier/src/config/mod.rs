//! The notifier's settings.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use comptoir_mesh::config::{address, up_to};
use url::Url;

use crate::domain::delivery::Patience;
use crate::domain::message::{Invalid, Recipient};
use crate::domain::plain;

pub use self::ses::SesSettings;
pub use self::twilio::TwilioSettings;

mod ses;
mod twilio;

/// The default sender, which SES is not used with.
const PLACEHOLDER: &str = "no-reply@comptoir.example";

/// The notifier's own settings. Each channel's back end is the provider that has settings.
#[derive(Args, Debug, Clone)]
#[group(id = "notifier")]
pub struct Config {
    /// Where the notifier's gRPC port listens
    #[arg(long = "notifier-addr", id = "notifier_addr", env = "COMPTOIR_NOTIFIER_ADDR", default_value = "127.0.0.1:50054", value_parser = address, value_name = "ADDR")]
    pub addr: SocketAddr,
    /// Where deliveries are stored: sqlite://PATH or mongodb://HOST/DATABASE; unless set, the server in MONGODB_URI, or
    /// a file in the data folder
    #[arg(
        long = "notifier-store",
        id = "notifier_store",
        env = "COMPTOIR_NOTIFIER_STORE",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub store: Option<String>,
    /// The storefront's public address, for links in mails
    #[arg(long = "storefront-url", id = "notifier_storefront_url", env = "COMPTOIR_STOREFRONT_URL", default_value = "http://localhost:3000",
          value_parser = web_address, value_name = "URL")]
    pub storefront_url: Url,
    /// The sender of mails: ADDRESS, or NAME <ADDRESS>; without a name, the shop's is used
    #[arg(
        long = "mail-from", id = "notifier_mail_from",
        env = "COMPTOIR_MAIL_FROM",
        default_value = PLACEHOLDER,
        value_name = "ADDRESS"
    )]
    pub mail_from: Sender,
    /// Messages sent per second, on all channels together; 0 is no limit
    #[arg(
        long = "notifier-send-rate", id = "notifier_send_rate",
        env = "COMPTOIR_NOTIFIER_SEND_RATE",
        default_value = "500",
        value_parser = up_to::<u32>(1_000_000),
        value_name = "N"
    )]
    pub send_rate: u32,
    /// Attempts at a message before it is given up
    #[arg(long = "notifier-attempts", id = "notifier_attempts", env = "COMPTOIR_NOTIFIER_ATTEMPTS", default_value = "12", value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=100))]
    pub attempts: u32,
    /// Mails per hour about guests' orders to one unconfirmed address; 0 is no limit
    #[arg(
        long,
        env = "COMPTOIR_LIMIT_MAILS_UNCONFIRMED",
        default_value = "6",
        value_parser = up_to::<u32>(1_000_000),
        value_name = "N"
    )]
    pub limit_mails_unconfirmed: u32,
    #[command(flatten)]
    pub ses: SesSettings,
    #[command(flatten)]
    pub twilio: TwilioSettings,
}

impl Config {
    /// Whether mails go to SES. A region alone does not suffice: many machines have one for other reasons, and SES
    /// accepts mails from verified senders only, which the default sender is not.
    pub(crate) fn sends_by_ses(&self) -> bool {
        self.ses.are_set() && self.mail_from.address.as_str() != PLACEHOLDER
    }

    /// The retry policy: 12 attempts take about half an hour.
    pub(crate) fn patience(&self) -> Patience {
        Patience {
            attempts: self.attempts,
            backoff: Duration::from_secs(1),
            backoff_max: Duration::from_secs(15 * 60),
        }
    }
}

pub(crate) fn web_address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("an address that begins with https:// or http://".to_owned());
    }
    if url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return Err("an address without a query, a fragment or a user".to_owned());
    }
    Ok(url)
}

/// The sender of mails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    name: Option<String>,
    address: Recipient,
}

impl Sender {
    /// As a mail's `From`; `shop` is the name if the setting has none.
    pub(crate) fn header(&self, shop: &str) -> String {
        let name: String = plain::line(self.name.as_deref().unwrap_or(shop))
            .chars()
            .filter(|c| !matches!(c, '"' | '\\' | '<' | '>'))
            .collect();
        format!("\"{name}\" <{}>", self.address.as_str())
    }
}

impl FromStr for Sender {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        if text.chars().any(plain::is_unsafe) {
            return Err(Invalid("more than one line"));
        }
        let (name, address) = match text.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
            Some((name, address)) => (name.trim().trim_matches('"'), address),
            None => ("", text),
        };
        let name = (!name.is_empty()).then(|| name.to_owned());
        Ok(Self {
            name,
            address: Recipient::email(address)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_has_an_address_and_perhaps_a_name() {
        let header = |text: &str| text.parse::<Sender>().map(|sender| sender.header("Comptoir"));
        assert_eq!(
            header("shop@example.org").unwrap(),
            "\"Comptoir\" <shop@example.org>"
        );
        assert_eq!(
            header("\"The Shop\" <shop@example.org>").unwrap(),
            "\"The Shop\" <shop@example.org>"
        );
        for wrong in ["", "shop", "Shop <>", "a@b.fr, c@d.fr", "a@b.fr\r\nBcc: c@d.fr"] {
            assert!(header(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_storefront_is_a_web_address() {
        assert!(web_address("https://shop.example.org/fr").is_ok());
        for wrong in [
            "",
            "shop.example.org",
            "javascript:alert(1)",
            "https://",
            "https://a.fr/?x=1",
            "https://u:p@a.fr/",
        ] {
            assert!(web_address(wrong).is_err(), "{wrong:?}");
        }
    }
}
