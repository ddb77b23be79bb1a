//! A notifier in its own folder, with a settable clock, a scripted auth service, and sample events.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use comptoir_events::{AUTH_TOPIC, ORDERS_TOPIC, Record, deliver};
use comptoir_mesh::channel::in_process;
use comptoir_mesh::config::Profile;
use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_mesh::testing::{TestEnv, with_token};
use comptoir_mesh::{Access, Channel, Role, Service};
use comptoir_notifier::{Config, Notifier, Peers, Round, SesSettings};
use comptoir_proto::auth::v1 as auth;
use comptoir_proto::auth::v1::auth_service_server::{AuthService, AuthServiceServer};
use comptoir_proto::notifier::v1::notifier_service_client::NotifierServiceClient;
use comptoir_proto::notifier::v1::{Delivery, ListDeliveriesRequest, ListMailboxRequest, MailboxMessage};
use comptoir_proto::orders::v1::order_event::Payload;
use comptoir_proto::orders::v1::{
    Cost, DeliveryOption, FulfilledLine, Fulfillment, Order, OrderCanceled, OrderEvent, OrderLine, OrderPaid,
    OrderPlaced, OrderRefunded, OrderShipped, OrderState, TaxLine,
};
use comptoir_proto::types::{Address, Money};
use prost::Message as _;
use tonic::{Request, Response, Status};

/// A notifier under test.
pub(crate) struct Subject {
    pub(crate) test: TestEnv,
    pub(crate) notifier: Notifier,
    pub(crate) client: NotifierServiceClient<Channel>,
    pub(crate) auth: Arc<FakeAuth>,
}

impl Subject {
    pub(crate) async fn new() -> Self {
        Self::with(TestEnv::new(), |_| {}).await
    }

    pub(crate) async fn with(test: TestEnv, change: impl FnOnce(&mut Config)) -> Self {
        let auth = Arc::new(FakeAuth::default());
        let mut config = config();
        change(&mut config);
        let notifier = comptoir_notifier::build(&config, &test.env, peers(&test, &auth))
            .await
            .unwrap();
        let slot = in_process();
        slot.bind(&notifier.service);
        let client = NotifierServiceClient::new(slot.channel("gateway"));
        Self {
            test,
            notifier,
            client,
            auth,
        }
    }

    /// A staff user's token, issued now by the test's clock.
    pub(crate) fn staff(&self) -> String {
        self.test.token("user_01ARZ3NDEKTSV4RRFFQ69G5FAV", Role::Staff)
    }

    /// Delivers an event as the bus would.
    pub(crate) async fn feed(&self, record: &Record) {
        deliver(&*self.notifier.inbox, record).await.unwrap();
    }

    /// Sends until nothing is due, and returns the number of attempts.
    pub(crate) async fn send_due(&self) -> usize {
        let mut tries = 0;
        while let Round::Tried(count) = self.notifier.worker.round().await.unwrap() {
            tries += count;
        }
        tries
    }

    pub(crate) async fn mailbox(&self, to: &str) -> Vec<MailboxMessage> {
        let request = ListMailboxRequest {
            to: to.to_owned(),
            ..Default::default()
        };
        self.client
            .clone()
            .list_mailbox(request)
            .await
            .unwrap()
            .into_inner()
            .messages
    }

    /// Deliveries, newest first.
    pub(crate) async fn deliveries(&self, status: &str) -> Vec<Delivery> {
        let request = ListDeliveriesRequest {
            status: status.to_owned(),
            ..Default::default()
        };
        with_token(&self.staff(), self.client.clone().list_deliveries(request))
            .await
            .unwrap()
            .into_inner()
            .deliveries
    }

    /// The only delivery.
    pub(crate) async fn delivery(&self) -> Delivery {
        let mut all = self.deliveries("").await;
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }
}

pub(crate) fn config() -> Config {
    #[derive(clap::Parser)]
    struct Arguments {
        #[command(flatten)]
        config: Config,
    }
    let arguments = ["test", "--storefront-url", "https://shop.example.org"];
    let mut config = <Arguments as clap::Parser>::parse_from(arguments).config;
    // The variables of the real servers are for the tests that use them.
    config.ses = SesSettings::default();
    config.twilio.twilio_account_sid = None;
    config
}

pub(crate) fn peers(test: &TestEnv, auth: &Arc<FakeAuth>) -> Peers {
    let slot = in_process();
    slot.bind(&Service::new("auth", AUTH_POLICY, &test.env).add(AuthServiceServer::from_arc(auth.clone())));
    Peers {
        auth: slot.channel("notifier"),
    }
}

pub(crate) fn production() -> TestEnv {
    let mut test = TestEnv::new();
    test.env.profile = Profile::Production;
    test
}

const AUTH_POLICY: &[(&str, Access)] = &[(
    "/comptoir.auth.v1.AuthService/IssueMailToken",
    Access::Services(&["notifier"]),
)];

/// An auth service that issues tokens, or refuses to.
#[derive(Default)]
pub(crate) struct FakeAuth {
    refusal: Mutex<Option<ErrorReason>>,
    pub(crate) calls: AtomicU32,
}

impl FakeAuth {
    /// Sets the answer from now on: this error, or tokens.
    pub(crate) fn answer_with(&self, refusal: Option<ErrorReason>) {
        *self.refusal.lock().unwrap() = refusal;
    }
}

/// The methods that the notifier does not call.
macro_rules! auth_service {
    ($($name:ident: $request:ident => $response:ident),* $(,)?) => {
        #[tonic::async_trait]
        impl AuthService for FakeAuth {
            async fn issue_mail_token(
                &self,
                request: Request<auth::IssueMailTokenRequest>,
            ) -> Result<Response<auth::IssueMailTokenResponse>, Status> {
                self.calls.fetch_add(1, Ordering::SeqCst);
                if let Some(reason) = *self.refusal.lock().unwrap() {
                    return Err(Error::new(reason, "Refused by the test.").into());
                }
                let token = format!("secret+of/{}", request.into_inner().mail_id);
                Ok(Response::new(auth::IssueMailTokenResponse { token, expires_at: None }))
            }
            $(async fn $name(&self, _: Request<auth::$request>) -> Result<Response<auth::$response>, Status> {
                Err(Status::unimplemented("not in this test"))
            })*
        }
    };
}

auth_service! {
    register: RegisterRequest => RegisterResponse,
    confirm_email: ConfirmEmailRequest => ConfirmEmailResponse,
    resend_confirmation: ResendConfirmationRequest => ResendConfirmationResponse,
    login: LoginRequest => LoginResponse,
    refresh_token: RefreshTokenRequest => RefreshTokenResponse,
    logout: LogoutRequest => LogoutResponse,
    logout_all: LogoutAllRequest => LogoutAllResponse,
    request_password_reset: RequestPasswordResetRequest => RequestPasswordResetResponse,
    reset_password: ResetPasswordRequest => ResetPasswordResponse,
    change_password: ChangePasswordRequest => ChangePasswordResponse,
    request_email_change: RequestEmailChangeRequest => RequestEmailChangeResponse,
    get_user: GetUserRequest => GetUserResponse,
    update_user: UpdateUserRequest => UpdateUserResponse,
    list_users: ListUsersRequest => ListUsersResponse,
    update_user_role: UpdateUserRoleRequest => UpdateUserRoleResponse,
    update_user_status: UpdateUserStatusRequest => UpdateUserStatusResponse,
    save_address: SaveAddressRequest => SaveAddressResponse,
    delete_address: DeleteAddressRequest => DeleteAddressResponse,
    list_sessions: ListSessionsRequest => ListSessionsResponse,
    revoke_session: RevokeSessionRequest => RevokeSessionResponse,
    list_revocations: ListRevocationsRequest => ListRevocationsResponse,
    get_jwks: GetJwksRequest => GetJwksResponse,
}

/// An event that requests an account's mail.
pub(crate) fn mail_event(id: &str, kind: auth::MailKind, locale: &str) -> auth::AuthEvent {
    auth::AuthEvent {
        id: id.to_owned(),
        aggregate_id: "user_1".to_owned(),
        sequence: 1,
        occurred_at: None,
        schema_version: 1,
        payload: Some(auth::auth_event::Payload::MailRequested(auth::MailRequested {
            mail_id: format!("mail_{id}"),
            kind: kind.into(),
            email: "ada@example.org".to_owned(),
            locale: locale.to_owned(),
            first_name: Some("Ada".to_owned()),
        })),
    }
}

pub(crate) fn mail_record(id: &str, kind: auth::MailKind, locale: &str) -> Record {
    auth_record(&mail_event(id, kind, locale))
}

pub(crate) fn auth_record(event: &auth::AuthEvent) -> Record {
    Record {
        topic: AUTH_TOPIC,
        key: event.aggregate_id.clone(),
        id: event.id.clone(),
        sequence: event.sequence,
        payload: Bytes::from(event.encode_to_vec()),
    }
}

pub(crate) fn order_record(event: &OrderEvent) -> Record {
    Record {
        topic: ORDERS_TOPIC,
        key: event.aggregate_id.clone(),
        id: event.id.clone(),
        sequence: event.sequence,
        payload: Bytes::from(event.encode_to_vec()),
    }
}

pub(crate) fn order_event(id: &str, sequence: u64, order: Order, payload: Payload) -> OrderEvent {
    OrderEvent {
        id: id.to_owned(),
        aggregate_id: order.id.clone(),
        sequence,
        occurred_at: None,
        schema_version: 1,
        order: Some(order),
        payload: Some(payload),
    }
}

pub(crate) fn placed() -> Payload {
    Payload::Placed(OrderPlaced {})
}

pub(crate) fn paid() -> Payload {
    Payload::Paid(OrderPaid {
        amount: euros(12_870),
    })
}

pub(crate) fn shipped() -> Payload {
    Payload::Shipped(OrderShipped {
        fulfillment_id: "ful_1".to_owned(),
    })
}

pub(crate) fn canceled(refunded: Option<i64>) -> Payload {
    Payload::Canceled(OrderCanceled {
        reason: Some("secret note of staff".to_owned()),
        refunded: refunded.and_then(euros),
    })
}

pub(crate) fn refunded() -> Payload {
    Payload::Refunded(OrderRefunded {
        amount: euros(4990),
        reason: "secret note of staff".to_owned(),
    })
}

#[expect(clippy::unnecessary_wraps, reason = "what message fields hold")]
pub(crate) fn euros(minor_units: i64) -> Option<Money> {
    Some(Money {
        minor_units,
        currency_code: "EUR".to_owned(),
    })
}

/// Two lines, a discount, one rate of tax included, a parcel with one of the lines.
pub(crate) fn order(locale: &str) -> Order {
    let line = |id: &str, title: &str, variant: &str, quantity: i32, unit: i64| OrderLine {
        id: id.to_owned(),
        variant_id: format!("var_{id}"),
        product_id: format!("prod_{id}"),
        product_title: title.to_owned(),
        variant_title: variant.to_owned(),
        quantity,
        unit_price: euros(unit),
        line_total: euros(unit * i64::from(quantity)),
        image_url: None,
        sku: None,
    };
    Order {
        id: "order_1".to_owned(),
        number: Some("1000".to_owned()),
        state: OrderState::Placed.into(),
        email: "ada@example.org".to_owned(),
        lines: vec![
            line("1", "Linen Shirt", "Blue / M", 2, 4990),
            line("2", "Leather Belt", "Default Title", 1, 3500),
        ],
        cost: Some(Cost {
            subtotal: euros(13_480),
            discount_total: euros(1100),
            shipping_total: euros(490),
            tax_total: euros(2145),
            total: euros(12_870),
            taxes: vec![TaxLine {
                name: "TVA".to_owned(),
                percent: "5.5".to_owned(),
                included: true,
                amount: euros(2145),
            }],
        }),
        delivery_address: Some(Address {
            first_name: "Ada".to_owned(),
            last_name: "Lovelace".to_owned(),
            line1: "12 rue des Lilas".to_owned(),
            city: "Paris".to_owned(),
            postal_code: "75011".to_owned(),
            country_code: "FR".to_owned(),
            ..Default::default()
        }),
        delivery_option: Some(DeliveryOption {
            id: "standard".to_owned(),
            name: "Standard".to_owned(),
            price: euros(490),
            estimated_days: Some(4),
        }),
        fulfillments: vec![Fulfillment {
            id: "ful_1".to_owned(),
            lines: vec![FulfilledLine {
                order_line_id: "1".to_owned(),
                quantity: 2,
            }],
            tracking_number: Some("6A12345678901".to_owned()),
            carrier: Some("Colissimo".to_owned()),
            ..Default::default()
        }],
        locale: locale.to_owned(),
        email_confirmed: true,
        ..Default::default()
    }
}
