//! The response cache. A guest's query whose answer is stored skips all checks and the execution. Other public answers are
//! stored.

use std::sync::Arc;

use bytes::Bytes;
use comptoir_mesh::context;

use super::Caller;
use super::execute::{self, Prepared};
use crate::app::App;
use crate::cache::Loaded;
use crate::problem::Problem;
use crate::request::{Client, Identity};

/// Returns the stored answer to these bytes, for callers without a token. Of the callers that get an old one, one has it
/// loaded in the background.
pub(super) fn find(app: &Arc<App>, identity: &Identity, body: &Bytes) -> Option<Bytes> {
    let responses = app.responses.as_ref().filter(|_| matches!(identity, Ok(None)))?;
    let (answer, is_due) = responses.find(body)?;
    if is_due {
        let load = refresh(app.clone(), body.clone());
        tokio::spawn(context::scope(app.background(), load));
    }
    Some(answer)
}

/// Checks and runs a request. Equal public requests of guests run once.
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
    let load = responses.load(&body, run_for_guests(app.clone(), prepared));
    // With a deadline of its own: other callers may wait for the answer.
    context::scope(app.background(), load).await
}

async fn refresh(app: Arc<App>, body: Bytes) {
    let Some(responses) = &app.responses else { return };
    if let Ok(prepared) = execute::prepare(&app, &body, &Ok(None)) {
        // A failure is not reported. The stored answer is served until it expires. Then a caller waits for the load, and
        // gets the error.
        let _ = responses.load(&body, run_for_guests(app.clone(), prepared)).await;
    }
}

/// Runs an operation for every guest.
async fn run_for_guests(app: Arc<App>, prepared: Prepared) -> Result<Loaded, Problem> {
    let guest = Caller {
        client: Client::unknown(),
        user_agent: None,
        language: None,
    };
    let done = execute::run(&app, &guest, prepared).await?;
    Ok(Loaded {
        tags: done.tags(),
        body: done.body,
    })
}
