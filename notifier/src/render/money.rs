//! Amounts in the format of a language.

use comptoir_shop::money::{format_decimal, fraction_digits};

use super::words::Language;
use crate::domain::content::Amount;

/// `49,90 €` in French, `€49.90` in English. An amount in an unknown currency has its code and two digits.
pub(crate) fn format(amount: &Amount, language: Language) -> String {
    let digits = fraction_digits(&amount.currency).unwrap_or(2);
    let decimal = format_decimal(amount.minor_units, digits);
    let (sign, decimal) = decimal
        .strip_prefix('-')
        .map_or(("", decimal.as_str()), |rest| ("-", rest));
    let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
    let (thousands, point) = match language {
        Language::French => ("\u{202f}", ","),
        Language::English => (",", "."),
    };
    let mut number = grouped(whole, thousands);
    if !fraction.is_empty() {
        number.push_str(point);
        number.push_str(fraction);
    }
    match (language, symbol(&amount.currency, language)) {
        // No-break spaces keep an amount on one line.
        (Language::French, symbol) => format!("{sign}{number}\u{a0}{}", symbol.unwrap_or(&amount.currency)),
        (Language::English, Some(symbol)) => format!("{sign}{symbol}{number}"),
        (Language::English, None) => format!("{sign}{}\u{a0}{number}", amount.currency),
    }
}

/// The symbols that are usual in the language (Unicode CLDR 48); other currencies have their code.
fn symbol(currency: &str, language: Language) -> Option<&'static str> {
    match (currency, language) {
        ("EUR", _) => Some("€"),
        ("GBP", Language::English) => Some("£"),
        ("GBP", Language::French) => Some("£GB"),
        ("USD", Language::English) => Some("$"),
        ("USD", Language::French) => Some("$US"),
        ("JPY", Language::English) => Some("¥"),
        ("INR", Language::English) => Some("₹"),
        _ => None,
    }
}

fn grouped(whole: &str, separator: &str) -> String {
    let mut out = String::with_capacity(whole.len() + whole.len() / 3 * separator.len());
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push_str(separator);
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(minor_units: i64, currency: &str) -> (String, String) {
        let amount = Amount {
            minor_units,
            currency: currency.to_owned(),
        };
        (
            format(&amount, Language::French).replace('\u{a0}', "~"),
            format(&amount, Language::English).replace('\u{a0}', "~"),
        )
    }

    fn pair(french: &str, english: &str) -> (String, String) {
        (french.to_owned(), english.to_owned())
    }

    #[test]
    fn amounts_follow_the_language() {
        assert_eq!(both(4990, "EUR"), pair("49,90~€", "€49.90"));
        assert_eq!(both(5, "EUR"), pair("0,05~€", "€0.05"));
        assert_eq!(
            both(123_456_789, "EUR"),
            pair("1\u{202f}234\u{202f}567,89~€", "€1,234,567.89")
        );
        assert_eq!(both(-500, "EUR"), pair("-5,00~€", "-€5.00"));
        assert_eq!(both(100_000, "USD"), pair("1\u{202f}000,00~$US", "$1,000.00"));
        assert_eq!(both(4990, "CHF"), pair("49,90~CHF", "CHF~49.90"));
    }

    #[test]
    fn digits_follow_the_currency() {
        assert_eq!(both(500, "JPY"), pair("500~JPY", "¥500"));
        assert_eq!(both(12_345, "JPY"), pair("12\u{202f}345~JPY", "¥12,345"));
        assert_eq!(both(1234, "BHD"), pair("1,234~BHD", "BHD~1.234"));
        assert_eq!(both(i64::MIN, "EUR").1, "-€92,233,720,368,547,758.08");
    }
}
