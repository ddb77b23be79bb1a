//! The notifier through its interfaces: events, and the generated client.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;
mod contract;
mod doubles;
mod events;
mod feedback;
mod limits;
mod mails;
mod replicas;
mod sending;
mod service;
mod ses;
mod stores;
mod twilio;
mod whole;
