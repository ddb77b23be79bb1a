//! Settings of the orders service.

use std::net::SocketAddr;

use comptoir_mesh::config::{Secret, address, up_to};
use url::Url;

use crate::domain::edit::Limits;

/// Stripe's address.
const STRIPE: &str = "https://api.stripe.com";

/// The orders service's own settings.
#[derive(clap::Args, Clone, Debug)]
#[group(id = "orders")]
pub struct Config {
    /// Where the orders service listens for gRPC
    #[arg(
        long,
        env = "COMPTOIR_ORDERS_ADDR",
        default_value = "127.0.0.1:50053",
        value_parser = address,
        value_name = "ADDR"
    )]
    pub orders_addr: SocketAddr,
    /// Where orders are stored: sqlite://PATH or mongodb://HOST/DATABASE; unset, the database comptoir_orders of
    /// MONGODB_URI, else a file in the data folder
    #[arg(
        long,
        env = "COMPTOIR_ORDERS_STORE",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub orders_store: Option<String>,
    /// Most lines of a cart; 0 is no limit
    #[arg(
        long = "limit-cart-lines",
        env = "COMPTOIR_LIMIT_CART_LINES",
        default_value = "100",
        value_parser = up_to::<usize>(1_000_000),
        value_name = "N"
    )]
    pub orders_limit_cart_lines: usize,
    /// Most units of a variant in a cart; 0 is no limit
    #[arg(
        long = "limit-line-quantity",
        env = "COMPTOIR_LIMIT_LINE_QUANTITY",
        default_value = "999",
        value_parser = clap::value_parser!(i32).range(0..),
        value_name = "N"
    )]
    pub orders_limit_line_quantity: i32,
    /// Most open holds of one client address that await a bank's action; 0 is no limit
    #[arg(
        long = "limit-holds-address",
        env = "COMPTOIR_LIMIT_HOLDS_ADDRESS",
        default_value = "20",
        value_parser = up_to::<u64>(1_000_000),
        value_name = "N"
    )]
    pub orders_limit_holds_address: u64,
    #[command(flatten)]
    pub stripe: StripeSettings,
}

/// Payments can be made at Stripe when a key is set.
#[derive(clap::Args, Clone, Debug)]
#[group(id = "orders_stripe")]
pub struct StripeSettings {
    /// The key for Stripe's API; without it Stripe is not offered
    #[arg(long, env = "STRIPE_SECRET_KEY", hide_env_values = true, value_name = "KEY")]
    pub stripe_secret_key: Option<Secret>,
    /// The secret of Stripe's webhooks; several, separated by commas, during a rotation
    #[arg(
        long,
        env = "STRIPE_WEBHOOK_SECRET",
        hide_env_values = true,
        value_name = "SECRETS"
    )]
    pub stripe_webhook_secret: Option<Secret>,
    /// Stripe's address
    #[arg(
        long,
        env = "STRIPE_BASE_URL",
        default_value = STRIPE,
        value_parser = stripe_address,
        value_name = "URL"
    )]
    pub stripe_base_url: Url,
}

impl StripeSettings {
    /// The key, unless it is empty.
    pub fn secret_key(&self) -> Option<Secret> {
        let key = self.stripe_secret_key.as_ref()?.reveal().trim();
        (!key.is_empty()).then(|| Secret::new(key))
    }

    /// Whether the key moves real money, by its prefix; `None` if the prefix is unknown.
    pub fn is_live(&self) -> Option<bool> {
        let key = self.secret_key()?;
        let begins = |kinds: [&str; 2]| kinds.iter().any(|kind| key.reveal().starts_with(kind));
        if begins(["sk_live_", "rk_live_"]) {
            Some(true)
        } else {
            begins(["sk_test_", "rk_test_"]).then_some(false)
        }
    }

    /// The secrets of webhooks.
    pub fn webhook_secrets(&self) -> Vec<Secret> {
        let secrets = self.stripe_webhook_secret.as_ref();
        let secrets = secrets.map_or("", Secret::reveal).split(',').map(str::trim);
        secrets
            .filter(|secret| !secret.is_empty())
            .map(Secret::new)
            .collect()
    }
}

impl Config {
    pub(crate) fn cart_limits(&self) -> Limits {
        Limits {
            lines: self.orders_limit_cart_lines,
            quantity: self.orders_limit_line_quantity,
        }
    }
}

/// An empty variable counts as unset.
fn stripe_address(text: &str) -> Result<Url, String> {
    let text = if text.is_empty() { STRIPE } else { text };
    let wrong = "is no address such as https://api.stripe.com";
    let url = Url::parse(text).map_err(|_| wrong.to_owned())?;
    let good = matches!(url.scheme(), "http" | "https") && url.has_host();
    good.then_some(url).ok_or_else(|| wrong.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_by_its_beginning_whether_it_moves_real_money() {
        let live = |key: &str| {
            StripeSettings {
                stripe_secret_key: Some(Secret::new(key)),
                stripe_webhook_secret: None,
                stripe_base_url: stripe_address("").unwrap(),
            }
            .is_live()
        };
        for (key, expected) in [
            ("sk_live_1", Some(true)),
            (" rk_live_1", Some(true)),
            ("sk_test_1", Some(false)),
            ("rk_test_1", Some(false)),
            ("sk_1", None),
            ("", None),
        ] {
            assert_eq!(live(key), expected, "{key}");
        }
    }
}
