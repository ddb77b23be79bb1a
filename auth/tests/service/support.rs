//! A started service, a mailbox that collects the mails it requests, and users.

use std::cell::RefCell;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Parser;
use comptoir_auth::{Auth, Config};
use comptoir_events::{AUTH_TOPIC, Bus, Consumer, Death, Outcome, Record};
use comptoir_mesh::Channel;
use comptoir_mesh::channel::in_process;
use comptoir_mesh::error::{Error, ErrorReason};
use comptoir_mesh::testing::{PATIENCE, TestEnv, server, with_token};
use comptoir_proto::auth::v1::auth_service_client::AuthServiceClient;
use comptoir_proto::auth::v1::*;
use prost::Message as _;
use tokio::sync::Notify;
use tonic::{Response, Status, async_trait};

pub(crate) type Client = AuthServiceClient<Channel>;

pub(crate) const PASSWORD: &str = "correct horse battery";

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    config: Config,
}

/// The settings with these flags.
pub(crate) fn config(flags: &[&str]) -> Config {
    Arguments::parse_from(["test"].iter().chain(flags)).config
}

thread_local! {
    /// The MongoDB server of the worlds created in this thread, and their databases.
    static MONGODB: RefCell<Option<(String, Vec<String>)>> = const { RefCell::new(None) };
}

/// Runs a test whose worlds have their stores on MongoDB, each in its own database. The databases are dropped if the
/// test passes.
pub(crate) fn on_mongodb(name: &str, test: fn()) {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            MONGODB.take();
        }
    }
    let Some(url) = server("MONGODB_URI", name) else {
        return;
    };
    let _reset = Reset;
    MONGODB.set(Some((url, Vec::new())));
    // The test's body runs in the thread of its caller.
    test();
    let (url, databases) = MONGODB.take().unwrap();
    assert!(!databases.is_empty(), "{name} has no store");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = mongodb::Client::with_uri_str(url).await.unwrap();
        for database in databases {
            client.database(&database).drop().await.unwrap();
        }
    });
}

/// A database for a world, if its test runs on MongoDB.
fn new_database(test: &TestEnv) -> Option<String> {
    MONGODB.with_borrow_mut(|mongodb| {
        let (url, databases) = mongodb.as_mut()?;
        let database = format!("auth_test_{}", test.env.ids.ulid());
        let (server, options) = url.split_once('?').unwrap_or((url, ""));
        let (scheme, host) = server.split_once("://").unwrap();
        let host = host.split('/').next().unwrap();
        let url = format!("{scheme}://{host}/{database}?{options}");
        databases.push(database);
        Some(url)
    })
}

/// The settings with these flags, and with this store.
fn stored(store: Option<&str>, flags: &[&str]) -> Config {
    let store = store.map_or_else(Vec::new, |url| vec!["--auth-store", url]);
    config(&[flags, &store].concat())
}

/// Consumes every event.
#[derive(Default)]
pub(crate) struct Mailbox {
    records: Mutex<Vec<Record>>,
    arrived: Notify,
}

#[async_trait]
impl Consumer for Mailbox {
    fn group(&self) -> &'static str {
        "mailbox"
    }

    fn topics(&self) -> &'static [&'static str] {
        &[AUTH_TOPIC]
    }

    async fn consume(&self, record: &Record) -> Result<Outcome, Error> {
        self.records.lock().unwrap().push(record.clone());
        self.arrived.notify_waiters();
        Ok(Outcome::Taken)
    }

    async fn keep_dead_letter(&self, _: &Record, _: &Death) -> Result<(), Error> {
        Ok(())
    }
}

impl Mailbox {
    pub(crate) fn records(&self) -> Vec<Record> {
        self.records.lock().unwrap().clone()
    }

    /// Every requested mail, in the order of its event.
    pub(crate) fn mails(&self) -> Vec<MailRequested> {
        let records = self.records();
        records.iter().filter_map(mail_of).map(|(_, mail)| mail).collect()
    }

    /// The mails to an address, once there are `count`.
    pub(crate) async fn wait(&self, email: &str, count: usize) -> Vec<MailRequested> {
        let enough = async {
            loop {
                let arrived = self.arrived.notified();
                tokio::pin!(arrived);
                arrived.as_mut().enable();
                let mails: Vec<_> = self
                    .mails()
                    .into_iter()
                    .filter(|mail| mail.email == email)
                    .collect();
                if mails.len() >= count {
                    return mails;
                }
                arrived.await;
            }
        };
        tokio::time::timeout(PATIENCE, enough)
            .await
            .expect("the mail is asked for")
    }
}

/// The event's mail; `None` if it withholds one.
pub(crate) fn mail_of(record: &Record) -> Option<(AuthEvent, MailRequested)> {
    let event = AuthEvent::decode(record.payload.clone()).unwrap();
    match event.payload.clone() {
        Some(auth_event::Payload::MailRequested(mail)) => Some((event, mail)),
        Some(auth_event::Payload::MailWithheld(_)) => None,
        None => panic!("an event without a payload"),
    }
}

pub(crate) struct World {
    pub(crate) test: TestEnv,
    pub(crate) auth: Auth,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) gateway: Client,
    pub(crate) notifier: Client,
    pub(crate) orders: Client,
    pub(crate) store: Option<String>,
}

/// A signed-in user.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) user: User,
    pub(crate) email: String,
    pub(crate) tokens: TokenPair,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(flags: &[&str]) -> Self {
        let test = TestEnv::new();
        let store = new_database(&test);
        let mailbox = Arc::new(Mailbox::default());
        let bus = Bus::new();
        bus.register(mailbox.clone());
        let auth = comptoir_auth::start(
            stored(store.as_deref(), flags),
            test.env.clone(),
            Some(bus.into()),
        )
        .await
        .unwrap();
        let slot = in_process();
        slot.bind(&auth.service());
        let client = |from| AuthServiceClient::new(slot.channel(from));
        Self {
            test,
            auth,
            mailbox,
            gateway: client("gateway"),
            notifier: client("notifier"),
            orders: client("orders"),
            store,
        }
    }

    /// The settings with these flags, and this world's store.
    pub(crate) fn config(&self, flags: &[&str]) -> Config {
        stored(self.store.as_deref(), flags)
    }

    /// Advances the clock, with the upkeep that a process does every 10 s.
    pub(crate) async fn advance(&self, seconds: u64) {
        self.test.clock.advance(Duration::from_secs(seconds));
        self.auth.maintain().await.unwrap();
    }

    pub(crate) async fn register(&self, email: &str, password: &str) -> Result<(), Error> {
        let request = RegisterRequest {
            email: email.into(),
            password: password.into(),
            first_name: Some("Ada".into()),
            ..RegisterRequest::default()
        };
        refused(self.gateway.clone().register(request).await.map(drop))
    }

    /// The token of a mail's link.
    pub(crate) async fn link(&self, mail: &MailRequested) -> String {
        let request = IssueMailTokenRequest {
            mail_id: mail.mail_id.clone(),
        };
        self.notifier
            .clone()
            .issue_mail_token(request)
            .await
            .unwrap()
            .into_inner()
            .token
    }

    pub(crate) async fn confirm(&self, token: &str) -> Result<User, Error> {
        let request = ConfirmEmailRequest { token: token.into() };
        let answer = refused(self.gateway.clone().confirm_email(request).await)?;
        Ok(answer.into_inner().user.unwrap())
    }

    pub(crate) async fn login(&self, email: &str, password: &str) -> Result<Person, Error> {
        self.login_from(email, password, None).await
    }

    pub(crate) async fn login_from(
        &self,
        email: &str,
        password: &str,
        address: Option<&str>,
    ) -> Result<Person, Error> {
        let request = LoginRequest {
            email: email.into(),
            password: password.into(),
            user_agent: Some("test\r\nbrowser".into()),
            client_address: address.map(str::to_owned),
        };
        let answer = refused(self.gateway.clone().login(request).await)?.into_inner();
        Ok(Person {
            user: answer.user.unwrap(),
            email: email.into(),
            tokens: answer.tokens.unwrap(),
        })
    }

    pub(crate) async fn refresh(&self, token: &str, request_id: Option<&str>) -> Result<TokenPair, Error> {
        let request = RefreshTokenRequest {
            refresh_token: token.into(),
            request_id: request_id.map(str::to_owned),
        };
        let answer = refused(self.gateway.clone().refresh_token(request).await)?;
        Ok(answer.into_inner().tokens.unwrap())
    }

    /// Registers, confirms and signs in.
    pub(crate) async fn person(&self, email: &str) -> Person {
        self.register(email, PASSWORD).await.unwrap();
        let mail = self.mailbox.wait(email, 1).await.pop().unwrap();
        let token = self.link(&mail).await;
        self.confirm(&token).await.unwrap();
        self.login(email, PASSWORD).await.unwrap()
    }

    /// The first administrator, signed in.
    pub(crate) async fn admin(&self) -> Person {
        self.auth
            .ensure_admin("admin@example.org", Some(PASSWORD))
            .await
            .unwrap();
        self.login("admin@example.org", PASSWORD).await.unwrap()
    }

    /// Reads the token's account. Returns whether the token is accepted.
    pub(crate) async fn me(&self, person: &Person, access_token: &str) -> Result<User, Error> {
        let request = GetUserRequest {
            user_id: person.user.id.clone(),
        };
        let mut client = self.gateway.clone();
        let answer = refused(with_token(access_token, client.get_user(request)).await)?;
        Ok(answer.into_inner().user.unwrap())
    }

    /// Waits until the token is refused with TOKEN_REVOKED.
    pub(crate) async fn until_revoked(&self, person: &Person, access_token: &str) {
        let gone = async {
            while reason(self.me(person, access_token).await) != Some(ErrorReason::TokenRevoked) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, gone)
            .await
            .expect("the token is revoked");
    }
}

impl Person {
    /// Makes a call as this user.
    pub(crate) async fn call<T>(
        &self,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Error> {
        refused(with_token(&self.tokens.access_token, call).await).map(Response::into_inner)
    }
}

pub(crate) fn refused<T>(answer: Result<T, Status>) -> Result<T, Error> {
    answer.map_err(|status| Error::from_status(&status))
}

/// The reason for which a call was refused; `None` if it succeeded.
pub(crate) fn reason<T>(answer: Result<T, Error>) -> Option<ErrorReason> {
    answer.err().map(|error| error.reason())
}
