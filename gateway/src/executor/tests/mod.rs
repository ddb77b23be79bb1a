//! What this module relies on in the library. Where one of these fails with another version, read the library's changes and
//! this module side by side before the version in the root `Cargo.toml` moves. `graphql/tests` hold what answers look like,
//! and the tests of the endpoint that a document which is known is judged as one that is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::parser::types::Selection;
use async_graphql::{
    EmptyMutation, EmptySubscription, Error, Object, PathSegment, Positioned, Request, Response, Schema,
    ValidationMode, Value, Variables, value,
};
use clap::Parser as _;
use futures::FutureExt as _;

use super::*;
use crate::config::Limits;

#[derive(Default)]
struct Query {
    runs: Arc<AtomicUsize>,
}

struct Item;

#[Object]
impl Query {
    async fn number(&self, from: i32) -> i32 {
        self.runs.fetch_add(1, Ordering::Relaxed);
        from
    }

    async fn items(&self) -> Vec<Item> {
        vec![Item, Item]
    }
}

#[Object]
impl Item {
    async fn name(&self) -> &str {
        "item"
    }

    async fn failing(&self) -> Result<Option<i32>, Error> {
        Err(Error::new("it fails"))
    }
}

type TestSchema = Schema<Query, EmptyMutation, EmptySubscription>;

fn schema(mode: ValidationMode) -> (TestSchema, Arc<AtomicUsize>) {
    let query = Query::default();
    let runs = query.runs.clone();
    let schema = Schema::build(query, EmptyMutation, EmptySubscription).validation_mode(mode);
    (schema.finish(), runs)
}

async fn run(mode: ValidationMode, text: &str, variables: Value) -> Response {
    let variables = Variables::from_json(variables.into_json().unwrap());
    schema(mode)
        .0
        .execute(Request::new(text).variables(variables))
        .await
}

/// The limits that are set by default.
pub(super) fn limits() -> Limits {
    #[derive(clap::Parser)]
    struct Arguments {
        #[command(flatten)]
        limits: Limits,
    }
    Arguments::parse_from(["gateway"]).limits
}

fn read(schema: &TestSchema, text: &str) -> Document {
    let model = Arc::new(Model::parse(&schema.sdl()).unwrap());
    let document = Document::read(text.into(), &model, &limits(), true);
    document.unwrap_or_else(|_| panic!("not read: {text}"))
}

/// `take_refusal` tells a document that never ran from one whose fields failed by this alone.
#[tokio::test]
async fn an_error_of_validation_has_no_path_and_one_of_a_field_has() {
    for refused in [
        "{ number }",
        "{ number(from: 1, to: 2) }",
        "{ nothing }",
        "{ items }",
    ] {
        let mut response = run(ValidationMode::Strict, refused, value!({})).await;
        assert!(take_refusal(&mut response).is_some(), "{refused}: {response:?}");
    }
    let mut failed = run(ValidationMode::Strict, "{ items { failing } }", value!({})).await;
    assert!(take_refusal(&mut failed).is_none());
    assert_eq!(
        failed.errors[0].path,
        [
            PathSegment::Field("items".into()),
            PathSegment::Index(0),
            PathSegment::Field("failing".into())
        ]
    );
}

/// `answers` shapes what the library leaves: a failed field is absent, or null, and the others are there.
#[tokio::test]
async fn a_field_that_failed_takes_no_other_with_it() {
    let response = run(ValidationMode::Strict, "{ items { name failing } }", value!({})).await;
    assert_eq!(response.errors.len(), 2);
    let json = response.data.into_json().unwrap();
    assert_eq!(json["items"][1]["name"], "item");
    assert!(json["items"][1]["failing"].is_null());
}

/// A document that is known to be valid runs on a schema in this mode.
#[tokio::test]
async fn fast_validation_runs_what_strict_validation_admits_with_the_same_answer() {
    for (text, variables) in [
        ("{ number(from: 1) }", value!({})),
        (
            "query($n: Int!) { a: number(from: $n) b: number(from: 2) }",
            value!({"n": 3}),
        ),
        ("query($n: Int = 4) { number(from: $n) }", value!({})),
        ("{ ...f } fragment f on Query { items { name } }", value!({})),
        (
            "query($no: Boolean!) { number(from: 1) items @skip(if: $no) { name } }",
            value!({"no": true}),
        ),
    ] {
        let strict = run(ValidationMode::Strict, text, variables.clone()).await;
        let fast = run(ValidationMode::Fast, text, variables).await;
        assert!(strict.errors.is_empty(), "{text}: {strict:?}");
        assert_eq!((fast.data, fast.errors.len()), (strict.data, 0), "{text}");
    }
}

/// `Document::stays_valid` says that of the rules only that of arguments' values looks at variables: a value that its
/// declared type admits leaves a valid document valid.
#[tokio::test]
async fn validation_does_not_depend_on_values_of_their_types() {
    let text = "query($n: Int!, $no: Boolean = false) { number(from: $n) items @skip(if: $no) { name } }";
    for variables in [
        value!({"n": 0}),
        value!({"n": -2_147_483_648}),
        value!({"n": 7, "no": true}),
        value!({"n": 7, "no": false}),
        value!({"n": 7, "other": {"of": ["any", "type"]}}),
    ] {
        let mut response = run(ValidationMode::Strict, text, variables.clone()).await;
        assert!(take_refusal(&mut response).is_none(), "{variables}: {response:?}");
    }
}

/// `validate` has the library validate a document whose fields are all skipped.
#[tokio::test]
async fn a_document_whose_fields_are_skipped_is_validated_and_not_run() {
    let (schema, runs) = schema(ValidationMode::Strict);
    let check = |text: &str| validate(&schema, &read(&schema, text), None, Variables::default());
    assert!(check("{ number(from: 1) items { failing } }").is_ok());
    assert!(check("{ number(from: 1, to: 2) }").is_err());
    assert!(check("{ number(from: 1) nothing @skip(if: true) }").is_err());
    assert_eq!(runs.load(Ordering::Relaxed), 0);
    // Nothing in it waits, so one poll is enough.
    let skipped = schema
        .execute("{ number(from: 1) @skip(if: true) }")
        .now_or_never();
    assert!(skipped.is_some_and(|response| response.errors.is_empty()));
}

/// `plain` and `fields` walk the selections as the library hands them to a resolver: it has left out what is skipped.
#[tokio::test]
async fn a_resolver_sees_no_selection_that_is_skipped() {
    struct Seen;
    #[Object]
    impl Seen {
        async fn below(&self, ctx: &async_graphql::Context<'_>) -> Inner {
            let names = below(ctx, &[&ctx.item.node]);
            Inner(names.iter().map(|field| field.name.node.to_string()).collect())
        }
    }
    struct Inner(Vec<String>);
    #[Object]
    impl Inner {
        async fn names(&self) -> &[String] {
            &self.0
        }

        async fn other(&self) -> bool {
            true
        }
    }
    let schema = Schema::build(Seen, EmptyMutation, EmptySubscription).finish();
    let text = "query($yes: Boolean!) { below { names other @skip(if: $yes) ...f ... @include(if: false) { other } } } \
                fragment f on Inner { other @skip(if: true) names }";
    let request = Request::new(text).variables(Variables::from_json(serde_json::json!({ "yes": true })));
    let response = schema.execute(request).await;
    assert_eq!(
        response.into_result().unwrap().data,
        value!({ "below": { "names": ["names", "names"] } })
    );
}

/// `run` hands over a document that was parsed before; the text of the request is then not looked at.
#[tokio::test]
async fn a_parsed_document_runs_in_the_place_of_the_text() {
    let (schema, _) = schema(ValidationMode::Strict);
    let document = read(&schema, "query A { number(from: 1) } query B { number(from: 2) }");
    let response = schema
        .execute(request(&document, Some("B".into()), Variables::default()))
        .await;
    assert_eq!(response.data, value!({ "number": 2 }));
}

/// The memory that parsed documents take is estimated by these.
#[test]
fn selections_are_as_large_as_they_were() {
    assert_eq!(size_of::<Positioned<Selection>>(), 184);
}
