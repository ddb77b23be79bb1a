//! An account: opened, confirmed, read, changed, and listed for the back office.

use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_mesh::identity::Caller;
use comptoir_mesh::{page, text};
use comptoir_proto::auth::v1 as proto;

use super::{mails, not_found};
use crate::auth::{Auth, TRIES};
use crate::convert::{self, Checks};
use crate::domain::mail::{Draft, MailKind, Registration};
use crate::domain::password::Password;
use crate::domain::refresh::token_hash;
use crate::domain::user::{Role, User};
use crate::store::{MailEffect, MailOutcome, UserQuery};

impl Auth {
    /// Does the same work for a known address as for an unknown one; only the kind of mail differs. The link in the
    /// mail opens the account with the password of this call, so that registering another person's address does not
    /// affect that person's own registration.
    pub(crate) async fn register(
        &self,
        _: &Caller,
        request: proto::RegisterRequest,
    ) -> Result<proto::RegisterResponse, Error> {
        let mut checks = Checks::default();
        let email = checks.take(text::email("email", &request.email));
        let password = checks.take(Password::new("password", &request.password, &email).map(Some));
        let profile = checks.profile(&request, &self.env.shop);
        checks.done()?;
        let Some(password) = password else {
            return Err(Error::internal(anyhow::anyhow!(
                "a refused password passed the checks"
            )));
        };

        let permit = self.hasher.permit().await?;
        let password = self.hasher.hash(permit, password, self.env.ids.secret()).await?;
        let owner = self.store.user_by_email(&text::normalise_email(&email)).await?;
        let draft = match &owner {
            Some(owner) => Draft {
                kind: MailKind::AlreadyRegistered,
                email: &owner.email,
                user: Some(owner),
                registration: None,
            },
            None => Draft {
                kind: MailKind::ConfirmEmail,
                email: &email,
                user: None,
                registration: Some(Registration { password, profile }),
            },
        };
        self.request_mail(draft).await?;
        Ok(proto::RegisterResponse {})
    }

    /// Confirms an address by the link of a registration or of a change of address.
    pub(crate) async fn confirm_email(
        &self,
        _: &Caller,
        request: proto::ConfirmEmailRequest,
    ) -> Result<proto::ConfirmEmailResponse, Error> {
        let hash = token_hash(&request.token);
        for _ in 0..TRIES {
            let now = self.now();
            let mail = self
                .store
                .mail_by_token(&hash)
                .await?
                .filter(|mail| mail.is_open(now));
            let mail = mail.ok_or_else(mails::invalid_link)?;
            let effect = match (mail.kind, &mail.registration, &mail.user_id) {
                (MailKind::ConfirmEmail, Some(registration), _) => MailEffect::Open(User::new(
                    self.env.ids.new_id("user_"),
                    mail.email.clone(),
                    registration.password.clone(),
                    registration.profile.clone(),
                    Role::Customer,
                    now,
                )),
                (MailKind::EmailChange, _, Some(user_id)) => {
                    let user = self
                        .store
                        .user(user_id)
                        .await?
                        .filter(|user| mail.speaks_for(user));
                    let mut user = user.ok_or_else(mails::invalid_link)?;
                    user.email.clone_from(&mail.email);
                    user.email_key.clone_from(&mail.email_key);
                    MailEffect::Replace(user)
                }
                _ => return Err(mails::invalid_link()),
            };
            crate::fail_points::hit("auth.mail.use.before");
            let outcome = self.store.use_mail(&mail.id, effect, now).await?;
            crate::fail_points::hit("auth.mail.use.after");
            match outcome {
                MailOutcome::Done(user) => {
                    tracing::info!(user.id = user.id, "an address was confirmed");
                    return Ok(proto::ConfirmEmailResponse {
                        user: Some((*user).into()),
                    });
                }
                MailOutcome::Closed | MailOutcome::AddressTaken => return Err(mails::invalid_link()),
                MailOutcome::Conflict => {}
            }
        }
        Err(super::contended())
    }

    pub(crate) async fn get_user(
        &self,
        caller: &Caller,
        request: proto::GetUserRequest,
    ) -> Result<proto::GetUserResponse, Error> {
        let id = convert::user_id(&request.user_id)?;
        if caller.user()?.id != id && !caller.is_staff() {
            return Err(not_found("user"));
        }
        let user = self.store.user(id).await?.ok_or_else(|| not_found("user"))?;
        Ok(proto::GetUserResponse {
            user: Some(user.into()),
        })
    }

    pub(crate) async fn update_user(
        &self,
        caller: &Caller,
        request: proto::UpdateUserRequest,
    ) -> Result<proto::UpdateUserResponse, Error> {
        let change = convert::profile_changes(&request, &self.env.shop)?;
        let change = |user: &mut User| {
            change(&mut user.profile);
            Ok(())
        };
        let (user, ()) = self.change_caller(caller, change).await?;
        Ok(proto::UpdateUserResponse {
            user: Some(user.into()),
        })
    }

    pub(crate) async fn list_users(
        &self,
        _: &Caller,
        request: proto::ListUsersRequest,
    ) -> Result<proto::ListUsersResponse, Error> {
        if !request.user_ids.is_empty() {
            return self.batch_users(&request.user_ids).await;
        }
        let limit = page::size(request.page_size, 50, self.env.limit_list)?;
        let after = super::sessions::read_cursor(&request.page_token)?;
        if request.query.chars().count() > 256 {
            return Err(Error::field(
                "query",
                ErrorReason::QueryTooLong,
                "A query has at most 256 characters.",
            ));
        }
        let text = request.query.trim().to_lowercase();
        let page = self.store.list_users(UserQuery { text, after, limit }).await?;
        let cursors: Vec<String> = page
            .users
            .iter()
            .map(|user| super::sessions::cursor(user.created_at, &user.id))
            .collect();
        let next_page_token = if page.more {
            cursors.last().cloned().unwrap_or_default()
        } else {
            String::new()
        };
        Ok(proto::ListUsersResponse {
            users: page.users.into_iter().map(Into::into).collect(),
            cursors,
            next_page_token,
            total_count: i64::try_from(page.total).unwrap_or(i64::MAX),
        })
    }

    async fn batch_users(&self, ids: &[String]) -> Result<proto::ListUsersResponse, Error> {
        if ids.len() > 100 {
            return Err(Error::field(
                "user_ids",
                ErrorReason::LimitOutOfRange,
                "At most 100 users at once.",
            ));
        }
        let users = self.store.users(ids).await?;
        Ok(proto::ListUsersResponse {
            cursors: users
                .iter()
                .map(|user| super::sessions::cursor(user.created_at, &user.id))
                .collect(),
            total_count: i64::try_from(users.len()).unwrap_or(i64::MAX),
            users: users.into_iter().map(Into::into).collect(),
            next_page_token: String::new(),
        })
    }
}
