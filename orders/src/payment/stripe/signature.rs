//! The signature of Stripe's webhooks: an HMAC of SHA-256 over the time and the very bytes of the body.

use comptoir_mesh::{Error, ErrorReason, config::Secret};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;

/// How far the time of a webhook may be from ours, either way.
const TOLERANCE: u64 = 300;
/// Signatures of a header that are looked at: Stripe sends one for each secret that is in force.
const SIGNATURES: usize = 8;

/// Checks that one of the secrets signed this body, and not long ago.
pub(crate) fn verify(header: &str, body: &[u8], secrets: &[Secret], now: Timestamp) -> Result<(), Error> {
    let mut at = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=') {
            Some(("t", time)) => at = at.or(Some(time)),
            Some(("v1", hex)) => signatures.extend(bytes(hex)),
            _ => {}
        }
    }
    if signatures.is_empty() {
        return Err(forged());
    }
    let seconds: i64 = at.and_then(|at| at.parse().ok()).ok_or_else(stale)?;
    let at = at.unwrap_or_default();
    let signed = secrets.iter().any(|secret| {
        signatures
            .iter()
            .take(SIGNATURES)
            .any(|signature| is_of(secret, at, body, signature))
    });
    if !signed {
        return Err(forged());
    }
    if now.as_second().abs_diff(seconds) > TOLERANCE {
        return Err(stale());
    }
    Ok(())
}

/// Compares in a time that tells nothing of where the difference is.
fn is_of(secret: &Secret, at: &str, body: &[u8], signature: &[u8]) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()) else {
        return false;
    };
    mac.update(at.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.verify_slice(signature).is_ok()
}

/// The 32 bytes these digits stand for.
fn bytes(hex: &str) -> Option<Vec<u8>> {
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    (0..64)
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok())
        .collect()
}

fn forged() -> Error {
    let message = "The webhook is not signed with a secret of this shop.";
    Error::new(ErrorReason::WebhookSignatureInvalid, message)
}

fn stale() -> Error {
    let message = "The webhook's time is missing, or more than 5 minutes from now.";
    Error::new(ErrorReason::WebhookStale, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Computed with OpenSSL: printf '1700000000.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test
    const BODY: &[u8] = br#"{"id":"evt_1"}"#;
    const HEX: &str = "c89214b5b5da833daed6f0b8c5bb6bd58cea9022bd80ccc78230f3942d632925";

    fn check(header: &str, body: &[u8], secrets: &[&str], now: i64) -> Result<(), ErrorReason> {
        let secrets: Vec<_> = secrets.iter().map(|secret| Secret::new(secret)).collect();
        let now = Timestamp::from_second(now).unwrap();
        verify(header, body, &secrets, now).map_err(|error| error.reason())
    }

    #[test]
    fn one_of_the_secrets_has_to_have_signed_these_bytes() {
        let good = format!("t=1700000000,v1={HEX},v0=00");
        let other = "0".repeat(64);
        assert_eq!(check(&good, BODY, &["whsec_test"], 1_700_000_000), Ok(()));
        assert_eq!(
            check(&good, BODY, &["whsec_old", "whsec_test"], 1_700_000_000),
            Ok(())
        );
        let two = format!("t=1700000000, v1={other}, v1={HEX}");
        assert_eq!(check(&two, BODY, &["whsec_test"], 1_700_000_000), Ok(()));
        for (header, body, secrets) in [
            ("", BODY, &["whsec_test"][..]),
            ("t=1700000000", BODY, &["whsec_test"]),
            ("t=1700000000,v1=", BODY, &["whsec_test"]),
            ("t=1700000000,v1=zz", BODY, &["whsec_test"]),
            (&format!("t=1700000000,v1={other}"), BODY, &["whsec_test"]),
            (&format!("t=1700000001,v1={HEX}"), BODY, &["whsec_test"]),
            (&format!("t=1700000000,v0={HEX}"), BODY, &["whsec_test"]),
            (&good, br#"{"id": "evt_1"}"#, &["whsec_test"]),
            (&good, BODY, &["whsec_other"]),
            (&good, BODY, &[]),
        ] {
            let outcome = check(header, body, secrets, 1_700_000_000);
            assert_eq!(outcome, Err(ErrorReason::WebhookSignatureInvalid), "{header}");
        }
    }

    #[test]
    fn a_webhook_is_good_for_five_minutes_either_way() {
        let good = format!("t=1700000000,v1={HEX}");
        for (off, outcome) in [
            (300, Ok(())),
            (-300, Ok(())),
            (301, Err(ErrorReason::WebhookStale)),
            (-301, Err(ErrorReason::WebhookStale)),
        ] {
            assert_eq!(
                check(&good, BODY, &["whsec_test"], 1_700_000_000 + off),
                outcome,
                "{off}"
            );
        }
        for header in [
            format!("v1={HEX}"),
            format!("t=,v1={HEX}"),
            format!("t=soon,v1={HEX}"),
            format!("t=99999999999999999999,v1={HEX}"),
        ] {
            assert_eq!(
                check(&header, BODY, &["whsec_test"], 1_700_000_000),
                Err(ErrorReason::WebhookStale)
            );
        }
    }
}
