//! Stock, reservations and the ledger.

use comptoir_mesh::{
    Error,
    clock::{Clock as _, SystemClock},
};
use comptoir_proto::catalog::v1::{
    AdjustStockRequest, BatchGetStockRequest, ConfirmReservationRequest, ListLowStockRequest,
    ListStockMovementsRequest, ProductInput, ReleaseReservationRequest, ReservationLine, ReserveStockRequest,
    SearchFilters, SearchProductsRequest, Stock, Variant,
};
use futures::future::join_all;
use tonic::Status;

use super::{Shop, Who, code, plain, refusals, sized};

async fn reserve(shop: &Shop, order: &str, lines: &[(&str, i32)]) -> Result<i64, Status> {
    let line = |(variant, quantity): &(&str, i32)| ReservationLine {
        variant_id: (*variant).to_owned(),
        quantity: *quantity,
    };
    let request = ReserveStockRequest {
        reservation_id: order.to_owned(),
        lines: lines.iter().map(line).collect(),
    };
    let held = shop
        .by(Who::Orders)
        .call(async |orders| orders.inventory.reserve_stock(request).await)
        .await;
    held.map(|response| response.expires_at.unwrap().seconds)
}

async fn confirm(shop: &Shop, order: &str) -> Result<(), Status> {
    let request = ConfirmReservationRequest {
        reservation_id: order.to_owned(),
    };
    shop.by(Who::Orders)
        .call(async |orders| orders.inventory.confirm_reservation(request).await)
        .await
        .map(drop)
}

async fn release(shop: &Shop, order: &str) -> Result<(), Status> {
    let request = ReleaseReservationRequest {
        reservation_id: order.to_owned(),
        reason: "canceled".to_owned(),
    };
    shop.by(Who::Orders)
        .call(async |orders| orders.inventory.release_reservation(request).await)
        .await
        .map(drop)
}

async fn adjust(shop: &Shop, variant: &str, delta: i32, key: &str) -> Result<Variant, Status> {
    let request = AdjustStockRequest {
        variant_id: variant.to_owned(),
        delta,
        reason: "counted".to_owned(),
        request_id: key.to_owned(),
    };
    let moved = shop
        .by(Who::Staff)
        .call(async |staff| staff.inventory.adjust_stock(request).await)
        .await;
    moved.map(|response| response.variant.unwrap())
}

async fn stock(shop: &Shop, variant: &str) -> (i32, i32) {
    let request = BatchGetStockRequest {
        variant_ids: vec![variant.to_owned(), "var_unknown".to_owned()],
    };
    let found = shop
        .by(Who::Orders)
        .call(async |orders| orders.inventory.batch_get_stock(request).await)
        .await
        .unwrap();
    let [
        Stock {
            on_hand, reserved, ..
        },
    ] = found.stocks[..]
    else {
        panic!("one is known")
    };
    (on_hand, reserved)
}

#[tokio::test]
async fn a_hold_is_seen_by_buyers_and_becomes_a_sale() {
    let shop = Shop::open().await;
    let product = shop.create(plain("Lamp", 3)).await;
    let lamp = product.variants[0].id.as_str();
    shop.get(Who::Guest, &product.id).await.unwrap();
    let before = SystemClock.now().as_second();
    let ends = reserve(&shop, "order_1", &[(lamp, 3)]).await.unwrap();
    let left = ends - before;
    assert!((15 * 60 - 5..=15 * 60 + 5).contains(&left), "held for {left} s");
    let seen = shop
        .get(Who::Guest, &product.id)
        .await
        .unwrap()
        .variants
        .remove(0);
    assert_eq!((seen.quantity_available, seen.available_for_sale), (0, false));
    assert_eq!(stock(&shop, lamp).await, (3, 3));
    confirm(&shop, "order_1").await.unwrap();
    assert_eq!(stock(&shop, lamp).await, (0, 0));
    let seen = shop
        .get(Who::Staff, &product.id)
        .await
        .unwrap()
        .variants
        .remove(0);
    assert_eq!(
        (seen.quantity_on_hand, seen.quantity_reserved),
        (Some(0), Some(0))
    );
    release(&shop, "order_1").await.unwrap();
    assert_eq!(
        shop.get(Who::Guest, &product.id).await.unwrap().variants[0].quantity_available,
        3
    );
    assert_eq!(code(confirm(&shop, "order_1").await), "INVALID_STATE");
}

#[tokio::test]
async fn a_shortage_names_the_line_and_the_variant() {
    let shop = Shop::open().await;
    let (lamp, cup) = (
        shop.create(plain("Lamp", 3)).await,
        shop.create(plain("Cup", 1)).await,
    );
    let lines = [
        (lamp.variants[0].id.as_str(), 1),
        (cup.variants[0].id.as_str(), 2),
    ];
    let refused = reserve(&shop, "order_1", &lines).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::FailedPrecondition);
    let error = Error::from_status(&refused);
    assert!(
        error.message().contains("Cup") && error.message().contains(lines[1].0),
        "{}",
        error.message()
    );
    assert_eq!(
        refusals::<()>(Err(refused)),
        ["lines.1.quantity INSUFFICIENT_STOCK"]
    );
    assert_eq!(stock(&shop, lines[0].0).await, (3, 0));
    assert_eq!(
        refusals(reserve(&shop, "order_1", &[("var_unknown", 1)]).await),
        ["lines.0.quantity PRODUCT_UNAVAILABLE"]
    );
    for quantity in [0, -1, i32::MIN] {
        let refused = reserve(&shop, "order_1", &[(lines[0].0, quantity)]).await;
        assert_eq!(refusals(refused), ["lines.0.quantity INVALID_QUANTITY"]);
    }
    let twice = [(lines[0].0, i32::MAX), (lines[0].0, i32::MAX)];
    assert_eq!(
        code(reserve(&shop, "order_1", &twice).await),
        "QUANTITY_OUT_OF_RANGE"
    );
    assert_eq!(code(reserve(&shop, "", &lines).await), "VALIDATION_FAILED");
    assert_eq!(code(reserve(&shop, "order_1", &[]).await), "VALIDATION_FAILED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_units_are_sold_once() {
    let shop = Shop::open().await;
    let product = shop.create(plain("Lamp", 10)).await;
    let lamp = product.variants[0].id.as_str();
    let buyers = (0..64).map(|buyer| {
        let (shop, order) = (&shop, format!("order_{buyer}"));
        async move {
            reserve(shop, &order, &[(lamp, 1)]).await?;
            confirm(shop, &order).await
        }
    });
    let outcomes = join_all(buyers).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 10);
    for refused in outcomes.into_iter().filter(Result::is_err) {
        assert_eq!(code(refused), "INSUFFICIENT_STOCK");
    }
    assert_eq!(stock(&shop, lamp).await, (0, 0));
}

#[tokio::test]
async fn staff_move_stock_once_for_each_key() {
    let shop = Shop::open().await;
    let product = shop.create(plain("Pen", 5)).await;
    let pen = product.variants[0].id.as_str();
    shop.get(Who::Guest, &product.id).await.unwrap();
    for _ in 0..2 {
        assert_eq!(
            adjust(&shop, pen, 4, "key-1").await.unwrap().quantity_on_hand,
            Some(9)
        );
    }
    assert_eq!(
        shop.get(Who::Guest, &product.id).await.unwrap().variants[0].quantity_available,
        9
    );
    assert_eq!(
        code(adjust(&shop, pen, 5, "key-1").await),
        "IDEMPOTENCY_KEY_REUSED"
    );
    assert_eq!(code(adjust(&shop, pen, -10, "key-2").await), "INSUFFICIENT_STOCK");
    assert_eq!(code(adjust(&shop, pen, 1, "").await), "IDEMPOTENCY_KEY_REQUIRED");
    assert_eq!(
        code(adjust(&shop, pen, 1, "clé").await),
        "IDEMPOTENCY_KEY_INVALID"
    );
    assert_eq!(code(adjust(&shop, pen, 0, "key-3").await), "INVALID_QUANTITY");
    assert_eq!(
        code(adjust(&shop, pen, i32::MAX, "key-3").await),
        "QUANTITY_OUT_OF_RANGE"
    );
    assert_eq!(code(adjust(&shop, "var_unknown", 1, "key-3").await), "NOT_FOUND");
    // The version is of the content: who edits the product meanwhile is not disturbed.
    assert_eq!(shop.get(Who::Staff, &product.id).await.unwrap().version, 1);
}

#[tokio::test]
async fn the_ledger_says_who_moved_what_for_which_order() {
    let shop = Shop::open().await;
    let product = shop.create(plain("Pen", 5)).await;
    let pen = product.variants[0].id.as_str();
    adjust(&shop, pen, 2, "key-1").await.unwrap();
    reserve(&shop, "order_1", &[(pen, 3)]).await.unwrap();
    confirm(&shop, "order_1").await.unwrap();
    release(&shop, "order_1").await.unwrap();
    let (mut lines, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListStockMovementsRequest {
            variant_id: pen.to_owned(),
            page_size: 3,
            page_token,
        };
        let page = shop
            .by(Who::Staff)
            .call(async |staff| staff.inventory.list_stock_movements(request).await)
            .await
            .unwrap();
        assert_eq!((page.total_count, page.cursors.len()), (4, page.movements.len()));
        lines.extend(page.movements);
        if page.next_page_token.is_empty() {
            break;
        }
        page_token = page.next_page_token;
    }
    let words: Vec<_> = lines
        .iter()
        .map(|line| {
            format!(
                "{:+} {} {} {}",
                line.delta,
                line.reason,
                line.actor,
                line.order_id.as_deref().unwrap_or("-")
            )
        })
        .collect();
    let staff = "user_01J00000000000000000000000";
    assert_eq!(
        words,
        [
            "+3 canceled orders order_1".to_owned(),
            "-3 sold orders order_1".to_owned(),
            format!("+2 counted {staff} -"),
            format!("+5 initial {staff} -"),
        ]
    );
}

#[tokio::test]
async fn low_stock_is_listed_fewest_first() {
    let shop = Shop::open().await;
    let sock = ProductInput {
        options: vec!["Size".to_owned()],
        variants: vec![sized("S", "1", 3), sized("M", "1", 0), sized("L", "1", 9)],
        ..plain("Sock", 0)
    };
    shop.create(sock).await;
    let (mut titles, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListLowStockRequest {
            threshold: 5,
            page_size: 1,
            page_token,
        };
        let page = shop
            .by(Who::Staff)
            .call(async |staff| staff.inventory.list_low_stock(request).await)
            .await
            .unwrap();
        assert_eq!(page.total_count, 2);
        titles.extend(page.variants.into_iter().map(|variant| variant.title));
        if page.next_page_token.is_empty() {
            break;
        }
        page_token = page.next_page_token;
    }
    assert_eq!(titles, ["M", "S"]);
}

#[tokio::test]
async fn numbers_that_cannot_be_are_refused_by_their_field() {
    let shop = Shop::open().await;
    for threshold in [-1, i32::MIN] {
        let request = ListLowStockRequest {
            threshold,
            ..Default::default()
        };
        let listed = shop
            .by(Who::Staff)
            .call(async |staff| staff.inventory.list_low_stock(request).await)
            .await;
        assert_eq!(refusals(listed), ["threshold VALIDATION_FAILED"], "{threshold}");
    }
    let sock = shop.create(plain("Sock", 3)).await;
    let variant_id = sock.variants[0].id.clone();
    for (delta, said) in [
        (i32::MIN, "delta INSUFFICIENT_STOCK"),
        (i32::MAX, "delta QUANTITY_OUT_OF_RANGE"),
        (0, "delta INVALID_QUANTITY"),
    ] {
        let request = AdjustStockRequest {
            variant_id: variant_id.clone(),
            delta,
            reason: "counted".to_owned(),
            request_id: format!("count {delta}"),
        };
        let moved = shop
            .by(Who::Staff)
            .call(async |staff| staff.inventory.adjust_stock(request).await)
            .await;
        assert_eq!(refusals(moved), [said], "{delta}");
    }
    for quantity in [0, -1, i32::MIN] {
        assert_eq!(
            refusals(reserve(&shop, "order_1", &[(&variant_id, quantity)]).await),
            ["lines.0.quantity INVALID_QUANTITY"],
            "{quantity}"
        );
    }
    for page_size in [-1, i32::MIN, i32::MAX] {
        let request = ListStockMovementsRequest {
            variant_id: variant_id.clone(),
            page_size,
            ..Default::default()
        };
        let listed = shop
            .by(Who::Staff)
            .call(async |staff| staff.inventory.list_stock_movements(request).await)
            .await;
        assert_eq!(refusals(listed), ["page_size LIMIT_OUT_OF_RANGE"], "{page_size}");
    }
    for (price_min, price_max, said) in [
        (Some(-1), None, "filters.price_min VALIDATION_FAILED"),
        (None, Some(i64::MIN), "filters.price_max VALIDATION_FAILED"),
    ] {
        let request = SearchProductsRequest {
            filters: Some(SearchFilters {
                price_min,
                price_max,
                ..Default::default()
            }),
            ..Default::default()
        };
        let found = shop
            .by(Who::Guest)
            .call(async |guest| guest.catalog.search_products(request).await)
            .await;
        assert_eq!(refusals(found), [said]);
    }
}
