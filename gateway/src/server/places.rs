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
pub(super) struct Places {
    most: Option<usize>,
    most_of_address: Option<usize>,
    trusted: Vec<Network>,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    of_address: HashMap<IpAddr, usize>,
}

/// Counts one connection as open until it is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    /// The address or network that it counts for; `None` for a trusted proxy.
    address: Option<IpAddr>,
}

impl Places {
    pub(super) fn new(config: &Config) -> Arc<Self> {
        Arc::new(Self {
            most: some(config.limits.connections),
            most_of_address: some(config.limits.connections_address),
            trusted: config.trusted_proxies.clone(),
            taken: Mutex::default(),
        })
    }

    /// Counts a connection of `peer`. A trusted proxy connects for many clients, so its address has no limit.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr) -> Result<Place, Error> {
        let is_trusted = self.trusted.iter().any(|network| network.contains(peer));
        let address = (!is_trusted).then(|| client_network(peer));
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(most), Some(address)) = (self.most_of_address, &address)
            && taken.of_address.get(address).is_some_and(|count| *count >= most)
        {
            let message = "This address has too many connections open.";
            return Err(Error::new(ErrorReason::RateLimited, message).with_retry_after(RETRY));
        }
        if self.most.is_some_and(|most| taken.all >= most) {
            let message = "There are too many connections.";
            return Err(Error::new(ErrorReason::Overloaded, message).with_retry_after(RETRY));
        }
        taken.all += 1;
        if let Some(address) = address {
            *taken.of_address.entry(address).or_default() += 1;
        }
        Ok(Place {
            places: self.clone(),
            address,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        if let Some(address) = self.address
            && let Some(count) = taken.of_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                taken.of_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(most: usize, most_of_address: usize) -> Arc<Places> {
        Arc::new(Places {
            most: some(most),
            most_of_address: some(most_of_address),
            trusted: vec!["10.0.0.0/8".parse().expect("a network")],
            taken: Mutex::default(),
        })
    }

    fn take(places: &Arc<Places>, peer: &str) -> Result<Place, ErrorReason> {
        let peer = peer.parse().expect("an address");
        places.take(peer).map_err(|error| error.reason())
    }

    #[test]
    fn an_address_takes_its_own_places_alone() {
        let places = places(0, 2);
        let first = take(&places, "192.0.2.1").ok();
        let _second = take(&places, "::ffff:192.0.2.1").ok();
        assert_eq!(take(&places, "192.0.2.1").err(), Some(ErrorReason::RateLimited));
        assert!(take(&places, "192.0.2.2").is_ok());
        drop(first);
        assert!(take(&places, "192.0.2.1").is_ok());
        // In IPv6 all addresses of a /64 count as one.
        let _both = ["2001:db8::1", "2001:db8::2"].map(|peer| take(&places, peer).ok());
        assert_eq!(take(&places, "2001:db8::3").err(), Some(ErrorReason::RateLimited));
        assert!(take(&places, "2001:db8:0:1::3").is_ok());
    }

    #[test]
    fn a_trusted_proxy_takes_of_all_places_alone() {
        let places = places(3, 1);
        let _all = [(); 3].map(|()| take(&places, "10.1.2.3").ok());
        assert_eq!(take(&places, "10.1.2.3").err(), Some(ErrorReason::Overloaded));
        assert_eq!(take(&places, "192.0.2.1").err(), Some(ErrorReason::Overloaded));
    }
}
