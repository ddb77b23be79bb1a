//! Running subscriptions. Equal subscriptions of the same user are executed and serialised once.

use std::sync::Arc;

use comptoir_mesh::identity::User;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::feed::Feeds;

/// The running subscriptions of all sockets.
pub(crate) type Subscriptions = Feeds<SubscriptionKey, Arc<str>, SubscriptionEnd>;

/// What is requested, and by whom. Subscriptions with equal keys have the same answers.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct SubscriptionKey([u8; 32]);

impl SubscriptionKey {
    /// Computes the key of a `subscribe` message's payload.
    pub(crate) fn new(payload: &Value, user: Option<&User>, language: Option<&str>) -> Self {
        let user = user.map(|User { id, role, .. }| format!("{role:?} {id}"));
        let whole = serde_json::json!([payload, user, language]);
        Self(Sha256::digest(whole.to_string()).into())
    }
}

/// Why a subscription ended.
#[derive(Clone)]
pub(crate) enum SubscriptionEnd {
    /// The order reached a final state.
    Complete,
    /// It could not start. Contains the errors.
    Refused(Arc<Value>),
    /// It failed. Contains the last answer, which has no data.
    Failed(Arc<str>),
}
