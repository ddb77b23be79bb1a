//! Webhooks of providers. The body is passed on unchanged, because the signature covers its bytes.

use std::sync::Arc;

use axum::extract::State;
use comptoir_mesh::config::Profile;
use comptoir_proto::notifier::v1 as notifier;
use comptoir_proto::orders::v1 as orders;
use http::header::HOST;
use http::{HeaderMap, StatusCode, Uri};

use crate::app::App;
use crate::json::read_body;
use crate::problem::Problem;
use crate::rest::calls::CallResult as _;

fn header(headers: &HeaderMap, name: &str) -> String {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

async fn bytes(body: axum::body::Body) -> Result<Vec<u8>, Problem> {
    Ok(read_body(body).await?.into())
}

/// Payment events of Stripe.
#[utoipa::path(
    post,
    path = "/webhooks/stripe",
    request_body(content = String, content_type = "application/json"),
    params(("Stripe-Signature" = Option<String>, Header)),
    responses((status = 200))
)]
pub(crate) async fn stripe(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Result<StatusCode, Problem> {
    let signature = header(&headers, "stripe-signature");
    let request = orders::HandleWebhookRequest {
        provider: "stripe".into(),
        signature,
        body: bytes(body).await?,
    };
    app.services
        .payments
        .clone()
        .handle_webhook(request)
        .await
        .or_problem()?;
    Ok(StatusCode::OK)
}

/// Delivery reports of Twilio.
#[utoipa::path(
    post,
    path = "/webhooks/twilio",
    request_body(content = inline(BTreeMap<String, String>), content_type = "application/x-www-form-urlencoded"),
    params(("X-Twilio-Signature" = Option<String>, Header)),
    responses((status = 200))
)]
pub(crate) async fn twilio(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    uri: Uri,
    body: axum::body::Body,
) -> Result<StatusCode, Problem> {
    let signature = header(&headers, "x-twilio-signature");
    let url = public_url(&app, &headers, &uri);
    notify(
        &app,
        notifier::HandleWebhookRequest {
            provider: "twilio".into(),
            signature,
            url,
            body: bytes(body).await?,
        },
    )
    .await
}

/// Delivery reports of Amazon SES, through SNS. Its messages contain their own signature.
#[utoipa::path(
    post,
    path = "/webhooks/ses",
    request_body(content = String, content_type = "text/plain"),
    responses((status = 200))
)]
pub(crate) async fn ses(State(app): State<Arc<App>>, body: axum::body::Body) -> Result<StatusCode, Problem> {
    let body = bytes(body).await?;
    notify(
        &app,
        notifier::HandleWebhookRequest {
            provider: "ses".into(),
            body,
            ..Default::default()
        },
    )
    .await
}

async fn notify(app: &App, request: notifier::HandleWebhookRequest) -> Result<StatusCode, Problem> {
    app.services
        .notifier
        .clone()
        .handle_webhook(request)
        .await
        .or_problem()?;
    Ok(StatusCode::OK)
}

/// The URL that was called. The signature covers it, so a forged header only makes the check fail.
fn public_url(app: &App, headers: &HeaderMap, uri: &Uri) -> String {
    let forwarded = header(headers, "x-forwarded-proto");
    let scheme = match forwarded.as_str() {
        "http" | "https" => forwarded.as_str(),
        _ if app.env.profile == Profile::Development => "http",
        _ => "https",
    };
    let host = uri
        .authority()
        .map_or_else(|| header(headers, HOST.as_str()), ToString::to_string);
    format!(
        "{scheme}://{host}{}",
        uri.path_and_query().map_or("/", |path| path.as_str())
    )
}
