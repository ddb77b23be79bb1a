//! The languages of messages, and the words that templates share.

use std::time::Duration;

use serde::Serialize;

use crate::domain::content::Tax;

/// A language of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    French,
    English,
}

impl Language {
    /// The language of the recipient's locale; if it is not supported, of the shop's first locale; else English.
    pub(crate) fn choose(locale: &str, shop_locales: &[String]) -> Self {
        let first = shop_locales.first().map(String::as_str);
        [Some(locale), first]
            .into_iter()
            .flatten()
            .find_map(Self::of)
            .unwrap_or(Self::English)
    }

    fn of(locale: &str) -> Option<Self> {
        let language = locale.split(['-', '_']).next().unwrap_or_default();
        if language.eq_ignore_ascii_case("fr") {
            Some(Self::French)
        } else if language.eq_ignore_ascii_case("en") {
            Some(Self::English)
        } else {
            None
        }
    }

    /// Its code, and the folder of its templates.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::French => "fr",
            Self::English => "en",
        }
    }

    pub(crate) fn words(self) -> &'static Words {
        match self {
            Self::French => &FRENCH,
            Self::English => &ENGLISH,
        }
    }

    /// A tax's label: `TVA 20 % (comprise)`.
    pub(crate) fn tax(self, tax: &Tax) -> String {
        let (name, percent) = (&tax.name, &tax.percent);
        match (self, tax.included) {
            (Self::French, true) => format!("dont {name} {}\u{a0}%", percent.replace('.', ",")),
            (Self::French, false) => format!("{name} {}\u{a0}%", percent.replace('.', ",")),
            (Self::English, true) => format!("including {name} {percent}%"),
            (Self::English, false) => format!("{name} {percent}%"),
        }
    }

    /// A way of delivery with its time: `Express, 1 day`.
    pub(crate) fn delivery(self, name: &str, days: Option<i32>) -> String {
        match days {
            Some(days) if days > 0 => {
                let unit = self.unit("day", i64::from(days));
                format!("{name}, {days}\u{a0}{unit}")
            }
            _ => name.to_owned(),
        }
    }

    /// The remaining time, in whole hours from two hours on, and in minutes below.
    pub(crate) fn duration(self, left: Duration) -> String {
        let minutes = i64::try_from(left.as_secs() / 60).unwrap_or(0).max(1);
        // A link has lost a few seconds when its mail is rendered: 23 h 59 min are shown as 24 hours.
        let hours = (minutes + 1) / 60;
        let (count, unit) = if hours >= 2 {
            (hours, "hour")
        } else {
            (minutes, "minute")
        };
        format!("{count}\u{a0}{}", self.unit(unit, count))
    }

    fn unit(self, unit: &str, count: i64) -> &'static str {
        match (self, unit, count == 1) {
            (Self::French, "day", true) => "jour",
            (Self::French, "day", false) => "jours",
            (Self::French, "hour", true) => "heure",
            (Self::French, "hour", false) => "heures",
            (Self::English, "day", true) => "day",
            (Self::English, "day", false) => "days",
            (Self::English, "hour", true) => "hour",
            (Self::English, "hour", false) => "hours",
            (_, _, true) => "minute",
            (_, _, false) => "minutes",
        }
    }
}

/// Words that templates share.
#[derive(Debug, Serialize)]
pub(crate) struct Words {
    pub(crate) subtotal: &'static str,
    pub(crate) discount: &'static str,
    pub(crate) shipping: &'static str,
    pub(crate) total: &'static str,
    quantity: &'static str,
    delivery: &'static str,
    carrier: &'static str,
    tracking: &'static str,
    link_help: &'static str,
    footer: &'static str,
}

static FRENCH: Words = Words {
    subtotal: "Sous-total",
    discount: "Remise",
    shipping: "Livraison",
    total: "Total",
    quantity: "Quantité :",
    delivery: "Livraison",
    carrier: "Transporteur :",
    tracking: "Numéro de suivi :",
    link_help: "Si le bouton ne fonctionne pas, copiez ce lien dans votre navigateur :",
    footer: "Ce message vous est envoyé par",
};

static ENGLISH: Words = Words {
    subtotal: "Subtotal",
    discount: "Discount",
    shipping: "Delivery",
    total: "Total",
    quantity: "Quantity:",
    delivery: "Delivery",
    carrier: "Carrier:",
    tracking: "Tracking number:",
    link_help: "If the button does not work, copy this link into your browser:",
    footer: "This mail was sent to you by",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_found_for_everyone() {
        let shop = |locales: &[&str]| {
            locales
                .iter()
                .map(|&locale| locale.to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(Language::choose("fr-CA", &shop(&["en"])), Language::French);
        assert_eq!(Language::choose("EN_gb", &shop(&["fr"])), Language::English);
        assert_eq!(Language::choose("de-DE", &shop(&["fr", "en"])), Language::French);
        assert_eq!(Language::choose("", &shop(&["fr-FR"])), Language::French);
        assert_eq!(
            Language::choose("frisian", &shop(&["de", "fr"])),
            Language::English
        );
    }

    #[test]
    fn a_links_life_is_said_in_words() {
        let words = |seconds| {
            Language::English
                .duration(Duration::from_secs(seconds))
                .replace('\u{a0}', " ")
        };
        assert_eq!(words(24 * 3600 - 3), "24 hours");
        assert_eq!(words(3600), "60 minutes");
        assert_eq!(words(60), "1 minute");
        assert_eq!(words(0), "1 minute");
        assert_eq!(
            Language::French.duration(Duration::from_secs(7200)),
            "2\u{a0}heures"
        );
    }
}
