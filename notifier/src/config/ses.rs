//! Settings of Amazon SES.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, value_parser};

use crate::domain::message::Recipient;

/// Mails go to SES if a region or an endpoint and a sender are set; otherwise to the mailbox.
#[derive(Args, Debug, Clone, Default)]
#[group(id = "notifier_ses")]
pub struct SesSettings {
    /// The AWS region of SES. Mails go there if COMPTOIR_MAIL_FROM is set too, else to the mailbox
    #[arg(long, env = "AWS_REGION", value_name = "REGION", value_parser = NonEmptyStringValueParser::new())]
    pub aws_region: Option<String>,
    /// AWS's address, instead of the region's, for tests
    #[arg(long, env = "AWS_ENDPOINT_URL", value_name = "URL", value_parser = value_parser!(url::Url))]
    pub aws_endpoint_url: Option<url::Url>,
    /// SES configuration set of every mail, which defines where events go
    #[arg(long, env = "COMPTOIR_SES_CONFIGURATION_SET", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub ses_configuration_set: Option<String>,
    /// The address for replies to mails
    #[arg(long, env = "COMPTOIR_MAIL_REPLY_TO", value_name = "ADDRESS", value_parser = Recipient::email)]
    pub mail_reply_to: Option<Recipient>,
    /// The SNS topic of bounces and complaints; required for them in the production profile
    #[arg(long, env = "COMPTOIR_SES_TOPIC_ARN", value_name = "ARN", value_parser = NonEmptyStringValueParser::new())]
    pub ses_topic_arn: Option<String>,
    /// Prefix of certificate addresses that are trusted like those of SNS, for tests; refused in the production profile
    #[arg(long, env = "COMPTOIR_SES_CERT_URL_PREFIX", value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    pub ses_cert_url_prefix: Option<String>,
}

impl SesSettings {
    /// Whether SES's address is known.
    pub(crate) fn are_set(&self) -> bool {
        self.aws_region.is_some() || self.aws_endpoint_url.is_some()
    }
}
