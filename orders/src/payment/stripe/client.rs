//! Stripe's REST interface: one call with its idempotency key, and what its answer says of what was asked.

use std::time::Duration;

use anyhow::Context as _;
use comptoir_mesh::config::Secret;
use reqwest::{
    RequestBuilder, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, RETRY_AFTER},
};
use serde::{Deserialize, de::DeserializeOwned};
use url::form_urlencoded::Serializer;

use crate::payment::{Failure, TIMEOUT};

/// The version of the interface that this was written against, whatever the account's own is.
const VERSION: &str = "2024-06-20";
/// The longest answer that is read: a page of a list.
const MAX_ANSWER: usize = 2 * 1024 * 1024;
const CONNECT: Duration = Duration::from_secs(1);
/// Pauses before another try where Stripe says that there were too many.
const LIMITED: [Duration; 2] = [Duration::from_millis(150), Duration::from_millis(500)];
/// The pause before asking what a 5xx was.
const FAILED: Duration = Duration::from_millis(50);

/// Names and values, as they are sent.
pub(super) type Form = Vec<(&'static str, String)>;

/// Calls Stripe.
#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    key: Secret,
}

/// What was done, or had been.
#[derive(Debug)]
pub(super) struct Answer<T> {
    pub(super) body: T,
    /// It is the answer to an earlier call with the same key, as things were then.
    pub(super) replayed: bool,
}

/// Why there is no answer to what was asked.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Unknown, or not done.
    Failure(Failure),
    /// Stripe failed, and answers so under this key for good: whether something was done has to be looked at.
    Stored,
    /// Not done, and will not be.
    Refused(Refusal),
}

/// A refusal in Stripe's words.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refusal {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) code: Option<String>,
    pub(super) param: Option<String>,
    pub(super) message: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Problem {
    error: Refusal,
}

impl Refusal {
    /// Whether the card's bank said no; the message is for the buyer then.
    pub(super) fn is_of_the_card(&self) -> bool {
        self.kind == "card_error"
    }

    pub(super) fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// For logs and staff.
    pub(super) fn text(&self) -> String {
        let code = self.code.as_deref().unwrap_or(&self.kind);
        self.message
            .as_ref()
            .map_or_else(|| code.to_owned(), |message| format!("{code}: {message}"))
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl Trouble {
    /// The failure of an unexpected refusal.
    pub(super) fn failure(self) -> Failure {
        match self {
            Self::Failure(failure) => failure,
            Self::Stored => Failure::Unknown("stripe failed".into()),
            Self::Refused(refusal) => Failure::Unavailable(refusal.text()),
        }
    }
}

impl Client {
    pub(super) fn new(base: &str, key: Secret) -> anyhow::Result<Self> {
        // reqwest asks for the process's choice of cryptography; another part may have made the same one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("cannot make a client for HTTPS")?;
        let base = format!("{}/v1", base.trim_end_matches('/'));
        Ok(Self { http, base, key })
    }

    /// Does something, once for each key.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        key: &str,
        form: &Form,
    ) -> Result<Answer<T>, Trouble> {
        let body = Serializer::new(String::new()).extend_pairs(form).finish();
        let request = || {
            self.http
                .post(format!("{}{path}", self.base))
                .header("Idempotency-Key", key)
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(body.clone())
        };
        self.call(request).await
    }

    /// Reads something.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str, query: &Form) -> Result<T, Trouble> {
        let request = || self.http.get(format!("{}{path}", self.base)).query(query);
        Ok(self.call(request).await?.body)
    }

    async fn call<T: DeserializeOwned>(
        &self,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<Answer<T>, Trouble> {
        let mut pauses = LIMITED.into_iter();
        let mut failed = false;
        loop {
            let (status, headers, body) = self.exchange(request()).await?;
            let replayed = headers
                .get("idempotent-replayed")
                .is_some_and(|value| value == "true");
            if status.is_success() {
                let body = serde_json::from_slice(&body)
                    .map_err(|error| Failure::Unknown(format!("stripe's answer cannot be read: {error}")))?;
                return Ok(Answer { body, replayed });
            }
            let refusal = serde_json::from_slice::<Problem>(&body).unwrap_or_default().error;
            match status.as_u16() {
                429 => match pauses.next() {
                    Some(pause) => tokio::time::sleep(asked(&headers).unwrap_or(pause)).await,
                    None => return Err(Failure::Unavailable("stripe takes no more calls now".into()).into()),
                },
                500.. if replayed => return Err(Trouble::Stored),
                500.. if !failed => {
                    failed = true;
                    tokio::time::sleep(FAILED).await;
                }
                500.. => return Err(Failure::Unknown(format!("stripe failed with {status}")).into()),
                409 => {
                    return Err(Failure::Unknown("a call with this key is running at stripe".into()).into());
                }
                401 | 403 => {
                    tracing::error!(
                        stripe.status = status.as_u16(),
                        stripe.code = refusal.code,
                        "Stripe does not take STRIPE_SECRET_KEY"
                    );
                    return Err(Failure::Unavailable("stripe does not take the secret key".into()).into());
                }
                400..500 if refusal.kind == "idempotency_error" => {
                    return Err(Failure::Unknown(refusal.text()).into());
                }
                400..500 => return Err(Trouble::Refused(refusal)),
                _ => return Err(Failure::Unknown(format!("stripe answered {status}")).into()),
            }
        }
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<(StatusCode, HeaderMap, Vec<u8>), Failure> {
        let sent = request
            .header(AUTHORIZATION, format!("Bearer {}", self.key.reveal()))
            .header("Stripe-Version", VERSION)
            .send()
            .await;
        let mut answer = sent.map_err(|error| lost(&error))?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| lost(&error))? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(Failure::Unknown("stripe's answer is too long".into()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((answer.status(), answer.headers().clone(), body))
    }
}

/// A connection that never was has done nothing; of one that was lost nothing is known.
fn lost(error: &reqwest::Error) -> Failure {
    if error.is_connect() {
        return Failure::Unavailable("stripe cannot be reached".into());
    }
    Failure::Unknown("stripe's answer was lost".into())
}

/// How long Stripe wants to be left alone, where that is short enough to wait for.
fn asked(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(Duration::from_secs(1)))
}
