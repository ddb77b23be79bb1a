//! Client channels. The generated clients take one and do not know whether a socket is crossed.

use std::{
    sync::{Arc, OnceLock},
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use futures::{FutureExt as _, future::BoxFuture};
use http::{HeaderValue, Request, Response};
use tonic::{Status, body::Body, transport::Endpoint};

use crate::{context, identity::Peer, service::Service};

/// How long a call may take that nobody gave a deadline.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);
/// Kept of what is left, for the way back.
const MARGIN: Duration = Duration::from_millis(20);

/// A way to call another service. It passes on the running call's deadline, trace, request id and token. The balancer,
/// breaker and retries of a remote channel have their place here, in front of `target`.
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
    Remote(tonic::transport::Channel),
}

/// Where a service is put that an in-process channel was made for.
#[derive(Clone)]
pub struct Slot(Arc<OnceLock<Service>>);

impl Slot {
    /// Puts the service there; calls that came before were told that it is unavailable.
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

/// A place for a service of this process. The generated clients call the generated server in it directly; no socket is
/// crossed, and the code path is the same.
pub fn in_process() -> Slot {
    Slot(Arc::default())
}

impl Channel {
    /// A channel to `url` over the network; connects at the first call.
    pub fn connect(url: &str) -> anyhow::Result<Self> {
        let endpoint = Endpoint::from_shared(url.to_owned())?
            .connect_timeout(Duration::from_secs(2))
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(5));
        Ok(Self {
            target: Target::Remote(endpoint.connect_lazy()),
        })
    }
}

impl tower::Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = tower::BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, tower::BoxError>>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Self::Error>> {
        match &mut self.target {
            Target::InProcess { .. } => Poll::Ready(Ok(())),
            Target::Remote(channel) => channel.poll_ready(cx).map_err(Into::into),
        }
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let left = match prepare(&mut request) {
            Ok(left) => left,
            Err(status) => return async move { Ok(status.into_http()) }.boxed(),
        };
        let answer: BoxFuture<'static, Result<Response<Body>, tower::BoxError>> = match &mut self.target {
            Target::InProcess { from, service } => match service.get() {
                Some(service) => {
                    request.extensions_mut().insert(Peer::Service(from));
                    let mut service = service.clone();
                    async move {
                        // What is answered from memory never waits: without this a loop of such calls would keep its
                        // thread from everyone else.
                        tokio::task::coop::consume_budget().await;
                        service.call(request).await.map_err(|never| match never {})
                    }
                    .boxed()
                }
                None => {
                    return async { Ok(Status::unavailable("the service is starting").into_http()) }.boxed();
                }
            },
            Target::Remote(channel) => channel
                .call(request)
                .map(|answer| answer.map_err(Into::into))
                .boxed(),
        };
        async move {
            tokio::time::timeout(left, answer)
                .await
                .unwrap_or_else(|_| Ok(Status::deadline_exceeded("no answer in time").into_http()))
        }
        .boxed()
    }
}

/// Writes the running call's context into the request's headers; gives the time the call may take.
fn prepare(request: &mut Request<Body>) -> Result<Duration, Status> {
    let headers = request.headers_mut();
    let left = context::inspect(|context| {
        if let Ok(value) = HeaderValue::from_str(&context.request_id) {
            headers.insert("x-request-id", value);
        }
        if let Ok(value) = HeaderValue::from_str(&context.trace.header()) {
            headers.insert("traceparent", value);
        }
        if let Some(token) = &context.token
            && let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {token}"))
        {
            value.set_sensitive(true);
            headers.insert(http::header::AUTHORIZATION, value);
        }
        context.left()
    })
    .flatten();
    let left = match left {
        Some(left) => left
            .checked_sub(MARGIN)
            .ok_or_else(|| Status::deadline_exceeded("no time left"))?,
        None => DEFAULT_DEADLINE,
    };
    if let Ok(value) = HeaderValue::from_str(&format!("{}m", left.as_millis().min(99_999_999))) {
        headers.insert("grpc-timeout", value);
    }
    Ok(left)
}
