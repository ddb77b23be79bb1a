//! Servers that are absent at the start.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use comptoir_e2e::{
    databases::statement,
    process::{START, free_port},
    server,
    shop::eventually,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader, copy_bidirectional},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

use super::{SECRET, SLACK, command};

/// The lines of a pipe, as they come.
fn lines(pipe: impl AsyncRead + Unpin + Send + 'static) -> tokio::sync::mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut lines = BufReader::new(pipe).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// The process with a store on a server, the setting that names the server, and the URL with this port in place of its own.
const STORES: [(&str, &str, &str, &str); 4] = [
    (
        "auth",
        "MONGODB_URI",
        "COMPTOIR_AUTH_ADDR",
        "mongodb://127.0.0.1:PORT",
    ),
    (
        "orders",
        "MONGODB_URI",
        "COMPTOIR_ORDERS_ADDR",
        "mongodb://127.0.0.1:PORT",
    ),
    (
        "notifier",
        "MONGODB_URI",
        "COMPTOIR_NOTIFIER_ADDR",
        "mongodb://127.0.0.1:PORT",
    ),
    (
        "catalog",
        "DATABASE_URL",
        "COMPTOIR_CATALOG_ADDR",
        "postgres://shop:hunter2@127.0.0.1:PORT/shop",
    ),
];

/// A free port refuses connections at once; another accepts them and never answers.
async fn is_waited_for(name: &str, setting: &str, address: &str, url: &str, swallowed: bool) -> String {
    let hole = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = if swallowed {
        hole.local_addr().unwrap().port()
    } else {
        free_port()
    };
    let folder = tempfile::tempdir().unwrap();
    let (own, admin) = (free_port(), free_port());
    let started = Instant::now();
    let mut child = command(name, &folder)
        .env(setting, url.replace("PORT", &port.to_string()))
        .env(address, format!("127.0.0.1:{own}"))
        .env("COMPTOIR_ADMIN_ADDR", format!("127.0.0.1:{admin}"))
        .spawn()
        .unwrap();
    let mut log = lines(child.stderr.take().unwrap());
    let mut told = timeout(SLACK, log.recv()).await.unwrap().unwrap();
    while !told.contains(setting) || told.contains("listening") {
        told = timeout(SLACK, log.recv()).await.unwrap().unwrap();
    }
    let first = started.elapsed();
    assert!(first < SLACK, "{name} tells of {setting} after {first:?}");
    // Alive, not ready, and connections are refused.
    let status = async |path: &str| {
        let url = format!("http://127.0.0.1:{admin}{path}");
        reqwest::get(url).await.unwrap().status().as_u16()
    };
    assert_eq!(status("/livez").await, 200, "{name}");
    assert_eq!(status("/readyz").await, 503, "{name}");
    assert!(TcpStream::connect(("127.0.0.1", own)).await.is_err(), "{name}");
    let ended = timeout(Duration::from_secs(60), child.wait())
        .await
        .unwrap()
        .unwrap();
    let elapsed = started.elapsed();
    let mut rest = Vec::new();
    while let Some(line) = log.recv().await {
        rest.push(line);
    }
    let last = rest.iter().rfind(|line| !line.starts_with('{')).unwrap();
    let tries = 1 + rest.iter().filter(|line| line.contains(setting)).count();
    assert_eq!(ended.code(), Some(78), "{name}: {last}");
    assert!(
        last.starts_with(&format!("comptoir-{name}: {setting}: ")),
        "{last}"
    );
    assert!(!rest.iter().any(|line| line.contains(SECRET)), "{rest:#?}");
    let mut output = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut output)
        .await
        .unwrap();
    assert_eq!(output, "", "{name}");
    assert!(
        (25..50).contains(&elapsed.as_secs()),
        "{name} gives up after {elapsed:?}"
    );
    format!("{name}: told after {first:?}, {tries} lines, gave up after {elapsed:?}")
}

#[tokio::test]
async fn an_absent_server_is_reported_and_waited_for_half_a_minute() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let each = STORES.iter().flat_map(|(name, setting, address, url)| {
        [false, true].map(|swallowed| is_waited_for(name, setting, address, url, swallowed))
    });
    for told in futures::future::join_all(each).await {
        println!("{told}");
    }
}

/// Forwards connections, after a while.
async fn open_later(port: u16, to: String, after: Duration) {
    sleep(after).await;
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    loop {
        let (mut client, _) = listener.accept().await.unwrap();
        let to = to.clone();
        tokio::spawn(async move {
            if let Ok(mut server) = TcpStream::connect(to).await {
                let _ = copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
}

#[tokio::test]
async fn a_server_that_comes_up_in_time_is_used() {
    let test = "a_server_that_comes_up_in_time_is_used";
    let (Some(mongo), Some(postgres)) = (server("MONGODB_URI", test), server("DATABASE_URL", test)) else {
        return;
    };
    let id = format!("later{}", comptoir_e2e::now().as_nanos() % 1_000_000_000_000);
    statement(&postgres, format!("CREATE DATABASE {id}"))
        .await
        .unwrap();
    let (start, _) = postgres.rsplit_once('/').unwrap();
    let (mongo_server, postgres_server) = (
        mongo.split("://").nth(1).unwrap().split('/').next().unwrap(),
        start.rsplit_once('@').unwrap().1,
    );
    let starts = STORES.map(|(name, setting, address, _)| {
        let port = free_port();
        let (setting, url, to) = match setting {
            // A database for this test.
            "MONGODB_URI" => (
                format!("COMPTOIR_{}_STORE", name.to_uppercase()),
                format!("mongodb://127.0.0.1:{port}/{id}_{name}"),
                mongo_server.to_owned(),
            ),
            _ => (
                setting.to_owned(),
                format!(
                    "{}/{id}",
                    start.replace(postgres_server, &format!("127.0.0.1:{port}"))
                ),
                postgres_server.to_owned(),
            ),
        };
        async move {
            let door = tokio::spawn(open_later(port, to, Duration::from_secs(3)));
            let folder = tempfile::tempdir().unwrap();
            let (own, admin) = (free_port(), free_port());
            let started = Instant::now();
            let mut child = command(name, &folder)
                .env(setting, url)
                .env(address, format!("127.0.0.1:{own}"))
                .env("COMPTOIR_ADMIN_ADDR", format!("127.0.0.1:{admin}"))
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let ready = lines(child.stdout.take().unwrap()).recv().await;
            let elapsed = started.elapsed();
            assert!(
                ready
                    .as_deref()
                    .is_some_and(|line| line.starts_with("ready http://")),
                "{name}: {ready:?}"
            );
            assert!(elapsed > Duration::from_secs(3), "{name}: {elapsed:?}");
            eventually(name, START, || async {
                TcpStream::connect(("127.0.0.1", own)).await.ok().map(drop)
            })
            .await;
            child.kill().await.unwrap();
            door.abort();
            println!("{name}: ready after {elapsed:?}, the server was there after 3 s");
        }
    });
    futures::future::join_all(starts).await;
    let drop = format!("DROP DATABASE {id} WITH (FORCE)");
    statement(&postgres, drop).await.unwrap();
}
