//! Services that answer as a test says, behind the real channels and layers, and note what they were asked.

use std::any::Any;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use async_graphql::parser::parse_query;
use async_graphql::{Request, Response, Variables};
use comptoir_mesh::identity::{Access, Role};
use comptoir_mesh::testing::TestEnv;
use comptoir_mesh::{channel, context};
use comptoir_proto::auth::v1 as auth;
use comptoir_proto::catalog::v1 as catalog;
use comptoir_proto::notifier::v1 as notifier;
use comptoir_proto::orders::v1 as orders;
use futures::Stream;
use prost::Message as _;
use tonic::Status;

use crate::graphql::{
    EntityCache, Outline, PaymentProvider, RequestData, Schema, Services, Settings, execute, schema,
};

/// The outline of a request with one operation. What cannot be read never runs, and needs none.
pub(super) fn outline(request: &mut Request) -> Outline {
    let read = request.parsed_query().cloned();
    let document = read.unwrap_or_else(|_| parse_query("{ __typename }").unwrap());
    Outline::new(Arc::new(document), None)
}

type Answer = Result<Box<dyn Any + Send>, Status>;
type Handler = Box<dyn Fn(Box<dyn Any + Send>) -> Answer + Send>;

/// All services at once.
#[derive(Clone, Default)]
pub(super) struct Fakes {
    handlers: Arc<Mutex<HashMap<&'static str, Handler>>>,
    calls: Arc<Mutex<Vec<&'static str>>>,
}

impl Fakes {
    /// Has a method, by its name in snake case, answer so.
    pub(super) fn on<Q, A>(
        &self,
        method: &'static str,
        answer: impl Fn(Q) -> Result<A, comptoir_mesh::Error> + Send + 'static,
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
        self.handlers.lock().unwrap().insert(method, Box::new(handler));
    }

    /// The methods that were called, in order.
    pub(super) fn calls(&self) -> Vec<&'static str> {
        self.calls.lock().unwrap().clone()
    }

    /// Forgets the calls so far and gives them.
    pub(super) fn take_calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    fn answer<Q, A>(&self, method: &'static str, request: Q) -> Result<tonic::Response<A>, Status>
    where
        Q: Send + 'static,
        A: Send + 'static,
    {
        self.calls.lock().unwrap().push(method);
        let handlers = self.handlers.lock().unwrap();
        let Some(handler) = handlers.get(method) else {
            return Err(Status::unimplemented(format!(
                "the test has no answer for {method}"
            )));
        };
        let answer = handler(Box::new(request))?;
        Ok(tonic::Response::new(
            *answer
                .downcast::<A>()
                .expect("the test gives the method's response"),
        ))
    }
}

/// A generated server trait over the handlers.
macro_rules! fake {
    ($service:path { $($method:ident($request:ty) -> $response:ty;)* } $($rest:tt)*) => {
        #[tonic::async_trait]
        impl $service for Fakes {
            $(async fn $method(&self, request: tonic::Request<$request>) -> Result<tonic::Response<$response>, Status> {
                self.answer(stringify!($method), request.into_inner())
            })*
            $($rest)*
        }
    };
}

/// The stream of a method that streams its answers.
type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

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
        _: tonic::Request<tonic::Streaming<catalog::ImportProductsRequest>>,
    ) -> Result<tonic::Response<catalog::ImportProductsResponse>, Status> {
        Err(Status::unimplemented("not part of GraphQL"))
    }

    async fn put_media(
        &self,
        _: tonic::Request<tonic::Streaming<catalog::PutMediaRequest>>,
    ) -> Result<tonic::Response<catalog::PutMediaResponse>, Status> {
        Err(Status::unimplemented("not part of GraphQL"))
    }

    async fn get_media(
        &self,
        _: tonic::Request<catalog::GetMediaRequest>,
    ) -> Result<tonic::Response<Self::GetMediaStream>, Status> {
        Err(Status::unimplemented("not part of GraphQL"))
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

fake! { notifier::notifier_service_server::NotifierService {
    list_deliveries(notifier::ListDeliveriesRequest) -> notifier::ListDeliveriesResponse;
    get_delivery(notifier::GetDeliveryRequest) -> notifier::GetDeliveryResponse;
    retry_delivery(notifier::RetryDeliveryRequest) -> notifier::RetryDeliveryResponse;
    handle_webhook(notifier::HandleWebhookRequest) -> notifier::HandleWebhookResponse;
    list_mailbox(notifier::ListMailboxRequest) -> notifier::ListMailboxResponse;
} }

/// The schema over fakes.
pub(super) struct Gateway {
    pub(super) fakes: Fakes,
    pub(super) schema: Schema,
    services: Services,
    env: TestEnv,
}

impl Gateway {
    pub(super) fn new() -> Self {
        let env = TestEnv::new();
        let fakes = Fakes::default();
        let slot = channel::in_process();
        let service = comptoir_mesh::Service::new("fakes", policy(), &env.env)
            .add(auth::auth_service_server::AuthServiceServer::new(fakes.clone()))
            .add(catalog::catalog_service_server::CatalogServiceServer::new(
                fakes.clone(),
            ))
            .add(catalog::inventory_service_server::InventoryServiceServer::new(
                fakes.clone(),
            ))
            .add(orders::cart_service_server::CartServiceServer::new(fakes.clone()))
            .add(orders::order_service_server::OrderServiceServer::new(
                fakes.clone(),
            ))
            .add(orders::discount_service_server::DiscountServiceServer::new(
                fakes.clone(),
            ))
            .add(notifier::notifier_service_server::NotifierServiceServer::new(
                fakes.clone(),
            ));
        slot.bind(&service);
        let channel = || slot.channel("gateway");
        let settings = Settings {
            payment_providers: vec![PaymentProvider {
                name: "sandbox".into(),
                publishable_key: None,
            }],
            return_origins: vec!["https://shop.example".into()],
            limit_list: 100,
        };
        let shop = env.env.shop.clone();
        let services = Services::new(channel(), channel(), channel(), channel(), shop, settings);
        Self {
            fakes,
            schema: schema(services.clone()),
            services,
            env,
        }
    }

    /// Asks as a guest.
    pub(super) async fn guest(&self, document: &str) -> Response {
        self.ask(None, document).await
    }

    /// Asks as a signed-in customer.
    pub(super) async fn customer(&self, document: &str) -> Response {
        self.ask(Some(Role::Customer), document).await
    }

    /// Asks as a member of staff.
    pub(super) async fn staff(&self, document: &str) -> Response {
        self.ask(Some(Role::Staff), document).await
    }

    /// Asks as an administrator.
    pub(super) async fn admin(&self, document: &str) -> Response {
        self.ask(Some(Role::Admin), document).await
    }

    pub(super) async fn ask(&self, role: Option<Role>, document: &str) -> Response {
        self.ask_with(role, document, serde_json::json!({})).await
    }

    pub(super) async fn ask_with(
        &self,
        role: Option<Role>,
        document: &str,
        variables: serde_json::Value,
    ) -> Response {
        let (context, data) = self.request(role, None);
        let mut request = Request::new(document)
            .variables(Variables::from_json(variables))
            .data(data);
        let outline = outline(&mut request);
        context::scope(context, execute(&self.schema, request, &outline)).await
    }

    /// Asks as a guest with an entity cache, and gives the tags of the answer too.
    pub(super) async fn tags(
        &self,
        role: Option<Role>,
        document: &str,
        cache: Option<Arc<dyn EntityCache>>,
    ) -> Option<Vec<String>> {
        let (context, data) = self.request(role, cache);
        let mut request = Request::new(document).data(data.clone());
        let outline = outline(&mut request);
        let response = context::scope(context, execute(&self.schema, request, &outline)).await;
        assert!(response.errors.is_empty(), "{:?}", response.errors);
        data.public_tags().map(|tags| tags.into_iter().collect())
    }

    /// The context and data of a request.
    pub(super) fn request(
        &self,
        role: Option<Role>,
        cache: Option<Arc<dyn EntityCache>>,
    ) -> (context::Context, RequestData) {
        let token = role.map(|role| self.env.token(CALLER, role));
        let caller = token
            .as_deref()
            .map(|token| self.env.env.verifier.verify(token).unwrap());
        let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
        let data = RequestData::new(
            &self.services,
            caller,
            address,
            Some("test browser".into()),
            cache,
        );
        (
            context::Context {
                token: token.map(Into::into),
                ..context::Context::background("test")
            },
            data,
        )
    }
}

/// The signed-in user of every test.
pub(super) const CALLER: &str = "user_01J00000000000000000000001";

/// Lets everybody call everything: who may is the services' own to test.
fn policy() -> &'static [(&'static str, Access)] {
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
    policy.leak()
}

/// The answer's data, as JSON.
pub(super) fn data(response: &Response) -> serde_json::Value {
    assert!(response.errors.is_empty(), "{:?}", response.errors);
    response.data.clone().into_json().unwrap()
}

/// The codes of the answer's errors.
pub(super) fn codes(response: &Response) -> Vec<String> {
    let code = |error: &async_graphql::ServerError| {
        let code = error
            .extensions
            .as_ref()
            .and_then(|extensions| extensions.get("code").cloned());
        code.map(|code| code.into_json().unwrap().as_str().unwrap_or_default().to_owned())
            .unwrap_or_default()
    };
    response.errors.iter().map(code).collect()
}
