//! The account of the calling customer. auth is called with the customer's own token, so that it decides on access.

use std::time::Duration;

use comptoir_mesh::{Channel, Error, ErrorReason, text};
use comptoir_proto::auth::v1::{GetUserRequest, auth_service_client::AuthServiceClient};

use crate::domain::cart::Cart;

/// The time-out of a call to auth.
const PATIENCE: Duration = Duration::from_secs(1);

/// Reads accounts.
#[derive(Clone)]
pub(crate) struct Accounts {
    auth: AuthServiceClient<Channel>,
}

impl Accounts {
    /// Reads accounts from this auth service.
    pub(crate) fn new(auth: Channel) -> Self {
        Self {
            auth: AuthServiceClient::new(auth),
        }
    }

    /// The confirmed address of the account whose cart this is; `None` for a guest's cart.
    pub(crate) async fn email(&self, cart: &Cart) -> Result<Option<String>, Error> {
        let Some(user_id) = cart.customer_id.clone() else {
            return Ok(None);
        };
        let mut auth = self.auth.clone();
        let answer = tokio::time::timeout(PATIENCE, auth.get_user(GetUserRequest { user_id })).await;
        let answer =
            answer.map_err(|_| Error::unavailable(anyhow::anyhow!("auth does not answer in time")))?;
        match answer.map_err(|status| Error::from_status(&status)) {
            Ok(answer) => {
                let user = answer.into_inner().user.filter(|user| user.email_verified);
                Ok(user.map(|user| user.email))
            }
            Err(error) if error.reason() == ErrorReason::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The customer's names under which uses of a discount are counted: the account, its address, and the cart's address.
/// Empty while the customer is unknown.
pub(crate) fn names(cart: &Cart, account_email: Option<&str>) -> Vec<String> {
    let mut names = Vec::new();
    names.extend(cart.customer_id.clone());
    for email in [account_email, cart.email.as_deref()].into_iter().flatten() {
        let email = text::normalise_email(email);
        if !names.contains(&email) {
            names.push(email);
        }
    }
    names
}
