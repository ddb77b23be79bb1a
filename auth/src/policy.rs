//! What each method requires of its caller.

use comptoir_mesh::Access;

/// Every process asks for keys and revocations.
const EVERY_SERVICE: Access = Access::Services(&["gateway", "auth", "catalog", "orders", "notifier"]);
/// Calls of people who are not signed in come from the gateway.
const SIGNED_OUT: Access = Access::Services(&["gateway"]);

/// Every method and the access it requires. The handlers decide on ownership.
pub const POLICY: &[(&str, Access)] = &[
    ("/comptoir.auth.v1.AuthService/Register", SIGNED_OUT),
    ("/comptoir.auth.v1.AuthService/ConfirmEmail", SIGNED_OUT),
    ("/comptoir.auth.v1.AuthService/ResendConfirmation", SIGNED_OUT),
    ("/comptoir.auth.v1.AuthService/Login", SIGNED_OUT),
    ("/comptoir.auth.v1.AuthService/RefreshToken", SIGNED_OUT),
    ("/comptoir.auth.v1.AuthService/Logout", SIGNED_OUT),
    ("/comptoir.auth.v1.AuthService/LogoutAll", Access::User),
    ("/comptoir.auth.v1.AuthService/RequestPasswordReset", SIGNED_OUT),
    ("/comptoir.auth.v1.AuthService/ResetPassword", SIGNED_OUT),
    ("/comptoir.auth.v1.AuthService/ChangePassword", Access::User),
    ("/comptoir.auth.v1.AuthService/RequestEmailChange", Access::User),
    ("/comptoir.auth.v1.AuthService/GetUser", Access::User),
    ("/comptoir.auth.v1.AuthService/UpdateUser", Access::User),
    ("/comptoir.auth.v1.AuthService/ListUsers", Access::Staff),
    ("/comptoir.auth.v1.AuthService/UpdateUserRole", Access::Admin),
    ("/comptoir.auth.v1.AuthService/UpdateUserStatus", Access::Admin),
    ("/comptoir.auth.v1.AuthService/SaveAddress", Access::User),
    ("/comptoir.auth.v1.AuthService/DeleteAddress", Access::User),
    ("/comptoir.auth.v1.AuthService/ListSessions", Access::User),
    ("/comptoir.auth.v1.AuthService/RevokeSession", Access::User),
    ("/comptoir.auth.v1.AuthService/ListRevocations", EVERY_SERVICE),
    (
        "/comptoir.auth.v1.AuthService/IssueMailToken",
        Access::Services(&["notifier"]),
    ),
    ("/comptoir.auth.v1.AuthService/GetJwks", EVERY_SERVICE),
];

#[cfg(test)]
mod tests {
    #[test]
    fn every_method_says_who_may_call_it() {
        let gaps = comptoir_mesh::service::policy_gaps("comptoir.auth.v1", super::POLICY);
        assert_eq!(gaps, Vec::<String>::new());
    }
}
