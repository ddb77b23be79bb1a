//! The caller's addresses. Another user's address is NOT_FOUND.

use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_mesh::identity::Caller;
use comptoir_proto::auth::v1 as proto;

use super::not_found;
use crate::auth::Auth;
use crate::convert;
use crate::domain::address::{MAX_ADDRESSES, Refusal};

impl Auth {
    pub(crate) async fn save_address(
        &self,
        caller: &Caller,
        request: proto::SaveAddressRequest,
    ) -> Result<proto::SaveAddressResponse, Error> {
        let address = convert::address(request.address.as_ref())?;
        let new = request.address_id.is_none();
        let id = match &request.address_id {
            Some(id) => convert::checked_id("address_id", id, "addr_")?.to_owned(),
            None => self.env.ids.new_id("addr_"),
        };
        let (user, ()) = self
            .change_caller(caller, |user| {
                user.save_address(&id, new, address.clone(), request.is_default)
                    .map_err(refusal)
            })
            .await?;
        Ok(proto::SaveAddressResponse {
            user: Some(user.into()),
            address_id: id,
        })
    }

    pub(crate) async fn delete_address(
        &self,
        caller: &Caller,
        request: proto::DeleteAddressRequest,
    ) -> Result<proto::DeleteAddressResponse, Error> {
        let id = convert::checked_id("address_id", &request.address_id, "addr_")?;
        let (user, ()) = self
            .change_caller(caller, |user| user.delete_address(id).map_err(refusal))
            .await?;
        Ok(proto::DeleteAddressResponse {
            user: Some(user.into()),
        })
    }
}

fn refusal(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Unknown => not_found("address"),
        Refusal::Full => {
            let message = format!("At most {MAX_ADDRESSES} addresses are kept. Delete one first.");
            Error::new(ErrorReason::InvalidState, message)
        }
    }
}
