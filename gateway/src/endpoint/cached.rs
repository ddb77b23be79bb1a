//! The way around everything for a guest's query whose answer is kept, and the way into the store for one whose is not.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use comptoir_mesh::context::{self, Context};
use comptoir_mesh::error::ErrorReason;
use tokio::time::Instant;

use super::Caller;
use super::execute::{self, Prepared};
use crate::app::App;
use crate::cache::Age;
use crate::config::seconds;
use crate::problem::Problem;
use crate::request::{Client, Identity};

/// The kept answer to these very bytes, for callers without a token. One of the callers that get an old one has it read
/// anew.
pub(super) fn find(app: &Arc<App>, identity: &Identity, body: &Bytes) -> Option<Bytes> {
    let responses = app.responses.as_ref().filter(|_| matches!(identity, Ok(None)))?;
    let (kept, age) = responses.kept.get(body)?;
    let outcome = match age {
        Age::Fresh => "hit",
        Age::Old => "stale",
        Age::Due => {
            tokio::spawn(context::scope(
                background(app),
                refresh(app.clone(), body.clone()),
            ));
            "stale"
        }
    };
    metrics::counter!("cache_requests_total", "cache" => "response", "outcome" => outcome).increment(1);
    Some(kept)
}

/// Checks and runs a request; what is public is run once for all who ask for it meanwhile.
pub(super) async fn load(
    app: &Arc<App>,
    caller: Caller,
    identity: Identity,
    body: Bytes,
) -> Result<Bytes, Problem> {
    let prepared = execute::prepare(app, &body, &identity)?;
    let Some(responses) = app
        .responses
        .as_ref()
        .filter(|_| caller.client.user.is_none() && prepared.is_public())
    else {
        return execute::run(app, &caller, prepared).await.map(|done| done.body);
    };
    metrics::counter!("cache_requests_total", "cache" => "response", "outcome" => "miss").increment(1);
    let work = keep(app.clone(), body.clone(), prepared);
    // Not in the time of this caller alone: others may wait for it.
    context::scope(background(app), responses.once(&body, work)).await
}

async fn refresh(app: Arc<App>, body: Bytes) {
    let Some(responses) = &app.responses else { return };
    if let Ok(prepared) = execute::prepare(&app, &body, &Ok(None)) {
        // What fails now fails for somebody who waits for it once the kept answer is too old.
        let _ = responses
            .once(&body, keep(app.clone(), body.clone(), prepared))
            .await;
    }
}

/// Runs an operation for every guest and keeps its answer.
async fn keep(app: Arc<App>, body: Bytes, prepared: Prepared) -> Result<Bytes, Problem> {
    let Some(responses) = app.responses.clone() else {
        return Err(Problem::new(
            ErrorReason::Internal,
            "Something went wrong on our side.",
        ));
    };
    let mark = responses.kept.mark();
    let ticket = match responses.find_at_others(&body).await {
        Ok(found) => return Ok(found),
        Err(ticket) => ticket,
    };
    let nobody = Client {
        address: std::net::Ipv4Addr::UNSPECIFIED.into(),
        user: None,
    };
    let caller = Caller {
        client: nobody,
        user_agent: None,
        language: None,
    };
    let done = execute::run(&app, &caller, prepared).await?;
    if let Some(tags) = done.tags() {
        responses.keep(mark, ticket, &body, &done.body, &tags);
    }
    Ok(done.body)
}

fn background(app: &App) -> Context {
    let limit = seconds(app.config.limits.request).unwrap_or(Duration::from_secs(10));
    Context {
        token: None,
        deadline: Some(Instant::now() + limit),
        ..context::current()
    }
}
