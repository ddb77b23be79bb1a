//! The totals of a cart: one pure function over minor units.
//!
//! `total = subtotal - discount_total + shipping_total`, and where prices do not include tax `+ tax_total`. Every part
//! is at least 0, `tax_total` is the sum of the tax lines, and a discount is at most what is left of the subtotal. Each
//! part is rounded half up, once. Anything past 64 bits is [`Overflow`], never a wrong number.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::discount::Kind;

/// Parts per million in a whole.
const WHOLE: i128 = 1_000_000;

/// A share in parts per million: 5.5 percent is 55,000. Percentages have at most four digits behind the point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate(u32);

/// The input: everything the totals depend on.
#[derive(Clone, Debug, Default)]
pub struct Input<'a> {
    pub lines: &'a [PricedLine],
    /// In the order in which they apply.
    pub offers: &'a [Offer],
    /// Absent until a delivery option was chosen.
    pub delivery: Option<Delivery>,
    /// The rates of the country of delivery.
    pub taxes: &'a [Tax],
    /// Whether prices, also of shipping, include the tax.
    pub prices_include_tax: bool,
}

/// Units at one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PricedLine {
    pub quantity: i32,
    /// Minor units, at least 0.
    pub unit_price: i64,
}

/// The offer of a discount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    pub kind: Kind,
    /// The minimal subtotal, before any discount; 0 is no minimum.
    pub minimum_subtotal: i64,
}

/// The price of delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub price: i64,
    /// Free from this amount of goods, after discounts.
    pub free_from: Option<i64>,
}

/// A tax.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tax {
    pub name: String,
    pub rate: Rate,
}

/// The totals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// The lines, before discounts.
    pub subtotal: i64,
    pub discount_total: i64,
    pub shipping_total: i64,
    /// Included in `total` if prices include tax.
    pub tax_total: i64,
    pub total: i64,
    pub taxes: Vec<TaxLine>,
    /// The amount of each offer, in their order; 0 for one that does not apply.
    pub discounts: Vec<i64>,
}

/// The tax of one rate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxLine {
    pub name: String,
    pub rate: Rate,
    /// Whether prices include the amount.
    pub included: bool,
    pub amount: i64,
}

/// An amount past 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the amount is too large")]
pub struct Overflow;

/// The totals of the input.
pub fn price(input: &Input<'_>) -> Result<Cost, Overflow> {
    let subtotal = input.lines.iter().try_fold(0_i64, |sum, line| {
        sum.checked_add(line_total(line.unit_price, line.quantity)?)
            .ok_or(Overflow)
    })?;
    let (discounts, discount_total) = take_off(subtotal, input.offers)?;
    let goods = subtotal - discount_total;
    let shipping_total = input.delivery.map_or(0, |delivery| delivery.price_for(goods));
    let base = goods.checked_add(shipping_total).ok_or(Overflow)?;
    let taxes = if input.prices_include_tax {
        included(base, input.taxes)?
    } else {
        added(base, input.taxes)?
    };
    let tax_total = taxes
        .iter()
        .try_fold(0_i64, |sum, tax| sum.checked_add(tax.amount))
        .ok_or(Overflow)?;
    let total = if input.prices_include_tax {
        base
    } else {
        base.checked_add(tax_total).ok_or(Overflow)?
    };
    Ok(Cost {
        subtotal,
        discount_total,
        shipping_total,
        tax_total,
        total,
        taxes,
        discounts,
    })
}

/// Units times price.
pub fn line_total(unit_price: i64, quantity: i32) -> Result<i64, Overflow> {
    unit_price.checked_mul(i64::from(quantity)).ok_or(Overflow)
}

/// The amount of each offer, and their sum. A percentage applies to the whole subtotal, regardless of other offers, so
/// that the order of codes does not change their value; the sum is at most the subtotal.
fn take_off(subtotal: i64, offers: &[Offer]) -> Result<(Vec<i64>, i64), Overflow> {
    let mut left = subtotal;
    let mut taken = Vec::with_capacity(offers.len());
    for offer in offers {
        let amount = if subtotal < offer.minimum_subtotal {
            0
        } else {
            match offer.kind {
                Kind::Percent(rate) => rate.of(subtotal)?,
                Kind::Fixed(amount) => amount.max(0),
            }
            .min(left)
        };
        left -= amount;
        taken.push(amount);
    }
    Ok((taken, subtotal - left))
}

/// The taxes inside `base`: with rates r1…rn it is the net amount times 1 + r1 + … + rn. The lines are cut from the rounded
/// running sum, so that they add up to the rounded tax of all rates and never to more than `base`.
fn included(base: i64, taxes: &[Tax]) -> Result<Vec<TaxLine>, Overflow> {
    let rates: i128 = taxes.iter().map(|tax| i128::from(tax.rate.0)).sum();
    let mut running = 0;
    let mut before = 0;
    taxes
        .iter()
        .map(|tax| {
            running += i128::from(tax.rate.0);
            let sum = divide(i128::from(base) * running, WHOLE + rates)?;
            let amount = sum - before;
            before = sum;
            Ok(TaxLine {
                name: tax.name.clone(),
                rate: tax.rate,
                included: true,
                amount,
            })
        })
        .collect()
}

/// The taxes on top of `base`, each rounded separately, as invoices show them.
fn added(base: i64, taxes: &[Tax]) -> Result<Vec<TaxLine>, Overflow> {
    taxes
        .iter()
        .map(|tax| {
            let amount = tax.rate.of(base)?;
            Ok(TaxLine {
                name: tax.name.clone(),
                rate: tax.rate,
                included: false,
                amount,
            })
        })
        .collect()
}

/// `numerator / denominator`, neither negative, rounded half up.
fn divide(numerator: i128, denominator: i128) -> Result<i64, Overflow> {
    i64::try_from((numerator * 2 + denominator) / (denominator * 2)).map_err(|_| Overflow)
}

impl Delivery {
    /// The price when the goods, after discounts, cost `goods`.
    pub fn price_for(&self, goods: i64) -> i64 {
        if self.free_from.is_some_and(|from| goods >= from) {
            0
        } else {
            self.price
        }
    }
}

impl Rate {
    /// Reads a percentage such as `"5.5"`: a decimal of 0 or more with at most four digits behind the point.
    pub fn from_percent(text: &str) -> Option<Self> {
        let ppm = comptoir_shop::money::parse_decimal(text, 4).ok()?;
        u32::try_from(ppm).ok().map(Self)
    }

    /// Parts per million.
    pub fn ppm(self) -> u32 {
        self.0
    }

    /// This share of an amount of 0 or more, rounded half up.
    pub fn of(self, amount: i64) -> Result<i64, Overflow> {
        divide(i128::from(amount) * i128::from(self.0), WHOLE)
    }
}

/// As a percentage without trailing zeros: `5.5`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = comptoir_shop::money::format_decimal(i64::from(self.0), 4);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

    use super::*;

    fn rate(percent: &str) -> Rate {
        Rate::from_percent(percent).unwrap()
    }

    fn vat(percent: &str) -> Tax {
        Tax {
            name: "VAT".to_owned(),
            rate: rate(percent),
        }
    }

    fn line(unit_price: i64, quantity: i32) -> PricedLine {
        PricedLine { quantity, unit_price }
    }

    #[test]
    fn gross_prices_contain_their_tax() {
        let cost = price(&Input {
            lines: &[line(4990, 2), line(1000, 1)],
            offers: &[Offer {
                kind: Kind::Percent(rate("10")),
                minimum_subtotal: 0,
            }],
            delivery: Some(Delivery {
                price: 490,
                free_from: Some(10_000),
            }),
            taxes: &[vat("20")],
            prices_include_tax: true,
        })
        .unwrap();
        assert_eq!(
            (cost.subtotal, cost.discount_total, cost.shipping_total),
            (10_980, 1098, 490)
        );
        // 9882 + 490 = 10372 of which a sixth is tax: 1728.67.
        assert_eq!((cost.total, cost.tax_total), (10_372, 1729));
        assert_eq!(cost.taxes.len(), 1);
        assert!(cost.taxes[0].included);
    }

    #[test]
    fn net_prices_get_each_tax_on_top() {
        let cost = price(&Input {
            lines: &[line(10_000, 1)],
            taxes: &[
                Tax {
                    name: "GST".to_owned(),
                    rate: rate("5"),
                },
                Tax {
                    name: "QST".to_owned(),
                    rate: rate("9.975"),
                },
            ],
            ..Input::default()
        })
        .unwrap();
        // 9.975 percent of 100.00 is 9.975, half up 9.98.
        assert_eq!(
            cost.taxes.iter().map(|tax| tax.amount).collect::<Vec<_>>(),
            [500, 998]
        );
        assert_eq!(cost.total, 11_498);
    }

    #[test]
    fn halves_are_rounded_up() {
        let ten = [Offer {
            kind: Kind::Percent(rate("10")),
            minimum_subtotal: 0,
        }];
        let off = |amount| {
            price(&Input {
                lines: &[line(amount, 1)],
                offers: &ten,
                ..Input::default()
            })
            .unwrap()
            .discount_total
        };
        assert_eq!((off(4), off(5), off(14), off(15)), (0, 1, 1, 2));
    }

    #[test]
    fn a_fixed_discount_takes_at_most_the_subtotal() {
        let fixed = Offer {
            kind: Kind::Fixed(5000),
            minimum_subtotal: 0,
        };
        let cost = price(&Input {
            lines: &[line(1200, 1)],
            offers: &[fixed, fixed],
            delivery: Some(Delivery {
                price: 490,
                free_from: None,
            }),
            taxes: &[vat("20")],
            prices_include_tax: true,
        })
        .unwrap();
        assert_eq!(cost.discounts, [1200, 0]);
        assert_eq!(cost.total, 490, "delivery is still paid");
    }

    #[test]
    fn a_minimum_is_of_the_subtotal_before_discounts() {
        let offers = [
            Offer {
                kind: Kind::Fixed(600),
                minimum_subtotal: 0,
            },
            Offer {
                kind: Kind::Fixed(100),
                minimum_subtotal: 1000,
            },
            Offer {
                kind: Kind::Fixed(100),
                minimum_subtotal: 1001,
            },
        ];
        let cost = price(&Input {
            lines: &[line(1000, 1)],
            offers: &offers,
            ..Input::default()
        })
        .unwrap();
        assert_eq!(cost.discounts, [600, 100, 0]);
    }

    #[test]
    fn delivery_is_free_from_what_the_goods_cost_after_discounts() {
        let delivery = Some(Delivery {
            price: 490,
            free_from: Some(5000),
        });
        let off = [Offer {
            kind: Kind::Fixed(1),
            minimum_subtotal: 0,
        }];
        let with = |offers| {
            price(&Input {
                lines: &[line(5000, 1)],
                offers,
                delivery,
                ..Input::default()
            })
            .unwrap()
        };
        assert_eq!(with(&[]).shipping_total, 0);
        assert_eq!(with(&off).shipping_total, 490);
    }

    #[test]
    fn nothing_costs_nothing() {
        let cost = price(&Input {
            taxes: &[vat("20")],
            prices_include_tax: true,
            ..Input::default()
        })
        .unwrap();
        assert_eq!(cost.total, 0);
    }

    #[test]
    fn what_64_bits_cannot_hold_is_refused() {
        let huge = |lines: &[PricedLine], taxes: &[Tax]| {
            price(&Input {
                lines,
                taxes,
                ..Input::default()
            })
        };
        assert_eq!(huge(&[line(i64::MAX / 2, 3)], &[]), Err(Overflow));
        assert_eq!(huge(&[line(i64::MAX, 1), line(1, 1)], &[]), Err(Overflow));
        assert_eq!(huge(&[line(i64::MAX, 1)], &[vat("20")]), Err(Overflow));
        assert!(huge(&[line(i64::MAX, 1)], &[]).is_ok());
    }

    #[test]
    fn rates_are_read_and_written_exactly() {
        for text in ["0", "5.5", "20", "9.975", "0.0001", "100"] {
            assert_eq!(rate(text).to_string(), text);
        }
        for text in ["-1", "5,5", "", "0.00001", "5000000"] {
            assert_eq!(Rate::from_percent(text), None, "{text}");
        }
    }

    /// Invariants for any input. The digits of a currency do not matter to integers, so prices are drawn from the
    /// ranges of yen (0), euros (2) and dinars (3).
    #[test]
    fn the_sum_holds_for_random_carts() {
        let mut random = StdRng::seed_from_u64(0xC0FFEE);
        for round in 0..20_000 {
            let scale = [100, 10_000, 100_000, 1_000_000_000][round % 4];
            let lines: Vec<_> = (0..random.random_range(0..6))
                .map(|_| line(random.random_range(0..scale), random.random_range(1..=999)))
                .collect();
            let offers: Vec<_> = (0..random.random_range(0..4))
                .map(|_| Offer {
                    kind: if random.random_bool(0.5) {
                        Kind::Percent(Rate(random.random_range(1..=1_000_000)))
                    } else {
                        Kind::Fixed(random.random_range(1..scale * 10))
                    },
                    minimum_subtotal: if random.random_bool(0.3) {
                        random.random_range(0..scale * 100)
                    } else {
                        0
                    },
                })
                .collect();
            let taxes: Vec<_> = (0..random.random_range(0..4))
                .map(|n| Tax {
                    name: format!("t{n}"),
                    rate: Rate(random.random_range(0..=3_000_000)),
                })
                .collect();
            let delivery = random.random_bool(0.8).then(|| Delivery {
                price: random.random_range(0..scale),
                free_from: random
                    .random_bool(0.5)
                    .then(|| random.random_range(0..scale * 50)),
            });
            let prices_include_tax = random.random_bool(0.5);
            let input = Input {
                lines: &lines,
                offers: &offers,
                delivery,
                taxes: &taxes,
                prices_include_tax,
            };
            check(&input, &price(&input).unwrap());
        }
    }

    fn check(input: &Input<'_>, cost: &Cost) {
        let lines: i64 = input
            .lines
            .iter()
            .map(|line| line.unit_price * i64::from(line.quantity))
            .sum();
        assert_eq!(cost.subtotal, lines);
        assert_eq!(cost.discount_total, cost.discounts.iter().sum::<i64>());
        assert_eq!(
            cost.tax_total,
            cost.taxes.iter().map(|tax| tax.amount).sum::<i64>()
        );
        let on_top = if input.prices_include_tax {
            0
        } else {
            cost.tax_total
        };
        assert_eq!(
            cost.total,
            cost.subtotal - cost.discount_total + cost.shipping_total + on_top
        );
        let parts = [
            cost.subtotal,
            cost.discount_total,
            cost.shipping_total,
            cost.tax_total,
            cost.total,
        ];
        assert!(
            parts.iter().chain(&cost.discounts).all(|part| *part >= 0),
            "{cost:?}"
        );
        assert!(cost.taxes.iter().all(|tax| tax.amount >= 0), "{cost:?}");
        assert!(cost.discount_total <= cost.subtotal);
        assert_eq!(cost.taxes.len(), input.taxes.len());
        if input.prices_include_tax {
            assert!(cost.tax_total <= cost.total, "{cost:?}");
            // The net amount with its taxes on top is the total again, to one unit for each rounding.
            let net = i128::from(cost.total - cost.tax_total);
            let rates: i128 = input.taxes.iter().map(|tax| i128::from(tax.rate.0)).sum();
            let again = net + net * rates / WHOLE;
            let drift = (again - i128::from(cost.total)).abs();
            assert!(drift <= 2 + rates / WHOLE, "{cost:?} {drift}");
        }
    }
}
