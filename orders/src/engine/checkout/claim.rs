//! Step 2: the claim, one compare-and-set on the cart, so that at most one order has it. Undone by releasing the cart.

use comptoir_mesh::ErrorReason;

use super::price::{price, refusal};
use crate::{
    domain::{
        cart::{Cart, Claim, Claimed},
        order::Order,
    },
    engine::{
        Halt,
        run::{Run, Then},
    },
    fail_points::{self, Point},
};

impl Run {
    /// Claims the cart. If it changed since its price was read, the price is read again: a claimed cart no longer
    /// changes.
    pub(super) async fn claim(&mut self) -> Result<(), Halt> {
        let claim = Claim {
            key: self.order.key.clone(),
            fingerprint: self.order.fingerprint.clone(),
            order_id: self.order.id.clone(),
            owner: self.order.owner.clone(),
            at: self.engine.now(),
        };
        let carts = self.engine.stores.carts.clone();
        let refused = match fail_points::CLAIM
            .around(carts.claim_cart(&self.order.cart_id, &claim))
            .await?
        {
            Claimed::Now(cart) => return self.reprice(cart).await,
            Claimed::Held(cart) if is_ours(&cart, &self.order) => return self.reprice(cart).await,
            Claimed::Held(_) => already_ordered(),
            Claimed::KeyUsed(..) => (
                ErrorReason::IdempotencyKeyReused,
                "This idempotency key was used before.",
            ),
            Claimed::Merged(_) => (ErrorReason::NotFound, "The cart went into another cart."),
            Claimed::Missing => (ErrorReason::NotFound, "There is no such cart."),
        };
        self.fail_with(vec![refusal(refused.0, "cart_id", refused.1)])
            .await
    }

    async fn reprice(&mut self, cart: Cart) -> Result<(), Halt> {
        let version = cart.version - 1;
        // A cart that was marked as ordered has a higher version, but the same price.
        if version == self.order.cart_version || cart.order_id.is_some() {
            return Ok(());
        }
        let priced = price(
            &self.engine.peers.pricer,
            &cart,
            self.order.account_email.as_deref(),
            self.order.expected_total,
        )
        .await;
        match priced.map_err(Halt::Rest)? {
            Ok(contents) => {
                self.commit(fail_points::REPRICE, Then::Go, |order, now| {
                    order.contents = Some(contents);
                    order.cart_version = version;
                    order.touch(now);
                    Ok(Vec::new())
                })
                .await
            }
            Err(refusals) => self.fail_with(refusals).await,
        }
    }

    /// Releases the cart for another key; this one is used.
    pub(crate) async fn unclaim(&mut self, point: Point) -> Result<(), Halt> {
        let now = self.engine.now();
        let carts = self.engine.stores.carts.clone();
        point
            .around(carts.release_claim(&self.order.cart_id, &self.order.id, true, now))
            .await?;
        Ok(())
    }

    /// Marks the cart as ordered.
    pub(super) async fn mark(&mut self) -> Result<(), Halt> {
        let now = self.engine.now();
        let carts = self.engine.stores.carts.clone();
        fail_points::MARK
            .around(carts.mark_ordered(&self.order.cart_id, &self.order.id, now))
            .await?;
        Ok(())
    }
}

fn is_ours(cart: &Cart, order: &Order) -> bool {
    cart.claim
        .as_ref()
        .is_some_and(|claim| claim.order_id == order.id)
}

/// The cart belongs to another order.
pub(crate) fn already_ordered() -> (ErrorReason, &'static str) {
    (
        ErrorReason::CartAlreadyOrdered,
        "The cart was ordered, or is being ordered with another idempotency key.",
    )
}
