//! Requests for mails, and the tokens of their links.

use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_mesh::identity::Caller;
use comptoir_mesh::text;
use comptoir_proto::auth::v1 as proto;

use super::not_found;
use crate::auth::{Auth, MAIL_WINDOW};
use crate::convert;
use crate::domain::mail::{Draft, KEPT, Mail, MailKind};
use crate::domain::refresh::token_hash;

impl Auth {
    /// Stores the mail and its event in one write, whatever the kind of mail.
    pub(super) async fn request_mail(&self, draft: Draft<'_>) -> Result<(), Error> {
        let ids = &self.env.ids;
        let id = ids.new_id("mail_");
        let hash = token_hash(&self.secrets.mail_token(&id));
        let mail = Mail::request(draft, id, ids.new_id("evt_"), hash, self.now());
        crate::fail_points::hit("auth.mail.request.before");
        self.store
            .request_mail(mail, self.limits.mails_address, MAIL_WINDOW)
            .await?;
        crate::fail_points::hit("auth.mail.request.after");
        Ok(())
    }

    /// Sends the mail of the address's open registration once more. If two registrations with different passwords are
    /// open, one may be an attacker's, and nothing tells which: no mail is sent, and the user has to register again.
    pub(crate) async fn resend_confirmation(
        &self,
        _: &Caller,
        request: proto::ResendConfirmationRequest,
    ) -> Result<proto::ResendConfirmationResponse, Error> {
        let email = text::email("email", &request.email)?;
        let key = text::normalise_email(&email);
        let now = self.now();
        let owner = self.store.user_by_email(&key).await?;
        let mut open = self.store.registrations(&key, now - KEPT).await?;
        open.retain(|mail| mail.expires_at.is_none_or(|end| now < end));
        let passwords = |mail: &Mail| {
            mail.registration
                .as_ref()
                .map(|registration| registration.password.clone())
        };
        let one = open
            .windows(2)
            .all(|pair| passwords(&pair[0]) == passwords(&pair[1]));
        let draft = match open.into_iter().next() {
            Some(Mail { registration, .. }) if owner.is_none() && one => Draft {
                kind: MailKind::ConfirmEmail,
                email: &email,
                user: None,
                registration,
            },
            _ => unsent(&email),
        };
        self.request_mail(draft).await?;
        Ok(proto::ResendConfirmationResponse {})
    }

    pub(crate) async fn request_password_reset(
        &self,
        _: &Caller,
        request: proto::RequestPasswordResetRequest,
    ) -> Result<proto::RequestPasswordResetResponse, Error> {
        let email = text::email("email", &request.email)?;
        let owner = self
            .store
            .user_by_email(&text::normalise_email(&email))
            .await?
            .filter(|owner| owner.active);
        let draft = match &owner {
            Some(owner) => Draft {
                kind: MailKind::PasswordReset,
                email: &owner.email,
                user: Some(owner),
                registration: None,
            },
            None => unsent(&email),
        };
        self.request_mail(draft).await?;
        Ok(proto::RequestPasswordResetResponse {})
    }

    pub(crate) async fn request_email_change(
        &self,
        caller: &Caller,
        request: proto::RequestEmailChangeRequest,
    ) -> Result<proto::RequestEmailChangeResponse, Error> {
        let email = text::email("new_email", &request.new_email)?;
        let user = self.caller_account(caller).await?;
        self.reauthenticate(
            &user,
            &request.password,
            request.client_address.as_deref(),
            "password",
        )
        .await?;
        let owner = self.store.user_by_email(&text::normalise_email(&email)).await?;
        let draft = match owner.as_ref().filter(|owner| owner.id != user.id) {
            Some(owner) => Draft {
                kind: MailKind::AlreadyRegistered,
                email: &owner.email,
                user: Some(owner),
                registration: None,
            },
            None => Draft {
                kind: MailKind::EmailChange,
                email: &email,
                user: Some(&user),
                registration: None,
            },
        };
        self.request_mail(draft).await?;
        Ok(proto::RequestEmailChangeResponse {})
    }

    pub(crate) async fn issue_mail_token(
        &self,
        _: &Caller,
        request: proto::IssueMailTokenRequest,
    ) -> Result<proto::IssueMailTokenResponse, Error> {
        let id = convert::checked_id("mail_id", &request.mail_id, "mail_")?;
        let end = self
            .store
            .issue_mail_token(id, self.now())
            .await?
            .ok_or_else(|| not_found("link"))?;
        Ok(proto::IssueMailTokenResponse {
            token: self.secrets.mail_token(id),
            expires_at: Some(convert::timestamp(end)),
        })
    }
}

/// The document that is stored where no mail is sent.
fn unsent(email: &str) -> Draft<'_> {
    Draft {
        kind: MailKind::Unsent,
        email,
        user: None,
        registration: None,
    }
}

pub(super) fn invalid_link() -> Error {
    Error::new(
        ErrorReason::TokenInvalid,
        "This link is not valid, was used, or has expired. Ask for a new one.",
    )
}
