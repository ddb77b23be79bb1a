//! Five processes on the real servers, and one fault after another while buyers check out: five hundred for each fault in a full
//! run, a hundred in a quick one; `CHECKOUTS` sets another number. Afterwards the stores are audited, and the answers that buyers
//! got are compared with the stores, the topic, and the requests to Stripe and SES.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use comptoir_e2e::{
    Calls,
    cluster::{Cluster, Name, Servers},
    is_full, number,
    shop::eventually,
    topic::OrdersTopic,
};
use futures::{StreamExt as _, future::join};
use tokio::time::{Instant, sleep};

use self::{
    books::{Orders, Stored, poison, published},
    faults::{Control, Fault, Proxy},
    load::{Checkout, Load, Outcome, buy, complete},
    ses::Ses,
};
use crate::{ONE_AT_A_TIME, doubles};

mod books;
mod faults;
mod load;
mod ses;

/// The time between two buyers.
const PACE: Duration = Duration::from_millis(25);
/// How long orders may take to finish afterwards.
const REST: Duration = Duration::from_secs(30);
/// How long events may take after that. Ten seconds are promised, but the machines that run tests are slow.
const PUBLISHED: Duration = Duration::from_secs(30);
/// How long mails may take.
const MAILED: Duration = Duration::from_secs(120);

fn checkouts() -> usize {
    number("CHECKOUTS", 500, 100)
}

/// Units of the product that a fifth of the buyers want: too few for all of them.
fn rare_stock() -> u32 {
    u32::try_from(checkouts() / 5 * 3 / 5).unwrap()
}

/// Causes `fault` while buyers check out, and checks everything afterwards.
async fn survived(test: &str, fault: Fault, pace: Duration) {
    let Some(servers) = Servers::of_environment(test) else {
        return;
    };
    let control = match fault {
        Fault::Restart(..) => match Control::of_environment(test) {
            None => return,
            some => some,
        },
        _ => None,
    };
    let _alone = ONE_AT_A_TIME.lock().await;
    let stripe = doubles::stripe().await;
    let (ses, ses_url) = Ses::start().await;
    let redis = Proxy::start(&std::env::var("REDIS_URL").unwrap()).await;
    let mut settings = doubles::settings(&stripe).to_vec();
    settings.extend([
        ("AWS_ENDPOINT_URL", ses_url.as_str()),
        ("REDIS_URL", redis.url.as_str()),
        ("COMPTOIR_NOTIFIER_SEND_RATE", "0"),
    ]);
    let mut cluster = Cluster::start(&servers, 1, &settings).await;
    let admin = cluster.admin().await;
    let plenty = cluster.add_product(&admin, "Lamp", "49.90", 100_000).await;
    let rare = cluster.add_product(&admin, "Rare", "18.00", rare_stock()).await;

    let topic = OrdersTopic::of(&cluster);
    poison(&topic).await;
    let (done, healed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let calls: Calls = Calls::clone(&cluster);
    let load = Load {
        calls: &calls,
        plenty: &plenty,
        rare: &rare,
        name: &cluster.id.clone(),
        pace,
        count: checkouts(),
        done: &done,
        healed: &healed,
    };
    let happening = async {
        while done.load(Ordering::Relaxed) < checkouts() / 5 {
            sleep(Duration::from_millis(10)).await;
        }
        let begin = Instant::now();
        fault.happen(&mut cluster, control.as_ref(), &redis).await;
        healed.store(true, Ordering::Relaxed);
        begin.elapsed()
    };
    let begin = Instant::now();
    let (checkouts, lasted) = join(buy(&load), happening).await;
    println!(
        "{test}: {} checkouts in {:.1?}, {lasted:.1?} of it under the fault; {} tries without an outcome",
        checkouts.len(),
        begin.elapsed(),
        checkouts.iter().map(|checkout| checkout.unknown).sum::<usize>()
    );

    come_to_rest(test, &cluster).await;
    let orders = Orders::of(&cluster).await.all().await;
    answers_of_buyers(&calls, &checkouts, &orders).await;
    rare_units(&cluster, &rare, &checkouts).await;
    let published = published(&topic).await;
    for (order, events) in &published {
        let stored = orders
            .get(order)
            .unwrap_or_else(|| panic!("{order} has events and is not stored"));
        let mut next = 1;
        for event in events {
            assert!(
                event.sequence <= next,
                "{order}: {next} is missing before {event:?}"
            );
            next = next.max(event.sequence + 1);
        }
        assert_eq!(
            i64::try_from(next - 1).unwrap(),
            stored.events,
            "{order}: {events:?}"
        );
        let mut ids: Vec<_> = events.iter().map(|event| (event.sequence, &event.id)).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(
            ids.len(),
            usize::try_from(stored.events).unwrap(),
            "{order}: {events:?}"
        );
    }
    for (id, order) in &orders {
        let (kept, charges) = stripe.kept(id);
        let (total, events) = match order.state.as_str() {
            "CONFIRMED" => (
                order.total,
                published[id].iter().filter(|event| event.paid).count(),
            ),
            "FAILED" => (0, 1),
            state => panic!("{id} is {state}"),
        };
        assert!(events > 0, "{id}: there is no event that it is paid");
        assert_eq!(
            (kept, charges <= 1),
            (total, true),
            "{id}: {:?}",
            stripe.intents(id)
        );
    }
    for intent in stripe.intents("") {
        let order = intent["metadata"]["order_id"].as_str().unwrap();
        assert!(
            orders.contains_key(order),
            "a payment for {order}, which is not there"
        );
    }
    mails(test, &cluster, &ses, &orders, fault.crashes_of_notifier()).await;
    let output = cluster
        .operator()
        .args(["audit", "--wait", "5"])
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(cluster.trouble(), Vec::<String>::new());
}

/// Waits until every order is finished and its events are published.
async fn come_to_rest(test: &str, cluster: &Cluster) {
    let orders = Orders::of(cluster).await;
    let begin = Instant::now();
    eventually("every order rests", REST, async || {
        (orders.open().await.0 == 0).then_some(())
    })
    .await;
    let rested = begin.elapsed();
    eventually("every event is published", PUBLISHED, async || {
        (orders.open().await.1 == 0).then_some(())
    })
    .await;
    println!(
        "{test}: at rest after {rested:.1?}, published after {:.1?}",
        begin.elapsed()
    );
}

/// Acknowledged orders are stored, and the same call gets the same response.
async fn answers_of_buyers(calls: &Calls, checkouts: &[Checkout], orders: &BTreeMap<String, Stored>) {
    let again: Vec<(Outcome, usize)> = futures::stream::iter(checkouts)
        .map(|checkout| complete(calls, &checkout.cart))
        .buffered(16)
        .collect()
        .await;
    let mut placed = 0;
    for (checkout, (again, _)) in checkouts.iter().zip(again) {
        assert_eq!(checkout.outcome, again, "{checkout:?}");
        match &checkout.outcome {
            Outcome::Ordered(id, total) => {
                let stored = orders.get(id).unwrap_or_else(|| panic!("{checkout:?} is lost"));
                let kept = (stored.state.as_str(), stored.total, stored.email.as_str());
                assert_eq!(
                    kept,
                    ("CONFIRMED", *total, checkout.email.as_str()),
                    "{checkout:?}"
                );
                placed += 1;
            }
            Outcome::Refused(code) => {
                assert_eq!(
                    (code.as_str(), checkout.rare),
                    ("INSUFFICIENT_STOCK", true),
                    "{checkout:?}"
                );
            }
        }
    }
    let confirmed = orders.values().filter(|order| order.state == "CONFIRMED").count();
    assert_eq!(confirmed, placed, "orders that no buyer was answered with");
}

/// As many units were sold as buyers were answered with an order.
async fn rare_units(cluster: &Cluster, rare: &str, checkouts: &[Checkout]) {
    let sold = checkouts
        .iter()
        .filter(|checkout| checkout.rare && matches!(checkout.outcome, Outcome::Ordered(..)));
    let left = i64::from(rare_stock()) - i64::try_from(sold.count()).unwrap();
    let admin = cluster.admin().await;
    assert_eq!(cluster.stock(&admin, rare).await, (left, 0));
}

/// Every buyer of an order has both mails, and no other buyer has any. A crash between sending a mail and recording that sends it
/// again.
async fn mails(test: &str, cluster: &Cluster, ses: &Ses, orders: &BTreeMap<String, Stored>, crashes: usize) {
    let confirmed = || orders.values().filter(|order| order.state == "CONFIRMED");
    let end = Instant::now() + MAILED;
    loop {
        let sent = ses.deliveries();
        let lacks = |order: &&Stored| sent.get(&order.email).is_none_or(|mails| mails.len() < 2);
        let lacking: Vec<_> = confirmed().filter(lacks).collect();
        if lacking.is_empty() {
            break;
        }
        if Instant::now() >= end {
            let notifier = cluster.of(Name::Notifier).next().expect("it runs");
            let lag = notifier.metric("events_consumer_lag", "").await;
            panic!(
                "{} of {} buyers lack a mail after {MAILED:?}, as {:?}; the notifier is {lag} events behind",
                lacking.len(),
                confirmed().count(),
                lacking[0],
            );
        }
        sleep(Duration::from_millis(200)).await;
    }
    let sent = ses.deliveries();
    let mut twice = 0;
    for (to, mails) in &sent {
        let of = confirmed().filter(|order| order.email == *to).count();
        assert_eq!((of, mails.len()), (1, 2), "{to}: {mails:?}");
        for times in mails.values() {
            assert!(*times <= 1 + crashes, "{to}: {mails:?}");
            twice += times - 1;
        }
    }
    println!(
        "{test}: {} mails, {twice} of them twice",
        sent.values().map(BTreeMap::len).sum::<usize>()
    );
}

/// A test for each fault, named by it.
macro_rules! survives {
    ($($test:ident: $fault:expr, $pace:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            survived(stringify!($test), $fault, $pace).await;
        }
    )*};
}

survives! {
    auth_is_killed: Fault::Kill(Name::Auth), PACE;
    the_catalog_is_killed: Fault::Kill(Name::Catalog), PACE;
    orders_is_killed: Fault::Kill(Name::Orders), PACE;
    the_notifier_is_killed: Fault::Kill(Name::Notifier), PACE;
    the_gateway_is_killed: Fault::Kill(Name::Gateway), PACE;
    postgresql_is_restarted: Fault::Restart("postgres", Duration::ZERO), PACE;
    mongodb_is_restarted: Fault::Restart("mongo", Duration::ZERO), PACE;
    kafka_is_restarted: Fault::Restart("kafka", Duration::ZERO), PACE;
    redis_is_restarted: Fault::Restart("redis", Duration::ZERO), PACE;
    redis_forgets_everything: Fault::Flush, PACE;
    // Buyers come more slowly, so that they come during the whole fault.
    kafka_is_away: Fault::Restart("kafka", Duration::from_secs(if is_full() { 60 } else { 10 })), 6 * PACE;
    redis_swallows_everything: Fault::BlackHole, PACE;
}
