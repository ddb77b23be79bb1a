//! Fake services behind the real channels and layers. They answer as a test says, and record their calls.

use std::any::Any;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use comptoir_mesh::identity::Access;
use comptoir_mesh::{Env, Service};
use comptoir_proto::auth::v1 as auth;
use comptoir_proto::catalog::v1 as catalog;
use comptoir_proto::notifier::v1 as notifier;
use comptoir_proto::orders::v1 as orders;
use futures::{Stream, StreamExt as _};
use prost::Message as _;
use tonic::Status;

type Answer = Result<Box<dyn Any + Send>, Status>;
type Handler = Arc<dyn Fn(Box<dyn Any + Send>) -> Answer + Send + Sync>;

/// The stream of a method that streams its answers.
pub(crate) type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// All services at once.
#[derive(Clone, Default)]
pub(crate) struct Fakes {
    handlers: Arc<Mutex<HashMap<&'static str, Handler>>>,
    calls: Arc<Mutex<Vec<&'static str>>>,
    delay: Arc<Mutex<Duration>>,
}

impl Fakes {
    /// Has a method, by its name in snake case, answer so.
    pub(crate) fn on<Q, A>(
        &self,
        method: &'static str,
        answer: impl Fn(Q) -> Result<A, comptoir_mesh::Error> + Send + Sync + 'static,
    ) where
        Q: Send + 'static,
        A: Send + 'static,
    {
        let handler = move |request: Box<dyn Any + Send>| -> Answer {
            let request = request
                .downcast::<Q>()
                .expect("the test takes the method's request");
            Ok(Box::new(answer(*request)?))
        };
        self.handlers.lock().unwrap().insert(method, Arc::new(handler));
    }

    /// The methods that were called, in order.
    pub(crate) fn calls(&self) -> Vec<&'static str> {
        self.calls.lock().unwrap().clone()
    }

    /// Forgets the calls so far and gives them.
    pub(crate) fn take_calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    /// How often a method was called.
    pub(crate) fn count(&self, method: &str) -> usize {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|called| **called == method).count()
    }

    /// Delays each answer from now on.
    pub(crate) fn slow_down(&self, delay: Duration) {
        *self.delay.lock().unwrap() = delay;
    }

    async fn answer<Q, A>(&self, method: &'static str, request: Q) -> Result<tonic::Response<A>, Status>
    where
        Q: Send + 'static,
        A: Send + 'static,
    {
        self.calls.lock().unwrap().push(method);
        let handler = self.handlers.lock().unwrap().get(method).cloned();
        let answer = match handler {
            Some(handler) => handler(Box::new(request)),
            None => Err(Status::unimplemented(format!(
                "the test has no answer for {method}"
            ))),
        };
        let delay = *self.delay.lock().unwrap();
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let answer = answer?
            .downcast::<A>()
            .expect("the test returns the method's response");
        Ok(tonic::Response::new(*answer))
    }

    /// The auth service.
    pub(crate) fn auth(&self, env: &Env) -> Service {
        let service = auth::auth_service_server::AuthServiceServer::new(self.clone());
        Service::new("auth", &POLICY, env).add(service)
    }

    /// The catalog.
    pub(crate) fn catalog(&self, env: &Env) -> Service {
        let products = catalog::catalog_service_server::CatalogServiceServer::new(self.clone());
        let stock = catalog::inventory_service_server::InventoryServiceServer::new(self.clone());
        Service::new("catalog", &POLICY, env).add(products).add(stock)
    }

    /// The orders service.
    pub(crate) fn orders(&self, env: &Env) -> Service {
        Service::new("orders", &POLICY, env)
            .add(orders::cart_service_server::CartServiceServer::new(self.clone()))
            .add(orders::order_service_server::OrderServiceServer::new(
                self.clone(),
            ))
            .add(orders::discount_service_server::DiscountServiceServer::new(
                self.clone(),
            ))
            .add(orders::payment_service_server::PaymentServiceServer::new(
                self.clone(),
            ))
    }

    /// The notifier.
    pub(crate) fn notifier(&self, env: &Env) -> Service {
        let service = notifier::notifier_service_server::NotifierServiceServer::new(self.clone());
        Service::new("notifier", &POLICY, env).add(service)
    }
}

/// Anyone may call every method: access is for the tests of the services.
static POLICY: LazyLock<Vec<(&'static str, Access)>> = LazyLock::new(policy);

fn policy() -> Vec<(&'static str, Access)> {
    let set = prost_types::FileDescriptorSet::decode(comptoir_proto::DESCRIPTOR_SET).unwrap();
    let mut policy = Vec::new();
    for file in &set.file {
        for service in &file.service {
            for method in &service.method {
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                policy.push((&*path.leak(), Access::Anyone));
            }
        }
    }
    policy
}

/// A generated server trait over the handlers.
macro_rules! fake {
    ($service:path { $($method:ident($request:ty) -> $response:ty;)* } $($rest:tt)*) => {
        #[tonic::async_trait]
        impl $service for Fakes {
            $(async fn $method(&self, request: tonic::Request<$request>) -> Result<tonic::Response<$response>, Status> {
                self.answer(stringify!($method), request.into_inner()).await
            })*
            $($rest)*
        }
    };
}

fake! { catalog::catalog_service_server::CatalogService {
    get_product(catalog::GetProductRequest) -> catalog::GetProductResponse;
    batch_get_products(catalog::BatchGetProductsRequest) -> catalog::BatchGetProductsResponse;
    batch_get_variants(catalog::BatchGetVariantsRequest) -> catalog::BatchGetVariantsResponse;
    list_products(catalog::ListProductsRequest) -> catalog::ListProductsResponse;
    search_products(catalog::SearchProductsRequest) -> catalog::SearchProductsResponse;
    suggest_searches(catalog::SuggestSearchesRequest) -> catalog::SuggestSearchesResponse;
    create_product(catalog::CreateProductRequest) -> catalog::CreateProductResponse;
    update_product(catalog::UpdateProductRequest) -> catalog::UpdateProductResponse;
    delete_product(catalog::DeleteProductRequest) -> catalog::DeleteProductResponse;
    list_categories(catalog::ListCategoriesRequest) -> catalog::ListCategoriesResponse;
    create_category(catalog::CreateCategoryRequest) -> catalog::CreateCategoryResponse;
    update_category(catalog::UpdateCategoryRequest) -> catalog::UpdateCategoryResponse;
    delete_category(catalog::DeleteCategoryRequest) -> catalog::DeleteCategoryResponse;
}
    type GetMediaStream = Answers<catalog::GetMediaResponse>;

    async fn import_products(
        &self,
        request: tonic::Request<tonic::Streaming<catalog::ImportProductsRequest>>,
    ) -> Result<tonic::Response<catalog::ImportProductsResponse>, Status> {
        let mut messages = request.into_inner();
        let mut whole = catalog::ImportProductsRequest::default();
        let mut file = Vec::new();
        while let Some(message) = messages.next().await {
            let message = message?;
            whole.currency_code.push_str(&message.currency_code);
            file.extend_from_slice(&message.chunk);
        }
        whole.chunk = file.into();
        self.answer("import_products", whole).await
    }

    async fn put_media(
        &self,
        request: tonic::Request<tonic::Streaming<catalog::PutMediaRequest>>,
    ) -> Result<tonic::Response<catalog::PutMediaResponse>, Status> {
        let mut messages = request.into_inner();
        let first = messages.message().await?.unwrap_or_default();
        while messages.message().await?.is_some() {}
        self.answer("put_media", first).await
    }

    async fn get_media(
        &self,
        request: tonic::Request<catalog::GetMediaRequest>,
    ) -> Result<tonic::Response<Self::GetMediaStream>, Status> {
        self.answer("get_media", request.into_inner()).await
    }
}

fake! { catalog::inventory_service_server::InventoryService {
    batch_get_stock(catalog::BatchGetStockRequest) -> catalog::BatchGetStockResponse;
    adjust_stock(catalog::AdjustStockRequest) -> catalog::AdjustStockResponse;
    reserve_stock(catalog::ReserveStockRequest) -> catalog::ReserveStockResponse;
    confirm_reservation(catalog::ConfirmReservationRequest) -> catalog::ConfirmReservationResponse;
    release_reservation(catalog::ReleaseReservationRequest) -> catalog::ReleaseReservationResponse;
    list_stock_movements(catalog::ListStockMovementsRequest) -> catalog::ListStockMovementsResponse;
    list_low_stock(catalog::ListLowStockRequest) -> catalog::ListLowStockResponse;
} }

fake! { auth::auth_service_server::AuthService {
    register(auth::RegisterRequest) -> auth::RegisterResponse;
    confirm_email(auth::ConfirmEmailRequest) -> auth::ConfirmEmailResponse;
    resend_confirmation(auth::ResendConfirmationRequest) -> auth::ResendConfirmationResponse;
    login(auth::LoginRequest) -> auth::LoginResponse;
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
    get_jwks(auth::GetJwksRequest) -> auth::GetJwksResponse;
} }

fake! { orders::cart_service_server::CartService {
    create_cart(orders::CreateCartRequest) -> orders::CreateCartResponse;
    get_cart(orders::GetCartRequest) -> orders::GetCartResponse;
    get_active_cart(orders::GetActiveCartRequest) -> orders::GetActiveCartResponse;
    attach_cart(orders::AttachCartRequest) -> orders::AttachCartResponse;
    add_lines(orders::AddLinesRequest) -> orders::AddLinesResponse;
    update_lines(orders::UpdateLinesRequest) -> orders::UpdateLinesResponse;
    remove_lines(orders::RemoveLinesRequest) -> orders::RemoveLinesResponse;
    update_cart(orders::UpdateCartRequest) -> orders::UpdateCartResponse;
    complete_cart(orders::CompleteCartRequest) -> orders::CompleteCartResponse;
} }

fake! { orders::order_service_server::OrderService {
    get_order(orders::GetOrderRequest) -> orders::GetOrderResponse;
    list_orders(orders::ListOrdersRequest) -> orders::ListOrdersResponse;
    cancel_order(orders::CancelOrderRequest) -> orders::CancelOrderResponse;
    fulfill_order(orders::FulfillOrderRequest) -> orders::FulfillOrderResponse;
    mark_delivered(orders::MarkDeliveredRequest) -> orders::MarkDeliveredResponse;
    refund_order(orders::RefundOrderRequest) -> orders::RefundOrderResponse;
    get_sales(orders::GetSalesRequest) -> orders::GetSalesResponse;
    watch_order(orders::WatchOrderRequest) -> Answers<orders::WatchOrderResponse>;
}
    type WatchOrderStream = Answers<orders::WatchOrderResponse>;
}

fake! { orders::discount_service_server::DiscountService {
    create_discount(orders::CreateDiscountRequest) -> orders::CreateDiscountResponse;
    update_discount(orders::UpdateDiscountRequest) -> orders::UpdateDiscountResponse;
    delete_discount(orders::DeleteDiscountRequest) -> orders::DeleteDiscountResponse;
    list_discounts(orders::ListDiscountsRequest) -> orders::ListDiscountsResponse;
} }

fake! { orders::payment_service_server::PaymentService {
    handle_webhook(orders::HandleWebhookRequest) -> orders::HandleWebhookResponse;
} }

fake! { notifier::notifier_service_server::NotifierService {
    list_deliveries(notifier::ListDeliveriesRequest) -> notifier::ListDeliveriesResponse;
    get_delivery(notifier::GetDeliveryRequest) -> notifier::GetDeliveryResponse;
    retry_delivery(notifier::RetryDeliveryRequest) -> notifier::RetryDeliveryResponse;
    handle_webhook(notifier::HandleWebhookRequest) -> notifier::HandleWebhookResponse;
    list_mailbox(notifier::ListMailboxRequest) -> notifier::ListMailboxResponse;
} }
