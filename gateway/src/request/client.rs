//! The client of a request: its address, and the user of its token.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use comptoir_mesh::Error;
use comptoir_mesh::error::ErrorReason;
use comptoir_mesh::identity::{User, Verifier};
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::config::Network;

/// The client of a request, in its extensions for every handler: `Extension(client): Extension<Client>`.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// The peer's address, or the client's if the peer is a trusted proxy.
    pub(crate) address: IpAddr,
    /// The user of the verified token; `None` without a token.
    pub(crate) user: Option<Arc<User>>,
}

impl Client {
    /// The client of work that is done for every guest.
    pub(crate) fn unknown() -> Self {
        Self {
            address: Ipv4Addr::UNSPECIFIED.into(),
            user: None,
        }
    }
}

/// The user of a request, or why its token was refused.
pub(crate) type Identity = Result<Option<Arc<User>>, Error>;

/// Returns the client's address. `X-Forwarded-For` is used only from a trusted proxy. It is read from its end, because each
/// proxy appends its peer: what the client itself sent comes first.
pub(crate) fn address(peer: SocketAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let mut address = peer.ip().to_canonical();
    if trusted.is_empty() {
        return address;
    }
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let values: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    for named in values.iter().rev().flat_map(|value| value.rsplit(',')) {
        if !is_trusted(address) {
            break;
        }
        let Ok(named) = named.trim().parse::<IpAddr>() else {
            break;
        };
        address = named.to_canonical();
    }
    address
}

/// The address that limits count by: a client usually has a whole /64 network of IPv6 addresses.
pub(crate) fn client_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The access token of the `Authorization` header. A header of another form is an invalid token.
pub(crate) fn token(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let invalid = || {
        Error::new(
            ErrorReason::TokenInvalid,
            "Send one Authorization header: Bearer and an access token.",
        )
    };
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(invalid());
    }
    let value = value.to_str().map_err(|_| invalid())?;
    bearer(value).map(Some).ok_or_else(invalid)
}

/// The token of `Bearer …`.
pub(crate) fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Returns the user of the request's token, if it has one. An invalid token is an error, not a guest.
pub(crate) fn identify(headers: &HeaderMap, verifier: &Verifier) -> Result<Option<Arc<User>>, Error> {
    token(headers)?.map(|token| verifier.verify(token)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address_of(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().expect("a value"));
        }
        let trusted: Vec<Network> = trusted
            .iter()
            .map(|network| network.parse().expect("a network"))
            .collect();
        address(peer.parse().expect("a peer"), &headers, &trusted).to_string()
    }

    #[test]
    fn only_trusted_proxies_name_the_client() {
        assert_eq!(address_of("9.9.9.9:1", &["1.1.1.1"], &[]), "9.9.9.9");
        assert_eq!(address_of("9.9.9.9:1", &["1.1.1.1"], &["10.0.0.0/8"]), "9.9.9.9");
        assert_eq!(address_of("10.0.0.2:1", &["1.1.1.1"], &["10.0.0.0/8"]), "1.1.1.1");
    }

    #[test]
    fn one_household_is_one_address() {
        let client_network = |text: &str| client_network(text.parse().expect("an address")).to_string();
        assert_eq!(client_network("2001:db8::1"), client_network("2001:db8::ffff"));
        assert_ne!(client_network("2001:db8::1"), client_network("2001:db8:0:1::1"));
        assert_eq!(client_network("::ffff:192.0.2.1"), "192.0.2.1");
        assert_ne!(client_network("192.0.2.1"), client_network("192.0.2.2"));
    }

    #[test]
    fn what_the_client_wrote_itself_does_not_count() {
        assert_eq!(
            address_of("10.0.0.2:1", &["6.6.6.6, 1.1.1.1, 10.0.0.1"], &["10.0.0.0/8"]),
            "1.1.1.1"
        );
        assert_eq!(
            address_of("10.0.0.2:1", &["6.6.6.6", "1.1.1.1"], &["10.0.0.0/8"]),
            "1.1.1.1"
        );
        assert_eq!(
            address_of("10.0.0.2:1", &["nonsense"], &["10.0.0.0/8"]),
            "10.0.0.2"
        );
    }
}
