//! Administration: roles, and which users may sign in.

use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_mesh::identity::Caller;
use comptoir_proto::auth::v1 as proto;

use super::not_found;
use crate::auth::Auth;
use crate::convert;
use crate::domain::user::User;
use crate::store::{AccessChange, AccessOutcome};

impl Auth {
    pub(crate) async fn update_user_role(
        &self,
        caller: &Caller,
        request: proto::UpdateUserRoleRequest,
    ) -> Result<proto::UpdateUserRoleResponse, Error> {
        let change = AccessChange::Role(convert::role(request.role)?);
        let user = self.change_access(caller, &request.user_id, change).await?;
        Ok(proto::UpdateUserRoleResponse {
            user: Some(user.into()),
        })
    }

    pub(crate) async fn update_user_status(
        &self,
        caller: &Caller,
        request: proto::UpdateUserStatusRequest,
    ) -> Result<proto::UpdateUserStatusResponse, Error> {
        let change = AccessChange::Active(request.active);
        let user = self.change_access(caller, &request.user_id, change).await?;
        Ok(proto::UpdateUserStatusResponse {
            user: Some(user.into()),
        })
    }

    async fn change_access(
        &self,
        caller: &Caller,
        user_id: &str,
        change: AccessChange,
    ) -> Result<User, Error> {
        let user_id = convert::user_id(user_id)?;
        // A token may say ADMIN for some seconds after the role was taken away. That must not suffice to take it back.
        let actor = self.caller_account(caller).await?;
        if !actor.is_active_admin() {
            return Err(Error::new(
                ErrorReason::Forbidden,
                "Your role does not allow this.",
            ));
        }
        match self.store.change_access(user_id, change, self.now()).await? {
            AccessOutcome::Done(user) => {
                tracing::info!(
                    user.id = user.id, user.role = ?user.role, user.active, actor.id = actor.id,
                    "an administrator changed a user's access"
                );
                self.revoked();
                Ok(*user)
            }
            AccessOutcome::Unknown => Err(not_found("user")),
            AccessOutcome::LastAdmin => Err(Error::new(
                ErrorReason::InvalidState,
                "This is the last active administrator. Appoint another one first.",
            )),
        }
    }
}
