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

pub(super) fn image(name: &str) -> catalog::Image {
    catalog::Image {
        url: format!("https://img.example/{name}.webp"),
        alt_text: Some(format!("The {name}")),
        width: Some(800),
        height: None,
    }
}

pub(super) fn product(number: usize) -> catalog::Product {
    let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    catalog::Product {
        id: id("prod_", number),
        slug: format!("product-{number}"),
        title: format!("Product {number}"),
        description: "<p>Made of wool.</p>".into(),
        vendor: Some("Atelier".into()),
        product_type: Some("Shirt".into()),
        tags: vec!["new".into(), "wool".into()],
        category_id: Some(id("cat_", 2)),
        options: vec![catalog::ProductOption {
            name: "Size".into(),
            values: vec!["S".into(), "M".into()],
        }],
        variants: vec![
            variant(number),
            catalog::Variant {
                product_id: id("prod_", number),
                price: euros(9900),
                compare_at_price: euros(12900),
                sku: Some(format!("SKU-{number}")),
                selected_options: vec![catalog::SelectedOption {
                    name: "Size".into(),
                    value: "M".into(),
                }],
                image: Some(image("medium")),
                weight_grams: Some(180),
                ..variant(number + 1000)
            },
        ],
        images: vec![image("front"), image("back")],
        status: catalog::ProductStatus::Active.into(),
        seo_title: Some("Wool".into()),
        seo_description: Some("A shirt of wool".into()),
        created_at: at(1_767_225_600),
        updated_at: at(1_767_312_000),
        version: 3,
        price_range: Some(catalog::PriceRange {
            min: euros(4990),
            max: euros(9900),
        }),
        available_for_sale: true,
        featured_image: Some(image("front")),
    }
}

/// The product with what a mask names of it and nothing else, as the catalogue answers.
pub(super) fn masked(product: catalog::Product, mask: Option<&prost_types::FieldMask>) -> catalog::Product {
    let Some(mask) = mask.filter(|mask| !mask.paths.is_empty()) else {
        return product;
    };
    let mut shown = catalog::Product {
        id: product.id.clone(),
        ..Default::default()
    };
    macro_rules! copy {
        ($($field:ident)*) => {
            for path in &mask.paths {
                match path.as_str() {
                    "id" => {}
                    $(stringify!($field) => shown.$field = product.$field.clone(),)*
                    other => panic!("a product has no {other}"),
                }
            }
        };
    }
    copy!(slug title description vendor product_type tags category_id options variants images status seo_title
        seo_description created_at updated_at version price_range available_for_sale featured_image);
    shown
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
        let mask = request.read_mask.as_ref();
        Ok(catalog::ListProductsResponse {
            products: (0..count).map(|number| masked(product(number), mask)).collect(),
            cursors: (0..count).map(|at| format!("cursor{at}")).collect(),
            next_page_token: "more".into(),
            total_count: 1000,
        })
    });
    fakes.on("search_products", |request: catalog::SearchProductsRequest| {
        let facet = catalog::Facet {
            id: "vendor".into(),
            label: "Vendor".into(),
            values: vec![catalog::FacetValue {
                value: "atelier".into(),
                label: "Atelier".into(),
                count: 2,
            }],
        };
        let mask = request.read_mask.as_ref();
        Ok(catalog::SearchProductsResponse {
            products: (0..2).map(|number| masked(product(number), mask)).collect(),
            cursors: vec!["cursor0".into(), "cursor1".into()],
            next_page_token: String::new(),
            total_count: 2,
            facets: if request.with_facets {
                vec![facet]
            } else {
                Vec::new()
            },
        })
    });
    fakes.on("get_product", |request: catalog::GetProductRequest| {
        Ok(catalog::GetProductResponse {
            product: Some(masked(product(1), request.read_mask.as_ref())),
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
