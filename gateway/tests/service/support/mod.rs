//! One set of fake services, and the gateway over them: in this process (`in_process`) or on a port (`served`).

pub(crate) mod answer;
pub(crate) mod fakes;
pub(crate) mod in_process;
pub(crate) mod lamp;
pub(crate) mod served;

use std::time::Duration;

use clap::Parser as _;
use comptoir_events::Broker;
use comptoir_gateway::{Config, Gateway, Peers};
use comptoir_mesh::testing::TestEnv;
use comptoir_mesh::{Service, channel};

use self::fakes::Fakes;

#[derive(clap::Parser)]
struct Arguments {
    #[command(flatten)]
    config: Config,
}

/// The settings of these flags.
pub(crate) fn config(flags: &[&str]) -> Result<Config, clap::Error> {
    let mut config = Arguments::try_parse_from([&["gateway"], flags].concat())?.config;
    // The environment may name one, for the tests of Redis. Counts in it would be shared by all tests.
    config.cache.redis_url = None;
    Ok(config)
}

/// A gateway over fakes, without a port.
pub(crate) async fn gateway(
    test: &TestEnv,
    fakes: &Fakes,
    broker: Option<Broker>,
    flags: &[&str],
) -> anyhow::Result<Gateway> {
    comptoir_gateway::start(config(flags)?, test.env.clone(), peers(test, fakes), broker).await
}

/// Channels to the fakes in this process.
fn peers(test: &TestEnv, fakes: &Fakes) -> Peers {
    let channel = |service: &Service| {
        let slot = channel::in_process();
        slot.bind(service);
        slot.channel("gateway")
    };
    Peers {
        auth: channel(&fakes.auth(&test.env)),
        catalog: channel(&fakes.catalog(&test.env)),
        orders: channel(&fakes.orders(&test.env)),
        notifier: channel(&fakes.notifier(&test.env)),
    }
}

/// Waits until a condition holds, at most 30 s.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..3_000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within 30 s: {what}");
}
