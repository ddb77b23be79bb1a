//! The gateway's settings. Each has a flag and a variable.

mod cache;
mod limits;
mod network;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use comptoir_mesh::config::{Secret, address};
use url::Url;

pub use cache::CacheConfig;
pub use limits::Limits;
pub(crate) use limits::{most_of_a_page, seconds, some};
pub use network::{HostName, Network, Origin};

/// The settings of the gateway.
#[derive(clap::Args, Clone, Debug)]
#[group(id = "gateway")]
pub struct Config {
    /// Address of the public API.
    #[arg(id = "http-addr", long = "http", alias = "http-addr", env = "COMPTOIR_HTTP_ADDR", default_value = "127.0.0.1:8080", value_parser = address)]
    pub http_addr: SocketAddr,

    /// Origins whose pages may call the API, separated by commas, such as https://shop.example. No wildcard.
    #[arg(
        id = "cors-origins",
        long,
        env = "COMPTOIR_CORS_ORIGINS",
        value_delimiter = ',',
        value_name = "ORIGIN"
    )]
    pub cors_origins: Vec<Origin>,

    /// Host names that the gateway is reached by, separated by commas: its own pages may call it there. Those of this machine
    /// (localhost, 127.0.0.1, ::1, the address it listens on) are ours in any case.
    #[arg(
        id = "hosts",
        long,
        env = "COMPTOIR_HOSTS",
        value_delimiter = ',',
        value_name = "HOST"
    )]
    pub hosts: Vec<HostName>,

    /// Addresses or networks, separated by commas, that may name the client by X-Forwarded-For.
    #[arg(
        id = "trusted-proxies",
        long,
        env = "COMPTOIR_TRUSTED_PROXIES",
        value_delimiter = ',',
        value_name = "ADDRESS[/BITS]"
    )]
    pub trusted_proxies: Vec<Network>,

    /// A JSON object from SHA-256 (hexadecimal) to GraphQL document: only these run.
    #[arg(
        id = "trusted-documents",
        long,
        env = "COMPTOIR_TRUSTED_DOCUMENTS",
        value_name = "FILE"
    )]
    pub trusted_documents: Option<PathBuf>,

    /// Where the tags of changed products and categories are posted, as {"tags": […]}.
    #[arg(
        id = "revalidate-url",
        long,
        env = "COMPTOIR_REVALIDATE_URL",
        value_name = "URL"
    )]
    pub revalidate_url: Option<Url>,

    /// Sent with each of those posts as `Authorization: Bearer …`.
    #[arg(
        id = "revalidate-secret",
        long,
        env = "COMPTOIR_REVALIDATE_SECRET",
        hide_env_values = true
    )]
    pub revalidate_secret: Option<Secret>,

    /// What Stripe's script in the browser needs; given, the shop can be paid by Stripe.
    #[arg(
        id = "stripe-publishable-key",
        long,
        env = "STRIPE_PUBLISHABLE_KEY",
        value_name = "KEY"
    )]
    pub stripe_publishable_key: Option<String>,

    #[command(flatten)]
    pub limits: Limits,

    #[command(flatten)]
    pub cache: CacheConfig,
}

impl Config {
    /// Checks the settings that depend on each other.
    pub fn validate(&self) -> anyhow::Result<()> {
        if self.revalidate_secret.is_some() && self.revalidate_url.is_none() {
            bail!("COMPTOIR_REVALIDATE_SECRET is set without COMPTOIR_REVALIDATE_URL");
        }
        if let Some(url) = &self.revalidate_url
            && !matches!(url.scheme(), "http" | "https")
        {
            bail!("COMPTOIR_REVALIDATE_URL: only http and https addresses can be posted to");
        }
        Ok(())
    }

    /// The trusted documents by their SHA-256, if a file is set.
    pub(crate) fn read_trusted_documents(&self) -> anyhow::Result<Option<Vec<(String, String)>>> {
        let Some(path) = &self.trusted_documents else {
            return Ok(None);
        };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("COMPTOIR_TRUSTED_DOCUMENTS: cannot read {}", path.display()))?;
        let documents: std::collections::BTreeMap<String, String> = serde_json::from_str(&text)
            .with_context(|| {
                format!(
                    "COMPTOIR_TRUSTED_DOCUMENTS: {} is no JSON object of texts",
                    path.display()
                )
            })?;
        Ok(Some(documents.into_iter().collect()))
    }

    /// The payment providers of this shop.
    pub(crate) fn payment_providers(&self, sandbox: bool) -> Vec<PaymentProvider> {
        let sandbox = sandbox.then(|| PaymentProvider {
            name: "sandbox".to_owned(),
            publishable_key: None,
        });
        let stripe = self
            .stripe_publishable_key
            .clone()
            .filter(|key| !key.is_empty())
            .map(|key| PaymentProvider {
                name: "stripe".to_owned(),
                publishable_key: Some(key),
            });
        sandbox.into_iter().chain(stripe).collect()
    }
}

/// A payment provider that storefronts may use.
#[derive(Clone, Debug)]
pub(crate) struct PaymentProvider {
    /// `sandbox` or `stripe`.
    pub(crate) name: String,
    /// What the provider's own script in the browser needs.
    pub(crate) publishable_key: Option<String>,
}
