//! The layers of every call: through generated client and server, within the process and over a socket.

#![cfg(feature = "testing")]

use std::time::Duration;

use comptoir_mesh::{
    Access, Caller, Channel, Error, ErrorReason, Role, Service,
    channel::in_process,
    context::{self, Context},
    testing::{TestEnv, with_token},
};
use comptoir_proto::notifier::v1::{
    self as pb,
    notifier_service_client::NotifierServiceClient,
    notifier_service_server::{NotifierService, NotifierServiceServer},
};
use tokio::{net::TcpListener, time::Instant};
use tonic::{Request, Response, Status};

const POLICY: &[(&str, Access)] = &[
    (
        "/comptoir.notifier.v1.NotifierService/ListDeliveries",
        Access::Staff,
    ),
    (
        "/comptoir.notifier.v1.NotifierService/GetDelivery",
        Access::Anyone,
    ),
    (
        "/comptoir.notifier.v1.NotifierService/RetryDelivery",
        Access::Services(&["orders"]),
    ),
    (
        "/comptoir.notifier.v1.NotifierService/HandleWebhook",
        Access::Anyone,
    ),
];

/// Does what the delivery's id says.
struct Handler;

#[tonic::async_trait]
impl NotifierService for Handler {
    async fn list_deliveries(
        &self,
        request: Request<pb::ListDeliveriesRequest>,
    ) -> Result<Response<pb::ListDeliveriesResponse>, Status> {
        let caller = Caller::of(&request);
        let next_page_token = caller.user_id().unwrap_or_default().to_owned();
        Ok(Response::new(pb::ListDeliveriesResponse {
            next_page_token,
            ..Default::default()
        }))
    }

    async fn get_delivery(
        &self,
        request: Request<pb::GetDeliveryRequest>,
    ) -> Result<Response<pb::GetDeliveryResponse>, Status> {
        let context = context::current();
        let id = match request.get_ref().delivery_id.as_str() {
            "slow" => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                String::new()
            }
            "panic" => panic!("a defect"),
            "request id" => context.request_id.to_string(),
            "left" => context.left().map_or(0, |left| left.as_millis()).to_string(),
            other => other.to_owned(),
        };
        Ok(Response::new(pb::GetDeliveryResponse {
            delivery: Some(pb::Delivery {
                id,
                ..Default::default()
            }),
        }))
    }

    async fn retry_delivery(
        &self,
        _: Request<pb::RetryDeliveryRequest>,
    ) -> Result<Response<pb::RetryDeliveryResponse>, Status> {
        Ok(Response::new(pb::RetryDeliveryResponse::default()))
    }

    async fn handle_webhook(
        &self,
        _: Request<pb::HandleWebhookRequest>,
    ) -> Result<Response<pb::HandleWebhookResponse>, Status> {
        Ok(Response::new(pb::HandleWebhookResponse {}))
    }

    async fn list_mailbox(
        &self,
        _: Request<pb::ListMailboxRequest>,
    ) -> Result<Response<pb::ListMailboxResponse>, Status> {
        Ok(Response::new(pb::ListMailboxResponse::default()))
    }
}

fn service(test: &TestEnv) -> Service {
    Service::new("notifier", POLICY, &test.env).add(NotifierServiceServer::new(Handler))
}

fn client(test: &TestEnv, from: &'static str) -> NotifierServiceClient<Channel> {
    let slot = in_process();
    slot.bind(&service(test));
    NotifierServiceClient::new(slot.channel(from))
}

async fn get(client: &mut NotifierServiceClient<Channel>, id: &str) -> Result<String, Error> {
    let request = pb::GetDeliveryRequest {
        delivery_id: id.to_owned(),
    };
    match client.get_delivery(request).await {
        Ok(answer) => Ok(answer.into_inner().delivery.expect("a delivery").id),
        Err(status) => Err(Error::from_status(&status)),
    }
}

#[tokio::test]
async fn a_call_is_cut_at_its_callers_deadline() {
    let test = TestEnv::new();
    let mut client = client(&test, "gateway");
    let started = Instant::now();
    let deadline = Some(started + Duration::from_millis(200));
    let context = Context {
        deadline,
        ..Context::background("test")
    };
    let outcome = context::scope(context, get(&mut client, "slow")).await;
    assert_eq!(
        outcome.expect_err("it is too slow").reason(),
        ErrorReason::DeadlineExceeded
    );
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn deadlines_only_shrink_on_the_way() {
    let test = TestEnv::new();
    let mut client = client(&test, "gateway");
    let deadline = Some(Instant::now() + Duration::from_secs(3));
    let context = Context {
        deadline,
        ..Context::background("test")
    };
    let left: u64 = context::scope(context, get(&mut client, "left"))
        .await
        .expect("an answer")
        .parse()
        .expect("a number");
    assert!((1..3000).contains(&left), "{left}");
}

#[tokio::test]
async fn a_panic_is_internal_and_says_nothing() {
    let test = TestEnv::new();
    let error = get(&mut client(&test, "gateway"), "panic")
        .await
        .expect_err("a defect");
    assert_eq!(error.reason(), ErrorReason::Internal);
    assert!(!error.message().contains("defect"));
    assert_eq!(
        get(&mut client(&test, "gateway"), "on").await.expect("an answer"),
        "on"
    );
}

#[tokio::test]
async fn the_request_id_and_the_user_travel_along() {
    let test = TestEnv::new();
    let mut client = client(&test, "gateway");
    let context = Context {
        request_id: "order-42-retry".into(),
        ..Context::background("test")
    };
    assert_eq!(
        context::scope(context, get(&mut client, "request id"))
            .await
            .expect("an answer"),
        "order-42-retry"
    );
    let id = test.env.ids.new_id("user_");
    let token = test.token(&id, Role::Staff);
    let answer = with_token(
        &token,
        client.list_deliveries(pb::ListDeliveriesRequest::default()),
    )
    .await;
    assert_eq!(answer.expect("an answer").into_inner().next_page_token, id);
}

#[tokio::test]
async fn a_method_asks_for_a_role_or_a_peer() {
    let test = TestEnv::new();
    let mut gateway = client(&test, "gateway");
    let reason = |outcome: Result<(), Status>| outcome.map_err(|status| Error::from_status(&status).reason());
    let list = async |token: Option<&str>, client: &mut NotifierServiceClient<Channel>| {
        let call = client.list_deliveries(pb::ListDeliveriesRequest::default());
        let answer = match token {
            Some(token) => with_token(token, call).await,
            None => call.await,
        };
        answer.map(drop)
    };
    let token = |role| test.token(&test.env.ids.new_id("user_"), role);
    assert_eq!(
        reason(list(None, &mut gateway).await),
        Err(ErrorReason::Unauthenticated)
    );
    assert_eq!(
        reason(list(Some("x.y.z"), &mut gateway).await),
        Err(ErrorReason::TokenInvalid)
    );
    assert_eq!(
        reason(list(Some(&token(Role::Customer)), &mut gateway).await),
        Err(ErrorReason::Forbidden)
    );
    assert_eq!(
        reason(list(Some(&token(Role::Admin)), &mut gateway).await),
        Ok(())
    );

    let retry = |from| {
        let mut client = client(&test, from);
        async move {
            client
                .retry_delivery(pb::RetryDeliveryRequest::default())
                .await
                .map(drop)
        }
    };
    assert_eq!(reason(retry("gateway").await), Err(ErrorReason::Forbidden));
    assert_eq!(reason(retry("orders").await), Ok(()));
    // A method that the policy forgot is not served.
    let forgotten = gateway.list_mailbox(pb::ListMailboxRequest::default()).await;
    assert_eq!(
        forgotten.expect_err("no entry").code(),
        tonic::Code::Unimplemented
    );
}

#[tokio::test]
async fn a_message_over_four_mebibytes_is_too_large() {
    let test = TestEnv::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (service, env) = (service(&test), test.env.clone());
    let server = tokio::spawn(async move { service.serve(listener, &env).await });
    let mut client = NotifierServiceClient::new(Channel::connect(&url).expect("a URL"));
    let webhook = |length: usize| pb::HandleWebhookRequest {
        body: vec![0; length],
        ..Default::default()
    };
    client
        .handle_webhook(webhook(4 * 1024 * 1024 - 100))
        .await
        .expect("it fits");
    let status = client
        .handle_webhook(webhook(4 * 1024 * 1024 + 1))
        .await
        .expect_err("it does not");
    assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    assert_eq!(Error::from_status(&status).reason(), ErrorReason::PayloadTooLarge);
    test.env.shutdown.cancel();
    server.await.expect("no panic").expect("it drains");
}

#[tokio::test]
async fn a_call_goes_to_another_address_when_one_is_not_there() {
    let test = TestEnv::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let there = listener.local_addr().expect("an address");
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let gone = closed.local_addr().expect("an address");
    drop(closed);
    let (service, env) = (service(&test), test.env.clone());
    let server = tokio::spawn(async move { service.serve(listener, &env).await });
    let urls = format!("http://{gone}, http://{there}");
    let mut client = NotifierServiceClient::new(Channel::connect(&urls).expect("URLs"));
    for _ in 0..6 {
        client
            .handle_webhook(pb::HandleWebhookRequest::default())
            .await
            .expect("one of the two is there");
    }
    assert!(Channel::connect("http://one:1,not an address").is_err());
    test.env.shutdown.cancel();
    server.await.expect("no panic").expect("it drains");
}

#[tokio::test]
async fn calls_before_the_service_is_there_are_unavailable() {
    let mut client = NotifierServiceClient::new(in_process().channel("gateway"));
    let error = get(&mut client, "early")
        .await
        .expect_err("there is no service yet");
    assert_eq!(error.reason(), ErrorReason::DependencyUnavailable);
}
