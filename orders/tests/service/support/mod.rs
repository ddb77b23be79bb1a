//! An orders service in this process, with a catalogue beside it that a test can change.

pub(crate) mod auth;
pub(crate) mod orders;
pub(crate) mod stripe;
pub(crate) mod stripe_double;
pub(crate) mod stripe_mock;

use std::sync::Arc;

pub(crate) use comptoir_orders::testing::{catalog, mongo};

use comptoir_mesh::{
    Channel, Role,
    channel::{Slot, in_process},
    error::{Error, ErrorReason},
    testing::{TestEnv, with_token},
};
use comptoir_orders::{Config, Peers};
use comptoir_proto::{
    orders::v1::{
        Cart, CartLineInput, CreateCartRequest, GetCartRequest, UpdateCartRequest,
        cart_service_client::CartServiceClient, discount_service_client::DiscountServiceClient,
    },
    types::Address,
};
use comptoir_shop::{DEFAULT, Shop};
use tonic::{Response, Status};

use self::{auth::FakeAuth, catalog::FakeCatalog};

/// Two customers and one of the staff.
pub(crate) const ADA: &str = "user_01ARZ3NDEKTSV4RRFFQ69G5FA0";
pub(crate) const BOB: &str = "user_01ARZ3NDEKTSV4RRFFQ69G5FB0";
pub(crate) const STAFF: &str = "user_01ARZ3NDEKTSV4RRFFQ69G5FS0";

/// The service under test and what surrounds it.
pub(crate) struct Setup {
    pub test: TestEnv,
    pub catalog: FakeCatalog,
    pub auth: FakeAuth,
    pub carts: CartServiceClient<Channel>,
    pub discounts: DiscountServiceClient<Channel>,
    slot: Slot,
}

#[derive(clap::Parser)]
struct Arguments {
    #[command(flatten)]
    config: Config,
}

/// The settings as they are without flags.
pub(crate) fn config() -> Config {
    <Arguments as clap::Parser>::parse_from(["test"]).config
}

impl Setup {
    /// A service with default settings.
    pub(crate) async fn new() -> Self {
        Self::with(DEFAULT, |_| {}).await
    }

    /// A service of this shop (TOML), with settings changed.
    pub(crate) async fn with(shop: &str, change: impl FnOnce(&mut Config)) -> Self {
        let mut test = TestEnv::new();
        test.env.shop = Arc::new(Shop::parse(shop).unwrap());
        let catalog = FakeCatalog::new(&test.env);
        let auth = FakeAuth::new(&test.env);
        let slot = in_process();
        let mut config = config();
        config.orders_store = mongo::store();
        change(&mut config);
        let peers = Peers {
            catalog: catalog.slot().channel("orders"),
            auth: auth.slot().channel("orders"),
        };
        let service = comptoir_orders::start(config, test.env.clone(), peers, None)
            .await
            .unwrap();
        slot.bind(&service);
        let carts = CartServiceClient::new(slot.channel("gateway"));
        let discounts = DiscountServiceClient::new(slot.channel("gateway"));
        Self {
            test,
            catalog,
            auth,
            carts,
            discounts,
            slot,
        }
    }

    /// A channel to the service, as the gateway has it.
    pub(crate) fn channel(&self) -> Channel {
        self.channel_of("gateway")
    }

    /// A channel to the service, as this service has it.
    pub(crate) fn channel_of(&self, from: &'static str) -> Channel {
        self.slot.channel(from)
    }

    /// Runs a call as this customer.
    pub(crate) async fn as_customer<F: Future>(&self, user_id: &str, call: F) -> F::Output {
        self.as_user(user_id, Role::Customer, call).await
    }

    /// Runs a call as staff.
    pub(crate) async fn as_staff<F: Future>(&self, call: F) -> F::Output {
        self.as_user(STAFF, Role::Staff, call).await
    }

    async fn as_user<F: Future>(&self, user_id: &str, role: Role, call: F) -> F::Output {
        // As if auth had just been heard, however far the test moved the clock.
        self.test.env.verifier.set_revocations(&[]);
        with_token(&self.test.token(user_id, role), call).await
    }

    /// A new cart of the current caller.
    pub(crate) async fn cart(&self, lines: &[(&str, i32)]) -> Cart {
        let request = CreateCartRequest {
            lines: inputs(lines),
            ..CreateCartRequest::default()
        };
        self.carts
            .clone()
            .create_cart(request)
            .await
            .unwrap()
            .into_inner()
            .cart
            .unwrap()
    }

    /// The cart as it stands.
    pub(crate) async fn read(&self, cart_id: &str) -> Cart {
        let request = GetCartRequest {
            cart_id: cart_id.to_owned(),
        };
        self.carts
            .clone()
            .get_cart(request)
            .await
            .unwrap()
            .into_inner()
            .cart
            .unwrap()
    }

    /// A guest's cart with everything an order needs: e-mail, address in France, standard delivery.
    pub(crate) async fn ready_cart(&self, lines: &[(&str, i32)]) -> Cart {
        let cart = self.cart(lines).await;
        self.update(UpdateCartRequest {
            email: Some("ada@example.org".to_owned()),
            delivery_address: Some(address("FR")),
            delivery_option_id: Some("standard".to_owned()),
            ..of(&cart)
        })
        .await
        .unwrap()
    }

    /// Changes a cart.
    pub(crate) async fn update(&self, request: UpdateCartRequest) -> Result<Cart, Error> {
        outcome(self.carts.clone().update_cart(request).await).map(|answer| answer.cart.unwrap())
    }
}

/// An update of this cart that changes nothing yet.
pub(crate) fn of(cart: &Cart) -> UpdateCartRequest {
    UpdateCartRequest {
        cart_id: cart.id.clone(),
        ..UpdateCartRequest::default()
    }
}

pub(crate) fn inputs(lines: &[(&str, i32)]) -> Vec<CartLineInput> {
    lines
        .iter()
        .map(|(variant_id, quantity)| CartLineInput {
            variant_id: (*variant_id).to_owned(),
            quantity: *quantity,
        })
        .collect()
}

pub(crate) fn address(country_code: &str) -> Address {
    Address {
        first_name: "Ada".to_owned(),
        last_name: "Lovelace".to_owned(),
        line1: "12 rue de la Paix".to_owned(),
        city: "Paris".to_owned(),
        postal_code: "75002".to_owned(),
        country_code: country_code.to_owned(),
        ..Address::default()
    }
}

/// What a call came to, its refusal read as clients read it.
pub(crate) fn outcome<T>(answer: Result<Response<T>, Status>) -> Result<T, Error> {
    answer
        .map(Response::into_inner)
        .map_err(|status| Error::from_status(&status))
}

/// Each violation's field and reason.
pub(crate) fn violations(error: &Error) -> Vec<(&str, ErrorReason)> {
    error
        .field_violations()
        .iter()
        .map(|violation| (violation.field.as_str(), violation.reason))
        .collect()
}
