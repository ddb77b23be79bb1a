//! Subscriptions. Those that ask for the same in the name of the same user are executed and written out once.

use std::sync::Arc;

use async_graphql::Response;
use comptoir_mesh::identity::User;
use futures::{Stream, StreamExt as _, stream};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::app::App;
use crate::endpoint::Asker;
use crate::endpoint::execute::{self, Prepared};
use crate::feed::{Feeds, Told};
use crate::graphql;

/// The subscriptions that run, of all sockets.
pub(crate) type Subscriptions = Feeds<Wanted, Arc<str>, End>;

/// What is asked for, and by whom: subscriptions that are equal in this have the same answers.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Wanted([u8; 32]);

impl Wanted {
    /// By a `subscribe` message's payload.
    pub(super) fn new(payload: &Value, asker: &Asker) -> Self {
        let user = asker.client.user.as_deref();
        let user = user.map(|User { id, role, .. }| format!("{role:?} {id}"));
        let whole = serde_json::json!([payload, user, asker.language]);
        Self(Sha256::digest(whole.to_string()).into())
    }
}

/// Why there will be no more answers.
#[derive(Clone)]
pub(crate) enum End {
    /// The order stays as it is.
    Complete,
    /// It could not begin: the errors.
    Refused(Arc<Value>),
    /// It failed: the last answer, which has no data.
    Failed(Arc<str>),
}

/// The answers of a subscription, as they are sent.
pub(super) fn answers(
    app: &Arc<App>,
    asker: &Asker,
    mut prepared: Prepared,
) -> impl Stream<Item = Told<Arc<str>, End>> + Send + use<> {
    let request = execute::request(app, &mut prepared).data(execute::data(app, asker));
    let outline = prepared.operation().outline.clone();
    let responses = graphql::execute_stream(prepared.schema(app), request, outline);
    let (app, mut unproved) = (app.clone(), Some(prepared));
    responses
        .map(move |mut response| {
            if let Some(errors) = execute::take_refusal(&mut response) {
                return Told::End(End::Refused(Arc::new(refusal(response, errors))));
            }
            if let Some(prepared) = unproved.take() {
                prepared.remember(&app);
            }
            let answer = serde_json::to_string(&response).unwrap_or_default().into();
            if response.is_err() && response.data == async_graphql::Value::Null {
                return Told::End(End::Failed(answer));
            }
            Told::Next(answer)
        })
        .chain(stream::iter([Told::End(End::Complete)]))
}

/// What a stream that could not begin says: the codes of its resolver, or of validation.
fn refusal(mut response: Response, errors: Vec<async_graphql::ServerError>) -> Value {
    response.errors = errors;
    graphql::complete_errors(&mut response);
    serde_json::json!(response.errors)
}
