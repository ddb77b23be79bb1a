//! The gRPC handlers: identity → convert → one call → convert back. A file for each noun.

use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_mesh::identity::Caller;
use comptoir_proto::auth::v1::{self as proto, auth_service_server::AuthService};
use tonic::{Request, Response, Status, async_trait};

use crate::auth::{Auth, TRIES};
use crate::domain::user::User;

mod account;
mod addresses;
mod admin;
mod mails;
mod passwords;
mod sessions;
mod tokens;

/// Implements the trait's methods: each passes caller and message to the method of the same name.
macro_rules! handlers {
    ($($method:ident($request:ident) -> $response:ident;)*) => {
        #[async_trait]
        impl AuthService for Auth {$(
            async fn $method(&self, request: Request<proto::$request>) -> Result<Response<proto::$response>, Status> {
                let caller = Caller::of(&request);
                Ok(Response::new(Auth::$method(self, &caller, request.into_inner()).await?))
            }
        )*}
    };
}

handlers! {
    register(RegisterRequest) -> RegisterResponse;
    confirm_email(ConfirmEmailRequest) -> ConfirmEmailResponse;
    resend_confirmation(ResendConfirmationRequest) -> ResendConfirmationResponse;
    login(LoginRequest) -> LoginResponse;
    refresh_token(RefreshTokenRequest) -> RefreshTokenResponse;
    logout(LogoutRequest) -> LogoutResponse;
    logout_all(LogoutAllRequest) -> LogoutAllResponse;
    request_password_reset(RequestPasswordResetRequest) -> RequestPasswordResetResponse;
    reset_password(ResetPasswordRequest) -> ResetPasswordResponse;
    change_password(ChangePasswordRequest) -> ChangePasswordResponse;
    request_email_change(RequestEmailChangeRequest) -> RequestEmailChangeResponse;
    get_user(GetUserRequest) -> GetUserResponse;
    update_user(UpdateUserRequest) -> UpdateUserResponse;
    list_users(ListUsersRequest) -> ListUsersResponse;
    update_user_role(UpdateUserRoleRequest) -> UpdateUserRoleResponse;
    update_user_status(UpdateUserStatusRequest) -> UpdateUserStatusResponse;
    save_address(SaveAddressRequest) -> SaveAddressResponse;
    delete_address(DeleteAddressRequest) -> DeleteAddressResponse;
    list_sessions(ListSessionsRequest) -> ListSessionsResponse;
    revoke_session(RevokeSessionRequest) -> RevokeSessionResponse;
    list_revocations(ListRevocationsRequest) -> ListRevocationsResponse;
    issue_mail_token(IssueMailTokenRequest) -> IssueMailTokenResponse;
    get_jwks(GetJwksRequest) -> GetJwksResponse;
}

impl Auth {
    /// The caller's account. The store knows that it is disabled before every process has the revocation.
    async fn caller_account(&self, caller: &Caller) -> Result<User, Error> {
        let user = self.store.user(&caller.user()?.id).await?;
        user.filter(|user| user.active).ok_or_else(revoked)
    }

    /// Changes the caller's account by compare-and-set.
    async fn change_caller<T>(
        &self,
        caller: &Caller,
        mut change: impl FnMut(&mut User) -> Result<T, Error>,
    ) -> Result<(User, T), Error> {
        for _ in 0..TRIES {
            let mut user = self.caller_account(caller).await?;
            let value = change(&mut user)?;
            if let Some(saved) = self.store.save_user(user).await? {
                return Ok((saved, value));
            }
        }
        Err(contended())
    }
}

fn revoked() -> Error {
    Error::new(ErrorReason::TokenRevoked, "The session has ended. Sign in again.")
}

fn not_found(what: &str) -> Error {
    Error::new(ErrorReason::NotFound, format!("There is no such {what}."))
}

/// Each compare-and-set lost to another write.
fn contended() -> Error {
    Error::unavailable(anyhow::anyhow!(
        "a document was changed by others {TRIES} times in a row"
    ))
}
