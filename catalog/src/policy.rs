//! What each method asks of its caller.

use comptoir_mesh::Access;

const ORDERS: &[&str] = &["orders"];

/// Every method of the service, with who may call it.
pub const POLICY: &[(&str, Access)] = &[
    ("/comptoir.catalog.v1.CatalogService/GetProduct", Access::Anyone),
    (
        "/comptoir.catalog.v1.CatalogService/BatchGetProducts",
        Access::Anyone,
    ),
    (
        "/comptoir.catalog.v1.CatalogService/BatchGetVariants",
        Access::Anyone,
    ),
    ("/comptoir.catalog.v1.CatalogService/ListProducts", Access::Anyone),
    (
        "/comptoir.catalog.v1.CatalogService/SearchProducts",
        Access::Anyone,
    ),
    (
        "/comptoir.catalog.v1.CatalogService/SuggestSearches",
        Access::Anyone,
    ),
    ("/comptoir.catalog.v1.CatalogService/CreateProduct", Access::Staff),
    ("/comptoir.catalog.v1.CatalogService/UpdateProduct", Access::Staff),
    ("/comptoir.catalog.v1.CatalogService/DeleteProduct", Access::Staff),
    (
        "/comptoir.catalog.v1.CatalogService/ImportProducts",
        Access::Staff,
    ),
    (
        "/comptoir.catalog.v1.CatalogService/ListCategories",
        Access::Anyone,
    ),
    (
        "/comptoir.catalog.v1.CatalogService/CreateCategory",
        Access::Staff,
    ),
    (
        "/comptoir.catalog.v1.CatalogService/UpdateCategory",
        Access::Staff,
    ),
    (
        "/comptoir.catalog.v1.CatalogService/DeleteCategory",
        Access::Staff,
    ),
    ("/comptoir.catalog.v1.CatalogService/PutMedia", Access::Staff),
    ("/comptoir.catalog.v1.CatalogService/GetMedia", Access::Anyone),
    (
        "/comptoir.catalog.v1.InventoryService/BatchGetStock",
        Access::StaffOr(ORDERS),
    ),
    ("/comptoir.catalog.v1.InventoryService/AdjustStock", Access::Staff),
    (
        "/comptoir.catalog.v1.InventoryService/ReserveStock",
        Access::Services(ORDERS),
    ),
    (
        "/comptoir.catalog.v1.InventoryService/ConfirmReservation",
        Access::Services(ORDERS),
    ),
    (
        "/comptoir.catalog.v1.InventoryService/ReleaseReservation",
        Access::Services(ORDERS),
    ),
    (
        "/comptoir.catalog.v1.InventoryService/ListStockMovements",
        Access::Staff,
    ),
    (
        "/comptoir.catalog.v1.InventoryService/ListLowStock",
        Access::Staff,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_has_its_policy() {
        assert_eq!(
            comptoir_mesh::service::policy_gaps("comptoir.catalog.v1", POLICY),
            Vec::<String>::new()
        );
    }
}
