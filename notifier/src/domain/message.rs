//! A message as its recipient gets it.

use comptoir_mesh::phone::Number;

use super::plain;

/// A channel of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A mail.
    Email,
    /// A text message.
    Sms,
}

impl Channel {
    /// Its name in the API and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }
}

/// A message ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Begins with `msg_`; derived from the delivery's id, so that a second send is recognised.
    pub id: String,
    /// The channel.
    pub channel: Channel,
    /// A mail's `From`; empty for a text message.
    pub from: String,
    /// The recipient.
    pub to: Recipient,
    /// A mail's subject; empty for a text message.
    pub subject: Subject,
    /// The text part.
    pub text: String,
    /// The HTML part; empty for a text message.
    pub html: String,
}

impl Message {
    /// The delivery's id, from which its own is derived.
    pub(crate) fn delivery_id(&self) -> String {
        format!("dlv_{}", self.id.trim_start_matches("msg_"))
    }
}

/// One address or number; it cannot contain a second one.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Recipient(String);

impl Recipient {
    /// An e-mail address.
    pub fn email(address: &str) -> Result<Self, Invalid> {
        comptoir_mesh::text::email("email", address)
            .map(Self)
            .map_err(|_| Invalid("not an e-mail address"))
    }

    /// An international telephone number; one without a country code is read as a number in `country`.
    pub fn phone(number: &str, country: Option<&str>) -> Result<Self, Invalid> {
        Number::parse(number, country)
            .map(|number| Self(number.e164()))
            .ok_or(Invalid("not a telephone number"))
    }

    /// A stored number, also one of earlier builds that checked less.
    fn kept_phone(number: String) -> Result<Self, Invalid> {
        let digits = number.strip_prefix('+').unwrap_or(&number);
        if (4..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(number))
        } else {
            Err(Invalid("not a telephone number"))
        }
    }

    /// The address or number.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For logs: enough to recognise the address, too little to use it.
    pub fn masked(&self) -> String {
        if self.0.contains('@') {
            comptoir_mesh::text::mask_email(&self.0)
        } else {
            format!("***{}", &self.0[self.0.len().saturating_sub(2)..])
        }
    }

    /// The form in which two spellings are found as one: an address in lower case, a number's digits.
    pub fn lookup_key(text: &str) -> String {
        if text.contains('@') {
            comptoir_mesh::text::normalise_email(text)
        } else {
            text.chars().filter(char::is_ascii_digit).collect()
        }
    }
}

impl std::fmt::Debug for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.masked())
    }
}

impl TryFrom<String> for Recipient {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        if text.contains('@') {
            Self::email(&text)
        } else {
            Self::kept_phone(text)
        }
    }
}

impl From<Recipient> for String {
    fn from(recipient: Recipient) -> Self {
        recipient.0
    }
}

/// A subject: one line, which cannot contain another header.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subject(String);

impl Subject {
    /// Refuses line breaks and every other character that could hide something.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        if text.chars().any(plain::is_unsafe) {
            return Err(Invalid("a subject of more than one line"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The line.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a value is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub(crate) &'static str);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_one_line() {
        assert_eq!(Subject::new(" Order 1000 ").unwrap().as_str(), "Order 1000");
        for forged in ["a\r\nBcc: x@y.fr", "a\nb", "a\rb", "a\u{2028}b", "a\u{0}b"] {
            assert!(Subject::new(forged).is_err(), "{forged:?}");
        }
    }

    #[test]
    fn a_recipient_is_one_address() {
        assert_eq!(
            Recipient::email("Ada@Example.org").unwrap().as_str(),
            "Ada@Example.org"
        );
        for forged in [
            "a@b.fr,c@d.fr",
            "a@b.fr\r\nBcc: c@d.fr",
            "<a@b.fr>",
            "a@b.fr c@d.fr",
            "a%0d%0a@b",
            "",
        ] {
            assert!(Recipient::email(forged).is_err(), "{forged:?}");
        }
    }

    #[test]
    fn a_number_can_be_dialled_from_anywhere() {
        let phone = |number, country| Recipient::phone(number, country).map(String::from).ok();
        for (number, dialled) in [
            ("+33 6 12.34-56 78", "+33612345678"),
            ("0033612345678", "+33612345678"),
            ("+33 (0)6 39 98 00 01", "+33639980001"),
            ("(06) 12 34 56 78", "+33612345678"),
            ("+32 470 12 34 56", "+32470123456"),
        ] {
            assert_eq!(phone(number, Some("FR")).as_deref(), Some(dialled), "{number}");
        }
        for forged in [
            "",
            "+",
            "12345",
            "+33612345678,+336",
            "call me",
            "+3361234567890123",
        ] {
            assert_eq!(phone(forged, Some("FR")), None, "{forged:?}");
        }
        assert_eq!(phone("06 12 34 56 78", None), None, "of no country");
    }

    #[test]
    fn what_an_earlier_build_kept_can_be_read() {
        for kept in ["+330639980001", "0612345678", "+33612345678", "ada@example.org"] {
            let read = Recipient::try_from(kept.to_owned()).map(String::from);
            assert_eq!(read.as_deref(), Ok(kept));
        }
        assert!(Recipient::try_from("+33 6".to_owned()).is_err());
    }

    #[test]
    fn two_spellings_of_an_address_are_found_as_one() {
        let key = Recipient::lookup_key("info@xn--exmple-cua.example");
        assert_eq!(Recipient::lookup_key(" Info@exämple.example"), key);
    }

    #[test]
    fn logs_see_a_mask() {
        assert_eq!(
            format!("{:?}", Recipient::email("ada@example.org").unwrap()),
            "a***@example.org"
        );
        assert_eq!(Recipient::phone("+33612345678", None).unwrap().masked(), "***78");
    }
}
