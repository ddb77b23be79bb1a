//! Settings of Twilio.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, value_parser};
use comptoir_mesh::config::{Secret, up_to};
use url::Url;

use crate::domain::dialling::Destination;

/// Text messages go to Twilio if an account is set; otherwise to the mailbox.
#[derive(Args, Debug, Clone)]
#[group(id = "notifier_twilio")]
pub struct TwilioSettings {
    /// The Twilio account that sends text messages; unless set, they go to the mailbox
    #[arg(long, env = "TWILIO_ACCOUNT_SID", value_name = "SID", value_parser = account_sid)]
    pub twilio_account_sid: Option<String>,
    /// The account's token
    #[arg(long, env = "TWILIO_AUTH_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub twilio_auth_token: Option<Secret>,
    /// The sender of text messages: a number such as +33612345678, or a messaging service's SID
    #[arg(long, env = "TWILIO_FROM", value_name = "NUMBER", value_parser = NonEmptyStringValueParser::new())]
    pub twilio_from: Option<String>,
    /// Twilio's address
    #[arg(long, env = "TWILIO_BASE_URL", default_value = "https://api.twilio.com", value_name = "URL",
          value_parser = value_parser!(Url))]
    pub twilio_base_url: Url,
    /// The gateway's public address, for providers' callbacks; Twilio's callbacks are requested only if it is set
    #[arg(long, env = "COMPTOIR_PUBLIC_URL", value_name = "URL", value_parser = super::web_address)]
    pub public_url: Option<Url>,
    /// Allowed destinations of text messages: countries (FR) or dialling prefixes (+33), separated by commas; unless
    /// set, the shop's countries
    #[arg(
        long,
        env = "COMPTOIR_SMS_COUNTRIES",
        value_delimiter = ',',
        value_name = "LIST"
    )]
    pub sms_countries: Vec<Destination>,
    /// Text messages to one number in a day; 0 is no limit
    #[arg(
        long,
        env = "COMPTOIR_LIMIT_SMS_NUMBER",
        default_value = "10",
        value_parser = up_to::<u32>(1_000_000_000),
        value_name = "N"
    )]
    pub limit_sms_number: u32,
    /// Text messages in a day, to all numbers together; 0 is no limit
    #[arg(
        long,
        env = "COMPTOIR_LIMIT_SMS_DAY",
        default_value = "5000",
        value_parser = up_to::<u32>(1_000_000_000),
        value_name = "N"
    )]
    pub limit_sms_day: u32,
}

/// Part of an address, so only letters and digits.
fn account_sid(text: &str) -> Result<String, String> {
    let good = (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    good.then(|| text.to_owned())
        .ok_or_else(|| "an account's SID: AC and 32 digits or letters".to_owned())
}
