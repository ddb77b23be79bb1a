//! What tests of services need: an environment with a settable clock, and calls as a user.

use std::{future::Future, path::PathBuf, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use comptoir_proto::auth::v1::Jwk;
use comptoir_shop::Shop;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::TestClock,
    config::{Profile, Servers},
    context::{self, Context},
    env::{CallLimits, Env, Tasks},
    identity::{AUDIENCE, Claims, ISSUER, Role, TOKEN_TYPE, Verifier},
    ids::Ids,
};

/// An Ed25519 key pair that signs nothing but tests: PKCS#8 and the public half (RFC 8032, test 1).
const PRIVATE: &[u8] = &[
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20, 0x9d,
    0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49,
    0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
];
const PUBLIC: &[u8] = &[
    0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e,
    0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
];
const KID: &str = "test";

/// How long a test waits for what an idle machine does at once.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// The limit of what happens without a wait or a poll, on a machine that may pause for seconds.
pub const SOON: Duration = Duration::from_secs(6);

/// An environment in its own folder, which is deleted when this is dropped.
pub struct TestEnv {
    /// The environment of the service under test.
    pub env: Env,
    /// The clock in it.
    pub clock: Arc<TestClock>,
    folder: tempfile::TempDir,
}

impl TestEnv {
    /// An environment of the development profile, whose clock shows the machine's time at first and then stands still.
    pub fn new() -> Self {
        let clock = Arc::new(TestClock::default());
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let verifier = Arc::new(Verifier::new(clock.clone()));
        verifier.set_keys(&[Jwk {
            kid: KID.to_owned(),
            x: URL_SAFE_NO_PAD.encode(PUBLIC),
        }]);
        let shutdown = CancellationToken::new();
        let env = Env {
            profile: Profile::Development,
            sandbox_payments: true,
            limit_list: 100,
            calls: CallLimits::default(),
            data: folder.path().to_owned(),
            admin: None,
            clock: clock.clone(),
            ids: Ids::new(clock.clone()),
            draining: shutdown.child_token(),
            shutdown,
            tasks: Tasks::default(),
            verifier,
            shop: Arc::new(Shop::parse(comptoir_shop::DEFAULT).expect("the default shop is valid")),
            servers: Servers::default(),
        };
        Self { env, clock, folder }
    }

    /// The environment's folder.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// An access token of this user, valid for an hour.
    pub fn token(&self, user_id: &str, role: Role) -> String {
        token_with(&self.env, |claims| {
            user_id.clone_into(&mut claims.sub);
            claims.role = role;
        })
    }
}

impl Default for TestEnv {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for TestEnv {
    fn drop(&mut self) {
        self.env.shutdown.cancel();
    }
}

/// An access token whose claims the caller changes before it is signed.
pub fn token_with(env: &Env, change: impl FnOnce(&mut Claims)) -> String {
    let now = env.clock.now().as_second();
    let mut claims = Claims {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: env.ids.new_id("user_"),
        exp: now + 3600,
        nbf: now,
        iat: now,
        jti: env.ids.ulid().to_string(),
        sid: env.ids.new_id("ses_"),
        role: Role::Customer,
    };
    change(&mut claims);
    let header = Header {
        typ: Some(TOKEN_TYPE.to_owned()),
        kid: Some(KID.to_owned()),
        ..Header::new(Algorithm::EdDSA)
    };
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_der(PRIVATE)).expect("the key signs")
}

/// The signature of a message by the key of [`TestEnv::token`], as a token has it.
pub fn sign(message: &[u8]) -> String {
    let key = EncodingKey::from_ed_der(PRIVATE);
    jsonwebtoken::crypto::sign(message, &key, Algorithm::EdDSA).expect("the key signs")
}

/// The URL in `variable`, for a test that needs the server. Without one the test is skipped, and says so; where `CI` is set
/// that is a failure.
///
/// # Panics
///
/// When the variable is missing in CI.
pub fn server(variable: &str, test: &str) -> Option<String> {
    let url = std::env::var(variable).ok().filter(|url| !url.is_empty());
    if url.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "{test} needs {variable}, and nothing is skipped in CI"
        );
        eprintln!("skipped: {test} ({variable} is not set)");
    }
    url
}

/// Runs `future` as a call made with this token.
pub async fn with_token<F: Future>(token: &str, future: F) -> F::Output {
    context::scope(
        Context {
            token: Some(token.into()),
            ..Context::background("test")
        },
        future,
    )
    .await
}
