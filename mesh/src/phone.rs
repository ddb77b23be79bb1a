//! Telephone numbers by the numbering plans of their countries (Google's libphonenumber, by the crate `phonenumber`).

use comptoir_proto::types::ErrorReason;
use phonenumber::Type;
use phonenumber::metadata::{DATABASE, Metadata};

use crate::error::Error;
use crate::lengths;
use crate::text;

/// The fewest and the most digits of a number (ITU-T E.164); short numbers within a country have four.
const DIGITS: std::ops::RangeInclusive<usize> = 4..=15;
/// What no country's code begins with: a zero, and the codes of satellites and services (ITU-T E.164, assigned country codes;
/// 87 is theirs as a whole).
const NO_COUNTRY: [&str; 9] = ["0", "800", "808", "87", "881", "882", "883", "888", "979"];
/// Kinds of numbers that cost who calls or writes more than others do, or are no place to write to.
const DEAR: [Type; 7] = [
    Type::PremiumRate,
    Type::SharedCost,
    Type::PersonalNumber,
    Type::TollFree,
    Type::Pager,
    Type::Uan,
    Type::Voicemail,
];
/// Kinds of numbers that people have at home and with them.
const PLAIN: [Type; 3] = [Type::Mobile, Type::FixedLine, Type::Voip];

/// A number that can be dialled from anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    code: u16,
    /// Behind the country's code, without the zero that is dialled within the country alone.
    national: String,
}

/// A number as it is kept: as typed, without the space around it; `None` where it is empty. Refused with VALIDATION_FAILED:
/// what is no number, and one behind a + or 00 that can be of no country. The rule is one that a pattern can state, as the
/// document of the API does; whether the country has such a number is seen when it is dialled.
pub fn check(field: &str, typed: &str) -> Result<Option<String>, Error> {
    // With the space around it: the API's document states one length, of the text as it is sent.
    if typed.chars().count() > lengths::PHONE {
        let message = format!("A telephone number has at most {} characters.", lengths::PHONE);
        return Err(Error::field(field, ErrorReason::InvalidText, message));
    }
    let typed = text::line(field, typed, lengths::PHONE)?;
    if typed.is_empty() {
        return Ok(None);
    }
    let of_no_country = |number: &String| {
        let digits = number.strip_prefix('+');
        digits.is_some_and(|digits| NO_COUNTRY.iter().any(|code| digits.starts_with(code)))
    };
    if compact(&typed).is_none_or(|number| of_no_country(&number)) {
        let message = "This is not a telephone number; write it like +33 6 12 34 56 78.";
        return Err(Error::field(field, ErrorReason::ValidationFailed, message));
    }
    Ok(Some(typed))
}

impl Number {
    /// Reads a number as people write it; one without a country's code is dialled in `country` (ISO 3166-1 alpha-2). `None`
    /// where the country's plan has no such number.
    pub fn parse(typed: &str, country: Option<&str>) -> Option<Self> {
        let number = compact(typed)?;
        let home = match number.strip_prefix('+') {
            // No country's code begins with a zero.
            Some(digits) if digits.starts_with('0') => return None,
            Some(_) => None,
            None => Some(country?.parse().ok()?),
        };
        let parsed = phonenumber::parse(home, &number).ok()?;
        let code = parsed.code().value();
        let e164 = parsed.format().mode(phonenumber::Mode::E164).to_string();
        let national = e164.strip_prefix(&format!("+{code}"))?.to_owned();
        let number = Self { code, national };
        let possible = number.plans().any(|plan| number.is_possible(plan));
        possible.then_some(number)
    }

    /// As it is dialled from anywhere: +33612345678.
    pub fn e164(&self) -> String {
        format!("+{}{}", self.code, self.national)
    }

    /// Whether it is a number of this country (ISO 3166-1 alpha-2). Countries can share a code, as the United States and
    /// Canada do; a number that none of them has given out is the first one's.
    pub fn is_of(&self, country: &str) -> bool {
        let begins = |plan: &&Metadata| {
            plan.leading_digits()
                .and_then(|digits| digits.find(&self.national))
                .is_some_and(|found| found.start() == 0)
        };
        let has = |plan: &&Metadata| {
            plan.leading_digits().is_none() && DEAR.iter().chain(&PLAIN).any(|&kind| self.is_a(plan, kind))
        };
        let plan = self
            .plans()
            .find(begins)
            .or_else(|| self.plans().find(has))
            .or_else(|| self.plans().next());
        plan.is_some_and(|plan| plan.id() == country)
    }

    /// Whether writing to it may cost more than to other numbers, or reaches no person. A number that is not given out goes
    /// with its neighbours: with the kind whose example begins most like it.
    pub fn is_dear(&self) -> bool {
        let given = |kinds: &[Type]| {
            self.plans()
                .any(|plan| kinds.iter().any(|&kind| self.is_a(plan, kind)))
        };
        if given(&DEAR) {
            return true;
        }
        if given(&PLAIN) {
            return false;
        }
        let likeness = |kinds: &[Type]| {
            let examples = self.plans().flat_map(|plan| {
                kinds
                    .iter()
                    .filter_map(|&kind| plan.descriptors().get(kind)?.example())
            });
            examples
                .map(|example| self.begins_like(example))
                .max()
                .unwrap_or(0)
        };
        likeness(&DEAR) > likeness(&PLAIN)
    }

    /// The plans that share its code, the main country's first.
    fn plans(&self) -> impl Iterator<Item = &'static Metadata> {
        DATABASE.by_code(&self.code).into_iter().flatten()
    }

    /// Whether the plan has room for it: its beginning, and the length of some kind of number. Codes of no country are
    /// satellites and services.
    fn is_possible(&self, plan: &Metadata) -> bool {
        let plans = plan.descriptors();
        let long = |kind: &Type| {
            let lengths = plans.get(*kind)?.possible_length();
            Some(
                lengths
                    .iter()
                    .any(|&length| usize::from(length) == self.national.len()),
            )
        };
        plan.id() != "001"
            && plans.general().is_match(&self.national)
            && DEAR.iter().chain(&PLAIN).any(|kind| long(kind) == Some(true))
    }

    fn is_a(&self, plan: &Metadata, kind: Type) -> bool {
        let descriptor = plan.descriptors().get(kind);
        descriptor.is_some_and(|descriptor| descriptor.is_match(&self.national))
    }

    fn begins_like(&self, example: &str) -> usize {
        let pairs = self.national.bytes().zip(example.bytes());
        pairs.take_while(|(one, other)| one == other).count()
    }
}

/// Whether there is a numbering plan of this country.
pub fn has_plan(country: &str) -> bool {
    country != "001" && DATABASE.by_id(country).is_some()
}

/// The digits of a number, with a + in front of a country's code; `None` where it holds anything else. What people put between
/// digits is dropped, `00` in front is a +.
fn compact(typed: &str) -> Option<String> {
    let compact: String = typed
        .chars()
        .filter(|c| !matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '.' | '-' | '/' | '(' | ')'))
        .collect();
    let international = compact.strip_prefix('+').or_else(|| compact.strip_prefix("00"));
    let digits = international.unwrap_or(&compact);
    let good = DIGITS.contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let sign = if international.is_some() { "+" } else { "" };
    good.then(|| format!("{sign}{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialled(typed: &str, country: &str) -> Option<String> {
        let country = (!country.is_empty()).then_some(country);
        Number::parse(typed, country).map(|number| number.e164())
    }

    #[test]
    fn the_zero_that_is_dialled_at_home_alone_goes() {
        for (typed, country, number) in [
            ("+33 (0)6 39 98 00 01", "", "+33639980001"),
            ("0033 (0)6 39 98 00 01", "", "+33639980001"),
            ("+44 (0)7911 123456", "", "+447911123456"),
            ("+49 (0)151 23456789", "", "+4915123456789"),
            ("+39 06 1234 5678", "", "+390612345678"),
            ("+39 312 345 6789", "", "+393123456789"),
            ("06 12 34 56 78", "FR", "+33612345678"),
            ("06\u{202f}12\u{a0}34 56 78", "FR", "+33612345678"),
            ("+32 470 12 34 56", "FR", "+32470123456"),
            ("07911 123456", "GB", "+447911123456"),
            ("312 345 6789", "IT", "+393123456789"),
            ("06 20 123 4567", "HU", "+36201234567"),
            ("8 916 123-45-67", "RU", "+79161234567"),
            ("(212) 555-0100", "US", "+12125550100"),
        ] {
            assert_eq!(
                dialled(typed, country).as_deref(),
                Some(number),
                "{typed} {country}"
            );
        }
    }

    #[test]
    fn what_no_country_has_is_no_number() {
        for (typed, country) in [
            ("+0033 6 12 34 56 78", ""),
            ("000336 12 34 56 78", ""),
            ("00882 16 123 45 678", ""),
            ("+88216123456", ""),
            ("+800 1234 5678", ""),
            ("+979 123 456 789", ""),
            ("+999 1234 5678", ""),
            ("+33 6 12", ""),
            ("+33 6 12 34 56 78 90", ""),
            ("+33612345678,+336", ""),
            ("+336123456789012345", ""),
            ("06 12 34 56 78", ""),
            ("06 12 34 56 78", "ZZ"),
            ("call me", "FR"),
            ("", "FR"),
            ("+", "FR"),
        ] {
            assert_eq!(dialled(typed, country), None, "{typed:?} {country}");
        }
    }

    #[test]
    fn dear_numbers_are_known_by_their_kind() {
        let is_dear = |typed: &str| Number::parse(typed, None).expect(typed).is_dear();
        for dear in [
            "+32 90 212 345",
            "+32 90 199 999",
            "+33 891 23 45 67",
            "+33 899 99 99 99",
            "+33 892 12 34 56",
            "+44 70 1234 5678",
            "+44 70 0000 0000",
            "+44 909 012 3456",
            "+49 900 1234567",
            "+1 900 234 5678",
            "+39 899 123 456",
        ] {
            assert!(is_dear(dear), "{dear}");
        }
        for plain in [
            "+33 6 12 34 56 78",
            // Reserved for films and tests, and never assigned.
            "+33 6 39 98 00 01",
            "+44 7700 900123",
            "+44 7911 123456",
            "+33 1 23 45 67 89",
            "+32 470 12 34 56",
            "+39 06 1234 5678",
            "+1 212 555 0100",
        ] {
            assert!(!is_dear(plain), "{plain}");
        }
    }

    #[test]
    fn a_number_is_of_one_country() {
        let is_of = |typed: &str, country: &str| Number::parse(typed, None).expect(typed).is_of(country);
        for (typed, home, other) in [
            ("+33612345678", "FR", "RE"),
            ("+33639980001", "FR", "BE"),
            ("+262692123456", "RE", "FR"),
            ("+12125550100", "US", "CA"),
            ("+14165550100", "CA", "US"),
            ("+18765550100", "JM", "US"),
            ("+77012345678", "KZ", "RU"),
            ("+79161234567", "RU", "KZ"),
            ("+447797123456", "JE", "GB"),
            ("+447700900123", "GB", "JE"),
            ("+390612345678", "IT", "VA"),
            ("+390669812345", "VA", "IT"),
        ] {
            assert!(is_of(typed, home) && !is_of(typed, other), "{typed} is of {home}");
        }
    }

    #[test]
    fn a_number_is_kept_as_typed() {
        let check = |typed: &str| check("phone", typed);
        assert_eq!(
            check(" +33 (0)6 12 34 56 78 ").unwrap().as_deref(),
            Some("+33 (0)6 12 34 56 78")
        );
        assert_eq!(
            check("06 12.34-56/78").unwrap().as_deref(),
            Some("06 12.34-56/78")
        );
        assert_eq!(check(" ").unwrap(), None);
        for wrong in [
            "+",
            "123",
            "1234567890123456",
            "+33 6 <b>",
            "33+612345678",
            "+0033 6 12 34 56 78",
            "00882 16 123 45 678",
            "(+) 881 6 123 45 678",
            "000 33 6 12 34 56 78",
            "++33612345678",
        ] {
            assert_eq!(
                check(wrong).unwrap_err().reason(),
                ErrorReason::ValidationFailed,
                "{wrong}"
            );
        }
        assert_eq!(
            check("+33 6\u{2028}").unwrap_err().reason(),
            ErrorReason::InvalidText
        );
    }
}
