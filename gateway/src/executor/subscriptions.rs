//! Subscriptions that run. Those that ask for the same in the name of the same user are executed and written out once.

use std::sync::Arc;

use comptoir_mesh::identity::User;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::feed::Feeds;

/// The subscriptions that run, of all sockets.
pub(crate) type Subscriptions = Feeds<SubscriptionKey, Arc<str>, SubscriptionEnd>;

/// What is asked for, and by whom: subscriptions with equal keys have the same answers.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct SubscriptionKey([u8; 32]);

impl SubscriptionKey {
    /// The key of a `subscribe` message's payload.
    pub(crate) fn new(payload: &Value, user: Option<&User>, language: Option<&str>) -> Self {
        let user = user.map(|User { id, role, .. }| format!("{role:?} {id}"));
        let whole = serde_json::json!([payload, user, language]);
        Self(Sha256::digest(whole.to_string()).into())
    }
}

/// Why there will be no more answers.
#[derive(Clone)]
pub(crate) enum SubscriptionEnd {
    /// The order stays as it is.
    Complete,
    /// It could not begin: the errors.
    Refused(Arc<Value>),
    /// It failed: the last answer, which has no data.
    Failed(Arc<str>),
}
