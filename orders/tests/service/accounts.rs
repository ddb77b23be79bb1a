//! The account behind a customer's cart: its address is the order's where the cart has none, and a code that is for once a customer
//! is for once a person, signed in or not.

use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_proto::orders::v1::{
    Cart, CreateDiscountRequest, DiscountCodes, DiscountInput, DiscountKind, UpdateCartRequest,
    complete_cart_response::Outcome,
};

use crate::support::{
    ADA, BOB, Setup, address,
    mongo::on_mongo,
    of,
    orders::{codes, placed, refused, request},
    outcome, violations,
};

const EMAIL: &str = "Ada@Example.org";

async fn once_each(setup: &Setup) {
    let once = DiscountInput {
        code: "ONCE".to_owned(),
        kind: DiscountKind::Fixed.into(),
        value: "1".to_owned(),
        usage_limit_per_customer: Some(1),
        ..DiscountInput::default()
    };
    let mut discounts = setup.discounts.clone();
    let created = discounts.create_discount(CreateDiscountRequest { discount: Some(once) });
    outcome(setup.as_staff(created).await).unwrap();
}

/// A cart of the current user, complete but for its e-mail.
async fn cart(setup: &Setup, cup: &str) -> Cart {
    let cart = setup.cart(&[(cup, 1)]).await;
    let update = UpdateCartRequest {
        delivery_address: Some(address("FR")),
        delivery_option_id: Some("standard".to_owned()),
        ..of(&cart)
    };
    setup.update(update).await.unwrap()
}

async fn with_code(setup: &Setup, cart: &Cart, email: Option<&str>) -> Result<Cart, Error> {
    let codes = vec!["ONCE".to_owned()];
    setup
        .update(UpdateCartRequest {
            email: email.map(str::to_owned),
            discount_codes: Some(DiscountCodes { codes }),
            ..of(cart)
        })
        .await
}

async fn coded_cart(setup: &Setup, cup: &str, email: Option<&str>) -> Cart {
    let cart = cart(setup, cup).await;
    with_code(setup, &cart, email).await.unwrap()
}

#[tokio::test]
async fn an_order_without_an_address_to_write_to_has_the_accounts() {
    let setup = Setup::new().await;
    setup.auth.set_email(ADA, EMAIL);
    let cup = setup.catalog.add(2_000, 50);
    let complete = |cart: &Cart| setup.try_complete(request(cart, "key", "tok_visa"));
    let own = setup.as_customer(ADA, async {
        let own = cart(&setup, &cup).await;
        assert_eq!(own.email, None);
        placed(complete(&own).await.unwrap())
    });
    let own = own.await;
    assert_eq!((own.email.as_str(), own.email_confirmed), (EMAIL, true));
    let other = setup.as_customer(ADA, async {
        let cart = cart(&setup, &cup).await;
        let update = UpdateCartRequest {
            email: Some("work@example.org".to_owned()),
            ..of(&cart)
        };
        let cart = setup.update(update).await.unwrap();
        placed(setup.complete(&cart, "other", "tok_visa").await)
    });
    let other = other.await;
    assert_eq!(
        (other.email.as_str(), other.email_confirmed),
        ("work@example.org", false),
        "what the customer typed"
    );
    // Without an account that auth knows, and for a guest, it is asked for.
    let unknown = setup.as_customer(BOB, async {
        let cart = cart(&setup, &cup).await;
        refused(complete(&cart).await.unwrap())
    });
    let unknown = unknown.await;
    let cart = cart(&setup, &cup).await;
    let guest = refused(complete(&cart).await.unwrap());
    for refused in [unknown, guest] {
        assert_eq!(codes(&refused), ["VALIDATION_FAILED"]);
        assert_eq!(refused.refusals[0].field, ["email"]);
    }
}

#[tokio::test]
async fn without_auth_only_orders_that_need_the_account_have_to_wait() {
    let setup = Setup::new().await;
    setup.auth.set_email(ADA, EMAIL);
    let cup = setup.catalog.add(2_000, 50);
    setup.auth.set_down(true);
    setup
        .as_customer(ADA, async {
            let bare = cart(&setup, &cup).await;
            let error = setup
                .try_complete(request(&bare, "key", "tok_visa"))
                .await
                .unwrap_err();
            assert_eq!(error.reason(), ErrorReason::DependencyUnavailable);
            let named = setup
                .update(UpdateCartRequest {
                    email: Some(EMAIL.to_owned()),
                    ..of(&cart(&setup, &cup).await)
                })
                .await
                .unwrap();
            placed(setup.complete(&named, "other", "tok_visa").await);
            setup.auth.set_down(false);
            placed(setup.complete(&bare, "key", "tok_visa").await);
        })
        .await;
}

#[tokio::test]
async fn a_code_for_once_is_used_once_by_a_person_as_guest_and_signed_in() {
    let setup = Setup::new().await;
    once_each(&setup).await;
    setup.auth.set_email(ADA, EMAIL);
    let cup = setup.catalog.add(2_000, 50);

    // As guest, then signed in: where the code is put in, and where it stood in the cart before.
    let before = setup.as_customer(ADA, coded_cart(&setup, &cup, None)).await;
    let guest = coded_cart(&setup, &cup, Some("ADA@example.ORG")).await;
    setup.place(&guest, "key").await;
    let failure = setup.as_customer(ADA, setup.complete(&before, "key", "tok_visa"));
    let failure = refused(failure.await);
    assert_eq!(codes(&failure), ["DISCOUNT_CODE_LIMIT_REACHED"]);
    assert_eq!(failure.refusals[0].field, ["discount_codes", "0"]);
    let error = setup.as_customer(ADA, async {
        let cart = cart(&setup, &cup).await;
        with_code(&setup, &cart, None).await.unwrap_err()
    });
    assert_eq!(
        violations(&error.await),
        [("discount_codes.codes.0", ErrorReason::DiscountCodeLimitReached)]
    );

    // Signed in, then as guest, under the account's address or the order's.
    setup.auth.set_email(BOB, "bob@example.org");
    let own = setup.as_customer(BOB, async {
        let own = coded_cart(&setup, &cup, Some("bob@work.example")).await;
        setup.place(&own, "bobs").await
    });
    own.await;
    for email in ["Bob@Example.org", "BOB@work.example"] {
        let guest = cart(&setup, &cup).await;
        let error = with_code(&setup, &guest, Some(email)).await.unwrap_err();
        assert_eq!(error.reason(), ErrorReason::DiscountCodeLimitReached, "{email}");
    }

    // Another address of the account changes nothing.
    setup.auth.set_email(BOB, "robert@example.org");
    let error = setup.as_customer(BOB, async {
        let cart = cart(&setup, &cup).await;
        with_code(&setup, &cart, Some("robert@example.org"))
            .await
            .unwrap_err()
    });
    assert_eq!(error.await.reason(), ErrorReason::DiscountCodeLimitReached);
    let stranger = coded_cart(&setup, &cup, Some("carol@example.org")).await;
    setup.place(&stranger, "carols").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_one_person_at_once_as_guest_and_signed_in_one_uses_the_code() {
    let setup = Setup::new().await;
    once_each(&setup).await;
    setup.auth.set_email(ADA, EMAIL);
    let cup = setup.catalog.add(2_000, 50);
    let own = setup.as_customer(ADA, coded_cart(&setup, &cup, None)).await;
    let guest = coded_cart(&setup, &cup, Some("ada@example.org")).await;
    let (own, guest) = tokio::join!(
        setup.as_customer(ADA, setup.complete(&own, "key", "tok_visa")),
        setup.complete(&guest, "key", "tok_visa")
    );
    let (mut used, mut refusals) = (0, Vec::new());
    for outcome in [own, guest] {
        match outcome {
            Outcome::Placed(_) => used += 1,
            other => refusals.push(refused(other)),
        }
    }
    assert_eq!((used, refusals.len()), (1, 1), "{refusals:?}");
    assert_eq!(codes(&refusals[0]), ["DISCOUNT_CODE_LIMIT_REACHED"]);
}

on_mongo!(
    a_code_for_once_is_used_once_by_a_person_as_guest_and_signed_in,
    of_one_person_at_once_as_guest_and_signed_in_one_uses_the_code,
);
