//! The limits of the edge. 0 means none.

use std::time::Duration;

use comptoir_mesh::config::{BYTES, up_to};

/// A day in seconds. A longer time limit is a typing error, milliseconds for seconds: no connection lives to see it.
pub(super) const DAY: u64 = 86_400;
/// More than one process can serve.
const MANY: u64 = 1_000_000_000;

/// Limits of requests, connections and clients.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Limits of the gateway (0 means none)")]
pub struct Limits {
    /// Bytes of a request's body.
    #[arg(
        id = "limit-body",
        long,
        env = "COMPTOIR_LIMIT_BODY",
        default_value_t = 256 * 1024,
        value_name = "BYTES",
        value_parser = up_to::<u64>(BYTES),
    )]
    pub body: u64,
    /// Bytes of an imported product file.
    #[arg(
        id = "limit-import",
        long,
        env = "COMPTOIR_LIMIT_IMPORT",
        default_value_t = 32 * 1024 * 1024,
        value_name = "BYTES",
        value_parser = up_to::<u64>(BYTES),
    )]
    pub body_import: u64,
    /// Bytes of an uploaded picture.
    #[arg(
        id = "limit-picture",
        long,
        env = "COMPTOIR_LIMIT_PICTURE",
        default_value_t = 5 * 1024 * 1024,
        value_name = "BYTES",
        value_parser = up_to::<u64>(BYTES),
    )]
    pub body_media: u64,
    /// Bytes of all header names and values together.
    #[arg(
        id = "limit-headers",
        long,
        env = "COMPTOIR_LIMIT_HEADERS",
        default_value_t = 32 * 1024,
        value_name = "BYTES",
        value_parser = up_to::<usize>(16 * 1024 * 1024),
    )]
    pub headers: usize,
    /// Bytes of the path and query.
    #[arg(
        id = "limit-uri",
        long,
        env = "COMPTOIR_LIMIT_URI",
        default_value_t = 8 * 1024,
        value_name = "BYTES",
        value_parser = up_to::<usize>(BYTES),
    )]
    pub uri: usize,
    /// Query parameters.
    #[arg(
        id = "limit-parameters",
        long,
        env = "COMPTOIR_LIMIT_PARAMETERS",
        default_value_t = 100,
        value_parser = up_to::<usize>(MANY),
    )]
    pub parameters: usize,
    /// Seconds until a request is answered.
    #[arg(
        id = "limit-request",
        long,
        env = "COMPTOIR_LIMIT_REQUEST",
        default_value_t = 10,
        value_name = "SECONDS",
        value_parser = up_to::<u64>(DAY),
    )]
    pub request: u64,
    /// Seconds until an import is answered.
    #[arg(
        id = "limit-request-import",
        long,
        env = "COMPTOIR_LIMIT_REQUEST_IMPORT",
        default_value_t = 600,
        value_name = "SECONDS",
        value_parser = up_to::<u64>(DAY),
    )]
    pub request_import: u64,
    /// Seconds until a request's head has arrived.
    #[arg(
        id = "limit-header-read",
        long,
        env = "COMPTOIR_LIMIT_HEADER_READ",
        default_value_t = 10,
        value_name = "SECONDS",
        value_parser = up_to::<u64>(DAY),
    )]
    pub header_read: u64,
    /// Seconds a connection may be open without a request.
    #[arg(
        id = "limit-idle",
        long,
        env = "COMPTOIR_LIMIT_IDLE",
        default_value_t = 60,
        value_name = "SECONDS",
        value_parser = up_to::<u64>(DAY),
    )]
    pub idle: u64,
    /// Seconds a client may take nothing of an answer; over HTTP/2 the connection or the stream ends.
    #[arg(
        id = "limit-write",
        long,
        env = "COMPTOIR_LIMIT_WRITE",
        default_value_t = 30,
        value_name = "SECONDS",
        value_parser = up_to::<u64>(DAY),
    )]
    pub write: u64,
    /// Connections at once; more are refused with OVERLOADED.
    #[arg(
        id = "limit-connections",
        long,
        env = "COMPTOIR_LIMIT_CONNECTIONS",
        default_value_t = 8192,
        value_parser = up_to::<usize>(MANY),
    )]
    pub connections: usize,
    /// Connections of one address at once, of one /64 in IPv6; more are refused with RATE_LIMITED. Trusted proxies have no such
    /// limit.
    #[arg(
        id = "limit-connections-address",
        long,
        env = "COMPTOIR_LIMIT_CONNECTIONS_ADDRESS",
        default_value_t = 2048,
        value_parser = up_to::<usize>(MANY),
    )]
    pub connections_address: usize,
    /// WebSockets and event streams of one address at once, of one /64 in IPv6.
    #[arg(
        id = "limit-streams-address",
        long,
        env = "COMPTOIR_LIMIT_STREAMS_ADDRESS",
        default_value_t = 100,
        value_parser = up_to::<usize>(MANY),
    )]
    pub streams_address: usize,
    /// Subscriptions and event streams of all addresses at once; more are refused.
    #[arg(
        id = "limit-streams",
        long,
        env = "COMPTOIR_LIMIT_STREAMS",
        default_value_t = 10_000,
        value_parser = up_to::<usize>(MANY),
    )]
    pub streams: usize,
    /// Requests a minute of one address without a token.
    #[arg(
        id = "limit-requests-address",
        long,
        env = "COMPTOIR_LIMIT_REQUESTS_ADDRESS",
        default_value_t = 600,
        value_parser = up_to::<u32>(u32::MAX.into()),
    )]
    pub requests_address: u32,
    /// Requests a minute of one user.
    #[arg(
        id = "limit-requests-user",
        long,
        env = "COMPTOIR_LIMIT_REQUESTS_USER",
        default_value_t = 1200,
        value_parser = up_to::<u32>(u32::MAX.into()),
    )]
    pub requests_user: u32,
    /// Bytes of a GraphQL document.
    #[arg(
        id = "limit-document",
        long,
        env = "COMPTOIR_LIMIT_DOCUMENT",
        default_value_t = 16 * 1024,
        value_name = "BYTES",
        value_parser = up_to::<usize>(BYTES),
    )]
    pub document: usize,
    /// Tokens of a GraphQL document.
    #[arg(
        id = "limit-tokens",
        long,
        env = "COMPTOIR_LIMIT_TOKENS",
        default_value_t = 2000,
        value_parser = up_to::<usize>(MANY),
    )]
    pub tokens: usize,
    /// Fields of a GraphQL document below one another.
    #[arg(
        id = "limit-depth",
        long,
        env = "COMPTOIR_LIMIT_DEPTH",
        default_value_t = 12,
        value_parser = up_to::<usize>(MANY),
    )]
    pub depth: usize,
    /// Aliases of a GraphQL document.
    #[arg(
        id = "limit-aliases",
        long,
        env = "COMPTOIR_LIMIT_ALIASES",
        default_value_t = 30,
        value_parser = up_to::<usize>(MANY),
    )]
    pub aliases: usize,
    /// Directives at one place of a GraphQL document.
    #[arg(
        id = "limit-directives",
        long,
        env = "COMPTOIR_LIMIT_DIRECTIVES",
        default_value_t = 5,
        value_parser = up_to::<usize>(MANY),
    )]
    pub directives: usize,
    /// Cost of a GraphQL operation.
    #[arg(
        id = "limit-cost",
        long,
        env = "COMPTOIR_LIMIT_COST",
        default_value_t = 5000,
        value_parser = up_to::<u64>(1_000_000_000_000),
    )]
    pub cost: u64,
}

/// A limit, unless it is 0.
pub(crate) fn some<T: Default + PartialEq>(limit: T) -> Option<T> {
    (limit != T::default()).then_some(limit)
}

/// The most entries of a page, in the type of page sizes in messages.
pub(crate) fn most_of_a_page(limit_list: u32) -> i32 {
    some(limit_list)
        .and_then(|most| i32::try_from(most).ok())
        .unwrap_or(i32::MAX)
}

/// A time limit, unless it is 0.
pub(crate) fn seconds(limit: u64) -> Option<Duration> {
    some(limit).map(Duration::from_secs)
}

impl Limits {
    /// The bytes a body sent to `path` may have.
    pub(crate) fn body_of(&self, path: &str) -> Option<u64> {
        some(match path {
            "/admin/products/import" => self.body_import,
            "/admin/media" => self.body_media,
            _ => self.body,
        })
    }

    /// How long a request to `path` may take to its answer's head. Without a limit it is a day, because calls without a deadline end
    /// after seconds.
    pub(crate) fn time_of(&self, path: &str) -> Duration {
        let limit = seconds(if path == "/admin/products/import" {
            self.request_import
        } else {
            self.request
        });
        limit.unwrap_or(Duration::from_secs(DAY))
    }
}
