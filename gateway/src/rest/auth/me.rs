//! The signed-in user's own profile, addresses and sessions.

use std::sync::Arc;

use axum::extract::State;
use comptoir_mesh::error::ErrorReason;
use comptoir_proto::auth::v1 as pb;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::backend::{Paths, present};
use crate::json::Json;
use crate::problem::Problem;
use crate::rest::calls::CallResult as _;
use crate::rest::extract::{Id, SignedIn, nullable};
use crate::rest::schema::{Locale, Name, Phone};
use crate::rest::view::{Address, List, SavedAddress, Session, User};

const ADDRESS: Paths = &[("address_id", "id")];

/// A change of the profile. What is left out stays, null removes.
#[derive(Deserialize, ToSchema, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ProfileUpdate {
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Name>)]
    first_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Name>)]
    last_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Phone>)]
    phone: Option<Option<String>>,
    /// BCP 47, one of the shop's.
    #[schema(value_type = Option<Locale>)]
    locale: Option<String>,
}

/// A new address.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AddressInput {
    address: Address,
    /// true makes it the only default address.
    is_default: Option<bool>,
}

/// A change of a saved address.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AddressUpdate {
    /// The whole address. If left out, it stays.
    address: Option<Address>,
    is_default: Option<bool>,
}

async fn read(app: &App, user_id: String) -> Result<pb::User, Problem> {
    Ok(present(
        app.services
            .auth
            .clone()
            .get_user(pb::GetUserRequest { user_id })
            .await
            .or_problem()?
            .user,
    )?)
}

async fn save(app: &App, request: pb::SaveAddressRequest) -> Result<Json<SavedAddress>, Problem> {
    let saved = app
        .services
        .auth
        .clone()
        .save_address(request)
        .await
        .or_problem_for(ADDRESS)?;
    let addresses = present(saved.user)?.addresses;
    let address = addresses
        .into_iter()
        .find(|address| address.id == saved.address_id);
    Ok(Json(present(address)?.into()))
}

/// The signed-in user.
#[utoipa::path(get, path = "/auth/me", security(("bearer" = [])),
    responses((status = 200, body = User)))]
pub(crate) async fn get_me(
    State(app): State<Arc<App>>,
    SignedIn(user_id): SignedIn,
) -> Result<Json<User>, Problem> {
    Ok(Json(read(&app, user_id).await?.into()))
}

/// Changes the profile.
#[utoipa::path(patch, path = "/auth/me", request_body = ProfileUpdate, security(("bearer" = [])),
    responses((status = 200, body = User), (status = 422)))]
pub(crate) async fn update_me(
    State(app): State<Arc<App>>,
    SignedIn(_): SignedIn,
    Json(update): Json<ProfileUpdate>,
) -> Result<Json<User>, Problem> {
    let request = pb::UpdateUserRequest {
        first_name: update.first_name.map(Option::unwrap_or_default),
        last_name: update.last_name.map(Option::unwrap_or_default),
        phone: update.phone.map(Option::unwrap_or_default),
        locale: update.locale,
    };
    let changed = app
        .services
        .auth
        .clone()
        .update_user(request)
        .await
        .or_problem()?;
    Ok(Json(present(changed.user)?.into()))
}

/// The saved addresses.
#[utoipa::path(get, path = "/auth/me/addresses", security(("bearer" = [])),
    responses((status = 200, body = List<SavedAddress>)))]
pub(crate) async fn list_addresses(
    State(app): State<Arc<App>>,
    SignedIn(user_id): SignedIn,
) -> Result<Json<List<SavedAddress>>, Problem> {
    let items = read(&app, user_id)
        .await?
        .addresses
        .into_iter()
        .map(SavedAddress::from)
        .collect();
    Ok(Json(List { items }))
}

/// Saves an address.
#[utoipa::path(
    post,
    path = "/auth/me/addresses",
    request_body = AddressInput,
    security(("bearer" = [])),
    responses((status = 201, body = SavedAddress), (status = 409), (status = 422))
)]
pub(crate) async fn create_address(
    State(app): State<Arc<App>>,
    SignedIn(_): SignedIn,
    Json(AddressInput { address, is_default }): Json<AddressInput>,
) -> Result<(StatusCode, Json<SavedAddress>), Problem> {
    let request = pb::SaveAddressRequest {
        address_id: None,
        address: Some(address.into()),
        is_default,
    };
    Ok((StatusCode::CREATED, save(&app, request).await?))
}

/// Replaces an address, or makes it the default.
#[utoipa::path(
    patch,
    path = "/auth/me/addresses/{id}",
    request_body = AddressUpdate,
    security(("bearer" = [])),
    responses((status = 200, body = SavedAddress), (status = 409), (status = 422))
)]
pub(crate) async fn update_address(
    State(app): State<Arc<App>>,
    SignedIn(user_id): SignedIn,
    Id(address_id): Id,
    Json(AddressUpdate { address, is_default }): Json<AddressUpdate>,
) -> Result<Json<SavedAddress>, Problem> {
    let address = match address {
        Some(address) => address.into(),
        None => {
            let saved = read(&app, user_id)
                .await?
                .addresses
                .into_iter()
                .find(|saved| saved.id == address_id);
            let saved =
                saved.ok_or_else(|| Problem::new(ErrorReason::NotFound, "There is no such address."))?;
            present(saved.address)?
        }
    };
    save(
        &app,
        pb::SaveAddressRequest {
            address_id: Some(address_id),
            address: Some(address),
            is_default,
        },
    )
    .await
}

/// Removes an address.
#[utoipa::path(delete, path = "/auth/me/addresses/{id}", security(("bearer" = [])),
    responses((status = 204)))]
pub(crate) async fn delete_address(
    State(app): State<Arc<App>>,
    SignedIn(_): SignedIn,
    Id(address_id): Id,
) -> Result<StatusCode, Problem> {
    app.services
        .auth
        .clone()
        .delete_address(pb::DeleteAddressRequest { address_id })
        .await
        .or_problem_for(ADDRESS)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The signed-in devices, the last used first.
#[utoipa::path(get, path = "/auth/me/sessions", security(("bearer" = [])),
    responses((status = 200, body = List<Session>)))]
pub(crate) async fn list_sessions(
    State(app): State<Arc<App>>,
    SignedIn(_): SignedIn,
) -> Result<Json<List<Session>>, Problem> {
    let mut items = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = pb::ListSessionsRequest {
            page_token,
            ..Default::default()
        };
        let page = app
            .services
            .auth
            .clone()
            .list_sessions(request)
            .await
            .or_problem()?;
        items.extend(page.sessions.into_iter().map(Session::from));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(Json(List { items }));
        }
    }
}

/// Ends a session.
#[utoipa::path(delete, path = "/auth/me/sessions/{id}", security(("bearer" = [])),
    responses((status = 204)))]
pub(crate) async fn revoke_session(
    State(app): State<Arc<App>>,
    SignedIn(_): SignedIn,
    Id(session_id): Id,
) -> Result<StatusCode, Problem> {
    let request = pb::RevokeSessionRequest { session_id };
    app.services
        .auth
        .clone()
        .revoke_session(request)
        .await
        .or_problem_for(&[("session_id", "id")])?;
    Ok(StatusCode::NO_CONTENT)
}
