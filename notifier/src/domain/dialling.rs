//! Countries by their dialling prefixes, to tell where a text message goes: some places cost fifty times what others do, and
//! whoever is paid for them orders parcels to their numbers.

use std::str::FromStr;

use super::message::{Invalid, Recipient};

/// Where text messages may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A country of the table, ISO 3166-1 alpha-2.
    Country(&'static str),
    /// Every number that begins so, digits alone.
    Prefix(String),
}

impl Destination {
    /// The country of this code, when the table has it.
    pub fn country(code: &str) -> Option<Self> {
        let found = PREFIXES.iter().find(|(_, country)| *country == code)?;
        Some(Self::Country(found.1))
    }

    /// Whether the number, which begins with a +, goes there.
    pub fn takes(&self, number: &str) -> bool {
        let Some(digits) = number.strip_prefix('+') else {
            return false;
        };
        match self {
            Self::Prefix(prefix) => digits.starts_with(prefix.as_str()),
            Self::Country(code) => {
                longest_prefix(digits).is_some_and(|prefix| PREFIXES.contains(&(prefix, *code)))
            }
        }
    }
}

impl FromStr for Destination {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        if let Some(prefix) = text.strip_prefix('+') {
            let good = (1..=8).contains(&prefix.len()) && prefix.bytes().all(|byte| byte.is_ascii_digit());
            return good
                .then(|| Self::Prefix(prefix.to_owned()))
                .ok_or(Invalid("no dialling prefix such as +33"));
        }
        Self::country(text).ok_or(Invalid(
            "no country such as FR, and no dialling prefix such as +33",
        ))
    }
}

/// A number with its country's prefix, where it has none and the country is known: 06 12 in France is +33 6 12.
pub(crate) fn international(number: &Recipient, country: &str) -> Option<Recipient> {
    if number.as_str().starts_with('+') {
        return Some(number.clone());
    }
    let (prefix, _) = PREFIXES.iter().find(|(_, code)| *code == country)?;
    let national = number.as_str();
    // Where numbers are dialled with all their digits from anywhere, a leading zero belongs to them.
    let national = if WHOLE.contains(&country) {
        national
    } else {
        national.strip_prefix('0').unwrap_or(national)
    };
    Recipient::phone(&format!("+{prefix}{national}")).ok()
}

/// The longest known prefix of a number. Countries can share one, as the United States and Canada do.
fn longest_prefix(digits: &str) -> Option<&'static str> {
    let prefixes = PREFIXES.iter().map(|(prefix, _)| *prefix);
    prefixes
        .filter(|prefix| digits.starts_with(prefix))
        .max_by_key(|prefix| prefix.len())
}

/// Countries without a zero to leave out.
const WHOLE: &[&str] = &[
    "CZ", "DK", "EE", "ES", "GR", "HU", "IS", "IT", "LU", "LV", "MC", "MT", "NO", "PL", "PT", "SM", "US",
    "VA",
];

/// Prefixes and their countries (ITU E.164). Those of +1 beside the United States and Canada are named, as theirs are the dear
/// ones.
const PREFIXES: &[(&str, &str)] = &[
    ("1", "US"),
    ("1", "CA"),
    ("1242", "BS"),
    ("1246", "BB"),
    ("1264", "AI"),
    ("1268", "AG"),
    ("1284", "VG"),
    ("1340", "VI"),
    ("1345", "KY"),
    ("1441", "BM"),
    ("1473", "GD"),
    ("1649", "TC"),
    ("1658", "JM"),
    ("1664", "MS"),
    ("1670", "MP"),
    ("1671", "GU"),
    ("1684", "AS"),
    ("1721", "SX"),
    ("1758", "LC"),
    ("1767", "DM"),
    ("1784", "VC"),
    ("1787", "PR"),
    ("1809", "DO"),
    ("1829", "DO"),
    ("1849", "DO"),
    ("1868", "TT"),
    ("1869", "KN"),
    ("1876", "JM"),
    ("1939", "PR"),
    ("20", "EG"),
    ("211", "SS"),
    ("212", "MA"),
    ("213", "DZ"),
    ("216", "TN"),
    ("218", "LY"),
    ("220", "GM"),
    ("221", "SN"),
    ("222", "MR"),
    ("223", "ML"),
    ("224", "GN"),
    ("225", "CI"),
    ("226", "BF"),
    ("227", "NE"),
    ("228", "TG"),
    ("229", "BJ"),
    ("230", "MU"),
    ("231", "LR"),
    ("232", "SL"),
    ("233", "GH"),
    ("234", "NG"),
    ("235", "TD"),
    ("236", "CF"),
    ("237", "CM"),
    ("238", "CV"),
    ("239", "ST"),
    ("240", "GQ"),
    ("241", "GA"),
    ("242", "CG"),
    ("243", "CD"),
    ("244", "AO"),
    ("245", "GW"),
    ("248", "SC"),
    ("249", "SD"),
    ("250", "RW"),
    ("251", "ET"),
    ("252", "SO"),
    ("253", "DJ"),
    ("254", "KE"),
    ("255", "TZ"),
    ("256", "UG"),
    ("257", "BI"),
    ("258", "MZ"),
    ("260", "ZM"),
    ("261", "MG"),
    ("262", "RE"),
    ("262269", "YT"),
    ("262639", "YT"),
    ("263", "ZW"),
    ("264", "NA"),
    ("265", "MW"),
    ("266", "LS"),
    ("267", "BW"),
    ("268", "SZ"),
    ("269", "KM"),
    ("27", "ZA"),
    ("290", "SH"),
    ("291", "ER"),
    ("297", "AW"),
    ("298", "FO"),
    ("299", "GL"),
    ("30", "GR"),
    ("31", "NL"),
    ("32", "BE"),
    ("33", "FR"),
    ("34", "ES"),
    ("350", "GI"),
    ("351", "PT"),
    ("352", "LU"),
    ("353", "IE"),
    ("354", "IS"),
    ("355", "AL"),
    ("356", "MT"),
    ("357", "CY"),
    ("358", "FI"),
    ("359", "BG"),
    ("36", "HU"),
    ("370", "LT"),
    ("371", "LV"),
    ("372", "EE"),
    ("373", "MD"),
    ("374", "AM"),
    ("375", "BY"),
    ("376", "AD"),
    ("377", "MC"),
    ("378", "SM"),
    ("380", "UA"),
    ("381", "RS"),
    ("382", "ME"),
    ("383", "XK"),
    ("385", "HR"),
    ("386", "SI"),
    ("387", "BA"),
    ("389", "MK"),
    ("39", "IT"),
    ("3906698", "VA"),
    ("40", "RO"),
    ("41", "CH"),
    ("420", "CZ"),
    ("421", "SK"),
    ("423", "LI"),
    ("43", "AT"),
    ("44", "GB"),
    ("441481", "GG"),
    ("441534", "JE"),
    ("441624", "IM"),
    ("447624", "IM"),
    ("447797", "JE"),
    ("447781", "GG"),
    ("45", "DK"),
    ("46", "SE"),
    ("47", "NO"),
    ("48", "PL"),
    ("49", "DE"),
    ("500", "FK"),
    ("501", "BZ"),
    ("502", "GT"),
    ("503", "SV"),
    ("504", "HN"),
    ("505", "NI"),
    ("506", "CR"),
    ("507", "PA"),
    ("508", "PM"),
    ("509", "HT"),
    ("51", "PE"),
    ("52", "MX"),
    ("53", "CU"),
    ("54", "AR"),
    ("55", "BR"),
    ("56", "CL"),
    ("57", "CO"),
    ("58", "VE"),
    ("590", "GP"),
    ("591", "BO"),
    ("592", "GY"),
    ("593", "EC"),
    ("594", "GF"),
    ("595", "PY"),
    ("596", "MQ"),
    ("597", "SR"),
    ("598", "UY"),
    ("599", "CW"),
    ("60", "MY"),
    ("61", "AU"),
    ("62", "ID"),
    ("63", "PH"),
    ("64", "NZ"),
    ("65", "SG"),
    ("66", "TH"),
    ("670", "TL"),
    ("673", "BN"),
    ("674", "NR"),
    ("675", "PG"),
    ("676", "TO"),
    ("677", "SB"),
    ("678", "VU"),
    ("679", "FJ"),
    ("680", "PW"),
    ("681", "WF"),
    ("682", "CK"),
    ("683", "NU"),
    ("685", "WS"),
    ("686", "KI"),
    ("687", "NC"),
    ("688", "TV"),
    ("689", "PF"),
    ("690", "TK"),
    ("691", "FM"),
    ("692", "MH"),
    ("7", "RU"),
    ("76", "KZ"),
    ("77", "KZ"),
    ("81", "JP"),
    ("82", "KR"),
    ("84", "VN"),
    ("850", "KP"),
    ("852", "HK"),
    ("853", "MO"),
    ("855", "KH"),
    ("856", "LA"),
    ("86", "CN"),
    ("880", "BD"),
    ("886", "TW"),
    ("90", "TR"),
    ("91", "IN"),
    ("92", "PK"),
    ("93", "AF"),
    ("94", "LK"),
    ("95", "MM"),
    ("960", "MV"),
    ("961", "LB"),
    ("962", "JO"),
    ("963", "SY"),
    ("964", "IQ"),
    ("965", "KW"),
    ("966", "SA"),
    ("967", "YE"),
    ("968", "OM"),
    ("970", "PS"),
    ("971", "AE"),
    ("972", "IL"),
    ("973", "BH"),
    ("974", "QA"),
    ("975", "BT"),
    ("976", "MN"),
    ("977", "NP"),
    ("98", "IR"),
    ("992", "TJ"),
    ("993", "TM"),
    ("994", "AZ"),
    ("995", "GE"),
    ("996", "KG"),
    ("998", "UZ"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(destination: &str, number: &str) -> bool {
        destination.parse::<Destination>().unwrap().takes(number)
    }

    #[test]
    fn a_number_goes_where_its_longest_prefix_says() {
        assert!(takes("FR", "+33612345678"));
        assert!(!takes("FR", "+262692123456"), "Réunion is a place of its own");
        assert!(takes("US", "+12125550100") && takes("CA", "+14165550100"));
        assert!(
            !takes("US", "+18765550100") && !takes("CA", "+18765550100"),
            "Jamaica"
        );
        assert!(!takes("RU", "+77012345678") && takes("KZ", "+77012345678"));
        assert!(takes("+3906", "+390612345") && !takes("+3906", "+39312345678"));
        assert!(
            !takes("FR", "0612345678"),
            "a number without its country goes nowhere"
        );
    }

    #[test]
    fn a_destination_is_a_country_or_a_prefix() {
        for wrong in ["", "+", "fr", "FRA", "ZZ", "33", "+33x", "+123456789"] {
            assert!(wrong.parse::<Destination>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_number_gets_the_prefix_of_its_country() {
        let dialled = |number: &str, country: &str| {
            international(&Recipient::phone(number).unwrap(), country).map(String::from)
        };
        assert_eq!(dialled("06 12 34 56 78", "FR").as_deref(), Some("+33612345678"));
        assert_eq!(dialled("+32 470 12 34 56", "FR").as_deref(), Some("+32470123456"));
        assert_eq!(dialled("312 345 6789", "IT").as_deref(), Some("+393123456789"));
        assert_eq!(dialled("07 1234 5678", "GB").as_deref(), Some("+44712345678"));
        assert_eq!(dialled("06 12 34 56 78", "ZZ"), None);
    }
}
