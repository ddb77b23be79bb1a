//! A built service: its gRPC handlers behind the layers that every call passes, outside to inside: panic to INTERNAL · trace
//! and request id · metrics · peer and user · what the method asks for · deadline · handler. The adaptive concurrency limit
//! has its place between the method's check and the deadline.
//!
//! Every call has a deadline: its caller's, within the limit of the method. A stream that the caller sends may not fall
//! silent either. A stream of answers goes on for as long as its caller wants: pings tell whether it is still there.

use std::{
    collections::{BTreeSet, HashMap},
    convert::Infallible,
    net::SocketAddr,
    panic::AssertUnwindSafe,
    sync::Arc,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use futures::{FutureExt as _, future::BoxFuture};
use http::{Request, Response};
use tokio::{net::TcpListener, time::Instant};
use tonic::{
    Code, Status,
    body::Body,
    server::NamedService,
    service::Routes,
    transport::server::{TcpConnectInfo, TcpIncoming},
};
use tower::Service as _;
use tracing::Instrument as _;

use crate::{
    config::Profile,
    context::{self, Context},
    env::{CallLimits, Env},
    error::{Error, ErrorReason},
    identity::{Access, Caller, Peer, Verifier},
    methods::{self, Form},
    telemetry,
    timed::Timed,
};

/// A service that sockets and in-process channels can serve.
#[derive(Clone)]
pub struct Service {
    routes: Routes,
    shared: Arc<Shared>,
    served: Arc<BTreeSet<&'static str>>,
}

struct Shared {
    name: &'static str,
    profile: Profile,
    methods: HashMap<&'static str, Method>,
    limits: CallLimits,
    verifier: Arc<Verifier>,
}

/// The properties of a method.
#[derive(Clone, Copy)]
struct Method {
    /// Static, for the labels of metrics; empty for foreign methods.
    path: &'static str,
    /// The access it requires; `None` means no requirement.
    access: Option<Access>,
    form: Form,
    /// How long it may take until its answer's head.
    longest: Duration,
}

/// A call without a deadline gets this one, unless it sends a stream.
const USUAL_DEADLINE: Duration = Duration::from_secs(10);
/// No limit.
const UNLIMITED: Duration = Duration::from_secs(86_400);
/// tonic has a timer for `grpc-timeout` too, which answers CANCELLED: ours has to be first, by this or a tenth of the time.
const EARLIER: Duration = Duration::from_millis(2);
/// How long a peer may take to answer a ping.
const PONG: Duration = Duration::from_secs(20);

impl Service {
    /// A service without handlers. `policy` has an entry for every method; one that is missing is refused.
    pub fn new(name: &'static str, policy: &'static [(&'static str, Access)], env: &Env) -> Self {
        Self {
            routes: Routes::default(),
            shared: Arc::new(Shared {
                name,
                profile: env.profile,
                methods: policy
                    .iter()
                    .map(|(path, access)| (*path, Method::new(path, *access, env.calls.longest)))
                    .collect(),
                limits: env.calls,
                verifier: env.verifier.clone(),
            }),
            served: Arc::default(),
        }
    }

    /// Adds a generated server.
    #[expect(
        clippy::should_implement_trait,
        reason = "it adds a part; it is not arithmetic"
    )]
    #[must_use]
    pub fn add<S>(mut self, server: S) -> Self
    where
        S: tower::Service<Request<Body>, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
        S::Response: axum::response::IntoResponse,
        S::Future: Send + 'static,
    {
        self.routes = self.routes.add_service(server);
        Arc::make_mut(&mut self.served).insert(S::NAME);
        self
    }

    /// Gives a method a limit of its own in place of `COMPTOIR_LIMIT_CALL`; zero means no limit. For a service that no channel has yet.
    #[must_use]
    pub fn with_limit(mut self, path: &str, limit: Duration) -> Self {
        if let Some(method) = Arc::get_mut(&mut self.shared).and_then(|shared| shared.methods.get_mut(path)) {
            method.longest = limited(limit);
        }
        self
    }

    /// The service's name: `catalog`.
    pub fn name(&self) -> &'static str {
        self.shared.name
    }

    /// Serves the listener until `env.shutdown` is cancelled and every call has ended; health, and in development reflection,
    /// beside the handlers.
    pub async fn serve(mut self, listener: TcpListener, env: &Env) -> anyhow::Result<()> {
        let (health, health_server) = tonic_health::server::health_reporter();
        self.routes = self.routes.add_service(health_server);
        for name in self.served.iter().copied().chain([""]) {
            health
                .set_service_status(name, tonic_health::ServingStatus::Serving)
                .await;
        }
        if self.shared.profile == Profile::Development {
            let sets = [
                comptoir_proto::DESCRIPTOR_SET,
                tonic_health::pb::FILE_DESCRIPTOR_SET,
            ];
            let builder = || {
                sets.iter()
                    .fold(tonic_reflection::server::Builder::configure(), |builder, set| {
                        builder.register_encoded_file_descriptor_set(set)
                    })
            };
            let names = |builder: tonic_reflection::server::Builder<'static>| {
                let ours = self.served.iter().copied().chain(["grpc.health.v1.Health"]);
                ours.fold(builder, tonic_reflection::server::Builder::with_service_name)
            };
            let v1 = names(builder()).build_v1()?;
            let v1alpha = names(builder()).build_v1alpha()?;
            self.routes = self.routes.add_service(v1).add_service(v1alpha);
        }
        let served = self.served.clone();
        let draining = env.draining.clone();
        tokio::spawn(async move {
            draining.cancelled().await;
            for name in served.iter().copied().chain([""]) {
                health
                    .set_service_status(name, tonic_health::ServingStatus::NotServing)
                    .await;
            }
        });
        tonic::transport::Server::builder()
            .tcp_nodelay(true)
            .max_concurrent_streams(1000)
            // A stream of answers may be silent for long, a peer that holds it may not.
            .http2_keepalive_interval(Some(self.shared.limits.idle).filter(|idle| !idle.is_zero()))
            .http2_keepalive_timeout(Some(PONG.min(limited(self.shared.limits.idle))))
            .http2_max_header_list_size(32 * 1024)
            .serve_with_incoming_shutdown(
                self,
                TcpIncoming::from(listener).with_nodelay(Some(true)),
                env.shutdown.clone().cancelled_owned(),
            )
            .await?;
        Ok(())
    }

    /// Answers a call. One of this process brings its context along.
    pub(crate) async fn handle(mut self, mut request: Request<Body>) -> Response<Body> {
        let started = Instant::now();
        let brought = request.extensions_mut().remove::<Context>();
        let asked = match &brought {
            Some(context) => Ok(context.left()),
            None => context::timeout(request.headers()),
        };
        let mut context = brought.unwrap_or_else(|| Context::from_headers(request.headers()));
        let span = telemetry::server_span(request.uri().path(), &mut context);
        let Some(method) = self.shared.method(request.uri().path()) else {
            let status = Status::unimplemented("there is no such method");
            return status.into_http();
        };
        let admitted = self.shared.admit(method, &request, &context).and_then(|caller| {
            let asked = asked?;
            Ok((caller, asked, method.time(asked)?))
        });
        if let Ok((_, _, left)) = &admitted {
            context.deadline = Some(Instant::now() + *left);
        }
        let (service, name) = method
            .path
            .trim_start_matches('/')
            .split_once('/')
            .unwrap_or_default();
        let response = context::scope(context, async move {
            match admitted {
                Err(refusal) => Status::from(refusal).into_http(),
                Ok((caller, asked, left)) => {
                    if let Some(caller) = caller {
                        request.extensions_mut().insert(caller);
                    }
                    if method.form.client_streams && !self.shared.limits.idle.is_zero() {
                        let idle = self.shared.limits.idle;
                        request = request.map(|body| Body::new(Timed::gap(body, idle, silent)));
                    }
                    let call = AssertUnwindSafe(self.routes.call(request)).catch_unwind();
                    let Ok(outcome) = tokio::time::timeout(left, call).await else {
                        return late().into_http();
                    };
                    match outcome {
                        Ok(Ok(response)) => match asked.filter(|_| method.form.server_streams) {
                            Some(asked) => {
                                let until = started + asked;
                                mapped(response).map(|body| Body::new(Timed::answer(body, until, late)))
                            }
                            None => mapped(response),
                        },
                        Ok(Err(never)) => match never {},
                        Err(_panic) => {
                            metrics::counter!("panics_total", "service" => self.shared.name).increment(1);
                            Status::from(Error::internal(anyhow::anyhow!("a handler panicked"))).into_http()
                        }
                    }
                }
            }
        })
        .instrument(span)
        .await;
        metrics::histogram!("grpc_server_call_duration_seconds",
            "service" => service, "method" => name, "code" => code_of(&response))
        .record(started.elapsed().as_secs_f64());
        response
    }
}

fn limited(limit: Duration) -> Duration {
    if limit.is_zero() { UNLIMITED } else { limit }
}

fn late() -> Status {
    let message = "It took too long; whether it was done is not known.";
    Error::new(ErrorReason::DeadlineExceeded, message).into()
}

/// Of a stream that the caller sends.
fn silent() -> Status {
    let message = "The stream was silent for too long.";
    Error::new(ErrorReason::DeadlineExceeded, message).into()
}

impl Method {
    fn new(path: &'static str, access: Access, longest: Duration) -> Self {
        Self {
            path,
            access: Some(access),
            form: methods::form(path),
            longest: limited(longest),
        }
    }

    /// How long the answer's head may take, or DEADLINE_EXCEEDED where the caller has left no time for it.
    fn time(&self, asked: Option<Duration>) -> Result<Duration, Error> {
        let usual = if self.form.client_streams {
            self.longest
        } else {
            USUAL_DEADLINE
        };
        let left = asked.unwrap_or(usual).min(self.longest);
        if left < Duration::from_micros(1) {
            return Err(Error::new(
                ErrorReason::DeadlineExceeded,
                "The caller left no time for the call.",
            ));
        }
        Ok(left - EARLIER.min(left / 10))
    }
}

impl Shared {
    /// The method at a path, if there is one.
    fn method(&self, path: &str) -> Option<Method> {
        // Health and reflection take callers without an identity.
        let foreign = || Method {
            path: "",
            access: None,
            form: methods::FOREIGN,
            longest: limited(self.limits.longest),
        };
        let known = self.methods.get(path).copied();
        known.or_else(|| path.starts_with("/grpc.").then(foreign))
    }

    /// The caller, if it may call the method.
    fn admit<B>(
        &self,
        method: Method,
        request: &Request<B>,
        context: &Context,
    ) -> Result<Option<Caller>, Error> {
        let Some(access) = method.access else {
            return Ok(None);
        };
        let caller = self.caller(request, context)?;
        caller.may(access)?;
        Ok(Some(caller))
    }

    fn caller<B>(&self, request: &Request<B>, context: &Context) -> Result<Caller, Error> {
        let peer = request.extensions().get::<Peer>().copied().unwrap_or_else(|| {
            let info = request.extensions().get::<TcpConnectInfo>();
            let address = info.and_then(TcpConnectInfo::remote_addr);
            self.peer_at(address)
        });
        let user = match &context.token {
            Some(token) => Some(self.verifier.verify(token)?),
            None => peer.operator(),
        };
        Ok(Caller { peer, user })
    }

    fn peer_at(&self, address: Option<SocketAddr>) -> Peer {
        match address {
            Some(address) if self.profile == Profile::Development && address.ip().is_loopback() => {
                Peer::Loopback
            }
            _ => Peer::Unknown,
        }
    }
}

impl tower::Service<Request<Body>> for Service {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.clone().handle(request).map(Ok).boxed()
    }
}

/// The status of an answer that has no message; one that has begins as OK.
fn status_of(response: &Response<Body>) -> Option<Code> {
    let header = response.headers().get("grpc-status")?;
    Some(Code::from_bytes(header.as_bytes()))
}

/// tonic itself answers some cases; they get the reasons of our table.
fn mapped(response: Response<Body>) -> Response<Body> {
    let ours = response.headers().contains_key("grpc-status-details-bin");
    let error = match status_of(&response) {
        _ if ours => return response,
        Some(Code::OutOfRange) => {
            Error::new(ErrorReason::PayloadTooLarge, "The message is larger than 4 MiB.")
        }
        // Our own handlers always send details with INTERNAL, so this is a message that could not be decoded.
        Some(Code::Internal) => Error::new(ErrorReason::ValidationFailed, "The message cannot be decoded."),
        _ => return response,
    };
    Status::from(error).into_http()
}

fn code_of(response: &Response<Body>) -> &'static str {
    match status_of(response) {
        None | Some(Code::Ok) => "OK",
        Some(Code::Cancelled) => "CANCELLED",
        Some(Code::Unknown) => "UNKNOWN",
        Some(Code::InvalidArgument) => "INVALID_ARGUMENT",
        Some(Code::DeadlineExceeded) => "DEADLINE_EXCEEDED",
        Some(Code::NotFound) => "NOT_FOUND",
        Some(Code::AlreadyExists) => "ALREADY_EXISTS",
        Some(Code::PermissionDenied) => "PERMISSION_DENIED",
        Some(Code::ResourceExhausted) => "RESOURCE_EXHAUSTED",
        Some(Code::FailedPrecondition) => "FAILED_PRECONDITION",
        Some(Code::Aborted) => "ABORTED",
        Some(Code::OutOfRange) => "OUT_OF_RANGE",
        Some(Code::Unimplemented) => "UNIMPLEMENTED",
        Some(Code::Internal) => "INTERNAL",
        Some(Code::Unavailable) => "UNAVAILABLE",
        Some(Code::DataLoss) => "DATA_LOSS",
        Some(Code::Unauthenticated) => "UNAUTHENTICATED",
    }
}

/// The methods of the descriptor set's services under `package` that `policy` has no entry for, and entries for methods that
/// are not there: a test holds both empty, so that no method is forgotten.
pub fn policy_gaps(package: &str, policy: &[(&str, Access)]) -> Vec<String> {
    use prost::Message as _;
    let Ok(set) = prost_types::FileDescriptorSet::decode(comptoir_proto::DESCRIPTOR_SET) else {
        return vec!["the descriptor set cannot be decoded".to_owned()];
    };
    let declared: BTreeSet<String> = set
        .file
        .iter()
        .filter(|file| file.package() == package)
        .flat_map(|file| file.service.iter())
        .flat_map(|service| {
            service
                .method
                .iter()
                .map(move |method| format!("/{package}.{}/{}", service.name(), method.name()))
        })
        .collect();
    let listed: BTreeSet<String> = policy.iter().map(|(path, _)| (*path).to_owned()).collect();
    declared.symmetric_difference(&listed).cloned().collect()
}
