//! The accept loop: hyper with the timers that `axum::serve` lacks, limits of connections, and a drain.

mod activity;
mod connection;
mod connection_limit;
mod frames;
mod refusal;
mod request_head;
mod response_body;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use comptoir_mesh::error::Reason as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Gateway;
use connection::Connection;
use connection_limit::ConnectionLimit;

/// Refusals that are answered at the same time. Further connections are closed without an answer.
const REFUSED: usize = 256;

/// Serves until `env.shutdown` is cancelled and every request has been answered. Dropping the future ends those still running.
pub(crate) async fn serve(gateway: Gateway, listener: TcpListener) -> anyhow::Result<()> {
    let limit = ConnectionLimit::new(&gateway.app().config);
    let refused = Arc::new(Semaphore::new(REFUSED));
    let shutdown = gateway.app().env.shutdown.clone();
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    let _cut_when_dropped = cut.clone().drop_guard();
    let accepting = async {
        loop {
            let (socket, peer) = accept(&listener).await;
            let cut = cut.clone();
            match limit.acquire(peer.ip()) {
                Ok(permit) => {
                    let connection = Connection::new(gateway.clone(), peer);
                    connections.spawn(async move {
                        cut.run_until_cancelled(connection.serve(socket, permit)).await;
                    });
                }
                Err(error) => {
                    let reason = error.reason().code();
                    metrics::counter!("connections_refused_total", "reason" => reason).increment(1);
                    if let Ok(permit) = refused.clone().try_acquire_owned() {
                        tracing::info!(error.reason = reason, client.address = %peer.ip(), "connection refused");
                        connections.spawn(async move {
                            let _permit = permit;
                            cut.run_until_cancelled(refusal::refuse(socket, error)).await;
                        });
                    }
                }
            }
        }
    };
    shutdown.run_until_cancelled(accepting).await;
    drop(listener);
    connections.close();
    connections.wait().await;
    Ok(())
}

/// The next connection. Retries after errors of one connection, and after a wait when no descriptors are left.
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
