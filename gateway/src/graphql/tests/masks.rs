//! What of products is read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{BaseType, FieldDefinition, Type, TypeKind, TypeSystemDefinition};
use comptoir_mesh::identity::Role;
use comptoir_proto::catalog::v1 as catalog;
use serde_json::{Value, json};

use super::gateway::{Gateway, data};
use super::samples::{masked, product, stock_catalogue};
use crate::graphql::sdl;

/// What products are read by, and where the first of them is in the answer.
const READS: [(&str, &str); 7] = [
    ("products(first: 1) { nodes { @ } }", "/products/nodes/0"),
    (
        "products(first: 1) { edges { node { @ } } }",
        "/products/edges/0/node",
    ),
    ("product(slug: \"product-1\") { @ }", "/product"),
    ("search { nodes { @ } }", "/search/nodes/0"),
    ("search { edges { node { @ } } }", "/search/edges/0/node"),
    (
        "category(slug: \"shirts\") { products(first: 1) { nodes { @ } } }",
        "/category/products/nodes/0",
    ),
    (
        "adminProducts(first: 1) { nodes { @ } }",
        "/adminProducts/nodes/0",
    ),
];

/// The fields of each object of the schema.
fn objects() -> BTreeMap<String, Vec<FieldDefinition>> {
    let definitions = parse_schema(sdl()).unwrap().definitions.into_iter();
    let objects = definitions.filter_map(|definition| match definition {
        TypeSystemDefinition::Type(ty) => match ty.node.kind {
            TypeKind::Object(object) => {
                let fields = object.fields.into_iter().map(|field| field.node);
                Some((ty.node.name.to_string(), fields.collect()))
            }
            _ => None,
        },
        _ => None,
    });
    objects.collect()
}

/// A field with all below it but what is another product or category.
fn whole(objects: &BTreeMap<String, Vec<FieldDefinition>>, field: &FieldDefinition) -> String {
    fn named(ty: &Type) -> &str {
        match &ty.base {
            BaseType::Named(name) => name,
            BaseType::List(item) => named(item),
        }
    }
    let name = &field.name.node;
    let Some(fields) = objects.get(named(&field.ty.node)) else {
        return name.to_string();
    };
    let below = fields.iter().filter(|field| {
        let other = ["product", "parent", "children", "ancestors", "products"];
        !other.contains(&field.name.node.as_str())
    });
    let below: Vec<String> = below.map(|field| whole(objects, field)).collect();
    format!("{name} {{ {} }}", below.join(" "))
}

async fn read(gateway: &Gateway, read: &str, place: &str, fields: &str) -> Value {
    let document = format!("{{ {} }}", read.replace('@', fields));
    let answer = data(&gateway.staff(&document).await);
    answer.pointer(place).unwrap().clone()
}

#[tokio::test]
async fn a_field_alone_is_what_it_is_among_all() {
    let gateway = Gateway::new();
    stock_catalogue(&gateway.fakes);
    let objects = objects();
    let fields: Vec<(&str, String)> = objects["Product"]
        .iter()
        .map(|field| (field.name.node.as_str(), whole(&objects, field)))
        .collect();
    assert!(fields.len() > 15, "the fields of a product were read");
    let all: Vec<&str> = fields.iter().map(|(_, field)| field.as_str()).collect();
    for (by, place) in READS {
        // Where it is not said what is read, everything is.
        let everything = format!("{} variants {{ product {{ id }} }}", all.join(" "));
        let mut whole = read(&gateway, by, place, &everything).await;
        for variant in whole["variants"].as_array_mut().unwrap() {
            variant.as_object_mut().unwrap().remove("product");
        }
        for (name, field) in &fields {
            let empty = [json!(null), json!([]), json!(""), json!(0), json!(false)];
            assert!(!empty.contains(&whole[name]), "the sample has no {name}");
            let alone = read(&gateway, by, place, field).await;
            assert_eq!(alone, json!({ *name: whole[name] }), "{name} of {by}");
        }
        assert_eq!(read(&gateway, by, place, &all.join(" ")).await, whole, "{by}");
    }
}

#[tokio::test]
async fn only_what_is_shown_is_read() {
    let gateway = Gateway::new();
    stock_catalogue(&gateway.fakes);
    let masks = Arc::new(Mutex::new(Vec::new()));
    let seen = masks.clone();
    gateway
        .fakes
        .on("list_products", move |request: catalog::ListProductsRequest| {
            seen.lock().unwrap().push(request.read_mask.clone());
            let mask = request.read_mask.as_ref();
            Ok(catalog::ListProductsResponse {
                products: vec![masked(product(1), mask)],
                cursors: vec!["cursor".into()],
                ..Default::default()
            })
        });
    let cases: [(&str, Option<&[&str]>); 7] = [
        ("totalCount pageInfo { hasNextPage }", Some(&["id"])),
        ("nodes { __typename }", Some(&["id"])),
        (
            "nodes { name: title } edges { node { priceRange { min { amount } } } }",
            Some(&["id", "price_range", "title"]),
        ),
        (
            "nodes { ...F ... { slug } ... on Node { id ... on Product { seoTitle } } category { name } } | fragment F on Product { featuredImage { url } }",
            Some(&["category_id", "featured_image", "id", "seo_title", "slug"]),
        ),
        (
            "nodes { vendor @skip(if: true) tags @include(if: true) }",
            Some(&["id", "tags"]),
        ),
        (
            "nodes { variants { price { amount } } availableForSale }",
            Some(&["available_for_sale", "id", "variants"]),
        ),
        (
            "nodes { title variants { id ...V } } | fragment V on ProductVariant { product { slug } }",
            None,
        ),
    ];
    for (fields, expected) in cases {
        let (fields, fragment) = fields.split_once('|').unwrap_or((fields, ""));
        let document = format!("{{ products(first: 1) {{ {fields} }} }} {fragment}");
        data(&gateway.ask(Some(Role::Customer), &document).await);
        let mask = masks.lock().unwrap().pop().unwrap();
        let paths = mask.map(|mask| mask.paths);
        let expected = expected.map(|paths| paths.iter().map(|path| (*path).to_owned()).collect());
        assert_eq!(paths, expected, "{fields}");
    }
}
