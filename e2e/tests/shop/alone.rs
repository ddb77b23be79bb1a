//! Each service's own binary, alone on SQLite: it becomes ready, answers on its ports, and drains on SIGTERM.

use std::{io::ErrorKind, process::Stdio, time::Duration};

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

/// Starts a process whose store is an absent server, and checks that it refuses connections while it waits.
async fn refuses_until_its_store_is_open(binary: &str, arguments: &[&str], store: &str, address: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (port, admin) = (free_port(), free_port());
    let mut command = process::command(binary);
    for other in ["HTTP", "AUTH", "CATALOG", "ORDERS", "NOTIFIER"] {
        command.env(format!("COMPTOIR_{other}_ADDR"), "127.0.0.1:0");
    }
    let mut child = command
        .args(arguments)
        .env("COMPTOIR_DATA", folder.path())
        .env(store, format!("mongodb://127.0.0.1:{}/shop", free_port()))
        .env(address, format!("127.0.0.1:{port}"))
        .env("COMPTOIR_ADMIN_ADDR", format!("127.0.0.1:{admin}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually(&format!("{binary} is alive"), process::START, || async {
        let status = status_of(&format!("http://127.0.0.1:{admin}/livez")).await?;
        (status == 200).then_some(())
    })
    .await;
    assert_eq!(
        status_of(&format!("http://127.0.0.1:{admin}/readyz")).await,
        Some(503)
    );
    let refused = TcpStream::connect(("127.0.0.1", port)).await;
    assert!(
        child.try_wait().unwrap().is_none(),
        "{binary} still waits for its store"
    );
    assert_eq!(
        refused.map(|_| ()).map_err(|error| error.kind()),
        Err(ErrorKind::ConnectionRefused),
        "{binary} accepted a connection that it cannot answer"
    );
}

#[tokio::test]
async fn no_connection_is_accepted_before_the_stores_are_open() {
    let one = ["up", "--no-demo"];
    refuses_until_its_store_is_open("comptoir", &one, "COMPTOIR_ORDERS_STORE", "COMPTOIR_HTTP_ADDR").await;
    refuses_until_its_store_is_open("comptoir", &one, "COMPTOIR_AUTH_STORE", "COMPTOIR_CATALOG_ADDR").await;
    for service in ["AUTH", "ORDERS", "NOTIFIER"] {
        let binary = format!("comptoir-{}", service.to_lowercase());
        let (store, address) = (
            format!("COMPTOIR_{service}_STORE"),
            format!("COMPTOIR_{service}_ADDR"),
        );
        refuses_until_its_store_is_open(&binary, &[], &store, &address).await;
    }
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
