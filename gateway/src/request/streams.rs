//! Limits WebSockets and event streams per address. They have no deadline.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use comptoir_mesh::Error;
use comptoir_mesh::error::ErrorReason;

use super::client::client_network;

/// Counts open streams by address.
#[derive(Clone)]
pub(crate) struct Streams {
    limit: Option<usize>,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// The permit of one stream. Dropping it returns it.
pub(crate) struct Permit {
    streams: Streams,
    address: IpAddr,
}

impl Streams {
    pub(crate) fn new(limit: Option<usize>) -> Self {
        Self {
            limit,
            open: Arc::default(),
        }
    }

    /// Takes a permit for a stream of `address`, or returns RATE_LIMITED.
    pub(crate) fn open(&self, address: IpAddr) -> Result<Permit, Error> {
        let address = client_network(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(address).or_insert(0);
        if self.limit.is_some_and(|limit| *count >= limit) {
            return Err(Error::new(
                ErrorReason::RateLimited,
                "This address has too many streams open.",
            )
            .with_retry_after(Duration::from_secs(5)));
        }
        *count += 1;
        Ok(Permit {
            streams: self.clone(),
            address,
        })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.streams.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_given_back() {
        let streams = Streams::new(Some(1));
        let address = "192.0.2.1".parse().expect("an address");
        let permit = streams.open(address).ok();
        assert!(streams.open(address).is_err());
        drop(permit);
        assert!(streams.open(address).is_ok());
    }

    #[test]
    fn a_household_has_the_places_of_one_address() {
        let streams = Streams::new(Some(1));
        let open = |address: &str| streams.open(address.parse().expect("an address"));
        let _permit = open("2001:db8::1").ok();
        assert!(open("2001:db8::2").is_err());
        assert!(open("2001:db8:0:1::2").is_ok());
    }
}
