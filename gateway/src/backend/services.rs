//! Clients of the services.

use std::sync::Arc;

use comptoir_mesh::channel::Channel;
use comptoir_proto::auth::v1::auth_service_client::AuthServiceClient;
use comptoir_proto::catalog::v1::catalog_service_client::CatalogServiceClient;
use comptoir_proto::catalog::v1::inventory_service_client::InventoryServiceClient;
use comptoir_proto::notifier::v1::notifier_service_client::NotifierServiceClient;
use comptoir_proto::orders::v1::cart_service_client::CartServiceClient;
use comptoir_proto::orders::v1::discount_service_client::DiscountServiceClient;
use comptoir_proto::orders::v1::order_service_client::OrderServiceClient;
use comptoir_proto::orders::v1::payment_service_client::PaymentServiceClient;
use comptoir_proto::orders::v1::sandbox_service_client::SandboxServiceClient;
use comptoir_shop::Shop;

use super::followed_orders::FollowedOrders;
use crate::config::{PaymentProvider, some};

/// Channels to the services behind the gateway.
#[derive(Clone)]
pub struct Peers {
    /// Users and sessions.
    pub auth: Channel,
    /// Products, search and stock.
    pub catalog: Channel,
    /// Carts, orders and payments.
    pub orders: Channel,
    /// Mails and text messages.
    pub notifier: Channel,
}

/// Clients of the services, and the settings that answers depend on. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Services {
    /// Users and sessions.
    pub(crate) auth: AuthServiceClient<Channel>,
    /// Products, categories and search.
    pub(crate) catalog: CatalogServiceClient<Channel>,
    /// Stock.
    pub(crate) inventory: InventoryServiceClient<Channel>,
    /// Carts and their completion.
    pub(crate) carts: CartServiceClient<Channel>,
    /// Orders.
    pub(crate) orders: OrderServiceClient<Channel>,
    /// Discount codes.
    pub(crate) discounts: DiscountServiceClient<Channel>,
    /// Webhooks of payment providers.
    pub(crate) payments: PaymentServiceClient<Channel>,
    /// The built-in sandbox provider, in development.
    pub(crate) sandbox: SandboxServiceClient<Channel>,
    /// Mails and text messages.
    pub(crate) notifier: NotifierServiceClient<Channel>,
    /// Orders that are followed.
    pub(crate) followed_orders: Arc<FollowedOrders>,
    /// The shop's own settings.
    pub(crate) shop: Arc<Shop>,
    /// The gateway's settings that answers depend on.
    pub(crate) settings: Arc<Settings>,
}

impl Services {
    /// Creates the clients over the channels to the four services.
    pub(crate) fn new(peers: Peers, shop: Arc<Shop>, settings: Settings) -> Self {
        let Peers {
            auth,
            catalog,
            orders,
            notifier,
        } = peers;
        let orders_client = OrderServiceClient::new(orders.clone());
        Self {
            followed_orders: Arc::new(FollowedOrders::new(
                orders_client.clone(),
                some(settings.limit_streams),
            )),
            auth: AuthServiceClient::new(auth),
            inventory: InventoryServiceClient::new(catalog.clone()),
            catalog: CatalogServiceClient::new(catalog),
            carts: CartServiceClient::new(orders.clone()),
            discounts: DiscountServiceClient::new(orders.clone()),
            payments: PaymentServiceClient::new(orders.clone()),
            sandbox: SandboxServiceClient::new(orders),
            orders: orders_client,
            notifier: NotifierServiceClient::new(notifier),
            shop,
            settings: Arc::new(settings),
        }
    }
}

/// What answers depend on besides the services.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    /// How this shop can be paid: `sandbox` in development, `stripe` if it has keys.
    pub(crate) payment_providers: Vec<PaymentProvider>,
    /// Origins (`https://shop.example`) that a buyer may be sent back to after authentication by the bank.
    pub(crate) return_origins: Vec<String>,
    /// The largest page of any list. 0 means no limit.
    pub(crate) limit_list: u32,
    /// The most followers of orders at one time. 0 means no limit.
    pub(crate) limit_streams: usize,
}
