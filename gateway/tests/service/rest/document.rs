//! The OpenAPI document.

use std::collections::BTreeSet;

use comptoir_mesh::identity::Role;
use comptoir_proto::catalog::v1 as catalog;
use comptoir_proto::orders::v1 as orders;
use comptoir_shop as shop;
use serde_json::Value;

use crate::support::in_process::Shop;

fn document() -> Value {
    serde_json::from_str(&text()).unwrap()
}

fn text() -> String {
    comptoir_gateway::openapi(&shop::Shop::parse(shop::DEFAULT).unwrap())
}

/// The API's table, but for what are pages, probes and pictures.
const TABLE: &str = "
GET /store/products
GET /store/products/{idOrSlug}
GET /store/shop
GET /store/categories
POST /store/carts
GET /store/carts/{id}
PATCH /store/carts/{id}
POST /store/carts/{id}/line-items
PATCH /store/carts/{id}/line-items/{lineId}
DELETE /store/carts/{id}/line-items/{lineId}
POST /store/carts/{id}/attach
POST /store/carts/{id}/complete
GET /store/orders
GET /store/orders/{id}
POST /store/orders/{id}/cancel
GET /store/orders/{id}/events
POST /auth/register
POST /auth/confirm
POST /auth/confirm/resend
POST /auth/token
POST /auth/token/refresh
POST /auth/logout
POST /auth/logout-all
POST /auth/password
POST /auth/password-reset
POST /auth/password-reset/confirm
GET /auth/me
PATCH /auth/me
GET /auth/me/addresses
POST /auth/me/addresses
PATCH /auth/me/addresses/{id}
DELETE /auth/me/addresses/{id}
GET /auth/me/sessions
DELETE /auth/me/sessions/{id}
GET /admin/products
POST /admin/products
PATCH /admin/products/{id}
DELETE /admin/products/{id}
POST /admin/products/import
POST /admin/media
POST /admin/inventory/{variantId}/adjust
GET /admin/orders
GET /admin/orders/{id}
POST /admin/orders/{id}/fulfill
POST /admin/orders/{id}/deliver
POST /admin/orders/{id}/refund
POST /admin/orders/{id}/cancel
POST /webhooks/stripe
POST /webhooks/twilio
POST /webhooks/ses
";

#[test]
fn every_route_is_described() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    let mut described: Vec<String> = paths
        .iter()
        .flat_map(|(path, item)| {
            item.as_object()
                .unwrap()
                .keys()
                .map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let mut table: Vec<String> = TABLE.trim().lines().map(str::to_owned).collect();
    described.sort();
    table.sort();
    assert_eq!(described, table);
}

/// Every `$ref` below a value.
fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn the_document_holds_what_it_refers_to() {
    let document = document();
    let mut referred = BTreeSet::new();
    references(&document, &mut referred);
    let absent = |reference: &&&str| document.pointer(reference.trim_start_matches('#')).is_none();
    let absent: Vec<_> = referred.iter().filter(absent).collect();
    assert!(referred.len() > 100 && absent.is_empty(), "{absent:?}");
}

/// The schema itself, where it refers to another.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document
            .pointer(reference.trim_start_matches('#'))
            .unwrap_or(&Value::Null),
        None => schema,
    }
}

/// The places below a schema where a text, a number or a list has no bound.
fn unbounded(document: &Value, schema: &Value, place: &str, found: &mut Vec<String>) {
    let schema = resolved(document, schema);
    for part in ["oneOf", "anyOf", "allOf"] {
        for choice in schema[part].as_array().into_iter().flatten() {
            unbounded(document, choice, place, found);
        }
    }
    let kind = schema["type"]
        .as_str()
        .or_else(|| schema["type"][0].as_str())
        .unwrap_or_default();
    let has = |names: &[&str]| names.iter().any(|name| schema.get(name).is_some());
    let is_bounded = match kind {
        "string" => has(&["pattern", "enum", "format", "maxLength"]),
        "integer" => has(&["minimum"]) && has(&["maximum"]),
        // How many parameters there may be is a setting of its own.
        "array" => has(&["maxItems"]) || place.starts_with("get "),
        "object" => schema["additionalProperties"] == false,
        _ => true,
    };
    if !is_bounded {
        found.push(format!("{place}: {kind}"));
    }
    unbounded_below(document, schema, place, found);
}

fn unbounded_below(document: &Value, schema: &Value, place: &str, found: &mut Vec<String>) {
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        unbounded(document, member, &format!("{place}.{name}"), found);
    }
    if schema.get("items").is_some() {
        unbounded(document, &schema["items"], &format!("{place}.*"), found);
    }
}

/// A client, or a program that tries them all, sends what the document allows: each text, number and list has to say what
/// it may be.
#[test]
fn what_clients_send_is_bounded() {
    let document = document();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let place = format!("{method} {path}");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let name = parameter["name"].as_str().unwrap_or_default();
                // Validators and signatures are opaque.
                if !matches!(
                    name,
                    "If-None-Match" | "If-Match" | "Stripe-Signature" | "X-Twilio-Signature"
                ) {
                    unbounded(
                        &document,
                        &parameter["schema"],
                        &format!("{place} {name}"),
                        &mut found,
                    );
                }
            }
            let body = &operation["requestBody"]["content"]["application/json"]["schema"];
            if !path.starts_with("/webhooks") && !body.is_null() {
                unbounded(&document, body, &place, &mut found);
            }
        }
    }
    // As many as were not shipped yet: more than there are is refused by the order.
    found.retain(|place| !place.ends_with("fulfill.lines: array"));
    assert!(found.is_empty(), "without a bound:\n{}", found.join("\n"));
}

#[test]
fn each_status_has_its_form() {
    let document = document();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                let response = resolved(&document, response);
                assert!(response["description"].is_string(), "{method} {path} {status}");
                let is_refusal = status.starts_with(['4', '5']);
                let problem = &response["content"]["application/problem+json"]["schema"];
                assert_eq!(is_refusal, !problem.is_null(), "{method} {path} {status}");
                assert!(
                    response["headers"]["X-Request-Id"].is_object(),
                    "{method} {path} {status}"
                );
            }
        }
    }
    let body = &document["paths"]["/store/carts"]["post"]["requestBody"];
    assert_ne!(body["required"], true, "a cart can be made without a body");
    assert_eq!(
        document["components"]["schemas"]["CartProblem"]["allOf"][0]["$ref"],
        "#/components/schemas/Problem"
    );
}

#[test]
fn a_shop_of_another_currency_and_languages_says_so() {
    let yen = shop::Shop {
        currency_digits: 0,
        locales: vec!["ja".into()],
        ..shop::Shop::parse(shop::DEFAULT).unwrap()
    };
    let document: Value = serde_json::from_str(&comptoir_gateway::openapi(&yen)).unwrap();
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["Price"]["pattern"], "^[0-9]{1,13}(\\.0+)?$");
    assert_eq!(schemas["Locale"]["enum"][0], "ja");
}

/// Forms send what was left blank.
#[tokio::test]
async fn an_empty_parameter_is_as_good_as_absent() {
    let shop = Shop::open().await;
    shop.fakes
        .on("list_products", |request: catalog::ListProductsRequest| {
            assert_eq!(request, catalog::ListProductsRequest::default());
            Ok(catalog::ListProductsResponse::default())
        });
    shop.fakes
        .on("list_orders", |request: orders::ListOrdersRequest| {
            let filter = request.filter.unwrap_or_default();
            assert_eq!((filter, request.page_size), (orders::OrderFilter::default(), 0));
            Ok(orders::ListOrdersResponse::default())
        });
    let token = shop.token(Role::Staff);
    let headers = [("authorization", token.as_str())];
    let document = document();
    for path in ["/admin/products", "/admin/orders"] {
        let parameters = document["paths"][path]["get"]["parameters"].as_array().unwrap();
        let query: Vec<String> = parameters
            .iter()
            .map(|parameter| format!("{}=", parameter["name"].as_str().unwrap()))
            .collect();
        let answer = shop
            .send(&format!("GET {path}?{}", query.join("&")), &headers, "")
            .await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        let unknown = shop.send(&format!("GET {path}?colour="), &headers, "").await;
        assert_eq!(unknown.code(), "400 UNKNOWN_FIELD");
    }
}

/// `UPDATE_SCHEMA=1 cargo test -p comptoir-gateway schema` writes it.
#[test]
fn the_openapi_schema_is_the_one_in_the_repository() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let now = text();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        stored == now,
        "gateway/openapi.json is not what the code says: run with UPDATE_SCHEMA=1"
    );
}

#[tokio::test]
async fn the_page_brings_all_it_needs() {
    let shop = Shop::open().await;
    assert_eq!(
        shop.get("/openapi.json").await.json()["info"]["title"],
        "Comptoir"
    );
    let page = shop.get("/docs/").await;
    assert_eq!(page.status, 200);
    assert!(!page.text.contains("https://"), "{}", page.text);
    assert!(
        page.header("content-security-policy")
            .contains("script-src 'self';")
    );
}
