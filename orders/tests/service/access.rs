//! Who may call what.

use comptoir_mesh::error::ErrorReason;
use comptoir_proto::orders::v1::{
    AttachCartRequest, GetActiveCartRequest, GetSalesRequest, ListDiscountsRequest, ListOrdersRequest,
    ListSandboxPaymentsRequest, order_service_client::OrderServiceClient,
    sandbox_service_client::SandboxServiceClient,
};

use crate::support::{ADA, Setup, outcome};

#[tokio::test]
async fn what_is_a_users_or_staffs_is_refused_to_others() {
    let setup = Setup::new().await;
    let (mut carts, mut discounts) = (setup.carts.clone(), setup.discounts.clone());
    let mut orders = OrderServiceClient::new(setup.channel());
    let guest = [
        outcome(carts.get_active_cart(GetActiveCartRequest {}).await).unwrap_err(),
        outcome(carts.attach_cart(AttachCartRequest::default()).await).unwrap_err(),
        outcome(orders.list_orders(ListOrdersRequest::default()).await).unwrap_err(),
        outcome(orders.get_sales(GetSalesRequest::default()).await).unwrap_err(),
        outcome(discounts.list_discounts(ListDiscountsRequest::default()).await).unwrap_err(),
    ];
    assert!(
        guest
            .iter()
            .all(|error| error.reason() == ErrorReason::Unauthenticated),
        "{guest:?}"
    );
    let customer = async {
        [
            outcome(orders.get_sales(GetSalesRequest::default()).await).unwrap_err(),
            outcome(discounts.list_discounts(ListDiscountsRequest::default()).await).unwrap_err(),
        ]
    };
    let customer = setup.as_customer(ADA, customer).await;
    assert!(
        customer
            .iter()
            .all(|error| error.reason() == ErrorReason::Forbidden),
        "{customer:?}"
    );
}

#[tokio::test]
async fn what_the_edge_hands_on_is_taken_from_the_edge_alone() {
    let setup = Setup::new().await;
    let list = async |from| {
        let mut sandbox = SandboxServiceClient::new(setup.channel_of(from));
        outcome(
            sandbox
                .list_sandbox_payments(ListSandboxPaymentsRequest::default())
                .await,
        )
    };
    assert!(list("gateway").await.is_ok());
    assert_eq!(
        list("notifier").await.unwrap_err().reason(),
        ErrorReason::Forbidden
    );
}
