//! What failed log-ins are counted by.

use std::net::IpAddr;

use sha2::{Digest as _, Sha256};

use super::refresh::hex;

/// One key an attempt is counted under, and how many a window takes; 0 is no limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counter {
    /// Names an account or a client address, without saying the e-mail address.
    pub key: String,
    /// How many attempts the window takes.
    pub limit: u32,
}

/// An attempt at a password: counted before the password is looked at, so that parallel attempts cannot pass the limit
/// together, and taken back when the password was right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// Names the attempt.
    pub id: String,
    /// The account's counter, which a right password sets back to zero.
    pub account: Counter,
    /// The client address's counter, where the address is known.
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

/// The key of an account. It is there for unknown addresses too, so that being throttled tells nothing.
pub(crate) fn account_key(email_key: &str) -> String {
    format!("account:{}", hex(&Sha256::digest(email_key.as_bytes())))
}

/// The key of a client address: an IPv6 one by its /64, since one client has all of that. `None` for what is no address.
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
