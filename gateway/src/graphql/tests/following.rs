//! Following an order.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::Request;
use comptoir_mesh::{Error, ErrorReason, context};
use comptoir_proto::orders::v1 as orders;
use futures::{Stream, StreamExt as _, stream};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Status;

use super::gateway::{Gateway, codes, response_shape};
use super::samples::order;
use crate::executor::execute_stream;

type Answers = Pin<Box<dyn Stream<Item = Result<orders::WatchOrderResponse, Status>> + Send>>;

fn version(version: i64) -> Result<orders::WatchOrderResponse, Status> {
    Ok(orders::WatchOrderResponse {
        order: Some(orders::Order { version, ..order(1) }),
    })
}

async fn follow(gateway: &Gateway, arguments: &str) -> Vec<async_graphql::Response> {
    let (context, data) = gateway.request(None, None);
    let document = format!("subscription {{ orderUpdated{arguments} {{ version }} }}");
    let mut request = Request::new(document).data(data);
    let response_shape = Arc::new(response_shape(&mut request));
    let messages = execute_stream(&gateway.schema, request, response_shape);
    context::scope(context, messages.collect()).await
}

#[tokio::test]
async fn versions_never_go_back() {
    let gateway = Gateway::new();
    gateway.fakes.on("watch_order", |_: orders::WatchOrderRequest| {
        let answers: Answers = Box::pin(stream::iter([1, 2, 2, 1, 4].map(version)));
        Ok(answers)
    });
    let messages = follow(&gateway, "(accessToken: \"t\")").await;
    let versions: Vec<_> = messages
        .into_iter()
        .map(|message| message.data.into_json().unwrap()["orderUpdated"]["version"].clone())
        .collect();
    assert_eq!(versions, [json!(1), json!(2), json!(4)]);
}

#[tokio::test]
async fn a_broken_stream_is_taken_up_again() {
    let gateway = Gateway::new();
    let opened = AtomicUsize::new(0);
    gateway
        .fakes
        .on("watch_order", move |_: orders::WatchOrderRequest| {
            let answers: Answers = match opened.fetch_add(1, Ordering::SeqCst) {
                0 => Box::pin(stream::iter([version(1), Err(Status::unavailable("restarting"))])),
                _ => Box::pin(stream::iter([version(1), version(3)])),
            };
            Ok(answers)
        });
    let messages = follow(&gateway, "(id: \"order_x\")").await;
    assert_eq!(messages.len(), 2);
    assert_eq!(
        messages[1].data.clone().into_json().unwrap(),
        json!({ "orderUpdated": { "version": 3 } })
    );
    assert_eq!(gateway.fakes.calls().len(), 2);
}

#[tokio::test]
async fn what_may_not_be_followed_is_an_error() {
    let gateway = Gateway::new();
    gateway.fakes.on("watch_order", |_: orders::WatchOrderRequest| {
        Err::<Answers, _>(Error::new(ErrorReason::NotFound, "There is no such order."))
    });
    let messages = follow(&gateway, "(id: \"order_x\")").await;
    assert_eq!(codes(&messages[0]), ["NOT_FOUND"]);
    let messages = follow(&gateway, "").await;
    assert_eq!(codes(&messages[0]), ["VALIDATION_FAILED"]);
}

#[tokio::test]
async fn those_who_follow_an_order_share_one_stream() {
    let gateway = Gateway::new();
    let (sender, fed) = mpsc::unbounded_channel();
    let streams = std::sync::Mutex::new(vec![
        // The second one's own: it says how the order stands, and is left then.
        Box::pin(stream::iter([version(1)]).chain(stream::pending())) as Answers,
        Box::pin(stream::iter([version(1)]).chain(UnboundedReceiverStream::new(fed))),
    ]);
    gateway
        .fakes
        .on("watch_order", move |_: orders::WatchOrderRequest| {
            Ok(streams.lock().unwrap().pop().expect("a third stream"))
        });
    let begin = || {
        let (context, data) = gateway.request(None, None);
        let document = "subscription { orderUpdated(accessToken: \"t\") { version } }";
        let mut request = Request::new(document).data(data);
        let response_shape = Arc::new(response_shape(&mut request));
        let messages = execute_stream(&gateway.schema, request, response_shape);
        (context, Box::pin(messages))
    };
    let shown = |message: Option<async_graphql::Response>| {
        message.expect("a message").data.into_json().unwrap()["orderUpdated"]["version"].clone()
    };
    let ((context, mut first), (_, mut second)) = (begin(), begin());
    assert_eq!(
        shown(context::scope(context.clone(), first.next()).await),
        json!(1)
    );
    assert_eq!(shown(context::scope(context, second.next()).await), json!(1));
    sender.send(version(2)).unwrap();
    for messages in [&mut first, &mut second] {
        let next = tokio::time::timeout(comptoir_mesh::testing::PATIENCE, messages.next());
        assert_eq!(
            shown(next.await.expect("the shared stream reaches both")),
            json!(2)
        );
    }
    drop(first);
    assert!(!sender.is_closed(), "it goes on while one reads it");
    drop(second);
    tokio::time::timeout(comptoir_mesh::testing::PATIENCE, sender.closed())
        .await
        .expect("the stream is held without a follower");
}
