//! The client of the providers' REST interfaces.

use std::time::Duration;

use anyhow::Context as _;

/// The time-out of connecting.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The time-out of a call: well within the time of one attempt.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(8);

/// A client that follows no redirects.
pub(crate) fn client() -> anyhow::Result<reqwest::Client> {
    // reqwest needs the process's cryptography provider; another module may have installed the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(CALL_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .context("cannot make a client for HTTPS")
}

/// Reads an answer's body of at most `limit` bytes.
pub(crate) async fn body(mut answer: reqwest::Response, limit: usize) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        anyhow::ensure!(body.len() + chunk.len() <= limit, "the answer is too long");
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
