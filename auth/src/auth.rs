//! State that the handlers share: store, keys, hasher and limits; the upkeep in the background; the first
//! administrator.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comptoir_mesh::error::Error;
use comptoir_mesh::{Env, Service, text};
use comptoir_proto::auth::v1::{Jwk, Revocation, auth_service_server::AuthServiceServer};
use jiff::Timestamp;
use tokio::sync::Notify;

use crate::config::Config;
use crate::domain::key::{Key, Ring, TOKEN_LIFE};
use crate::domain::mail;
use crate::domain::password::Password;
use crate::domain::refresh::Secrets;
use crate::domain::user::{Profile, Role, User};
use crate::hasher::Hasher;
use crate::policy::POLICY;
use crate::store::{AdminOutcome, Store};

/// The window over which failed log-ins are counted.
pub(crate) const LOGIN_WINDOW: Duration = Duration::from_secs(15 * 60);
/// The window over which mails to an address are counted.
pub(crate) const MAIL_WINDOW: Duration = Duration::from_secs(3600);
/// How long a revocation is listed: the five minutes of a token, and the difference that clocks may have.
const REVOCATIONS_KEPT: Duration = TOKEN_LIFE.saturating_add(Duration::from_secs(60));
/// The interval at which keys and revocations are read.
const UPKEEP: Duration = Duration::from_secs(10);
/// Rounds of upkeep between two sweeps of expired documents.
const SWEEP_EVERY: u32 = 60;
/// Attempts at a compare-and-set before the call fails.
pub(crate) const TRIES: usize = 50;

/// The auth service. Clones share everything.
#[derive(Clone)]
pub struct Auth {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) secrets: Secrets,
    pub(crate) hasher: Arc<Hasher>,
    pub(crate) limits: Limits,
    pub(crate) env: Env,
    ring: Arc<RwLock<Arc<Ring>>>,
    rotation: Duration,
    revoked: Arc<Notify>,
}

/// Limits from the settings.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) login_account: u32,
    pub(crate) login_address: u32,
    pub(crate) mails_address: u32,
    pub(crate) session_idle: Duration,
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Auth")
    }
}

impl Auth {
    /// Creates the service on an open store, creates missing keys, and gives them to this process's verifier.
    pub(crate) async fn open(config: &Config, env: &Env, store: Arc<dyn Store>) -> anyhow::Result<Self> {
        let root = store.root_key(env.ids.secret()).await?;
        let hasher = Hasher::new(
            config.hashes(),
            config.limit_hash_queue as usize,
            env.ids.secret(),
            env.ids.secret(),
        )?;
        let auth = Self {
            store,
            secrets: Secrets::derive(&root),
            hasher: Arc::new(hasher),
            limits: Limits {
                login_account: config.limit_login_account,
                login_address: config.limit_login_address,
                mails_address: config.limit_mails_address,
                session_idle: config.session_idle(),
            },
            env: env.clone(),
            ring: Arc::default(),
            rotation: config.key_rotation(),
            revoked: Arc::new(Notify::new()),
        };
        auth.maintain().await?;
        Ok(auth)
    }

    /// The gRPC service, inside the layers that every call passes.
    pub fn service(&self) -> Service {
        Service::new("auth", POLICY, &self.env).add(AuthServiceServer::new(self.clone()))
    }

    /// Creates the first administrator, confirmed, while there is no active one. Without a password it creates a random
    /// one and returns it, to be shown once. An existing account with the address becomes the administrator and gets
    /// the password.
    pub async fn ensure_admin(&self, email: &str, password: Option<&str>) -> anyhow::Result<Option<String>> {
        if self.store.has_admin().await? {
            return Ok(None);
        }
        let email = text::email("email", email)?;
        let made = password
            .is_none()
            .then(|| URL_SAFE_NO_PAD.encode(self.env.ids.secret::<15>()));
        let password = Password::new(
            "password",
            password.or(made.as_deref()).unwrap_or_default(),
            &email,
        )?;
        let hash = self
            .hasher
            .hash(self.hasher.permit().await?, password, self.env.ids.secret())
            .await?;
        let now = self.env.clock.now();
        let locale = self.env.shop.locales.first().cloned().unwrap_or_default();
        let profile = Profile {
            locale,
            ..Profile::default()
        };
        let admin = User::new(
            self.env.ids.new_id("user_"),
            email,
            hash,
            profile,
            Role::Admin,
            now,
        );
        match self.store.ensure_admin(admin, now).await? {
            AdminOutcome::Made => {
                tracing::info!("the first administrator was created");
                Ok(made)
            }
            AdminOutcome::Present => Ok(None),
        }
    }

    /// Creates the administrator that both settings describe.
    pub(crate) async fn configured_admin(&self, config: &Config) -> anyhow::Result<()> {
        match (&config.admin_email, &config.admin_password) {
            (Some(email), Some(password)) => {
                let made = self.ensure_admin(email, Some(password.reveal())).await;
                made.map(drop).map_err(|error| {
                    let refused = error.downcast_ref::<Error>().is_some_and(|error| {
                        error.field_violations().iter().any(|of| of.field == "password")
                    });
                    let setting = if refused {
                        "COMPTOIR_ADMIN_PASSWORD"
                    } else {
                        "COMPTOIR_ADMIN_EMAIL"
                    };
                    error.context(format!("{setting}: the first administrator cannot be made"))
                })
            }
            // The caller may create one with a random password.
            _ => Ok(()),
        }
    }

    /// Rotates keys, updates this process's verifier, and deletes expired documents, until the drain.
    pub(crate) async fn upkeep(self) {
        let shutdown = self.env.shutdown.clone();
        let mut round = 0_u32;
        loop {
            let revoked = tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.revoked.notified() => true,
                () = tokio::time::sleep(UPKEEP) => false,
            };
            let done = if revoked {
                self.inform_verifier().await
            } else {
                self.upkeep_round(&mut round).await
            };
            if let Err(error) = done {
                tracing::warn!(error.cause = ?error, "upkeep failed and will be retried");
            }
        }
    }

    async fn upkeep_round(&self, round: &mut u32) -> Result<(), Error> {
        self.maintain().await?;
        if round.is_multiple_of(SWEEP_EVERY) {
            self.sweep().await?;
        }
        *round = round.wrapping_add(1);
        Ok(())
    }

    /// Rotates keys and updates this process's verifier. The upkeep calls it every 10 s; tests that set the clock call
    /// it themselves.
    pub async fn maintain(&self) -> Result<(), Error> {
        self.rotate_keys().await?;
        self.inform_verifier().await
    }

    /// Creates the next key when it is due, deletes expired ones, and reads those of other processes.
    async fn rotate_keys(&self) -> Result<(), Error> {
        let now = self.env.clock.now();
        let mut ring = Ring::new(self.store.signing_keys().await?);
        if let Some((generation, active_from)) = ring.due(self.rotation, now) {
            self.store
                .add_signing_key(Key::new(generation, self.env.ids.secret(), active_from))
                .await?;
            tracing::info!(key.generation = generation, "a signing key was created");
            ring = Ring::new(self.store.signing_keys().await?);
        }
        if let before @ 1.. = ring.first_kept(now) {
            self.store.drop_signing_keys(before).await?;
        }
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        Ok(())
    }

    /// Deletes expired documents.
    pub(crate) async fn sweep(&self) -> Result<(), Error> {
        let now = self.env.clock.now();
        // An ended session is kept as long as an idle one, so that its used tokens differ from unknown ones.
        self.store
            .sweep(
                now - mail::KEPT,
                now - LOGIN_WINDOW,
                now - self.limits.session_idle,
            )
            .await
    }

    /// Gives keys and revocations to this process's verifier. Other processes ask for them every 10 s.
    pub(crate) async fn inform_verifier(&self) -> Result<(), Error> {
        let revocations = self.revocations().await?;
        self.env.verifier.set_keys(&self.jwks());
        self.env.verifier.set_revocations(&revocations);
        Ok(())
    }

    /// Updates this process's verifier now rather than with the next upkeep. Concurrent calls cause one update.
    pub(crate) fn revoked(&self) {
        self.revoked.notify_one();
    }

    /// Revocations within the life of a token.
    pub(crate) async fn revocations(&self) -> Result<Vec<Revocation>, Error> {
        let since = self.env.clock.now() - REVOCATIONS_KEPT;
        Ok(self
            .store
            .revocations(since)
            .await?
            .into_iter()
            .map(Into::into)
            .collect())
    }

    /// The public keys that verify tokens.
    pub(crate) fn jwks(&self) -> Vec<Jwk> {
        let ring = self.ring();
        let keys = ring.published(self.env.clock.now());
        keys.into_iter()
            .map(|key| Jwk {
                kid: key.kid.clone(),
                x: key.x.clone(),
            })
            .collect()
    }

    pub(crate) fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.env.clock.now()
    }
}
