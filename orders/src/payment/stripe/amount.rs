//! Amounts as Stripe counts them. Its smallest units are ISO 4217's but for a few currencies, and a third digit behind the point
//! has to be 0 (docs.stripe.com/currencies).

use comptoir_shop::money::fraction_digits;

const NO_DIGITS: [&str; 15] = [
    "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF",
];
const THREE_DIGITS: [&str; 5] = ["BHD", "JOD", "KWD", "OMR", "TND"];

/// The same amount in Stripe's units; `None` where there is none.
pub(super) fn to_stripe(minor_units: i64, currency: &str) -> Option<i64> {
    let ours = fraction_digits(currency)?;
    let theirs = if NO_DIGITS.contains(&currency) {
        0
    } else if THREE_DIGITS.contains(&currency) {
        3
    } else {
        2
    };
    let amount = if theirs >= ours {
        minor_units.checked_mul(10_i64.pow(theirs - ours))?
    } else {
        let unit = 10_i64.pow(ours - theirs);
        (minor_units % unit == 0).then_some(minor_units / unit)?
    };
    (theirs < 3 || amount % 10 == 0).then_some(amount)
}

#[cfg(test)]
mod tests {
    use super::to_stripe;

    #[test]
    fn amounts_are_counted_as_stripe_counts_them() {
        for (minor_units, currency, amount) in [
            (4_990, "EUR", Some(4_990)),
            (500, "JPY", Some(500)),
            (5, "ISK", Some(500)),
            (5, "UGX", Some(500)),
            (1_230, "KWD", Some(1_230)),
            (1_234, "KWD", None),
            (500, "MGA", Some(5)),
            (501, "MGA", None),
            (1, "NOT", None),
            (i64::MAX, "ISK", None),
        ] {
            assert_eq!(
                to_stripe(minor_units, currency),
                amount,
                "{minor_units} {currency}"
            );
        }
    }
}
