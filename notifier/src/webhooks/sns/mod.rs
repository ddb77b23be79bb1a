//! Verifies messages of Amazon SNS: their signature, their topic and their age.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comptoir_mesh::config::Profile;
use comptoir_mesh::env::Env;
use comptoir_mesh::error::{Error, ErrorReason};
use jiff::Timestamp;
use serde::Deserialize;
use url::Url;

use self::certificate::Certificate;
use super::forged;
use crate::config::SesSettings;
use crate::http;

mod certificate;

/// The age from which a message is stale. SNS retries for up to an hour with the same signature.
const MAX_AGE: Duration = Duration::from_secs(60 * 60);
/// How far SNS's clock may be ahead.
const MAX_AHEAD: Duration = Duration::from_secs(5 * 60);
/// The longest certificate, or answer to a confirmation, that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;
/// Cached certificates: SNS has one per region, and changes it about once a year.
const MAX_CERTIFICATES: usize = 8;

/// The SNS topic of SES's events.
pub(crate) struct Topic {
    http: reqwest::Client,
    arn: Option<String>,
    /// A prefix of addresses that are trusted in addition to those of SNS, for tests.
    trusted: Option<String>,
    profile: Profile,
    certificates: Mutex<HashMap<String, Arc<Certificate>>>,
    /// One certificate is fetched at a time, so that a flood of messages cannot cause more outgoing calls.
    fetching: tokio::sync::Mutex<()>,
}

/// The body that SNS posts.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope {
    r#type: String,
    message_id: String,
    topic_arn: String,
    subject: Option<String>,
    message: String,
    timestamp: String,
    signature_version: String,
    signature: String,
    #[serde(rename = "SigningCertURL")]
    signing_cert_url: String,
    token: Option<String>,
    #[serde(rename = "SubscribeURL")]
    subscribe_url: Option<String>,
}

/// The text published to the topic.
pub(super) struct Published {
    pub(super) id: String,
    pub(super) message: String,
}

impl Topic {
    /// `None` if SES has no settings.
    pub(super) fn new(settings: &SesSettings, env: &Env) -> anyhow::Result<Option<Self>> {
        if env.profile == Profile::Production && settings.ses_cert_url_prefix.is_some() {
            anyhow::bail!(
                "COMPTOIR_SES_CERT_URL_PREFIX: is for tests, and refused in the production profile"
            );
        }
        if !settings.are_set() {
            return Ok(None);
        }
        Ok(Some(Self {
            http: http::client()?,
            arn: settings.ses_topic_arn.clone(),
            trusted: settings.ses_cert_url_prefix.clone(),
            profile: env.profile,
            certificates: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
        }))
    }

    /// Verifies a message, and returns the published text. A subscription is confirmed; it and all other kinds return
    /// `None`.
    pub(super) async fn open(&self, body: &[u8], now: Timestamp) -> Result<Option<Published>, Error> {
        let envelope: Envelope =
            serde_json::from_slice(body).map_err(|_| forged("it is no message of Amazon SNS"))?;
        self.check_topic(&envelope)?;
        check_age(&envelope, now)?;
        let signed = envelope
            .signed_text()
            .ok_or_else(|| forged("it is of no kind that SNS signs"))?;
        let signature = STANDARD
            .decode(&envelope.signature)
            .map_err(|_| forged("it has no signature"))?;
        let url = self
            .trusted_url(&envelope.signing_cert_url)
            .filter(|url| self.is_for_tests(url) || is_pem(url))
            .ok_or_else(|| forged("its certificate is not Amazon's"))?;
        let certificate = self.certificate(&url).await?;
        if !certificate.has_signed(&envelope.signature_version, signed.as_bytes(), &signature) {
            return Err(forged("it is not signed by its certificate"));
        }
        match envelope.r#type.as_str() {
            "Notification" => Ok(Some(Published {
                id: envelope.message_id,
                message: envelope.message,
            })),
            "SubscriptionConfirmation" => self.confirm(&envelope).await.map(|()| None),
            _ => {
                tracing::warn!("the SNS topic of bounces and complaints was unsubscribed");
                Ok(None)
            }
        }
    }

    /// SNS signs the messages of anyone's topics: only those of the configured topic count.
    fn check_topic(&self, envelope: &Envelope) -> Result<(), Error> {
        match &self.arn {
            Some(arn) if *arn == envelope.topic_arn => Ok(()),
            Some(_) => Err(forged("it is of another topic than COMPTOIR_SES_TOPIC_ARN")),
            None if self.profile == Profile::Production => {
                Err(forged("COMPTOIR_SES_TOPIC_ARN does not say which topic is ours"))
            }
            None => Ok(()),
        }
    }

    /// An address of SNS without a user, a port or any other part that could lead elsewhere.
    fn trusted_url(&self, text: &str) -> Option<Url> {
        let url = Url::parse(text).ok()?;
        let of_sns = url.scheme() == "https"
            && url.port().is_none()
            && url.username().is_empty()
            && url.password().is_none()
            && url.host_str().is_some_and(is_sns);
        (of_sns || self.is_for_tests(&url)).then_some(url)
    }

    fn is_for_tests(&self, url: &Url) -> bool {
        self.trusted
            .as_ref()
            .is_some_and(|prefix| url.as_str().starts_with(prefix))
    }

    /// The certificate at a trusted address, fetched once.
    async fn certificate(&self, url: &Url) -> Result<Arc<Certificate>, Error> {
        if let Some(known) = self.known(url) {
            return Ok(known);
        }
        let _one_at_a_time = self.fetching.lock().await;
        if let Some(known) = self.known(url) {
            return Ok(known);
        }
        let pem = self
            .get(url)
            .await
            .context("the certificate of SNS")
            .map_err(Error::unavailable)?;
        let certificate =
            Arc::new(Certificate::from_pem(&pem).ok_or_else(|| forged("its certificate is not valid"))?);
        let mut certificates = self.certificates.lock().unwrap_or_else(PoisonError::into_inner);
        if certificates.len() >= MAX_CERTIFICATES {
            certificates.clear();
        }
        certificates.insert(url.to_string(), certificate.clone());
        Ok(certificate)
    }

    fn known(&self, url: &Url) -> Option<Arc<Certificate>> {
        self.certificates
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(url.as_str())
            .cloned()
    }

    /// Confirms the subscription to SNS.
    async fn confirm(&self, envelope: &Envelope) -> Result<(), Error> {
        let url = envelope
            .subscribe_url
            .as_deref()
            .and_then(|url| self.trusted_url(url))
            .ok_or_else(|| forged("it is confirmed at an address that is not Amazon's"))?;
        self.get(&url)
            .await
            .context("the subscription to the SNS topic")
            .map_err(Error::unavailable)?;
        tracing::info!("the SNS topic of bounces and complaints is subscribed to");
        Ok(())
    }

    async fn get(&self, url: &Url) -> anyhow::Result<Vec<u8>> {
        // The address of a confirmation contains its token, so it is not logged.
        let answer = self
            .http
            .get(url.clone())
            .send()
            .await
            .map_err(reqwest::Error::without_url)?;
        let answer = answer.error_for_status().map_err(reqwest::Error::without_url)?;
        anyhow::ensure!(answer.status().is_success(), "status {}", answer.status());
        http::body(answer, MAX_ANSWER).await
    }
}

impl Envelope {
    /// The signed text: names and values, a line each, in the order of the names.
    fn signed_text(&self) -> Option<String> {
        let mut fields = vec![
            ("Message", self.message.as_str()),
            ("MessageId", &self.message_id),
        ];
        match self.r#type.as_str() {
            "Notification" => {
                if let Some(subject) = &self.subject {
                    fields.push(("Subject", subject));
                }
                fields.push(("Timestamp", &self.timestamp));
            }
            "SubscriptionConfirmation" | "UnsubscribeConfirmation" => {
                fields.push(("SubscribeURL", self.subscribe_url.as_deref()?));
                fields.push(("Timestamp", &self.timestamp));
                fields.push(("Token", self.token.as_deref()?));
            }
            _ => return None,
        }
        fields.extend([("TopicArn", self.topic_arn.as_str()), ("Type", &self.r#type)]);
        let mut text = String::new();
        for (name, value) in fields {
            for part in [name, "\n", value, "\n"] {
                text.push_str(part);
            }
        }
        Some(text)
    }
}

fn check_age(envelope: &Envelope, now: Timestamp) -> Result<(), Error> {
    let fresh = envelope.timestamp.parse::<Timestamp>().is_ok_and(|at| {
        let age = now.duration_since(at);
        age <= jiff::SignedDuration::try_from(MAX_AGE).unwrap_or_default()
            && -age <= jiff::SignedDuration::try_from(MAX_AHEAD).unwrap_or_default()
    });
    if fresh {
        Ok(())
    } else {
        Err(Error::new(
            ErrorReason::WebhookStale,
            "The webhook is more than an hour old, or of a time to come.",
        ))
    }
}

/// `sns.eu-west-3.amazonaws.com`, or China's, with another suffix.
fn is_sns(host: &str) -> bool {
    let host = host.strip_suffix(".cn").unwrap_or(host);
    host.strip_prefix("sns.")
        .and_then(|rest| rest.strip_suffix(".amazonaws.com"))
        .is_some_and(|region| {
            region.len() >= 3
                && region
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

fn is_pem(url: &Url) -> bool {
    url.path().ends_with(".pem") && url.query().is_none() && url.fragment().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sns_is_sns() {
        for host in ["sns.eu-west-3.amazonaws.com", "sns.cn-north-1.amazonaws.com.cn"] {
            assert!(is_sns(host), "{host}");
        }
        for host in [
            "sns.amazonaws.com",
            "sns.eu-west-3.amazonaws.com.evil.example",
            "sns.evil.example/.amazonaws.com",
            "s3.eu-west-3.amazonaws.com",
            "evil.sns.eu-west-3.amazonaws.com",
            "sns.a.b.amazonaws.com",
            "sns.eu-west-3.amazonaws.example",
        ] {
            assert!(!is_sns(host), "{host}");
        }
    }
}
