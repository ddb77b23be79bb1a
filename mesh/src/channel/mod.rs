//! Client channels. The generated clients take one and do not know whether a socket is crossed.

use std::{
    sync::{Arc, OnceLock},
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use anyhow::Context as _;
use futures::{FutureExt as _, future::BoxFuture};
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::time::Instant;
use tonic::{Status, body::Body};

use self::remote::Remote;
use crate::{
    config::PeerUrls,
    context::{self, Context, Trace},
    identity::Peer,
    methods::{self, Form},
    service::Service,
    timed::Timed,
};

mod remote;

/// The deadline of a call whose caller gave none.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);
/// The part of the remaining time that is reserved for the way back.
const MARGIN: Duration = Duration::from_millis(20);
/// How long a stream of answers may be silent: our long-lived streams send a message every 15 s.
const SILENCE: Duration = Duration::from_secs(45);

/// A way to call another service. It passes on the running call's deadline, trace, request id and token. The balancer,
/// circuit breaker and retries of a remote channel belong before `target`.
#[derive(Clone)]
pub struct Channel {
    target: Target,
}

#[derive(Clone)]
enum Target {
    InProcess {
        from: &'static str,
        service: Arc<OnceLock<Service>>,
    },
    Remote(Remote),
}

/// The slot of a service that an in-process channel calls.
#[derive(Clone)]
pub struct Slot(Arc<OnceLock<Service>>);

impl Slot {
    /// Sets the service; calls before that fail with DEPENDENCY_UNAVAILABLE.
    pub fn bind(&self, service: &Service) {
        let _ = self.0.set(service.clone());
    }

    /// A channel to the slot's service, for the service named `from`.
    pub fn channel(&self, from: &'static str) -> Channel {
        Channel {
            target: Target::InProcess {
                from,
                service: self.0.clone(),
            },
        }
    }
}

/// A slot for a service of this process. The generated clients call the generated server in it directly, on the same
/// code path without a socket.
pub fn in_process() -> Slot {
    Slot(Arc::default())
}

impl Channel {
    /// A channel to a service over the network, at one address or several, separated by commas.
    pub fn connect(urls: &str) -> anyhow::Result<Self> {
        Ok(Self {
            target: Target::Remote(Remote::connect(urls)?),
        })
    }
}

impl PeerUrls {
    /// A channel to the auth service.
    pub fn auth(&self) -> anyhow::Result<Channel> {
        Channel::connect(&self.auth_url).context("COMPTOIR_AUTH_URL")
    }

    /// A channel to the catalog service.
    pub fn catalog(&self) -> anyhow::Result<Channel> {
        Channel::connect(&self.catalog_url).context("COMPTOIR_CATALOG_URL")
    }

    /// A channel to the orders service.
    pub fn orders(&self) -> anyhow::Result<Channel> {
        Channel::connect(&self.orders_url).context("COMPTOIR_ORDERS_URL")
    }

    /// A channel to the notifier service.
    pub fn notifier(&self) -> anyhow::Result<Channel> {
        Channel::connect(&self.notifier_url).context("COMPTOIR_NOTIFIER_URL")
    }
}

impl tower::Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = tower::BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, tower::BoxError>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let form = methods::form(request.uri().path());
        let (context, until) = match for_callee(form) {
            Ok(context) => context,
            Err(status) => return async move { Ok(status.into_http()) }.boxed(),
        };
        match &self.target {
            Target::InProcess { from, service } => {
                let Some(service) = service.get().cloned() else {
                    return async { Ok(Status::unavailable("the service is starting").into_http()) }.boxed();
                };
                request.extensions_mut().insert(Peer::Service(from));
                // Passed directly: writing it into headers and reading it costs as much as a small call.
                request.extensions_mut().insert(context);
                async move {
                    // Calls that are answered from memory never wait: without this, a loop of them would block its
                    // thread.
                    tokio::task::coop::consume_budget().await;
                    let answer = tokio::time::timeout_at(until, service.handle(request)).await;
                    Ok(answer.unwrap_or_else(|_| late().into_http()))
                }
                .boxed()
            }
            Target::Remote(remote) => {
                write(&context, request.headers_mut());
                let answer = remote.clone().call(request, form);
                async move {
                    let Ok(answer) = tokio::time::timeout_at(until, answer).await else {
                        return Ok(late().into_http());
                    };
                    let (answer, place) = answer?;
                    Ok(answer.map(|body| {
                        Body::new(if form.server_streams {
                            Timed::gap(body, SILENCE, silent).holding(place)
                        } else {
                            Timed::until(body, until, late)
                        })
                    }))
                }
                .boxed()
            }
        }
    }
}

fn late() -> Status {
    Status::deadline_exceeded("no answer in time")
}

fn silent() -> Status {
    Status::unavailable("the stream of answers fell silent")
}

/// The running call's context for the one it calls: the next span of its trace, and the time that the call may take. A stream
/// of answers has no deadline of its own, but that of its head.
fn for_callee(form: Form) -> Result<(Context, Instant), Status> {
    let mut context = context::inspect(Clone::clone).unwrap_or_else(|| Context::background("task"));
    let left = match context.left() {
        Some(left) => left
            .checked_sub(MARGIN)
            .ok_or_else(|| Status::deadline_exceeded("no time left"))?,
        None => DEFAULT_DEADLINE,
    };
    let until = Instant::now() + left;
    context.deadline = (!form.server_streams).then_some(until);
    context.trace = context.trace.child();
    Ok((context, until))
}

/// Writes a context into a request's headers. The callee creates the span's id.
fn write(context: &Context, headers: &mut HeaderMap) {
    let caller = Trace {
        span_id: context.trace.parent_id.unwrap_or(context.trace.span_id),
        ..context.trace
    };
    if let Ok(value) = HeaderValue::from_str(&context.request_id) {
        headers.insert("x-request-id", value);
    }
    if let Ok(value) = HeaderValue::from_str(&caller.header()) {
        headers.insert("traceparent", value);
    }
    if let Some(token) = &context.token
        && let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {token}"))
    {
        value.set_sensitive(true);
        headers.insert(http::header::AUTHORIZATION, value);
    }
    if let Some(left) = context.left()
        && let Ok(value) = HeaderValue::from_str(&format!("{}m", left.as_millis().min(99_999_999)))
    {
        headers.insert("grpc-timeout", value);
    }
}
