//! Whether the process lives, and whether it can serve.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use comptoir_mesh::Env;
use comptoir_mesh::channel::Channel;
use comptoir_mesh::context::{self, Context};
use comptoir_proto::auth::v1::GetJwksRequest;
use comptoir_proto::auth::v1::auth_service_client::AuthServiceClient;
use comptoir_proto::catalog::v1::catalog_service_client::CatalogServiceClient;
use comptoir_proto::catalog::v1::{GetProductRequest, get_product_request};
use comptoir_proto::orders::v1::order_service_client::OrderServiceClient;
use comptoir_proto::orders::v1::{GetOrderRequest, get_order_request};
use http::StatusCode;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use crate::app::{App, Peers};

/// How long an answer about the services stands, so that probing us never becomes a load on them.
const KEPT: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(2);

/// Asks the services whether they are there.
pub(crate) struct Readiness {
    auth: AuthServiceClient<Channel>,
    catalog: CatalogServiceClient<Channel>,
    orders: OrderServiceClient<Channel>,
    draining: CancellationToken,
    last: Mutex<Option<(Instant, Reachable)>>,
}

#[derive(Debug, Clone, Copy)]
struct Reachable {
    auth: bool,
    catalog: bool,
    orders: bool,
}

impl Readiness {
    pub(crate) fn new(peers: &Peers, env: &Env) -> Self {
        Self {
            auth: AuthServiceClient::new(peers.auth.clone()),
            catalog: CatalogServiceClient::new(peers.catalog.clone()),
            orders: OrderServiceClient::new(peers.orders.clone()),
            draining: env.draining.clone(),
            last: Mutex::default(),
        }
    }

    async fn ask(&self) -> Reachable {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, reachable)) = last.filter(|(at, _)| at.elapsed() < KEPT) {
            let _ = at;
            return reachable;
        }
        let (mut auth, mut catalog, mut orders) =
            (self.auth.clone(), self.catalog.clone(), self.orders.clone());
        // For things that cannot be there: that a service says so is all we want to know.
        let product = GetProductRequest {
            key: Some(get_product_request::Key::Slug("-".to_owned())),
            read_mask: None,
        };
        let order = GetOrderRequest {
            key: Some(get_order_request::Key::AccessToken("-".to_owned())),
            cart_id: None,
        };
        let context = Context {
            token: None,
            deadline: Some(tokio::time::Instant::now() + TIMEOUT),
            ..context::current()
        };
        let (auth, catalog, orders) = context::scope(context, async {
            tokio::join!(
                auth.get_jwks(GetJwksRequest {}),
                catalog.get_product(product),
                orders.get_order(order)
            )
        })
        .await;
        let reachable = Reachable {
            auth: has_answered(auth.err()),
            catalog: has_answered(catalog.err()),
            orders: has_answered(orders.err()),
        };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), reachable));
        reachable
    }
}

fn has_answered(error: Option<Status>) -> bool {
    !matches!(
        error.map(|status| status.code()),
        Some(Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown)
    )
}

/// Lives as long as it answers; no dependency counts.
pub(crate) async fn livez() -> &'static str {
    "ok\n"
}

/// Ready while auth, catalog and orders can be reached and the process does not drain.
pub(crate) async fn readyz(State(app): State<Arc<App>>) -> Response {
    let draining = app.readiness.draining.is_cancelled();
    let reachable = app.readiness.ask().await;
    let ready = !draining && reachable.auth && reachable.catalog && reachable.orders;
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = json!({
        "ready": ready,
        "draining": draining,
        "auth": reachable.auth,
        "catalog": reachable.catalog,
        "orders": reachable.orders,
    });
    (status, axum::Json(body)).into_response()
}
