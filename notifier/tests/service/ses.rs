//! Mails through Amazon SES: at a real endpoint if one is set, and at a double for answers that it never gives.

use std::time::Duration;

use axum::http::StatusCode;
use comptoir_mesh::testing::{TestEnv, server};
use comptoir_proto::auth::v1::{AuthEvent, MailKind, auth_event};
use serde_json::Value;

use crate::common::{Subject, auth_record, mail_event};
use crate::doubles::{Double, Request};

/// A domain that the endpoint has verified.
const SENDER: &str = "\"Café Été\" <no-reply@mesh.test>";

/// Mails that the endpoint has kept for this recipient.
async fn mails(endpoint: &str, to: &str) -> Vec<Value> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let data: Value = reqwest::get(format!("{endpoint}/moto-api/data.json"))
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let messages = data["ses"]["Message"].as_array().cloned().unwrap_or_default();
    messages
        .into_iter()
        .filter(|message| message["destinations"].to_string().contains(to))
        .collect()
}

async fn subject(endpoint: &str, from: &str) -> Subject {
    Subject::with(TestEnv::new(), |config| {
        config.ses.aws_endpoint_url = Some(endpoint.parse().unwrap());
        config.ses.aws_region = Some("eu-west-3".to_owned());
        config.ses.mail_reply_to = Some("help@mesh.test".to_owned().try_into().unwrap());
        config.mail_from = from.parse().unwrap();
    })
    .await
}

/// An event that requests a mail to a recipient of this test.
fn event(id: &str, to: &str) -> AuthEvent {
    let mut event = mail_event(id, MailKind::ConfirmEmail, "fr");
    if let Some(auth_event::Payload::MailRequested(mail)) = &mut event.payload {
        mail.email = to.to_owned();
    }
    event
}

#[tokio::test]
async fn a_mail_arrives_at_ses() {
    let Some(endpoint) = server("AWS_ENDPOINT_URL", "a_mail_arrives_at_ses") else {
        return;
    };
    let subject = subject(&endpoint, SENDER).await;
    let to = format!("{}@example.org", subject.test.env.ids.ulid()).to_lowercase();
    subject.feed(&auth_record(&event("evt_1", &to))).await;
    subject.send_due().await;
    let sent = subject.delivery().await;
    assert_eq!((sent.status.as_str(), sent.last_error), ("sent", None));
    let mails = mails(&endpoint, &to).await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    let mail = &mails[0];
    let source = mail["source"].as_str().unwrap();
    assert!(
        source.starts_with("=?UTF-8?B?") && source.ends_with("<no-reply@mesh.test>"),
        "{source}"
    );
    assert!(mail["subject"].as_str().unwrap().contains("Confirmez"), "{mail}");
    assert!(
        mail["body"].as_str().unwrap().contains("secret%2Bof%2F"),
        "the link has its token: {mail}"
    );
    assert_eq!(
        subject.mailbox("").await.len(),
        0,
        "it is not in the mailbox as well"
    );
}

#[tokio::test]
async fn a_sender_that_is_not_verified_is_refused() {
    let Some(endpoint) = server("AWS_ENDPOINT_URL", "a_sender_that_is_not_verified_is_refused") else {
        return;
    };
    let subject = subject(&endpoint, "no-reply@elsewhere.example").await;
    subject
        .feed(&auth_record(&event("evt_1", "ada@example.org")))
        .await;
    subject.send_due().await;
    let dead = subject.delivery().await;
    assert_eq!(
        (dead.status.as_str(), dead.last_error.as_deref()),
        ("dead", Some("ses: MessageRejected"))
    );
}

fn refused(
    status: u16,
    code: &'static str,
) -> impl Fn(&Request) -> (StatusCode, String) + Send + Sync + 'static {
    move |_| {
        let body = format!(r#"{{"__type": "{code}", "message": "not to ada@example.org"}}"#);
        (StatusCode::from_u16(status).unwrap(), body)
    }
}

#[tokio::test]
async fn a_bad_moment_of_ses_is_tried_again() {
    // The client signs with the credentials of the endpoint.
    if server("AWS_ENDPOINT_URL", "a_bad_moment_of_ses_is_tried_again").is_none() {
        return;
    }
    let ses = Double::new(refused(429, "TooManyRequestsException")).await;
    let subject = subject(&ses.url, SENDER).await;
    subject
        .feed(&auth_record(&event("evt_1", "ada@example.org")))
        .await;
    for (status, code) in [
        (429, "TooManyRequestsException"),
        (400, "ThrottlingException"),
        (500, "InternalFailure"),
        (403, "SignatureDoesNotMatch"),
    ] {
        ses.answer(refused(status, code));
        subject.test.clock.advance(Duration::from_secs(1000));
        subject.send_due().await;
        let failed = subject.delivery().await;
        assert_eq!(
            (failed.status.as_str(), failed.last_error),
            ("failed", Some(format!("ses: {code}")))
        );
    }
    assert_eq!(ses.journal().len(), 4, "the client itself does not retry");
    ses.answer(|_| (StatusCode::OK, r#"{"MessageId": "1"}"#.to_owned()));
    subject.test.clock.advance(Duration::from_secs(1000));
    subject.send_due().await;
    let sent = subject.delivery().await;
    assert_eq!(sent.status, "sent");
    let journal = ses.journal();
    let asked: Value = serde_json::from_slice(&journal[4].body).unwrap();
    assert_eq!(journal[4].path, "/v2/email/outbound-emails");
    assert_eq!(asked["EmailTags"][0]["Name"], "delivery_id");
    assert_eq!(asked["EmailTags"][0]["Value"], sent.id.as_str());
    assert_eq!(asked["ReplyToAddresses"][0], "help@mesh.test");
    let body = &asked["Content"]["Simple"]["Body"];
    assert_eq!(body["Text"]["Charset"], "UTF-8");
    assert_eq!(body["Html"]["Charset"], "UTF-8");
    assert!(body["Text"]["Data"].as_str().unwrap().contains("secret%2Bof%2F"));
}

#[tokio::test]
async fn an_endpoint_that_is_away_is_tried_again() {
    let Some(endpoint) = server("AWS_ENDPOINT_URL", "an_endpoint_that_is_away_is_tried_again") else {
        return;
    };
    drop(endpoint);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let away = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let subject = subject(&away, SENDER).await;
    subject
        .feed(&auth_record(&event("evt_1", "ada@example.org")))
        .await;
    subject.send_due().await;
    let failed = subject.delivery().await;
    assert_eq!(
        (failed.status.as_str(), failed.last_error.as_deref()),
        ("failed", Some("ses: cannot be called"))
    );
}
