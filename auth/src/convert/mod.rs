//! Between the proto and the domain. Checks user input, and collects every violation of a request.

pub(crate) use comptoir_mesh::clock::to_proto as timestamp;
use comptoir_mesh::error::{Error, ErrorReason, Violation};
use comptoir_mesh::{lengths, phone, text};
use comptoir_proto::auth::v1 as proto;
use comptoir_proto::types;
use comptoir_shop::Shop;

use crate::domain::address::Address;
use crate::domain::session::Session;
use crate::domain::user::{Profile, Role, User};
use crate::store::Revocation;

const MAX_NAME: usize = lengths::NAME;
const MAX_ADDRESS_LINE: usize = lengths::STREET;
const MAX_POSTAL_CODE: usize = lengths::POSTAL_CODE;
const MAX_USER_AGENT: usize = 256;

/// Collects the violations of a request.
#[derive(Default)]
pub(crate) struct Checks(Vec<Violation>);

impl Checks {
    /// The value, or its default after collecting the violation.
    pub(crate) fn take<T: Default>(&mut self, checked: Result<T, Error>) -> T {
        checked.unwrap_or_else(|error| {
            self.0.extend_from_slice(error.field_violations());
            T::default()
        })
    }

    /// Refuses the request if a violation was collected.
    pub(crate) fn done(self) -> Result<(), Error> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Error::violations(self.0))
        }
    }

    /// An optional line.
    fn optional(&mut self, field: &str, line: Option<&str>, max: usize) -> Option<String> {
        let line = line?;
        Some(self.take(text::line(field, line, max))).filter(|line| !line.is_empty())
    }

    /// A required line.
    fn required(&mut self, field: &str, line: &str, max: usize) -> String {
        let line = text::line(field, line, max).and_then(|line| {
            if line.is_empty() {
                return Err(Error::field(
                    field,
                    ErrorReason::ValidationFailed,
                    "This is needed.",
                ));
            }
            Ok(line)
        });
        self.take(line)
    }

    /// An optional telephone number.
    fn phone(&mut self, field: &str, phone: Option<&str>) -> Option<String> {
        phone.and_then(|phone| self.take(phone::check(field, phone)))
    }

    /// One of the shop's locales; the first when absent or empty.
    fn locale(&mut self, locale: Option<&str>, shop: &Shop) -> String {
        let first = shop.locales.first().cloned().unwrap_or_default();
        let Some(wanted) = locale.map(str::trim).filter(|wanted| !wanted.is_empty()) else {
            return first;
        };
        match shop
            .locales
            .iter()
            .find(|known| known.eq_ignore_ascii_case(wanted))
        {
            Some(known) => known.clone(),
            None => {
                let message = format!("The shop's locales are {}.", shop.locales.join(", "));
                self.0
                    .push(Violation::new("locale", ErrorReason::ValidationFailed, message));
                first
            }
        }
    }

    /// The profile of a new account.
    pub(crate) fn profile(&mut self, request: &proto::RegisterRequest, shop: &Shop) -> Profile {
        Profile {
            first_name: self.optional("first_name", request.first_name.as_deref(), MAX_NAME),
            last_name: self.optional("last_name", request.last_name.as_deref(), MAX_NAME),
            phone: self.phone("phone", request.phone.as_deref()),
            locale: self.locale(request.locale.as_deref(), shop),
        }
    }
}

/// Changes of a profile, checked.
pub(crate) fn profile_changes(
    request: &proto::UpdateUserRequest,
    shop: &Shop,
) -> Result<impl Fn(&mut Profile) + use<>, Error> {
    let mut checks = Checks::default();
    // The outer Option is whether the field changes, the inner one its new value.
    let present = |field: &Option<String>| field.is_some();
    let first_name = present(&request.first_name)
        .then(|| checks.optional("first_name", request.first_name.as_deref(), MAX_NAME));
    let last_name = present(&request.last_name)
        .then(|| checks.optional("last_name", request.last_name.as_deref(), MAX_NAME));
    let phone = present(&request.phone).then(|| checks.phone("phone", request.phone.as_deref()));
    let locale = present(&request.locale).then(|| checks.locale(request.locale.as_deref(), shop));
    checks.done()?;
    Ok(move |profile: &mut Profile| {
        if let Some(first_name) = &first_name {
            profile.first_name.clone_from(first_name);
        }
        if let Some(last_name) = &last_name {
            profile.last_name.clone_from(last_name);
        }
        if let Some(phone) = &phone {
            profile.phone.clone_from(phone);
        }
        if let Some(locale) = &locale {
            profile.locale.clone_from(locale);
        }
    })
}

/// An address, checked.
pub(crate) fn address(address: Option<&types::Address>) -> Result<Address, Error> {
    let Some(address) = address else {
        return Err(Error::field(
            "address",
            ErrorReason::ValidationFailed,
            "An address is needed.",
        ));
    };
    let mut checks = Checks::default();
    let country = address.country_code.trim().to_ascii_uppercase();
    if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
        let message = "A country is two letters (ISO 3166-1).";
        checks.0.push(Violation::new(
            "address.country_code",
            ErrorReason::ValidationFailed,
            message,
        ));
    }
    let checked = Address {
        first_name: checks.required("address.first_name", &address.first_name, MAX_NAME),
        last_name: checks.required("address.last_name", &address.last_name, MAX_NAME),
        company: checks.optional("address.company", address.company.as_deref(), MAX_NAME),
        line1: checks.required("address.line1", &address.line1, MAX_ADDRESS_LINE),
        line2: checks.optional("address.line2", address.line2.as_deref(), MAX_ADDRESS_LINE),
        city: checks.required("address.city", &address.city, MAX_NAME),
        region: checks.optional("address.region", address.region.as_deref(), MAX_NAME),
        // Not every country has postal codes.
        postal_code: checks
            .optional("address.postal_code", Some(&address.postal_code), MAX_POSTAL_CODE)
            .unwrap_or_default(),
        country_code: country,
        phone: checks.phone("address.phone", address.phone.as_deref()),
    };
    checks.done()?;
    Ok(checked)
}

/// The client's own description, without characters that could forge a list or a log. It is only shown, so it is never
/// refused.
pub(crate) fn user_agent(user_agent: Option<&str>) -> Option<String> {
    let shown: String = user_agent?
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_USER_AGENT)
        .collect();
    text::line("user_agent", &shown, MAX_USER_AGENT)
        .ok()
        .filter(|shown| !shown.is_empty())
}

/// A well-formed id of a user.
pub(crate) fn user_id(id: &str) -> Result<&str, Error> {
    checked_id("user_id", id, "user_")
}

/// An id with this prefix, or INVALID_ID on `field`.
pub(crate) fn checked_id<'a>(field: &str, id: &'a str, prefix: &str) -> Result<&'a str, Error> {
    if comptoir_mesh::ids::is_id(id, prefix) {
        Ok(id)
    } else {
        Err(Error::field(
            field,
            ErrorReason::InvalidId,
            format!("An id here begins with {prefix}."),
        ))
    }
}

/// A role of the contract.
pub(crate) fn role(role: i32) -> Result<Role, Error> {
    match proto::Role::try_from(role) {
        Ok(proto::Role::Customer) => Ok(Role::Customer),
        Ok(proto::Role::Staff) => Ok(Role::Staff),
        Ok(proto::Role::Admin) => Ok(Role::Admin),
        Ok(proto::Role::Unspecified) | Err(_) => Err(Error::field(
            "role",
            ErrorReason::ValidationFailed,
            "A role is CUSTOMER, STAFF or ADMIN.",
        )),
    }
}

impl From<User> for proto::User {
    fn from(user: User) -> Self {
        let role = match user.role {
            Role::Customer => proto::Role::Customer,
            Role::Staff => proto::Role::Staff,
            Role::Admin => proto::Role::Admin,
        };
        Self {
            id: user.id,
            email: user.email,
            // An account exists only once its address is confirmed.
            email_verified: true,
            first_name: user.profile.first_name,
            last_name: user.profile.last_name,
            phone: user.profile.phone,
            role: role.into(),
            active: user.active,
            locale: user.profile.locale,
            created_at: Some(timestamp(user.created_at)),
            addresses: user
                .addresses
                .into_iter()
                .map(|saved| proto::SavedAddress {
                    id: saved.id,
                    address: Some(saved.address.into()),
                    is_default: saved.is_default,
                })
                .collect(),
        }
    }
}

impl From<Address> for types::Address {
    fn from(address: Address) -> Self {
        Self {
            first_name: address.first_name,
            last_name: address.last_name,
            company: address.company,
            line1: address.line1,
            line2: address.line2,
            city: address.city,
            region: address.region,
            postal_code: address.postal_code,
            country_code: address.country_code,
            phone: address.phone,
        }
    }
}

/// A session as its owner sees it; `current` is the id of the caller's session.
pub(crate) fn session(session: Session, current: &str) -> proto::Session {
    proto::Session {
        current: session.id == current,
        id: session.id,
        created_at: Some(timestamp(session.created_at)),
        last_used_at: Some(timestamp(session.last_used_at)),
        user_agent: session.user_agent,
    }
}

impl From<Revocation> for proto::Revocation {
    fn from(revocation: Revocation) -> Self {
        let (subject, at) = match revocation {
            Revocation::Session { id, at } => (proto::revocation::Subject::SessionId(id), at),
            Revocation::User { id, at } => (proto::revocation::Subject::UserId(id), at),
        };
        Self {
            subject: Some(subject),
            revoked_at: Some(timestamp(at)),
        }
    }
}
