//! Messages that services answer with.

use comptoir_proto::auth::v1 as auth;
use comptoir_proto::catalog::v1 as catalog;
use comptoir_proto::orders::v1 as orders;
use comptoir_proto::types;

use super::fakes::Fakes;

/// An id with this prefix; the same number gives the same id.
pub(super) fn id(prefix: &str, number: usize) -> String {
    format!("{prefix}01J{number:023}")
}

pub(super) fn euros(minor_units: i64) -> Option<types::Money> {
    Some(types::Money {
        minor_units,
        currency_code: "EUR".into(),
    })
}

pub(super) fn variant(number: usize) -> catalog::Variant {
    catalog::Variant {
        id: id("var_", number),
        product_id: id("prod_", number),
        title: "Default Title".into(),
        price: euros(4990),
        quantity_available: 7,
        quantity_on_hand: Some(9),
        quantity_reserved: Some(2),
        product_title: format!("Product {number}"),
        available_for_sale: true,
        product_status: catalog::ProductStatus::Active.into(),
        ..Default::default()
    }
}

pub(super) fn product(number: usize) -> catalog::Product {
    catalog::Product {
        id: id("prod_", number),
        slug: format!("product-{number}"),
        title: format!("Product {number}"),
        category_id: Some(id("cat_", 2)),
        variants: vec![
            variant(number),
            catalog::Variant {
                price: euros(9900),
                ..variant(number + 1000)
            },
        ],
        status: catalog::ProductStatus::Active.into(),
        version: 3,
        ..Default::default()
    }
}

pub(super) fn cart(lines: usize) -> orders::Cart {
    let line = |number| orders::CartLine {
        id: id("line_", number),
        variant_id: id("var_", number),
        quantity: 1,
        unit_price: euros(4990),
        line_total: euros(4990),
        variant: Some(variant(number)),
    };
    orders::Cart {
        id: id("cart_", 1),
        lines: (0..lines).map(line).collect(),
        currency_code: "EUR".into(),
        ..Default::default()
    }
}

pub(super) fn order(number: usize) -> orders::Order {
    orders::Order {
        id: id("order_", number),
        version: 1,
        state: orders::OrderState::Placed.into(),
        email: "ada@example.com".into(),
        customer_id: Some(id("user_", number)),
        ..Default::default()
    }
}

pub(super) fn user(id: &str) -> auth::User {
    auth::User {
        id: id.into(),
        email: "ada@example.com".into(),
        locale: "fr".into(),
        ..Default::default()
    }
}

/// The number of a product that is no longer shown.
pub(super) const GONE: usize = 13;

/// Has the catalogue answer with as many products as are asked for, in a tree of two categories.
pub(super) fn stock_catalogue(fakes: &Fakes) {
    fakes.on("list_products", |request: catalog::ListProductsRequest| {
        let count = request.page_size as usize;
        Ok(catalog::ListProductsResponse {
            products: (0..count).map(product).collect(),
            cursors: (0..count).map(|at| format!("cursor{at}")).collect(),
            next_page_token: "more".into(),
            total_count: 1000,
        })
    });
    fakes.on("list_categories", |_: catalog::ListCategoriesRequest| {
        let category = |number, slug: &str, parent_id| catalog::Category {
            id: id("cat_", number),
            slug: slug.into(),
            name: slug.to_uppercase(),
            parent_id,
        };
        let categories = vec![
            category(1, "clothes", None),
            category(2, "shirts", Some(id("cat_", 1))),
        ];
        Ok(catalog::ListCategoriesResponse {
            categories,
            ..Default::default()
        })
    });
    fakes.on(
        "batch_get_products",
        |request: catalog::BatchGetProductsRequest| {
            let known = |id: &String| id.starts_with("prod_01J");
            let number = |id: String| id.trim_start_matches("prod_01J").parse().unwrap();
            let numbers = request.product_ids.into_iter().filter(known).map(number);
            let products = numbers.filter(|number| *number != GONE).map(product).collect();
            Ok(catalog::BatchGetProductsResponse { products })
        },
    );
    fakes.on(
        "batch_get_variants",
        |request: catalog::BatchGetVariantsRequest| {
            assert!(request.variant_ids.len() <= 100);
            let number = |id: String| id.trim_start_matches("var_01J").parse().unwrap();
            let variants = request
                .variant_ids
                .into_iter()
                .map(number)
                .filter(|number| *number != GONE);
            Ok(catalog::BatchGetVariantsResponse {
                variants: variants.map(variant).collect(),
            })
        },
    );
}
