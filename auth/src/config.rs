//! Settings of the auth service. Each is a flag and a variable.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use comptoir_mesh::config::{Secret, address, up_to};

/// A counter's document keeps the time of each counted attempt or mail, so the limit bounds its size.
const COUNTED: u64 = 100_000;

/// The auth service's own settings.
#[derive(Args, Debug, Clone)]
#[group(id = "auth")]
pub struct Config {
    /// Where the auth service's gRPC port listens
    #[arg(long = "auth-addr", id = "auth_addr", env = "COMPTOIR_AUTH_ADDR", default_value = "127.0.0.1:50051", value_parser = address, value_name = "ADDR")]
    pub addr: SocketAddr,
    /// Where accounts are kept: sqlite://PATH or mongodb://HOST/DATABASE; unset, the database comptoir_auth of MONGODB_URI, else
    /// a file in the data folder
    #[arg(
        long = "auth-store",
        id = "auth_store",
        env = "COMPTOIR_AUTH_STORE",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub store: Option<String>,
    /// E-mail address of the first administrator, created at the start while there is no administrator
    #[arg(
        long = "admin-email",
        id = "auth_admin_email",
        env = "COMPTOIR_ADMIN_EMAIL",
        value_name = "EMAIL"
    )]
    pub admin_email: Option<String>,
    /// The first administrator's password
    #[arg(
        long = "admin-password",
        id = "auth_admin_password",
        env = "COMPTOIR_ADMIN_PASSWORD",
        hide_env_values = true,
        value_name = "PASSWORD"
    )]
    pub admin_password: Option<Secret>,
    /// Hours after which the key that signs access tokens is replaced; the old one is published until its last token
    /// has expired
    #[arg(long = "auth-key-rotation-hours", id = "auth_key_rotation_hours", env = "COMPTOIR_AUTH_KEY_ROTATION_HOURS", default_value = "720", value_name = "HOURS",
          value_parser = clap::value_parser!(u32).range(1..=8760))]
    pub key_rotation_hours: u32,
    /// Days after which an unused session ends
    #[arg(long = "auth-session-days", id = "auth_session_days", env = "COMPTOIR_AUTH_SESSION_DAYS", default_value = "30", value_name = "DAYS",
          value_parser = clap::value_parser!(u32).range(1..=365))]
    pub session_days: u32,
    /// Passwords hashed at once, 19 MiB each; unless set, the number of processors, at most 8
    #[arg(long = "auth-hashes", id = "auth_hashes", env = "COMPTOIR_AUTH_HASHES", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub hashes: Option<u16>,
    /// Most passwords that wait to be hashed; more are refused with OVERLOADED
    #[arg(long = "auth-limit-hash-queue", id = "auth_limit_hash_queue", env = "COMPTOIR_LIMIT_HASH_QUEUE", default_value = "256", value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit_hash_queue: u32,
    /// Failed log-ins of one account in 15 minutes; 0 is no limit
    #[arg(
        long = "limit-login-account", id = "auth_limit_login_account",
        env = "COMPTOIR_LIMIT_LOGIN_ACCOUNT",
        default_value = "10",
        value_parser = up_to::<u32>(COUNTED),
        value_name = "N"
    )]
    pub limit_login_account: u32,
    /// Failed log-ins from one client address in 15 minutes; 0 is no limit
    #[arg(
        long = "limit-login-address", id = "auth_limit_login_address",
        env = "COMPTOIR_LIMIT_LOGIN_ADDRESS",
        default_value = "100",
        value_parser = up_to::<u32>(COUNTED),
        value_name = "N"
    )]
    pub limit_login_address: u32,
    /// Mails to one address in an hour (registration, its repetition, password reset, change of address); 0 is no limit
    #[arg(
        long = "limit-mails-address", id = "auth_limit_mails_address",
        env = "COMPTOIR_LIMIT_MAILS_ADDRESS",
        default_value = "3",
        value_parser = up_to::<u32>(COUNTED),
        value_name = "N"
    )]
    pub limit_mails_address: u32,
}

impl Config {
    /// Refuses settings that make no sense together.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        if self.admin_email.is_none() && self.admin_password.is_some() {
            anyhow::bail!("COMPTOIR_ADMIN_EMAIL: needed together with COMPTOIR_ADMIN_PASSWORD");
        }
        if let Some(email) = &self.admin_email {
            comptoir_mesh::text::email("email", email)
                .map_err(|error| anyhow::anyhow!("COMPTOIR_ADMIN_EMAIL: {}", error.message()))?;
        }
        Ok(())
    }

    /// How long a key signs.
    pub(crate) fn key_rotation(&self) -> Duration {
        Duration::from_secs(u64::from(self.key_rotation_hours) * 3600)
    }

    /// How long a session lives without use.
    pub(crate) fn session_idle(&self) -> Duration {
        Duration::from_secs(u64::from(self.session_days) * 86_400)
    }

    /// How many passwords are hashed at once.
    pub(crate) fn hashes(&self) -> usize {
        match self.hashes {
            Some(hashes) => hashes.into(),
            // An attempt counts while it is hashed: more hashes at once than the limit of failures would refuse correct
            // passwords.
            None => std::thread::available_parallelism().map_or(2, usize::from).min(8),
        }
    }
}
