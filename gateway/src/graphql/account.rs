//! Accounts, their tokens and passwords.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use comptoir_proto::auth::v1 as pb;

use super::address::AddressInput;
use super::user::{Role, User, UserPayload};
use super::user_errors::{MutationResult, UserError, mutation_result, token_mutation_result};
use crate::backend::{Failure, RequestData, Services, require_admin, require_user};

#[derive(SimpleObject)]
pub(super) struct TokenPayload {
    access_token: Option<String>,
    refresh_token: Option<String>,
    expires_in: Option<i32>,
    user: Option<User>,
    user_errors: Vec<UserError>,
}

/// The answer is the same whether or not the address is known.
#[derive(SimpleObject)]
pub(super) struct AcceptedPayload {
    accepted: bool,
    user_errors: Vec<UserError>,
}

#[derive(InputObject)]
pub(super) struct AccountRegisterInput {
    email: String,
    password: String,
    first_name: Option<String>,
    last_name: Option<String>,
    phone: Option<String>,
    locale: Option<String>,
}

impl TokenPayload {
    fn new(data: &RequestData, result: MutationResult<(pb::TokenPair, Option<pb::User>)>) -> Self {
        match result {
            Ok((tokens, user)) => Self {
                access_token: Some(tokens.access_token),
                refresh_token: Some(tokens.refresh_token),
                expires_in: Some(tokens.expires_in),
                user: user.map(|user| User::new(data, user)),
                user_errors: Vec::new(),
            },
            Err(user_errors) => Self {
                access_token: None,
                refresh_token: None,
                expires_in: None,
                user: None,
                user_errors,
            },
        }
    }
}

impl From<MutationResult<()>> for AcceptedPayload {
    fn from(result: MutationResult<()>) -> Self {
        Self {
            accepted: result.is_ok(),
            user_errors: result.err().unwrap_or_default(),
        }
    }
}

/// The payload with a user.
fn user_payload(ctx: &Context<'_>, result: MutationResult<pb::User>) -> UserPayload {
    result.map(|user| User::new(ctx.data_unchecked(), user)).into()
}

fn client_address(data: &RequestData) -> Option<String> {
    Some(data.client_address.to_string())
}

#[derive(Default)]
pub(super) struct AccountMutation;

#[Object]
impl AccountMutation {
    async fn account_register(
        &self,
        ctx: &Context<'_>,
        input: AccountRegisterInput,
    ) -> Result<AcceptedPayload, Failure> {
        let mut client = ctx.data_unchecked::<Services>().auth.clone();
        let request = pb::RegisterRequest {
            email: input.email,
            password: input.password,
            first_name: input.first_name,
            last_name: input.last_name,
            phone: input.phone,
            locale: input
                .locale
                .or_else(|| ctx.data_unchecked::<RequestData>().language.clone()),
        };
        Ok(mutation_result(client.register(request).await, &[("", "input")], |_| Some(()))?.into())
    }

    /// Also confirms a changed address. An unconfirmed account cannot sign in (INVALID_CREDENTIALS). The token confirms the
    /// password it was requested with, so that no one can confirm another person's password.
    async fn account_confirm(&self, ctx: &Context<'_>, token: String) -> Result<UserPayload, Failure> {
        let mut client = ctx.data_unchecked::<Services>().auth.clone();
        let answer = client.confirm_email(pb::ConfirmEmailRequest { token }).await;
        Ok(user_payload(
            ctx,
            token_mutation_result(answer, &[], |answer| answer.user)?,
        ))
    }

    async fn account_confirm_resend(
        &self,
        ctx: &Context<'_>,
        email: String,
    ) -> Result<AcceptedPayload, Failure> {
        let mut client = ctx.data_unchecked::<Services>().auth.clone();
        let answer = client
            .resend_confirmation(pb::ResendConfirmationRequest { email })
            .await;
        Ok(mutation_result(answer, &[], |_| Some(()))?.into())
    }

    async fn account_email_change(
        &self,
        ctx: &Context<'_>,
        new_email: String,
        password: String,
    ) -> Result<AcceptedPayload, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        require_user(data)?;
        let mut client = ctx.data_unchecked::<Services>().auth.clone();
        let client_address = client_address(data);
        let request = pb::RequestEmailChangeRequest {
            new_email,
            password,
            client_address,
        };
        Ok(mutation_result(client.request_email_change(request).await, &[], |_| Some(()))?.into())
    }

    /// A field that is left out or null stays unchanged. An empty text removes it.
    async fn account_update(
        &self,
        ctx: &Context<'_>,
        first_name: Option<String>,
        last_name: Option<String>,
        phone: Option<String>,
        locale: Option<String>,
    ) -> Result<UserPayload, Failure> {
        require_user(ctx.data_unchecked())?;
        let mut client = ctx.data_unchecked::<Services>().auth.clone();
        let request = pb::UpdateUserRequest {
            first_name,
            last_name,
            phone,
            locale,
        };
        Ok(user_payload(
            ctx,
            mutation_result(client.update_user(request).await, &[], |answer| answer.user)?,
        ))
    }

    async fn account_address_save(
        &self,
        ctx: &Context<'_>,
        id: Option<ID>,
        address: AddressInput,
        is_default: Option<bool>,
    ) -> Result<UserPayload, Failure> {
        require_user(ctx.data_unchecked())?;
        let mut client = ctx.data_unchecked::<Services>().auth.clone();
        let address_id = id.map(|id| id.0);
        let request = pb::SaveAddressRequest {
            address_id,
            address: Some(address.into()),
            is_default,
        };
        let answer = client.save_address(request).await;
        Ok(user_payload(
            ctx,
            mutation_result(answer, &[("address_id", "id")], |answer| answer.user)?,
        ))
    }

    async fn account_address_delete(&self, ctx: &Context<'_>, id: ID) -> Result<UserPayload, Failure> {
        require_user(ctx.data_unchecked())?;
        let mut client = ctx.data_unchecked::<Services>().auth.clone();
        let answer = client
            .delete_address(pb::DeleteAddressRequest { address_id: id.0 })
            .await;
        Ok(user_payload(
            ctx,
            mutation_result(answer, &[("address_id", "id")], |answer| answer.user)?,
        ))
    }

    async fn token_create(
        &self,
        ctx: &Context<'_>,
        email: String,
        password: String,
    ) -> Result<TokenPayload, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        let mut client = ctx.data_unchecked::<Services>().auth.clone();
        let user_agent = data.user_agent.clone();
        let client_address = client_address(data);
        let answer = client
            .login(pb::LoginRequest {
                email,
                password,
                user_agent,
                client_address,
            })
            .await;
        let result = mutation_result(answer, &[], |answer| Some((answer.tokens?, answer.user)))?;
        Ok(TokenPayload::new(data, result))
    }

    /// A used refresh token ends its session (TOKEN_REUSED). Exception: a call with the requestId of the first use gets the
    /// same answer for 10 s, so that a client can retry a call whose answer was lost.
    async fn token_refresh(
        &self,
        ctx: &Context<'_>,
        refresh_token: String,
        request_id: Option<String>,
    ) -> Result<TokenPayload, Failure> {
        let mut client = ctx.data_unchecked::<Services>().auth.clone();
        let answer = client
            .refresh_token(pb::RefreshTokenRequest {
                refresh_token,
                request_id,
            })
            .await;
        let result = token_mutation_result(answer, &[], |answer| Some((answer.tokens?, answer.user)))?;
        Ok(TokenPayload::new(ctx.data_unchecked(), result))
    }

    async fn session_revoke(&self, ctx: &Context<'_>, id: ID) -> Result<UserPayload, Failure> {
        require_user(ctx.data_unchecked())?;
        let mut client = ctx.data_unchecked::<Services>().auth.clone();
        let answer = client
            .revoke_session(pb::RevokeSessionRequest { session_id: id.0 })
            .await;
        Ok(user_payload(
            ctx,
            mutation_result(answer, &[("session_id", "id")], |answer| answer.user)?,
        ))
    }

    async fn token_revoke(
        &self,
        ctx: &Context<'_>,
        refresh_token: String,
    ) -> Result<AcceptedPayload, Failure> {
        let mut client = ctx.data_unchecked::<Services>().auth.clone();
        let answer = client.logout(pb::LogoutRequest { refresh_token }).await;
        Ok(token_mutation_result(answer, &[], |_| Some(()))?.into())
    }

    async fn tokens_revoke_all(&self, ctx: &Context<'_>) -> Result<AcceptedPayload, Failure> {
        require_user(ctx.data_unchecked())?;
        let mut client = ctx.data_unchecked::<Services>().auth.clone();
        Ok(mutation_result(
            client.logout_all(pb::LogoutAllRequest {}).await,
            &[],
            |_| Some(()),
        )?
        .into())
    }

    async fn password_change(
        &self,
        ctx: &Context<'_>,
        current_password: String,
        new_password: String,
    ) -> Result<UserPayload, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        require_user(data)?;
        let mut client = ctx.data_unchecked::<Services>().auth.clone();
        let client_address = client_address(data);
        let request = pb::ChangePasswordRequest {
            current_password,
            new_password,
            client_address,
        };
        Ok(user_payload(
            ctx,
            mutation_result(client.change_password(request).await, &[], |answer| answer.user)?,
        ))
    }

    async fn password_reset_request(
        &self,
        ctx: &Context<'_>,
        email: String,
    ) -> Result<AcceptedPayload, Failure> {
        let mut client = ctx.data_unchecked::<Services>().auth.clone();
        let answer = client
            .request_password_reset(pb::RequestPasswordResetRequest { email })
            .await;
        Ok(mutation_result(answer, &[], |_| Some(()))?.into())
    }

    async fn password_reset(
        &self,
        ctx: &Context<'_>,
        token: String,
        new_password: String,
    ) -> Result<UserPayload, Failure> {
        let mut client = ctx.data_unchecked::<Services>().auth.clone();
        let answer = client
            .reset_password(pb::ResetPasswordRequest { token, new_password })
            .await;
        Ok(user_payload(
            ctx,
            token_mutation_result(answer, &[], |answer| answer.user)?,
        ))
    }

    /// The last active ADMIN cannot lose the role.
    async fn user_role_update(&self, ctx: &Context<'_>, id: ID, role: Role) -> Result<UserPayload, Failure> {
        require_admin(ctx.data_unchecked())?;
        let mut client = ctx.data_unchecked::<Services>().auth.clone();
        let role = pb::Role::from(role).into();
        let answer = client
            .update_user_role(pb::UpdateUserRoleRequest { user_id: id.0, role })
            .await;
        Ok(user_payload(
            ctx,
            mutation_result(answer, &[("user_id", "id")], |answer| answer.user)?,
        ))
    }

    async fn user_status_update(
        &self,
        ctx: &Context<'_>,
        id: ID,
        active: bool,
    ) -> Result<UserPayload, Failure> {
        require_admin(ctx.data_unchecked())?;
        let mut client = ctx.data_unchecked::<Services>().auth.clone();
        let answer = client
            .update_user_status(pb::UpdateUserStatusRequest {
                user_id: id.0,
                active,
            })
            .await;
        Ok(user_payload(
            ctx,
            mutation_result(answer, &[("user_id", "id")], |answer| answer.user)?,
        ))
    }
}
