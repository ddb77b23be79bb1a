//! Limits the connections of all clients and of each address. A connection over a limit is refused at once. In the listener's queue
//! it would look as if the machine were down, and one client could keep all others waiting.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use comptoir_mesh::Error;
use comptoir_mesh::error::ErrorReason;

use crate::config::{Config, Network, some};
use crate::request::client_network;

/// The `Retry-After` of a refusal.
const RETRY: Duration = Duration::from_secs(5);

/// Counts the open connections.
pub(super) struct ConnectionLimit {
    most: Option<usize>,
    most_by_address: Option<usize>,
    trusted: Vec<Network>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// Counts one connection as open until it is dropped.
pub(super) struct ConnectionPermit {
    limit: Arc<ConnectionLimit>,
    /// The address or network that it counts for; `None` for a trusted proxy.
    address: Option<IpAddr>,
}

impl ConnectionLimit {
    pub(super) fn new(config: &Config) -> Arc<Self> {
        Arc::new(Self {
            most: some(config.limits.connections),
            most_by_address: some(config.limits.connections_address),
            trusted: config.trusted_proxies.clone(),
            open: Mutex::default(),
        })
    }

    /// Counts a connection of `peer`. A trusted proxy connects for many clients, so its address has no limit.
    pub(super) fn acquire(self: &Arc<Self>, peer: IpAddr) -> Result<ConnectionPermit, Error> {
        let is_trusted = self.trusted.iter().any(|network| network.contains(peer));
        let address = (!is_trusted).then(|| client_network(peer));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(most), Some(address)) = (self.most_by_address, &address)
            && open.by_address.get(address).is_some_and(|count| *count >= most)
        {
            let message = "This address has too many connections open.";
            return Err(Error::new(ErrorReason::RateLimited, message).with_retry_after(RETRY));
        }
        if self.most.is_some_and(|most| open.all >= most) {
            let message = "There are too many connections.";
            return Err(Error::new(ErrorReason::Overloaded, message).with_retry_after(RETRY));
        }
        open.all += 1;
        if let Some(address) = address {
            *open.by_address.entry(address).or_default() += 1;
        }
        Ok(ConnectionPermit {
            limit: self.clone(),
            address,
        })
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut open = self.limit.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.all -= 1;
        if let Some(address) = self.address
            && let Some(count) = open.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(most: usize, most_by_address: usize) -> Arc<ConnectionLimit> {
        Arc::new(ConnectionLimit {
            most: some(most),
            most_by_address: some(most_by_address),
            trusted: vec!["10.0.0.0/8".parse().expect("a network")],
            open: Mutex::default(),
        })
    }

    fn acquire(limit: &Arc<ConnectionLimit>, peer: &str) -> Result<ConnectionPermit, ErrorReason> {
        let peer = peer.parse().expect("an address");
        limit.acquire(peer).map_err(|error| error.reason())
    }

    #[test]
    fn an_address_has_a_limit_of_its_own() {
        let limit = limit(0, 2);
        let first = acquire(&limit, "192.0.2.1").ok();
        let _second = acquire(&limit, "::ffff:192.0.2.1").ok();
        assert_eq!(acquire(&limit, "192.0.2.1").err(), Some(ErrorReason::RateLimited));
        assert!(acquire(&limit, "192.0.2.2").is_ok());
        drop(first);
        assert!(acquire(&limit, "192.0.2.1").is_ok());
        // In IPv6 all addresses of a /64 count as one.
        let _both = ["2001:db8::1", "2001:db8::2"].map(|peer| acquire(&limit, peer).ok());
        assert_eq!(
            acquire(&limit, "2001:db8::3").err(),
            Some(ErrorReason::RateLimited)
        );
        assert!(acquire(&limit, "2001:db8:0:1::3").is_ok());
    }

    #[test]
    fn a_trusted_proxy_has_only_the_common_limit() {
        let limit = limit(3, 1);
        let _all = [(); 3].map(|()| acquire(&limit, "10.1.2.3").ok());
        assert_eq!(acquire(&limit, "10.1.2.3").err(), Some(ErrorReason::Overloaded));
        assert_eq!(acquire(&limit, "192.0.2.1").err(), Some(ErrorReason::Overloaded));
    }
}
