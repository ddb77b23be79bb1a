//! The limits of the edge. 0 means none.

use std::time::Duration;

use anyhow::bail;

/// What one request, connection or client may take.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Limits of the gateway (0 means none)")]
pub struct Limits {
    /// Bytes of a request's body.
    #[arg(id = "limit-body", long, env = "COMPTOIR_LIMIT_BODY", default_value_t = 256 * 1024, value_name = "BYTES")]
    pub body: u64,
    /// Bytes of an imported product file.
    #[arg(
        id = "limit-import",
        long,
        env = "COMPTOIR_LIMIT_IMPORT",
        default_value_t = 32 * 1024 * 1024,
        value_name = "BYTES"
    )]
    pub body_import: u64,
    /// Bytes of an uploaded picture.
    #[arg(
        id = "limit-picture",
        long,
        env = "COMPTOIR_LIMIT_PICTURE",
        default_value_t = 5 * 1024 * 1024,
        value_name = "BYTES"
    )]
    pub body_media: u64,
    /// Bytes of all header names and values together.
    #[arg(id = "limit-headers", long, env = "COMPTOIR_LIMIT_HEADERS", default_value_t = 32 * 1024, value_name = "BYTES")]
    pub headers: usize,
    /// Bytes of the path and query.
    #[arg(id = "limit-uri", long, env = "COMPTOIR_LIMIT_URI", default_value_t = 8 * 1024, value_name = "BYTES")]
    pub uri: usize,
    /// Query parameters.
    #[arg(
        id = "limit-parameters",
        long,
        env = "COMPTOIR_LIMIT_PARAMETERS",
        default_value_t = 100
    )]
    pub parameters: usize,
    /// Seconds until a request is answered.
    #[arg(
        id = "limit-request",
        long,
        env = "COMPTOIR_LIMIT_REQUEST",
        default_value_t = 10,
        value_name = "SECONDS"
    )]
    pub request: u64,
    /// Seconds until an import is answered.
    #[arg(
        id = "limit-request-import",
        long,
        env = "COMPTOIR_LIMIT_REQUEST_IMPORT",
        default_value_t = 600,
        value_name = "SECONDS"
    )]
    pub request_import: u64,
    /// Seconds until a request's head has arrived.
    #[arg(
        id = "limit-header-read",
        long,
        env = "COMPTOIR_LIMIT_HEADER_READ",
        default_value_t = 10,
        value_name = "SECONDS"
    )]
    pub header_read: u64,
    /// Seconds a connection may be open without a request.
    #[arg(
        id = "limit-idle",
        long,
        env = "COMPTOIR_LIMIT_IDLE",
        default_value_t = 60,
        value_name = "SECONDS"
    )]
    pub idle: u64,
    /// Seconds a client may take nothing of an answer.
    #[arg(
        id = "limit-write",
        long,
        env = "COMPTOIR_LIMIT_WRITE",
        default_value_t = 30,
        value_name = "SECONDS"
    )]
    pub write: u64,
    /// Connections at once; more wait.
    #[arg(
        id = "limit-connections",
        long,
        env = "COMPTOIR_LIMIT_CONNECTIONS",
        default_value_t = 8192
    )]
    pub connections: usize,
    /// WebSockets and event streams of one address at once.
    #[arg(
        id = "limit-streams-address",
        long,
        env = "COMPTOIR_LIMIT_STREAMS_ADDRESS",
        default_value_t = 100
    )]
    pub streams_address: usize,
    /// Requests a minute of one address without a token.
    #[arg(
        id = "limit-requests-address",
        long,
        env = "COMPTOIR_LIMIT_REQUESTS_ADDRESS",
        default_value_t = 600
    )]
    pub requests_address: u32,
    /// Requests a minute of one user.
    #[arg(
        id = "limit-requests-user",
        long,
        env = "COMPTOIR_LIMIT_REQUESTS_USER",
        default_value_t = 1200
    )]
    pub requests_user: u32,
    /// Bytes of a GraphQL document.
    #[arg(id = "limit-document", long, env = "COMPTOIR_LIMIT_DOCUMENT", default_value_t = 16 * 1024, value_name = "BYTES")]
    pub document: usize,
    /// Tokens of a GraphQL document.
    #[arg(
        id = "limit-tokens",
        long,
        env = "COMPTOIR_LIMIT_TOKENS",
        default_value_t = 2000
    )]
    pub tokens: usize,
    /// Fields of a GraphQL document below one another.
    #[arg(id = "limit-depth", long, env = "COMPTOIR_LIMIT_DEPTH", default_value_t = 12)]
    pub depth: usize,
    /// Aliases of a GraphQL document.
    #[arg(
        id = "limit-aliases",
        long,
        env = "COMPTOIR_LIMIT_ALIASES",
        default_value_t = 30
    )]
    pub aliases: usize,
    /// Directives at one place of a GraphQL document.
    #[arg(
        id = "limit-directives",
        long,
        env = "COMPTOIR_LIMIT_DIRECTIVES",
        default_value_t = 5
    )]
    pub directives: usize,
    /// Cost of a GraphQL operation.
    #[arg(id = "limit-cost", long, env = "COMPTOIR_LIMIT_COST", default_value_t = 5000)]
    pub cost: u64,
}

/// A limit that is there, or none.
pub(crate) fn some<T: Default + PartialEq>(limit: T) -> Option<T> {
    (limit != T::default()).then_some(limit)
}

/// Entries of a page at most, as messages count them.
pub(crate) fn most_of_a_page(limit_list: u32) -> i32 {
    some(limit_list)
        .and_then(|most| i32::try_from(most).ok())
        .unwrap_or(i32::MAX)
}

/// A time limit that is there, or none.
pub(crate) fn seconds(limit: u64) -> Option<Duration> {
    some(limit).map(Duration::from_secs)
}

/// A day in seconds.
const DAY: u64 = 86_400;

impl Limits {
    /// The bytes a body sent to `path` may have.
    pub(crate) fn body_of(&self, path: &str) -> Option<u64> {
        some(match path {
            "/admin/products/import" => self.body_import,
            "/admin/media" => self.body_media,
            _ => self.body,
        })
    }

    /// How long a request to `path` may take to its answer's head. Without a limit it is the longest there can be, as calls that
    /// nobody gave a deadline end after seconds.
    pub(crate) fn time_of(&self, path: &str) -> Duration {
        let limit = seconds(if path == "/admin/products/import" {
            self.request_import
        } else {
            self.request
        });
        limit.unwrap_or(Duration::from_secs(DAY))
    }

    /// Refuses time limits no connection lives to see: they are typing errors, milliseconds for seconds.
    pub(crate) fn validate(&self) -> anyhow::Result<()> {
        let times = [
            ("COMPTOIR_LIMIT_REQUEST", self.request),
            ("COMPTOIR_LIMIT_REQUEST_IMPORT", self.request_import),
            ("COMPTOIR_LIMIT_HEADER_READ", self.header_read),
            ("COMPTOIR_LIMIT_IDLE", self.idle),
            ("COMPTOIR_LIMIT_WRITE", self.write),
        ];
        for (name, value) in times {
            if value > DAY {
                bail!("{name}: {value} seconds are more than a day");
            }
        }
        Ok(())
    }
}
