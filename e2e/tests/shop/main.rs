//! One process with everything in it, `comptoir up`, or one service alone: on folders of their own, called over sockets.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod alone;
mod audit;
mod before;
mod crashes;
mod import;
mod races;
mod reasons;
mod search;
mod settings;
mod tour;
