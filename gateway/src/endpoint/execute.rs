//! Checks requests in order, and runs them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use async_graphql::parser::types::OperationType;
use async_graphql::{Request, Response, Value, Variables, value};
use bytes::Bytes;
use comptoir_mesh::Error;
use comptoir_mesh::config::Profile;
use comptoir_mesh::error::ErrorReason;

use super::Caller;
use super::request::GraphqlRequest;
use crate::app::App;
use crate::backend::RequestData;
use crate::config::some;
use crate::executor::{self, Document, Lookup, Operation, check_variables, refused, take_refusal};
use crate::graphql::Schema;
use crate::problem::Problem;
use crate::request::Identity;

/// The size of most answers at most.
const ANSWER_SIZE: usize = 4096;

/// An operation that passed the checks.
pub(super) struct Prepared {
    document: Arc<Document>,
    operation: usize,
    operation_name: Option<String>,
    variables: Variables,
    cost: u64,
    /// The key to cache the document under, once it proved to be valid.
    key: Option<Arc<str>>,
    /// Whether the document is known to be valid.
    is_valid: bool,
}

impl Prepared {
    pub(super) fn operation(&self) -> &Operation {
        self.document.operation(self.operation)
    }

    /// Whether its answer can be the same for every guest.
    pub(super) fn is_public(&self) -> bool {
        self.document.is_public(self.operation)
    }

    /// Caches the document, which proved to be valid.
    pub(super) fn remember(&self, app: &App) {
        if let Some(key) = &self.key {
            app.documents.remember(key.clone(), self.document.clone());
        }
    }

    /// The schema to run it on.
    pub(super) fn schema<'a>(&self, app: &'a App) -> &'a Schema {
        if self.is_valid {
            &app.schema_of_valid
        } else {
            &app.schema
        }
    }
}

/// The result of an operation.
pub(super) struct Executed {
    pub(super) body: Bytes,
    data: RequestData,
    is_ok: bool,
}

impl Executed {
    /// The tags to store the answer under, if it may be stored.
    pub(super) fn tags(&self) -> Option<BTreeSet<String>> {
        self.data.public_tags().filter(|_| self.is_ok)
    }
}

/// Makes all checks of a request by POST.
pub(super) fn prepare(app: &App, body: &[u8], identity: &Identity) -> Result<Prepared, Problem> {
    let prepared = check(app, GraphqlRequest::read(body)?, identity)?;
    if prepared.operation().kind == OperationType::Subscription {
        let message = "Subscriptions run over WebSocket (graphql-transport-ws).";
        return Err(Problem::new(ErrorReason::ValidationFailed, message));
    }
    Ok(prepared)
}

/// Makes all checks of a parsed request.
pub(super) fn check(app: &App, request: GraphqlRequest, identity: &Identity) -> Result<Prepared, Problem> {
    let limits = &app.config.limits;
    let (document, key) = match app.documents.find(request.document, request.hash)? {
        Lookup::Known(document) => (document, None),
        Lookup::New { text, key } => {
            let introspection = app.env.profile == Profile::Development;
            (
                Arc::new(Document::read(text, &app.model, limits, introspection)?),
                Some(key),
            )
        }
    };
    let (variables, operation) = (
        request.variables,
        document.select_operation(request.operation_name.as_deref())?,
    );
    check_variables(&app.model, document.definition(operation), &variables)?;
    let cost = document.cost(operation, &app.model, &variables)?;
    let prepared = Prepared {
        is_valid: key.is_none() && document.stays_valid(&variables),
        document,
        operation,
        operation_name: request.operation_name,
        variables,
        cost,
        key,
    };
    let too_costly = some(limits.cost).is_some_and(|limit| cost > limit);
    if too_costly || identity.is_err() {
        // An invalid document is always answered with the errors of validation, before its cost or its token is refused.
        if !prepared.is_valid {
            let name = prepared.operation_name.clone();
            executor::validate(&app.schema, &prepared.document, name, prepared.variables.clone())?;
        }
    }
    if too_costly {
        let message = format!("The operation costs {cost}; at most {} is allowed.", limits.cost);
        let problem = Problem::new(ErrorReason::QueryTooComplex, message);
        return Err(problem.with("cost", serde_json::json!(cost_of(app, cost))));
    }
    match identity {
        Ok(_) => Ok(prepared),
        Err(error) => {
            let mut refusal = Error::new(error.reason(), error.message());
            if let Some(wait) = error.retry_after() {
                refusal = refusal.with_retry_after(wait);
            }
            Err(refusal.into())
        }
    }
}

/// Runs an operation. An answer whose operation did not start is a refusal.
pub(super) async fn run(app: &App, caller: &Caller, mut prepared: Prepared) -> Result<Executed, Problem> {
    let data = data(app, caller);
    let started = Instant::now();
    let request = request(app, &mut prepared).data(data.clone());
    let operation = prepared.operation();
    let mut response = executor::execute(prepared.schema(app), request, &operation.response_shape).await;
    if let Some(errors) = take_refusal(&mut response) {
        return Err(refused(errors));
    }
    let is_ok = response.is_ok();
    operation.duration(is_ok).record(started.elapsed().as_secs_f64());
    let body = render(app, &mut response, prepared.cost)?;
    prepared.remember(app);
    Ok(Executed { body, data, is_ok })
}

/// The data of an operation of this caller.
pub(super) fn data(app: &App, caller: &Caller) -> RequestData {
    let mut data = app.request_data(&caller.client);
    data.user_agent.clone_from(&caller.user_agent);
    data.language.clone_from(&caller.language);
    data
}

/// The request for the library. May be called once.
pub(super) fn request(app: &App, prepared: &mut Prepared) -> Request {
    let variables = std::mem::take(&mut prepared.variables);
    let request = executor::request(&prepared.document, prepared.operation_name.take(), variables);
    if app.env.profile == Profile::Production {
        request.disable_introspection()
    } else {
        request
    }
}

/// Serialises an answer, with its cost.
fn render(app: &App, response: &mut Response, cost: u64) -> Result<Bytes, Problem> {
    response.extensions.insert("cost".to_owned(), cost_of(app, cost));
    let mut body = Vec::with_capacity(ANSWER_SIZE);
    serde_json::to_writer(&mut body, response).map_err(Error::internal)?;
    Ok(Bytes::from(body))
}

fn cost_of(app: &App, cost: u64) -> Value {
    match some(app.config.limits.cost) {
        Some(limit) => value!({ "requestedQueryCost": cost, "maximumAvailable": limit }),
        None => value!({ "requestedQueryCost": cost, "maximumAvailable": null }),
    }
}
