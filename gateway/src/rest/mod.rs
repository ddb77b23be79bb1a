//! The REST API.

use std::sync::Arc;

use axum::Router;

use crate::app::App;

/// The routes of the REST API.
pub(crate) fn routes(_app: Arc<App>) -> Router {
    Router::new()
}
