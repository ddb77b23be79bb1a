//! However many replicas take part, a unit is sold, a card is charged and a mail is sent once.

use std::collections::{BTreeMap, BTreeSet};

use comptoir_e2e::{
    Buyer, Calls,
    buyer::Completed,
    cluster::{Cluster, Name, Servers},
    mails::mails,
    rounds,
    shop::eventually,
};
use futures::future::join_all;
use serde_json::{Value, json};

use super::WAIT;
use crate::{ONE_AT_A_TIME, doubles};

/// Units of the product that too many buyers want.
const UNITS: usize = 10;
const BUYERS: usize = 40;
/// Units of the product that every buyer gets.
const PLENTY: usize = 1000;
/// Buyers whose cards are declined, once the units are reserved.
const CARDS: [&str; 4] = [
    "pm_card_visa",
    "pm_card_visa",
    "pm_card_visa",
    "pm_card_chargeDeclined",
];

/// Two replicas of everything, and buyers.
struct Crowd<'a> {
    cluster: &'a Cluster,
    gateways: Vec<Calls>,
    admin: String,
}

impl Crowd<'_> {
    /// This many buyers with a unit in the cart, filled through either gateway.
    async fn buyers(&self, name: &str, count: usize, variant: &str) -> Vec<Buyer<'_>> {
        let names: Vec<String> = (0..count)
            .map(|number| format!("{name}-{number}-{}", self.cluster.id))
            .collect();
        let doors = names.iter().zip(self.gateways.iter().cycle());
        join_all(doors.map(async |(name, gateway)| Buyer::with_cart(gateway, name, &[(variant, 1)]).await))
            .await
    }

    /// Completes a cart with one key, this many times through each gateway at once, and retries until the result is known.
    /// All responses with an order have the same.
    async fn complete(&self, buyer: &Buyer<'_>, card: &str, times: usize) -> Completed {
        let doors: Vec<Buyer<'_>> = self
            .gateways
            .iter()
            .map(|gateway| Buyer::of(gateway, &buyer.cart, &buyer.email))
            .collect();
        let calls = doors.iter().cycle().take(times * doors.len());
        let answers = join_all(calls.map(|door| door.pay("stripe", card, "the-key"))).await;
        let last = eventually("the result is known", WAIT, || async {
            let answer = buyer.pay("stripe", card, "the-key").await;
            let refused = ["INSUFFICIENT_STOCK", "PAYMENT_DECLINED"].contains(&answer.code.as_str());
            (refused || !answer.order.is_empty()).then_some(answer)
        })
        .await;
        for answer in answers.iter().filter(|answer| !answer.order.is_empty()) {
            assert_eq!(answer.order, last.order, "{answer:?}\n{last:?}");
        }
        last
    }

    /// Waits until an order is captured; returns it.
    async fn captured(&self, order: &str) -> Value {
        let query = "query($id: ID!) { order(id: $id) { number state email cost { total { amount } } } }";
        eventually("the order is captured", WAIT, || async {
            let mut data = self
                .cluster
                .graphql(Some(&self.admin), query, json!({ "id": order }))
                .await;
            (data["order"]["state"] == "CONFIRMED").then(|| data["order"].take())
        })
        .await
    }

    /// Waits until there are this many messages, and all are sent.
    async fn all_sent(&self, count: usize) {
        let query = "query($status: String) { adminDeliveries(first: 1, status: $status) { totalCount } }";
        let total = async |status: Option<&str>| {
            let variables = json!({ "status": status });
            let data = self.cluster.graphql(Some(&self.admin), query, variables).await;
            data["adminDeliveries"]["totalCount"].clone()
        };
        eventually("all messages are sent", WAIT, || async {
            (total(None).await == json!(count) && total(Some("sent")).await == json!(count)).then_some(())
        })
        .await;
    }

    /// Whether each replica of a service has counted something.
    async fn share(&self, name: Name, metric: &str, label: &str) -> bool {
        for process in self.cluster.of(name) {
            if process.metric(metric, label).await == 0.0 {
                return false;
            }
        }
        true
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sold_charged_or_sent_twice() {
    let name = "nothing_is_sold_charged_or_sent_twice";
    let Some(servers) = Servers::of_environment(name) else {
        return;
    };
    let _alone = ONE_AT_A_TIME.lock().await;
    let stripe = doubles::stripe().await;
    let cluster = Cluster::start(&servers, 2, &doubles::settings(&stripe)).await;
    let crowd = Crowd {
        cluster: &cluster,
        gateways: cluster.gateways(),
        admin: cluster.admin().await,
    };
    let admin = crowd.admin.as_str();
    let quantity = |units: usize| u32::try_from(units).unwrap();
    let rare = cluster.add_product(admin, "Rare", "18.00", quantity(UNITS)).await;
    let lamp = cluster
        .add_product(admin, "Lamp", "49.90", quantity(PLENTY))
        .await;
    let mut orders = Vec::new();

    // Until both notifiers get events: at first one has all partitions.
    while !crowd
        .share(Name::Notifier, "events_consumed_total", "outcome=\"taken\"")
        .await
    {
        assert!(orders.len() < 100, "one notifier takes all events");
        let name = format!("early-{}", orders.len());
        for buyer in crowd.buyers(&name, 1, &lamp).await {
            orders.push(crowd.complete(&buyer, "pm_card_visa", 1).await.order);
        }
    }

    // One cart, completed with one key ten times through each gateway at once.
    for buyer in crowd.buyers("impatient", rounds(), &lamp).await {
        orders.push(crowd.complete(&buyer, "pm_card_visa", 10).await.order);
    }
    let lamps = orders.len();

    // More buyers than units, each through both gateways at once.
    let buyers = crowd.buyers("racing", BUYERS, &rare).await;
    let cards = buyers.iter().zip(CARDS.iter().cycle());
    let answers = join_all(cards.map(|(buyer, card)| crowd.complete(buyer, card, 1))).await;
    orders.extend(answers.into_iter().map(|answer| answer.order));
    orders.retain(|order| !order.is_empty());
    let sold = orders.len() - lamps;
    assert!(sold > 0 && sold <= UNITS, "{sold} of {UNITS} units sold");
    for gateway in &crowd.gateways {
        let left = (i64::try_from(UNITS - sold).unwrap(), 0);
        eventually("unsold units are on hand", WAIT, || async {
            (gateway.stock(admin, &rare).await == left).then_some(())
        })
        .await;
    }
    // Units that were reserved for declined cards are sold to the last one, and no more.
    for buyer in crowd.buyers("late", UNITS - sold, &rare).await {
        let answer = crowd.complete(&buyer, "pm_card_visa", 1).await;
        assert!(!answer.order.is_empty(), "{answer:?}");
        orders.push(answer.order);
    }
    for buyer in crowd.buyers("too-late", 2, &rare).await {
        let answer = crowd.complete(&buyer, "pm_card_visa", 1).await;
        assert_eq!(answer.code, "INSUFFICIENT_STOCK", "{answer:?}");
    }

    // An order is one buyer's, and one payment.
    let distinct: BTreeSet<&String> = orders.iter().collect();
    assert_eq!(distinct.len(), orders.len());
    let mut buyers = BTreeMap::new();
    for id in &orders {
        let order = crowd.captured(id).await;
        assert_eq!(stripe.intents(id).len(), 1, "{id}");
        let (kept, charges) = stripe.kept(id);
        let total = format!("{}.{:02}", kept / 100, kept % 100);
        assert_eq!(
            (order["cost"]["total"]["amount"].as_str(), charges),
            (Some(total.as_str()), 1),
            "{id}"
        );
        buyers.insert(
            order["email"].to_string(),
            order["number"].as_str().unwrap().to_owned(),
        );
    }
    let charged = |intent: &&Value| intent["latest_charge"].is_string();
    assert_eq!(stripe.intents("").iter().filter(charged).count(), orders.len());
    let data = cluster
        .graphql(Some(admin), "{ adminOrders { totalCount } }", json!({}))
        .await;
    assert_eq!(data["adminOrders"]["totalCount"], json!(orders.len()));
    for gateway in &crowd.gateways {
        for (variant, on_hand) in [(&rare, 0), (&lamp, PLENTY - lamps)] {
            let on_hand = i64::try_from(on_hand).unwrap();
            assert_eq!(gateway.stock(admin, variant).await, (on_hand, 0));
            assert_eq!(gateway.ledger(admin, variant).await, on_hand);
        }
    }

    // Two mails an order, that it was placed and that it is paid, whichever notifier sent them.
    crowd.all_sent(2 * orders.len()).await;
    let mut sent: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for mail in mails(&cluster, &cluster.id).await {
        sent.entry(format!("\"{}\"", mail.to))
            .or_default()
            .push(mail.subject);
    }
    assert!(sent.keys().eq(buyers.keys()), "{sent:#?}\n{buyers:#?}");
    for (buyer, subjects) in &mut sent {
        subjects.sort();
        let ours = subjects.iter().all(|subject| subject.contains(&buyers[buyer]));
        assert!(
            ours && subjects.len() == 2 && subjects[0] != subjects[1],
            "{buyer}: {subjects:?}"
        );
    }

    // Both of each pair took part.
    let calls = "grpc_server_call_duration_seconds_count";
    assert!(crowd.share(Name::Catalog, calls, "ReserveStock").await);
    assert!(crowd.share(Name::Orders, calls, "CompleteCart").await);
    doubles::accepted_by_the_mock(name, &stripe).await;
}
