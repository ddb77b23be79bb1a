//! Twilio's status callbacks. Each is signed with the account's token, over the called address and every parameter.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comptoir_mesh::config::Secret;
use comptoir_mesh::error::Error;
use comptoir_proto::notifier::v1::HandleWebhookRequest;
use jiff::Timestamp;
use ring::hmac;
use url::{Url, form_urlencoded};

use super::{forged, report};
use crate::backend::callback_url;
use crate::config::TwilioSettings;
use crate::domain::feedback::{Progress, Report, detail};
use crate::store::Store;

/// Parameters of a form, sorted, without duplicates.
type Form = BTreeMap<String, BTreeSet<String>>;

/// Handles status callbacks.
pub(crate) struct Callbacks {
    token: Secret,
    /// The address that Twilio was asked to call, if the public one is known; else the called one.
    address: Option<String>,
}

impl Callbacks {
    /// `None` if Twilio has no settings.
    pub(super) fn new(settings: &TwilioSettings) -> Option<Self> {
        settings.twilio_account_sid.as_ref()?;
        Some(Self {
            token: settings.twilio_auth_token.clone()?,
            address: settings.public_url.as_ref().map(callback_url),
        })
    }

    pub(super) async fn take(
        &self,
        request: &HandleWebhookRequest,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut form = Form::new();
        for (name, value) in form_urlencoded::parse(&request.body) {
            form.entry(name.into_owned())
                .or_default()
                .insert(value.into_owned());
        }
        let called = Url::parse(&request.url).map_err(|_| forged("the called address is not a URL"))?;
        let address = match (&self.address, called.query()) {
            (Some(address), Some(query)) => format!("{address}?{query}"),
            (Some(address), None) => address.clone(),
            (None, _) => request.url.clone(),
        };
        let signature = STANDARD
            .decode(&request.signature)
            .map_err(|_| forged("it has no signature of Twilio's"))?;
        if !spellings(&address)
            .iter()
            .any(|address| self.is_signed(address, &form, &signature))
        {
            return Err(forged("it is not Twilio's"));
        }
        let value = |name: &str| form.get(name).and_then(|values| values.first());
        let status = value("MessageStatus").or_else(|| value("SmsStatus"));
        let delivery = called.query_pairs().find(|(name, _)| name == "delivery");
        // An unknown status, or a callback that is not about a delivery, has no effect.
        let (Some(progress), Some((_, delivery_id))) = (status.and_then(|status| progress(status)), delivery)
        else {
            return Ok(());
        };
        let report_ = Report {
            delivery_id: delivery_id.into_owned(),
            progress,
            detail: value("ErrorCode").and_then(|code| detail(code)),
            at: now,
        };
        report(store, "twilio", report_).await
    }

    fn is_signed(&self, address: &str, form: &Form, signature: &[u8]) -> bool {
        let key = hmac::Key::new(
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            self.token.reveal().as_bytes(),
        );
        let mut signed = address.to_owned();
        for (name, values) in form {
            for value in values {
                signed.push_str(name);
                signed.push_str(value);
            }
        }
        // Compares in constant time.
        hmac::verify(&key, signed.as_bytes(), signature).is_ok()
    }
}

/// The spellings of the address that Twilio may have signed: it adds the default port in some cases, and drops a given
/// one in others.
fn spellings(address: &str) -> Vec<String> {
    let mut spellings = vec![address.to_owned()];
    let Some((scheme, rest)) = address.split_once("://") else {
        return spellings;
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let with_port = authority
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    match with_port {
        Some((host, _)) => spellings.push(format!("{scheme}://{host}{path}")),
        None => {
            let port = if scheme == "http" { 80 } else { 443 };
            spellings.push(format!("{scheme}://{authority}:{port}{path}"));
        }
    }
    spellings
}

fn progress(status: &str) -> Option<Progress> {
    Some(match status {
        "accepted" | "scheduled" | "queued" => Progress::Queued,
        "sending" => Progress::Sending,
        "sent" => Progress::Sent,
        "delivered" | "read" => Progress::Delivered,
        "undelivered" => Progress::Undelivered,
        "failed" | "canceled" => Progress::Failed,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_as_twilio_documents_it() {
        // The example of Twilio's page on the security of webhooks.
        let callbacks = Callbacks {
            token: Secret::new("12345"),
            address: None,
        };
        let form: Form = [
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675309"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), BTreeSet::from([value.to_owned()])))
        .collect();
        let address = "https://mycompany.com/myapp.php?foo=1&bar=2";
        let signature = STANDARD.decode("RSOYDt4T1cUTdK1PDd93/VVr8B8=").unwrap();
        assert!(callbacks.is_signed(address, &form, &signature));
        assert!(!callbacks.is_signed("https://mycompany.com/myapp.php?foo=1", &form, &signature));
        assert!(!callbacks.is_signed(address, &Form::new(), &signature));
    }

    #[test]
    fn a_port_may_be_left_out_or_not() {
        assert_eq!(
            spellings("https://a.fr/x?y=1"),
            ["https://a.fr/x?y=1", "https://a.fr:443/x?y=1"]
        );
        assert_eq!(
            spellings("http://a.fr:8080/x"),
            ["http://a.fr:8080/x", "http://a.fr/x"]
        );
    }
}
