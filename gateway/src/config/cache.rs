//! Settings of the caches.

use std::time::Duration;

use comptoir_mesh::config::{BYTES, Secret, up_to};

use super::limits::DAY;

/// What the gateway keeps of catalogue answers.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Caching")]
pub struct CacheConfig {
    /// Whether public answers are kept at all.
    #[arg(
        id = "response-cache",
        long,
        env = "COMPTOIR_RESPONSE_CACHE",
        default_value_t = true,
        action = clap::ArgAction::Set,
        value_name = "BOOL"
    )]
    pub enabled: bool,
    /// Bytes kept at most, of answers and as much again of products.
    #[arg(
        id = "response-cache-bytes",
        long,
        env = "COMPTOIR_RESPONSE_CACHE_BYTES",
        default_value_t = 64 * 1024 * 1024,
        value_parser = up_to::<usize>(BYTES),
        value_name = "BYTES"
    )]
    pub bytes: usize,
    /// Milliseconds that what is shown may be behind the catalogue where no event told of the change.
    #[arg(
        id = "response-cache-age",
        long,
        env = "COMPTOIR_RESPONSE_CACHE_AGE",
        default_value_t = 2000,
        value_parser = up_to::<u64>(1000 * DAY),
        value_name = "MILLISECONDS"
    )]
    pub age: u64,
    /// Redis, in which gateways share what they keep and count requests together: redis://HOST:PORT. Each gateway on its own unless set
    #[arg(
        id = "redis-url",
        long,
        env = "REDIS_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub redis_url: Option<Secret>,
}

impl CacheConfig {
    /// The time to live of an entry. An answer may contain cached products, so each of the two caches has half of the age.
    pub(crate) fn entry_age(&self) -> Duration {
        Duration::from_millis(self.age / 2)
    }
}
