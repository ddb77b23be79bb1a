//! Who sees what: absent and foreign things, fields for staff, lists.

use comptoir_mesh::identity::Role;
use comptoir_mesh::{Error, ErrorReason};
use comptoir_proto::auth::v1 as auth;
use comptoir_proto::catalog::v1 as catalog;
use comptoir_proto::notifier::v1 as notifier;
use comptoir_proto::orders::v1 as orders;
use serde_json::json;

use super::gateway::{CALLER, Gateway, codes, data};
use super::samples::{cart, id, order, product, stock_catalogue, user};

/// Has every single read be refused for this reason.
fn refuse_reads(gateway: &Gateway, reason: ErrorReason) {
    let fakes = &gateway.fakes;
    fakes.on("get_product", move |_: catalog::GetProductRequest| {
        Err::<catalog::GetProductResponse, _>(Error::new(reason, "no"))
    });
    fakes.on("get_cart", move |_: orders::GetCartRequest| {
        Err::<orders::GetCartResponse, _>(Error::new(reason, "no"))
    });
    fakes.on("get_order", move |_: orders::GetOrderRequest| {
        Err::<orders::GetOrderResponse, _>(Error::new(reason, "no"))
    });
    fakes.on("get_user", move |_: auth::GetUserRequest| {
        Err::<auth::GetUserResponse, _>(Error::new(reason, "no"))
    });
    fakes.on("get_delivery", move |_: notifier::GetDeliveryRequest| {
        Err::<notifier::GetDeliveryResponse, _>(Error::new(reason, "no"))
    });
    fakes.on("batch_get_products", |_: catalog::BatchGetProductsRequest| {
        Ok(catalog::BatchGetProductsResponse::default())
    });
    fakes.on("batch_get_variants", |_: catalog::BatchGetVariantsRequest| {
        Ok(catalog::BatchGetVariantsResponse::default())
    });
    fakes.on("list_categories", |_: catalog::ListCategoriesRequest| {
        Ok(catalog::ListCategoriesResponse::default())
    });
    fakes.on("list_discounts", |_: orders::ListDiscountsRequest| {
        Ok(orders::ListDiscountsResponse::default())
    });
}

#[tokio::test]
async fn absent_foreign_and_malformed_are_one_answer() {
    let gateway = Gateway::new();
    for reason in [
        ErrorReason::NotFound,
        ErrorReason::InvalidId,
        ErrorReason::Forbidden,
    ] {
        refuse_reads(&gateway, reason);
        for role in [None, Some(Role::Customer), Some(Role::Staff)] {
            for prefix in [
                "prod_", "var_", "cat_", "cart_", "order_", "user_", "disc_", "dlv_",
            ] {
                for id in [id(prefix, 1), format!("{prefix}nonsense"), prefix.into()] {
                    let answer = gateway
                        .ask(role, &format!("{{ node(id: \"{id}\") {{ id }} }}"))
                        .await;
                    assert_eq!(data(&answer), json!({ "node": null }), "{id}");
                }
            }
        }
    }
    assert_eq!(
        data(&gateway.guest("{ node(id: \"\") { id } }").await),
        json!({ "node": null })
    );
}

#[tokio::test]
async fn single_things_are_null_without_an_error() {
    let gateway = Gateway::new();
    refuse_reads(&gateway, ErrorReason::NotFound);
    let document = "{ byId: product(id: \"prod_x\") { id } bySlug: product(slug: \"x\") { id } category(slug: \"x\") { id }
        cart(id: \"x\") { id } order(id: \"x\") { id } orderByAccessToken(token: \"x\") { id } activeCart { id } me { id }
        adminUser(id: \"x\") { id } }";
    assert_eq!(
        data(&gateway.guest(document).await),
        json!({ "byId": null, "bySlug": null, "category": null, "cart": null, "order": null,
            "orderByAccessToken": null, "activeCart": null, "me": null, "adminUser": null })
    );
}

#[tokio::test]
async fn anything_is_found_by_its_id() {
    let gateway = Gateway::new();
    stock_catalogue(&gateway.fakes);
    let fakes = &gateway.fakes;
    fakes.on("get_cart", |_: orders::GetCartRequest| {
        Ok(orders::GetCartResponse { cart: Some(cart(0)) })
    });
    fakes.on("get_order", |_: orders::GetOrderRequest| {
        Ok(orders::GetOrderResponse {
            order: Some(order(1)),
        })
    });
    fakes.on("get_user", |request: auth::GetUserRequest| {
        Ok(auth::GetUserResponse {
            user: Some(user(&request.user_id)),
        })
    });
    fakes.on("get_delivery", |request: notifier::GetDeliveryRequest| {
        let delivery = notifier::Delivery {
            id: request.delivery_id,
            ..Default::default()
        };
        Ok(notifier::GetDeliveryResponse {
            delivery: Some(delivery),
        })
    });
    fakes.on("list_discounts", |request: orders::ListDiscountsRequest| {
        // On the second page.
        let (discounts, next_page_token) = if request.page_token.is_empty() {
            (Vec::new(), "2".into())
        } else {
            (
                vec![orders::Discount {
                    id: id("disc_", 1),
                    ..Default::default()
                }],
                String::new(),
            )
        };
        Ok(orders::ListDiscountsResponse {
            discounts,
            next_page_token,
            ..Default::default()
        })
    });
    for (prefix, name) in [
        ("prod_", "Product"),
        ("var_", "ProductVariant"),
        ("cat_", "Category"),
        ("cart_", "Cart"),
        ("order_", "Order"),
        ("user_", "User"),
        ("disc_", "Discount"),
        ("dlv_", "Delivery"),
    ] {
        let id = id(prefix, 1);
        let answer = data(
            &gateway
                .staff(&format!("{{ node(id: \"{id}\") {{ __typename id }} }}"))
                .await,
        );
        assert_eq!(answer["node"], json!({ "__typename": name, "id": id }));
    }
}

#[tokio::test]
async fn stock_in_hand_is_for_staff() {
    let gateway = Gateway::new();
    stock_catalogue(&gateway.fakes);
    let document = format!(
        "{{ product(id: \"{}\") {{ variants {{ quantityAvailable quantityOnHand quantityReserved }} }} }}",
        id("prod_", 1)
    );
    for (role, on_hand) in [
        (None, json!(null)),
        (Some(Role::Customer), json!(null)),
        (Some(Role::Staff), json!(9)),
    ] {
        let answer = data(&gateway.ask(role, &document).await);
        let variant = &answer["product"]["variants"][0];
        assert_eq!(
            (&variant["quantityAvailable"], &variant["quantityOnHand"]),
            (&json!(7), &on_hand)
        );
    }
}

#[tokio::test]
async fn customers_of_orders_are_for_staff() {
    let gateway = Gateway::new();
    gateway.fakes.on("get_order", |_: orders::GetOrderRequest| {
        Ok(orders::GetOrderResponse {
            order: Some(order(1)),
        })
    });
    let answer = gateway
        .customer("{ order(id: \"order_x\") { customer { id } accessToken number } }")
        .await;
    assert_eq!(
        data(&answer),
        json!({ "order": { "customer": null, "accessToken": null, "number": null } })
    );
    assert_eq!(gateway.fakes.calls(), ["get_order"]);
}

#[tokio::test]
async fn lists_need_their_caller() {
    let gateway = Gateway::new();
    let admin = [
        "adminProducts { totalCount }",
        "adminOrders { totalCount }",
        "adminUsers { totalCount }",
        "adminDeliveries { totalCount }",
        "adminDiscounts { totalCount }",
        "adminStockMovements(variantId: \"var_x\") { totalCount }",
        "adminLowStock { totalCount }",
        "adminSales(from: \"2026-01-01T00:00:00Z\", to: \"2026-02-01T00:00:00Z\") { orders }",
    ];
    for field in admin {
        let document = format!("{{ {field} }}");
        assert_eq!(
            codes(&gateway.guest(&document).await),
            ["UNAUTHENTICATED"],
            "{field}"
        );
        assert_eq!(
            codes(&gateway.customer(&document).await),
            ["FORBIDDEN"],
            "{field}"
        );
    }
    assert_eq!(
        codes(&gateway.guest("{ orders { totalCount } }").await),
        ["UNAUTHENTICATED"]
    );
    assert!(gateway.fakes.calls().is_empty());
}

#[tokio::test]
async fn me_is_the_caller() {
    let gateway = Gateway::new();
    gateway.fakes.on("get_user", |request: auth::GetUserRequest| {
        Ok(auth::GetUserResponse {
            user: Some(user(&request.user_id)),
        })
    });
    gateway
        .fakes
        .on("list_sessions", |request: auth::ListSessionsRequest| {
            assert!(request.user_id.is_empty());
            let sessions = vec![auth::Session {
                id: "ses_1".into(),
                current: true,
                ..Default::default()
            }];
            Ok(auth::ListSessionsResponse {
                sessions,
                ..Default::default()
            })
        });
    let answer = data(
        &gateway
            .customer("{ me { id role sessions { id current } } }")
            .await,
    );
    assert_eq!(
        answer["me"],
        json!({ "id": CALLER, "role": "CUSTOMER", "sessions": [{ "id": "ses_1", "current": true }] })
    );
}

#[tokio::test]
async fn a_product_is_named_in_one_way() {
    let gateway = Gateway::new();
    gateway.fakes.on("get_product", |_: catalog::GetProductRequest| {
        Ok(catalog::GetProductResponse {
            product: Some(product(1)),
        })
    });
    for arguments in ["(id: \"a\", slug: \"b\")", ""] {
        let answer = gateway.guest(&format!("{{ product{arguments} {{ id }} }}")).await;
        assert_eq!(codes(&answer), ["VALIDATION_FAILED"]);
    }
    let answer = data(
        &gateway
            .guest("{ product(slug: \"product-1\") { version } }")
            .await,
    );
    assert_eq!(answer, json!({ "product": { "version": 3 } }));
}

#[tokio::test]
async fn a_failure_of_ours_says_nothing_but_the_request_id() {
    let gateway = Gateway::new();
    gateway
        .fakes
        .on("list_products", |_: catalog::ListProductsRequest| {
            Err::<catalog::ListProductsResponse, _>(Error::internal(std::io::Error::other("secret path")))
        });
    let answer = gateway.guest("{ products { totalCount } }").await;
    assert_eq!(codes(&answer), ["INTERNAL"]);
    assert!(!format!("{answer:?}").contains("secret"));
    let request_id = answer.errors[0]
        .extensions
        .as_ref()
        .unwrap()
        .get("requestId")
        .cloned();
    assert!(
        request_id
            .unwrap()
            .into_json()
            .unwrap()
            .as_str()
            .unwrap()
            .starts_with("test-")
    );
}
