//! A gateway over fakes, asked without a port.

use std::net::SocketAddr;

use axum::body::Body;
use clap::Parser as _;
use comptoir_gateway::{Config, Gateway, Peers};
use comptoir_mesh::channel::in_process;
use comptoir_mesh::identity::Role;
use comptoir_mesh::testing::TestEnv;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;

use crate::support::fakes::Fakes;

/// The signed-in user of every test.
pub(crate) const CALLER: &str = "user_01J00000000000000000000001";

/// The gateway under test and what it stands on.
pub(crate) struct Shop {
    pub(crate) fakes: Fakes,
    test: TestEnv,
    gateway: Gateway,
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
}

#[derive(clap::Parser)]
struct Arguments {
    #[command(flatten)]
    config: Config,
}

impl Shop {
    pub(crate) async fn open() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(flags: &[&str]) -> Self {
        let (test, fakes, slot) = (TestEnv::new(), Fakes::default(), in_process());
        slot.bind(&fakes.service(&test.env));
        let channel = || slot.channel("gateway");
        let peers = Peers {
            auth: channel(),
            catalog: channel(),
            orders: channel(),
            notifier: channel(),
        };
        let mut config = Arguments::try_parse_from([&["gateway"], flags].concat())
            .expect("flags")
            .config;
        // One that the environment names is for tests of Redis: what is counted there would be counted for all.
        config.cache.redis_url = None;
        let gateway = comptoir_gateway::start(config, test.env.clone(), peers, None)
            .await
            .expect("a gateway");
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

    /// The header of somebody who is signed in.
    pub(crate) fn token(&self, role: Role) -> String {
        format!("Bearer {}", self.test.token(CALLER, role))
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.text))
    }

    /// Status and code: `400 INVALID_SORT`.
    pub(crate) fn code(&self) -> String {
        format!(
            "{} {}",
            self.status.as_u16(),
            self.json()["code"].as_str().unwrap_or("none")
        )
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("a text"))
    }
}
