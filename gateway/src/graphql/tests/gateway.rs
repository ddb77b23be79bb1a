//! The schema over fake services, with queries as a guest or a signed-in user.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock};

use async_graphql::parser::parse_query;
use async_graphql::{Request, Response, Variables};
use comptoir_mesh::identity::Role;
use comptoir_mesh::testing::TestEnv;
use comptoir_mesh::{Service, channel, context};

use super::fakes::Fakes;
use crate::backend::{Peers, RequestData, Services, Settings};
use crate::cache::EntityCache;
use crate::config::PaymentProvider;
use crate::executor::{Model, ResponseShape, execute};
use crate::graphql::{Schema, builder, sdl};

/// The schema as checks and outlines see it.
static MODEL: LazyLock<Arc<Model>> = LazyLock::new(|| Arc::new(Model::parse(&sdl()).unwrap()));

/// The response_shape of a request with one operation. What cannot be read never runs, and needs none.
pub(super) fn response_shape(request: &mut Request) -> ResponseShape {
    let read = request.parsed_query().cloned();
    let document = read.unwrap_or_else(|_| parse_query("{ __typename }").unwrap());
    ResponseShape::new(MODEL.clone(), Arc::new(document), None)
}

/// The schema over fakes.
pub(super) struct Gateway {
    pub(super) fakes: Fakes,
    pub(super) schema: Schema,
    services: Services,
    env: TestEnv,
}

impl Gateway {
    pub(super) fn new() -> Self {
        let env = TestEnv::new();
        let fakes = Fakes::default();
        let channel = |service: &Service| {
            let slot = channel::in_process();
            slot.bind(service);
            slot.channel("gateway")
        };
        let settings = Settings {
            payment_providers: vec![PaymentProvider {
                name: "sandbox".into(),
                publishable_key: None,
            }],
            return_origins: vec!["https://shop.example".into()],
            limit_list: 100,
            limit_streams: 0,
        };
        let shop = env.env.shop.clone();
        let peers = Peers {
            auth: channel(&fakes.auth(&env.env)),
            catalog: channel(&fakes.catalog(&env.env)),
            orders: channel(&fakes.orders(&env.env)),
            notifier: channel(&fakes.notifier(&env.env)),
        };
        let services = Services::new(peers, shop, settings);
        Self {
            fakes,
            schema: builder(services.clone()).finish(),
            services,
            env,
        }
    }

    /// Asks as a guest.
    pub(super) async fn guest(&self, document: &str) -> Response {
        self.ask(None, document).await
    }

    /// Asks as a signed-in customer.
    pub(super) async fn customer(&self, document: &str) -> Response {
        self.ask(Some(Role::Customer), document).await
    }

    /// Asks as a member of staff.
    pub(super) async fn staff(&self, document: &str) -> Response {
        self.ask(Some(Role::Staff), document).await
    }

    /// Asks as an administrator.
    pub(super) async fn admin(&self, document: &str) -> Response {
        self.ask(Some(Role::Admin), document).await
    }

    pub(super) async fn ask(&self, role: Option<Role>, document: &str) -> Response {
        self.ask_with(role, document, serde_json::json!({})).await
    }

    pub(super) async fn ask_with(
        &self,
        role: Option<Role>,
        document: &str,
        variables: serde_json::Value,
    ) -> Response {
        let (context, data) = self.request(role, None);
        let mut request = Request::new(document)
            .variables(Variables::from_json(variables))
            .data(data);
        let response_shape = response_shape(&mut request);
        context::scope(context, execute(&self.schema, request, &response_shape)).await
    }

    /// Asks as a guest with an entity cache, and gives the tags of the answer too.
    pub(super) async fn tags(
        &self,
        role: Option<Role>,
        document: &str,
        cache: Option<Arc<dyn EntityCache>>,
    ) -> Option<Vec<String>> {
        let (context, data) = self.request(role, cache);
        let mut request = Request::new(document).data(data.clone());
        let response_shape = response_shape(&mut request);
        let response = context::scope(context, execute(&self.schema, request, &response_shape)).await;
        assert!(response.errors.is_empty(), "{:?}", response.errors);
        data.public_tags().map(|tags| tags.into_iter().collect())
    }

    /// The context and data of a request.
    pub(super) fn request(
        &self,
        role: Option<Role>,
        cache: Option<Arc<dyn EntityCache>>,
    ) -> (context::Context, RequestData) {
        let token = role.map(|role| self.env.token(CALLER, role));
        let caller = token
            .as_deref()
            .map(|token| self.env.env.verifier.verify(token).unwrap());
        let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
        let mut data = RequestData::new(&self.services, caller, address, cache);
        data.user_agent = Some("test browser".into());
        (
            context::Context {
                token: token.map(Into::into),
                ..context::Context::background("test")
            },
            data,
        )
    }
}

/// The signed-in user of every test.
pub(super) const CALLER: &str = "user_01J00000000000000000000001";

/// The answer's data, as JSON.
pub(super) fn data(response: &Response) -> serde_json::Value {
    assert!(response.errors.is_empty(), "{:?}", response.errors);
    response.data.clone().into_json().unwrap()
}

/// The codes of the answer's errors.
pub(super) fn codes(response: &Response) -> Vec<String> {
    let code = |error: &async_graphql::ServerError| {
        let code = error
            .extensions
            .as_ref()
            .and_then(|extensions| extensions.get("code").cloned());
        code.map(|code| code.into_json().unwrap().as_str().unwrap_or_default().to_owned())
            .unwrap_or_default()
    };
    response.errors.iter().map(code).collect()
}
