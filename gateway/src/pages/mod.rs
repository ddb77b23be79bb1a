//! Pages for people, and pictures: the first page, GraphiQL, the mailbox and the sandbox of development, and `/media`.

mod graphiql;
mod home;
mod html;
mod mailbox;
mod media;
mod sandbox;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use comptoir_mesh::config::Profile;

use crate::app::App;

pub(crate) use graphiql::page as graphiql;

/// The routes of the pages. The first page, GraphiQL's files, the mailbox and the sandbox's journal exist only in the development
/// profile. The sandbox's bank exists wherever sandbox payments are accepted.
pub(crate) fn routes(app: Arc<App>) -> Router {
    let mut routes = Router::new().route("/media/{id}", get(media::get));
    if app.env.profile == Profile::Development {
        routes = routes
            .route("/", get(home::show))
            .merge(graphiql::routes())
            .route("/mailbox", get(mailbox::list))
            .route("/sandbox/payments", get(sandbox::list));
    }
    if app.env.sandbox_payments {
        let bank = get(sandbox::show).post(sandbox::resolve);
        routes = routes.route("/sandbox/payments/{id}", bank);
    }
    routes.with_state(app)
}
