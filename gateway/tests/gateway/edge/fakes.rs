//! Services that know one lamp, and count what they are asked.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use comptoir_mesh::Error;
use comptoir_mesh::error::ErrorReason;
use comptoir_mesh::identity::Access;
use comptoir_mesh::{Env, Service};
use comptoir_proto::auth::v1 as auth;
use comptoir_proto::catalog::v1 as catalog;
use comptoir_proto::orders::v1 as orders;
use comptoir_proto::types::Money;
use futures::{Stream, StreamExt as _};
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;
use tonic::{Request, Response, Status};

pub(crate) const LAMP: &str = "prod_01J0000000000000000000LAMP";

/// What the services hold and have seen.
#[derive(Clone, Default)]
pub(crate) struct Fakes(Arc<State>);

#[derive(Default)]
struct State {
    calls: Mutex<HashMap<&'static str, u64>>,
    title: Mutex<Option<String>>,
    delay: AtomicU64,
    /// The version of the order that is followed.
    order: Version,
}

struct Version(watch::Sender<i64>);

impl Default for Version {
    fn default() -> Self {
        Self(watch::Sender::new(1))
    }
}

impl Fakes {
    /// How often a method was called.
    pub(crate) fn calls(&self, method: &str) -> u64 {
        self.0
            .calls
            .lock()
            .expect("no test panics in here")
            .get(method)
            .copied()
            .unwrap_or(0)
    }

    /// All calls so far.
    pub(crate) fn all_calls(&self) -> u64 {
        self.0
            .calls
            .lock()
            .expect("no test panics in here")
            .values()
            .sum()
    }

    /// Renames the lamp.
    pub(crate) fn rename(&self, title: &str) {
        *self.0.title.lock().expect("no test panics in here") = Some(title.to_owned());
    }

    /// Changes the order that is followed.
    pub(crate) fn change_order(&self, version: i64) {
        self.0.order.0.send_replace(version);
    }

    /// Whether a stream of that order is open.
    pub(crate) fn is_followed(&self) -> bool {
        self.0.order.0.receiver_count() > 0
    }

    /// Makes the catalog take this long.
    pub(crate) fn slow_down(&self, delay: Duration) {
        self.0.delay.store(
            u64::try_from(delay.as_millis()).expect("short"),
            Ordering::Relaxed,
        );
    }

    async fn count(&self, method: &'static str) {
        *self
            .0
            .calls
            .lock()
            .expect("no test panics in here")
            .entry(method)
            .or_default() += 1;
        let delay = self.0.delay.load(Ordering::Relaxed);
        if delay > 0 {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
    }

    fn lamp(&self) -> catalog::Product {
        let title = self.0.title.lock().expect("no test panics in here").clone();
        let price = Some(Money {
            minor_units: 4990,
            currency_code: "EUR".into(),
        });
        let variant = catalog::Variant {
            id: "var_01J0000000000000000000LAMP".into(),
            product_id: LAMP.into(),
            title: "Default Title".into(),
            price,
            quantity_available: 7,
            available_for_sale: true,
            product_status: catalog::ProductStatus::Active.into(),
            ..Default::default()
        };
        catalog::Product {
            id: LAMP.into(),
            slug: "lamp".into(),
            title: title.unwrap_or_else(|| "Lamp".into()),
            variants: vec![variant],
            status: catalog::ProductStatus::Active.into(),
            version: 1,
            ..Default::default()
        }
    }

    pub(crate) fn auth(&self, env: &Env) -> Service {
        Service::new("auth", AUTH, env).add(auth::auth_service_server::AuthServiceServer::new(self.clone()))
    }

    pub(crate) fn catalog(&self, env: &Env) -> Service {
        Service::new("catalog", CATALOG, env).add(catalog::catalog_service_server::CatalogServiceServer::new(
            self.clone(),
        ))
    }

    pub(crate) fn orders(&self, env: &Env) -> Service {
        Service::new("orders", ORDERS, env).add(orders::order_service_server::OrderServiceServer::new(
            self.clone(),
        ))
    }
}

/// The version of an order that may not be followed any more.
pub(crate) const REFUSED: i64 = -1;

fn state(version: i64) -> orders::WatchOrderResponse {
    let order = orders::Order {
        id: "order_01J000000000000000000000RD".into(),
        version,
        state: orders::OrderState::Placed.into(),
        ..Default::default()
    };
    orders::WatchOrderResponse { order: Some(order) }
}

const AUTH: &[(&str, Access)] = &[
    ("/comptoir.auth.v1.AuthService/GetJwks", Access::Anyone),
    ("/comptoir.auth.v1.AuthService/Login", Access::Anyone),
    ("/comptoir.auth.v1.AuthService/GetUser", Access::Anyone),
];
const CATALOG: &[(&str, Access)] = &[
    ("/comptoir.catalog.v1.CatalogService/GetProduct", Access::Anyone),
    (
        "/comptoir.catalog.v1.CatalogService/BatchGetProducts",
        Access::Anyone,
    ),
    ("/comptoir.catalog.v1.CatalogService/ListProducts", Access::Anyone),
    (
        "/comptoir.catalog.v1.CatalogService/ListCategories",
        Access::Anyone,
    ),
];
const ORDERS: &[(&str, Access)] = &[
    ("/comptoir.orders.v1.OrderService/GetOrder", Access::Anyone),
    ("/comptoir.orders.v1.OrderService/WatchOrder", Access::Anyone),
];

/// A generated server trait: the methods that tests call are written out, the others only named.
macro_rules! fake {
    ($service:path { $($written:tt)* } unused { $($method:ident($request:ty) -> $response:ty;)* }) => {
        #[tonic::async_trait]
        impl $service for Fakes {
            $($written)*
            $(async fn $method(&self, _: Request<$request>) -> Result<Response<$response>, Status> {
                Err(Status::unimplemented(concat!("no test calls ", stringify!($method))))
            })*
        }
    };
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fake! {
    auth::auth_service_server::AuthService {
    async fn get_jwks(
        &self,
        _: Request<auth::GetJwksRequest>,
    ) -> Result<Response<auth::GetJwksResponse>, Status> {
        self.count("GetJwks").await;
        let key = auth::Jwk { kid: "key-1".into(), x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".into() };
        Ok(Response::new(auth::GetJwksResponse { keys: vec![key] }))
    }
    async fn login(&self, _: Request<auth::LoginRequest>) -> Result<Response<auth::LoginResponse>, Status> {
        self.count("Login").await;
        Err(Error::new(ErrorReason::InvalidCredentials, "No account has this address and password.").into())
    }
    } unused {
        register(auth::RegisterRequest) -> auth::RegisterResponse;
        confirm_email(auth::ConfirmEmailRequest) -> auth::ConfirmEmailResponse;
        resend_confirmation(auth::ResendConfirmationRequest) -> auth::ResendConfirmationResponse;
        refresh_token(auth::RefreshTokenRequest) -> auth::RefreshTokenResponse;
        logout(auth::LogoutRequest) -> auth::LogoutResponse;
        logout_all(auth::LogoutAllRequest) -> auth::LogoutAllResponse;
        request_password_reset(auth::RequestPasswordResetRequest) -> auth::RequestPasswordResetResponse;
        reset_password(auth::ResetPasswordRequest) -> auth::ResetPasswordResponse;
        change_password(auth::ChangePasswordRequest) -> auth::ChangePasswordResponse;
        request_email_change(auth::RequestEmailChangeRequest) -> auth::RequestEmailChangeResponse;
        get_user(auth::GetUserRequest) -> auth::GetUserResponse;
        update_user(auth::UpdateUserRequest) -> auth::UpdateUserResponse;
        list_users(auth::ListUsersRequest) -> auth::ListUsersResponse;
        update_user_role(auth::UpdateUserRoleRequest) -> auth::UpdateUserRoleResponse;
        update_user_status(auth::UpdateUserStatusRequest) -> auth::UpdateUserStatusResponse;
        save_address(auth::SaveAddressRequest) -> auth::SaveAddressResponse;
        delete_address(auth::DeleteAddressRequest) -> auth::DeleteAddressResponse;
        list_sessions(auth::ListSessionsRequest) -> auth::ListSessionsResponse;
        revoke_session(auth::RevokeSessionRequest) -> auth::RevokeSessionResponse;
        list_revocations(auth::ListRevocationsRequest) -> auth::ListRevocationsResponse;
        issue_mail_token(auth::IssueMailTokenRequest) -> auth::IssueMailTokenResponse;
    }
}

fake! {
    catalog::catalog_service_server::CatalogService {
    async fn get_product(
        &self,
        request: Request<catalog::GetProductRequest>,
    ) -> Result<Response<catalog::GetProductResponse>, Status> {
        let lamp = self.lamp();
        self.count("GetProduct").await;
        let is_lamp = match request.into_inner().key {
            Some(catalog::get_product_request::Key::ProductId(id)) => id == LAMP,
            Some(catalog::get_product_request::Key::Slug(slug)) if slug == "panic" => panic!("told to"),
            Some(catalog::get_product_request::Key::Slug(slug)) if slug == "gone" => {
                return Err(Error::unavailable(anyhow::anyhow!("the store's secret name")).into());
            }
            Some(catalog::get_product_request::Key::Slug(slug)) => slug == "lamp",
            None => false,
        };
        if !is_lamp {
            return Err(Error::new(ErrorReason::NotFound, "There is no such product.").into());
        }
        Ok(Response::new(catalog::GetProductResponse { product: Some(lamp) }))
    }

    async fn batch_get_products(
        &self,
        _: Request<catalog::BatchGetProductsRequest>,
    ) -> Result<Response<catalog::BatchGetProductsResponse>, Status> {
        let products = vec![self.lamp()];
        self.count("BatchGetProducts").await;
        Ok(Response::new(catalog::BatchGetProductsResponse { products }))
    }

    async fn list_products(
        &self,
        _: Request<catalog::ListProductsRequest>,
    ) -> Result<Response<catalog::ListProductsResponse>, Status> {
        let products = vec![self.lamp()];
        self.count("ListProducts").await;
        Ok(Response::new(catalog::ListProductsResponse {
            products,
            cursors: vec!["cursor".into()],
            total_count: 1,
            ..Default::default()
        }))
    }

    type GetMediaStream = Answers<catalog::GetMediaResponse>;

    async fn get_media(
        &self,
        _: Request<catalog::GetMediaRequest>,
    ) -> Result<Response<Self::GetMediaStream>, Status> {
        Err(Status::unimplemented("no test calls GetMedia"))
    }
    } unused {
        batch_get_variants(catalog::BatchGetVariantsRequest) -> catalog::BatchGetVariantsResponse;
        search_products(catalog::SearchProductsRequest) -> catalog::SearchProductsResponse;
        suggest_searches(catalog::SuggestSearchesRequest) -> catalog::SuggestSearchesResponse;
        create_product(catalog::CreateProductRequest) -> catalog::CreateProductResponse;
        update_product(catalog::UpdateProductRequest) -> catalog::UpdateProductResponse;
        delete_product(catalog::DeleteProductRequest) -> catalog::DeleteProductResponse;
        import_products(tonic::Streaming<catalog::ImportProductsRequest>) -> catalog::ImportProductsResponse;
        list_categories(catalog::ListCategoriesRequest) -> catalog::ListCategoriesResponse;
        create_category(catalog::CreateCategoryRequest) -> catalog::CreateCategoryResponse;
        update_category(catalog::UpdateCategoryRequest) -> catalog::UpdateCategoryResponse;
        delete_category(catalog::DeleteCategoryRequest) -> catalog::DeleteCategoryResponse;
        put_media(tonic::Streaming<catalog::PutMediaRequest>) -> catalog::PutMediaResponse;
    }
}

fake! {
    orders::order_service_server::OrderService {
    async fn get_order(
        &self,
        _: Request<orders::GetOrderRequest>,
    ) -> Result<Response<orders::GetOrderResponse>, Status> {
        self.count("GetOrder").await;
        Err(Error::new(ErrorReason::NotFound, "There is no such order.").into())
    }

    type WatchOrderStream = Answers<orders::WatchOrderResponse>;

    async fn watch_order(
        &self,
        request: Request<orders::WatchOrderRequest>,
    ) -> Result<Response<Self::WatchOrderStream>, Status> {
        self.count("WatchOrder").await;
        let Some(orders::watch_order_request::Key::AccessToken(token)) = request.into_inner().key else {
            return Err(Error::new(ErrorReason::NotFound, "There is no such order.").into());
        };
        if token == "open-end" {
            let versions = WatchStream::new(self.0.order.0.subscribe());
            let states = versions.map(|version| match version {
                REFUSED => Err(Error::new(ErrorReason::NotFound, "There is no such order.").into()),
                version => Ok(state(version)),
            });
            return Ok(Response::new(Box::pin(states)));
        }
        if token != "let-me-in" {
            return Err(Error::new(ErrorReason::NotFound, "There is no such order.").into());
        }
        let states = [1, 2].map(|version| Ok(state(version)));
        Ok(Response::new(Box::pin(futures::stream::iter(states))))
    }
    } unused {
        list_orders(orders::ListOrdersRequest) -> orders::ListOrdersResponse;
        cancel_order(orders::CancelOrderRequest) -> orders::CancelOrderResponse;
        fulfill_order(orders::FulfillOrderRequest) -> orders::FulfillOrderResponse;
        mark_delivered(orders::MarkDeliveredRequest) -> orders::MarkDeliveredResponse;
        refund_order(orders::RefundOrderRequest) -> orders::RefundOrderResponse;
        get_sales(orders::GetSalesRequest) -> orders::GetSalesResponse;
    }
}
