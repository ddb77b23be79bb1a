//! The REST API. A file for each noun holds its handlers, each with its description for the OpenAPI document.
//!
//! A handler reads its request (`extract`, `parameters`, `quantity`), makes one call (`calls`) and converts the answer
//! (`view`). `upload` streams bodies to a service. `schema`, `openapi` and `docs` are about the OpenAPI document.

mod admin;
mod auth;
mod calls;
mod docs;
mod extract;
mod openapi;
mod parameters;
mod quantity;
mod schema;
mod store;
mod upload;
mod view;
mod webhooks;

pub(crate) use parameters::may_repeat;

use std::sync::Arc;

use axum::Router;
use comptoir_shop::Shop;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

pub(crate) use extract::Id;

/// All ways to pay. A shop accepts one of them, or both.
const PROVIDERS: [&str; 2] = ["sandbox", "stripe"];

/// The routes of the REST API.
pub(crate) fn routes(app: Arc<App>) -> Router {
    let providers = app.services.settings.payment_providers.iter();
    let providers: Vec<String> = providers.map(|provider| provider.name.clone()).collect();
    let (routes, document) = described(&app.env.shop, &providers);
    routes.with_state(app).merge(docs::routes(&document))
}

/// The OpenAPI document of a shop. `gateway/openapi.json` contains that of the default shop.
pub fn openapi(shop: &Shop) -> String {
    docs::text(&described(shop, &PROVIDERS.map(str::to_owned)).1)
}

fn described(shop: &Shop, providers: &[String]) -> (Router<Arc<App>>, OpenApi) {
    let (routes, document) = OpenApiRouter::new()
        .merge(store())
        .merge(auth())
        .merge(admin())
        .merge(webhooks())
        .split_for_parts();
    (routes, openapi::complete(document, shop, providers))
}

fn store() -> OpenApiRouter<Arc<App>> {
    use store::{carts, complete, events, orders, products, shop};
    OpenApiRouter::new()
        .routes(routes!(products::list_products))
        .routes(routes!(products::get_product))
        .routes(routes!(shop::get_shop))
        .routes(routes!(shop::list_categories))
        .routes(routes!(carts::create_cart))
        .routes(routes!(carts::get_cart, carts::update_cart))
        .routes(routes!(carts::attach_cart))
        .routes(routes!(carts::add_line))
        .routes(routes!(carts::update_line, carts::remove_line))
        .routes(routes!(complete::complete_cart))
        .routes(routes!(orders::list_orders))
        .routes(routes!(orders::get_order))
        .routes(routes!(orders::cancel_order))
        .routes(routes!(events::order_events))
}

fn auth() -> OpenApiRouter<Arc<App>> {
    use auth::{account, me, tokens};
    OpenApiRouter::new()
        .routes(routes!(account::register))
        .routes(routes!(account::confirm))
        .routes(routes!(account::resend_confirmation))
        .routes(routes!(account::change_password))
        .routes(routes!(account::request_password_reset))
        .routes(routes!(account::reset_password))
        .routes(routes!(tokens::create_token))
        .routes(routes!(tokens::refresh_token))
        .routes(routes!(tokens::logout))
        .routes(routes!(tokens::logout_all))
        .routes(routes!(me::get_me, me::update_me))
        .routes(routes!(me::list_addresses, me::create_address))
        .routes(routes!(me::update_address, me::delete_address))
        .routes(routes!(me::list_sessions))
        .routes(routes!(me::revoke_session))
}

fn admin() -> OpenApiRouter<Arc<App>> {
    use admin::{import, inventory, media, orders, products};
    OpenApiRouter::new()
        .routes(routes!(products::list_all_products, products::create_product))
        .routes(routes!(products::update_product, products::delete_product))
        .routes(routes!(import::import_products))
        .routes(routes!(media::put_media))
        .routes(routes!(inventory::adjust_stock))
        .routes(routes!(orders::list_all_orders))
        .routes(routes!(orders::get_any_order))
        .routes(routes!(orders::fulfill_order))
        .routes(routes!(orders::deliver_order))
        .routes(routes!(orders::refund_order))
        .routes(routes!(orders::cancel_any_order))
}

fn webhooks() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(webhooks::stripe))
        .routes(routes!(webhooks::twilio))
        .routes(routes!(webhooks::ses))
}
