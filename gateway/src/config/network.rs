//! Origins, host names and networks as settings.

use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};

/// An origin such as `https://shop.example` or `http://localhost:3000`, as browsers send it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin(String);

impl Origin {
    /// As in an `Origin` header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text == "*" {
            // Calls carry credentials (bearer tokens): a wildcard would let every page use them.
            return Err("a wildcard cannot be combined with credentials; list each origin".to_owned());
        }
        if text.contains('*') {
            return Err(format!("{text:?} has a wildcard; list each origin"));
        }
        let url = Url::parse(text).map_err(|error| format!("{text:?} is no origin: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(format!(
                "{text:?} is no origin: write https://host or http://host:port"
            ));
        }
        let origin = url.origin().ascii_serialization();
        if text.trim_end_matches('/') != origin {
            return Err(format!("{text:?} is no origin; did you mean {origin:?}?"));
        }
        Ok(Self(origin))
    }
}

/// A host name or address, without a port, as browsers write it in `Host`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostName(String);

impl HostName {
    /// As in a `Host` header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<IpAddr> for HostName {
    fn from(address: IpAddr) -> Self {
        Self(match address {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => format!("[{v6}]"),
        })
    }
}

impl FromStr for HostName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        match Host::parse(text) {
            Ok(host) if !text.contains('*') => Ok(Self(host.to_string())),
            _ => Err(format!(
                "{text:?} is no host name; write it without scheme, port or wildcard, such as shop.example"
            )),
        }
    }
}

/// An address, or all addresses that share its first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: u128,
    bits: u32,
}

impl Network {
    /// Whether `address` is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let mask = if self.bits == 0 {
            0
        } else {
            u128::MAX << (128 - self.bits)
        };
        (wide(address) ^ self.address) & mask == 0
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (address, bits) = text
            .split_once('/')
            .map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address
            .parse()
            .map_err(|_| format!("{address:?} is no IP address"))?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => width,
            Some(bits) => bits
                .parse()
                .ok()
                .filter(|bits| *bits <= width)
                .ok_or_else(|| format!("{text:?}: the number of bits is 0 to {width}"))?,
        };
        Ok(Self {
            address: wide(address),
            bits: bits + 128 - width,
        })
    }
}

/// IPv4 as its mapped IPv6 address, so that the peers of a dual-stack socket match IPv4 networks.
fn wide(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_exact() {
        assert_eq!(
            "http://localhost:3000/".parse(),
            Ok(Origin("http://localhost:3000".to_owned()))
        );
        for wrong in [
            "*",
            "https://*.example",
            "https://*",
            "https://shop.*",
            "https://shop.example:*",
            "http*://shop.example",
            "null",
            "shop.example",
            "https://shop.example/path",
            "ftp://shop.example",
            "https://u@h",
        ] {
            assert!(wrong.parse::<Origin>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn host_names_have_neither_scheme_nor_port() {
        for (text, name) in [
            ("Shop.Example", "shop.example"),
            (" shop.example", "shop.example"),
            ("192.0.2.1", "192.0.2.1"),
            ("[2001:DB8::1]", "[2001:db8::1]"),
        ] {
            assert_eq!(text.parse(), Ok(HostName(name.to_owned())));
        }
        for wrong in [
            "",
            "*",
            "*.shop.example",
            "shop.example:8080",
            "https://shop.example",
            "shop.example/",
            "a b",
        ] {
            assert!(wrong.parse::<HostName>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn networks_match_by_their_bits() {
        let network: Network = "10.1.0.0/16".parse().expect("a network");
        assert!(network.contains("10.1.255.3".parse().expect("an address")));
        assert!(network.contains("::ffff:10.1.255.3".parse().expect("an address")));
        assert!(!network.contains("10.2.0.1".parse().expect("an address")));
        assert!(
            "0.0.0.0/0"
                .parse::<Network>()
                .expect("all")
                .contains("1.2.3.4".parse().expect("an address"))
        );
        assert!("10.0.0.0/33".parse::<Network>().is_err());
    }
}
