//! Doubles of the providers' servers: they keep a journal of requests, and answer as the test sets.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};

/// A request to a double.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Request {
    /// A parameter of the posted form.
    pub(crate) fn form(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(&self.body)
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

type Answer = Arc<dyn Fn(&Request) -> (StatusCode, String) + Send + Sync>;

/// A server that answers every request by a function that a test may change, after a pause.
#[derive(Clone)]
pub(crate) struct Double {
    pub(crate) url: String,
    journal: Arc<Mutex<Vec<Request>>>,
    answer: Arc<Mutex<Answer>>,
    pause: Arc<Mutex<Duration>>,
}

impl Double {
    pub(crate) async fn new(
        answer: impl Fn(&Request) -> (StatusCode, String) + Send + Sync + 'static,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .unwrap();
        let double = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            journal: Arc::default(),
            answer: Arc::new(Mutex::new(Arc::new(answer))),
            pause: Arc::default(),
        };
        let router = Router::new().fallback(serve).with_state(double.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        double
    }

    /// Sets the answer from now on.
    pub(crate) fn answer(&self, answer: impl Fn(&Request) -> (StatusCode, String) + Send + Sync + 'static) {
        *self.answer.lock().unwrap() = Arc::new(answer);
    }

    /// Sets the delay of answers from now on.
    pub(crate) fn pause(&self, pause: Duration) {
        *self.pause.lock().unwrap() = pause;
    }

    pub(crate) fn journal(&self) -> Vec<Request> {
        self.journal.lock().unwrap().clone()
    }
}

async fn serve(
    State(double): State<Double>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked = Request {
        method,
        path: uri.to_string(),
        headers,
        body,
    };
    double.journal.lock().unwrap().push(asked.clone());
    let pause = *double.pause.lock().unwrap();
    tokio::time::sleep(pause).await;
    let answer = double.answer.lock().unwrap().clone();
    answer(&asked).into_response()
}
