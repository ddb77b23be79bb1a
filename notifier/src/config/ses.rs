//! Settings of Amazon SES.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, value_parser};

use crate::domain::message::Recipient;

/// Mails go to SES when a region or an endpoint is set and a sender is named; to the mailbox otherwise.
#[derive(Args, Debug, Clone, Default)]
#[group(id = "notifier_ses")]
pub struct SesSettings {
    /// The AWS region whose SES takes the mails, once COMPTOIR_MAIL_FROM names a sender; the mailbox does without both
    #[arg(long, env = "AWS_REGION", value_name = "REGION", value_parser = NonEmptyStringValueParser::new())]
    pub aws_region: Option<String>,
    /// Where AWS is, instead of the region's own address: for tests
    #[arg(long, env = "AWS_ENDPOINT_URL", value_name = "URL", value_parser = value_parser!(url::Url))]
    pub aws_endpoint_url: Option<url::Url>,
    /// SES configuration set of every mail; it names where events go to
    #[arg(long, env = "COMPTOIR_SES_CONFIGURATION_SET", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub ses_configuration_set: Option<String>,
    /// Where answers to mails go
    #[arg(long, env = "COMPTOIR_MAIL_REPLY_TO", value_name = "ADDRESS", value_parser = Recipient::email)]
    pub mail_reply_to: Option<Recipient>,
    /// The SNS topic that bounces and complaints come from; the production profile takes none without it
    #[arg(long, env = "COMPTOIR_SES_TOPIC_ARN", value_name = "ARN", value_parser = NonEmptyStringValueParser::new())]
    pub ses_topic_arn: Option<String>,
    /// Addresses beginning so are trusted as those of SNS are: for tests, refused in the production profile
    #[arg(long, env = "COMPTOIR_SES_CERT_URL_PREFIX", value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    pub ses_cert_url_prefix: Option<String>,
}

impl SesSettings {
    /// Whether it is known where SES is.
    pub(crate) fn are_set(&self) -> bool {
        self.aws_region.is_some() || self.aws_endpoint_url.is_some()
    }
}
