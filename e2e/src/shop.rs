//! A shop: the real binary, its folder, and calls to it.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Once},
    time::Duration,
};

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

/// The administrator of every shop of the tests.
pub const ADMIN_EMAIL: &str = "admin@shop.example";
/// The administrator's password.
pub const ADMIN_PASSWORD: &str = "correct horse battery staple";

/// Longer than any start takes on a busy machine.
const START: Duration = Duration::from_secs(60);

/// A running `comptoir up`; killed when dropped.
pub struct Shop {
    child: Child,
    folder: Arc<tempfile::TempDir>,
    settings: Vec<(String, String)>,
    ports: Ports,
    /// Calls it.
    pub http: Client,
}

/// Where it listens.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// GraphQL and REST.
    pub http: u16,
    /// gRPC of auth, catalog, orders, notifier.
    pub grpc: [u16; 4],
    /// `/livez`, `/readyz`, `/metrics`.
    pub admin: u16,
}

impl Ports {
    /// Ports that were free a moment ago.
    fn free() -> Self {
        let listeners: Vec<TcpListener> = (0..6)
            .map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"))
            .collect();
        let port = |n: usize| listeners[n].local_addr().expect("an address").port();
        Self {
            http: port(0),
            grpc: [port(1), port(2), port(3), port(4)],
            admin: port(5),
        }
    }
}

impl Shop {
    /// An empty shop without limits on the number of requests, on a new folder.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// As [`Self::start`], with further settings.
    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::start_on(Arc::new(tempfile::tempdir().expect("a folder")), settings).await
    }

    /// As [`Self::start_with`], on a folder that may have been used before.
    pub async fn start_on(folder: Arc<tempfile::TempDir>, settings: &[(&str, &str)]) -> Self {
        let settings: Vec<_> = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let ports = Ports::free();
        let child = spawn(folder.path(), &settings, ports)
            .await
            .expect("the shop starts");
        install_tls();
        let http = Client::builder()
            .timeout(Duration::from_secs(60))
            .build()
            .expect("a client");
        Self {
            child,
            folder,
            settings,
            ports,
            http,
        }
    }

    /// Where it listens.
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// Its data folder.
    pub fn folder(&self) -> Arc<tempfile::TempDir> {
        self.folder.clone()
    }

    /// An address of its HTTP port.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports.http)
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("the process was not waited for")
    }

    /// Kills the process as a power cut would.
    pub async fn kill(&mut self) {
        let _ = self.child.start_kill();
        let _ = self.child.wait().await;
    }

    /// Waits until the process has ended by itself; whether it did in time.
    pub async fn died(&mut self, within: Duration) -> bool {
        timeout(within, self.child.wait()).await.is_ok()
    }

    /// Ends the process by SIGTERM; gives its exit code.
    pub async fn stop(&mut self) -> Option<i32> {
        let _ = Command::new("kill").arg(self.pid().to_string()).status().await;
        timeout(START, self.child.wait())
            .await
            .expect("it drains")
            .expect("it ends")
            .code()
    }

    /// Starts it again on its folder and ports, with other settings beside its own.
    pub async fn restart(&mut self, settings: &[(&str, &str)]) {
        self.kill().await;
        let mut all = self.settings.clone();
        all.extend(
            settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        self.child = spawn(self.folder.path(), &all, self.ports)
            .await
            .expect("the shop starts again");
    }

    /// Calls GraphQL; the status and the body, whatever they are.
    pub async fn post_graphql(
        &self,
        token: Option<&str>,
        query: &str,
        variables: Value,
    ) -> reqwest::Result<(StatusCode, Value)> {
        let mut request = self
            .http
            .post(self.url("/graphql"))
            .json(&json!({ "query": query, "variables": variables }));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await?;
        Ok((answer.status(), answer.json().await?))
    }

    /// Calls GraphQL and expects data without errors.
    pub async fn graphql(&self, token: Option<&str>, query: &str, variables: Value) -> Value {
        let (status, mut body) = self
            .post_graphql(token, query, variables)
            .await
            .expect("an answer");
        assert_eq!(status, StatusCode::OK, "{query}: {body}");
        assert!(body["errors"].is_null(), "{query}: {body}");
        body["data"].take()
    }

    /// An access token of the administrator.
    pub async fn admin(&self) -> String {
        self.sign_in(ADMIN_EMAIL, ADMIN_PASSWORD).await
    }

    /// An access token.
    pub async fn sign_in(&self, email: &str, password: &str) -> String {
        let query = "mutation($email: String!, $password: String!) {
            tokenCreate(email: $email, password: $password) { accessToken userErrors { code message } } }";
        let data = self
            .graphql(None, query, json!({ "email": email, "password": password }))
            .await;
        data["tokenCreate"]["accessToken"]
            .as_str()
            .unwrap_or_else(|| panic!("{data}"))
            .to_owned()
    }

    /// Makes a product with one variant; gives the variant's id.
    pub async fn add_product(&self, admin: &str, title: &str, price: &str, quantity: u32) -> String {
        let query = "mutation($input: ProductInput!) { productCreate(input: $input) {
            product { variants { id } } userErrors { code field message } } }";
        let input = json!({ "title": title, "variants": [{ "price": price, "quantity": quantity }] });
        let data = self.graphql(Some(admin), query, json!({ "input": input })).await;
        let id = &data["productCreate"]["product"]["variants"][0]["id"];
        id.as_str().unwrap_or_else(|| panic!("{data}")).to_owned()
    }

    /// Units on hand and reserved.
    pub async fn stock(&self, admin: &str, variant: &str) -> (i64, i64) {
        let query =
            "query($id: ID!) { node(id: $id) { ... on ProductVariant { quantityOnHand quantityReserved } } }";
        let data = self.graphql(Some(admin), query, json!({ "id": variant })).await;
        let units = |name: &str| data["node"][name].as_i64().unwrap_or_else(|| panic!("{data}"));
        (units("quantityOnHand"), units("quantityReserved"))
    }

    /// The sum of a variant's stock ledger.
    pub async fn ledger(&self, admin: &str, variant: &str) -> i64 {
        let query = "query($id: ID!, $after: String) { adminStockMovements(variantId: $id, first: 100, after: $after) {
            nodes { delta } pageInfo { hasNextPage endCursor } } }";
        let (mut sum, mut after) = (0, Value::Null);
        loop {
            let data = self
                .graphql(Some(admin), query, json!({ "id": variant, "after": after }))
                .await;
            let page = &data["adminStockMovements"];
            sum += page["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .map(|node| node["delta"].as_i64().unwrap())
                .sum::<i64>();
            if page["pageInfo"]["hasNextPage"] != json!(true) {
                return sum;
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
    }

    /// The sandbox provider's payments of an order, or all of them.
    pub async fn payments(&self, order: Option<&str>) -> Vec<Value> {
        let url = match order {
            Some(order) => self.url(&format!("/sandbox/payments?orderId={order}")),
            None => self.url("/sandbox/payments"),
        };
        let answer = self
            .http
            .get(url)
            .header("accept", "application/json")
            .send()
            .await
            .expect("an answer");
        answer.json().await.expect("a list")
    }

    /// The mailbox's messages to an address, newest first.
    pub async fn mailbox(&self, to: &str) -> Vec<Value> {
        let request = self
            .http
            .get(self.url("/mailbox"))
            .query(&[("to", to)])
            .header("accept", "application/json");
        request
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("a list")
    }
}

/// Polls until `look` gives something; panics with `what` when it does not within `limit`.
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> F,
) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "{what}: not within {limit:?}");
        sleep(Duration::from_millis(50)).await;
    }
}

async fn spawn(folder: &Path, settings: &[(String, String)], ports: Ports) -> anyhow::Result<Child> {
    let address = |port: u16| format!("127.0.0.1:{port}");
    let mut command = Command::new(binary());
    command
        .args(["up", "--no-demo"])
        .env("COMPTOIR_DATA", folder.join("data"))
        .env("COMPTOIR_HTTP_ADDR", address(ports.http))
        .env("COMPTOIR_ADMIN_ADDR", address(ports.admin))
        .env("COMPTOIR_ADMIN_EMAIL", ADMIN_EMAIL)
        .env("COMPTOIR_ADMIN_PASSWORD", ADMIN_PASSWORD)
        .env("COMPTOIR_LIMIT_REQUESTS_ADDRESS", "0")
        .env("COMPTOIR_LIMIT_REQUESTS_USER", "0")
        .env("COMPTOIR_DRAIN_DELAY", "0")
        .envs(settings.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    for (service, port) in ["AUTH", "CATALOG", "ORDERS", "NOTIFIER"]
        .into_iter()
        .zip(ports.grpc)
    {
        command.env(format!("COMPTOIR_{service}_ADDR"), address(port));
    }
    // The log of a shop stays in its folder: a failing test prints the tail.
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("log"))?;
    let mut child = command.stderr(log).spawn()?;
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let ready = timeout(START, lines.next_line()).await;
    match ready {
        Ok(Ok(Some(line))) if line.starts_with("ready http://") => Ok(child),
        other => {
            let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(20).collect();
            anyhow::bail!("no ready line but {other:?}; the log ends: {tail:#?}")
        }
    }
}

/// The binary under test: `COMPTOIR_BIN`, or what the same build put beside the tests.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("COMPTOIR_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().expect("a path");
    let path = test
        .parent()
        .and_then(Path::parent)
        .expect("target/PROFILE/deps")
        .join("comptoir");
    assert!(
        path.exists(),
        "{} is not there; run `make test`, or cargo build -p comptoir-standalone --features failpoints",
        path.display()
    );
    path
}

fn install_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}
