//! One WebSocket connection.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use comptoir_mesh::Error;
use comptoir_mesh::context::{self, Context};
use comptoir_mesh::error::ErrorReason;
use comptoir_mesh::identity::User;
use futures::future::abortable;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use crate::app::App;
use crate::config::seconds;
use crate::endpoint::Caller;
use crate::endpoint::execute::{self, Prepared};
use crate::endpoint::request::GraphqlRequest;
use crate::executor::{SubscriptionEnd, SubscriptionKey};
use crate::feed::Update;
use crate::problem::Problem;
use crate::request::{ClientKey, bearer};

use super::operations::Operations;
use super::subscription;

/// The time to initialise a connection.
const INIT: Duration = Duration::from_secs(10);
/// The time between pings. The token is checked again as often.
const PING: Duration = Duration::from_secs(15);
/// The time to send a message.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How many operations may run at once on one socket.
const MAX_OPERATIONS: usize = 50;
/// How many messages are queued for a slow reader. Then its operations wait.
const QUEUE: usize = 16;

/// Why the server closes a connection: a code of the protocol, and a text.
type CloseReason = (u16, &'static str);

const INVALID: CloseReason = (4400, "Invalid message");
const UNAUTHORIZED: CloseReason = (4401, "Unauthorized");
const FORBIDDEN: CloseReason = (4403, "Forbidden");
const INIT_TIMEOUT: CloseReason = (4408, "Connection initialisation timeout");
const TOO_MANY_INITS: CloseReason = (4429, "Too many initialisation requests");
const GOING_AWAY: CloseReason = (1001, "Going away");

pub(super) struct Session {
    app: Arc<App>,
    caller: Caller,
    token: Option<Arc<str>>,
    is_initialised: bool,
    operations: Operations,
    sender: mpsc::Sender<Outgoing>,
    queue: Option<mpsc::Receiver<Outgoing>>,
}

/// A message of an operation. The last one ends the operation.
struct Outgoing {
    id: String,
    number: u64,
    message: String,
    is_last: bool,
}

impl Session {
    /// `token` is from the upgrade's header, if it had one.
    pub(super) fn new(app: Arc<App>, caller: Caller, token: Option<Arc<str>>) -> Self {
        let (sender, queue) = mpsc::channel(QUEUE);
        Self {
            app,
            caller,
            token,
            is_initialised: false,
            operations: Operations::default(),
            sender,
            queue: Some(queue),
        }
    }

    /// Serves the socket until either side closes it.
    pub(super) async fn serve(mut self, mut socket: WebSocket) {
        let end = self.converse(&mut socket).await;
        if let Some((code, reason)) = end {
            let frame = CloseFrame {
                code,
                reason: reason.into(),
            };
            // Wait for the peer to answer, so that it sees the code and not a reset.
            let _ = timeout(Duration::from_secs(1), async {
                if socket.send(Message::Close(Some(frame))).await.is_ok() {
                    while let Some(Ok(_)) = socket.recv().await {}
                }
            })
            .await;
        }
    }

    /// Handles messages until the connection ends. Returns a reason if the server closes it.
    async fn converse(&mut self, socket: &mut WebSocket) -> Option<CloseReason> {
        let mut queue = self.queue.take()?;
        let shutdown = self.app.env.shutdown.clone();
        let began = Instant::now();
        let mut pings = tokio::time::interval_at(began + PING, PING);
        let mut unanswered = 0;
        loop {
            let expires = self.expires();
            tokio::select! {
                () = shutdown.cancelled() => return Some(GOING_AWAY),
                () = tokio::time::sleep_until(began + INIT), if !self.is_initialised => return Some(INIT_TIMEOUT),
                () = async { tokio::time::sleep(expires.unwrap_or_default()).await }, if expires.is_some() => {
                    return Some(FORBIDDEN);
                }
                _ = pings.tick() => {
                    // The peer answered neither of two pings.
                    if unanswered >= 2 {
                        return None;
                    }
                    if !self.is_token_valid() {
                        return Some(FORBIDDEN);
                    }
                    unanswered += 1;
                    send(socket, Message::Ping(bytes::Bytes::new())).await?;
                }
                Some(outgoing) = queue.recv() => {
                    // Messages of an operation that the client ended are dropped.
                    if self.operations.is(&outgoing.id, outgoing.number) {
                        if outgoing.is_last {
                            self.operations.end(&outgoing.id);
                        }
                        send(socket, Message::Text(outgoing.message.into())).await?;
                    }
                }
                incoming = socket.recv() => {
                    unanswered = 0;
                    match incoming? {
                        Ok(Message::Text(text)) => match self.handle_message(text.as_bytes()).await {
                            ControlFlow::Continue(None) => {}
                            ControlFlow::Continue(Some(answer)) => send_json(socket, &answer).await?,
                            ControlFlow::Break(end) => return Some(end),
                        },
                        Ok(Message::Ping(_) | Message::Pong(_)) => {}
                        Ok(Message::Binary(_)) => return Some(INVALID),
                        Ok(Message::Close(_)) | Err(_) => return None,
                    }
                }
            }
        }
    }

    /// The time until the token expires.
    fn expires(&self) -> Option<Duration> {
        let user = self.caller.client.user.as_ref()?;
        let left = user.expires_at.saturating_mul(1000) - self.app.env.clock.now().as_millisecond();
        Some(Duration::from_millis(u64::try_from(left).unwrap_or(0)))
    }

    /// Whether the token is still valid. If auth cannot be reached, it is considered valid.
    fn is_token_valid(&self) -> bool {
        let Some(token) = &self.token else { return true };
        match self.app.env.verifier.verify(token) {
            Ok(_) => true,
            Err(error) => error.reason() == ErrorReason::DependencyUnavailable,
        }
    }

    /// Handles a message. Returns the immediate answer.
    async fn handle_message(&mut self, text: &[u8]) -> ControlFlow<CloseReason, Option<Value>> {
        let Ok(Value::Object(mut message)) = crate::json::read(text) else {
            return ControlFlow::Break(INVALID);
        };
        let id = message.get("id").and_then(Value::as_str).map(str::to_owned);
        let payload = message.remove("payload");
        match (message.get("type").and_then(Value::as_str), id) {
            (Some("connection_init"), _) => self.initialise(payload.as_ref()),
            (Some("ping"), _) => ControlFlow::Continue(Some(json!({ "type": "pong" }))),
            (Some("pong"), _) => ControlFlow::Continue(None),
            (Some("subscribe"), Some(_)) if !self.is_initialised => ControlFlow::Break(UNAUTHORIZED),
            (Some("subscribe"), Some(id)) if self.operations.is_running(&id) => {
                ControlFlow::Break((4409, "Subscriber already exists"))
            }
            (Some("subscribe"), Some(id)) if (1..=128).contains(&id.len()) => {
                ControlFlow::Continue(self.subscribe(id, payload.unwrap_or_default()).await)
            }
            (Some("complete"), Some(id)) => {
                self.operations.end(&id);
                ControlFlow::Continue(None)
            }
            _ => ControlFlow::Break(INVALID),
        }
    }

    fn initialise(&mut self, payload: Option<&Value>) -> ControlFlow<CloseReason, Option<Value>> {
        if self.is_initialised {
            return ControlFlow::Break(TOO_MANY_INITS);
        }
        let authorization = payload.and_then(|payload| {
            payload
                .get("authorization")
                .or_else(|| payload.get("Authorization"))
                .filter(|value| !value.is_null())
        });
        if let Some(authorization) = authorization {
            let token = authorization.as_str().and_then(bearer);
            let Some((token, user)) = token.and_then(|token| self.user(token)) else {
                return ControlFlow::Break(FORBIDDEN);
            };
            self.token = Some(token);
            self.caller.client.user = Some(user);
        }
        self.is_initialised = true;
        ControlFlow::Continue(Some(json!({ "type": "connection_ack" })))
    }

    fn user(&self, token: &str) -> Option<(Arc<str>, Arc<User>)> {
        let user = self.app.env.verifier.verify(token).ok()?;
        Some((token.into(), user))
    }

    /// Starts an operation, or returns the error that refuses it.
    async fn subscribe(&mut self, id: String, payload: Value) -> Option<Value> {
        let key = {
            let user = self.caller.client.user.as_deref();
            SubscriptionKey::new(&payload, user, self.caller.language.as_deref())
        };
        match self.admit(payload).await {
            Ok(prepared) => {
                let operation = Operation {
                    app: self.app.clone(),
                    caller: self.caller.clone(),
                    key,
                    id: id.clone(),
                    number: self.operations.number(),
                    sender: self.sender.clone(),
                };
                let number = operation.number;
                let (work, handle) = abortable(context::scope(self.context(), operation.run(prepared)));
                self.operations.begin(id, number, handle);
                tokio::spawn(work);
                None
            }
            Err(problem) => Some(refusal(&id, &problem)),
        }
    }

    /// Makes the checks of a request by POST, and counts it.
    async fn admit(&self, payload: Value) -> Result<Prepared, Problem> {
        if self.operations.count() >= MAX_OPERATIONS {
            return Err(Problem::new(
                ErrorReason::RateLimited,
                "Too many operations run on this socket.",
            ));
        }
        let client = &self.caller.client;
        let key = client.user.as_ref().map_or_else(
            || ClientKey::address(client.address),
            |user| ClientKey::User(user.id.as_str().into()),
        );
        let allowance = self.app.rate.count(key, std::time::Instant::now()).await;
        if allowance.is_some_and(|allowance| allowance.refused_for.is_some()) {
            return Err(Problem::new(
                ErrorReason::RateLimited,
                "Too many requests in a minute.",
            ));
        }
        execute::check(
            &self.app,
            GraphqlRequest::from_json(payload)?,
            &Ok(client.user.clone()),
        )
    }

    /// Operations have the trace of the upgrade. Streams have no deadline.
    fn context(&self) -> Context {
        Context {
            token: self.token.clone(),
            deadline: None,
            ..context::current()
        }
    }
}

/// An operation, which runs in a task of its own.
struct Operation {
    app: Arc<App>,
    caller: Caller,
    key: SubscriptionKey,
    id: String,
    number: u64,
    sender: mpsc::Sender<Outgoing>,
}

impl Operation {
    /// Runs the operation and sends its answers.
    async fn run(self, prepared: Prepared) {
        let last = if prepared.operation().kind == OperationType::Subscription {
            self.follow(prepared).await
        } else {
            self.once(prepared).await
        };
        if let Some(message) = last {
            self.send(message.to_string(), true).await;
        }
    }

    async fn send(&self, message: String, is_last: bool) -> Option<()> {
        let outgoing = Outgoing {
            id: self.id.clone(),
            number: self.number,
            message,
            is_last,
        };
        self.sender.send(outgoing).await.ok()
    }

    /// Sends a serialised answer.
    async fn send_next(&self, payload: &str) -> Option<()> {
        let id = Value::from(self.id.as_str());
        let message = format!(r#"{{"id":{id},"type":"next","payload":{payload}}}"#);
        self.send(message, false).await
    }

    /// Runs a query or mutation, with the time limit of a request.
    async fn once(&self, prepared: Prepared) -> Option<Value> {
        let limit = seconds(self.app.config.limits.request).unwrap_or(Duration::from_secs(3600));
        let context = Context {
            deadline: Some(Instant::now() + limit),
            ..context::current()
        };
        let work = execute::run(&self.app, &self.caller, prepared);
        let done = timeout(limit, context::scope(context, work)).await;
        let late = || {
            Problem::new(
                ErrorReason::DeadlineExceeded,
                "It took too long. Whether it was carried out is not known.",
            )
        };
        match done.unwrap_or_else(|_| Err(late())) {
            Ok(done) => {
                self.send_next(&String::from_utf8_lossy(&done.body)).await?;
                Some(complete(&self.id))
            }
            Err(problem) => Some(refusal(&self.id, &problem)),
        }
    }

    /// Runs a subscription until it ends.
    async fn follow(&self, prepared: Prepared) -> Option<Value> {
        let _place = match self.app.services.followed_orders.permit() {
            Ok(place) => place,
            Err(full) => return Some(refusal(&self.id, &full.into())),
        };
        let mut prepared = Some(prepared);
        let mut sent: Option<Arc<str>> = None;
        let running = &self.app.subscriptions;
        let mut reader = running.join(&self.key);
        loop {
            let mut answers = match (reader.take(), prepared.take()) {
                (Some(reader), kept) => {
                    prepared = kept;
                    reader
                }
                (None, prepared) => {
                    let source = subscription::answers(&self.app, &self.caller, prepared?);
                    running.join_or_start(self.key.clone(), source)
                }
            };
            let end = loop {
                match answers.next().await {
                    // A restarted operation begins with the answer that was sent last.
                    Some(Update::Next(payload)) if sent.as_ref() == Some(&payload) => {}
                    Some(Update::Next(payload)) => {
                        self.send_next(&payload).await?;
                        sent = Some(payload);
                    }
                    Some(Update::End(end)) => break Some(end),
                    None => break None,
                }
            };
            match end {
                Some(SubscriptionEnd::Complete) => return Some(complete(&self.id)),
                // The shared operation ran with the token of another socket, which may have become invalid. Run it with this
                // one's.
                Some(SubscriptionEnd::Refused(_) | SubscriptionEnd::Failed(_)) | None
                    if prepared.is_some() => {}
                Some(SubscriptionEnd::Refused(errors)) => {
                    return Some(json!({ "id": self.id, "type": "error", "payload": *errors }));
                }
                Some(SubscriptionEnd::Failed(answer)) => {
                    self.send_next(&answer).await?;
                    return Some(complete(&self.id));
                }
                None => {
                    let broken = Error::internal(anyhow::anyhow!("a subscription broke off"));
                    return Some(refusal(&self.id, &broken.into()));
                }
            }
        }
    }
}

fn refusal(id: &str, problem: &Problem) -> Value {
    let request_id = context::current().request_id;
    json!({ "id": id, "type": "error", "payload": problem.graphql_errors(&request_id) })
}

fn complete(id: &str) -> Value {
    json!({ "id": id, "type": "complete" })
}

async fn send_json(socket: &mut WebSocket, message: &Value) -> Option<()> {
    send(socket, Message::Text(message.to_string().into())).await
}

async fn send(socket: &mut WebSocket, message: Message) -> Option<()> {
    timeout(WRITE_TIMEOUT, socket.send(message)).await.ok()?.ok()
}
