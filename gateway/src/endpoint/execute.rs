//! The checks in their order, and the execution.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{
    Directive, DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection,
    SelectionSet,
};
use async_graphql::{Name, Pos, Positioned, Request, Response, ServerError, Variables, value};
use async_graphql_value::{ConstValue, Value};
use bytes::Bytes;
use comptoir_mesh::Error;
use comptoir_mesh::config::Profile;
use comptoir_mesh::error::{ErrorReason, Reason as _};

use super::request::GraphqlRequest;
use super::{Asker, cost, shape, tokens, values};
use crate::app::App;
use crate::config::some;
use crate::edge::Identity;
use crate::graphql::{self, RequestData};
use crate::problem::Problem;

/// Root fields whose answers are the same for every guest. Whether one really is, its resolvers say.
const PUBLIC: [&str; 7] = [
    "product",
    "products",
    "categories",
    "category",
    "search",
    "searchSuggestions",
    "shop",
];

/// An operation that may run.
pub(super) struct Prepared {
    document: ExecutableDocument,
    text: Arc<str>,
    register: Option<String>,
    operation_name: Option<String>,
    variables: Variables,
    pub(super) kind: OperationType,
    /// The first root field, for metrics: its names are ours, an operation's are the client's.
    label: String,
    cost: u64,
    /// Whether its answer may turn out to be the same for every guest.
    pub(super) is_public: bool,
}

/// What came of an operation.
pub(super) struct Done {
    pub(super) body: Bytes,
    /// The tags to keep it under, if it may be kept.
    pub(super) tags: Option<BTreeSet<String>>,
}

/// Checks a request down to its identity.
pub(super) fn prepare(app: &App, body: &[u8], identity: &Identity) -> Result<Prepared, Problem> {
    let prepared = check(app, GraphqlRequest::read(body)?, identity)?;
    if prepared.kind == OperationType::Subscription {
        let message = "Subscriptions run over WebSocket (graphql-transport-ws).";
        return Err(Problem::new(ErrorReason::ValidationFailed, message));
    }
    Ok(prepared)
}

/// Checks a request that was read.
pub(super) fn check(app: &App, request: GraphqlRequest, identity: &Identity) -> Result<Prepared, Problem> {
    let limits = &app.config.limits;
    let chosen = app
        .documents
        .choose(request.document.as_deref(), request.hash.as_deref())?;
    tokens::check(&chosen.text, limits)?;
    let document = parse_query(&*chosen.text).map_err(|error| refused(vec![error.into()]))?;
    shape::check(&document, limits, app.env.profile == Profile::Development)?;
    let operation = choose(&document, request.operation_name.as_deref())?;
    values::check_variables(&app.model, operation, &request.variables)?;
    let cost = cost::cost(&app.model, &document, operation, &request.variables)?;
    let mut prepared = Prepared {
        kind: operation.ty,
        label: first_field(&operation.selection_set.node),
        is_public: operation.ty == OperationType::Query
            && is_public(&document, &operation.selection_set.node),
        document,
        text: chosen.text,
        register: chosen.register,
        operation_name: request.operation_name,
        variables: request.variables,
        cost,
    };
    let too_costly = some(limits.cost).is_some_and(|limit| cost > limit);
    if too_costly || identity.is_err() {
        // An invalid document is told that it is. The library validates only what it runs, so it runs with every field
        // skipped. It is refused in any case, so nothing is lost by that.
        validate(app, &mut prepared)?;
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

/// Runs an operation to its end. Answers that never began to run are refusals.
pub(super) async fn run(app: &App, asker: &Asker, prepared: Prepared) -> Result<Done, Problem> {
    let (label, cost) = (prepared.label.clone(), prepared.cost);
    let register = prepared
        .register
        .clone()
        .map(|hash| (hash, prepared.text.clone()));
    let data = data(app, asker);
    let started = Instant::now();
    let mut response = graphql::execute(&app.schema, request(app, prepared).data(data.clone())).await;
    let outcome = if response.is_ok() { "ok" } else { "error" };
    metrics::histogram!("graphql_operation_duration_seconds", "operation" => label, "outcome" => outcome)
        .record(started.elapsed().as_secs_f64());
    let tags = data.public_tags().filter(|_| response.is_ok());
    if let Some(errors) = take_refusal(&mut response) {
        return Err(refused(errors));
    }
    if let Some((hash, text)) = register {
        app.documents.register(hash, text);
    }
    let body = render(app, &mut response, cost)?;
    Ok(Done { body, tags })
}

/// The data of an operation of this asker.
pub(super) fn data(app: &App, asker: &Asker) -> RequestData {
    let caller = asker.client.user.clone();
    let cache = app.entities.clone();
    let mut data = RequestData::new(
        &app.services,
        caller,
        asker.client.address,
        asker.user_agent.clone(),
        cache,
    );
    data.language.clone_from(&asker.language);
    data
}

/// The operation as the library takes it.
pub(super) fn request(app: &App, prepared: Prepared) -> Request {
    let mut request = Request::new(&*prepared.text).variables(prepared.variables);
    request.operation_name = prepared.operation_name;
    request.set_parsed_query(prepared.document);
    if app.env.profile == Profile::Production {
        request.disable_introspection()
    } else {
        request
    }
}

/// An answer's bytes, with the cost it was admitted at.
pub(super) fn render(app: &App, response: &mut Response, cost: u64) -> Result<Bytes, Problem> {
    response.extensions.insert("cost".to_owned(), cost_of(app, cost));
    let body = serde_json::to_vec(response).map_err(Error::internal)?;
    Ok(Bytes::from(body))
}

/// The errors of an answer whose operation never began to run: those have no path. Parsing and validation are all that can
/// fail then.
pub(super) fn take_refusal(response: &mut Response) -> Option<Vec<ServerError>> {
    let never_ran = response.data == ConstValue::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty());
    never_ran.then(|| std::mem::take(&mut response.errors))
}

/// The refusal of a document, by the library's own words for it.
pub(super) fn refused(errors: Vec<ServerError>) -> Problem {
    let message = errors
        .first()
        .map_or_else(String::new, |error| error.message.clone());
    let errors = errors.into_iter().map(|error| {
        let locations: Vec<_> =
            error.locations.iter().map(|at| serde_json::json!({ "line": at.line, "column": at.column })).collect();
        let code = ErrorReason::ValidationFailed.code();
        serde_json::json!({ "message": error.message, "locations": locations, "extensions": { "code": code } })
    });
    Problem::new(ErrorReason::ValidationFailed, message).with_graphql_errors(errors.collect())
}

fn cost_of(app: &App, cost: u64) -> ConstValue {
    match some(app.config.limits.cost) {
        Some(limit) => value!({ "requestedQueryCost": cost, "maximumAvailable": limit }),
        None => value!({ "requestedQueryCost": cost, "maximumAvailable": null }),
    }
}

/// The operation that is asked for.
fn choose<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<&'a OperationDefinition, Error> {
    let wrong = |message: String| Error::field("operationName", ErrorReason::ValidationFailed, message);
    match (&document.operations, name) {
        (DocumentOperations::Single(operation), None) => Ok(&operation.node),
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => operations
            .values()
            .next()
            .map(|operation| &operation.node)
            .ok_or_else(|| wrong(String::new())),
        (_, None) => Err(wrong(
            "The document has several operations: say which by operationName.".to_owned(),
        )),
        (DocumentOperations::Multiple(operations), Some(name)) if operations.contains_key(name) => {
            Ok(&operations[name].node)
        }
        (_, Some(name)) => Err(wrong(format!("The document has no operation {name:?}."))),
    }
}

fn first_field(set: &SelectionSet) -> String {
    let field = set.items.iter().find_map(|item| match &item.node {
        Selection::Field(field) => Some(field.node.name.node.as_str()),
        _ => None,
    });
    field.filter(|name| name.len() <= 40).unwrap_or("").to_owned()
}

/// Whether every root field is public; fragments are looked into.
fn is_public(document: &ExecutableDocument, set: &SelectionSet) -> bool {
    set.items.iter().all(|item| match &item.node {
        Selection::Field(field) => {
            let name = field.node.name.node.as_str();
            PUBLIC.contains(&name) || name == "__typename"
        }
        Selection::InlineFragment(fragment) => is_public(document, &fragment.node.selection_set.node),
        Selection::FragmentSpread(spread) => document
            .fragments
            .get(&spread.node.fragment_name.node)
            .is_some_and(|fragment| is_public(document, &fragment.node.selection_set.node)),
    })
}

/// Validates what is not going to run.
fn validate(app: &App, prepared: &mut Prepared) -> Result<(), Problem> {
    let mut document = prepared.document.clone();
    match &mut document.operations {
        DocumentOperations::Single(operation) => skip_all(&mut operation.node),
        DocumentOperations::Multiple(operations) => {
            operations
                .values_mut()
                .for_each(|operation| skip_all(&mut operation.node));
        }
    }
    let mut request = Request::new("").variables(prepared.variables.clone());
    request.operation_name.clone_from(&prepared.operation_name);
    request.set_parsed_query(document);
    // Nothing in it waits for anything.
    let run = futures::FutureExt::now_or_never(app.schema.execute(request));
    match run.and_then(|mut response| take_refusal(&mut response)) {
        Some(errors) => Err(refused(errors)),
        None => Ok(()),
    }
}

fn skip_all(operation: &mut OperationDefinition) {
    let at = Pos::default();
    let condition = (
        Positioned::new(Name::new("if"), at),
        Positioned::new(Value::Boolean(true), at),
    );
    let skip = Directive {
        name: Positioned::new(Name::new("skip"), at),
        arguments: vec![condition],
    };
    for item in &mut operation.selection_set.node.items {
        let directives = item.node.directives_mut();
        directives.retain(|directive| directive.node.name.node != "skip");
        directives.push(Positioned::new(skip.clone(), at));
    }
}
