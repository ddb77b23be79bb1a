//! Refusals of mutations: which are user errors, which are errors, and the paths of fields.

use comptoir_mesh::error::Violation;
use comptoir_mesh::{Error, ErrorReason};
use comptoir_proto::auth::v1 as auth;
use comptoir_proto::catalog::v1 as catalog;
use comptoir_proto::orders::v1 as orders;
use serde_json::json;

use super::gateway::{Gateway, codes, data};
use super::samples::{cart, product, user};

#[tokio::test]
async fn fields_are_named_by_their_path_into_the_arguments() {
    let gateway = Gateway::new();
    gateway.fakes.on("update_lines", |_: orders::UpdateLinesRequest| {
        Err::<orders::UpdateLinesResponse, _>(Error::violations(vec![
            Violation::new(
                "lines.0.quantity",
                ErrorReason::InvalidQuantity,
                "A quantity is 1 or more.",
            ),
            Violation::new("lines.1.line_id", ErrorReason::NotFound, "There is no such line."),
        ]))
    });
    let answer = gateway
        .guest(
            "mutation { cartLinesUpdate(cartId: \"c\", lines: [{ id: \"l\", quantity: 0 }]) {
            cart { id } userErrors { code field message } } }",
        )
        .await;
    assert_eq!(
        data(&answer)["cartLinesUpdate"],
        json!({ "cart": null, "userErrors": [
            { "code": "INVALID_QUANTITY", "field": ["lines", "0", "quantity"], "message": "A quantity is 1 or more." },
            { "code": "NOT_FOUND", "field": ["lines", "1", "id"], "message": "There is no such line." }
        ] })
    );
    gateway
        .fakes
        .on("create_product", |_: catalog::CreateProductRequest| {
            let field = "product.variants.2.compare_at_price";
            Err::<catalog::CreateProductResponse, _>(Error::field(
                field,
                ErrorReason::ValidationFailed,
                "Too low.",
            ))
        });
    let answer = gateway
        .staff(
            "mutation { productCreate(input: { title: \"T\", variants: [{ price: \"1.00\" }] }) {
            userErrors { field } } }",
        )
        .await;
    assert_eq!(
        data(&answer)["productCreate"]["userErrors"],
        json!([{ "field": ["input", "variants", "2", "compareAtPrice"] }])
    );
}

#[tokio::test]
async fn every_code_of_the_table_is_one_or_the_other() {
    let expected = [
        ErrorReason::ValidationFailed,
        ErrorReason::InvalidId,
        ErrorReason::IdempotencyKeyInvalid,
        ErrorReason::NotFound,
        ErrorReason::CartAlreadyOrdered,
        ErrorReason::InsufficientStock,
        ErrorReason::VersionConflict,
        ErrorReason::InvalidQuantity,
        ErrorReason::CurrencyMismatch,
        ErrorReason::InvalidCredentials,
        ErrorReason::ReauthRequired,
    ];
    let errors = [
        ErrorReason::Unauthenticated,
        ErrorReason::TokenExpired,
        ErrorReason::Forbidden,
        ErrorReason::TooManyAttempts,
        ErrorReason::RateLimited,
        ErrorReason::Overloaded,
        ErrorReason::DependencyUnavailable,
        ErrorReason::DeadlineExceeded,
        ErrorReason::Internal,
    ];
    let gateway = Gateway::new();
    for (reasons, user_errors) in [(&expected[..], 1), (&errors[..], 0)] {
        for &reason in reasons {
            gateway.fakes.on("add_lines", move |_: orders::AddLinesRequest| {
                Err::<orders::AddLinesResponse, _>(Error::new(reason, "no"))
            });
            let document = "mutation { cartLinesAdd(cartId: \"c\", lines: []) { userErrors { code } } }";
            let answer = gateway.guest(document).await;
            assert_eq!(codes(&answer).len(), 1 - user_errors, "{reason:?}");
            if user_errors == 1 {
                assert_eq!(
                    data(&answer)["cartLinesAdd"]["userErrors"]
                        .as_array()
                        .unwrap()
                        .len(),
                    1,
                    "{reason:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_bad_token_that_is_an_argument_is_a_user_error() {
    let gateway = Gateway::new();
    gateway.fakes.on("refresh_token", |_: auth::RefreshTokenRequest| {
        Err::<auth::RefreshTokenResponse, _>(Error::new(ErrorReason::TokenReused, "The session has ended."))
    });
    gateway.fakes.on("confirm_email", |_: auth::ConfirmEmailRequest| {
        Err::<auth::ConfirmEmailResponse, _>(Error::new(ErrorReason::TokenInvalid, "The link was used."))
    });
    gateway
        .fakes
        .on("reset_password", |_: auth::ResetPasswordRequest| {
            Err::<auth::ResetPasswordResponse, _>(Error::new(
                ErrorReason::TokenExpired,
                "The link is too old.",
            ))
        });
    let answer = gateway
        .guest(
            "mutation { a: tokenRefresh(refreshToken: \"t\") { accessToken userErrors { code } }
            b: accountConfirm(token: \"t\") { userErrors { code } }
            c: passwordReset(token: \"t\", newPassword: \"p\") { userErrors { code } } }",
        )
        .await;
    assert_eq!(
        data(&answer),
        json!({ "a": { "accessToken": null, "userErrors": [{ "code": "TOKEN_REUSED" }] },
            "b": { "userErrors": [{ "code": "TOKEN_INVALID" }] },
            "c": { "userErrors": [{ "code": "TOKEN_EXPIRED" }] } })
    );
}

#[tokio::test]
async fn a_login_carries_where_it_comes_from() {
    let gateway = Gateway::new();
    gateway.fakes.on("login", |request: auth::LoginRequest| {
        assert_eq!(request.client_address.as_deref(), Some("192.0.2.7"));
        assert_eq!(request.user_agent.as_deref(), Some("test browser"));
        let tokens = auth::TokenPair {
            access_token: "a".into(),
            refresh_token: "r".into(),
            expires_in: 300,
        };
        Ok(auth::LoginResponse {
            tokens: Some(tokens),
            user: Some(user("user_1")),
        })
    });
    let answer = gateway
        .guest(
            "mutation { tokenCreate(email: \"a@b.c\", password: \"p\") {
            accessToken refreshToken expiresIn user { id sessions { id } } } }",
        )
        .await;
    assert_eq!(
        data(&answer)["tokenCreate"],
        json!({ "accessToken": "a", "refreshToken": "r", "expiresIn": 300,
            "user": { "id": "user_1", "sessions": [] } })
    );
}

#[tokio::test]
async fn the_back_office_needs_its_role() {
    let gateway = Gateway::new();
    let product = "input: { title: \"T\", variants: [] }";
    let discount = "input: { code: \"C\", kind: PERCENT, value: \"10\" }";
    let staff = [
        format!("productCreate({product}) {{ userErrors {{ code }} }}"),
        format!("productUpdate(id: \"p\", {product}, version: 1) {{ userErrors {{ code }} }}"),
        "productDelete(id: \"p\") { userErrors { code } }".into(),
        "categoryCreate(input: { name: \"N\" }) { userErrors { code } }".into(),
        "categoryUpdate(id: \"c\", input: { name: \"N\" }) { userErrors { code } }".into(),
        "categoryDelete(id: \"c\") { userErrors { code } }".into(),
        "inventoryAdjust(variantId: \"v\", delta: 1, reason: \"r\", idempotencyKey: \"k\") { userErrors { code } }".into(),
        format!("discountCreate({discount}) {{ userErrors {{ code }} }}"),
        format!("discountUpdate(id: \"d\", {discount}) {{ userErrors {{ code }} }}"),
        "discountDelete(id: \"d\") { userErrors { code } }".into(),
        "orderFulfill(id: \"o\", idempotencyKey: \"k\") { userErrors { code } }".into(),
        "orderMarkDelivered(id: \"o\", fulfillmentId: \"f\") { userErrors { code } }".into(),
        "orderRefund(id: \"o\", reason: \"r\", idempotencyKey: \"k\") { userErrors { code } }".into(),
        "deliveryRetry(id: \"d\") { userErrors { code } }".into(),
    ];
    for field in &staff {
        let document = format!("mutation {{ {field} }}");
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
    for field in [
        "userRoleUpdate(id: \"u\", role: STAFF) { userErrors { code } }",
        "userStatusUpdate(id: \"u\", active: false) { userErrors { code } }",
    ] {
        assert_eq!(
            codes(&gateway.staff(&format!("mutation {{ {field} }}")).await),
            ["FORBIDDEN"],
            "{field}"
        );
    }
    assert!(gateway.fakes.calls().is_empty());
    gateway
        .fakes
        .on("update_user_role", |request: auth::UpdateUserRoleRequest| {
            assert_eq!(request.role(), auth::Role::Staff);
            Ok(auth::UpdateUserRoleResponse {
                user: Some(user("user_1")),
            })
        });
    let answer = gateway
        .admin("mutation { userRoleUpdate(id: \"u\", role: STAFF) { user { id } } }")
        .await;
    assert_eq!(data(&answer)["userRoleUpdate"]["user"]["id"], "user_1");
}

#[tokio::test]
async fn accounts_need_their_user() {
    let gateway = Gateway::new();
    for field in [
        "accountUpdate(firstName: \"A\") { userErrors { code } }",
        "accountAddressDelete(id: \"a\") { userErrors { code } }",
        "accountEmailChange(newEmail: \"e\", password: \"p\") { accepted }",
        "sessionRevoke(id: \"s\") { userErrors { code } }",
        "tokensRevokeAll { accepted }",
        "passwordChange(currentPassword: \"a\", newPassword: \"b\") { userErrors { code } }",
        "cartAttach(cartId: \"c\") { userErrors { code } }",
    ] {
        assert_eq!(
            codes(&gateway.guest(&format!("mutation {{ {field} }}")).await),
            ["UNAUTHENTICATED"],
            "{field}"
        );
    }
}

#[tokio::test]
async fn billing_goes_back_to_the_delivery_address() {
    let gateway = Gateway::new();
    gateway
        .fakes
        .on("update_cart", |request: orders::UpdateCartRequest| {
            assert!(request.remove_billing_address);
            assert!(request.billing_address.is_none());
            Ok(orders::UpdateCartResponse { cart: Some(cart(2)) })
        });
    let answer = gateway
        .guest(
            "mutation { cartBillingAddressUpdate(cartId: \"c\", address: null) { cart { totalQuantity } } }",
        )
        .await;
    assert_eq!(
        data(&answer)["cartBillingAddressUpdate"]["cart"]["totalQuantity"],
        2
    );
}

#[tokio::test]
async fn values_that_types_refuse_are_never_sent() {
    let gateway = Gateway::new();
    for quantity in ["0.5", "\"1\"", "2147483648", "true"] {
        let document = format!(
            "mutation {{ cartLinesAdd(cartId: \"c\", lines: [{{ variantId: \"v\", quantity: {quantity} }}]) {{ cart {{ id }} }} }}"
        );
        assert_eq!(
            codes(&gateway.guest(&document).await),
            ["VALIDATION_FAILED"],
            "{quantity}"
        );
        let document = "mutation($lines: [CartLineInput!]!) { cartLinesAdd(cartId: \"c\", lines: $lines) { cart { id } } }";
        let quantity: serde_json::Value = serde_json::from_str(quantity).unwrap();
        let variables = json!({ "lines": [{ "variantId": "v", "quantity": quantity }] });
        assert_eq!(
            codes(&gateway.ask_with(None, document, variables).await),
            ["VALIDATION_FAILED"],
            "{quantity}"
        );
    }
    assert!(gateway.fakes.calls().is_empty());
}

#[tokio::test]
async fn a_change_of_categories_is_seen_by_what_comes_after_it() {
    let gateway = Gateway::new();
    super::samples::stock_catalogue(&gateway.fakes);
    gateway
        .fakes
        .on("update_product", |request: catalog::UpdateProductRequest| {
            assert_eq!(request.version, 9_007_199_254_740_993);
            Ok(catalog::UpdateProductResponse {
                product: Some(product(1)),
            })
        });
    gateway
        .fakes
        .on("delete_category", |request: catalog::DeleteCategoryRequest| {
            let category = catalog::Category {
                id: request.category_id,
                ..Default::default()
            };
            Ok(catalog::DeleteCategoryResponse {
                category: Some(category),
            })
        });
    let answer = gateway
        .staff(
            "mutation {
            productUpdate(id: \"p\", input: { title: \"T\", variants: [] }, version: 9007199254740993) {
                product { category { name } } }
            categoryDelete(id: \"c\") { category { children { name } } } }",
        )
        .await;
    assert_eq!(data(&answer)["categoryDelete"]["category"]["children"], json!([]));
    assert_eq!(
        gateway.fakes.calls(),
        [
            "update_product",
            "list_categories",
            "delete_category",
            "list_categories"
        ]
    );
}
