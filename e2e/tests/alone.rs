//! Each service's own binary, alone on SQLite: it gets ready, answers on its ports, and drains on SIGTERM.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::{process::Stdio, time::Duration};

use comptoir_e2e::{
    process::{self, free_port},
    shop::eventually,
};
use tokio::{net::TcpStream, process::Command, time::timeout};

async fn runs_alone(service: &str, address: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (port, admin) = (free_port(), free_port());
    let mut child = process::command(&format!("comptoir-{service}"))
        .env("COMPTOIR_DATA", folder.path())
        .env(address, format!("127.0.0.1:{port}"))
        .env("COMPTOIR_ADMIN_ADDR", format!("127.0.0.1:{admin}"))
        .env("COMPTOIR_DRAIN_DELAY", "0")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually(
        &format!("{service} is ready"),
        Duration::from_secs(30),
        || async {
            let status = status_of(&format!("http://127.0.0.1:{admin}/readyz")).await?;
            (status == 200).then_some(())
        },
    )
    .await;
    TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").arg(pid).status().await.unwrap().success());
    let status = timeout(Duration::from_secs(30), child.wait())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(status.code(), Some(0), "{service} drains");
}

async fn status_of(url: &str) -> Option<u16> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Some(reqwest::get(url).await.ok()?.status().as_u16())
}

#[tokio::test]
async fn auth_runs_alone() {
    runs_alone("auth", "COMPTOIR_AUTH_ADDR").await;
}

#[tokio::test]
async fn catalog_runs_alone() {
    runs_alone("catalog", "COMPTOIR_CATALOG_ADDR").await;
}

#[tokio::test]
async fn orders_runs_alone() {
    runs_alone("orders", "COMPTOIR_ORDERS_ADDR").await;
}

#[tokio::test]
async fn notifier_runs_alone() {
    runs_alone("notifier", "COMPTOIR_NOTIFIER_ADDR").await;
}

#[tokio::test]
async fn gateway_runs_alone() {
    runs_alone("gateway", "COMPTOIR_HTTP_ADDR").await;
}
