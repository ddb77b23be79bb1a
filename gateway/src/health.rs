//! Liveness and readiness.

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

/// How long a result is reused, so that probes do not load the services.
const TIME_TO_LIVE: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(2);

/// Checks whether the services respond.
pub(crate) struct Readiness {
    services: Services,
    draining: CancellationToken,
    /// Held during a check: concurrent probes share one.
    probing: Arc<Mutex<()>>,
    latest: Arc<watch::Sender<Option<(Instant, Reachable)>>>,
    /// Whether all services responded at some time.
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
            // In a task of its own, so that a probe that disconnects does not cancel the check and cause another.
            tokio::spawn(async move {
                let _turn = probing;
                // Another probe may have finished a check before this one took the lock.
                if fresh(*latest.borrow()).is_none() {
                    let reachable = probe(services).await;
                    latest.send_replace(Some((Instant::now(), reachable)));
                }
            });
        }
        let answer = async {
            loop {
                // The sender lives as long as `self`.
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

    /// At first all services have to respond. Later one is enough: most pages work without one of them, and taking the
    /// gateways out of service for it would make those fail too.
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
    // The calls ask for things that cannot exist: any answer shows that the service works.
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

/// A service that refuses the gateway, or does not know the method, is as useless as one that is down.
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

/// Answers as long as the process runs. No dependency counts.
pub(crate) async fn livez() -> &'static str {
    "ok\n"
}

/// Ready once auth, catalog and orders respond. After that, ready while one of them responds and the process does not drain.
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
