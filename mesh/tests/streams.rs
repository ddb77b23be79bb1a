//! Time limits of calls and streams on both sides of a channel, and the connections of streams.

#![cfg(feature = "testing")]

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use bytes::Bytes;
use comptoir_mesh::{
    Access, Channel, Error, ErrorReason, Service,
    channel::in_process,
    context::{self, Context},
    env::CallLimits,
    testing::{PATIENCE, SOON, TestEnv},
};
use comptoir_proto::{
    catalog::v1::{PutMediaRequest, catalog_service_client::CatalogServiceClient},
    orders::v1::{
        GetOrderRequest, ListOrdersRequest, WatchOrderRequest, order_service_client::OrderServiceClient,
    },
};
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream};
use http::{HeaderMap, Request, Response};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper_util::{client::legacy, rt::TokioExecutor};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::{Instant, timeout},
};
use tonic::{Code, Status, body::Body, server::NamedService};

const ORDERS: &[(&str, Access)] = &[
    ("/comptoir.orders.v1.OrderService/GetOrder", Access::Anyone),
    ("/comptoir.orders.v1.OrderService/ListOrders", Access::Anyone),
    ("/comptoir.orders.v1.OrderService/WatchOrder", Access::Anyone),
];
const CATALOG: &[(&str, Access)] = &[("/comptoir.catalog.v1.CatalogService/PutMedia", Access::Anyone)];

/// An empty message, as gRPC frames it.
const EMPTY: &[u8] = &[0, 0, 0, 0, 0];

/// Gives what is in it, then its trailers, or is silent for ever.
struct Script {
    frames: Vec<Frame<Bytes>>,
    ends: bool,
}

impl http_body::Body for Script {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.frames.pop() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None if self.ends => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

fn answer(ends: bool) -> Response<Body> {
    let mut frames = vec![Frame::data(Bytes::from_static(EMPTY))];
    if ends {
        let trailers = HeaderMap::from_iter([(
            "grpc-status".parse().expect("a header"),
            "0".parse().expect("a header"),
        )]);
        frames.insert(0, Frame::trailers(trailers));
    }
    let body = Body::new(Script { frames, ends });
    Response::builder()
        .header("content-type", "application/grpc")
        .body(body)
        .expect("an answer")
}

/// Answers GetOrder; begins the answers of WatchOrder and ListOrders and falls silent; reads PutMedia to its end.
#[derive(Clone)]
struct Orders;
#[derive(Clone)]
struct Catalog;

impl NamedService for Orders {
    const NAME: &'static str = "comptoir.orders.v1.OrderService";
}

impl NamedService for Catalog {
    const NAME: &'static str = "comptoir.catalog.v1.CatalogService";
}

impl tower::Service<Request<Body>> for Orders {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let ends = request.uri().path().ends_with("GetOrder");
        async move { Ok(answer(ends)) }.boxed()
    }
}

impl tower::Service<Request<Body>> for Catalog {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        async move {
            Ok(match request.into_body().collect().await {
                Ok(_) => answer(true),
                Err(status) => status.into_http(),
            })
        }
        .boxed()
    }
}

struct World {
    test: TestEnv,
    orders: Service,
    catalog: Service,
}

fn world(longest: Duration, idle: Duration) -> World {
    let mut test = TestEnv::new();
    test.env.calls = CallLimits { longest, idle };
    World {
        orders: Service::new("orders", ORDERS, &test.env).add(Orders),
        catalog: Service::new("catalog", CATALOG, &test.env).add(Catalog),
        test,
    }
}

/// Long enough to never end in a test.
const LONG: Duration = Duration::from_secs(3600);

/// Serves a service on a port, and gives its address.
async fn serve(world: &World, service: &Service) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    let (service, env) = (service.clone(), world.test.env.clone());
    tokio::spawn(async move { service.serve(listener, &env).await });
    address
}

/// A channel within the process, and one over a socket.
async fn channels(world: &World, service: &Service) -> [(&'static str, Channel); 2] {
    let slot = in_process();
    slot.bind(service);
    let url = format!("http://{}", serve(world, service).await);
    [
        ("in the process", slot.channel("gateway")),
        ("over a socket", Channel::connect(&url).expect("an address")),
    ]
}

fn within(left: Duration) -> Context {
    Context {
        deadline: Some(Instant::now() + left),
        ..Context::background("test")
    }
}

fn reason(status: &Status) -> ErrorReason {
    Error::from_status(status).reason()
}

/// What a client is answered that is not ours. tonic's own would look at the header itself.
async fn raw(address: &str, header: Option<&str>) -> Status {
    let client = legacy::Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http::<Body>();
    let origin = format!("http://{address}").parse().expect("an address");
    let mut request = tonic::Request::new(GetOrderRequest::default());
    if let Some(header) = header {
        request
            .metadata_mut()
            .insert("grpc-timeout", header.parse().expect("a header"));
    }
    let mut orders = OrderServiceClient::with_origin(client, origin);
    match orders.get_order(request).await {
        Ok(_) => Status::ok(""),
        Err(status) => status,
    }
}

#[tokio::test]
async fn a_deadline_that_has_passed_or_is_no_deadline_is_refused() {
    let world = world(LONG, LONG);
    let address = serve(&world, &world.orders).await;
    for header in [None, Some("10S"), Some("99999999H")] {
        assert_eq!(raw(&address, header).await.code(), Code::Ok, "{header:?}");
    }
    for header in ["1n", "0S", "0n"] {
        let status = raw(&address, Some(header)).await;
        assert_eq!(status.code(), Code::DeadlineExceeded, "{header}");
        assert_eq!(reason(&status), ErrorReason::DeadlineExceeded, "{header}");
    }
    for header in ["garbage", "1", "S", "-1S", "123456789S"] {
        let status = raw(&address, Some(header)).await;
        assert_eq!(status.code(), Code::InvalidArgument, "{header}");
        assert_eq!(reason(&status), ErrorReason::ValidationFailed, "{header}");
    }
}

/// Sends a piece of a picture, then nothing, and never says that it is whole.
async fn upload_without_end(channel: Channel) -> Status {
    let first = stream::iter([PutMediaRequest::default()]).chain(stream::pending());
    let mut client = CatalogServiceClient::new(channel);
    let call = context::scope(within(LONG), client.put_media(first));
    let outcome = timeout(PATIENCE, call).await.expect("the call is held");
    outcome.expect_err("it never ends")
}

#[tokio::test]
async fn a_stream_that_falls_silent_is_not_held() {
    let world = world(LONG, Duration::from_millis(100));
    for (how, channel) in channels(&world, &world.catalog).await {
        let status = upload_without_end(channel).await;
        assert_eq!(status.code(), Code::DeadlineExceeded, "{how}: {status}");
        assert_eq!(reason(&status), ErrorReason::DeadlineExceeded, "{how}");
    }
}

#[tokio::test]
async fn a_call_has_a_longest_time_whatever_its_caller_allows() {
    let world = world(Duration::from_millis(200), LONG);
    for (how, channel) in channels(&world, &world.catalog).await {
        let status = upload_without_end(channel).await;
        assert_eq!(status.code(), Code::DeadlineExceeded, "{how}: {status}");
    }
    // A method has a limit of its own where its service says so.
    let path = CATALOG[0].0;
    let patient = Service::new("catalog", CATALOG, &world.test.env)
        .add(Catalog)
        .with_limit(path, Duration::ZERO);
    let slot = in_process();
    slot.bind(&patient);
    let call = upload_without_end(slot.channel("gateway"));
    assert!(timeout(Duration::from_secs(1), call).await.is_err());
}

#[tokio::test]
async fn a_caller_without_a_deadline_is_not_waited_for_without_end() {
    let world = world(Duration::from_millis(200), LONG);
    let address = serve(&world, &world.catalog).await;
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{address}"))
        .unwrap()
        .connect_lazy();
    let mut client = CatalogServiceClient::new(channel);
    let first = stream::iter([PutMediaRequest::default()]).chain(stream::pending());
    let status = timeout(PATIENCE, client.put_media(first))
        .await
        .expect("the call is held")
        .expect_err("it never ends");
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_deadline_covers_the_whole_answer_and_not_its_head_alone() {
    let world = world(LONG, LONG);
    let address = serve(&world, &world.orders).await;
    let mut client = OrderServiceClient::new(Channel::connect(&format!("http://{address}")).unwrap());
    let started = Instant::now();
    let call = client.list_orders(ListOrdersRequest::default());
    let status = timeout(PATIENCE, context::scope(within(Duration::from_millis(300)), call))
        .await
        .expect("an answer that stalls after its head holds the call")
        .expect_err("it never ends");
    assert_eq!(reason(&status), ErrorReason::DeadlineExceeded);
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_stream_of_answers_ends_at_the_deadline_that_its_caller_gave() {
    let world = world(LONG, LONG);
    let address = serve(&world, &world.orders).await;
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{address}"))
        .unwrap()
        .connect_lazy();
    let mut request = tonic::Request::new(WatchOrderRequest::default());
    request.set_timeout(Duration::from_millis(300));
    let mut orders = OrderServiceClient::new(channel)
        .watch_order(request)
        .await
        .unwrap()
        .into_inner();
    assert!(orders.message().await.unwrap().is_some());
    let end = timeout(PATIENCE, orders.message())
        .await
        .expect("the stream goes on");
    assert_eq!(end.expect_err("no end").code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn streams_leave_room_for_calls() {
    let world = world(LONG, LONG);
    let address = serve(&world, &world.orders).await;
    let mut client = OrderServiceClient::new(Channel::connect(&format!("http://{address}")).unwrap());
    let mut streams = Vec::new();
    // A connection takes a thousand.
    for number in 0..1_100 {
        let call = client.watch_order(WatchOrderRequest::default());
        let mut orders = timeout(PATIENCE, call)
            .await
            .unwrap_or_else(|_| panic!("stream {number} waits for those before it"))
            .unwrap()
            .into_inner();
        assert!(orders.message().await.unwrap().is_some());
        streams.push(orders);
    }
    timeout(SOON, client.get_order(GetOrderRequest::default()))
        .await
        .expect("a call waits for the streams")
        .unwrap();
    drop(streams);
}

/// The beginning of an HTTP/2 connection, and a call of `grpc.health.v1.Health/Watch` on it: what a client is that then only
/// takes what it is sent.
fn watch_of_health() -> Vec<u8> {
    let mut headers = vec![0x83, 0x86];
    let path = "/grpc.health.v1.Health/Watch";
    for (index, value) in [
        (&[0x04][..], path),
        (&[0x01], "x"),
        (&[0x0f, 0x10], "application/grpc"),
    ] {
        headers.extend_from_slice(index);
        headers.push(u8::try_from(value.len()).expect("short"));
        headers.extend_from_slice(value.as_bytes());
    }
    let frame = |kind: u8, flags: u8, stream: u8, payload: &[u8]| {
        let length = u8::try_from(payload.len()).expect("short");
        [&[0, 0, length, kind, flags, 0, 0, 0, stream], payload].concat()
    };
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(4, 0, 0, &[]),
        frame(1, 4, 1, &headers),
        frame(0, 1, 1, EMPTY),
    ]
    .concat()
}

#[tokio::test]
async fn a_peer_that_answers_no_ping_does_not_keep_its_stream() {
    let world = world(LONG, Duration::from_millis(200));
    let address = serve(&world, &world.orders).await;
    let mut socket = TcpStream::connect(&address).await.unwrap();
    socket.write_all(&watch_of_health()).await.unwrap();
    let mut heard = Vec::new();
    let ended = timeout(PATIENCE, socket.read_to_end(&mut heard)).await;
    assert!(ended.is_ok(), "the connection is held: {} bytes", heard.len());
    let told = heard.windows(16).any(|part| part == b"application/grpc");
    assert!(told || heard.len() > 60, "the stream did not begin: {heard:?}");
}
