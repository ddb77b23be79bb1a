//! A gateway on a port of its own, and a client for it.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser as _;
use comptoir_events::{Bus, CATALOG_TOPIC, Publisher as _, Record};
use comptoir_gateway::{Config, Gateway, Peers};
use comptoir_mesh::channel::in_process;
use comptoir_mesh::config::Profile;
use comptoir_mesh::testing::TestEnv;
use comptoir_proto::catalog::v1::{CatalogEvent, ProductChanged, catalog_event};
use prost::Message as _;
use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::fakes::{Fakes, LAMP};

/// The gateway under test and what it stands on.
pub(crate) struct Shop {
    pub(crate) test: TestEnv,
    pub(crate) fakes: Fakes,
    pub(crate) bus: Bus,
    pub(crate) address: SocketAddr,
    pub(crate) serving: tokio::task::JoinHandle<anyhow::Result<()>>,
    client: reqwest::Client,
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

#[derive(clap::Parser)]
struct Arguments {
    #[command(flatten)]
    config: Config,
}

/// The settings that these flags make.
pub(crate) fn config(flags: &[&str]) -> Result<Config, clap::Error> {
    let mut config = Arguments::try_parse_from([&["gateway"], flags].concat())?.config;
    // One that the environment names is for tests of Redis: what is counted there would be counted for all.
    config.cache.redis_url = None;
    Ok(config)
}

/// A gateway over fakes, not on a port.
pub(crate) async fn gateway(
    test: &TestEnv,
    fakes: &Fakes,
    bus: Bus,
    flags: &[&str],
) -> anyhow::Result<Gateway> {
    let (auth, catalog, orders) = (in_process(), in_process(), in_process());
    auth.bind(&fakes.auth(&test.env));
    catalog.bind(&fakes.catalog(&test.env));
    orders.bind(&fakes.orders(&test.env));
    let peers = Peers {
        auth: auth.channel("gateway"),
        catalog: catalog.channel("gateway"),
        orders: orders.channel("gateway"),
        notifier: in_process().channel("gateway"),
    };
    comptoir_gateway::start(config(flags)?, test.env.clone(), peers, Some(bus.into())).await
}

impl Shop {
    /// A gateway of the development profile.
    pub(crate) async fn open(flags: &[&str]) -> Self {
        Self::of(Profile::Development, true, flags).await
    }

    /// A gateway of the production profile.
    pub(crate) async fn in_production() -> Self {
        Self::of(Profile::Production, false, &[]).await
    }

    /// One that takes sandbox payments all the same.
    pub(crate) async fn in_production_with_sandbox() -> Self {
        Self::of(Profile::Production, true, &[]).await
    }

    async fn of(profile: Profile, sandbox_payments: bool, flags: &[&str]) -> Self {
        let mut test = TestEnv::new();
        (test.env.profile, test.env.sandbox_payments) = (profile, sandbox_payments);
        // reqwest asks for one even where nothing is encrypted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (fakes, bus) = (Fakes::default(), Bus::new());
        let gateway = gateway(&test, &fakes, bus.clone(), flags)
            .await
            .expect("the gateway starts");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let serving = tokio::spawn(gateway.serve(listener));
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(30))
            .build()
            .expect("a client");
        Self {
            test,
            fakes,
            bus,
            address,
            serving,
            client,
        }
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client
            .get(format!("http://{}{path}", self.address))
            .header("x-request-id", "request-1")
    }

    /// A post of JSON text to `/graphql`.
    pub(crate) fn post(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.client
            .post(format!("http://{}/graphql", self.address))
            .header("x-request-id", "request-1")
            .header("content-type", "application/json")
            .body(body)
    }

    /// A query of a guest.
    pub(crate) async fn query(&self, document: &str) -> Answer {
        send(self.post(json!({ "query": document }).to_string())).await
    }

    /// Says that the lamp has changed, and returns when everybody has heard it.
    pub(crate) async fn announce_change(&self) {
        let changed = ProductChanged {
            product_id: LAMP.into(),
            slug: "lamp".into(),
            ..Default::default()
        };
        let event = CatalogEvent {
            id: self.test.env.ids.new_id("evt_"),
            aggregate_id: LAMP.into(),
            sequence: 1,
            schema_version: 1,
            payload: Some(catalog_event::Payload::ProductChanged(changed)),
            ..Default::default()
        };
        let record = Record {
            topic: CATALOG_TOPIC,
            key: LAMP.into(),
            id: event.id.clone(),
            sequence: 1,
            payload: event.encode_to_vec().into(),
        };
        self.bus.publish(&record).await.expect("the bus takes it");
    }
}

/// Sends a request and reads the answer.
pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    Answer {
        status: response.status(),
        headers: response.headers().clone(),
        text: response.text().await.expect("a text"),
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// Status and code, of either form of refusal: `400 QUERY_TOO_DEEP`.
    pub(crate) fn code(&self) -> String {
        let body = self.json();
        let code = body
            .pointer("/errors/0/extensions/code")
            .or_else(|| body.get("code"));
        format!(
            "{} {}",
            self.status.as_u16(),
            code.and_then(Value::as_str).unwrap_or("none")
        )
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("a text"))
    }

    /// Status, the headers that tell something, and the body, for a snapshot.
    pub(crate) fn shown(&self) -> String {
        let mut lines = vec![self.status.to_string()];
        let silent = ["date", "connection", "transfer-encoding", "vary"];
        let mut headers: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, _)| !silent.contains(&name.as_str()))
            .map(|(name, value)| format!("{name}: {}", value.to_str().expect("a text")))
            .collect();
        headers.sort();
        lines.extend(headers);
        lines.push(String::new());
        lines.push(self.text.clone());
        lines.join("\n")
    }
}

/// Waits until something is so, at most 30 s.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..3_000 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within 30 s: {what}");
}
