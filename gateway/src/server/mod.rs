//! The accept loop: hyper with the timers that `axum::serve` leaves out, a bound on connections, and a drain that ends.

mod connection;
mod watch;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Gateway;
use crate::config::some;
use connection::Connection;

/// Serves until `env.shutdown` is cancelled and every request has been answered. Those that still run when this is dropped are cut.
pub(crate) async fn serve(gateway: Gateway, listener: TcpListener) -> anyhow::Result<()> {
    let limits = &gateway.app().config.limits;
    let places = Arc::new(Semaphore::new(
        some(limits.connections).unwrap_or(Semaphore::MAX_PERMITS),
    ));
    let shutdown = gateway.app().env.shutdown.clone();
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    let _cut_when_dropped = cut.clone().drop_guard();
    let accepting = async {
        loop {
            // The place first: connections over the bound wait in the listener's queue and cost nothing.
            let Ok(place) = places.clone().acquire_owned().await else {
                return;
            };
            let (socket, peer) = accept(&listener).await;
            let connection = Connection::new(gateway.clone(), peer);
            let cut = cut.clone();
            connections.spawn(async move {
                let _place = place;
                cut.run_until_cancelled(connection.serve(socket)).await;
            });
        }
    };
    shutdown.run_until_cancelled(accepting).await;
    drop(listener);
    connections.close();
    connections.wait().await;
    Ok(())
}

/// The next connection. Errors of one connection, and of having no descriptors left, pass.
async fn accept(listener: &TcpListener) -> (TcpStream, std::net::SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(error.cause = %error, "cannot accept connections");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}
