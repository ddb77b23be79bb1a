#![doc = include_str!("../README.md")]

pub mod admin;
pub mod audit;
pub mod channel;
pub mod clock;
pub mod config;
pub mod context;
pub mod env;
pub mod error;
pub mod fail_points;
pub mod identity;
pub mod ids;
pub mod json;
pub mod keys;
pub mod lengths;
mod methods;
pub mod page;
pub mod phone;
pub mod process;
pub mod service;
pub mod start;
pub mod telemetry;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
mod timed;

pub use self::{
    channel::Channel,
    clock::Clock,
    env::Env,
    error::{Error, ErrorReason},
    identity::{Access, Caller, Role},
    service::Service,
};
