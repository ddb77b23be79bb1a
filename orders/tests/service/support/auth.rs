//! An auth service to call: the generated server over the accounts that a test gives it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use comptoir_mesh::{
    Access, Caller, Env, Error, ErrorReason, Service,
    channel::{Slot, in_process},
};
use comptoir_proto::auth::v1::{
    auth_service_server::{AuthService, AuthServiceServer},
    *,
};
use tonic::{Request, Response, Status};

const POLICY: &[(&str, Access)] = &[("/comptoir.auth.v1.AuthService/GetUser", Access::User)];

/// The accounts; clones share them.
#[derive(Clone)]
pub(crate) struct FakeAuth {
    state: Arc<Mutex<State>>,
    slot: Slot,
}

#[derive(Default)]
struct State {
    emails: BTreeMap<String, String>,
    down: bool,
}

impl FakeAuth {
    /// No account yet, served in this process.
    pub(crate) fn new(env: &Env) -> Self {
        let slot = in_process();
        let fake = Self {
            state: Arc::default(),
            slot: slot.clone(),
        };
        slot.bind(&Service::new("auth", POLICY, env).add(AuthServiceServer::new(fake.clone())));
        fake
    }

    /// Where it is served.
    pub(crate) fn slot(&self) -> &Slot {
        &self.slot
    }

    /// The account has this confirmed address from now on.
    pub(crate) fn set_email(&self, user_id: &str, email: &str) {
        self.state().emails.insert(user_id.to_owned(), email.to_owned());
    }

    /// Answers every call with UNAVAILABLE from now on, or no longer.
    pub(crate) fn set_down(&self, down: bool) {
        self.state().down = down;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn user(&self, caller: &Caller, id: String) -> Result<User, Error> {
        let state = self.state();
        if state.down {
            return Err(Error::unavailable(anyhow::anyhow!("down")));
        }
        let email = state.emails.get(&id).filter(|_| caller.user_id() == Some(&id));
        let email = email.ok_or_else(|| Error::new(ErrorReason::NotFound, "There is no such user."))?;
        Ok(User {
            email: email.clone(),
            email_verified: true,
            id,
            ..User::default()
        })
    }
}

/// The service, with the methods that orders never calls.
macro_rules! auth_service {
    ($($method:ident($request:ty) -> $response:ty;)+) => {
        #[tonic::async_trait]
        impl AuthService for FakeAuth {
            async fn get_user(&self, request: Request<GetUserRequest>) -> Result<Response<GetUserResponse>, Status> {
                let caller = Caller::of(&request);
                let user = self.user(&caller, request.into_inner().user_id)?;
                Ok(Response::new(GetUserResponse { user: Some(user) }))
            }

            $(async fn $method(&self, _: Request<$request>) -> Result<Response<$response>, Status> {
                Err(Status::unimplemented("orders does not ask for this"))
            })+
        }
    };
}

auth_service! {
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
