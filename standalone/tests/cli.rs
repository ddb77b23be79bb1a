//! The command itself: its output, and how it ends when a setting is wrong.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::{
    net::TcpListener,
    process::{Command, Output},
    time::{Duration, Instant},
};

fn comptoir(arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_comptoir"));
    // The servers are for other tests.
    for server in ["DATABASE_URL", "MONGODB_URI", "KAFKA_BROKERS", "REDIS_URL"] {
        command.env_remove(server);
    }
    command
        .args(arguments)
        .env("COMPTOIR_DATA", folder.path())
        .envs(settings.iter().copied())
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn help_names_every_promised_setting() {
    let output = comptoir(&["up", "--help"], &[]);
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    for setting in [
        "COMPTOIR_PROFILE",
        "COMPTOIR_DATA",
        "COMPTOIR_HTTP_ADDR",
        "COMPTOIR_AUTH_ADDR",
        "COMPTOIR_CATALOG_ADDR",
        "COMPTOIR_ORDERS_ADDR",
        "COMPTOIR_NOTIFIER_ADDR",
        "COMPTOIR_ADMIN_ADDR",
        "COMPTOIR_ADMIN_EMAIL",
        "COMPTOIR_ADMIN_PASSWORD",
        "COMPTOIR_AUTH_STORE",
        "COMPTOIR_CATALOG_STORE",
        "COMPTOIR_ORDERS_STORE",
        "COMPTOIR_NOTIFIER_STORE",
        "COMPTOIR_MAIL_FROM",
        "COMPTOIR_SHOP_FILE",
        "COMPTOIR_STOREFRONT_URL",
        "COMPTOIR_CORS_ORIGINS",
        "COMPTOIR_TRUSTED_PROXIES",
        "COMPTOIR_REVALIDATE_URL",
        "COMPTOIR_REVALIDATE_SECRET",
        "COMPTOIR_LIMIT_LOGIN_ACCOUNT",
        "COMPTOIR_LIMIT_LOGIN_ADDRESS",
        "COMPTOIR_LIMIT_REQUESTS_ADDRESS",
        "COMPTOIR_LIMIT_REQUESTS_USER",
        "--trusted-documents",
        "--no-demo",
        "--http",
        "--data",
    ] {
        assert!(help.contains(setting), "{setting} is not in the help");
    }
}

#[test]
fn a_wrong_setting_ends_the_process_at_once_and_is_named() {
    for (name, value) in [
        ("COMPTOIR_HTTP_ADDR", "somewhere"),
        ("COMPTOIR_PROFILE", "staging"),
        ("COMPTOIR_SHOP_FILE", "/no/such/file.toml"),
        ("COMPTOIR_CORS_ORIGINS", "*"),
        ("COMPTOIR_CATALOG_STORE", "mysql://localhost/shop"),
        ("DATABASE_URL", "mysql://localhost/shop"),
        ("MONGODB_URI", "mongodb://localhost/?w=1"),
        ("KAFKA_BROKERS", "kafka://localhost"),
        ("COMPTOIR_KAFKA_PROPERTIES", "acks=1"),
        ("REDIS_URL", "http://localhost"),
        ("COMPTOIR_DRAIN_DELAY", "-1"),
        ("COMPTOIR_LIMIT_REQUESTS_ADDRESS", "many"),
    ] {
        let started = Instant::now();
        // Every port is a free one, except for the wrong one.
        let mut settings: Vec<(&str, &str)> = ["HTTP", "AUTH", "CATALOG", "ORDERS", "NOTIFIER", "ADMIN"]
            .map(|port| (addr(port), "127.0.0.1:0"))
            .into();
        settings.push((name, value));
        let output = comptoir(&["up", "--no-demo"], &settings);
        assert_eq!(output.status.code(), Some(78), "{name}: {}", stderr(&output));
        assert!(stderr(&output).contains(name), "{name}: {}", stderr(&output));
        assert!(
            output.stdout.is_empty(),
            "{name}: standard output carries the ready line and nothing else"
        );
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "{name}: {:?}",
            started.elapsed()
        );
    }
}

fn addr(port: &str) -> &'static str {
    match port {
        "HTTP" => "COMPTOIR_HTTP_ADDR",
        "AUTH" => "COMPTOIR_AUTH_ADDR",
        "CATALOG" => "COMPTOIR_CATALOG_ADDR",
        "ORDERS" => "COMPTOIR_ORDERS_ADDR",
        "NOTIFIER" => "COMPTOIR_NOTIFIER_ADDR",
        _ => "COMPTOIR_ADMIN_ADDR",
    }
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = comptoir(&["up", "--no-demo"], &[("COMPTOIR_HTTP_ADDR", &address)]);
    assert!(!output.status.success());
    assert!(
        stderr(&output).contains("COMPTOIR_HTTP_ADDR"),
        "{}",
        stderr(&output)
    );
    assert!(stderr(&output).contains(&address), "{}", stderr(&output));
}

#[test]
fn the_default_shop_file_can_be_printed() {
    let output = comptoir(&["shop-file"], &[]);
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("currency = \"EUR\"")
    );
}
