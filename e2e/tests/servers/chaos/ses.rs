//! An SES that accepts every mail and remembers it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Json, Router, extract::State, routing::post};
use serde_json::{Value, json};

/// The mails that it accepted; clones share them.
#[derive(Clone, Default)]
pub(crate) struct Ses {
    mails: Arc<Mutex<Vec<Mail>>>,
}

/// A mail.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    pub(crate) to: String,
    /// The same for each attempt.
    pub(crate) delivery: String,
}

impl Ses {
    /// Listens on a free port; returns itself and its address.
    pub(crate) async fn start() -> (Self, String) {
        let ses = Self::default();
        let router = Router::new()
            .route("/v2/email/outbound-emails", post(take))
            .with_state(ses.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (ses, url)
    }

    /// How often each delivery was sent, by the address it went to.
    pub(crate) fn deliveries(&self) -> BTreeMap<String, BTreeMap<String, usize>> {
        let mut all: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
        for mail in self.mails.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let of = all.entry(mail.to.clone()).or_default();
            *of.entry(mail.delivery.clone()).or_default() += 1;
        }
        all
    }
}

async fn take(State(ses): State<Ses>, Json(mail): Json<Value>) -> Json<Value> {
    let text = |value: &Value| value.as_str().expect("SES is sent text").to_owned();
    let tags = mail["EmailTags"].as_array().expect("tags");
    let delivery = tags
        .iter()
        .find(|tag| tag["Name"] == "delivery_id")
        .expect("the tag");
    let mut mails = ses.mails.lock().unwrap_or_else(PoisonError::into_inner);
    mails.push(Mail {
        to: text(&mail["Destination"]["ToAddresses"][0]),
        delivery: text(&delivery["Value"]),
    });
    Json(json!({ "MessageId": format!("ses-{}", mails.len()) }))
}
