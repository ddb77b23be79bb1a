//! What each method asks of its caller.

use comptoir_mesh::Access;

/// Every method and the access it requires.
pub const POLICY: &[(&str, Access)] = &[
    (
        "/comptoir.notifier.v1.NotifierService/ListDeliveries",
        Access::Staff,
    ),
    ("/comptoir.notifier.v1.NotifierService/GetDelivery", Access::Staff),
    (
        "/comptoir.notifier.v1.NotifierService/RetryDelivery",
        Access::Staff,
    ),
    (
        "/comptoir.notifier.v1.NotifierService/HandleWebhook",
        Access::Services(&["gateway"]),
    ),
    (
        "/comptoir.notifier.v1.NotifierService/ListMailbox",
        Access::Services(&["gateway"]),
    ),
];
