//! Settings of the caches.

use std::time::Duration;

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
        value_name = "BYTES"
    )]
    pub bytes: usize,
    /// Milliseconds that what is shown may be behind the catalogue where no event told of the change.
    #[arg(
        id = "response-cache-age",
        long,
        env = "COMPTOIR_RESPONSE_CACHE_AGE",
        default_value_t = 2000,
        value_name = "MILLISECONDS"
    )]
    pub age: u64,
}

impl CacheConfig {
    /// How old one entry may be. An answer can be made from kept products, so each of the two caches has half the time.
    pub(crate) fn entry_age(&self) -> Duration {
        Duration::from_millis(self.age / 2)
    }
}
