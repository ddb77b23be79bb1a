#![doc = include_str!("../README.md")]
//! ## The modules, lowest first
//!
//! `domain` → `http` → `config` → `store` (the port, an adapter for SQLite and one for MongoDB, its contract) → `plan` (which
//! messages an event asks for) → `inbox` (takes events) → `backend` (mailbox, SES, Twilio) → `render` (mails and text messages)
//! → `pacer`, `worker` (sends) → `webhooks` (what providers report) → `convert`, `policy`, `fail_points`, `service` → `start`.

pub mod domain;
pub mod store;

mod backend;
mod config;
mod convert;
mod fail_points;
mod http;
mod inbox;
mod pacer;
mod plan;
mod policy;
mod render;
mod service;
mod start;
mod webhooks;
mod worker;

pub use self::{
    config::{Config, Sender, SesSettings, TwilioSettings},
    fail_points::FAIL_POINTS,
    inbox::Inbox,
    policy::POLICY,
    start::{Notifier, Peers, build, start},
    worker::{Round, Worker},
};
