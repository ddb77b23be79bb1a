//! Requests about an order with an idempotency key. Each is stored in the order's document with its result, success or
//! refusal, so that the same key and input gets the same answer for good.

use comptoir_mesh::Error;
use comptoir_proto::orders::v1::order_event::Payload;
use jiff::Timestamp;

use crate::{
    domain::order::{Order, Refused, Request},
    engine::Engine,
};

/// The caller and the idempotency key of a request.
#[derive(Clone, Debug)]
pub(crate) struct Requester {
    /// A user's id, or `guest`.
    pub(crate) caller: String,
    /// The idempotency key.
    pub(crate) key: String,
    /// For the history.
    pub(crate) actor: String,
}

impl Engine {
    /// Handles a request once: `act` changes the order and returns the id of what it created, or refuses. Returns the
    /// order and that id; a retry gets the id of the first call.
    pub(crate) async fn ask(
        &self,
        order_id: &str,
        request: &Request,
        act: impl Fn(&mut Order, Timestamp) -> Result<(String, Vec<Payload>), Error> + Send + Sync,
    ) -> Result<(Order, String), Error> {
        let answered = self
            .change(order_id, |order, now| {
                if order.earlier(request)?.is_some() {
                    return Ok(Vec::new());
                }
                let untouched = order.clone();
                match act(order, now) {
                    Ok((subject, payloads)) => {
                        order.remember(Request {
                            subject: Some(subject),
                            ..request.clone()
                        });
                        Ok(payloads)
                    }
                    Err(error) => {
                        *order = untouched;
                        order.remember(Request {
                            refused: Some(Refused::of(&error)),
                            ..request.clone()
                        });
                        Ok(Vec::new())
                    }
                }
            })
            .await?;
        let earlier = answered.earlier(request)?.cloned();
        match earlier.map(|earlier| (earlier.subject, earlier.refused)) {
            Some((_, Some(refused))) => Err(refused.error()),
            Some((Some(subject), None)) => Ok((answered, subject)),
            _ => Err(Error::internal(anyhow::anyhow!("an answer was not remembered"))),
        }
    }
}
