//! Search and import, which have modules of their own.

use comptoir_mesh::{Caller, Error};
use comptoir_proto::catalog::v1 as proto;
use tonic::Streaming;

use super::Catalog;
use crate::{import::Importer, search::request};

impl Catalog {
    pub(super) async fn find_products(
        &self,
        caller: &Caller,
        request: proto::SearchProductsRequest,
    ) -> Result<proto::SearchProductsResponse, Error> {
        let page = request::search(&self.index, &request, self.search_limits())?;
        let mut found = self.answer_products(caller, &page.product_ids).await?;
        let mut answer = proto::SearchProductsResponse {
            total_count: page.total,
            facets: page.facets,
            ..proto::SearchProductsResponse::default()
        };
        for (id, cursor) in page.product_ids.iter().zip(page.cursors) {
            answer.next_page_token = if page.more { cursor.clone() } else { String::new() };
            // One that was taken off sale since the index heard of it is left out.
            if let Some(product) = found.remove(id) {
                answer.products.push(product);
                answer.cursors.push(cursor);
            }
        }
        Ok(answer)
    }

    pub(super) fn complete_search(
        &self,
        request: &proto::SuggestSearchesRequest,
    ) -> Result<proto::SuggestSearchesResponse, Error> {
        let suggestions = request::suggest(&self.index, request, self.search_limits())?;
        Ok(proto::SuggestSearchesResponse { suggestions })
    }

    pub(super) async fn import(
        &self,
        caller: &Caller,
        file: Streaming<proto::ImportProductsRequest>,
    ) -> Result<proto::ImportProductsResponse, Error> {
        let importer = Importer {
            store: self.store.clone(),
            shop: self.env.shop.clone(),
            limit: self.config.limit_import,
        };
        importer.import(file, &caller.staff()?.id).await
    }

    fn search_limits(&self) -> request::Limits {
        request::Limits {
            query: self.config.limit_query,
            page: self.config.limit_list,
        }
    }
}
