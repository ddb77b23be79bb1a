//! `/readyz`: when it falls, and what it costs.

use std::time::{Duration, Instant};

use axum::body::Body;
use comptoir_gateway::{Gateway, Peers};
use comptoir_mesh::Service;
use comptoir_mesh::channel::{Channel, in_process};
use comptoir_mesh::config::Profile;
use comptoir_mesh::testing::TestEnv;
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use crate::support::fakes::Fakes;
use crate::support::lamp::Lamp;
use crate::support::served::{Shop, send};
use crate::support::{config, until};

/// The port of a service that may be served on it.
struct Place {
    listener: TcpListener,
    url: String,
}

impl Place {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        Self { listener, url }
    }

    /// Serves until the environment that is given back is shut down.
    fn serve(self, profile: Profile, service: impl FnOnce(&TestEnv) -> Service) -> TestEnv {
        let mut test = TestEnv::new();
        test.env.profile = profile;
        let (service, env) = (service(&test), test.env.clone());
        tokio::spawn(async move { service.serve(self.listener, &env).await });
        test
    }
}

/// A gateway whose services are at these places.
async fn gateway(test: &TestEnv, [auth, catalog, orders]: [&str; 3]) -> Gateway {
    let peers = Peers {
        auth: Channel::connect(auth).expect("an address"),
        catalog: Channel::connect(catalog).expect("an address"),
        orders: Channel::connect(orders).expect("an address"),
        notifier: in_process().channel("gateway"),
    };
    let config = config(&[]).expect("settings");
    comptoir_gateway::start(config, test.env.clone(), peers, None)
        .await
        .expect("a gateway")
}

async fn readyz(gateway: &Gateway) -> (u16, Value) {
    let request = Request::get("/readyz").body(Body::empty()).expect("a request");
    let answer = gateway
        .handle("127.0.0.1:1".parse().expect("an address"), request)
        .await;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    (status, serde_json::from_slice(&body).expect("JSON"))
}

#[tokio::test]
async fn it_waits_for_all_services_and_then_does_without_one() {
    let (test, fakes) = (TestEnv::new(), Fakes::default());
    Lamp::stock(&fakes);
    let (auth, catalog, orders) = (Place::new().await, Place::new().await, Place::new().await);
    let closed = orders.url.clone();
    // Not there yet: nothing takes connections on its port.
    let address = orders.listener.local_addr().expect("an address");
    drop(orders);
    let gateway = gateway(&test, [&auth.url, &catalog.url, &closed]).await;
    let development = Profile::Development;
    let auth = auth.serve(development, |test| fakes.auth(&test.env));
    let catalog = catalog.serve(development, |test| fakes.catalog(&test.env));
    until("two of three are there", async || {
        let (status, services) = readyz(&gateway).await;
        assert_eq!(status, 503, "not before all are there: {services}");
        services["auth"] == true && services["catalog"] == true && services["orders"] == false
    })
    .await;

    let listener = TcpListener::bind(address).await.expect("its port again");
    let orders = Place {
        listener,
        url: closed,
    };
    let orders = orders.serve(development, |test| fakes.orders(&test.env));
    until("all are there", async || readyz(&gateway).await.0 == 200).await;

    orders.env.shutdown.cancel();
    until("orders is gone", async || {
        let (status, services) = readyz(&gateway).await;
        assert_eq!(status, 200, "pages of the catalogue are served: {services}");
        services["orders"] == false
    })
    .await;

    auth.env.shutdown.cancel();
    catalog.env.shutdown.cancel();
    until("none is there", async || readyz(&gateway).await.0 == 503).await;
}

#[tokio::test]
async fn a_gateway_that_its_services_refuse_is_not_ready() {
    let (mut test, fakes) = (TestEnv::new(), Fakes::default());
    Lamp::stock(&fakes);
    test.env.profile = Profile::Production;
    let (auth, catalog, orders) = (Place::new().await, Place::new().await, Place::new().await);
    let gateway = gateway(&test, [&auth.url, &catalog.url, &orders.url]).await;
    // A peer without a certificate has no identity.
    let production = Profile::Production;
    let _auth = auth.serve(production, |test| fakes.auth(&test.env));
    let _catalog = catalog.serve(production, |test| fakes.catalog(&test.env));
    let _orders = orders.serve(production, |test| fakes.orders(&test.env));
    let (status, services) = readyz(&gateway).await;
    let refused =
        json!({ "ready": false, "draining": false, "auth": false, "catalog": false, "orders": false });
    assert_eq!((status, services), (503, refused));
}

#[tokio::test]
async fn many_probes_ask_the_services_once() {
    let shop = Shop::open(&[]).await;
    shop.fakes.slow_down(Duration::from_millis(300));
    let (before, began) = (shop.fakes.count("get_order"), Instant::now());
    let probes = (0..100).map(|_| send(shop.get("/readyz")));
    for answer in futures::future::join_all(probes).await {
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let asked = shop.fakes.count("get_order") - before;
    assert!(
        (1..=1 + began.elapsed().as_secs()).contains(&(asked as u64)),
        "{asked} times"
    );
}

#[tokio::test]
async fn probes_that_hang_up_do_not_ask_again() {
    let shop = Shop::open(&[]).await;
    shop.fakes.slow_down(Duration::from_millis(1500));
    let (before, began) = (shop.fakes.count("get_order"), Instant::now());
    for number in 0..20 {
        let mut socket = TcpStream::connect(shop.address).await.expect("a connection");
        let head = b"GET /readyz HTTP/1.1\r\nhost: a\r\n\r\n";
        socket.write_all(head).await.expect("sent");
        if number == 0 {
            until("it asks", async || shop.fakes.count("get_order") > before).await;
        }
    }
    // The last probe gets the result of the first one's call.
    assert_eq!(send(shop.get("/readyz")).await.status, 200);
    let asked = shop.fakes.count("get_order") - before;
    assert!(
        (1..=1 + began.elapsed().as_secs()).contains(&(asked as u64)),
        "{asked} times"
    );
}
