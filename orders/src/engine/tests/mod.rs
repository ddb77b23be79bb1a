//! The engine against crashes, leases, and every answer of its peers.

pub(crate) mod crashes;
mod leases;
mod peers;
