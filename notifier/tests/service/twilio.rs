//! Text messages through Twilio: requests, the effect of its answers on a delivery, and its status callbacks.

use std::time::Duration;

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comptoir_mesh::config::Secret;
use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_mesh::testing::TestEnv;
use comptoir_notifier::Config;
use comptoir_proto::notifier::v1::{Delivery, HandleWebhookRequest};
use ring::hmac;

use crate::common::{Subject, config, order, order_event, order_record, peers, production, shipped};
use crate::doubles::{Double, Request};

const ACCOUNT: &str = "AC0123456789abcdef";
const TOKEN: &str = "canary-token";

pub(crate) fn accepted(_: &Request) -> (StatusCode, String) {
    (
        StatusCode::CREATED,
        r#"{"sid": "SM1", "status": "queued"}"#.to_owned(),
    )
}

fn refused(status: u16, code: u32) -> impl Fn(&Request) -> (StatusCode, String) + Send + Sync + 'static {
    move |_| {
        let body = format!(r#"{{"code": {code}, "message": "about +33612345678", "status": {status}}}"#);
        (StatusCode::from_u16(status).unwrap(), body)
    }
}

pub(crate) fn set(config: &mut Config, twilio: &Double) {
    config.twilio.twilio_account_sid = Some(ACCOUNT.to_owned());
    config.twilio.twilio_auth_token = Some(Secret::new(TOKEN));
    config.twilio.twilio_from = Some("+33700000000".to_owned());
    config.twilio.twilio_base_url = twilio.url.parse().unwrap();
    config.twilio.public_url = Some("https://api.example.org".parse().unwrap());
}

async fn subject(twilio: &Double) -> Subject {
    Subject::with(TestEnv::new(), |config| set(config, twilio)).await
}

/// Ships an order whose buyer has this number; its mail goes to the mailbox.
async fn ship(subject: &Subject, event_id: &str, phone: &str) {
    let mut order = order("fr");
    order.phone = Some(phone.to_owned());
    let event = order_event(event_id, 1, order, shipped());
    subject.feed(&order_record(&event)).await;
    subject.send_due().await;
}

/// The text messages' deliveries, newest first.
async fn texts(subject: &Subject) -> Vec<Delivery> {
    let mut all = subject.deliveries("").await;
    all.retain(|delivery| delivery.channel == "sms");
    all
}

async fn text(subject: &Subject) -> Delivery {
    let mut texts = texts(subject).await;
    assert_eq!(texts.len(), 1, "{texts:?}");
    texts.remove(0)
}

#[tokio::test]
async fn a_text_message_is_asked_for_as_twilio_wants_it() {
    let twilio = Double::new(accepted).await;
    let subject = subject(&twilio).await;
    ship(&subject, "evt_1", "06 12 34 56 78").await;
    let delivery = text(&subject).await;
    assert_eq!(delivery.status, "sent");
    let journal = twilio.journal();
    assert_eq!(journal.len(), 1);
    let asked = &journal[0];
    assert_eq!(asked.method, "POST");
    assert_eq!(
        asked.path,
        format!("/2010-04-01/Accounts/{ACCOUNT}/Messages.json")
    );
    let credentials = STANDARD.encode(format!("{ACCOUNT}:{TOKEN}"));
    assert_eq!(asked.header("authorization"), format!("Basic {credentials}"));
    assert_eq!(asked.header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(asked.form("To").as_deref(), Some("+33612345678"));
    assert_eq!(asked.form("From").as_deref(), Some("+33700000000"));
    assert_eq!(asked.form("MessagingServiceSid"), None);
    assert!(asked.form("Body").unwrap().contains("1000"));
    assert_eq!(
        asked.form("StatusCallback"),
        Some(format!(
            "https://api.example.org/webhooks/twilio?delivery={}",
            delivery.id
        ))
    );
}

#[tokio::test]
async fn a_messaging_service_may_choose_the_number() {
    let twilio = Double::new(accepted).await;
    let subject = Subject::with(TestEnv::new(), |config| {
        set(config, &twilio);
        config.twilio.twilio_from = Some("MG0123".to_owned());
        config.twilio.public_url = None;
    })
    .await;
    ship(&subject, "evt_1", "+33612345678").await;
    let asked = &twilio.journal()[0];
    assert_eq!(asked.form("MessagingServiceSid").as_deref(), Some("MG0123"));
    assert_eq!(asked.form("From"), None);
    assert_eq!(asked.form("StatusCallback"), None);
}

#[tokio::test]
async fn a_bad_moment_is_tried_again() {
    let twilio = Double::new(refused(429, 20429)).await;
    let subject = subject(&twilio).await;
    ship(&subject, "evt_1", "+33612345678").await;
    for (answer, error) in [
        ((429, 20429), "twilio: 20429"),
        ((500, 20500), "twilio: 20500"),
        ((503, 0), "twilio: 0"),
        ((401, 20003), "twilio: 20003"),
    ] {
        twilio.answer(refused(answer.0, answer.1));
        subject.test.clock.advance(Duration::from_secs(1000));
        subject.send_due().await;
        let failed = text(&subject).await;
        assert_eq!(
            (failed.status.as_str(), failed.last_error.as_deref()),
            ("failed", Some(error))
        );
    }
    twilio.answer(accepted);
    subject.test.clock.advance(Duration::from_secs(1000));
    subject.send_due().await;
    assert_eq!(text(&subject).await.status, "sent");
}

#[tokio::test]
async fn a_refusal_is_final() {
    for code in [21211, 21610] {
        let twilio = Double::new(refused(400, code)).await;
        let subject = subject(&twilio).await;
        ship(&subject, "evt_1", "+33612345678").await;
        let dead = text(&subject).await;
        assert_eq!(dead.status, "dead");
        assert_eq!(dead.last_error, Some(format!("twilio: {code}")));
        assert_eq!(twilio.journal().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_come_is_not_waited_for() {
    let twilio = Double::new(accepted).await;
    twilio.pause(Duration::from_secs(60));
    let subject = subject(&twilio).await;
    let begun = std::time::Instant::now();
    ship(&subject, "evt_1", "+33612345678").await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let failed = text(&subject).await;
    assert_eq!(
        (failed.status.as_str(), failed.last_error.as_deref()),
        ("failed", Some("twilio: no answer in time"))
    );
}

#[tokio::test]
async fn a_number_elsewhere_is_not_written_to() {
    let twilio = Double::new(accepted).await;
    let subject = subject(&twilio).await;
    // Jamaica and Réunion.
    for (index, number) in ["+18765550100", "+262692123456"].into_iter().enumerate() {
        ship(&subject, &format!("evt_{index}"), number).await;
    }
    let texts = texts(&subject).await;
    assert_eq!(texts.len(), 2);
    for dead in texts {
        assert_eq!(dead.status, "dead");
        assert!(
            dead.last_error
                .as_ref()
                .unwrap()
                .starts_with("DESTINATION_NOT_ALLOWED: "),
            "{dead:?}"
        );
    }
    assert_eq!(twilio.journal().len(), 0);
    let wider = Subject::with(TestEnv::new(), |config| {
        set(config, &twilio);
        config.twilio.sms_countries = vec!["RE".parse().unwrap(), "+1876".parse().unwrap()];
    })
    .await;
    ship(&wider, "evt_1", "+18765550100").await;
    ship(&wider, "evt_2", "+262692123456").await;
    ship(&wider, "evt_3", "+33612345678").await;
    assert_eq!(twilio.journal().len(), 2);
}

#[tokio::test]
async fn a_dear_number_of_an_allowed_country_is_not_written_to() {
    let twilio = Double::new(accepted).await;
    let by_twilio = Subject::with(TestEnv::new(), |config| {
        set(config, &twilio);
        // Not even if the setting names it.
        config.twilio.sms_countries = ["FR", "BE", "GB", "+3390", "+3289"]
            .map(|place| place.parse().unwrap())
            .to_vec();
    })
    .await;
    let by_mailbox = Subject::new().await;
    for subject in [&by_twilio, &by_mailbox] {
        for (index, number) in ["+32 90 212 345", "+33 891 23 45 67", "+44 70 1234 5678"]
            .into_iter()
            .enumerate()
        {
            ship(subject, &format!("evt_{index}"), number).await;
        }
        let texts = texts(subject).await;
        assert_eq!(texts.len(), 3);
        for dead in texts {
            assert_eq!(dead.status, "dead", "{dead:?}");
            let error = dead.last_error.unwrap_or_default();
            assert!(error.starts_with("DESTINATION_NOT_ALLOWED: "), "{error}");
        }
    }
    assert_eq!(twilio.journal().len(), 0);
    let written = by_mailbox.mailbox("").await;
    assert!(
        written.iter().all(|message| message.channel == "email"),
        "{written:?}"
    );
}

#[tokio::test]
async fn the_zero_of_home_is_not_dialled_from_abroad() {
    let subject = Subject::new().await;
    for (event, typed, dialled) in [
        ("evt_1", "+33 (0)6 39 98 00 01", "+33639980001"),
        ("evt_2", "+49 (0)151 23456789", "+4915123456789"),
        ("evt_3", "+39 06 1234 5678", "+390612345678"),
    ] {
        ship(&subject, event, typed).await;
        let text = texts(&subject).await.remove(0);
        assert_eq!(
            (text.recipient.as_str(), text.status.as_str()),
            (dialled, "sent"),
            "{typed}"
        );
        subject.test.clock.advance(std::time::Duration::from_secs(1));
    }
}

#[tokio::test]
async fn what_is_no_number_gets_no_text_message() {
    let subject = Subject::new().await;
    for (index, number) in ["+0033 6 12 34 56 78", "00882 16 123 45 678", "+999123456", "12"]
        .into_iter()
        .enumerate()
    {
        ship(&subject, &format!("evt_{index}"), number).await;
    }
    assert_eq!(texts(&subject).await, []);
    assert_eq!(subject.deliveries("sent").await.len(), 4, "the mails go out");
}

#[tokio::test]
async fn a_number_has_so_many_a_day() {
    let twilio = Double::new(accepted).await;
    let subject = Subject::with(TestEnv::new(), |config| {
        set(config, &twilio);
        config.twilio.limit_sms_number = 2;
        config.twilio.limit_sms_day = 3;
    })
    .await;
    for (event, number) in [
        ("evt_1", "+33612345678"),
        ("evt_2", "+33612345678"),
        ("evt_3", "+33612345678"),
    ] {
        ship(&subject, event, number).await;
    }
    let texts_ = texts(&subject).await;
    let dead: Vec<_> = texts_.iter().filter(|text| text.status == "dead").collect();
    assert_eq!((texts_.len(), dead.len()), (3, 1));
    assert_eq!(
        dead[0].last_error.as_deref(),
        Some("RATE_LIMITED: this number had 2 text messages today, which is the limit")
    );
    // Another number has its own limit; all of them share the daily one.
    ship(&subject, "evt_4", "+33687654321").await;
    ship(&subject, "evt_5", "+33687654321").await;
    assert_eq!(twilio.journal().len(), 3);
    subject.test.clock.advance(Duration::from_secs(24 * 60 * 60));
    ship(&subject, "evt_6", "+33612345678").await;
    assert_eq!(twilio.journal().len(), 4, "it is another day");
}

#[tokio::test]
async fn what_was_refused_does_not_count() {
    let twilio = Double::new(refused(400, 21211)).await;
    let subject = Subject::with(TestEnv::new(), |config| {
        set(config, &twilio);
        config.twilio.limit_sms_number = 1;
    })
    .await;
    ship(&subject, "evt_1", "+33612345678").await;
    twilio.answer(accepted);
    ship(&subject, "evt_2", "+33612345678").await;
    assert_eq!(subject.deliveries("dead").await.len(), 1);
    assert_eq!(twilio.journal().len(), 2);
    ship(&subject, "evt_3", "+33612345678").await;
    assert_eq!(twilio.journal().len(), 2);
}

/// Twilio's signature of a callback.
fn sign(token: &str, url: &str, parameters: &[(&str, &str)]) -> String {
    let mut sorted = parameters.to_vec();
    sorted.sort_unstable();
    let text: String = std::iter::once(url.to_owned())
        .chain(sorted.iter().map(|(name, value)| format!("{name}{value}")))
        .collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    STANDARD.encode(hmac::sign(&key, text.as_bytes()))
}

fn callback(delivery: &str, status: &str, code: &str) -> HandleWebhookRequest {
    let parameters = [
        ("MessageSid", "SM1"),
        ("MessageStatus", status),
        ("ErrorCode", code),
        ("To", "+33612345678"),
    ];
    let path = format!("/webhooks/twilio?delivery={delivery}");
    let url = format!("https://api.example.org{path}");
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish();
    HandleWebhookRequest {
        provider: "twilio".to_owned(),
        signature: sign(TOKEN, &url, &parameters),
        body: body.into_bytes(),
        // As the gateway saw it, behind a proxy that ends TLS.
        url: format!("http://10.0.0.7:8080{path}"),
    }
}

async fn call(subject: &Subject, request: HandleWebhookRequest) -> Result<(), ErrorReason> {
    let answer = subject.client.clone().handle_webhook(request).await;
    answer
        .map(drop)
        .map_err(|status| Error::from_status(&status).reason())
}

#[tokio::test]
async fn a_status_callback_moves_forward_only() {
    let twilio = Double::new(accepted).await;
    let subject = subject(&twilio).await;
    ship(&subject, "evt_1", "+33612345678").await;
    let id = text(&subject).await.id;
    for (status, code) in [
        ("sent", ""),
        ("undelivered", "30003"),
        ("sent", ""),
        ("queued", ""),
    ] {
        call(&subject, callback(&id, status, code)).await.unwrap();
        call(&subject, callback(&id, status, code)).await.unwrap();
    }
    let delivery = text(&subject).await;
    assert_eq!(
        (delivery.status.as_str(), delivery.last_error.as_deref()),
        ("sent", Some("the provider says: undelivered (30003)"))
    );
    // Neither an unknown delivery nor an unknown status is an error to Twilio.
    let unknown = "dlv_01ARZ3NDEKTSV4RRFFQ69G5FAV";
    call(&subject, callback(unknown, "delivered", "")).await.unwrap();
    call(&subject, callback("x", "delivered", "")).await.unwrap();
    call(&subject, callback(&id, "teleported", "")).await.unwrap();
}

#[tokio::test]
async fn a_forged_callback_is_refused() {
    let twilio = Double::new(accepted).await;
    let subject = subject(&twilio).await;
    ship(&subject, "evt_1", "+33612345678").await;
    let id = text(&subject).await.id;
    let good = callback(&id, "delivered", "");
    let another = "dlv_01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let forged = [
        HandleWebhookRequest {
            signature: String::new(),
            ..good.clone()
        },
        HandleWebhookRequest {
            signature: "not base64!".to_owned(),
            ..good.clone()
        },
        HandleWebhookRequest {
            signature: sign("another token", "https://api.example.org/", &[]),
            ..good.clone()
        },
        HandleWebhookRequest {
            body: callback(&id, "failed", "").body,
            ..good.clone()
        },
        HandleWebhookRequest {
            body: [&good.body[..], b"&ErrorCode=30003"].concat(),
            ..good.clone()
        },
        HandleWebhookRequest {
            url: callback(another, "delivered", "").url,
            ..good.clone()
        },
        HandleWebhookRequest {
            url: "no address".to_owned(),
            ..good.clone()
        },
    ];
    for request in forged {
        assert_eq!(
            call(&subject, request.clone()).await,
            Err(ErrorReason::WebhookSignatureInvalid),
            "{request:?}"
        );
    }
    assert_eq!(text(&subject).await.last_error, None);
    call(&subject, good).await.unwrap();
}

#[tokio::test]
async fn a_setting_that_is_missing_is_named() {
    let twilio = Double::new(accepted).await;
    let refusal = async |test: &TestEnv, config: Config| {
        let error = comptoir_notifier::build(&config, &test.env, peers(test, &Default::default())).await;
        format!("{:#}", error.err().unwrap())
    };
    for variable in ["TWILIO_AUTH_TOKEN", "TWILIO_FROM"] {
        let mut config = config();
        set(&mut config, &twilio);
        if variable == "TWILIO_FROM" {
            config.twilio.twilio_from = None;
        } else {
            config.twilio.twilio_auth_token = None;
        }
        let error = refusal(&TestEnv::new(), config).await;
        assert!(error.starts_with(variable), "{error}");
    }
    let mut config = config();
    set(&mut config, &twilio);
    assert!(!format!("{config:?}").contains(TOKEN), "secrets print as ***");
    let error = refusal(&production(), config).await;
    assert!(error.starts_with("TWILIO_BASE_URL"), "{error}");
}
