//! The gateway's host names. With DNS rebinding, the host name of a foreign page resolves to this machine, and the browser
//! considers it the same origin as the gateway. Its `Host` header then has a name that is not one of these.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

use http::header::HOST;
use http::request;
use http::uri::Authority;

use crate::config::HostName;

/// The names of this machine, the address it listens on, and the configured names.
pub(crate) struct Hosts {
    names: HashSet<String>,
}

impl Hosts {
    pub(crate) fn new(configured: &[HostName], listening: SocketAddr) -> Self {
        // The unspecified address is not a host name.
        let own = Some(listening.ip()).filter(|address| !address.is_unspecified());
        let own = own.map(HostName::from);
        let names = configured.iter().chain(&own);
        Self {
            names: names.map(|name| name.as_str().to_owned()).collect(),
        }
    }

    /// The authority that a request was sent to, if it is one of the gateway's host names.
    pub(crate) fn own_authority(&self, parts: &request::Parts) -> Option<Authority> {
        let authority = match parts.uri.authority() {
            Some(authority) => authority.clone(),
            None => {
                let mut values = parts.headers.get_all(HOST).iter();
                let (host, None) = (values.next()?, values.next()) else {
                    return None;
                };
                host.as_bytes().try_into().ok()?
            }
        };
        self.knows(authority.host()).then_some(authority)
    }

    fn knows(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let address = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>();
        host == "localhost"
            || host.ends_with(".localhost")
            || address.is_ok_and(|address| address.to_canonical().is_loopback())
            || self.names.contains(&host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_and_configured_names_are_ours() {
        let configured = ["shop.example", "Bücher.example"].map(|name| name.parse().expect("a name"));
        let hosts = Hosts::new(&configured, "192.0.2.7:8080".parse().expect("an address"));
        for ours in [
            "localhost",
            "LOCALHOST",
            "localhost.",
            "api.localhost",
            "127.0.0.1",
            "127.1.2.3",
            "[::1]",
            "192.0.2.7",
            "shop.example",
            "Shop.Example",
            "xn--bcher-kva.example",
        ] {
            assert!(hosts.knows(ours), "{ours}");
        }
        for other in [
            "",
            "evil.example",
            "localhost.evil.example",
            "notlocalhost",
            "127.0.0.1.evil.example",
            "a.shop.example",
            "0.0.0.0",
            "192.0.2.8",
            "[::2]",
        ] {
            assert!(!hosts.knows(other), "{other}");
        }
        let everywhere = Hosts::new(&[], "0.0.0.0:8080".parse().expect("an address"));
        assert!(!everywhere.knows("0.0.0.0"));
    }
}
