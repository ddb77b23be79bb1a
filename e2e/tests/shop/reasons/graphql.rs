//! What the GraphQL endpoint refuses before anything runs: each document begins with a registration that must not happen.

use serde_json::{Value, json};

use super::{
    case::{Case, Provoked, case},
    world::World,
};

/// A mutation's field with an effect that can be seen.
pub(crate) const REGISTER: &str = r#"accountRegister(input: { email: "ghost@buyer.example", password: "a lamp for every desk" }) { accepted }"#;

pub(crate) const CASES: &[Case] = &[
    case!(ValidationFailed, 400, validation_failed),
    case!(QueryTooDeep, 400, query_too_deep),
    case!(QueryTooComplex, 400, query_too_complex),
    case!(TooManyAliases, 400, too_many_aliases),
    case!(TooManyDirectives, 400, too_many_directives),
    case!(DocumentTooLarge, 400, document_too_large),
    case!(BatchNotAllowed, 400, batch_not_allowed),
    case!(IntrospectionDisabled, 400, introspection_disabled),
    case!(PersistedQueryNotFound, 400, persisted_query_not_found),
    case!(PersistedQueryMismatch, 400, persisted_query_mismatch),
];

/// Sends each body; all must be refused, and no account registered.
async fn refused(world: &World, bodies: Vec<Value>) -> Provoked {
    let watch = world.watch(&[]).await;
    let mut refusals = Vec::new();
    for body in bodies {
        refusals.push(world.post_graphql(None, &body).await.request());
    }
    Provoked::without_effect(watch, refusals)
}

fn mutation(fields: &str) -> Value {
    json!({ "query": format!("mutation {{ {REGISTER} {fields} }}") })
}

async fn validation_failed(world: &World) -> Provoked {
    let add =
        "mutation($cart: ID!, $quantity: Int!) { cartLinesAdd(cartId: $cart, lines: [{ variantId: \"v\",
        quantity: $quantity }]) { cart { id } } }";
    let mut bodies = vec![
        mutation("nothing"),
        mutation("cartCreate { cart { ...a } } } fragment a on Cart { ...b } fragment b on Cart { ...a"),
        mutation("cartCreate(input: { lines: \"many\" }) { cart { id } }"),
        json!({ "query": format!("mutation a {{ {REGISTER} }} mutation b {{ {REGISTER} }}") }),
        json!({ "query": "mutation {" }),
        json!({ "query": 1 }),
        json!({}),
    ];
    for quantity in [json!(0.5), json!("1"), json!(null), json!(2_147_483_648_i64)] {
        bodies.push(json!({ "query": add, "variables": { "cart": "cart_1", "quantity": quantity } }));
    }
    let login = "mutation($email: String!) { tokenCreate(email: $email, password: \"x\") { accessToken } }";
    bodies.push(json!({ "query": login, "variables": { "email": { "$gt": "" } } }));
    refused(world, bodies).await
}

async fn query_too_deep(world: &World) -> Provoked {
    let nested = |depth: usize| {
        let parents = "parent { ".repeat(depth);
        let inner = format!("{parents} id {}", "} ".repeat(depth));
        mutation(&format!(
            "cartCreate {{ cart {{ lines {{ variant {{ product {{ category {{ {inner} }} }} }} }} }} }}"
        ))
    };
    refused(world, vec![nested(7), nested(60), nested(300)]).await
}

async fn query_too_complex(world: &World) -> Provoked {
    let products = "products(first: 100) { nodes { variants { id } } }";
    let cart = format!(
        "cartCreate {{ cart {{ lines {{ variant {{ product {{ category {{ {products} }} }} }} }} }} }}"
    );
    refused(world, vec![mutation(&cart)]).await
}

async fn too_many_aliases(world: &World) -> Provoked {
    let aliases: String = (0..31).map(|n| format!("a{n}: {REGISTER} ")).collect();
    let logins: String = (0..40)
        .map(|n| {
            format!(
                "l{n}: tokenCreate(email: \"admin@shop.example\", password: \"guess {n}\") {{ accessToken }} "
            )
        })
        .collect();
    refused(world, vec![mutation(&aliases), mutation(&logins)]).await
}

async fn too_many_directives(world: &World) -> Provoked {
    let directives = "@include(if: true) ".repeat(6);
    refused(
        world,
        vec![mutation(&format!("cartCreate {directives} {{ cart {{ id }} }}"))],
    )
    .await
}

async fn document_too_large(world: &World) -> Provoked {
    let comment = format!("\n# {}\n", "a".repeat(17 * 1024));
    let fields = "cartCreate { cart { id } } ".repeat(300);
    refused(
        world,
        vec![
            mutation(&comment),
            mutation(&fields),
            mutation(&"{ a ".repeat(10_000)),
        ],
    )
    .await
}

async fn batch_not_allowed(world: &World) -> Provoked {
    refused(
        world,
        vec![json!([mutation("")]), json!(vec![mutation(""); 100]), json!([])],
    )
    .await
}

async fn introspection_disabled(_: &World) -> Provoked {
    let world = World::new(&[("COMPTOIR_PROFILE", "production")]).await;
    let watch = world.watch(&[]).await;
    let mut refusals = Vec::new();
    for query in [
        "{ __schema { types { name } } }".to_owned(),
        "{ __type(name: \"User\") { name } }".to_owned(),
        format!("mutation {{ {REGISTER} __schema {{ types {{ fields {{ type {{ name }} }} }} }} }}"),
    ] {
        refusals.push(
            world
                .post_graphql(None, &json!({ "query": query }))
                .await
                .request(),
        );
    }
    assert_eq!(watch.again(&world).await, watch.state, "it had an effect");
    Provoked::compared(refusals)
}

async fn persisted_query_not_found(world: &World) -> Provoked {
    let hash = "0".repeat(64);
    refused(
        world,
        vec![json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": hash } } })],
    )
    .await
}

async fn persisted_query_mismatch(world: &World) -> Provoked {
    let mut body = mutation("");
    body["extensions"] = json!({ "persistedQuery": { "version": 1, "sha256Hash": "0".repeat(64) } });
    refused(world, vec![body]).await
}
