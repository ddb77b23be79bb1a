//! Ids and secrets from an injected random source.

use std::fmt;
use std::sync::{Arc, Mutex};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use ulid::Ulid;

use crate::clock::Clock;

/// Makes prefixed ULIDs and secrets. Ids made within a millisecond are random, never counted up: one tells nothing of the
/// next.
#[derive(Clone)]
pub struct Ids {
    clock: Arc<dyn Clock>,
    random: Arc<Mutex<StdRng>>,
}

impl Ids {
    /// Ids from the system's random source.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            random: Arc::new(Mutex::new(rand::make_rng())),
        }
    }

    /// Ids that are the same at each run, for tests.
    pub fn seeded(clock: Arc<dyn Clock>, seed: u64) -> Self {
        Self {
            clock,
            random: Arc::new(Mutex::new(StdRng::seed_from_u64(seed))),
        }
    }

    /// A new id such as `prod_01J…`; `prefix` ends with an underscore.
    pub fn new_id(&self, prefix: &str) -> String {
        format!("{prefix}{}", self.ulid())
    }

    /// A new ULID.
    pub fn ulid(&self) -> Ulid {
        let milliseconds = u64::try_from(self.clock.now().as_millisecond()).unwrap_or(0);
        Ulid::from_parts(milliseconds, u128::from_be_bytes(self.secret::<16>()))
    }

    /// Random, unguessable bytes.
    pub fn secret<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .fill(&mut bytes[..]);
        bytes
    }

    /// A random share of `0.0..1.0`, for jitter.
    pub fn jitter(&self) -> f64 {
        self.random
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .random()
    }
}

impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ids")
    }
}

/// Whether `id` has the form of an id with this prefix: the prefix and a ULID.
pub fn is_id(id: &str, prefix: &str) -> bool {
    id.strip_prefix(prefix)
        .is_some_and(|rest| rest.len() == 26 && Ulid::from_string(rest).is_ok())
}
