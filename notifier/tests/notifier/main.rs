//! The notifier through its own doors: events in, the generated client beside.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;
mod contract;
mod events;
mod mails;
mod sending;
mod service;
mod stores;
mod whole;
