//! A gateway over fakes, called without a port.

use std::net::SocketAddr;

use axum::body::Body;
use comptoir_gateway::Gateway;
use comptoir_mesh::identity::Role;
use comptoir_mesh::testing::TestEnv;
use http::Request;
use http_body_util::BodyExt as _;

use super::answer::Answer;
use super::fakes::Fakes;
use super::gateway;

/// The signed-in user of each test.
pub(crate) const CALLER: &str = "user_01J00000000000000000000001";

/// The gateway under test and its surroundings.
pub(crate) struct Shop {
    pub(crate) fakes: Fakes,
    test: TestEnv,
    gateway: Gateway,
}

impl Shop {
    pub(crate) async fn open() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(flags: &[&str]) -> Self {
        let (test, fakes) = (TestEnv::new(), Fakes::default());
        let gateway = gateway(&test, &fakes, None, flags).await.expect("a gateway");
        Self { fakes, test, gateway }
    }

    /// Sends `METHOD PATH` with headers and a body.
    pub(crate) async fn send(&self, route: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let (method, path) = route.split_once(' ').expect("a method and a path");
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("x-request-id", "request-1");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let peer: SocketAddr = "192.0.2.7:1".parse().expect("an address");
        let response = self
            .gateway
            .handle(peer, request.body(body.into()).expect("a request"))
            .await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a whole body").to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text,
        }
    }

    /// A read.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path}"), &[], Body::empty()).await
    }

    /// Sends JSON.
    pub(crate) async fn json(&self, route: &str, body: &str) -> Answer {
        self.send(route, &[("content-type", "application/json")], body.to_owned())
            .await
    }

    /// The authorization header of a signed-in user.
    pub(crate) fn token(&self, role: Role) -> String {
        format!("Bearer {}", self.test.token(CALLER, role))
    }
}
