//! A proxy that makes a server slower to reach.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// Forwards connections; responses arrive after `delay`.
pub(crate) async fn serve(address: SocketAddr, target: &str, delay: Duration) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("ready");
    loop {
        let (client, _) = listener.accept().await?;
        let server = TcpStream::connect(target).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::spawn(pass_on(from_client, to_server, Duration::ZERO));
        tokio::spawn(pass_on(from_server, to_client, delay));
    }
}

/// Bytes that wait do not delay those after them.
async fn pass_on(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration) {
    let (sender, mut receiver) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    tokio::spawn(async move {
        while let Some((at, bytes)) = receiver.recv().await {
            sleep_until(at).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let due = Instant::now() + delay;
        if sender.send((due, buffer[..count].to_vec())).is_err() {
            return;
        }
    }
}
