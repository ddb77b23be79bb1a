//! Counters of failed log-ins.

use std::net::IpAddr;

use sha2::{Digest as _, Sha256};

use super::refresh::hex;

/// A counter of attempts and its limit within a window; 0 is no limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counter {
    /// Identifies an account or a client address, without the e-mail address itself.
    pub key: String,
    /// The attempts allowed in a window.
    pub limit: u32,
}

/// An attempt at a password. It is counted before the password is compared, so that parallel attempts cannot pass the
/// limit together, and taken back when the password was correct.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// Identifies the attempt.
    pub id: String,
    /// The account's counter. A correct password resets it.
    pub account: Counter,
    /// The client address's counter, if the address is known.
    pub address: Option<Counter>,
}

impl Attempt {
    /// The counters that have a limit.
    pub(crate) fn counters(&self) -> impl Iterator<Item = &Counter> {
        std::iter::once(&self.account)
            .chain(&self.address)
            .filter(|counter| counter.limit > 0)
    }
}

/// The key of an account. Unknown addresses have one too, so that throttling does not reveal which accounts exist.
pub(crate) fn account_key(email_key: &str) -> String {
    format!("account:{}", hex(&Sha256::digest(email_key.as_bytes())))
}

/// The key of a client address; of an IPv6 one, its /64, since one client has all of it. `None` if it is not an
/// address.
pub(crate) fn address_key(client_address: &str) -> Option<String> {
    match client_address.trim().parse::<IpAddr>().ok()?.to_canonical() {
        IpAddr::V4(address) => Some(format!("address:{address}")),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Some(format!("address:{a:x}:{b:x}:{c:x}:{d:x}::/64"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_has_one_key() {
        assert_eq!(address_key("::ffff:192.0.2.1"), address_key("192.0.2.1"));
        assert_eq!(
            address_key("2001:db8:1:2::1"),
            address_key("2001:db8:1:2:ffff::9")
        );
        assert_ne!(address_key("2001:db8:1:2::1"), address_key("2001:db8:1:3::1"));
        assert_eq!(address_key("unknown"), None);
        assert!(!account_key("ada@example.org").contains("ada"));
    }
}
