//! A shop with one product, a lamp, and one order that can be followed.

use std::sync::{Arc, Mutex};

use comptoir_mesh::Error;
use comptoir_mesh::error::ErrorReason;
use comptoir_proto::auth::v1 as auth;
use comptoir_proto::catalog::v1 as catalog;
use comptoir_proto::orders::v1 as orders;
use comptoir_proto::types::Money;
use futures::StreamExt as _;
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;

use super::fakes::{Answers, Fakes};

pub(crate) const LAMP: &str = "prod_01J0000000000000000000LAMP";

/// The version of an order that may not be followed any more.
pub(crate) const REFUSED: i64 = -1;

/// What the fake services hold.
#[derive(Clone)]
pub(crate) struct Lamp {
    title: Arc<Mutex<String>>,
    /// The version of the order that is followed.
    order: watch::Sender<i64>,
}

impl Lamp {
    /// Makes the fakes answer with the lamp and the order.
    pub(crate) fn stock(fakes: &Fakes) -> Self {
        let lamp = Self {
            title: Arc::new(Mutex::new("Lamp".into())),
            order: watch::Sender::new(1),
        };
        stock_auth(fakes);
        lamp.stock_catalog(fakes);
        lamp.stock_orders(fakes);
        lamp
    }

    /// Renames the lamp.
    pub(crate) fn rename(&self, title: &str) {
        title.clone_into(&mut self.title.lock().unwrap());
    }

    /// Changes the order that is followed.
    pub(crate) fn change_order(&self, version: i64) {
        self.order.send_replace(version);
    }

    /// Whether a stream of that order is open.
    pub(crate) fn is_followed(&self) -> bool {
        self.order.receiver_count() > 0
    }

    fn product(&self) -> catalog::Product {
        let price = Some(Money {
            minor_units: 4990,
            currency_code: "EUR".into(),
        });
        let variant = catalog::Variant {
            id: "var_01J0000000000000000000LAMP".into(),
            product_id: LAMP.into(),
            title: "Default Title".into(),
            price,
            quantity_available: 7,
            available_for_sale: true,
            product_status: catalog::ProductStatus::Active.into(),
            ..Default::default()
        };
        catalog::Product {
            id: LAMP.into(),
            slug: "lamp".into(),
            title: self.title.lock().unwrap().clone(),
            variants: vec![variant],
            status: catalog::ProductStatus::Active.into(),
            version: 1,
            ..Default::default()
        }
    }

    fn stock_catalog(&self, fakes: &Fakes) {
        use catalog::get_product_request::Key;

        let lamp = self.clone();
        fakes.on("get_product", move |request: catalog::GetProductRequest| {
            let is_lamp = match request.key {
                Some(Key::ProductId(id)) => id == LAMP,
                Some(Key::Slug(slug)) if slug == "panic" => panic!("told to"),
                Some(Key::Slug(slug)) if slug == "gone" => {
                    return Err(Error::unavailable(anyhow::anyhow!("the store's secret name")));
                }
                Some(Key::Slug(slug)) => slug == "lamp",
                None => false,
            };
            if !is_lamp {
                return Err(Error::new(ErrorReason::NotFound, "There is no such product."));
            }
            Ok(catalog::GetProductResponse {
                product: Some(lamp.product()),
            })
        });
        let lamp = self.clone();
        fakes.on(
            "batch_get_products",
            move |_: catalog::BatchGetProductsRequest| {
                let products = vec![lamp.product()];
                Ok(catalog::BatchGetProductsResponse { products })
            },
        );
        let lamp = self.clone();
        fakes.on("list_products", move |_: catalog::ListProductsRequest| {
            Ok(catalog::ListProductsResponse {
                products: vec![lamp.product()],
                cursors: vec!["cursor".into()],
                total_count: 1,
                ..Default::default()
            })
        });
    }

    fn stock_orders(&self, fakes: &Fakes) {
        let no_order = || Error::new(ErrorReason::NotFound, "There is no such order.");
        fakes.on("get_order", move |_: orders::GetOrderRequest| {
            Err::<orders::GetOrderResponse, _>(no_order())
        });
        let order = self.order.clone();
        fakes.on("watch_order", move |request: orders::WatchOrderRequest| {
            let Some(orders::watch_order_request::Key::AccessToken(token)) = request.key else {
                return Err(no_order());
            };
            let answers: Answers<orders::WatchOrderResponse> = match token.as_str() {
                "open-end" => Box::pin(WatchStream::new(order.subscribe()).map(
                    move |version| match version {
                        REFUSED => Err(no_order().into()),
                        version => Ok(state(version)),
                    },
                )),
                "let-me-in" => Box::pin(futures::stream::iter([1, 2].map(|version| Ok(state(version))))),
                _ => return Err(no_order()),
            };
            Ok(answers)
        });
    }
}

fn stock_auth(fakes: &Fakes) {
    fakes.on("get_jwks", |_: auth::GetJwksRequest| {
        let key = auth::Jwk {
            kid: "key-1".into(),
            x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".into(),
        };
        Ok(auth::GetJwksResponse { keys: vec![key] })
    });
    fakes.on("login", |_: auth::LoginRequest| {
        Err::<auth::LoginResponse, _>(Error::new(
            ErrorReason::InvalidCredentials,
            "No account has this address and password.",
        ))
    });
}

fn state(version: i64) -> orders::WatchOrderResponse {
    let order = orders::Order {
        id: "order_01J000000000000000000000RD".into(),
        version,
        state: orders::OrderState::Placed.into(),
        ..Default::default()
    };
    orders::WatchOrderResponse { order: Some(order) }
}
