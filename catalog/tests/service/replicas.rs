//! Two catalogs on one PostgreSQL database, as two processes run them.

use std::time::{Duration, Instant};

use comptoir_catalog::{Config, start};
use comptoir_mesh::{
    Role,
    channel::{self, Slot},
    config::Secret,
    context::{self, Context},
    testing::{self, SOON, TestEnv},
};
use comptoir_proto::catalog::v1::{
    BatchGetVariantsRequest, CreateProductRequest, GetProductRequest, Product, ProductInput,
    SearchProductsRequest, UpdateProductRequest, VariantInput, catalog_service_client::CatalogServiceClient,
    get_product_request::Key,
};

use super::support::database::Database;

struct Replica {
    test: TestEnv,
    slot: Slot,
}

impl Replica {
    async fn open(database: &Database) -> Self {
        let mut test = TestEnv::new();
        test.env.servers.database_url = Some(Secret::new(&database.url()));
        let service = start(Config::default(), test.env.clone(), None).await.unwrap();
        let slot = channel::in_process();
        slot.bind(&service);
        Self { test, slot }
    }

    fn client(&self, service: &'static str) -> CatalogServiceClient<channel::Channel> {
        CatalogServiceClient::new(self.slot.channel(service))
    }

    async fn as_staff<T>(&self, call: impl Future<Output = T>) -> T {
        let token = self.test.token("user_01J00000000000000000000000", Role::Staff);
        let context = Context {
            token: Some(token.as_str().into()),
            ..Context::background("test")
        };
        context::scope(context, call).await
    }

    /// The product's title and price in cents, as the caller of the context sees it.
    async fn seen(&self, id: &str) -> (String, i64) {
        let request = GetProductRequest {
            key: Some(Key::ProductId(id.to_owned())),
            read_mask: None,
        };
        let found = self.client("gateway").get_product(request).await.unwrap();
        let product = found.into_inner().product.unwrap();
        (
            product.title,
            product.variants[0].price.as_ref().unwrap().minor_units,
        )
    }

    async fn found(&self, query: &str) -> i64 {
        let request = SearchProductsRequest {
            query: query.to_owned(),
            page_size: 1,
            ..Default::default()
        };
        let found = self.client("gateway").search_products(request).await.unwrap();
        found.into_inner().total_count
    }

    async fn update(&self, product: &Product, title: &str, price: &str) -> Product {
        let variant = VariantInput {
            id: Some(product.variants[0].id.clone()),
            price: price.to_owned(),
            ..Default::default()
        };
        let request = UpdateProductRequest {
            product_id: product.id.clone(),
            product: Some(ProductInput {
                title: title.to_owned(),
                variants: vec![variant],
                ..Default::default()
            }),
            version: product.version,
        };
        let mut client = self.client("gateway");
        let updated = self.as_staff(client.update_product(request)).await.unwrap();
        updated.into_inner().product.unwrap()
    }
}

async fn soon(what: &str, holds: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < SOON, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_changes_is_seen_through_the_other() {
    let Some(server) = testing::server("DATABASE_URL", "what_one_changes_is_seen_through_the_other") else {
        return;
    };
    let database = Database::create(&server).await;
    let (one, other) = futures::join!(Replica::open(&database), Replica::open(&database));
    let request = CreateProductRequest {
        product: Some(ProductInput {
            title: "Quilt".to_owned(),
            variants: vec![VariantInput {
                price: "10.00".to_owned(),
                quantity: Some(3),
                ..Default::default()
            }],
            ..Default::default()
        }),
    };
    let mut client = one.client("gateway");
    let made = one.as_staff(client.create_product(request)).await.unwrap();
    let mut product = made.into_inner().product.unwrap();
    soon("it is found", async || other.found("quilt").await == 1).await;
    for round in 1..=5_i64 {
        // The other one keeps it in memory.
        other.seen(&product.id).await;
        let (title, cents) = (format!("Quilt {round}"), 1000 + round);
        product = one.update(&product, &title, &format!("10.0{round}")).await;
        let expected = (title.clone(), cents);

        // Orders and staff get the present state from every replica.
        let request = BatchGetVariantsRequest {
            variant_ids: vec![product.variants[0].id.clone()],
        };
        let variants = other.client("orders").batch_get_variants(request).await.unwrap();
        let price = variants.into_inner().variants[0]
            .price
            .as_ref()
            .unwrap()
            .minor_units;
        assert_eq!(price, cents);
        assert_eq!(other.as_staff(other.seen(&product.id)).await, expected);

        soon("guests see it", async || {
            other.seen(&product.id).await == expected
        })
        .await;
        soon("it is found by its title", async || {
            other.found(&title).await == 1
        })
        .await;
    }
}
