//! The OpenAPI document: the descriptions of the handlers, and what all of them have in common.
//!
//! A handler describes its parameters, its body and its own statuses; a refusal only by its status: `(status = 409)`. This
//! module adds the statuses that the edge can answer any route with, the form of refusals, and the headers.

use std::collections::BTreeSet;

use comptoir_mesh::error::{ErrorReason, Reason as _};
use comptoir_shop::Shop;
use serde::Serialize;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::schema::{AdditionalProperties, AnyOfBuilder, Schema};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, Header, InfoBuilder, ObjectBuilder, OpenApi, PathItem, Ref, RefOr, Required, Response,
    Type,
};
use utoipa::{PartialSchema, ToSchema};

use super::admin::product_input::{ImageInput, VariantInput};
use super::schema;
use super::view::{Cart, FulfillmentStatus, OrderState, PaymentStatus, ProductSort, ProductStatus};

/// The statuses that any route can be answered with.
const EDGE_STATUSES: [u16; 13] = [400, 401, 403, 406, 408, 413, 414, 415, 429, 431, 500, 503, 504];

/// Members that answers omit when they have no value. All other members are always present.
const OPTIONAL_MEMBERS: [(&str, &str); 2] = [("Problem", "errors"), ("ProductVariant", "product")];

/// A refusal (RFC 9457).
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub(crate) struct ProblemSchema {
    r#type: String,
    title: String,
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    detail: String,
    #[schema(inline)]
    code: Code,
    request_id: String,
    /// The fields that are wrong. After 20, a last entry without a field says how many more there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 21, nullable = false)]
    errors: Option<Vec<FieldProblemSchema>>,
}

/// What is wrong with one field.
#[derive(Serialize, ToSchema)]
#[schema(as = FieldProblem)]
pub(crate) struct FieldProblemSchema {
    /// A path into the body, or the name of a parameter.
    field: String,
    #[schema(inline)]
    code: Code,
    message: String,
}

/// The refusal of an order, with the current cart if it can be read.
#[derive(Serialize, ToSchema)]
#[schema(as = CartProblem)]
pub(crate) struct CartProblemSchema {
    #[serde(flatten)]
    problem: ProblemSchema,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    cart: Option<Cart>,
}

/// One of the codes of the table.
#[derive(Serialize)]
struct Code(&'static str);

impl PartialSchema for Code {
    fn schema() -> RefOr<Schema> {
        let codes = reasons().map(ErrorReason::code);
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("One of the codes of the table."))
            .enum_values(Some(codes));
        RefOr::T(object.into())
    }
}

impl ToSchema for Code {}

/// Every reason of the table.
fn reasons() -> impl Iterator<Item = ErrorReason> {
    // The enum's numbers are below 1000.
    (1..1000).filter_map(|number| ErrorReason::try_from(number).ok())
}

/// Completes the document with what all operations have in common, and with what is specific to this shop.
pub(crate) fn complete(mut document: OpenApi, shop: &Shop, providers: &[String]) -> OpenApi {
    document.info = InfoBuilder::new()
        .title("Comptoir")
        .version("1")
        .description(Some(
            "The shop over REST. Errors are application/problem+json with a code. A query parameter that is empty is as \
             good as one that is not there; one that is not named here is refused (UNKNOWN_FIELD), as is a field of a body. \
             Lengths are those of the default settings.",
        ))
        .build();
    let components = document.components.get_or_insert_default();
    components.schemas.extend(schema::all());
    for (name, schema) in [
        ("ProductSort", ProductSort::schema()),
        ("ProductStatus", ProductStatus::schema()),
        ("OrderState", OrderState::schema()),
        ("PaymentStatus", PaymentStatus::schema()),
        ("FulfillmentStatus", FulfillmentStatus::schema()),
        ("Problem", ProblemSchema::schema()),
        ("FieldProblem", FieldProblemSchema::schema()),
        ("VariantInput", VariantInput::schema()),
        ("ImageInput", ImageInput::schema()),
    ]
    .into_iter()
    .chain(schema::of_shop(shop, providers))
    {
        components.schemas.insert(name.to_owned(), schema);
    }
    for (name, schema) in &mut components.schemas {
        require_all(name, schema);
    }
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .build();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    let mut statuses = BTreeSet::new();
    for (path, item) in &mut document.paths.paths {
        for operation in operations(item) {
            describe(path, operation);
            statuses.extend(
                operation
                    .responses
                    .responses
                    .keys()
                    .filter_map(|status| status.parse::<u16>().ok()),
            );
        }
    }
    let components = document.components.get_or_insert_default();
    for status in statuses.into_iter().filter(|status| *status >= 400) {
        components
            .responses
            .insert(refusal_name(status), RefOr::T(refusal(status, "Problem")));
    }
    document
}

/// The operations of a path.
fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem {
        get,
        post,
        patch,
        delete,
        ..
    } = item;
    [get, post, patch, delete].into_iter().filter_map(Option::as_mut)
}

/// Marks all members of an answer as required, although they may be null. Request bodies are different: they refuse unknown
/// fields.
fn require_all(name: &str, schema: &mut RefOr<Schema>) {
    let RefOr::T(Schema::Object(object)) = schema else {
        return;
    };
    let is_input = matches!(
        object.additional_properties.as_deref(),
        Some(AdditionalProperties::FreeForm(false))
    );
    if is_input {
        return;
    }
    let always = |member: &&String| !OPTIONAL_MEMBERS.contains(&(name, member.as_str()));
    object.required = object.properties.keys().filter(always).cloned().collect();
}

fn describe(path: &str, operation: &mut Operation) {
    let area = path.split('/').nth(1).unwrap_or_default();
    operation.tags = Some(vec![area.to_owned()]);
    let parameters = operation.parameters.get_or_insert_default();
    for parameter in parameters.iter_mut() {
        if let RefOr::T(parameter) = parameter {
            allow_empty(parameter);
        }
    }
    for name in path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    {
        parameters.push(RefOr::T(path_parameter(path, name)));
    }
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        optional_body(body);
    }
    let token = SecurityRequirement::new("bearer", Vec::<String>::new());
    if operation.security.is_none() {
        operation.security = match area {
            "admin" => Some(vec![token]),
            "webhooks" => None,
            _ => Some(vec![SecurityRequirement::default(), token]),
        };
    }
    let responses = &mut operation.responses.responses;
    let absent = path.contains('{').then_some(404);
    for status in EDGE_STATUSES.into_iter().chain(absent) {
        responses
            .entry(status.to_string())
            .or_insert_with(|| RefOr::T(Response::new("")));
    }
    for (status, response) in responses {
        complete_response(status, response);
    }
}

/// A body that may be left out is not nullable for that reason.
fn optional_body(body: &mut RequestBody) {
    for content in body.content.values_mut() {
        if let RefOr::T(content) = content
            && let Some(RefOr::T(Schema::OneOf(choice))) = &content.schema
            && let Some(own) = choice.items.iter().find(|item| matches!(item, RefOr::Ref(_)))
        {
            let own = own.clone();
            content.schema = Some(own);
            body.required = Some(Required::False);
        }
    }
}

/// A parameter that may be left out may also be empty.
fn allow_empty(parameter: &mut Parameter) {
    if parameter.parameter_in != ParameterIn::Query || parameter.required == Required::True {
        return;
    }
    let Some(schema) = parameter.schema.take() else {
        return;
    };
    if matches!(&schema, RefOr::T(Schema::Array(_))) {
        parameter.schema = Some(schema);
        return;
    }
    let empty = ObjectBuilder::new().schema_type(Type::String).max_length(Some(0));
    parameter.schema = Some(AnyOfBuilder::new().item(schema).item(empty).into());
}

/// The schema of an id, by its position in a path.
fn path_parameter(path: &str, name: &str) -> Parameter {
    let schema = match (path.trim_start_matches('/').split('/').nth(1), name) {
        (_, "idOrSlug") => "IdOrSlug",
        (_, "lineId") => "CartLineId",
        (_, "variantId") => "VariantId",
        (Some("carts"), _) => "CartId",
        (Some("orders"), _) => "OrderId",
        (Some("products"), _) => "ProductId",
        _ if path.contains("/addresses/") => "AddressId",
        _ if path.contains("/sessions/") => "SessionId",
        _ => "Text",
    };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .schema(Some(Ref::from_schema_name(schema)))
        .build()
}

fn refusal_name(status: u16) -> String {
    format!("Problem{status}")
}

/// Completes a response: the description of its status, the body of a refusal, and the headers.
fn complete_response(status: &str, response: &mut RefOr<Response>) {
    let code: u16 = status.parse().unwrap_or_default();
    let RefOr::T(known) = response else { return };
    if code >= 400 && known.content.is_empty() && known.description.is_empty() {
        *response = RefOr::Ref(Ref::from_response_name(refusal_name(code)));
        return;
    }
    if known.description.is_empty() {
        known.description = if code >= 400 {
            codes(code)
        } else {
            described(status).to_owned()
        };
    }
    known.headers.extend(headers(code));
}

/// A refusal with this status and this schema of its body.
fn refusal(status: u16, schema: &str) -> Response {
    let mut response = Response::new(codes(status));
    let content = ContentBuilder::new().schema(Some(RefOr::Ref(Ref::from_schema_name(schema))));
    response
        .content
        .insert("application/problem+json".to_owned(), RefOr::T(content.build()));
    response.headers.extend(headers(status));
    response
}

/// The codes of a status, except those of GraphQL.
fn codes(status: u16) -> String {
    let codes: Vec<&str> = reasons()
        .filter(|reason| reason.http_status() == status)
        .map(ErrorReason::code)
        .collect();
    codes.join(", ")
}

/// The headers of every answer, and those of a status.
fn headers(status: u16) -> Vec<(String, RefOr<Header>)> {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let number = || ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
    let header = |name: &str, schema: ObjectBuilder, description: &str| {
        let header = HeaderBuilder::new()
            .schema(Some(schema))
            .description(Some(description))
            .build();
        (name.to_owned(), RefOr::T(header))
    };
    let mut headers = vec![
        header("X-Request-Id", text(), "Of the request, as the log has it"),
        header(
            "X-RateLimit-Limit",
            number(),
            "Requests a minute; where there is a limit",
        ),
        header("X-RateLimit-Remaining", number(), "What is left of them"),
    ];
    match status {
        401 => headers.push(header("WWW-Authenticate", text(), "Bearer")),
        429 | 503 => headers.push(header(
            "Retry-After",
            number(),
            "Seconds to wait; where it is known",
        )),
        _ => {}
    }
    headers
}

/// The default description of a status.
fn described(status: &str) -> &'static str {
    match status {
        "201" => "Created",
        "202" => "Accepted for later",
        "204" => "Done",
        "304" => "Still that of the ETag",
        _ => "OK",
    }
}
