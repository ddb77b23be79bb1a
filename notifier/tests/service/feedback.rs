//! SES's reports through SNS: signature, topic and age are verified, and repetitions have the effect of one.

use std::time::Duration;

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_mesh::testing::TestEnv;
use comptoir_notifier::Config;
use comptoir_notifier::domain::feedback::{Why, address_hash};
use comptoir_notifier::store::{Feedback as _, SqliteStore};
use comptoir_proto::auth::v1::MailKind;
use comptoir_proto::notifier::v1::HandleWebhookRequest;
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use crate::common::{Subject, config, mail_record, peers, production};
use crate::doubles::{Double, Request};

/// A key that signs these tests only.
const KEY: &[u8] = include_bytes!("sns/key.pem");
const CERTIFICATE: &str = include_str!("sns/certificate.pem");
/// A bounce of ada@example.org, signed by openssl as version 1 has it.
const VERSION_1: &str = include_str!("sns/version_1.json");
const TOPIC: &str = "arn:aws:sns:eu-west-3:123456789012:comptoir-mails";

/// Serves the certificate, and accepts confirmations.
async fn sns() -> Double {
    Double::new(|asked: &Request| match asked.path.as_str() {
        "/certificate.pem" => (StatusCode::OK, CERTIFICATE.to_owned()),
        "/nothing.pem" => (StatusCode::OK, "no certificate".to_owned()),
        path if path.starts_with("/confirm") => (StatusCode::OK, "<ConfirmSubscriptionResponse/>".to_owned()),
        _ => (StatusCode::NOT_FOUND, String::new()),
    })
    .await
}

fn set(config: &mut Config, sns: &Double) {
    config.ses.aws_region = Some("eu-west-3".to_owned());
    config.ses.aws_endpoint_url = Some("http://127.0.0.1:9".parse().unwrap());
    config.ses.ses_topic_arn = Some(TOPIC.to_owned());
    config.ses.ses_cert_url_prefix = Some(format!("{}/", sns.url));
}

async fn subject(sns: &Double) -> Subject {
    let subject = Subject::with(TestEnv::new(), |config| set(config, sns)).await;
    subject
        .test
        .clock
        .set("2026-11-22T12:00:00Z".parse::<Timestamp>().unwrap());
    subject
}

/// An unsigned message of SNS with this text.
fn message(sns: &Double, id: &str, says: &Value) -> Value {
    json!({
        "Type": "Notification",
        "MessageId": id,
        "TopicArn": TOPIC,
        "Message": says.to_string(),
        "Timestamp": "2026-11-22T12:00:00.000Z",
        "SignatureVersion": "2",
        "SigningCertURL": format!("{}/certificate.pem", sns.url),
    })
}

/// Signs it as SNS does, with version 2's hash.
fn signed(mut message: Value) -> Value {
    let names: &[&str] = if message["Type"] == "Notification" {
        &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
    } else {
        &[
            "Message",
            "MessageId",
            "SubscribeURL",
            "Timestamp",
            "Token",
            "TopicArn",
            "Type",
        ]
    };
    let text: String = names
        .iter()
        .filter_map(|name| Some(format!("{name}\n{}\n", message[name].as_str()?)))
        .collect();
    let key = PrivatePkcs8KeyDer::from_pem_slice(KEY).unwrap();
    let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        text.as_bytes(),
        &mut signature,
    )
    .unwrap();
    message["Signature"] = STANDARD.encode(signature).into();
    message
}

fn bounce(to: &str, kind: &str, delivery_id: &str) -> Value {
    json!({
        "eventType": "Bounce",
        "bounce": {
            "bounceType": kind,
            "bounceSubType": "General",
            "bouncedRecipients": [{"emailAddress": to, "diagnosticCode": "550 5.1.1 <ada@example.org>"}],
        },
        "mail": {"messageId": "1", "tags": {"delivery_id": [delivery_id], "ses:operation": ["SendEmail"]}},
    })
}

async fn call(subject: &Subject, message: &Value) -> Result<(), ErrorReason> {
    let request = HandleWebhookRequest {
        provider: "ses".to_owned(),
        body: message.to_string().into_bytes(),
        ..Default::default()
    };
    let answer = subject.client.clone().handle_webhook(request).await;
    answer
        .map(drop)
        .map_err(|status| Error::from_status(&status).reason())
}

async fn store(subject: &Subject) -> SqliteStore {
    let file = subject.test.folder().join("notifier.db");
    SqliteStore::open(file.to_str().unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_bounced_for_good_is_not_written_to() {
    let sns = sns().await;
    let subject = subject(&sns).await;
    let message = signed(message(
        &sns,
        "m1",
        &bounce("Ada <ADA@example.org>", "Permanent", ""),
    ));
    let calls = (0..20).map(|_| call(&subject, &message));
    for outcome in futures::future::join_all(calls).await {
        outcome.unwrap();
    }
    assert_eq!(sns.journal().len(), 1, "the certificate is fetched once");
    let kept = store(&subject)
        .await
        .suppression(&address_hash("ada@example.org"))
        .await;
    let kept = kept.unwrap().unwrap();
    assert_eq!((kept.reason, kept.source.as_str()), (Why::Bounced, "m1"));
    subject
        .feed(&mail_record("evt_1", MailKind::ConfirmEmail, "fr"))
        .await;
    subject.send_due().await;
    let delivery = subject.delivery().await;
    assert_eq!(
        (delivery.status.as_str(), delivery.last_error.as_deref()),
        (
            "suppressed",
            Some("an earlier mail to this address came back (Permanent/General)")
        )
    );
    assert_eq!(subject.deliveries("suppressed").await.len(), 1);
    // Auth was not called, and nothing is retried.
    assert_eq!(subject.auth.calls.load(std::sync::atomic::Ordering::SeqCst), 0);
    subject.test.clock.advance(Duration::from_secs(3600));
    assert_eq!(subject.send_due().await, 0);
}

#[tokio::test]
async fn a_complaint_is_the_last_mail() {
    let sns = sns().await;
    let subject = subject(&sns).await;
    let says = json!({
        "notificationType": "Complaint",
        "complaint": {
            "complainedRecipients": [{"emailAddress": "ada@example.org"}],
            "complaintFeedbackType": "abuse",
        },
        "mail": {"messageId": "1"},
    });
    call(&subject, &signed(message(&sns, "m1", &says))).await.unwrap();
    let store = store(&subject).await;
    let kept = store
        .suppression(&address_hash("ada@example.org"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (kept.reason, kept.detail.as_deref()),
        (Why::Complained, Some("abuse"))
    );
    // A later bounce does not change the reason.
    let later = signed(message(&sns, "m2", &bounce("ada@example.org", "Permanent", "")));
    call(&subject, &later).await.unwrap();
    let kept = store
        .suppression(&address_hash("ada@example.org"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.source, "m1");
}

#[tokio::test]
async fn a_mail_that_came_back_says_so_on_its_delivery() {
    let sns = sns().await;
    // The mailbox gets the mail, and then SES is configured.
    let subject = Subject::with(TestEnv::new(), |_| {}).await;
    subject
        .feed(&mail_record("evt_1", MailKind::ConfirmEmail, "fr"))
        .await;
    subject.send_due().await;
    let id = subject.delivery().await.id;
    let mut config = config();
    set(&mut config, &sns);
    let notifier =
        comptoir_notifier::build(&config, &subject.test.env, peers(&subject.test, &subject.auth)).await;
    let slot = comptoir_mesh::channel::in_process();
    slot.bind(&notifier.unwrap().service);
    let subject = Subject {
        client: comptoir_proto::notifier::v1::notifier_service_client::NotifierServiceClient::new(
            slot.channel("gateway"),
        ),
        ..subject
    };
    subject
        .test
        .clock
        .set("2026-11-22T12:00:00Z".parse::<Timestamp>().unwrap());
    let soft = signed(message(&sns, "m1", &bounce("ada@example.org", "Transient", &id)));
    call(&subject, &soft).await.unwrap();
    let delivery = subject.delivery().await;
    assert_eq!(
        (delivery.status.as_str(), delivery.last_error.as_deref()),
        ("sent", Some("the provider says: bounced (Transient/General)"))
    );
    let hash = address_hash("ada@example.org");
    assert_eq!(store(&subject).await.suppression(&hash).await.unwrap(), None);
    // A later report of an earlier stage changes nothing.
    let delivered = json!({"eventType": "Delivery", "mail": {"tags": {"delivery_id": [id]}}, "delivery": {}});
    call(&subject, &signed(message(&sns, "m2", &delivered)))
        .await
        .unwrap();
    assert!(subject.delivery().await.last_error.is_some());
}

#[tokio::test]
async fn version_1_is_taken_too() {
    let sns = sns().await;
    let subject = subject(&sns).await;
    let mut message: Value = serde_json::from_str(VERSION_1).unwrap();
    message["SigningCertURL"] = format!("{}/certificate.pem", sns.url).into();
    call(&subject, &message).await.unwrap();
    let hash = address_hash("ada@example.org");
    assert!(store(&subject).await.suppression(&hash).await.unwrap().is_some());
    // One version's signature is invalid in the other.
    message["SignatureVersion"] = "2".into();
    assert_eq!(
        call(&subject, &message).await,
        Err(ErrorReason::WebhookSignatureInvalid)
    );
}

#[tokio::test]
async fn what_is_not_amazons_is_refused() {
    let sns = sns().await;
    let subject = subject(&sns).await;
    let good = signed(message(&sns, "m1", &bounce("ada@example.org", "Permanent", "")));
    let changed = |name: &str, value: &str| {
        let mut message = good.clone();
        message[name] = value.into();
        message
    };
    let mut later = good.clone();
    later["Subject"] = "forged".into();
    let of_another_topic = {
        let mut message = message(&sns, "m1", &json!({}));
        message["TopicArn"] = "arn:aws:sns:eu-west-3:666666666666:evil".into();
        signed(message)
    };
    let forged = [
        json!({}),
        json!("text"),
        later,
        changed("Message", "{}"),
        changed("MessageId", "m2"),
        changed("Signature", ""),
        changed("Signature", "not base64!"),
        changed("Signature", &STANDARD.encode([0; 256])),
        changed("SignatureVersion", "1"),
        changed("SignatureVersion", "3"),
        changed("Type", "SubscriptionConfirmation"),
        changed("Type", "Unheard"),
        of_another_topic,
        changed("SigningCertURL", &format!("{}/nothing.pem", sns.url)),
    ];
    for message in &forged {
        assert_eq!(
            call(&subject, message).await,
            Err(ErrorReason::WebhookSignatureInvalid),
            "{message}"
        );
    }
    let asked = sns.journal().len();
    for url in [
        "http://sns.eu-west-3.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.eu-west-3.amazonaws.com.evil.example/x.pem",
        "https://evil.example/sns.eu-west-3.amazonaws.com/x.pem",
        "https://sns.eu-west-3.amazonaws.com@evil.example/x.pem",
        "https://sns.eu-west-3.amazonaws.com:444/x.pem",
        "https://sns.eu-west-3.amazonaws.com/x.txt",
        "https://s3.eu-west-3.amazonaws.com/evil/x.pem",
        "file:///etc/ssl/x.pem",
        "",
    ] {
        assert_eq!(
            call(&subject, &changed("SigningCertURL", url)).await,
            Err(ErrorReason::WebhookSignatureInvalid),
            "{url}"
        );
    }
    assert_eq!(sns.journal().len(), asked);
    let hash = address_hash("ada@example.org");
    assert_eq!(store(&subject).await.suppression(&hash).await.unwrap(), None);
    call(&subject, &good).await.unwrap();
}

#[tokio::test]
async fn what_is_old_is_stale() {
    let sns = sns().await;
    let subject = subject(&sns).await;
    let message = message(&sns, "m1", &json!({"eventType": "Open"}));
    let at = |timestamp: &str| {
        let mut message = message.clone();
        message["Timestamp"] = timestamp.into();
        signed(message)
    };
    for stale in [
        "2026-11-22T10:59:59.999Z",
        "2026-11-22T12:05:01Z",
        "yesterday",
        "",
    ] {
        assert_eq!(
            call(&subject, &at(stale)).await,
            Err(ErrorReason::WebhookStale),
            "{stale}"
        );
    }
    for fresh in ["2026-11-22T11:00:00.000Z", "2026-11-22T12:04:59Z"] {
        call(&subject, &at(fresh)).await.unwrap();
    }
}

#[tokio::test]
async fn a_subscription_is_confirmed_where_amazon_is() {
    let sns = sns().await;
    let subject = subject(&sns).await;
    let asking = |url: String| {
        let mut message = message(&sns, "m1", &json!({}));
        message["Type"] = "SubscriptionConfirmation".into();
        message["Token"] = "token".into();
        message["SubscribeURL"] = url.into();
        signed(message)
    };
    let elsewhere = asking("https://evil.example/confirm".to_owned());
    assert_eq!(
        call(&subject, &elsewhere).await,
        Err(ErrorReason::WebhookSignatureInvalid)
    );
    call(&subject, &asking(format!("{}/confirm?Token=token", sns.url)))
        .await
        .unwrap();
    let confirmed = sns
        .journal()
        .iter()
        .filter(|asked| asked.path == "/confirm?Token=token")
        .count();
    assert_eq!(confirmed, 1);
    // SNS got no success, so it retries.
    assert_eq!(
        call(&subject, &asking(format!("{}/gone", sns.url))).await,
        Err(ErrorReason::DependencyUnavailable)
    );
}

#[tokio::test]
async fn production_trusts_sns_alone_and_only_the_topic_that_is_ours() {
    let sns = sns().await;
    let test = production();
    let mut config = config();
    set(&mut config, &sns);
    let error = comptoir_notifier::build(&config, &test.env, peers(&test, &Default::default())).await;
    let error = format!("{:#}", error.err().unwrap());
    assert!(error.starts_with("COMPTOIR_SES_CERT_URL_PREFIX"), "{error}");
    let subject = Subject::with(production(), |config| {
        set(config, &sns);
        config.ses.ses_cert_url_prefix = None;
        config.ses.ses_topic_arn = None;
    })
    .await;
    subject
        .test
        .clock
        .set("2026-11-22T12:00:00Z".parse::<Timestamp>().unwrap());
    let message = signed(message(&sns, "m1", &json!({})));
    assert_eq!(
        call(&subject, &message).await,
        Err(ErrorReason::WebhookSignatureInvalid)
    );
    assert_eq!(sns.journal().len(), 0);
}
