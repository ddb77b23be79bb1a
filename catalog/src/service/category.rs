//! The tree of categories.

use comptoir_mesh::{Caller, Error, page};
use comptoir_proto::catalog::v1 as proto;

use super::Catalog;
use crate::{
    convert::{self, Cursor, category_draft},
    error::invalid,
};

/// The categories on a page unless the caller says otherwise: callers that show the tree read all of it.
const PAGE: u32 = 1000;

impl Catalog {
    pub(super) async fn list_categories(
        &self,
        request: &proto::ListCategoriesRequest,
    ) -> Result<proto::ListCategoriesResponse, Error> {
        let size = page::size(request.page_size, PAGE, PAGE)? as usize;
        let tree = self.products.tree().await?;
        let all = tree.all();
        let start = match Cursor::decode("categories", &request.page_token)? {
            None => 0,
            Some(cursor) => {
                let last = all.iter().position(|category| category.id == cursor.id);
                last.ok_or_else(|| invalid("page_token", "The tree has changed; begin again."))? + 1
            }
        };
        let page = &all[start..all.len().min(start.saturating_add(size))];
        let more = start + page.len() < all.len();
        let next = page.last().filter(|_| more);
        let next = next.map(|last| Cursor::encode("categories", "", &last.id));
        Ok(proto::ListCategoriesResponse {
            categories: page.iter().map(convert::category).collect(),
            next_page_token: next.unwrap_or_default(),
        })
    }

    pub(super) async fn create_category(
        &self,
        caller: &Caller,
        request: proto::CreateCategoryRequest,
    ) -> Result<proto::CreateCategoryResponse, Error> {
        caller.staff()?;
        let draft = category_draft(&request.name, request.slug.as_deref(), request.parent_id)?;
        let category = self.store.create_category(draft).await?;
        Ok(proto::CreateCategoryResponse {
            category: Some(convert::category(&category)),
        })
    }

    pub(super) async fn update_category(
        &self,
        caller: &Caller,
        request: proto::UpdateCategoryRequest,
    ) -> Result<proto::UpdateCategoryResponse, Error> {
        caller.staff()?;
        let draft = category_draft(&request.name, request.slug.as_deref(), request.parent_id)?;
        let category = self.store.update_category(&request.category_id, draft).await?;
        Ok(proto::UpdateCategoryResponse {
            category: Some(convert::category(&category)),
        })
    }

    pub(super) async fn delete_category(
        &self,
        caller: &Caller,
        request: proto::DeleteCategoryRequest,
    ) -> Result<proto::DeleteCategoryResponse, Error> {
        caller.staff()?;
        let category = self.store.delete_category(&request.category_id).await?;
        Ok(proto::DeleteCategoryResponse {
            category: Some(convert::category(&category)),
        })
    }
}
