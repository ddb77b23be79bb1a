//! What a storefront needs to know first.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use http::HeaderName;
use http::header::CACHE_CONTROL;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::config;
use crate::json::Json;
use crate::problem::Problem;
use crate::request::Client;
use crate::rest::view::{Category, List};

const CACHE_HEADERS: [(HeaderName, &str); 1] = [(CACHE_CONTROL, "public, max-age=60")];

/// The shop.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shop {
    name: String,
    currency_code: String,
    prices_include_tax: bool,
    locales: Vec<String>,
    delivery_countries: Vec<String>,
    payment_providers: Vec<PaymentProvider>,
}

/// A way to pay.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PaymentProvider {
    name: String,
    publishable_key: Option<String>,
}

/// The shop's name, currency, languages, countries and ways to pay.
#[utoipa::path(get, path = "/store/shop", responses((status = 200, body = Shop)))]
pub(crate) async fn get_shop(State(app): State<Arc<App>>) -> ([(HeaderName, &'static str); 1], Json<Shop>) {
    let shop = &app.services.shop;
    let provider = |provider: &config::PaymentProvider| PaymentProvider {
        name: provider.name.clone(),
        publishable_key: provider.publishable_key.clone(),
    };
    let answer = Shop {
        name: shop.name.clone(),
        currency_code: shop.currency.clone(),
        prices_include_tax: shop.prices_include_tax,
        locales: shop.locales.clone(),
        delivery_countries: shop.countries.clone(),
        payment_providers: app
            .services
            .settings
            .payment_providers
            .iter()
            .map(provider)
            .collect(),
    };
    (CACHE_HEADERS, Json(answer))
}

/// The tree of categories.
#[utoipa::path(get, path = "/store/categories", responses((status = 200, body = List<Category>)))]
pub(crate) async fn list_categories(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
) -> Result<([(HeaderName, &'static str); 1], Json<List<Category>>), Problem> {
    let tree = app.request_data(&client).loaders.categories().await?;
    let items = Category::roots(&tree);
    Ok((CACHE_HEADERS, Json(List { items })))
}
