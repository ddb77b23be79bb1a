//! Changes of a cart's lines, within the shop's limits.

use std::collections::HashSet;

use comptoir_mesh::{
    Error,
    error::{ErrorReason, Violation},
};

use super::cart::{Cart, Line, Seen};

/// The limits of a cart; 0 is no limit.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub lines: usize,
    /// Units of one variant.
    pub quantity: i32,
}

/// Requested units of a variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestedLine {
    pub variant_id: String,
    pub quantity: i32,
}

impl Limits {
    /// Refuses a list that is longer than a cart may be.
    pub fn check_lines(&self, count: usize) -> Result<(), Error> {
        if self.lines != 0 && count > self.lines {
            let message = format!("A cart has at most {} lines.", self.lines);
            return Err(Error::field("lines", ErrorReason::TooManyLines, message));
        }
        Ok(())
    }

    /// Why a quantity is invalid, if it is.
    pub fn check_quantity(&self, field: &str, quantity: i64) -> Result<(), Violation> {
        if quantity < 1 {
            let message = "A quantity is a whole number of 1 or more; take the line out to have none.";
            return Err(Violation::new(field, ErrorReason::InvalidQuantity, message));
        }
        let most = if self.quantity == 0 {
            i64::from(i32::MAX)
        } else {
            i64::from(self.quantity)
        };
        if quantity > most {
            let message = format!("A cart holds at most {most} units of a product.");
            return Err(Violation::new(field, ErrorReason::QuantityOutOfRange, message));
        }
        Ok(())
    }

    /// `quantity`, at most the limit of a line.
    fn cap(&self, quantity: i64) -> i32 {
        let most = if self.quantity == 0 {
            i32::MAX
        } else {
            self.quantity
        };
        i32::try_from(quantity).unwrap_or(i32::MAX).min(most)
    }
}

/// Checks each requested line on its own.
pub fn check_requested(wanted: &[RequestedLine], limits: Limits) -> Result<(), Error> {
    limits.check_lines(wanted.len())?;
    let refused: Vec<_> = wanted
        .iter()
        .enumerate()
        .filter_map(|(n, line)| {
            limits
                .check_quantity(&format!("lines.{n}.quantity"), i64::from(line.quantity))
                .err()
        })
        .collect();
    if refused.is_empty() {
        Ok(())
    } else {
        Err(Error::violations(refused))
    }
}

/// The variants of the cart and of these lines: each once, those of the cart first.
pub fn variants_with<'a>(cart: &'a Cart, wanted: &'a [RequestedLine]) -> Vec<&'a str> {
    let mut seen_ids = HashSet::new();
    let there = cart.lines.iter().map(|line| line.variant_id.as_str());
    there
        .chain(wanted.iter().map(|line| line.variant_id.as_str()))
        .filter(|id| seen_ids.insert(*id))
        .collect()
}

impl Cart {
    /// Adds units to the lines of their variants. `seen` contains the variants that are for sale. Limits apply to the
    /// sum, however it is split.
    pub fn add(
        &mut self,
        wanted: &[RequestedLine],
        limits: Limits,
        seen: impl Fn(&str) -> Option<Seen>,
        mut new_id: impl FnMut() -> String,
    ) -> Result<(), Error> {
        let mut refused = Vec::new();
        for (n, line) in wanted.iter().enumerate() {
            let Some(seen) = seen(&line.variant_id) else {
                let message = "This product is not for sale.";
                let field = format!("lines.{n}.variant_id");
                refused.push(Violation::new(field, ErrorReason::ProductUnavailable, message));
                continue;
            };
            let there = self
                .lines
                .iter()
                .position(|other| other.variant_id == line.variant_id);
            let before = there.map_or(0, |at| i64::from(self.lines[at].quantity));
            let sum = before + i64::from(line.quantity);
            if let Err(violation) = limits.check_quantity(&format!("lines.{n}.quantity"), sum) {
                refused.push(violation);
                continue;
            }
            let quantity = limits.cap(sum);
            match there {
                Some(at) => {
                    self.lines[at].quantity = quantity;
                    self.lines[at].seen = seen;
                }
                None => {
                    let variant_id = line.variant_id.clone();
                    self.lines.push(Line {
                        id: new_id(),
                        variant_id,
                        quantity,
                        seen,
                    });
                }
            }
        }
        if !refused.is_empty() {
            return Err(Error::violations(refused));
        }
        limits.check_lines(self.lines.len())
    }

    /// Sets the quantity of the line; `field` is its path in the request.
    pub fn set_quantity(
        &mut self,
        field: &str,
        line_id: &str,
        quantity: i32,
    ) -> Result<&mut Line, Violation> {
        let Some(line) = self.lines.iter_mut().find(|line| line.id == line_id) else {
            return Err(no_such_line(&format!("{field}.line_id")));
        };
        line.quantity = quantity;
        Ok(line)
    }

    /// Removes the line; `field` is its path in the request.
    pub fn remove(&mut self, field: &str, line_id: &str) -> Result<(), Violation> {
        let at = self
            .lines
            .iter()
            .position(|line| line.id == line_id)
            .ok_or_else(|| no_such_line(field))?;
        self.lines.remove(at);
        Ok(())
    }

    /// Merges a guest's cart: units are added up to the limit of a line, and fields that this cart lacks are copied.
    /// Each guest's cart is merged once, so that a retry adds nothing; returns whether it was merged.
    pub fn merge(&mut self, guest: &Cart, limits: Limits) -> bool {
        if self.merged_from.contains(&guest.id) {
            return false;
        }
        self.merged_from.push(guest.id.clone());
        for line in &guest.lines {
            match self
                .lines
                .iter_mut()
                .find(|there| there.variant_id == line.variant_id)
            {
                Some(there) => {
                    there.quantity = limits.cap(i64::from(there.quantity) + i64::from(line.quantity));
                }
                None => self.lines.push(line.clone()),
            }
        }
        self.email = self.email.take().or_else(|| guest.email.clone());
        self.phone = self.phone.take().or_else(|| guest.phone.clone());
        if self.delivery_address.is_none() {
            self.delivery_address.clone_from(&guest.delivery_address);
            self.delivery_option_id.clone_from(&guest.delivery_option_id);
        }
        self.billing_address = self
            .billing_address
            .take()
            .or_else(|| guest.billing_address.clone());
        if self.discount_codes.is_empty() {
            self.discount_codes.clone_from(&guest.discount_codes);
        }
        true
    }
}

fn no_such_line(field: &str) -> Violation {
    Violation::new(field, ErrorReason::NotFound, "The cart has no such line.")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    const LIMITS: Limits = Limits {
        lines: 3,
        quantity: 10,
    };

    fn cart(id: &str, lines: &[(&str, i32)]) -> Cart {
        let line = |(variant_id, quantity): &(&str, i32)| Line {
            id: format!("line_{id}_{variant_id}"),
            variant_id: (*variant_id).to_owned(),
            quantity: *quantity,
            seen: Seen::default(),
        };
        Cart {
            id: id.to_owned(),
            version: 1,
            customer_id: None,
            locale: "fr".to_owned(),
            currency: "EUR".to_owned(),
            lines: lines.iter().map(line).collect(),
            email: None,
            phone: None,
            delivery_address: None,
            billing_address: None,
            delivery_option_id: None,
            discount_codes: Vec::new(),
            claim: None,
            order_id: None,
            used_keys: Vec::new(),
            merged_into: None,
            merged_from: Vec::new(),
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn lines(cart: &Cart) -> Vec<(&str, i32)> {
        cart.lines
            .iter()
            .map(|line| (line.variant_id.as_str(), line.quantity))
            .collect()
    }

    fn add(cart: &mut Cart, lines: &[(&str, i32)]) -> Result<(), Vec<(String, ErrorReason)>> {
        let wanted: Vec<_> = lines
            .iter()
            .map(|(id, quantity)| RequestedLine {
                variant_id: (*id).to_owned(),
                quantity: *quantity,
            })
            .collect();
        let seen = |id: &str| (id != "gone").then(Seen::default);
        cart.add(&wanted, LIMITS, seen, || "line_new".to_owned())
            .map_err(|error| {
                let violations = error.field_violations().iter();
                violations
                    .map(|violation| (violation.field.clone(), violation.reason))
                    .collect()
            })
    }

    #[test]
    fn limits_hold_for_the_sum_of_what_is_added() {
        let mut cart = cart("a", &[("cup", 4)]);
        add(&mut cart, &[("cup", 3), ("plate", 10), ("cup", 3)]).unwrap();
        assert_eq!(lines(&cart), [("cup", 10), ("plate", 10)]);
        let refused = add(&mut cart.clone(), &[("plate", 1), ("gone", 1), ("cup", i32::MAX)]).unwrap_err();
        let expected = [
            ("lines.0.quantity".to_owned(), ErrorReason::QuantityOutOfRange),
            ("lines.1.variant_id".to_owned(), ErrorReason::ProductUnavailable),
            ("lines.2.quantity".to_owned(), ErrorReason::QuantityOutOfRange),
        ];
        assert_eq!(refused, expected);
        let refused = add(&mut cart, &[("fork", 1), ("knife", 1)]).unwrap_err();
        assert_eq!(refused, [("lines".to_owned(), ErrorReason::TooManyLines)]);
    }

    #[test]
    fn a_guests_cart_goes_in_once() {
        let mut own = cart("own", &[("cup", 8)]);
        let guest = cart("guest", &[("cup", 8), ("plate", 1)]);
        assert!(own.merge(&guest, LIMITS));
        assert_eq!(lines(&own), [("cup", 10), ("plate", 1)]);
        let merged = own.clone();
        assert!(!own.merge(&guest, LIMITS));
        assert_eq!(own, merged);
    }

    #[test]
    fn no_limit_still_is_what_a_quantity_holds() {
        let none = Limits {
            lines: 0,
            quantity: 0,
        };
        assert!(none.check_lines(1_000_000).is_ok());
        assert!(none.check_quantity("q", i64::from(i32::MAX)).is_ok());
        let refused = none.check_quantity("q", i64::from(i32::MAX) + 1).unwrap_err();
        assert_eq!(refused.reason, ErrorReason::QuantityOutOfRange);
        assert_eq!(none.cap(i64::MAX), i32::MAX);
    }
}
