//! The floors of the measurements: servers that only answer.

use std::net::SocketAddr;

use axum::{Router, body::Bytes, http::header::CONTENT_TYPE, routing::post};
use comptoir_proto::catalog::v1;
use comptoir_proto::catalog::v1::{
    GetProductRequest, GetProductResponse, Product,
    catalog_service_server::{CatalogService, CatalogServiceServer},
};
use tonic::{Request, Response, Status, Streaming, codegen::tokio_stream};

/// The constant answer: reads the body, as any handler of a POST does, and returns the same bytes each time.
pub(crate) async fn http(address: SocketAddr, body: Vec<u8>) -> anyhow::Result<()> {
    let body = Bytes::from(body);
    let answer = move |_: Bytes| {
        let body = body.clone();
        async move { ([(CONTENT_TYPE, "application/graphql-response+json")], body) }
    };
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("ready");
    axum::serve(listener, Router::new().route("/graphql", post(answer))).await?;
    Ok(())
}

/// The echo: the requested product, with its id only.
pub(crate) async fn grpc(address: SocketAddr) -> anyhow::Result<()> {
    println!("ready");
    tonic::transport::Server::builder()
        .add_service(CatalogServiceServer::new(Echo))
        .serve(address)
        .await?;
    Ok(())
}

struct Echo;

fn unserved() -> Status {
    Status::unimplemented("an echo answers GetProduct alone")
}

#[tonic::async_trait]
impl CatalogService for Echo {
    async fn get_product(
        &self,
        request: Request<GetProductRequest>,
    ) -> Result<Response<GetProductResponse>, Status> {
        let id = match request.into_inner().key {
            Some(v1::get_product_request::Key::ProductId(id)) => id,
            _ => String::new(),
        };
        Ok(Response::new(GetProductResponse {
            product: Some(Product {
                id,
                ..Product::default()
            }),
        }))
    }

    async fn batch_get_products(
        &self,
        _: Request<v1::BatchGetProductsRequest>,
    ) -> Result<Response<v1::BatchGetProductsResponse>, Status> {
        Err(unserved())
    }

    async fn batch_get_variants(
        &self,
        _: Request<v1::BatchGetVariantsRequest>,
    ) -> Result<Response<v1::BatchGetVariantsResponse>, Status> {
        Err(unserved())
    }

    async fn list_products(
        &self,
        _: Request<v1::ListProductsRequest>,
    ) -> Result<Response<v1::ListProductsResponse>, Status> {
        Err(unserved())
    }

    async fn search_products(
        &self,
        _: Request<v1::SearchProductsRequest>,
    ) -> Result<Response<v1::SearchProductsResponse>, Status> {
        Err(unserved())
    }

    async fn suggest_searches(
        &self,
        _: Request<v1::SuggestSearchesRequest>,
    ) -> Result<Response<v1::SuggestSearchesResponse>, Status> {
        Err(unserved())
    }

    async fn create_product(
        &self,
        _: Request<v1::CreateProductRequest>,
    ) -> Result<Response<v1::CreateProductResponse>, Status> {
        Err(unserved())
    }

    async fn update_product(
        &self,
        _: Request<v1::UpdateProductRequest>,
    ) -> Result<Response<v1::UpdateProductResponse>, Status> {
        Err(unserved())
    }

    async fn delete_product(
        &self,
        _: Request<v1::DeleteProductRequest>,
    ) -> Result<Response<v1::DeleteProductResponse>, Status> {
        Err(unserved())
    }

    async fn import_products(
        &self,
        _: Request<Streaming<v1::ImportProductsRequest>>,
    ) -> Result<Response<v1::ImportProductsResponse>, Status> {
        Err(unserved())
    }

    async fn list_categories(
        &self,
        _: Request<v1::ListCategoriesRequest>,
    ) -> Result<Response<v1::ListCategoriesResponse>, Status> {
        Err(unserved())
    }

    async fn create_category(
        &self,
        _: Request<v1::CreateCategoryRequest>,
    ) -> Result<Response<v1::CreateCategoryResponse>, Status> {
        Err(unserved())
    }

    async fn update_category(
        &self,
        _: Request<v1::UpdateCategoryRequest>,
    ) -> Result<Response<v1::UpdateCategoryResponse>, Status> {
        Err(unserved())
    }

    async fn delete_category(
        &self,
        _: Request<v1::DeleteCategoryRequest>,
    ) -> Result<Response<v1::DeleteCategoryResponse>, Status> {
        Err(unserved())
    }

    async fn put_media(
        &self,
        _: Request<Streaming<v1::PutMediaRequest>>,
    ) -> Result<Response<v1::PutMediaResponse>, Status> {
        Err(unserved())
    }

    type GetMediaStream = tokio_stream::Empty<Result<v1::GetMediaResponse, Status>>;

    async fn get_media(
        &self,
        _: Request<v1::GetMediaRequest>,
    ) -> Result<Response<Self::GetMediaStream>, Status> {
        Err(unserved())
    }
}
