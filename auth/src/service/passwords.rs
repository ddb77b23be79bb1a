//! Passwords: compared, changed and reset. Every comparison is counted as an attempt first.

use std::time::Duration;

use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_mesh::identity::Caller;
use comptoir_proto::auth::v1 as proto;

use super::mails::invalid_link;
use crate::auth::{Auth, LOGIN_WINDOW, TRIES};
use crate::domain::attempt::{self, Attempt, Counter};
use crate::domain::mail::MailKind;
use crate::domain::password::{Password, PasswordHash};
use crate::domain::refresh::token_hash;
use crate::domain::user::User;
use crate::store::{MailEffect, MailOutcome};

impl Auth {
    /// An attempt at the password of the account with this address.
    pub(super) fn attempt(&self, email_key: &str, client_address: Option<&str>) -> Attempt {
        let counter = |key: String, limit: u32| Counter { key, limit };
        Attempt {
            id: self.env.ids.new_id("try_"),
            account: counter(attempt::account_key(email_key), self.limits.login_account),
            address: client_address
                .and_then(attempt::address_key)
                .map(|key| counter(key, self.limits.login_address)),
        }
    }

    /// Whether the password is correct; TOO_MANY_ATTEMPTS, without comparing it, when the limit is reached. The attempt
    /// stays counted until it is forgiven.
    ///
    /// The attempt is counted while it holds a permit to hash. No more are counted in advance than are hashed at once,
    /// so that concurrent log-ins to one account do not count as failures.
    pub(super) async fn compare(
        &self,
        attempt: &Attempt,
        password: Password,
        hash: Option<PasswordHash>,
    ) -> Result<bool, Error> {
        // Checked before waiting for a permit, so that a flood at a throttled account costs one read per call.
        if let Some(until) = self
            .store
            .blocked_until(attempt, LOGIN_WINDOW, self.now())
            .await?
        {
            return Err(self.too_many_attempts(until));
        }
        let permit = self.hasher.permit().await?;
        if let Some(until) = self
            .store
            .count_attempt(attempt, LOGIN_WINDOW, self.now())
            .await?
        {
            return Err(self.too_many_attempts(until));
        }
        self.hasher.verify(permit, password, hash).await
    }

    /// Compares a signed-in user's password. A wrong one is REAUTH_REQUIRED and counts as a failed log-in.
    pub(super) async fn reauthenticate(
        &self,
        user: &User,
        password: &str,
        client_address: Option<&str>,
        field: &str,
    ) -> Result<(), Error> {
        let password = Password::presented(field, password)?;
        let attempt = self.attempt(&user.email_key, client_address);
        if !self
            .compare(&attempt, password, Some(user.password.clone()))
            .await?
        {
            return Err(Error::field(
                field,
                ErrorReason::ReauthRequired,
                "The current password is wrong.",
            ));
        }
        self.store.forgive_attempt(&attempt).await
    }

    pub(crate) async fn change_password(
        &self,
        caller: &Caller,
        request: proto::ChangePasswordRequest,
    ) -> Result<proto::ChangePasswordResponse, Error> {
        let user = self.caller_account(caller).await?;
        let password = Password::new("new_password", &request.new_password, &user.email)?;
        let client_address = request.client_address.as_deref();
        self.reauthenticate(
            &user,
            &request.current_password,
            client_address,
            "current_password",
        )
        .await?;
        let hash = self
            .hasher
            .hash(self.hasher.permit().await?, password, self.env.ids.secret())
            .await?;
        let session = &caller.user()?.session_id;
        let (compared, now) = (user.password, self.now());
        let change = |user: &mut User| {
            // The account changed meanwhile: the compared password may no longer be the current one.
            if user.password != compared {
                let message = "The current password is wrong.";
                return Err(Error::field(
                    "current_password",
                    ErrorReason::ReauthRequired,
                    message,
                ));
            }
            user.set_password(hash.clone(), Some(session), now);
            Ok(())
        };
        let (user, ()) = self.change_caller(caller, change).await?;
        self.revoked();
        tracing::info!(user.id = user.id, "a password was changed");
        Ok(proto::ChangePasswordResponse {
            user: Some(user.into()),
        })
    }

    pub(crate) async fn reset_password(
        &self,
        _: &Caller,
        request: proto::ResetPasswordRequest,
    ) -> Result<proto::ResetPasswordResponse, Error> {
        let password = Password::new("new_password", &request.new_password, "")?;
        let token = token_hash(&request.token);
        let mut hash = None;
        for _ in 0..TRIES {
            let now = self.now();
            let mail = self.store.mail_by_token(&token).await?;
            let mail = mail.filter(|mail| mail.kind == MailKind::PasswordReset && mail.is_open(now));
            let (mail, user_id) = mail
                .and_then(|mail| mail.user_id.clone().map(|id| (mail, id)))
                .ok_or_else(invalid_link)?;
            let user = self
                .store
                .user(&user_id)
                .await?
                .filter(|user| mail.speaks_for(user));
            let mut user = user.ok_or_else(invalid_link)?;
            // Only for a valid link: a guessed one costs no hashing.
            let hash = match &hash {
                Some(hash) => PasswordHash::clone(hash),
                None => {
                    let permit = self.hasher.permit().await?;
                    let made = self
                        .hasher
                        .hash(permit, password.clone(), self.env.ids.secret())
                        .await?;
                    hash.insert(made).clone()
                }
            };
            user.set_password(hash, None, now);
            crate::fail_points::hit("auth.mail.use.before");
            let outcome = self
                .store
                .use_mail(&mail.id, MailEffect::Replace(user), now)
                .await?;
            crate::fail_points::hit("auth.mail.use.after");
            match outcome {
                MailOutcome::Done(user) => {
                    self.revoked();
                    // The owner of the mailbox is not the one who guessed passwords.
                    self.store
                        .forgive_attempt(&self.attempt(&user.email_key, None))
                        .await?;
                    tracing::info!(user.id = user.id, "a password was reset");
                    return Ok(proto::ResetPasswordResponse {
                        user: Some((*user).into()),
                    });
                }
                MailOutcome::Closed | MailOutcome::AddressTaken => return Err(invalid_link()),
                MailOutcome::Conflict => {}
            }
        }
        Err(super::contended())
    }

    fn too_many_attempts(&self, until: jiff::Timestamp) -> Error {
        metrics::counter!("auth_logins_total", "outcome" => "throttled").increment(1);
        let wait = Duration::try_from(until.duration_since(self.now()))
            .unwrap_or_default()
            .max(Duration::from_secs(1));
        Error::new(
            ErrorReason::TooManyAttempts,
            "Too many failed attempts. Wait, or reset the password.",
        )
        .with_retry_after(wait)
    }
}
