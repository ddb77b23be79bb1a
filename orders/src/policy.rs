//! Who may call what.

use comptoir_mesh::Access;

const EDGE: &[&str] = &["gateway"];

/// Every method and what it asks of its caller.
pub const POLICY: &[(&str, Access)] = &[
    ("/comptoir.orders.v1.CartService/CreateCart", Access::Anyone),
    ("/comptoir.orders.v1.CartService/GetCart", Access::Anyone),
    ("/comptoir.orders.v1.CartService/GetActiveCart", Access::User),
    ("/comptoir.orders.v1.CartService/AttachCart", Access::User),
    ("/comptoir.orders.v1.CartService/AddLines", Access::Anyone),
    ("/comptoir.orders.v1.CartService/UpdateLines", Access::Anyone),
    ("/comptoir.orders.v1.CartService/RemoveLines", Access::Anyone),
    ("/comptoir.orders.v1.CartService/UpdateCart", Access::Anyone),
    ("/comptoir.orders.v1.CartService/CompleteCart", Access::Anyone),
    (
        "/comptoir.orders.v1.DiscountService/CreateDiscount",
        Access::Staff,
    ),
    (
        "/comptoir.orders.v1.DiscountService/UpdateDiscount",
        Access::Staff,
    ),
    (
        "/comptoir.orders.v1.DiscountService/DeleteDiscount",
        Access::Staff,
    ),
    ("/comptoir.orders.v1.DiscountService/ListDiscounts", Access::Staff),
    // A guest reads and cancels by an access token, so the handler decides.
    ("/comptoir.orders.v1.OrderService/GetOrder", Access::Anyone),
    ("/comptoir.orders.v1.OrderService/ListOrders", Access::User),
    ("/comptoir.orders.v1.OrderService/CancelOrder", Access::Anyone),
    ("/comptoir.orders.v1.OrderService/FulfillOrder", Access::Staff),
    ("/comptoir.orders.v1.OrderService/MarkDelivered", Access::Staff),
    ("/comptoir.orders.v1.OrderService/RefundOrder", Access::Staff),
    ("/comptoir.orders.v1.OrderService/WatchOrder", Access::Anyone),
    ("/comptoir.orders.v1.OrderService/GetSales", Access::Staff),
    (
        "/comptoir.orders.v1.PaymentService/HandleWebhook",
        Access::Services(EDGE),
    ),
    (
        "/comptoir.orders.v1.SandboxService/ListSandboxPayments",
        Access::Services(EDGE),
    ),
    (
        "/comptoir.orders.v1.SandboxService/GetSandboxPayment",
        Access::Services(EDGE),
    ),
    (
        "/comptoir.orders.v1.SandboxService/ResolveSandboxPayment",
        Access::Services(EDGE),
    ),
];

#[cfg(test)]
mod tests {
    #[test]
    fn every_method_has_an_entry() {
        let gaps = comptoir_mesh::service::policy_gaps("comptoir.orders.v1", super::POLICY);
        assert!(gaps.is_empty(), "{gaps:?}");
    }
}
