//! The catalogue's objects: what of them is shown, and in which form.

use std::fmt::Write as _;

use comptoir_mesh::identity::Role;
use comptoir_mesh::{Error, ErrorReason};
use comptoir_proto::catalog::v1 as catalog;
use comptoir_proto::orders::v1 as orders;
use serde_json::{Value, json};

use super::gateway::{Gateway, codes, data};
use super::samples::{GONE, cart, id, image, stock_catalogue, variant};

/// Every field of a product but those of other things.
const PRODUCT: &str = "fragment P on Product { __typename id slug title description vendor productType tags
    options { __typename name values } status seoTitle seoDescription createdAt updatedAt version availableForSale
    priceRange { __typename min { ...M } max { ...M } } featuredImage { ...I } images { ...I } variants { ...V } }
  fragment V on ProductVariant { __typename id sku title selectedOptions { __typename name value } price { ...M }
    compareAtPrice { ...M } availableForSale quantityAvailable quantityOnHand quantityReserved image { ...I } weightGrams }
  fragment M on Money { __typename amount currencyCode fractionalAmount fractionDigits }
  fragment I on Image { __typename url altText width height }";

/// What was asked and what came, errors with their paths.
async fn asked(gateway: &Gateway, role: Option<Role>, document: &str, variables: Value) -> String {
    let answer = gateway.ask_with(role, document, variables.clone()).await;
    let mut text = format!("# {document}\n");
    if variables != json!({}) {
        writeln!(text, "# {variables}").unwrap();
    }
    writeln!(text, "{}", serde_json::to_string_pretty(&answer.data).unwrap()).unwrap();
    let mut errors: Vec<String> = (answer.errors.iter().zip(codes(&answer)))
        .map(|(error, code)| format!("{code} {} {:?}", json!(error.path), error.locations))
        .collect();
    errors.sort();
    for error in errors {
        writeln!(text, "{error}").unwrap();
    }
    text + "\n"
}

#[tokio::test]
async fn objects_have_the_form_that_was_asked_for() {
    let gateway = Gateway::new();
    stock_catalogue(&gateway.fakes);
    gateway.fakes.on("get_cart", |_: orders::GetCartRequest| {
        Ok(orders::GetCartResponse { cart: Some(cart(2)) })
    });
    let none = || json!({});
    let page = "pageInfo { __typename hasNextPage hasPreviousPage startCursor endCursor } totalCount";
    let mut text = String::new();
    for (role, document, variables) in [
        (None, format!("{{ products(first: 1, after: \"c\") {{ __typename edges {{ __typename cursor node {{ ...P }} }} nodes {{ id }} {page} }} }} {PRODUCT}"), none()),
        (None, format!("{{ search(query: \"wool\") {{ __typename edges {{ cursor node {{ title }} }} nodes {{ slug }} {page}
            facets {{ __typename id label values {{ __typename value label count }} }} }} }}"), none()),
        (Some(Role::Staff), format!("{{ product(slug: \"product-1\") {{ ...P }} }} {PRODUCT}"), none()),
        (None, "{ products(first: 2) { nodes { a: title b: title variants { id ...V } ...F } nodes { title variants { price { amount } product { slug variants { id } } } }
            edges { cursor } again: edges { node { title: slug } } edges { node { priceRange { min { amount } } } } edges { node { priceRange { max { amount } min { currencyCode } } } } } }
            fragment F on Product { variants { sku id } ... on Node { id __typename ... on Product { vendor ... { tags } } } category { name } ...G category { slug } }
            fragment G on Product { category { parent { name } } }
            fragment V on ProductVariant { kind: __typename }".into(), none()),
        (None, "query($yes: Boolean!, $no: Boolean!) { products(first: 1) { nodes { id @skip(if: $yes) title @include(if: $no) slug @include(if: $yes)
            ...F @skip(if: $yes) ... on Product @include(if: $yes) { vendor tags @skip(if: $no) } variants @skip(if: $no) { id @include(if: $yes) sku @skip(if: $yes) } } } }
            fragment F on Product { description }".into(), json!({ "yes": true, "no": false })),
        (None, "query($p: ID!, $v: ID!, $c: ID!) { p: node(id: $p) { ...N } v: node(id: $v) { ...N } c: node(id: $c) { ...N } none: node(id: \"what\") { ...N } }
            fragment N on Node { __typename id ... on Product { title category { name } } ... on ProductVariant { price { amount } product { id title category { slug } } }
              ... on Category { name products(first: 1) { totalCount nodes { slug } } } ... on Cart { email } ... on Node { key: id } }".into(),
            json!({ "p": id("prod_", 1), "v": id("var_", 2), "c": id("cat_", 2) })),
        (None, "query($n: Int = 2) { category(slug: \"shirts\") { __typename id slug name parent { name children { name parent { slug } } } children { name } ancestors { __typename name }
            products(first: $n, sort: NEWEST) { nodes { title category { slug products(first: 1) { totalCount } } } pageInfo { endCursor } } products(first: $n, sort: NEWEST) { totalCount edges { cursor } } }
            categories { name ancestors { slug } } }".into(), none()),
        (None, "{ products(first: 2) { nodes { category { a: products(first: 1) { nodes { id } } name b: products(first: 2) { edges { node { slug category { name } } } }
            parent { products(first: 101) { totalCount } } ...C } title } } } fragment C on Category { a: products(first: 1) { nodes { title } totalCount } }".into(), none()),
        (None, "{ cart(id: \"cart_x\") { lines { variant { id product { title variants { id product { id } } category { name } } } unitPrice { amount } } } }".into(), none()),
        (Some(Role::Staff), "{ cart(id: \"cart_x\") { lines { variant { quantityOnHand quantityReserved } } } }".into(), none()),
    ] {
        text += &asked(&gateway, role, &document, variables).await;
    }
    insta::assert_snapshot!("objects", text);
}

#[tokio::test]
async fn what_failed_has_its_place() {
    let gateway = Gateway::new();
    stock_catalogue(&gateway.fakes);
    let refuse = |method| {
        gateway.fakes.on(method, |_: catalog::ListCategoriesRequest| {
            Err::<catalog::ListCategoriesResponse, _>(Error::new(ErrorReason::DependencyUnavailable, "no"))
        });
    };
    let mut text = String::new();
    let category = "{ products(first: 2) { nodes { slug category { name } again: category { slug } } edges { node { category { id } } } } }";
    let lists =
        "{ a: products(first: 1) { nodes { title category { name products(first: 0) { totalCount } } } }
        b: category(slug: \"shirts\") { slug parent { slug products(first: 0) { totalCount } } } }";
    text += &asked(&gateway, None, lists, json!({})).await;
    refuse("list_categories");
    text += &asked(&gateway, None, category, json!({})).await;
    gateway
        .fakes
        .on("batch_get_products", |_: catalog::BatchGetProductsRequest| {
            Err::<catalog::BatchGetProductsResponse, _>(Error::new(ErrorReason::DependencyUnavailable, "no"))
        });
    let variant = "query($v: ID!) { node(id: $v) { id ... on ProductVariant { title product { title } } } }";
    text += &asked(&gateway, None, variant, json!({ "v": id("var_", 1) })).await;
    insta::assert_snapshot!("failures", text);
}

#[tokio::test]
async fn what_objects_show_is_what_the_answer_depends_on() {
    let gateway = Gateway::new();
    stock_catalogue(&gateway.fakes);
    let category = |number| format!("category:{}", id("cat_", number));
    let document = format!(
        "{{ product(id: \"{}\") {{ category {{ parent {{ name }} }} }} }}",
        id("prod_", 1)
    );
    let tags = gateway.tags(None, &document, None).await.unwrap();
    assert_eq!(
        tags,
        [
            "categories".into(),
            category(1),
            category(2),
            format!("product:{}", id("prod_", 1))
        ]
    );
    let document = "{ category(slug: \"clothes\") { name products(first: 1) { nodes { variants { quantityOnHand } } } } }";
    let tags = gateway.tags(None, document, None).await.unwrap();
    assert_eq!(
        tags,
        [
            "categories".into(),
            category(1),
            format!("product:{}", id("prod_", 0)),
            "products".into()
        ]
    );
}

#[tokio::test]
async fn an_object_may_have_all_its_fields_skipped() {
    let gateway = Gateway::new();
    stock_catalogue(&gateway.fakes);
    let document = "{ product(slug: \"x\") { featuredImage { url @skip(if: true) } ... on Product @skip(if: true) { id } } }";
    let answer = data(&gateway.guest(document).await);
    assert_eq!(answer, json!({ "product": { "featuredImage": {} } }));
}

#[tokio::test]
async fn what_a_variant_says_of_a_product_that_is_gone() {
    let gateway = Gateway::new();
    stock_catalogue(&gateway.fakes);
    let known = catalog::Variant {
        product_image: Some(image("front")),
        ..variant(GONE)
    };
    gateway.fakes.on(
        "batch_get_variants",
        move |_: catalog::BatchGetVariantsRequest| {
            Ok(catalog::BatchGetVariantsResponse {
                variants: vec![known.clone()],
            })
        },
    );
    let shown = "slug availableForSale featuredImage { altText } images { altText } priceRange { min { amount } max { amount } }";
    let document = format!(
        "{{ node(id: \"{}\") {{ ... on ProductVariant {{ product {{ {shown} }} }} }} }}",
        id("var_", GONE)
    );
    let answer = data(&gateway.guest(&document).await);
    let (price, picture) = (json!({ "amount": "49.90" }), json!({ "altText": "The front" }));
    assert_eq!(
        answer["node"]["product"],
        json!({ "slug": "", "availableForSale": true, "featuredImage": picture, "images": [picture],
            "priceRange": { "min": price, "max": price } })
    );
}

#[tokio::test]
async fn the_categories_of_many_products_are_read_once() {
    let gateway = Gateway::new();
    stock_catalogue(&gateway.fakes);
    let document = "{ products(first: 24) { nodes { category { name ancestors { name } } } edges { node { category { id } } } }
        categories { name children { name } } }";
    data(&gateway.guest(document).await);
    let mut calls = gateway.fakes.take_calls();
    calls.sort_unstable();
    assert_eq!(calls, ["list_categories", "list_products"]);
}
