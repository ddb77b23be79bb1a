//! Amazon SES. It has no idempotency token: a message can be sent twice when a process dies, or pauses for longer than
//! its lease, between the send and the write that records it, and when SES's answer is lost. The delivery's id is a tag
//! of the message, so that SES's events contain it.

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::{DisplayErrorContext, ProvideErrorMetadata as _, SdkError};
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message as MailContent, MessageTag};
use aws_smithy_http_client::tls;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Failure;
use crate::config::SesSettings;
use crate::domain::message::{Message, Recipient};
use crate::http::{CALL_TIMEOUT, CONNECT_TIMEOUT};

/// The message's tag with the delivery's id.
pub(crate) const DELIVERY_TAG: &str = "delivery_id";
/// The region if only an endpoint is set.
const DEFAULT_REGION: &str = "us-east-1";
/// Bytes of text in one encoded word, which may have 75 characters (RFC 2047).
const ENCODED_WORD: usize = 45;

/// Amazon SES.
pub(crate) struct Ses {
    client: Client,
    configuration_set: Option<String>,
    reply_to: Option<Recipient>,
}

impl Ses {
    /// Credentials are read when the first message is sent, from AWS's usual places: variables, profile, role.
    pub(crate) async fn new(settings: &SesSettings) -> Self {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
            .build_https();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_timeout(CALL_TIMEOUT)
            .build();
        let region = settings.aws_region.as_deref().unwrap_or(DEFAULT_REGION);
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(http)
            .timeout_config(timeouts)
            // The worker retries, and knows of earlier attempts.
            .retry_config(RetryConfig::disabled())
            .region(Region::new(region.to_owned()));
        if let Some(url) = &settings.aws_endpoint_url {
            loader = loader.endpoint_url(url.as_str().trim_end_matches('/'));
        }
        Self {
            client: Client::new(&loader.load().await),
            configuration_set: settings.ses_configuration_set.clone(),
            reply_to: settings.mail_reply_to.clone(),
        }
    }

    /// Returns SES's id of the message.
    pub(crate) async fn send(&self, message: &Message) -> Result<String, Failure> {
        let content = content(message).map_err(|error| Failure::Refused(format!("ses: {error}")))?;
        let tag = MessageTag::builder()
            .name(DELIVERY_TAG)
            .value(message.delivery_id())
            .build()
            .map_err(|error| Failure::Refused(format!("ses: {error}")))?;
        let answer = self
            .client
            .send_email()
            .from_email_address(from_header(&message.from))
            .destination(Destination::builder().to_addresses(message.to.as_str()).build())
            .set_reply_to_addresses(self.reply_to.as_ref().map(|to| vec![to.as_str().to_owned()]))
            .set_configuration_set_name(self.configuration_set.clone())
            .email_tags(tag)
            .content(content)
            .send()
            .await;
        match answer {
            Ok(answer) => Ok(answer.message_id.unwrap_or_default()),
            Err(error) => Err(failure(&error)),
        }
    }
}

fn content(message: &Message) -> Result<EmailContent, aws_sdk_sesv2::error::BuildError> {
    let part = |text: &str| Content::builder().data(text).charset("UTF-8").build();
    let body = Body::builder()
        .text(part(&message.text)?)
        .html(part(&message.html)?)
        .build();
    let content = MailContent::builder()
        .subject(part(message.subject.as_str())?)
        .body(body)
        .build();
    Ok(EmailContent::builder().simple(content).build())
}

/// Classifies a failure. SES's messages are dropped: they contain addresses.
fn failure(error: &SdkError<SendEmailError>) -> Failure {
    match error {
        SdkError::ServiceError(answer) => classify(answer.err().code(), answer.raw().status().as_u16()),
        SdkError::TimeoutError(_) => Failure::Again("ses: no answer in time".to_owned()),
        other => {
            tracing::warn!(error.cause = %DisplayErrorContext(other), "SES cannot be called");
            Failure::Again("ses: cannot be called".to_owned())
        }
    }
}

/// Whether a retry may succeed, by the error's code and the HTTP status. What an operator can fix (a wrong key, a
/// paused account) is retried; a refused message is not.
fn classify(code: Option<&str>, status: u16) -> Failure {
    let code: String = code
        .unwrap_or("Unknown")
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(64)
        .collect();
    let error = format!("ses: {code}");
    match code.as_str() {
        "TooManyRequestsException"
        | "LimitExceededException"
        | "SendingPausedException"
        | "AccountSuspendedException"
        | "Throttling"
        | "ThrottlingException" => Failure::Again(error),
        _ if matches!(status, 401 | 403 | 408 | 429) || status >= 500 => Failure::Again(error),
        _ => Failure::Refused(error),
    }
}

/// An ASCII `From`: other characters in the name become encoded words (RFC 2047).
fn from_header(from: &str) -> String {
    if from.is_ascii() {
        return from.to_owned();
    }
    let Some((name, address)) = from.rsplit_once(" <") else {
        return from.to_owned();
    };
    let mut words = Vec::new();
    let mut word = String::new();
    for character in name.trim_matches('"').chars() {
        if word.len() + character.len_utf8() > ENCODED_WORD {
            words.push(std::mem::take(&mut word));
        }
        word.push(character);
    }
    words.push(word);
    let words: Vec<String> = words
        .iter()
        .map(|word| format!("=?UTF-8?B?{}?=", STANDARD.encode(word)))
        .collect();
    format!("{} <{address}", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_from_a_bad_moment() {
        for (code, status) in [
            (Some("TooManyRequestsException"), 429),
            (Some("ThrottlingException"), 400),
            (Some("SendingPausedException"), 400),
            (Some("InvalidClientTokenId"), 403),
            (Some("InternalFailure"), 500),
            (None, 503),
        ] {
            assert!(
                matches!(classify(code, status), Failure::Again(_)),
                "{code:?} {status}"
            );
        }
        for (code, status) in [
            (Some("MessageRejected"), 400),
            (Some("MailFromDomainNotVerifiedException"), 400),
            (Some("BadRequestException"), 400),
            (Some("NotFoundException"), 404),
            (None, 400),
        ] {
            assert!(
                matches!(classify(code, status), Failure::Refused(_)),
                "{code:?} {status}"
            );
        }
        assert_eq!(
            classify(Some("Bad: ada@example.org\r\n"), 400),
            Failure::Refused("ses: Badadaexampleorg".to_owned())
        );
    }

    #[test]
    fn a_senders_name_is_ascii_on_the_way() {
        assert_eq!(from_header("\"Shop\" <a@b.fr>"), "\"Shop\" <a@b.fr>");
        assert_eq!(from_header("\"Café\" <a@b.fr>"), "=?UTF-8?B?Q2Fmw6k=?= <a@b.fr>");
        let long = from_header(&format!("\"{}\" <a@b.fr>", "é".repeat(60)));
        assert_eq!(long.matches("=?UTF-8?B?").count(), 3);
        assert!(long.split(' ').all(|word| word.len() <= 75), "{long}");
    }
}
