//! Who may call what, tried for every method of the policy.

use comptoir_catalog::POLICY;
use comptoir_mesh::{Access, Error, context, error::Reason as _};
use tonic::{client::Grpc, codegen::http::uri::PathAndQuery};

use tonic_prost::ProstCodec;

use super::{Shop, Who};

/// Calls a method with an empty message; gives the code it is refused with.
async fn call(shop: &Shop, who: Who, path: &'static str) -> Option<&'static str> {
    let channel = shop
        .slot
        .channel(if who == Who::Orders { "orders" } else { "gateway" });
    let mut client = Grpc::new(channel);
    let call = async {
        client.ready().await.unwrap();
        // An empty message is one of any type.
        let codec = ProstCodec::<(), ()>::default();
        let message = futures::stream::iter([()]);
        client
            .streaming(
                tonic::Request::new(message),
                PathAndQuery::from_static(path),
                codec,
            )
            .await
    };
    let refused = context::scope(shop.context(who), call).await.err()?;
    Some(Error::from_status(&refused).reason().code())
}

#[tokio::test]
async fn each_method_is_for_whom_the_policy_says() {
    let shop = Shop::open().await;
    for (path, access) in POLICY {
        for who in [Who::Guest, Who::Customer, Who::Staff, Who::Orders] {
            let expected = match (access, who) {
                (Access::Anyone, _) => None,
                (Access::Staff | Access::StaffOr(_), Who::Staff) => None,
                (Access::StaffOr(_) | Access::Services(_), Who::Orders) => None,
                (Access::Staff | Access::StaffOr(_), Who::Customer) | (Access::Services(_), _) => {
                    Some("FORBIDDEN")
                }
                (Access::Staff | Access::StaffOr(_), _) => Some("UNAUTHENTICATED"),
                (other, _) => panic!("{other:?} is tried nowhere"),
            };
            let refused = call(&shop, who, path).await;
            let by_access = refused.filter(|code| matches!(*code, "UNAUTHENTICATED" | "FORBIDDEN"));
            assert_eq!(by_access, expected, "{path} by {who:?}");
            assert_ne!(refused, Some("INTERNAL"), "{path} by {who:?}");
        }
    }
}
