//! Whether the process lives, and whether it can serve.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use comptoir_mesh::Env;
use comptoir_mesh::context::{self, Context};
use comptoir_proto::auth::v1::GetJwksRequest;
use comptoir_proto::catalog::v1::{GetProductRequest, get_product_request};
use comptoir_proto::orders::v1::{GetOrderRequest, get_order_request};
use http::StatusCode;
use serde_json::json;
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use crate::backend::Services;

/// How long an answer about the services stands, so that probing us never becomes a load on them.
const TIME_TO_LIVE: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(2);

/// Asks the services whether they are there.
pub(crate) struct Readiness {
    services: Services,
    draining: CancellationToken,
    /// Held while the services are asked: however many probe, they are asked once.
    probing: Arc<Mutex<()>>,
    latest: Arc<watch::Sender<Option<(Instant, Reachable)>>>,
    /// Whether all were there at some time.
    was_complete: AtomicBool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Reachable {
    auth: bool,
    catalog: bool,
    orders: bool,
}

impl Readiness {
    pub(crate) fn new(services: Services, env: &Env) -> Self {
        Self {
            services,
            draining: env.draining.clone(),
            probing: Arc::default(),
            latest: Arc::new(watch::Sender::new(None)),
            was_complete: AtomicBool::new(false),
        }
    }

    async fn ask(&self) -> Reachable {
        let mut latest = self.latest.subscribe();
        if let Some(reachable) = fresh(*latest.borrow_and_update()) {
            return reachable;
        }
        if let Ok(probing) = self.probing.clone().try_lock_owned() {
            let (services, latest) = (self.services.clone(), self.latest.clone());
            // In a task, which ends though the probe be gone: probes that hang up at once would make as many calls else.
            tokio::spawn(async move {
                let _turn = probing;
                // It may have been looked up between the probe at it and the probing.
                if fresh(*latest.borrow()).is_none() {
                    let reachable = probe(services).await;
                    latest.send_replace(Some((Instant::now(), reachable)));
                }
            });
        }
        let answer = async {
            loop {
                // The sender is ours and lives.
                let _ = latest.changed().await;
                if let Some((_, reachable)) = *latest.borrow_and_update() {
                    return reachable;
                }
            }
        };
        tokio::time::timeout(2 * TIMEOUT, answer)
            .await
            .unwrap_or_default()
    }

    /// All have to be there at first. Later most pages do without one of them, and a gateway taken out of service for it would
    /// take those down too, all gateways at once.
    fn is_ready(&self, reachable: Reachable) -> bool {
        let Reachable {
            auth,
            catalog,
            orders,
        } = reachable;
        if auth && catalog && orders {
            self.was_complete.store(true, Ordering::Relaxed);
            return true;
        }
        self.was_complete.load(Ordering::Relaxed) && (auth || catalog || orders)
    }
}

fn fresh(latest: Option<(Instant, Reachable)>) -> Option<Reachable> {
    latest
        .filter(|(at, _)| at.elapsed() < TIME_TO_LIVE)
        .map(|(_, reachable)| reachable)
}

async fn probe(mut services: Services) -> Reachable {
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
        deadline: Some(tokio::time::Instant::now() + TIMEOUT),
        ..Context::background("readiness")
    };
    let (auth, catalog, orders) = context::scope(context, async {
        tokio::join!(
            services.auth.get_jwks(GetJwksRequest {}),
            services.catalog.get_product(product),
            services.orders.get_order(order)
        )
    })
    .await;
    Reachable {
        auth: serves(auth.err().as_ref()),
        catalog: serves(catalog.err().as_ref()),
        orders: serves(orders.err().as_ref()),
    }
}

/// One that refuses us, or does not know the method, is of no more use than one that is away.
fn serves(error: Option<&Status>) -> bool {
    !matches!(
        error.map(Status::code),
        Some(
            Code::Unavailable
                | Code::DeadlineExceeded
                | Code::Cancelled
                | Code::Unknown
                | Code::PermissionDenied
                | Code::Unauthenticated
                | Code::Unimplemented
        )
    )
}

/// Lives as long as it answers; no dependency counts.
pub(crate) async fn livez() -> &'static str {
    "ok\n"
}

/// Ready once auth, catalog and orders serve this process; from then on while one of them does and the process does not drain.
pub(crate) async fn readyz(State(readiness): State<Arc<Readiness>>) -> Response {
    let draining = readiness.draining.is_cancelled();
    let reachable = readiness.ask().await;
    let ready = readiness.is_ready(reachable) && !draining;
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
