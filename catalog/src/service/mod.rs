//! The gRPC handlers, a file for each noun. Each checks the caller, then the request, calls the store once, and converts the
//! answer.

mod category;
mod inventory;
mod media;
mod product;
mod search;

use std::sync::Arc;

use comptoir_mesh::{Caller, Env, Error};
use comptoir_proto::catalog::v1::{
    self as proto, catalog_service_server::CatalogService, inventory_service_server::InventoryService,
};
use tonic::{Request, Response, Status, Streaming};

use crate::{cache::Products, config::Config, picture::Decoder, search::Index, store::Store};

/// Both services of the catalog over one store.
#[derive(Clone)]
pub(crate) struct Catalog {
    store: Arc<dyn Store>,
    products: Products,
    index: Index,
    env: Env,
    config: Arc<Config>,
    /// Decodes one picture at a time.
    decoder: Decoder,
}

impl Catalog {
    /// The service over this store and the index of it.
    pub(crate) fn new(store: Arc<dyn Store>, index: Index, env: Env, config: Config) -> Self {
        Self {
            products: Products::new(Arc::clone(&store)),
            store,
            index,
            env,
            config: Arc::new(config),
            decoder: Decoder::new(1),
        }
    }

    /// Where products are read. Reads for staff and orders are `exact`: they bypass the cache, because staff see their own
    /// changes and orders use the present prices, whichever process changed them.
    fn products_for(&self, exact: bool) -> Products {
        if exact {
            self.products.at_the_source()
        } else {
            self.products.clone()
        }
    }
}

/// Hands a unary call to the method of that name which takes the caller and the message.
macro_rules! unary {
    ($self:ident, $method:ident, $request:ident) => {{
        let caller = Caller::of(&$request);
        answer($self.$method(&caller, $request.into_inner()).await)
    }};
}

fn answer<T>(outcome: Result<T, Error>) -> Result<Response<T>, Status> {
    outcome.map(Response::new).map_err(Status::from)
}

#[tonic::async_trait]
impl CatalogService for Catalog {
    type GetMediaStream = media::Pieces;

    async fn get_product(
        &self,
        request: Request<proto::GetProductRequest>,
    ) -> Result<Response<proto::GetProductResponse>, Status> {
        unary!(self, get_product, request)
    }

    async fn batch_get_products(
        &self,
        request: Request<proto::BatchGetProductsRequest>,
    ) -> Result<Response<proto::BatchGetProductsResponse>, Status> {
        unary!(self, batch_get_products, request)
    }

    async fn batch_get_variants(
        &self,
        request: Request<proto::BatchGetVariantsRequest>,
    ) -> Result<Response<proto::BatchGetVariantsResponse>, Status> {
        unary!(self, batch_get_variants, request)
    }

    async fn list_products(
        &self,
        request: Request<proto::ListProductsRequest>,
    ) -> Result<Response<proto::ListProductsResponse>, Status> {
        unary!(self, list_products, request)
    }

    async fn search_products(
        &self,
        request: Request<proto::SearchProductsRequest>,
    ) -> Result<Response<proto::SearchProductsResponse>, Status> {
        unary!(self, search_products, request)
    }

    async fn suggest_searches(
        &self,
        request: Request<proto::SuggestSearchesRequest>,
    ) -> Result<Response<proto::SuggestSearchesResponse>, Status> {
        answer(self.suggest_searches(&request.into_inner()).await)
    }

    async fn create_product(
        &self,
        request: Request<proto::CreateProductRequest>,
    ) -> Result<Response<proto::CreateProductResponse>, Status> {
        unary!(self, create_product, request)
    }

    async fn update_product(
        &self,
        request: Request<proto::UpdateProductRequest>,
    ) -> Result<Response<proto::UpdateProductResponse>, Status> {
        unary!(self, update_product, request)
    }

    async fn delete_product(
        &self,
        request: Request<proto::DeleteProductRequest>,
    ) -> Result<Response<proto::DeleteProductResponse>, Status> {
        unary!(self, delete_product, request)
    }

    async fn import_products(
        &self,
        request: Request<Streaming<proto::ImportProductsRequest>>,
    ) -> Result<Response<proto::ImportProductsResponse>, Status> {
        unary!(self, import_products, request)
    }

    async fn list_categories(
        &self,
        request: Request<proto::ListCategoriesRequest>,
    ) -> Result<Response<proto::ListCategoriesResponse>, Status> {
        answer(self.list_categories(&request.into_inner()).await)
    }

    async fn create_category(
        &self,
        request: Request<proto::CreateCategoryRequest>,
    ) -> Result<Response<proto::CreateCategoryResponse>, Status> {
        unary!(self, create_category, request)
    }

    async fn update_category(
        &self,
        request: Request<proto::UpdateCategoryRequest>,
    ) -> Result<Response<proto::UpdateCategoryResponse>, Status> {
        unary!(self, update_category, request)
    }

    async fn delete_category(
        &self,
        request: Request<proto::DeleteCategoryRequest>,
    ) -> Result<Response<proto::DeleteCategoryResponse>, Status> {
        unary!(self, delete_category, request)
    }

    async fn put_media(
        &self,
        request: Request<Streaming<proto::PutMediaRequest>>,
    ) -> Result<Response<proto::PutMediaResponse>, Status> {
        unary!(self, put_media, request)
    }

    async fn get_media(
        &self,
        request: Request<proto::GetMediaRequest>,
    ) -> Result<Response<Self::GetMediaStream>, Status> {
        answer(self.get_media(&request.into_inner()).await)
    }
}

#[tonic::async_trait]
impl InventoryService for Catalog {
    async fn batch_get_stock(
        &self,
        request: Request<proto::BatchGetStockRequest>,
    ) -> Result<Response<proto::BatchGetStockResponse>, Status> {
        answer(self.batch_get_stock(request.into_inner()).await)
    }

    async fn adjust_stock(
        &self,
        request: Request<proto::AdjustStockRequest>,
    ) -> Result<Response<proto::AdjustStockResponse>, Status> {
        unary!(self, adjust_stock, request)
    }

    async fn reserve_stock(
        &self,
        request: Request<proto::ReserveStockRequest>,
    ) -> Result<Response<proto::ReserveStockResponse>, Status> {
        answer(self.reserve_stock(request.into_inner()).await)
    }

    async fn confirm_reservation(
        &self,
        request: Request<proto::ConfirmReservationRequest>,
    ) -> Result<Response<proto::ConfirmReservationResponse>, Status> {
        answer(self.confirm_reservation(&request.into_inner()).await)
    }

    async fn release_reservation(
        &self,
        request: Request<proto::ReleaseReservationRequest>,
    ) -> Result<Response<proto::ReleaseReservationResponse>, Status> {
        answer(self.release_reservation(&request.into_inner()).await)
    }

    async fn list_stock_movements(
        &self,
        request: Request<proto::ListStockMovementsRequest>,
    ) -> Result<Response<proto::ListStockMovementsResponse>, Status> {
        answer(self.list_stock_movements(&request.into_inner()).await)
    }

    async fn list_low_stock(
        &self,
        request: Request<proto::ListLowStockRequest>,
    ) -> Result<Response<proto::ListLowStockResponse>, Status> {
        answer(self.list_low_stock(&request.into_inner()).await)
    }
}
