//! A service at several addresses, used in turn. An address that refuses connections is skipped for a second, and the
//! call that failed to connect goes to the next one, since it was not sent yet.
//!
//! Streams of answers have their own connections: a connection carries a limited number of streams, and long-lived ones
//! would leave no room for ordinary calls.

use std::{
    error::Error as StdError,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use tokio::time::Instant;
use tonic::{ConnectError, body::Body, transport::Endpoint};
use tower::{Service as _, ServiceExt as _};

use crate::methods::Form;

/// How long an address is skipped.
const AWAY: Duration = Duration::from_secs(1);
/// Streams of answers on one connection; a service accepts a thousand.
const STREAMS: usize = 500;

/// The addresses of a service.
#[derive(Clone)]
pub(super) struct Remote(Arc<Addresses>);

struct Addresses {
    began: Instant,
    all: Vec<Address>,
    next: AtomicUsize,
}

struct Address {
    endpoint: Endpoint,
    channel: tonic::transport::Channel,
    /// Connections for streams of answers, opened as they fill.
    streams: Mutex<Vec<Connection>>,
    /// Until when it is skipped, in milliseconds since the start.
    away_until: AtomicU64,
}

struct Connection {
    channel: tonic::transport::Channel,
    /// Each stream on it holds a reference.
    places: Arc<()>,
}

/// An answer, and the permit of its stream.
type Placed = (Response<Body>, Option<Arc<()>>);

impl Remote {
    /// The addresses in `urls`, separated by commas; each is connected to at its first call.
    pub(super) fn connect(urls: &str) -> anyhow::Result<Self> {
        let address = |url: &str| {
            let endpoint = Endpoint::from_shared(url.trim().to_owned())
                .with_context(|| format!("{url:?} is no address such as http://127.0.0.1:50051"))?
                .connect_timeout(Duration::from_secs(2))
                .tcp_nodelay(true)
                .http2_keep_alive_interval(Duration::from_secs(20))
                .keep_alive_timeout(Duration::from_secs(5));
            Ok(Address {
                channel: endpoint.connect_lazy(),
                endpoint,
                streams: Mutex::default(),
                away_until: AtomicU64::new(0),
            })
        };
        Ok(Self(Arc::new(Addresses {
            began: Instant::now(),
            all: urls.split(',').map(address).collect::<anyhow::Result<_>>()?,
            next: AtomicUsize::new(0),
        })))
    }

    pub(super) async fn call(self, request: Request<Body>, form: Form) -> Result<Placed, tower::BoxError> {
        let order = self.0.order();
        // The sent part of a stream cannot be sent again.
        if order.len() == 1 || form.client_streams {
            return order[0].send(request, form).await;
        }
        let (parts, body) = request.into_parts();
        let message: Bytes = body.collect().await?.to_bytes();
        let mut failure = None;
        for address in order {
            let body = Body::new(Full::new(message.clone()));
            match address.send(Request::from_parts(parts.clone(), body), form).await {
                Err(error) if never_connected(&*error) => {
                    let until = self.0.began.elapsed() + AWAY;
                    address.away_until.store(millis(until), Ordering::Relaxed);
                    failure = Some(error);
                }
                answer => return answer,
            }
        }
        Err(failure.unwrap_or_else(|| "the service has no address".into()))
    }
}

impl Addresses {
    /// All addresses, beginning with the next in turn; skipped ones come last, in case there is no other.
    fn order(&self) -> Vec<&Address> {
        let first = self.next.fetch_add(1, Ordering::Relaxed) % self.all.len();
        let now = millis(self.began.elapsed());
        let mut order: Vec<&Address> = self.all[first..].iter().chain(&self.all[..first]).collect();
        order.sort_by_key(|address| address.away_until.load(Ordering::Relaxed) > now);
        order
    }
}

impl Address {
    async fn send(&self, request: Request<Body>, form: Form) -> Result<Placed, tower::BoxError> {
        let (mut channel, place) = if form.server_streams {
            let (channel, place) = self.place();
            (channel, Some(place))
        } else {
            (self.channel.clone(), None)
        };
        Ok((channel.ready().await?.call(request).await?, place))
    }

    /// A connection with room for a stream, and a permit on it.
    fn place(&self) -> (tonic::transport::Channel, Arc<()>) {
        let mut all = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let open = |connection: &Connection| Arc::strong_count(&connection.places) - 1;
        if !all.iter().any(|connection| open(connection) < STREAMS) {
            all.push(Connection {
                channel: self.endpoint.connect_lazy(),
                places: Arc::default(),
            });
        }
        // The fullest that has room, so that others become empty; of these one is kept.
        let (mut best, mut empty) = (None, 0);
        all.retain(|connection| {
            empty += usize::from(open(connection) == 0);
            open(connection) > 0 || empty == 1
        });
        for connection in all.iter().filter(|connection| open(connection) < STREAMS) {
            if best.is_none_or(|best| open(best) < open(connection)) {
                best = Some(connection);
            }
        }
        match best {
            Some(connection) => (connection.channel.clone(), connection.places.clone()),
            // One was added where there was none.
            None => (self.channel.clone(), Arc::default()),
        }
    }
}

fn never_connected(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<ConnectError>() {
            return true;
        }
        next = error.source();
    }
    false
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
