//! Search and import, which have modules of their own.

use comptoir_mesh::{Caller, Error};
use comptoir_proto::catalog::v1 as proto;
use tonic::Streaming;

use super::Catalog;
use crate::{convert::Fields, import::Importer, search::request};

impl Catalog {
    pub(super) async fn search_products(
        &self,
        caller: &Caller,
        request: proto::SearchProductsRequest,
    ) -> Result<proto::SearchProductsResponse, Error> {
        let fields = Fields::of(request.read_mask.as_ref())?;
        let page = request::search(&self.index, &request, self.search_limits()).await?;
        let ids: Vec<&str> = page.product_ids.iter().map(String::as_str).collect();
        let shown = self.show(caller, fields, &ids, page.cursors, page.more).await?;
        Ok(proto::SearchProductsResponse {
            products: shown.products,
            cursors: shown.cursors,
            next_page_token: shown.next_page_token,
            total_count: page.total,
            facets: page.facets,
        })
    }

    pub(super) async fn suggest_searches(
        &self,
        request: &proto::SuggestSearchesRequest,
    ) -> Result<proto::SuggestSearchesResponse, Error> {
        let suggestions = request::suggest(&self.index, request, self.search_limits()).await?;
        Ok(proto::SuggestSearchesResponse { suggestions })
    }

    pub(super) async fn import_products(
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
            page: self.env.limit_list,
        }
    }
}
