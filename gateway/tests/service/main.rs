//! The gateway over fake services: over sockets (`edge`), its REST API (`rest`) and its schema (`graphql`).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod edge;
mod graphql;
mod rest;
mod support;
