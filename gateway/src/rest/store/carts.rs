//! Carts and their lines.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use comptoir_proto::orders::v1 as pb;
use http::{HeaderMap, StatusCode};

use super::cart_input::{CartInput, CartLineInput, CartLineUpdate, CartUpdate};
use super::orders;
use crate::app::App;
use crate::backend::{Paths, locale, present, signed_in};
use crate::json::Json;
use crate::problem::Problem;
use crate::request::{Client, preferred_language};
use crate::rest::calls::CallResult as _;
use crate::rest::extract::{Id, Ids, OptionalJson};
use crate::rest::view::{Cart, Order};

/// A line in the body is the first of a list in messages.
const LINE: Paths = &[("lines.0", "")];
const CODES: Paths = &[("discount_codes.codes", "discountCodes")];

/// A cart for the answer, with its order if it has one.
pub(crate) async fn view(app: &App, cart: pb::Cart) -> Result<Cart, Problem> {
    let order = match &cart.order_id {
        Some(order_id) => {
            let key = Some(pb::get_order_request::Key::OrderId(order_id.clone()));
            let order = orders::read(
                app,
                pb::GetOrderRequest {
                    key,
                    cart_id: Some(cart.id.clone()),
                },
            )
            .await;
            orders::if_found(order)?.map(|order| Order::new(order, None))
        }
        None => None,
    };
    Ok(Cart::new(cart, order))
}

async fn answer(app: &App, cart: Option<pb::Cart>) -> Result<Json<Cart>, Problem> {
    view(app, present(cart)?).await.map(Json)
}

/// Creates a cart: the customer's own if signed in, otherwise a guest's.
#[utoipa::path(post, path = "/store/carts", request_body = Option<CartInput>, responses((status = 201, body = Cart), (status = 404), (status = 409), (status = 422)))]
pub(crate) async fn create_cart(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    OptionalJson(input): OptionalJson<CartInput>,
) -> Result<(StatusCode, Json<Cart>), Problem> {
    let mut request = input.read()?;
    if request.locale.is_none() {
        let accepted = preferred_language(&headers, &app.services.shop.locales);
        request.locale = locale::of_buyer(&app.services, client.user.as_deref(), accepted).await;
    }
    let created = app
        .services
        .carts
        .clone()
        .create_cart(request)
        .await
        .or_problem()?;
    Ok((StatusCode::CREATED, answer(&app, created.cart).await?))
}

/// Reads a cart.
#[utoipa::path(get, path = "/store/carts/{id}", responses((status = 200, body = Cart)))]
pub(crate) async fn get_cart(State(app): State<Arc<App>>, Id(cart_id): Id) -> Result<Json<Cart>, Problem> {
    let found = app
        .services
        .carts
        .clone()
        .get_cart(pb::GetCartRequest { cart_id })
        .await
        .or_problem()?;
    answer(&app, found.cart).await
}

/// Changes e-mail address, phone, addresses, delivery option and discount codes.
#[utoipa::path(patch, path = "/store/carts/{id}", request_body = CartUpdate, responses((status = 200, body = Cart), (status = 409), (status = 422)))]
pub(crate) async fn update_cart(
    State(app): State<Arc<App>>,
    Id(cart_id): Id,
    Json(update): Json<CartUpdate>,
) -> Result<Json<Cart>, Problem> {
    let changed = app
        .services
        .carts
        .clone()
        .update_cart(update.read(cart_id))
        .await
        .or_problem_for(CODES)?;
    answer(&app, changed.cart).await
}

/// The signed-in customer takes over a guest's cart. Continue with the cart of the answer.
#[utoipa::path(post, path = "/store/carts/{id}/attach", security(("bearer" = [])),
    responses((status = 200, body = Cart), (status = 409)))]
pub(crate) async fn attach_cart(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Id(cart_id): Id,
) -> Result<Json<Cart>, Problem> {
    let user = signed_in(client.user.as_deref())?;
    let attached = app
        .services
        .carts
        .clone()
        .attach_cart(pb::AttachCartRequest { cart_id })
        .await
        .or_problem()?;
    let cart = locale::adopt(&app.services, user, present(attached.cart)?).await;
    view(&app, cart).await.map(Json)
}

/// Adds units of a variant. If the cart has a line of it, its quantity increases.
#[utoipa::path(
    post,
    path = "/store/carts/{id}/line-items",
    request_body = CartLineInput,
    responses((status = 201, body = Cart), (status = 409), (status = 422))
)]
pub(crate) async fn add_line(
    State(app): State<Arc<App>>,
    Id(cart_id): Id,
    Json(line): Json<CartLineInput>,
) -> Result<(StatusCode, Json<Cart>), Problem> {
    let lines = vec![line.read("")?];
    let changed = app
        .services
        .carts
        .clone()
        .add_lines(pb::AddLinesRequest { cart_id, lines })
        .await
        .or_problem_for(LINE)?;
    Ok((StatusCode::CREATED, answer(&app, changed.cart).await?))
}

/// Sets a line's quantity.
#[utoipa::path(
    patch,
    path = "/store/carts/{id}/line-items/{lineId}",
    request_body = CartLineUpdate,
    responses((status = 200, body = Cart), (status = 409), (status = 422))
)]
pub(crate) async fn update_line(
    State(app): State<Arc<App>>,
    Ids(cart_id, line_id): Ids,
    Json(update): Json<CartLineUpdate>,
) -> Result<Json<Cart>, Problem> {
    let lines = vec![pb::CartLineUpdate {
        line_id,
        quantity: update.quantity.read("quantity")?,
    }];
    let request = pb::UpdateLinesRequest { cart_id, lines };
    let changed = app
        .services
        .carts
        .clone()
        .update_lines(request)
        .await
        .or_problem_for(LINE)?;
    answer(&app, changed.cart).await
}

/// Removes a line.
#[utoipa::path(delete, path = "/store/carts/{id}/line-items/{lineId}", responses((status = 200, body = Cart), (status = 409)))]
pub(crate) async fn remove_line(
    State(app): State<Arc<App>>,
    Ids(cart_id, line_id): Ids,
) -> Result<Json<Cart>, Problem> {
    let request = pb::RemoveLinesRequest {
        cart_id,
        line_ids: vec![line_id],
    };
    let changed = app
        .services
        .carts
        .clone()
        .remove_lines(request)
        .await
        .or_problem_for(LINE)?;
    answer(&app, changed.cart).await
}
