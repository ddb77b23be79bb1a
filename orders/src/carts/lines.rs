//! Lines added, changed and removed.

use comptoir_mesh::{
    Caller, Error,
    error::{ErrorReason, Violation},
};

use super::{Carts, Edit};
use crate::{
    domain::{
        cart::Cart,
        edit::{Limits, RequestedLine, check_requested, variants_with},
    },
    quote::{Quote, Variants},
};

impl Carts {
    /// Adds units; those of a variant in the cart are added to its line.
    pub(crate) async fn add(
        &self,
        caller: &Caller,
        id: &str,
        wanted: Vec<RequestedLine>,
    ) -> Result<(Cart, Quote), Error> {
        check_requested(&wanted, self.limits)?;
        self.edit(
            caller,
            id,
            &Add {
                wanted,
                limits: self.limits,
            },
        )
        .await
    }

    /// Sets the quantities of lines, by their ids.
    pub(crate) async fn set(
        &self,
        caller: &Caller,
        id: &str,
        quantities: Vec<(String, i32)>,
    ) -> Result<(Cart, Quote), Error> {
        self.limits.check_lines(quantities.len())?;
        let mut refused = Vec::new();
        for (n, (line_id, quantity)) in quantities.iter().enumerate() {
            let field = format!("lines.{n}.quantity");
            refused.extend(self.limits.check_quantity(&field, i64::from(*quantity)).err());
            if quantities[..n].iter().any(|(before, _)| before == line_id) {
                let message = "The line is named twice.";
                refused.push(Violation::new(
                    format!("lines.{n}.line_id"),
                    ErrorReason::ValidationFailed,
                    message,
                ));
            }
        }
        fail(refused)?;
        self.edit(caller, id, &Set { quantities }).await
    }

    /// Removes lines, by their ids.
    pub(crate) async fn remove(
        &self,
        caller: &Caller,
        id: &str,
        line_ids: Vec<String>,
    ) -> Result<(Cart, Quote), Error> {
        self.limits.check_lines(line_ids.len())?;
        self.edit(caller, id, &Remove { line_ids }).await
    }
}

struct Add {
    wanted: Vec<RequestedLine>,
    limits: Limits,
}

impl Edit for Add {
    fn variants<'a>(&'a self, cart: &'a Cart) -> Result<Vec<&'a str>, Error> {
        let variants = variants_with(cart, &self.wanted);
        // Before the catalogue is asked for more variants than a cart can hold.
        self.limits.check_lines(variants.len())?;
        Ok(variants)
    }

    fn apply(&self, cart: &mut Cart, carts: &Carts, variants: &Variants) -> Result<(), Error> {
        carts.add_to(cart, &self.wanted, variants)
    }
}

struct Set {
    quantities: Vec<(String, i32)>,
}

impl Edit for Set {
    fn variants<'a>(&'a self, cart: &'a Cart) -> Result<Vec<&'a str>, Error> {
        Ok(variants_with(cart, &[]))
    }

    fn apply(&self, cart: &mut Cart, carts: &Carts, variants: &Variants) -> Result<(), Error> {
        let mut refused = Vec::new();
        for (n, (line_id, quantity)) in self.quantities.iter().enumerate() {
            match cart.set_quantity(&format!("lines.{n}"), line_id, *quantity) {
                Ok(line) => match carts.pricer.seen(variants, &line.variant_id) {
                    Some(seen) => line.seen = seen,
                    None => {
                        let name = line.seen.name();
                        let message = format!("{name} is not for sale any more; take the line out.");
                        let field = format!("lines.{n}.line_id");
                        refused.push(Violation::new(field, ErrorReason::ProductUnavailable, message));
                    }
                },
                Err(violation) => refused.push(violation),
            }
        }
        fail(refused)
    }
}

struct Remove {
    line_ids: Vec<String>,
}

impl Edit for Remove {
    fn variants<'a>(&'a self, cart: &'a Cart) -> Result<Vec<&'a str>, Error> {
        Ok(variants_with(cart, &[]))
    }

    fn apply(&self, cart: &mut Cart, _: &Carts, _: &Variants) -> Result<(), Error> {
        // A line that is named twice is removed once.
        let removed = self
            .line_ids
            .iter()
            .enumerate()
            .filter(|(n, id)| !self.line_ids[..*n].contains(id));
        fail(
            removed
                .filter_map(|(n, id)| cart.remove(&format!("line_ids.{n}"), id).err())
                .collect(),
        )
    }
}

fn fail(refused: Vec<Violation>) -> Result<(), Error> {
    if refused.is_empty() {
        Ok(())
    } else {
        Err(Error::violations(refused))
    }
}
