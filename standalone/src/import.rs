//! `comptoir import`: sends a product CSV to a running shop, shows its progress, and prints the report: rows that were
//! not imported, and remarks on values that were imported in another way than the file says.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, bail};
use clap::Args;
use comptoir_mesh::config::Secret;
use futures::StreamExt as _;
use reqwest::{Client, Response, StatusCode, Url};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::io::ReaderStream;

/// What `comptoir import` takes.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The product CSV, as Shopify exports it or a desktop program saves it (UTF-8 or UTF-16; commas, semicolons or tabs)
    file: PathBuf,
    /// The shop's address
    #[arg(
        long,
        env = "COMPTOIR_GATEWAY_URL",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    gateway: Url,
    /// Address of the account to sign in with: STAFF or ADMIN
    #[arg(long, env = "COMPTOIR_ADMIN_EMAIL", value_name = "EMAIL")]
    email: String,
    /// The password of that account. Prefer the variable: other users of the machine can see a process's flags
    #[arg(
        long,
        env = "COMPTOIR_ADMIN_PASSWORD",
        value_name = "PASSWORD",
        hide_env_values = true
    )]
    password: Secret,
    /// Currency of the prices; the shop's unless set
    #[arg(long, value_name = "ISO")]
    currency: Option<String>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// Exit with 3 when a row was not imported
    #[arg(long)]
    strict: bool,
}

#[derive(Deserialize)]
struct Report {
    products: Products,
    variants: u64,
    images: u64,
    errors: Vec<Finding>,
    #[serde(default)]
    remarks: Vec<Finding>,
}

#[derive(Deserialize)]
struct Products {
    created: u64,
    updated: u64,
    unchanged: u64,
}

#[derive(Deserialize)]
struct Finding {
    line: u64,
    code: String,
    message: String,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let outcome = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(import(arguments)));
    match outcome {
        Ok(refused) if refused && arguments.strict => ExitCode::from(3),
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("comptoir import: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Imports; gives whether a row was not taken.
async fn import(arguments: &Arguments) -> anyhow::Result<bool> {
    let file = tokio::fs::File::open(&arguments.file)
        .await
        .with_context(|| format!("cannot open {}", arguments.file.display()))?;
    let size = file.metadata().await?.len();
    let client = Client::new();
    let token = sign_in(&client, arguments).await?;
    let mut url = arguments.gateway.join("/admin/products/import")?;
    if let Some(currency) = &arguments.currency {
        url.query_pairs_mut().append_pair("currency", currency);
    }
    let answer = client
        .post(url)
        .bearer_auth(token)
        .header("content-type", "text/csv")
        .header("accept", "application/x-ndjson")
        .header("content-length", size)
        .body(reqwest::Body::wrap_stream(ReaderStream::with_capacity(
            file,
            64 * 1024,
        )))
        .send()
        .await
        .context("the shop cannot be reached")?;
    if !answer.status().is_success() {
        bail!("{}", refusal(answer).await);
    }
    let last = follow(answer, size).await?;
    let report: Report =
        serde_json::from_value(last.clone()).with_context(|| format!("the shop responded with {last}"))?;
    if arguments.json {
        println!("{last}");
    } else {
        print(&report);
    }
    Ok(!report.errors.is_empty())
}

async fn sign_in(client: &Client, arguments: &Arguments) -> anyhow::Result<String> {
    let answer = client
        .post(arguments.gateway.join("/auth/token")?)
        .json(&json!({ "email": arguments.email, "password": arguments.password.reveal() }))
        .send()
        .await
        .with_context(|| format!("{} cannot be reached; is it running?", arguments.gateway))?;
    if answer.status() == StatusCode::UNAUTHORIZED {
        bail!("the shop refuses this e-mail and password (COMPTOIR_ADMIN_EMAIL, COMPTOIR_ADMIN_PASSWORD)");
    }
    if !answer.status().is_success() {
        bail!("signing in failed: {}", refusal(answer).await);
    }
    let body: Value = answer.json().await?;
    body["accessToken"]
        .as_str()
        .map(str::to_owned)
        .context("the shop's response has no token")
}

/// The code and detail of a problem+json, in a line.
async fn refusal(answer: Response) -> String {
    let status = answer.status();
    let problem: Value = answer.json().await.unwrap_or_default();
    match (problem["code"].as_str(), problem["detail"].as_str()) {
        (Some(code), Some(detail)) => format!("{code}: {detail}"),
        _ => format!("the shop responded with {status}"),
    }
}

/// Reads the lines of progress, shows them on standard error, and returns the last one: the report, or a problem.
async fn follow(answer: Response, size: u64) -> anyhow::Result<Value> {
    let mut body = answer.bytes_stream();
    let mut buffer = Vec::new();
    let mut last = Value::Null;
    while let Some(chunk) = body.next().await {
        buffer.extend_from_slice(
            &chunk.context("the shop's response ended early; import again, rows that were imported stay")?,
        );
        while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = buffer.drain(..=end).collect();
            last = serde_json::from_slice(&line).unwrap_or(last);
            if let Some(bytes) = last["progress"]["bytes"].as_u64() {
                eprintln!("{:3} % of {} KiB", bytes * 100 / size.max(1), size / 1024);
            }
        }
    }
    if !buffer.is_empty() {
        last = serde_json::from_slice(&buffer)?;
    }
    if let Some(code) = last["code"].as_str() {
        bail!("{code}: {}", last["detail"].as_str().unwrap_or_default());
    }
    Ok(last)
}

fn print(report: &Report) {
    for remark in &report.remarks {
        println!("line {}: remark {}: {}", remark.line, remark.code, remark.message);
    }
    for error in &report.errors {
        println!("line {}: {}: {}", error.line, error.code, error.message);
    }
    println!(
        "products: {} created, {} updated, {} unchanged; {} variants, {} images; {} rows not imported; {} remarks",
        report.products.created,
        report.products.updated,
        report.products.unchanged,
        report.variants,
        report.images,
        number(&report.errors),
        number(&report.remarks)
    );
}

/// How many there are, as far as the shop lists them.
fn number(findings: &[Finding]) -> String {
    let more = if findings.len() >= 1_000 { " or more" } else { "" };
    format!("{}{more}", findings.len())
}
