//! What a delivery is, what it says, and which of its states follow which. No store, no network, no clock.

pub mod content;
pub mod delivery;
pub mod dialling;
pub mod feedback;
pub mod message;
pub mod plain;
pub mod record;
