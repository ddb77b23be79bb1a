//! Runs subscriptions.

use std::sync::Arc;

use async_graphql::Response;
use futures::{Stream, StreamExt as _, stream};
use serde_json::Value;

use crate::app::App;
use crate::endpoint::Caller;
use crate::endpoint::execute::{self, Prepared};
use crate::executor::{SubscriptionEnd, complete_errors, execute_stream, take_refusal};
use crate::feed::Update;

/// The serialised answers of a subscription.
pub(super) fn answers(
    app: &Arc<App>,
    caller: &Caller,
    mut prepared: Prepared,
) -> impl Stream<Item = Update<Arc<str>, SubscriptionEnd>> + Send + use<> {
    let request = execute::request(app, &mut prepared).data(execute::data(app, caller));
    let response_shape = prepared.operation().response_shape.clone();
    let responses = execute_stream(prepared.schema(app), request, response_shape);
    let (app, mut unproved) = (app.clone(), Some(prepared));
    responses
        .map(move |mut response| {
            if let Some(errors) = take_refusal(&mut response) {
                return Update::End(SubscriptionEnd::Refused(Arc::new(refusal(response, errors))));
            }
            if let Some(prepared) = unproved.take() {
                prepared.remember(&app);
            }
            let answer = serde_json::to_string(&response).unwrap_or_default().into();
            if response.is_err() && response.data == async_graphql::Value::Null {
                return Update::End(SubscriptionEnd::Failed(answer));
            }
            Update::Next(answer)
        })
        .chain(stream::iter([Update::End(SubscriptionEnd::Complete)]))
}

/// The errors of a subscription that could not start, with their codes.
fn refusal(mut response: Response, errors: Vec<async_graphql::ServerError>) -> Value {
    response.errors = errors;
    complete_errors(&mut response);
    serde_json::json!(response.errors)
}
