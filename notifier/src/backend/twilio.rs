//! Twilio's text messages, by its REST API (Programmable Messaging, 2010-04-01). It has no idempotency key for them: as
//! with SES, a message can be sent twice when a process dies between the send and the write that records it, or when an
//! answer is lost.

use std::sync::Arc;

use comptoir_mesh::config::{Profile, Secret};
use comptoir_mesh::env::Env;
use comptoir_mesh::error::Error;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use url::Url;
use url::form_urlencoded::Serializer;

use super::Failure;
use crate::config::TwilioSettings;
use crate::domain::dialling::Destination;
use crate::domain::feedback::{Quota, address_hash};
use crate::domain::message::Message;
use crate::http;
use crate::store::Store;

/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;
/// The path of status callbacks, under the gateway's public address.
pub(crate) const CALLBACK_PATH: &str = "/webhooks/twilio";

/// Twilio's text messages.
pub(crate) struct Twilio {
    http: reqwest::Client,
    store: Arc<dyn Store>,
    messages: Url,
    account_sid: String,
    auth_token: Secret,
    from: String,
    callback: Option<String>,
    destinations: Vec<Destination>,
    per_number: u32,
    per_day: u32,
    time_zone: TimeZone,
}

/// Twilio's answer: the message, or an error.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Answer {
    sid: Option<String>,
    code: Option<u32>,
}

impl Twilio {
    /// `None` if no account is set. With an account, a missing setting is an error that names it.
    pub(crate) fn new(
        settings: &TwilioSettings,
        env: &Env,
        store: &Arc<dyn Store>,
    ) -> anyhow::Result<Option<Self>> {
        let Some(account_sid) = &settings.twilio_account_sid else {
            return Ok(None);
        };
        let missing =
            |variable: &str| anyhow::anyhow!("{variable}: is needed beside TWILIO_ACCOUNT_SID, and not set");
        let auth_token = settings
            .twilio_auth_token
            .clone()
            .filter(|token| !token.reveal().is_empty())
            .ok_or_else(|| missing("TWILIO_AUTH_TOKEN"))?;
        let from = settings
            .twilio_from
            .clone()
            .ok_or_else(|| missing("TWILIO_FROM"))?;
        let plain = settings.twilio_base_url.scheme() != "https";
        anyhow::ensure!(
            !plain || env.profile == Profile::Development,
            "TWILIO_BASE_URL: must begin with https:// in the production profile, since the token is sent there"
        );
        let base = settings.twilio_base_url.as_str().trim_end_matches('/');
        let messages = format!("{base}/2010-04-01/Accounts/{account_sid}/Messages.json");
        let destinations = if settings.sms_countries.is_empty() {
            let countries = env.shop.countries.iter();
            countries
                .filter_map(|country| Destination::country(country))
                .collect()
        } else {
            settings.sms_countries.clone()
        };
        Ok(Some(Self {
            http: http::client()?,
            store: store.clone(),
            messages: Url::parse(&messages)
                .map_err(|error| anyhow::anyhow!("TWILIO_BASE_URL: is no address: {error}"))?,
            account_sid: account_sid.clone(),
            auth_token,
            from,
            callback: settings.public_url.as_ref().map(callback_url),
            destinations,
            per_number: settings.limit_sms_number,
            per_day: settings.limit_sms_day,
            time_zone: env.shop.time_zone.clone(),
        }))
    }

    /// Returns Twilio's id of the message.
    pub(crate) async fn send(&self, message: &Message, now: Timestamp) -> Result<String, Failure> {
        let number = message.to.as_str();
        if !self
            .destinations
            .iter()
            .any(|destination| destination.takes(number))
        {
            return Err(Failure::Refused(
                "DESTINATION_NOT_ALLOWED: text messages do not go to this number's country".to_owned(),
            ));
        }
        let taken = self.take(number, now).await?;
        let outcome = self.call(message).await;
        // A call without an answer may have been charged, so it counts.
        if let Err((_, Cost::Nothing)) = &outcome {
            for quota in &taken {
                if let Err(error) = self.store.give_back(quota).await {
                    tracing::warn!(error.cause = ?error, "a text message that was not sent still counts");
                }
            }
        }
        outcome.map_err(|(failure, _)| failure)
    }

    /// Counts the message for its number and for the day.
    async fn take(&self, number: &str, now: Timestamp) -> Result<Vec<Quota>, Failure> {
        let today = now.to_zoned(self.time_zone.clone()).date();
        let expires_at = now.saturating_add(48.hours()).unwrap_or(now);
        let quota = |key: String, limit| Quota {
            key,
            limit,
            expires_at,
        };
        let mut taken = Vec::new();
        for (quota, of) in [
            (
                quota(format!("sms:{today}:{}", address_hash(number)), self.per_number),
                "this number",
            ),
            (quota(format!("sms:{today}"), self.per_day), "all numbers"),
        ] {
            if quota.limit == 0 {
                continue;
            }
            if !self
                .store
                .take(&quota)
                .await
                .map_err(|error| not_counted(&error))?
            {
                for quota in &taken {
                    self.store
                        .give_back(quota)
                        .await
                        .map_err(|error| not_counted(&error))?;
                }
                let limit = quota.limit;
                return Err(Failure::Refused(format!(
                    "RATE_LIMITED: {of} had {limit} text messages today, which is the limit"
                )));
            }
            taken.push(quota);
        }
        Ok(taken)
    }

    fn form(&self, message: &Message) -> String {
        let mut form = Serializer::new(String::new());
        form.append_pair("To", message.to.as_str());
        form.append_pair("Body", &message.text);
        if self.from.starts_with("MG") {
            form.append_pair("MessagingServiceSid", &self.from);
        } else {
            form.append_pair("From", &self.from);
        }
        if let Some(callback) = &self.callback {
            let id = message.delivery_id();
            form.append_pair("StatusCallback", &format!("{callback}?delivery={id}"));
        }
        form.finish()
    }

    async fn call(&self, message: &Message) -> Result<String, (Failure, Cost)> {
        let answer = self
            .http
            .post(self.messages.clone())
            .basic_auth(&self.account_sid, Some(self.auth_token.reveal()))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(self.form(message))
            .send()
            .await;
        let answer = answer.map_err(|error| {
            let (text, cost) = if error.is_connect() {
                ("twilio: not reachable", Cost::Nothing)
            } else {
                ("twilio: no answer in time", Cost::Unknown)
            };
            (Failure::Again(text.to_owned()), cost)
        })?;
        let status = answer.status().as_u16();
        let body = http::body(answer, MAX_ANSWER).await.unwrap_or_default();
        let answer: Answer = serde_json::from_slice(&body).unwrap_or_default();
        if (200..300).contains(&status) {
            return Ok(answer.sid.unwrap_or_default());
        }
        // A 5xx may be answered for a message that was accepted.
        let cost = if status >= 500 {
            Cost::Unknown
        } else {
            Cost::Nothing
        };
        Err((classify(answer.code, status), cost))
    }
}

/// Whether a failed call may have been charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cost {
    Nothing,
    Unknown,
}

/// The address of Twilio's callbacks, under the gateway's public address.
pub(crate) fn callback_url(public: &Url) -> String {
    format!("{}{CALLBACK_PATH}", public.as_str().trim_end_matches('/'))
}

/// Whether a retry may succeed, by Twilio's code (21610: unsubscribed, 21211: invalid number, …) and the HTTP status.
/// Wrong credentials are retried, since an operator can fix them.
fn classify(code: Option<u32>, status: u16) -> Failure {
    let error = code.map_or_else(
        || format!("twilio: status {status}"),
        |code| format!("twilio: {code}"),
    );
    if matches!(status, 401 | 408 | 429) || status >= 500 || !(400..600).contains(&status) {
        Failure::Again(error)
    } else {
        Failure::Refused(error)
    }
}

fn not_counted(error: &Error) -> Failure {
    tracing::warn!(error.cause = ?error, "text messages cannot be counted");
    Failure::Again("the limits cannot be read".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_from_a_bad_moment() {
        for (code, status) in [
            (Some(20429), 429),
            (Some(20003), 401),
            (None, 500),
            (None, 503),
            (None, 302),
        ] {
            assert!(
                matches!(classify(code, status), Failure::Again(_)),
                "{code:?} {status}"
            );
        }
        for (code, status) in [
            (Some(21211), 400),
            (Some(21610), 400),
            (Some(21408), 403),
            (None, 404),
        ] {
            assert!(
                matches!(classify(code, status), Failure::Refused(_)),
                "{code:?} {status}"
            );
        }
        assert_eq!(
            classify(Some(21610), 400),
            Failure::Refused("twilio: 21610".to_owned())
        );
    }

    #[test]
    fn callbacks_come_under_the_public_address() {
        for public in ["https://shop.example.org", "https://shop.example.org/"] {
            assert_eq!(
                callback_url(&Url::parse(public).unwrap()),
                "https://shop.example.org/webhooks/twilio"
            );
        }
        assert_eq!(
            callback_url(&Url::parse("https://example.org/api/").unwrap()),
            "https://example.org/api/webhooks/twilio"
        );
    }
}
