//! The five services as processes of their own on real servers, one of each or several.

use std::{
    ops::Deref,
    path::{Path, PathBuf},
};

use tokio::process::{Child, Command};

use crate::{
    calls::{ADMIN_EMAIL, ADMIN_PASSWORD, Calls},
    databases::{ask_redis, beside, delete_topics, drop_mongo, statement},
    now,
    process::{self, free_port},
    server,
};

/// A service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// Accounts and sessions.
    Auth,
    /// Products and stock.
    Catalog,
    /// Carts, orders and payments.
    Orders,
    /// Mails and text messages.
    Notifier,
    /// The edge.
    Gateway,
}

impl Name {
    /// All, in the order in which they are started.
    pub const ALL: [Self; 5] = [
        Self::Auth,
        Self::Catalog,
        Self::Orders,
        Self::Notifier,
        Self::Gateway,
    ];

    /// As in `comptoir-NAME`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Catalog => "catalog",
            Self::Orders => "orders",
            Self::Notifier => "notifier",
            Self::Gateway => "gateway",
        }
    }
}

/// The services whose stores are databases of MongoDB.
const ON_MONGO: [Name; 3] = [Name::Auth, Name::Orders, Name::Notifier];

/// The real servers, each from the variable that the services read.
#[derive(Clone, Debug)]
pub struct Servers {
    postgres: String,
    mongo: String,
    kafka: String,
    redis: String,
    aws: String,
}

impl Servers {
    /// The servers that the environment names. `None`, with a note on the test's output, if one is missing.
    pub fn of_environment(test: &str) -> Option<Self> {
        Some(Self {
            postgres: server("DATABASE_URL", test)?,
            mongo: server("MONGODB_URI", test)?,
            kafka: server("KAFKA_BROKERS", test)?,
            redis: server("REDIS_URL", test)?,
            aws: server("AWS_ENDPOINT_URL", test)?,
        })
    }
}

/// A process of a service.
pub struct Process {
    /// Which service.
    pub name: Name,
    /// Its gRPC port, or the gateway's HTTP port.
    pub port: u16,
    /// `/readyz`, `/metrics`.
    pub admin: u16,
    child: Child,
    settings: Vec<(String, String)>,
    log: PathBuf,
}

impl Process {
    /// The sum of a metric's series whose labels contain `label`.
    pub async fn metric(&self, name: &str, label: &str) -> f64 {
        let url = format!("http://127.0.0.1:{}/metrics", self.admin);
        let answer = reqwest::get(url).await.expect("the admin port answers");
        let text = answer.text().await.expect("metrics are text");
        text.lines()
            .filter(|line| line.starts_with(name) && line.contains(label))
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
            .sum()
    }
}

/// The processes. When it is dropped they are killed, and their databases, topics and consumer groups deleted.
pub struct Cluster {
    processes: Vec<Process>,
    calls: Calls,
    /// The names of this cluster's databases and topics begin with it.
    pub id: String,
    servers: Servers,
    _folder: tempfile::TempDir,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.child.start_kill();
        }
        let (id, servers) = (self.id.clone(), self.servers.clone());
        // `drop` cannot await, so another thread with its own runtime does.
        let deletion = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(delete(&id, &servers))
        });
        if let Ok(Err(error)) = deletion.join() {
            println!("the databases of {} were not deleted: {error:#}", self.id);
        }
    }
}

async fn delete(id: &str, servers: &Servers) -> anyhow::Result<()> {
    statement(&servers.postgres, format!("DROP DATABASE {id} WITH (FORCE)")).await?;
    for name in ON_MONGO {
        drop_mongo(&servers.mongo, &format!("{id}_{}", name.as_str())).await?;
    }
    delete_topics(&servers.kafka, &format!("{id}.")).await
}

impl Deref for Cluster {
    type Target = Calls;

    fn deref(&self) -> &Calls {
        &self.calls
    }
}

impl Cluster {
    /// Starts `replicas` of each service but auth, of which there is one, on databases and topics of its own. All get
    /// `settings`; a setting with an empty value is left out.
    pub async fn start(servers: &Servers, replicas: usize, settings: &[(&str, &str)]) -> Self {
        Self::start_as(servers, replicas, settings, false).await
    }

    /// As [`Self::start`], but each gateway calls another catalog, so that different gateways show what different
    /// catalogs know.
    pub async fn start_in_pairs(servers: &Servers, replicas: usize, settings: &[(&str, &str)]) -> Self {
        Self::start_as(servers, replicas, settings, true).await
    }

    async fn start_as(servers: &Servers, replicas: usize, settings: &[(&str, &str)], pairs: bool) -> Self {
        let id = format!("e2e{}", now().as_nanos() % 1_000_000_000_000);
        let folder = tempfile::tempdir().expect("a folder");
        statement(&servers.postgres, format!("CREATE DATABASE {id}"))
            .await
            .expect("the database is made");
        let mut ports = Vec::new();
        for name in Name::ALL {
            let count = if name == Name::Auth { 1 } else { replicas };
            ports.extend((0..count).map(|_| (name, free_port(), free_port())));
        }
        let urls = |name: Name| {
            let of = ports.iter().filter(|(service, ..)| *service == name);
            of.map(|(_, port, _)| format!("http://127.0.0.1:{port}"))
                .collect::<Vec<String>>()
        };
        // A cluster has a Redis database for itself, and empty: the keys of the cache depend on the schema alone.
        let redis = beside(&servers.redis, &(now().as_nanos() % 16).to_string());
        ask_redis(&redis, "FLUSHDB").await.expect("Redis answers");
        let mut common: Vec<(String, String)> = vec![
            ("DATABASE_URL".into(), beside(&servers.postgres, &id)),
            ("KAFKA_BROKERS".into(), servers.kafka.clone()),
            ("COMPTOIR_KAFKA_PREFIX".into(), format!("{id}.")),
            ("REDIS_URL".into(), redis),
            ("AWS_ENDPOINT_URL".into(), servers.aws.clone()),
            ("AWS_REGION".into(), "eu-west-3".into()),
            ("AWS_ACCESS_KEY_ID".into(), "test".into()),
            ("AWS_SECRET_ACCESS_KEY".into(), "test".into()),
            ("COMPTOIR_MAIL_FROM".into(), "shop@mesh.test".into()),
            ("COMPTOIR_ADMIN_EMAIL".into(), ADMIN_EMAIL.into()),
            ("COMPTOIR_ADMIN_PASSWORD".into(), ADMIN_PASSWORD.into()),
            ("COMPTOIR_LIMIT_REQUESTS_ADDRESS".into(), "0".into()),
            ("COMPTOIR_LIMIT_REQUESTS_USER".into(), "0".into()),
            ("COMPTOIR_LIMIT_MAILS_UNCONFIRMED".into(), "0".into()),
            ("COMPTOIR_DRAIN_DELAY".into(), "0".into()),
        ];
        for name in [Name::Auth, Name::Catalog, Name::Orders, Name::Notifier] {
            let service = name.as_str().to_uppercase();
            common.push((format!("COMPTOIR_{service}_URL"), urls(name).join(",")));
            if ON_MONGO.contains(&name) {
                let database = beside(&servers.mongo, &format!("{id}_{}", name.as_str()));
                common.push((format!("COMPTOIR_{service}_STORE"), database));
            }
        }
        for (name, value) in settings {
            common.retain(|(other, _)| other != name);
            if !value.is_empty() {
                common.push(((*name).to_owned(), (*value).to_owned()));
            }
        }
        let mut catalogs = urls(Name::Catalog).into_iter();
        let mut processes = Vec::new();
        for (number, (name, port, admin)) in ports.iter().copied().enumerate() {
            let mut settings = common.clone();
            let address = match name {
                Name::Gateway => "COMPTOIR_HTTP_ADDR".to_owned(),
                _ => format!("COMPTOIR_{}_ADDR", name.as_str().to_uppercase()),
            };
            settings.push((address, format!("127.0.0.1:{port}")));
            settings.push(("COMPTOIR_ADMIN_ADDR".into(), format!("127.0.0.1:{admin}")));
            if pairs && name == Name::Gateway {
                settings.extend(catalogs.next().map(|url| ("COMPTOIR_CATALOG_URL".into(), url)));
            }
            let data = folder.path().join(format!("{}-{number}", name.as_str()));
            settings.push(("COMPTOIR_DATA".into(), data.to_string_lossy().into_owned()));
            let log = folder.path().join(format!("{}-{number}.log", name.as_str()));
            let child = spawn(name, &settings, &log).await.expect("the process starts");
            processes.push(Process {
                name,
                port,
                admin,
                child,
                settings,
                log,
            });
        }
        let gateway = processes.iter().find(|process| process.name == Name::Gateway);
        let calls = Calls::to(gateway.expect("it was started").port);
        Self {
            processes,
            calls,
            id,
            servers: servers.clone(),
            _folder: folder,
        }
    }

    /// The processes of a service.
    pub fn of(&self, name: Name) -> impl Iterator<Item = &Process> {
        self.processes.iter().filter(move |process| process.name == name)
    }

    /// Calls to each of the gateways.
    pub fn gateways(&self) -> Vec<Calls> {
        self.of(Name::Gateway)
            .map(|process| Calls::to(process.port))
            .collect()
    }

    /// The value of this setting in the processes.
    pub fn setting(&self, name: &str) -> &str {
        let mut settings = self.processes[0].settings.iter().rev();
        let found = settings.find(|(setting, _)| setting == name);
        found
            .map(|(_, value)| value.as_str())
            .expect("there is such a setting")
    }

    /// The operators' binary, with the settings of the processes.
    pub fn operator(&self) -> Command {
        let mut command = process::command("comptoir");
        let settings = &self.processes[0].settings;
        command.envs(settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Processes that exited on their own, and panics; a sentence each.
    pub fn trouble(&mut self) -> Vec<String> {
        let mut trouble = Vec::new();
        for process in &mut self.processes {
            let name = process.name.as_str();
            if let Ok(Some(status)) = process.child.try_wait() {
                trouble.push(format!("{name} ended: {status}"));
            }
            let log = std::fs::read_to_string(&process.log).unwrap_or_default();
            let panics = log.lines().filter(|line| line.contains("panicked"));
            trouble.extend(panics.map(|line| format!("{name}: {line}")));
        }
        trouble
    }

    /// Kills the `number`th process of a service as a power cut would.
    pub async fn kill(&mut self, name: Name, number: usize) {
        let process = self.process(name, number);
        let _ = process.child.start_kill();
        let _ = process.child.wait().await;
    }

    /// Starts it again, on its port and stores.
    pub async fn revive(&mut self, name: Name, number: usize) {
        let process = self.process(name, number);
        process.child = spawn(name, &process.settings, &process.log)
            .await
            .expect("the process starts again");
    }

    fn process(&mut self, name: Name, number: usize) -> &mut Process {
        let mut of = self.processes.iter_mut().filter(|process| process.name == name);
        of.nth(number).expect("there is such a process")
    }
}

async fn spawn(name: Name, settings: &[(String, String)], log: &Path) -> anyhow::Result<Child> {
    let mut command = process::command(&format!("comptoir-{}", name.as_str()));
    command.envs(settings.iter().map(|(name, value)| (name, value)));
    process::launch(command, log).await
}
