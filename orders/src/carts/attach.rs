//! A customer takes over a guest's cart. If the customer has an open cart, the guest's cart is closed first, which
//! fixes its lines, and then they are merged, once per cart id: a retry after a crash in between continues from there.

use comptoir_mesh::Error;

use super::{ATTEMPTS, Carts, check_open, contended};
use crate::{
    domain::{cart::Cart, edit::variants_with},
    quote::Quote,
};

impl Carts {
    /// Returns the cart to use from now on.
    pub(crate) async fn attach(&self, user_id: &str, id: &str) -> Result<(Cart, Quote), Error> {
        let (carts, user_id, id) = (self.clone(), user_id.to_owned(), id.to_owned());
        // Two documents are written: a disconnected caller must not stop the second write.
        let task = self
            .env
            .tasks
            .spawn_tracked(async move { carts.take_over(&user_id, &id).await });
        let cart = task.await.map_err(Error::internal)??;
        check_open(&cart)?;
        let quote = self.quote(&cart).await?;
        Ok((cart, quote))
    }

    async fn take_over(&self, user_id: &str, id: &str) -> Result<Cart, Error> {
        for _ in 0..ATTEMPTS {
            let cart = self.visible(Some(user_id), id).await?;
            if cart.customer_id.is_some() {
                match self.go_over(cart).await? {
                    Some(cart) => return Ok(cart),
                    None => continue,
                }
            }
            check_open(&cart)?;
            let own = self.store.active_cart(user_id).await?;
            let mut taken = cart;
            if let Some(own) = own {
                let wanted = taken.lines.iter().map(|line| line.variant_id.as_str());
                let there = variants_with(&own, &[]);
                let new = wanted.filter(|id| !there.contains(id)).count();
                self.limits.check_lines(there.len() + new)?;
                taken.merged_into = Some(own.id);
            }
            taken.customer_id = Some(user_id.to_owned());
            taken.touch(self.env.clock.now());
            // Whether it was written or not, the next round reads the result.
            self.store.replace_cart(&taken).await?;
        }
        Err(contended())
    }

    /// Merges the lines of a cart that was taken over; `None` on a conflict.
    async fn go_over(&self, mut taken: Cart) -> Result<Option<Cart>, Error> {
        let Some(target) = taken.merged_into.clone() else {
            return Ok(Some(taken));
        };
        let now = self.env.clock.now();
        let own = self.store.cart(&target).await?;
        match own {
            Some(own) if own.merged_from.contains(&taken.id) => Ok(Some(own)),
            Some(mut own) if own.is_open() => {
                own.merge(&taken, self.limits);
                own.touch(now);
                Ok(self.store.replace_cart(&own).await?.then_some(own))
            }
            // Ordered meanwhile: the guest's cart remains the one to use.
            _ => {
                taken.merged_into = None;
                taken.touch(now);
                Ok(self.store.replace_cart(&taken).await?.then_some(taken))
            }
        }
    }
}
