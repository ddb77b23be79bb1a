//! Accounts and passwords.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use comptoir_proto::auth::v1 as pb;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::backend::present;
use crate::json::Json;
use crate::problem::Problem;
use crate::request::{Client, preferred_language};
use crate::rest::calls::CallResult as _;
use crate::rest::extract::SignedIn;
use crate::rest::schema::{Email, Locale, Name, NewPassword, Phone, Text};
use crate::rest::view::User;

/// A new account.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RegisterInput {
    #[schema(value_type = Email)]
    email: String,
    /// 8 to 1,024 bytes.
    #[schema(value_type = NewPassword)]
    password: String,
    #[schema(value_type = Option<Name>)]
    first_name: Option<String>,
    #[schema(value_type = Option<Name>)]
    last_name: Option<String>,
    #[schema(value_type = Option<Phone>)]
    phone: Option<String>,
    /// BCP 47, one of the shop's. By default what Accept-Language prefers.
    #[schema(value_type = Option<Locale>)]
    locale: Option<String>,
}

/// The token of a mail.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ConfirmInput {
    #[schema(value_type = Text)]
    token: String,
}

/// The address of an account.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EmailInput {
    #[schema(value_type = Email)]
    email: String,
}

/// The current password and the new one.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PasswordInput {
    #[schema(value_type = Text)]
    current_password: String,
    #[schema(value_type = NewPassword)]
    new_password: String,
}

/// A mailed token and a new password.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ResetInput {
    #[schema(value_type = Text)]
    token: String,
    #[schema(value_type = NewPassword)]
    new_password: String,
}

/// The answer is the same whether or not the address is known.
#[derive(Serialize, ToSchema)]
pub(crate) struct Accepted {
    accepted: bool,
}

const ACCEPTED: (StatusCode, Json<Accepted>) = (StatusCode::ACCEPTED, Json(Accepted { accepted: true }));

/// Creates an account. A mail asks to confirm it.
#[utoipa::path(post, path = "/auth/register", request_body = RegisterInput, responses((status = 202, body = Accepted), (status = 422)))]
pub(crate) async fn register(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Json(input): Json<RegisterInput>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    let RegisterInput {
        email,
        password,
        first_name,
        last_name,
        phone,
        locale,
    } = input;
    let request = pb::RegisterRequest {
        email,
        password,
        first_name,
        last_name,
        phone,
        locale: locale.or_else(|| preferred_language(&headers, &app.services.shop.locales)),
    };
    app.services.auth.clone().register(request).await.or_problem()?;
    Ok(ACCEPTED)
}

/// Confirms an address with a mailed token.
#[utoipa::path(post, path = "/auth/confirm", request_body = ConfirmInput, responses((status = 200, body = User), (status = 409)))]
pub(crate) async fn confirm(
    State(app): State<Arc<App>>,
    Json(ConfirmInput { token }): Json<ConfirmInput>,
) -> Result<Json<User>, Problem> {
    let confirmed = app
        .services
        .auth
        .clone()
        .confirm_email(pb::ConfirmEmailRequest { token })
        .await
        .or_problem()?;
    Ok(Json(present(confirmed.user)?.into()))
}

/// Sends the confirmation mail again.
#[utoipa::path(post, path = "/auth/confirm/resend", request_body = EmailInput, responses((status = 202, body = Accepted), (status = 422)))]
pub(crate) async fn resend_confirmation(
    State(app): State<Arc<App>>,
    Json(EmailInput { email }): Json<EmailInput>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    app.services
        .auth
        .clone()
        .resend_confirmation(pb::ResendConfirmationRequest { email })
        .await
        .or_problem()?;
    Ok(ACCEPTED)
}

/// Sets the signed-in user's password and ends the other sessions.
#[utoipa::path(post, path = "/auth/password", request_body = PasswordInput, security(("bearer" = [])),
    responses((status = 200, body = User), (status = 422)))]
pub(crate) async fn change_password(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    SignedIn(_): SignedIn,
    Json(PasswordInput {
        current_password,
        new_password,
    }): Json<PasswordInput>,
) -> Result<Json<User>, Problem> {
    let client_address = Some(client.address.to_string());
    let request = pb::ChangePasswordRequest {
        current_password,
        new_password,
        client_address,
    };
    let changed = app
        .services
        .auth
        .clone()
        .change_password(request)
        .await
        .or_problem()?;
    Ok(Json(present(changed.user)?.into()))
}

/// Sends a mail with a link that sets a new password.
#[utoipa::path(post, path = "/auth/password-reset", request_body = EmailInput, responses((status = 202, body = Accepted), (status = 422)))]
pub(crate) async fn request_password_reset(
    State(app): State<Arc<App>>,
    Json(EmailInput { email }): Json<EmailInput>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    app.services
        .auth
        .clone()
        .request_password_reset(pb::RequestPasswordResetRequest { email })
        .await
        .or_problem()?;
    Ok(ACCEPTED)
}

/// Sets a password with a mailed token, and ends all sessions.
#[utoipa::path(
    post,
    path = "/auth/password-reset/confirm",
    request_body = ResetInput,
    responses((status = 200, body = User), (status = 422))
)]
pub(crate) async fn reset_password(
    State(app): State<Arc<App>>,
    Json(ResetInput { token, new_password }): Json<ResetInput>,
) -> Result<Json<User>, Problem> {
    let request = pb::ResetPasswordRequest { token, new_password };
    let reset = app
        .services
        .auth
        .clone()
        .reset_password(request)
        .await
        .or_problem()?;
    Ok(Json(present(reset.user)?.into()))
}
