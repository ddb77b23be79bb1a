//! A gateway on its own port, over the shop of the lamp, and a client for it.

use std::net::SocketAddr;
use std::time::Duration;

use comptoir_events::{Bus, CATALOG_TOPIC, Publisher as _, Record};
use comptoir_mesh::config::Profile;
use comptoir_mesh::testing::TestEnv;
use comptoir_proto::catalog::v1::{CatalogEvent, ProductChanged, catalog_event};
use prost::Message as _;
use reqwest::RequestBuilder;
use serde_json::json;
use tokio::net::TcpListener;

use super::answer::Answer;
use super::fakes::Fakes;
use super::gateway;
use super::lamp::{LAMP, Lamp};

/// The gateway under test and its surroundings.
pub(crate) struct Shop {
    pub(crate) test: TestEnv,
    pub(crate) fakes: Fakes,
    pub(crate) lamp: Lamp,
    pub(crate) bus: Bus,
    pub(crate) address: SocketAddr,
    pub(crate) serving: tokio::task::JoinHandle<anyhow::Result<()>>,
    client: reqwest::Client,
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

    /// A gateway of the production profile that accepts sandbox payments.
    pub(crate) async fn in_production_with_sandbox() -> Self {
        Self::of(Profile::Production, true, &[]).await
    }

    async fn of(profile: Profile, sandbox_payments: bool, flags: &[&str]) -> Self {
        let mut test = TestEnv::new();
        (test.env.profile, test.env.sandbox_payments) = (profile, sandbox_payments);
        // reqwest requires a provider even for plain HTTP.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (fakes, bus) = (Fakes::default(), Bus::new());
        let lamp = Lamp::stock(&fakes);
        let gateway = gateway(&test, &fakes, Some(bus.clone().into()), flags)
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
            lamp,
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

    /// A POST of JSON to `/graphql`.
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

    /// Publishes that the lamp has changed, and returns when every consumer has the event.
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
        self.bus.publish(&record).await.expect("published");
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
