//! Operations over WebSocket, by the protocol graphql-transport-ws.
//! <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>

mod operations;
mod session;
mod subscription;

use std::sync::Arc;

use axum::extract::FromRequestParts as _;
use axum::extract::ws::WebSocketUpgrade;
use axum::response::Response;
use comptoir_mesh::context;
use comptoir_mesh::error::ErrorReason;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::request;

use super::Caller;
use crate::app::App;
use crate::problem::Problem;
use crate::request::{Client, Identity};
use session::Session;

const PROTOCOL: &str = "graphql-transport-ws";

/// Allocated for each socket. Messages are short.
const READ_BUFFER: usize = 4096;

/// Answers the upgrade. The edge has checked the origin. An invalid token in a header is refused as in any request.
pub(super) async fn upgrade(
    app: &Arc<App>,
    client: Client,
    identity: Identity,
    mut parts: request::Parts,
) -> Result<Response, Problem> {
    identity?;
    let offered = parts
        .headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok());
    if !offered
        .flat_map(|value| value.split(','))
        .any(|protocol| protocol.trim() == PROTOCOL)
    {
        let message = "The WebSocket must use the protocol graphql-transport-ws.";
        return Err(Problem::new(ErrorReason::ValidationFailed, message));
    }
    let caller = Caller::new(app, client, &parts.headers);
    let permit = app.streams.open(caller.client.address)?;
    let token = context::inspect(|context| context.token.clone()).flatten();
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &())
        .await
        .map_err(|rejection| {
            Problem::new(
                ErrorReason::ValidationFailed,
                format!("The WebSocket could not be opened: {rejection}."),
            )
        })?;
    let largest = usize::try_from(app.config.limits.body)
        .ok()
        .filter(|limit| *limit > 0)
        .unwrap_or(16 * 1024 * 1024);
    let app = app.clone();
    let context = context::current();
    Ok(upgrade
        .protocols([PROTOCOL])
        .read_buffer_size(READ_BUFFER)
        .max_message_size(largest)
        .max_frame_size(largest)
        .on_upgrade(move |socket| {
            context::scope(context, async move {
                let _permit = permit;
                Session::new(app, caller, token).serve(socket).await;
            })
        }))
}
