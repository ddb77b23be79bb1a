//! Signing in and out.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use comptoir_proto::auth::v1 as pb;
use http::header::USER_AGENT;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::backend::present;
use crate::json::Json;
use crate::problem::Problem;
use crate::request::Client;
use crate::rest::calls::CallResult as _;
use crate::rest::extract::SignedIn;
use crate::rest::schema::{RequestId, Text};
use crate::rest::view::Tokens;

/// E-mail and password.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Credentials {
    #[schema(value_type = Text)]
    email: String,
    #[schema(value_type = Text)]
    password: String,
}

/// A session's refresh token, which can be used once.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RefreshInput {
    #[schema(value_type = Text)]
    refresh_token: String,
    /// Allows retries of the call for 10 s.
    #[schema(value_type = Option<RequestId>)]
    request_id: Option<String>,
}

/// The session to end.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct LogoutInput {
    #[schema(value_type = Text)]
    refresh_token: String,
}

/// Opens a session.
#[utoipa::path(post, path = "/auth/token", request_body = Credentials, responses((status = 200, body = Tokens)))]
pub(crate) async fn create_token(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    Json(Credentials { email, password }): Json<Credentials>,
) -> Result<Json<Tokens>, Problem> {
    let user_agent = headers
        .get(USER_AGENT)
        .and_then(|agent| agent.to_str().ok())
        .map(str::to_owned);
    let client_address = Some(client.address.to_string());
    let request = pb::LoginRequest {
        email,
        password,
        user_agent,
        client_address,
    };
    let opened = app.services.auth.clone().login(request).await.or_problem()?;
    Ok(Json(Tokens::new(present(opened.tokens)?, opened.user)))
}

/// Returns the session's next tokens. A refresh token that is used twice ends its session (TOKEN_REUSED).
#[utoipa::path(post, path = "/auth/token/refresh", request_body = RefreshInput, responses((status = 200, body = Tokens), (status = 409)))]
pub(crate) async fn refresh_token(
    State(app): State<Arc<App>>,
    Json(RefreshInput {
        refresh_token,
        request_id,
    }): Json<RefreshInput>,
) -> Result<Json<Tokens>, Problem> {
    let request = pb::RefreshTokenRequest {
        refresh_token,
        request_id,
    };
    let next = app
        .services
        .auth
        .clone()
        .refresh_token(request)
        .await
        .or_problem()?;
    Ok(Json(Tokens::new(present(next.tokens)?, next.user)))
}

/// Ends the session of a refresh token.
#[utoipa::path(post, path = "/auth/logout", request_body = LogoutInput, responses((status = 204)))]
pub(crate) async fn logout(
    State(app): State<Arc<App>>,
    Json(LogoutInput { refresh_token }): Json<LogoutInput>,
) -> Result<StatusCode, Problem> {
    app.services
        .auth
        .clone()
        .logout(pb::LogoutRequest { refresh_token })
        .await
        .or_problem()?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all sessions of the signed-in user.
#[utoipa::path(post, path = "/auth/logout-all", security(("bearer" = [])),
    responses((status = 204)))]
pub(crate) async fn logout_all(
    State(app): State<Arc<App>>,
    SignedIn(_): SignedIn,
) -> Result<StatusCode, Problem> {
    app.services
        .auth
        .clone()
        .logout_all(pb::LogoutAllRequest {})
        .await
        .or_problem()?;
    Ok(StatusCode::NO_CONTENT)
}
