//! Passes parsed documents to the library.

use async_graphql::parser::types::{Directive, DocumentOperations, OperationDefinition};
use async_graphql::{Name, ObjectType, Pos, Positioned, Request, Schema, SubscriptionType, Variables};
use async_graphql_value::Value;
use futures::FutureExt as _;

use super::document::Document;
use super::errors::{refused, take_refusal};
use crate::problem::Problem;

/// Creates a request for an operation of the document. The library consumes a copy of the document.
pub(crate) fn request(document: &Document, operation_name: Option<String>, variables: Variables) -> Request {
    let mut request = Request::new("").variables(variables);
    request.operation_name = operation_name;
    request.set_parsed_query(document.to_executable());
    request
}

/// Validates a document without running it. The library only validates what it runs, so it runs the document with all fields
/// skipped.
pub(crate) fn validate<Q, M, S>(
    schema: &Schema<Q, M, S>,
    document: &Document,
    operation_name: Option<String>,
    variables: Variables,
) -> Result<(), Problem>
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    let mut skipped = document.to_executable();
    match &mut skipped.operations {
        DocumentOperations::Single(operation) => skip_all(&mut operation.node),
        DocumentOperations::Multiple(operations) => {
            operations
                .values_mut()
                .for_each(|operation| skip_all(&mut operation.node));
        }
    }
    let mut request = Request::new("").variables(variables);
    request.operation_name = operation_name;
    request.set_parsed_query(skipped);
    // No field runs, so nothing waits.
    let run = schema.execute(request).now_or_never();
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
