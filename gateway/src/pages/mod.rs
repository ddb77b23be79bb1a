//! Pages for people, and pictures: the development mailbox and sandbox, and `/media`.

mod html;
mod mailbox;
mod media;
mod sandbox;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use comptoir_mesh::config::Profile;

use crate::app::App;

/// The routes of the pages. Mailbox and sandbox are there in the development profile alone.
pub(crate) fn routes(app: Arc<App>) -> Router {
    let mut routes = Router::new().route("/media/{id}", get(media::get));
    if app.env.profile == Profile::Development {
        routes = routes
            .route("/mailbox", get(mailbox::list))
            .route("/sandbox/payments", get(sandbox::list))
            .route(
                "/sandbox/payments/{id}",
                get(sandbox::show).post(sandbox::resolve),
            );
    }
    routes.with_state(app)
}
