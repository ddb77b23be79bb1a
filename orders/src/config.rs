//! Settings of the orders service.

use std::net::SocketAddr;

use mesh::config::address;

use crate::domain::edit::Limits;

/// What the orders service reads.
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
    /// Where orders are kept: sqlite://PATH or mongodb://HOST/DATABASE; unset, MONGODB_URI's database comptoir_orders, else a
    /// file in the data folder
    #[arg(
        long,
        env = "COMPTOIR_ORDERS_STORE",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub orders_store: Option<String>,
    /// Lines a cart has at most; 0 is no limit
    #[arg(
        long = "limit-cart-lines",
        env = "COMPTOIR_LIMIT_CART_LINES",
        default_value = "100",
        value_name = "N"
    )]
    pub orders_limit_cart_lines: usize,
    /// Units of a variant in a cart at most; 0 is no limit
    #[arg(
        long = "limit-line-quantity",
        env = "COMPTOIR_LIMIT_LINE_QUANTITY",
        default_value = "999",
        value_parser = clap::value_parser!(i32).range(0..),
        value_name = "N"
    )]
    pub orders_limit_line_quantity: i32,
    /// Open holds of one client address that await a bank's action, at most; 0 is no limit
    #[arg(
        long = "limit-holds-address",
        env = "COMPTOIR_LIMIT_HOLDS_ADDRESS",
        default_value = "20",
        value_name = "N"
    )]
    pub orders_limit_holds_address: u64,
    /// Take sandbox payments in the production profile too
    #[arg(long = "sandbox-payments", env = "COMPTOIR_SANDBOX_PAYMENTS")]
    pub orders_sandbox_payments: bool,
}

impl Config {
    pub(crate) fn cart_limits(&self) -> Limits {
        Limits {
            lines: self.orders_limit_cart_lines,
            quantity: self.orders_limit_line_quantity,
        }
    }
}
