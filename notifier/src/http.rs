//! The client of the providers' REST interfaces.

use std::time::Duration;

use anyhow::Context as _;

/// How long finding a server may take.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a call may take in all: well within the time of one try.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(8);

/// A client that goes where it is told, and nowhere from there.
pub(crate) fn client() -> anyhow::Result<reqwest::Client> {
    // reqwest asks for the process's choice of cryptography; another part may have made the same one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(CALL_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .context("cannot make a client for HTTPS")
}

/// Reads an answer's body, of `limit` bytes at most.
pub(crate) async fn body(mut answer: reqwest::Response, limit: usize) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        anyhow::ensure!(body.len() + chunk.len() <= limit, "the answer is too long");
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
