//! The state that all requests share.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_graphql::{SDLExportOptions, ValidationMode};
use comptoir_events::Broker;
use comptoir_mesh::Env;
use comptoir_mesh::config::Profile;
use comptoir_mesh::context::{self, Context};
use tokio::time::Instant;

use crate::backend::{Peers, RequestData, Services, Settings};
use crate::cache::{self, Caches, Entities, EntityCache, MemoryCache, Responses, SharedCache};
use crate::config::{Config, seconds, some};
use crate::executor::{Documents, Model, Subscriptions};
use crate::graphql;
use crate::health::Readiness;
use crate::redis::Redis;
use crate::request::{Client, Cors, Hosts, RateLimit, Streams};
use crate::revalidate;

/// The state of handlers: `State(app): State<Arc<App>>`.
pub(crate) struct App {
    /// The settings.
    pub(crate) config: Config,
    /// Time, ids, verifier and shop.
    pub(crate) env: Env,
    /// Clients of the services.
    pub(crate) services: Services,
    /// Counts event streams: `app.streams.open(client.address)?`.
    pub(crate) streams: Streams,
    /// The running subscriptions.
    pub(crate) subscriptions: Subscriptions,
    pub(crate) schema: graphql::Schema,
    /// The same schema for documents that are known to be valid: the library skips most of its validation.
    pub(crate) schema_of_valid: graphql::Schema,
    pub(crate) model: Arc<Model>,
    pub(crate) documents: Documents,
    /// The duration of successful requests to `/graphql`.
    pub(crate) graphql_duration: OnceLock<metrics::Histogram>,
    pub(crate) cors: Cors,
    pub(crate) hosts: Hosts,
    pub(crate) rate: RateLimit,
    /// Public answers of GraphQL, by the bytes of their request.
    pub(crate) responses: Option<Arc<Responses>>,
    /// Public answers of REST, by their path. They share the memory of the entities.
    pub(crate) rest_responses: Option<Arc<Responses>>,
    pub(crate) entities: Option<Arc<dyn EntityCache>>,
    pub(crate) readiness: Arc<Readiness>,
}

impl App {
    /// Creates the state, and starts to listen to catalogue events.
    pub(crate) fn new(
        config: Config,
        env: Env,
        peers: Peers,
        broker: Option<&Broker>,
        redis: Option<Arc<Redis>>,
    ) -> anyhow::Result<Self> {
        config.validate()?;
        let is_development = env.profile == Profile::Development;
        let documents = Documents::new(config.read_trusted_documents()?)?;
        let settings = Settings {
            payment_providers: config.payment_providers(env.sandbox_payments),
            limit_list: env.limit_list,
            limit_streams: config.limits.streams,
            return_origins: config
                .cors_origins
                .iter()
                .map(|origin| origin.as_str().to_owned())
                .collect(),
        };
        let services = Services::new(peers, env.shop.clone(), settings);
        let readiness = Arc::new(Readiness::new(services.clone(), &env));
        // The executor counts depth, cost, aliases, directives and tokens itself: the library considers neither lists nor
        // aliases, and its errors have no code. Suggestions would reveal the schema where introspection is disabled.
        let schema = |mode| {
            let builder = graphql::builder(services.clone()).validation_mode(mode);
            if is_development {
                builder.finish()
            } else {
                builder.disable_suggestions().finish()
            }
        };
        let schema_of_valid = schema(ValidationMode::Fast);
        let schema = schema(ValidationMode::Strict);
        let sdl = schema.sdl_with_options(SDLExportOptions::new());
        let model = Arc::new(Model::parse(&sdl)?);

        let cache = &config.cache;
        let store = || {
            cache
                .enabled
                .then(|| Arc::new(MemoryCache::new(cache.entry_age(), cache.bytes)))
        };
        let shared = redis
            .clone()
            .filter(|_| cache.enabled)
            .map(|redis| Arc::new(SharedCache::new(redis, &sdl, cache.entry_age() / 2)));
        let responses = store().map(|memory| Arc::new(Responses::new(memory, shared.clone())));
        let entities = store();
        // Separate from GraphQL's, because the keys of those are arbitrary bytes from clients.
        let rest_responses = entities
            .clone()
            .map(|memory| Arc::new(Responses::new(memory, shared.clone())));
        let storefront = revalidate::spawn(&config, &env)?;
        cache::spawn(
            &env,
            broker,
            Caches {
                shared: shared.clone(),
                responses: rest_responses.iter().chain(&responses).cloned().collect(),
                storefront,
            },
        );
        Ok(Self {
            subscriptions: Subscriptions::default(),
            streams: Streams::new(some(config.limits.streams_address)),
            cors: Cors::new(&config.cors_origins),
            hosts: Hosts::new(&config.hosts, config.http_addr),
            rate: RateLimit::new(
                some(config.limits.requests_address),
                some(config.limits.requests_user),
                redis,
            ),
            entities: entities.map(|memory| Arc::new(Entities::new(memory, shared)) as Arc<dyn EntityCache>),
            config,
            env,
            services,
            schema,
            schema_of_valid,
            model,
            documents,
            graphql_duration: OnceLock::new(),
            responses,
            rest_responses,
            readiness,
        })
    }

    /// The data of a request of this client.
    pub(crate) fn request_data(&self, client: &Client) -> RequestData {
        RequestData::new(
            &self.services,
            client.user.clone(),
            client.address,
            self.entities.clone(),
        )
    }

    /// The context of work that is done for every guest: without a token, and with the time limit of one request.
    pub(crate) fn background(&self) -> Context {
        let limit = seconds(self.config.limits.request).unwrap_or(Duration::from_secs(10));
        Context {
            token: None,
            deadline: Some(Instant::now() + limit),
            ..context::current()
        }
    }
}
