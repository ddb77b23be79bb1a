//! Amounts as integers of a currency's smallest unit, and their decimal spelling. No float touches money.

use comptoir_proto::types::Money;
use iso_currency::Currency;

/// A currency's decimal digits: 2 for EUR, 0 for JPY, 3 for BHD. `None` if it is not an ISO 4217 currency.
pub fn fraction_digits(currency_code: &str) -> Option<u32> {
    Currency::from_code(currency_code)?.exponent().map(u32::from)
}

/// An amount of this currency.
pub fn money(minor_units: i64, currency_code: &str) -> Money {
    Money {
        minor_units,
        currency_code: currency_code.to_owned(),
    }
}

/// Why a string is not a valid decimal amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// It is not digits with at most one point and a leading sign.
    #[error("An amount is written like 49.90.")]
    Malformed,
    /// It has more decimal digits than the currency.
    #[error("The amount has more digits behind the point than the currency.")]
    TooManyDigits,
    /// It does not fit into 64 bits.
    #[error("The amount is too large.")]
    TooLarge,
}

/// Reads `"49.90"` as `4990` for two digits. Accepts fewer digits than the currency has, and trailing zeros.
pub fn parse_decimal(text: &str, digits: u32) -> Result<i64, DecimalError> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || unsigned.ends_with('.') {
        return Err(DecimalError::Malformed);
    }
    let digits = digits as usize;
    let fraction = if fraction.len() > digits {
        let (kept, beyond) = fraction.split_at(digits);
        if beyond.bytes().any(|byte| byte != b'0') {
            return Err(DecimalError::TooManyDigits);
        }
        kept
    } else {
        fraction
    };
    let padded = format!("{whole}{fraction:0<digits$}");
    let amount: i64 = padded.parse().map_err(|_| DecimalError::TooLarge)?;
    Ok(if negative { -amount } else { amount })
}

/// Writes `4990` as `"49.90"` for two digits.
pub fn format_decimal(minor_units: i64, digits: u32) -> String {
    let digits = digits as usize;
    let sign = if minor_units < 0 { "-" } else { "" };
    let amount = minor_units.unsigned_abs().to_string();
    if digits == 0 {
        return format!("{sign}{amount}");
    }
    let padded = format!("{amount:0>width$}", width = digits + 1);
    let (whole, fraction) = padded.split_at(padded.len() - digits);
    format!("{sign}{whole}.{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly() {
        assert_eq!(parse_decimal("49.90", 2), Ok(4990));
        assert_eq!(parse_decimal("49.9", 2), Ok(4990));
        assert_eq!(parse_decimal("49", 2), Ok(4900));
        assert_eq!(parse_decimal("49.900", 2), Ok(4990));
        assert_eq!(parse_decimal("500", 0), Ok(500));
        assert_eq!(parse_decimal("1.234", 3), Ok(1234));
        assert_eq!(parse_decimal("-0.01", 2), Ok(-1));
        assert_eq!(parse_decimal("49.905", 2), Err(DecimalError::TooManyDigits));
        assert_eq!(
            parse_decimal("99999999999999999999", 2),
            Err(DecimalError::TooLarge)
        );
        for malformed in ["", ".", "1.", ".5", "1e3", "+1", "--1", "1,5", " 1", "١"] {
            assert_eq!(
                parse_decimal(malformed, 2),
                Err(DecimalError::Malformed),
                "{malformed}"
            );
        }
    }

    #[test]
    fn decimals_are_written_with_all_digits() {
        assert_eq!(format_decimal(4990, 2), "49.90");
        assert_eq!(format_decimal(5, 2), "0.05");
        assert_eq!(format_decimal(-5, 2), "-0.05");
        assert_eq!(format_decimal(500, 0), "500");
        assert_eq!(format_decimal(1234, 3), "1.234");
    }

    #[test]
    fn digits_come_from_iso_4217() {
        assert_eq!(fraction_digits("EUR"), Some(2));
        assert_eq!(fraction_digits("JPY"), Some(0));
        assert_eq!(fraction_digits("BHD"), Some(3));
        assert_eq!(fraction_digits("ABC"), None);
    }
}
