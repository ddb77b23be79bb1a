//! Taking a guest's cart over.

use crate::support::{ADA, BOB, Setup, address, mongo::on_mongo, of, outcome};
use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_proto::orders::v1::{AttachCartRequest, Cart, CreateCartRequest, UpdateCartRequest};

async fn attach(setup: &Setup, user_id: &str, cart_id: &str) -> Result<Cart, Error> {
    let request = AttachCartRequest {
        cart_id: cart_id.to_owned(),
    };
    let mut carts = setup.carts.clone();
    let answer = setup.as_customer(user_id, carts.attach_cart(request)).await;
    outcome(answer).map(|answer| answer.cart.unwrap())
}

fn lines(cart: &Cart) -> Vec<(&str, i32)> {
    cart.lines
        .iter()
        .map(|line| (line.variant_id.as_str(), line.quantity))
        .collect()
}

async fn reason_for_guest(setup: &Setup, cart: &Cart) -> ErrorReason {
    setup
        .update(UpdateCartRequest {
            email: Some("eve@example.org".to_owned()),
            ..of(cart)
        })
        .await
        .unwrap_err()
        .reason()
}

#[tokio::test]
async fn a_guests_cart_becomes_the_customers_who_has_none() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(100, 5);
    let guest = setup.ready_cart(&[(&cup, 2)]).await;
    let taken = attach(&setup, ADA, &guest.id).await.unwrap();
    assert_eq!((&taken.id, taken.customer_id.as_deref()), (&guest.id, Some(ADA)));
    assert_eq!(
        (lines(&taken), &taken.email),
        (vec![(cup.as_str(), 2)], &guest.email)
    );
    assert_eq!(
        attach(&setup, ADA, &guest.id).await.unwrap(),
        taken,
        "repeating it changes nothing"
    );
    assert_eq!(
        reason_for_guest(&setup, &guest).await,
        ErrorReason::NotFound,
        "the guest's id is no right any more"
    );
    let bob = attach(&setup, BOB, &guest.id).await.unwrap_err();
    assert_eq!(bob.reason(), ErrorReason::NotFound);
}

#[tokio::test]
async fn lines_go_into_the_customers_open_cart_once() {
    let setup = Setup::new().await;
    let (cup, plate, fork) = (
        setup.catalog.add(100, 5),
        setup.catalog.add(300, 5),
        setup.catalog.add(50, 5),
    );
    let own = setup
        .as_customer(ADA, setup.cart(&[(&cup, 990), (&plate, 1)]))
        .await;
    let guest = setup.ready_cart(&[(&cup, 20), (&fork, 3)]).await;
    let merged = attach(&setup, ADA, &guest.id).await.unwrap();
    assert_eq!(merged.id, own.id);
    let expected = vec![(cup.as_str(), 999), (plate.as_str(), 1), (fork.as_str(), 3)];
    assert_eq!(lines(&merged), expected, "added up, at most 999");
    assert_eq!(
        merged.email.as_deref(),
        Some("ada@example.org"),
        "what it did not say yet is taken over"
    );
    assert_eq!(merged.selected_delivery_option.as_ref().unwrap().id, "standard");
    assert_eq!(
        attach(&setup, ADA, &guest.id).await.unwrap(),
        merged,
        "repeating it changes nothing"
    );
    assert_eq!(
        setup.as_customer(ADA, setup.read(&guest.id)).await,
        merged,
        "the old id leads there"
    );
    assert_eq!(reason_for_guest(&setup, &guest).await, ErrorReason::NotFound);
    assert_eq!(
        attach(&setup, BOB, &guest.id).await.unwrap_err().reason(),
        ErrorReason::NotFound
    );
}

#[tokio::test]
async fn what_the_customers_cart_says_is_kept() {
    let setup = Setup::new().await;
    let own = setup
        .as_customer(ADA, async {
            let cart = setup.cart(&[]).await;
            let update = UpdateCartRequest {
                email: Some("own@example.org".to_owned()),
                delivery_address: Some(address("PT")),
                ..of(&cart)
            };
            setup.update(update).await.unwrap()
        })
        .await;
    let guest = setup.ready_cart(&[]).await;
    let merged = attach(&setup, ADA, &guest.id).await.unwrap();
    assert_eq!(
        (&merged.email, &merged.delivery_address),
        (&own.email, &own.delivery_address)
    );
    assert_eq!(
        merged.selected_delivery_option, None,
        "an option goes with its address"
    );
}

#[tokio::test]
async fn another_customers_cart_is_not_there() {
    let setup = Setup::new().await;
    let bobs = setup.as_customer(BOB, setup.cart(&[])).await;
    let error = attach(&setup, ADA, &bobs.id).await.unwrap_err();
    let absent = attach(&setup, ADA, "cart_00000000000000000000000000")
        .await
        .unwrap_err();
    assert_eq!(
        (error.reason(), error.message()),
        (ErrorReason::NotFound, absent.message())
    );
    let guest = outcome(
        setup
            .carts
            .clone()
            .attach_cart(AttachCartRequest { cart_id: bobs.id })
            .await,
    );
    assert_eq!(guest.unwrap_err().reason(), ErrorReason::Unauthenticated);
}

#[tokio::test]
async fn more_lines_than_a_cart_has_are_not_merged() {
    let setup = Setup::new().await;
    let variants: Vec<String> = (0..120).map(|n| setup.catalog.add(100 + n, 1)).collect();
    let all: Vec<(&str, i32)> = variants.iter().map(|id| (id.as_str(), 1)).collect();
    let own = setup.as_customer(ADA, setup.cart(&all[..60])).await;
    let guest = setup.cart(&all[50..111]).await;
    let error = attach(&setup, ADA, &guest.id).await.unwrap_err();
    assert_eq!(error.reason(), ErrorReason::TooManyLines);
    assert_eq!(setup.read(&guest.id).await, guest, "nothing of it is lost");
    assert_eq!(setup.as_customer(ADA, setup.read(&own.id)).await, own);
    let fits = setup.cart(&all[20..100]).await;
    assert_eq!(attach(&setup, ADA, &fits.id).await.unwrap().lines.len(), 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_attaches_add_the_lines_once() {
    let setup = Setup::new().await;
    let cup = setup.catalog.add(100, 5);
    let own = setup.as_customer(ADA, setup.cart(&[(&cup, 1)])).await;
    let guest = setup.cart(&[(&cup, 5)]).await;
    let calls = (0..20).map(|_| attach(&setup, ADA, &guest.id));
    for merged in futures::future::join_all(calls).await {
        let merged = merged.unwrap();
        assert_eq!(
            (merged.id.as_str(), lines(&merged)),
            (own.id.as_str(), vec![(cup.as_str(), 6)])
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_two_customers_gets_a_guests_cart() {
    let setup = Setup::new().await;
    for _ in 0..10 {
        let request = CreateCartRequest::default();
        let guest = setup
            .carts
            .clone()
            .create_cart(request)
            .await
            .unwrap()
            .into_inner()
            .cart
            .unwrap();
        let (ada, bob) = tokio::join!(attach(&setup, ADA, &guest.id), attach(&setup, BOB, &guest.id));
        let won = [&ada, &bob].iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(won, 1, "{ada:?} {bob:?}");
        let lost = ada.err().or(bob.err()).unwrap();
        assert_eq!(lost.reason(), ErrorReason::NotFound);
    }
}

on_mongo!(
    a_guests_cart_becomes_the_customers_who_has_none,
    lines_go_into_the_customers_open_cart_once,
    what_the_customers_cart_says_is_kept,
    another_customers_cart_is_not_there,
    more_lines_than_a_cart_has_are_not_merged,
    parallel_attaches_add_the_lines_once,
    one_of_two_customers_gets_a_guests_cart,
);
