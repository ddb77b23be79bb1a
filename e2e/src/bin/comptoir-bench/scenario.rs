//! What is measured, and how it is reported.

use std::{fmt::Write as _, rc::Rc};

use anyhow::{Context as _, ensure};
use clap::Args;
use futures::FutureExt as _;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::{
    grpc,
    http::{self, Connection},
    load::{Behind, Client, Figures, measure},
    span,
};

/// Clients at once: enough to keep one core of server busy.
const CLIENTS: usize = 16;

/// Which servers are up, and what is to be measured on them.
#[derive(Args)]
pub(crate) struct Plan {
    /// HOST:PORT of the shop's HTTP port
    #[arg(long)]
    shop: String,
    /// URL of its catalog's gRPC port
    #[arg(long)]
    catalog: String,
    /// HOST:PORT of another gateway of the shop, which half of the clients of `pages-N` call
    #[arg(long)]
    also: Option<String>,
    /// Its processes
    #[arg(long, value_delimiter = ',')]
    shop_pid: Vec<u32>,
    /// The process of a service behind it
    #[arg(long, requires = "behind_admin")]
    behind: Option<u32>,
    /// HOST:PORT of that process's metrics
    #[arg(long)]
    behind_admin: Option<String>,
    /// The rows' name
    #[arg(long)]
    label: Option<String>,
    /// HOST:PORT of the constant HTTP answer
    #[arg(long)]
    http_floor: String,
    #[arg(long)]
    http_floor_pid: u32,
    /// URL of the gRPC echo
    #[arg(long)]
    grpc_floor: String,
    #[arg(long)]
    grpc_floor_pid: u32,
    /// What to measure
    #[arg(value_delimiter = ',')]
    scenarios: Vec<String>,
}

const PAGE: &str = "query($slug: String!) { product(slug: $slug) { id slug title description vendor productType tags \
    category { name slug } options { name values } priceRange { min { amount currencyCode } max { amount currencyCode } } \
    featuredImage { url altText } images { url altText } variants { id title availableForSale quantityAvailable \
    price { amount currencyCode } compareAtPrice { amount } selectedOptions { name value } } } }";
const LIST: &str = "query($after: String) { products(first: 24, after: $after, sort: NEWEST) { nodes { id slug title \
    featuredImage { url altText } priceRange { min { amount currencyCode } } availableForSale } \
    pageInfo { hasNextPage endCursor } totalCount } }";
const SEARCH: &str = "query($query: String!) { search(query: $query, first: 24, filters: { availableOnly: true }) { \
    nodes { id slug title featuredImage { url } priceRange { min { amount currencyCode } } } totalCount \
    facets { id label values { value label count } } } }";

/// Runs the plan's scenarios, one after the other, and prints a row for each.
pub(crate) async fn run(plan: &Plan) -> anyhow::Result<()> {
    let mut connection = Connection::open(&plan.shop).await?;
    let page = body(PAGE, &json!({ "slug": "product-4321" }));
    let answer = call(&mut connection, &plan.shop, &page).await?;
    let product = answer["data"]["product"]["id"]
        .as_str()
        .context("the catalogue is not there")?
        .to_owned();
    let variant = answer["data"]["product"]["variants"][0]["id"]
        .as_str()
        .context("a variant")?
        .to_owned();
    let behind = plan.behind.zip(plan.behind_admin.clone());
    let behind = behind.map(|(pid, admin)| Behind { pid, admin });
    let (shop, http_floor, grpc_floor) = (
        &plan.shop_pid[..],
        &[plan.http_floor_pid][..],
        &[plan.grpc_floor_pid][..],
    );
    for scenario in &plan.scenarios {
        let (name, server, clients) = match scenario.as_str() {
            "floor-http" => (
                "constant axum answer",
                http_floor,
                constant(&plan.http_floor, &page).await?,
            ),
            "floor-grpc" => {
                let clients = grpc::clients(&plan.grpc_floor, &product, CLIENTS).await?;
                ("tonic echo", grpc_floor, clients)
            }
            "page-cached" => ("product page, cache on", shop, constant(&plan.shop, &page).await?),
            "page" => (
                "product page, cache off",
                shop,
                constant(&plan.shop, &page).await?,
            ),
            "list" => {
                let list = body(LIST, &json!({ "after": null }));
                ("list of 24, cache off", shop, constant(&plan.shop, &list).await?)
            }
            "search" => (
                "search, 10,000 products",
                shop,
                searches(&plan.shop, CLIENTS).await?,
            ),
            "search-idle" => ("search, one client", shop, searches(&plan.shop, 1).await?),
            "get-product" => {
                let clients = grpc::clients(&plan.catalog, &product, CLIENTS).await?;
                ("GetProduct by gRPC", shop, clients)
            }
            "add-to-cart" => ("add to cart", shop, adding(&plan.shop, &variant).await?),
            "orders" => (
                "order, its 4 requests",
                shop,
                ordering(&plan.shop, &variant, 4 * CLIENTS).await?,
            ),
            other => {
                let count = other.strip_prefix("pages-").and_then(|count| count.parse().ok());
                let count = count.with_context(|| format!("no scenario {other}"))?;
                let hosts = [Some(&plan.shop), plan.also.as_ref()];
                ("pages", shop, pages(hosts.into_iter().flatten(), count).await?)
            }
        };
        let figures = measure(server, behind.as_ref(), clients, span())
            .await
            .with_context(|| name.to_owned())?;
        print(plan.label.as_deref().unwrap_or(name), &figures);
    }
    Ok(())
}

/// One row, for `e2e/bench/run` to set beside its floor.
fn print(name: &str, figures: &Figures) {
    println!(
        "{name}\t{:.0}\t{:.3}\t{:.3}\t{:.1}\t{}\t{:.1}\t{:.3}",
        figures.per_second,
        figures.p50.as_secs_f64() * 1e3,
        figures.p99.as_secs_f64() * 1e3,
        figures.cpu.as_secs_f64() * 1e6,
        figures.memory,
        figures.behind.cpu.as_secs_f64() * 1e6,
        figures.behind.calls,
    );
}

fn body(query: &str, variables: &Value) -> String {
    json!({ "query": query, "variables": variables }).to_string()
}

async fn call(connection: &mut Connection, host: &str, body: &str) -> anyhow::Result<Value> {
    let answer: Value = serde_json::from_slice(connection.call(&http::graphql(host, body)).await?)?;
    ensure!(answer["errors"].is_null(), "{answer}");
    Ok(answer)
}

/// Clients that send one request over and over, whose answer stays the same to the byte.
async fn constant(host: &str, body: &str) -> anyhow::Result<Vec<Client>> {
    let request: Rc<[u8]> = http::graphql(host, body).into();
    let mut connection = Connection::open(host).await?;
    let expected: Rc<[u8]> = connection.call(&request).await?.into();
    ensure!(
        serde_json::from_slice::<Value>(&expected)?["errors"].is_null(),
        "the answer is an error"
    );
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..CLIENTS {
        let connection = Rc::new(Mutex::new(Connection::open(host).await?));
        let (request, expected) = (request.clone(), expected.clone());
        clients.push(Box::new(move || {
            let (connection, request, expected) = (connection.clone(), request.clone(), expected.clone());
            async move {
                let mut connection = connection.lock().await;
                ensure!(
                    connection.call(&request).await? == &*expected,
                    "the answer changed"
                );
                Ok(())
            }
            .boxed_local()
        }));
    }
    Ok(clients)
}

/// Clients, spread over the hosts, that request the pages of this many products, each in its own order.
async fn pages(hosts: impl Iterator<Item = &String>, count: u64) -> anyhow::Result<Vec<Client>> {
    let hosts: Vec<&String> = hosts.collect();
    let mut clients: Vec<Client> = Vec::new();
    for n in 0..CLIENTS {
        let host = hosts[n % hosts.len()].clone();
        let connection = Rc::new(Mutex::new(Connection::open(&host).await?));
        let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(n as u64 + 1);
        clients.push(Box::new(move || {
            // Marsaglia's xorshift: as random as a choice of pages has to be.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let slug = format!("product-{}", state % count);
            let (connection, host) = (connection.clone(), host.clone());
            async move {
                let request = http::graphql(&host, &body(PAGE, &json!({ "slug": slug })));
                let mut connection = connection.lock().await;
                let answer = connection.call(&request).await?;
                let wanted = format!("\"slug\":\"{slug}\",\"title\"");
                let found = answer
                    .windows(wanted.len())
                    .any(|window| window == wanted.as_bytes());
                ensure!(found, "{slug}: {}", String::from_utf8_lossy(answer));
                Ok(())
            }
            .boxed_local()
        }));
    }
    Ok(clients)
}

const TERMS: [&str; 8] = [
    "lamp",
    "cotton shirt",
    "wool",
    "ceramc mug",
    "linen tow",
    "blue",
    "oak board",
    "candle fig",
];

/// Clients that search for one term after the other; the results of a term must not change.
async fn searches(host: &str, count: usize) -> anyhow::Result<Vec<Client>> {
    let mut connection = Connection::open(host).await?;
    let mut requests: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    for term in TERMS {
        let request = http::graphql(host, &body(SEARCH, &json!({ "query": term })));
        let answer = connection.call(&request).await?.to_vec();
        let value: Value = serde_json::from_slice(&answer)?;
        let search = &value["data"]["search"];
        ensure!(
            search["totalCount"].as_u64().is_some_and(|count| count > 0),
            "{term} finds nothing: {value}"
        );
        ensure!(
            search["facets"].as_array().is_some_and(|facets| facets.len() > 2),
            "no facets: {value}"
        );
        requests.push((request, answer));
    }
    let requests: Rc<[(Vec<u8>, Vec<u8>)]> = requests.into();
    let mut clients: Vec<Client> = Vec::new();
    for n in 0..count {
        let connection = Rc::new(Mutex::new(Connection::open(host).await?));
        let requests = requests.clone();
        let mut turn = n;
        clients.push(Box::new(move || {
            turn += 1;
            let (connection, requests, turn) = (connection.clone(), requests.clone(), turn % TERMS.len());
            async move {
                let (request, expected) = &requests[turn];
                let mut connection = connection.lock().await;
                ensure!(
                    connection.call(request).await? == &**expected,
                    "{} finds something else",
                    TERMS[turn]
                );
                Ok(())
            }
            .boxed_local()
        }));
    }
    Ok(clients)
}

/// Clients that add a unit to a cart of their own, and begin a new one when it is nearly full.
async fn adding(host: &str, variant: &str) -> anyhow::Result<Vec<Client>> {
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..CLIENTS {
        let connection = Rc::new(Mutex::new((
            Connection::open(host).await?,
            String::new(),
            999_u64,
        )));
        let (host, variant) = (host.to_owned(), variant.to_owned());
        clients.push(Box::new(move || {
            let (connection, host, variant) = (connection.clone(), host.clone(), variant.clone());
            async move {
                let (connection, cart, units) = &mut *connection.lock().await;
                if *units >= 990 {
                    let query = "mutation { cartCreate { cart { id } userErrors { code } } }";
                    let answer = self::call(connection, &host, &body(query, &json!({}))).await?;
                    *cart = answer["data"]["cartCreate"]["cart"]["id"].as_str().context("a cart")?.to_owned();
                    *units = 0;
                }
                let query = "mutation($cart: ID!, $variant: ID!) { cartLinesAdd(cartId: $cart, lines: [{ variantId: $variant, \
                    quantity: 1 }]) { cart { totalQuantity cost { total { amount } } } userErrors { code message } } }";
                let answer =
                    self::call(connection, &host, &body(query, &json!({ "cart": cart, "variant": variant }))).await?;
                *units += 1;
                let quantity = &answer["data"]["cartLinesAdd"]["cart"]["totalQuantity"];
                ensure!(*quantity == json!(*units), "{answer}");
                Ok(())
            }
            .boxed_local()
        }));
    }
    Ok(clients)
}

/// Clients that place an order each time: cart, address, delivery option, payment.
async fn ordering(host: &str, variant: &str, count: usize) -> anyhow::Result<Vec<Client>> {
    let mut clients: Vec<Client> = Vec::new();
    for n in 0..count {
        let connection = Rc::new(Mutex::new(Connection::open(host).await?));
        let (host, variant) = (host.to_owned(), variant.to_owned());
        clients.push(Box::new(move || {
            let (connection, host, variant) = (connection.clone(), host.clone(), variant.clone());
            async move {
                let connection = &mut *connection.lock().await;
                order(connection, &host, &variant, n).await
            }
            .boxed_local()
        }));
    }
    Ok(clients)
}

async fn order(connection: &mut Connection, host: &str, variant: &str, n: usize) -> anyhow::Result<()> {
    let input = json!({ "lines": [{ "variantId": variant, "quantity": 1 }], "email": format!("bench-{n}@buyer.example") });
    let query = "mutation($input: CartCreateInput) { cartCreate(input: $input) { cart { id } userErrors { code message } } }";
    let answer = call(connection, host, &body(query, &json!({ "input": input }))).await?;
    let cart = answer["data"]["cartCreate"]["cart"]["id"]
        .as_str()
        .with_context(|| answer.to_string())?
        .to_owned();
    let address = json!({ "firstName": "Ada", "lastName": "Lovelace", "line1": "1 rue de la Paix", "city": "Paris",
        "postalCode": "75002", "countryCode": "FR" });
    let query = "mutation($cart: ID!, $address: AddressInput!) { cartDeliveryAddressUpdate(cartId: $cart, address: $address) \
        { cart { deliveryOptions { id } } userErrors { code message } } }";
    call(
        connection,
        host,
        &body(query, &json!({ "cart": cart, "address": address })),
    )
    .await?;
    let query = "mutation($cart: ID!) { cartDeliveryOptionSelect(cartId: $cart, deliveryOptionId: \"standard\") \
        { cart { cost { total { amount } } } userErrors { code message } } }";
    call(connection, host, &body(query, &json!({ "cart": cart }))).await?;
    let query = "mutation($cart: ID!, $key: String!) { cartComplete(cartId: $cart, payment: { provider: \"sandbox\", \
        token: \"tok_visa\" }, idempotencyKey: $key) { __typename ... on CartCompleteSuccess { order { number state } } \
        ... on CartCompleteFailed { userErrors { code message } } } }";
    let answer = call(
        connection,
        host,
        &body(query, &json!({ "cart": cart, "key": cart })),
    )
    .await?;
    let result = &answer["data"]["cartComplete"];
    ensure!(
        result["__typename"] == "CartCompleteSuccess" && result["order"]["number"].is_string(),
        "{answer}"
    );
    Ok(())
}

/// A product CSV whose words the searches know.
pub(crate) fn catalogue(products: usize) -> String {
    const KINDS: [&str; 8] = [
        "Lamp", "Shirt", "Mug", "Towel", "Board", "Candle", "Cushion", "Notebook",
    ];
    const STUFFS: [&str; 6] = ["Cotton", "Wool", "Ceramic", "Linen", "Oak", "Fig"];
    const COLOURS: [&str; 5] = ["Blue", "Red", "Green", "Black", "White"];
    let mut text = String::from(
        "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,Option2 Value,\
         Variant SKU,Variant Inventory Qty,Variant Price,Image Src\n",
    );
    for n in 0..products {
        let (kind, stuff) = (KINDS[n % KINDS.len()], STUFFS[n / 3 % STUFFS.len()]);
        let (vendor, price) = (n % 40, 5 + n * 7 % 300);
        for (at, size) in ["S", "M", "L"].into_iter().enumerate() {
            let colour = COLOURS[(n + at) % COLOURS.len()];
            // Plenty for the orders of the benchmark; every ninth variant is sold out.
            let quantity = if (n + at) % 9 == 8 { 0 } else { 1_000_000 };
            let _ = if at == 0 {
                writeln!(
                    text,
                    "product-{n},{stuff} {kind} {n},<p>A {kind} of {stuff} for every day number {n}.</p>,Vendor {vendor},{kind},\
                     \"{stuff},tag-{}\",true,Colour,{colour},Size,{size},SKU-{n}-{at},{quantity},{price}.90,\
                     https://pictures.example/{n}.jpg",
                    n % 25
                )
            } else {
                writeln!(
                    text,
                    "product-{n},,,,,,,,{colour},,{size},SKU-{n}-{at},{quantity},{price}.90,"
                )
            };
        }
    }
    text
}
