//! A catalog in this process on a store of its own, and what tests of search and import do with it.

pub(crate) mod database;
pub(crate) mod place;

use std::time::{Duration, Instant};

use comptoir_catalog::Config;
use comptoir_mesh::Role;
use comptoir_mesh::channel::{self, Channel};
use comptoir_mesh::context::{self, Context};
use comptoir_mesh::testing::{PATIENCE, TestEnv};
use comptoir_proto::catalog::v1::catalog_service_client::CatalogServiceClient;
use comptoir_proto::catalog::v1::{
    CreateProductRequest, ImportProductsRequest, ImportProductsResponse, Product, ProductInput,
    SearchProductsRequest, SearchProductsResponse, VariantInput,
};
use tonic::Status;

pub(crate) struct Shop {
    pub(crate) test: TestEnv,
    pub(crate) client: CatalogServiceClient<Channel>,
    token: String,
    /// Goes last.
    _store: Option<database::Database>,
}

impl Shop {
    pub(crate) async fn open() -> Self {
        Self::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let (test, store) = place::environment().await;
        let service = comptoir_catalog::start(config, test.env.clone(), None)
            .await
            .expect("the catalog starts");
        let slot = channel::in_process();
        slot.bind(&service);
        let client =
            CatalogServiceClient::new(slot.channel("gateway")).max_decoding_message_size(4 * 1024 * 1024);
        let token = test.token("user_01J00000000000000000000000", Role::Staff);
        Self {
            test,
            client,
            token,
            _store: store,
        }
    }

    /// Runs a call as staff, with time enough for an import.
    pub(crate) async fn as_staff<T>(&self, call: impl Future<Output = T>) -> T {
        let deadline = Some(tokio::time::Instant::now() + Duration::from_secs(600));
        let context = Context {
            token: Some(self.token.as_str().into()),
            deadline,
            ..Context::background("test")
        };
        context::scope(context, call).await
    }

    pub(crate) async fn create(&self, product: ProductInput) -> Product {
        let mut client = self.client.clone();
        let request = CreateProductRequest {
            product: Some(product),
        };
        let created = self
            .as_staff(client.create_product(request))
            .await
            .expect("the product is made");
        created.into_inner().product.expect("it is in the answer")
    }

    pub(crate) async fn search(
        &self,
        request: SearchProductsRequest,
    ) -> Result<SearchProductsResponse, Status> {
        self.client
            .clone()
            .search_products(request)
            .await
            .map(tonic::Response::into_inner)
    }

    /// The titles of what is found.
    pub(crate) async fn titles(&self, query: &str) -> Vec<String> {
        let request = SearchProductsRequest {
            query: query.to_owned(),
            page_size: 100,
            ..Default::default()
        };
        let found = self.search(request).await.expect("the search is answered");
        found.products.into_iter().map(|product| product.title).collect()
    }

    /// Waits until so many products are found at all; gives how long that took.
    pub(crate) async fn until_found(&self, expected: i64) -> Duration {
        let request = || SearchProductsRequest {
            page_size: 1,
            ..Default::default()
        };
        self.until(async || {
            self.search(request())
                .await
                .expect("the search is answered")
                .total_count
                == expected
        })
        .await
    }

    /// Waits until the condition holds.
    pub(crate) async fn until(&self, holds: impl AsyncFn() -> bool) -> Duration {
        let started = Instant::now();
        while !holds().await {
            assert!(started.elapsed() < PATIENCE, "it did not come");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        started.elapsed()
    }

    /// Sends a file in pieces of that many bytes.
    pub(crate) async fn import_in(
        &self,
        file: &[u8],
        piece: usize,
    ) -> Result<ImportProductsResponse, Status> {
        let chunks: Vec<Vec<u8>> = file.chunks(piece).map(<[u8]>::to_vec).collect();
        self.import_stream("", futures::stream::iter(chunks)).await
    }

    pub(crate) async fn import(&self, file: &str) -> ImportProductsResponse {
        self.import_in(file.as_bytes(), 1000)
            .await
            .expect("the file is taken")
    }

    pub(crate) async fn import_stream(
        &self,
        currency_code: &str,
        chunks: impl futures::Stream<Item = Vec<u8>> + Send + 'static,
    ) -> Result<ImportProductsResponse, Status> {
        use futures::StreamExt as _;
        let currency_code = currency_code.to_owned();
        let messages = chunks.map(move |chunk| ImportProductsRequest {
            currency_code: currency_code.clone(),
            chunk: chunk.into(),
        });
        let mut client = self.client.clone();
        self.as_staff(client.import_products(messages))
            .await
            .map(tonic::Response::into_inner)
    }

    /// The product with the slug, as staff sees it.
    pub(crate) async fn product(&self, slug: &str) -> Option<Product> {
        use comptoir_proto::catalog::v1::{GetProductRequest, get_product_request::Key};
        let mut client = self.client.clone();
        let request = GetProductRequest {
            key: Some(Key::Slug(slug.to_owned())),
            read_mask: None,
        };
        self.as_staff(client.get_product(request))
            .await
            .ok()
            .and_then(|found| found.into_inner().product)
    }
}

/// A product of one variant.
pub(crate) fn plain(title: &str, price: &str) -> ProductInput {
    let variant = VariantInput {
        price: price.to_owned(),
        quantity: Some(5),
        ..Default::default()
    };
    ProductInput {
        title: title.to_owned(),
        variants: vec![variant],
        ..Default::default()
    }
}

/// The code an error carries.
pub(crate) fn code(status: &Status) -> &'static str {
    use comptoir_mesh::error::Reason as _;
    comptoir_mesh::Error::from_status(status).reason().code()
}
