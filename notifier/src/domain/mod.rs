//! Deliveries, their content and the transitions of their states. No store, no network, no clock.

pub mod content;
pub mod delivery;
pub mod dialling;
pub mod feedback;
pub mod message;
pub mod plain;
pub mod record;
