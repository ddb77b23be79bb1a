//! Values derived with a secret of the store: order ids from (owner, key), and access tokens of guests' orders.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use comptoir_mesh::{Env, Error, ErrorReason};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::store::orders::OrderStore;

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// The longest idempotency key.
const MAX_KEY: usize = comptoir_mesh::lengths::REQUEST_ID;

/// Derives ids and tokens.
#[derive(Clone)]
pub(crate) struct Keys {
    secret: [u8; 32],
}

impl Keys {
    /// Reads the store's secret, and creates it at the first start.
    pub(crate) async fn open(store: &dyn OrderStore, env: &Env) -> Result<Self, Error> {
        let secret = store.secret("orders", &env.ids.secret::<32>()).await?;
        let secret = secret
            .try_into()
            .map_err(|_| Error::internal(anyhow::anyhow!("the store's secret has another length")))?;
        Ok(Self { secret })
    }

    /// The id of the order that `owner` completes with `key`.
    pub(crate) fn order_id(&self, owner: &str, key: &str) -> String {
        let mac = self.mac(&["order", owner, key]);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&mac[..16]);
        format!("order_{}", base32(u128::from_be_bytes(bytes)))
    }

    /// The token with which a guest follows and cancels the order.
    pub(crate) fn access_token(&self, order_id: &str) -> String {
        let mac = URL_SAFE_NO_PAD.encode(&self.mac(&["access", order_id])[..24]);
        format!("{}.{mac}", order_id.trim_start_matches("order_"))
    }

    /// The order of a token, if the token is genuine.
    pub(crate) fn order_of_token(&self, token: &str) -> Option<String> {
        let (suffix, mac) = token.split_once('.')?;
        let order_id = format!("order_{suffix}");
        let given = URL_SAFE_NO_PAD
            .decode(mac)
            .ok()
            .filter(|given| given.len() == 24)?;
        let expected = self.mac(&["access", &order_id]);
        // Compared in constant time.
        let difference = given
            .iter()
            .zip(&expected)
            .fold(0, |difference, (a, b)| difference | (a ^ b));
        (difference == 0).then_some(order_id)
    }

    fn mac(&self, parts: &[&str]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("HMAC takes a key of any length");
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }
}

/// 26 characters, as a ULID has them.
fn base32(value: u128) -> String {
    (0..26)
        .rev()
        .map(|at| char::from(CROCKFORD[usize::try_from((value >> (at * 5)) & 31).unwrap_or(0)]))
        .collect()
}

/// The fingerprint of a request, to tell a retry from another request.
pub(crate) fn fingerprint(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    URL_SAFE_NO_PAD.encode(hash.finalize())
}

/// Refuses an invalid idempotency key: it has 1 to 255 printable ASCII characters.
pub(crate) fn check_key(key: &str) -> Result<(), Error> {
    if key.is_empty() {
        let message = "This operation needs an idempotency key.";
        return Err(Error::field(
            "request_id",
            ErrorReason::IdempotencyKeyRequired,
            message,
        ));
    }
    if key.len() > MAX_KEY || !key.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) {
        let message = "An idempotency key is 1 to 255 printable ASCII characters.";
        return Err(Error::field(
            "request_id",
            ErrorReason::IdempotencyKeyInvalid,
            message,
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys { secret: [7; 32] }
    }

    #[test]
    fn an_order_id_has_the_form_of_every_id_and_depends_on_owner_and_key() {
        let id = keys().order_id("user_1", "key");
        assert!(comptoir_mesh::ids::is_id(&id, "order_"), "{id}");
        assert_eq!(id, keys().order_id("user_1", "key"));
        assert_ne!(id, keys().order_id("user_2", "key"));
        assert_ne!(id, keys().order_id("user_1k", "ey"));
    }

    #[test]
    fn only_a_token_that_was_given_out_names_an_order() {
        let id = keys().order_id("cart_1", "key");
        let token = keys().access_token(&id);
        assert_eq!(keys().order_of_token(&token), Some(id.clone()));
        let other = Keys { secret: [8; 32] }.access_token(&id);
        for bad in ["", ".", "x.y", &token[1..], &token[..token.len() - 1], &other] {
            assert_eq!(keys().order_of_token(bad), None, "{bad}");
        }
    }

    #[test]
    fn keys_are_printable_ascii() {
        assert!(check_key("a key, 1 of 2").is_ok());
        assert_eq!(
            check_key("").unwrap_err().reason(),
            ErrorReason::IdempotencyKeyRequired
        );
        for bad in ["\n", "é", &"x".repeat(256)] {
            assert_eq!(
                check_key(bad).unwrap_err().reason(),
                ErrorReason::IdempotencyKeyInvalid,
                "{bad}"
            );
        }
    }
}
