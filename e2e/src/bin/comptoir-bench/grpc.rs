//! Clients of GetProduct: of the shop and of the echo alike.

use anyhow::ensure;
use comptoir_proto::catalog::v1::{
    GetProductRequest, catalog_service_client::CatalogServiceClient, get_product_request::Key,
};
use futures::FutureExt as _;
use tonic::transport::Endpoint;

use crate::load::Client;

/// `count` callers that share a connection and ask for this product.
pub(crate) async fn clients(url: &str, product: &str, count: usize) -> anyhow::Result<Vec<Client>> {
    let channel = Endpoint::from_shared(url.to_owned())?
        .tcp_nodelay(true)
        .connect()
        .await?;
    Ok((0..count)
        .map(|_| {
            let client = CatalogServiceClient::new(channel.clone());
            let product = product.to_owned();
            let call: Client = Box::new(move || {
                let (mut client, product) = (client.clone(), product.clone());
                async move {
                    let request = GetProductRequest {
                        key: Some(Key::ProductId(product.clone())),
                        read_mask: None,
                    };
                    let answer = client.get_product(request).await?.into_inner();
                    ensure!(
                        answer.product.is_some_and(|found| found.id == product),
                        "another product was answered"
                    );
                    Ok(())
                }
                .boxed_local()
            });
            call
        })
        .collect())
}
