//! Every way to read a product through every gateway, and how stale it is.

use std::{collections::BTreeMap, time::Duration};

use comptoir_e2e::{Calls, shop::eventually};
use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::WAIT;

/// A way to read a product, through one gateway.
struct View<'a> {
    gateway: &'a Calls,
    name: &'static str,
    /// How stale it may be.
    bound: Duration,
}

impl View<'_> {
    /// The product's price and availability; null when it is not shown.
    async fn look(&self, slug: &str) -> Value {
        let fields = "slug availableForSale priceRange { min { amount } }";
        let product = match self.name {
            "page" => {
                let query = format!("query($slug: String!) {{ product(slug: $slug) {{ {fields} }} }}");
                let mut data = self.gateway.graphql(None, &query, json!({ "slug": slug })).await;
                data["product"].take()
            }
            "list" | "search" => {
                // The slug is the title, and no other product has it.
                let query = match self.name {
                    "list" => format!("{{ found: products(first: 5) {{ nodes {{ {fields} }} }} }}"),
                    _ => format!("{{ found: search(query: \"{slug}\") {{ nodes {{ {fields} }} }} }}"),
                };
                let data = self.gateway.graphql(None, &query, json!({})).await;
                let nodes = data["found"]["nodes"].as_array().cloned().unwrap_or_default();
                let found = nodes.into_iter().find(|node| node["slug"] == slug);
                found.unwrap_or_default()
            }
            _ => {
                let url = self.gateway.url(&format!("/store/products/{slug}"));
                let answer = self.gateway.http.get(url).send().await.unwrap();
                match answer.status() {
                    StatusCode::NOT_FOUND => Value::Null,
                    _ => answer.error_for_status().unwrap().json().await.unwrap(),
                }
            }
        };
        if product.is_null() {
            return Value::Null;
        }
        json!({ "price": product["priceRange"]["min"]["amount"], "sold": product["availableForSale"] })
    }

    /// Reads without pause until its bound is over, and a few times more: from then on it shows what is `expected`. Returns how
    /// long after the change it showed something else.
    async fn follows(&self, slug: &str, expected: &Value, changed: Instant) -> Duration {
        let (mut behind, mut shown) = (Duration::ZERO, 0);
        while shown < 3 {
            let asked = changed.elapsed();
            let seen = self.look(slug).await;
            if seen != *expected {
                behind = asked;
                let late = format!("{} of {} {asked:?} after", self.name, self.gateway.url(""));
                assert!(asked < self.bound, "{late}: {seen}, not {expected}");
            } else if asked >= self.bound {
                shown += 1;
            }
            sleep(Duration::from_millis(10)).await;
        }
        behind
    }
}

/// Every view of a product, and how stale each kind was at most.
pub(crate) struct Views<'a> {
    all: Vec<View<'a>>,
    slug: &'a str,
    pub(crate) behind: BTreeMap<&'static str, Duration>,
}

impl<'a> Views<'a> {
    pub(crate) fn through(gateways: &'a [Calls], slug: &'a str) -> Self {
        let kinds = [("page", 1), ("rest", 1), ("list", 2), ("search", 2)];
        let all = gateways.iter().flat_map(|gateway| {
            kinds.map(|(name, bound)| View {
                gateway,
                name,
                bound: Duration::from_secs(bound),
            })
        });
        Self {
            all: all.collect(),
            slug,
            behind: BTreeMap::new(),
        }
    }

    /// Waits until all show this, so that their caches have it.
    pub(crate) async fn show(&self, expected: &Value) {
        let slug = self.slug;
        for view in &self.all {
            eventually("it is shown", WAIT, || async {
                (view.look(slug).await == *expected).then_some(())
            })
            .await;
        }
    }

    /// After `change`, all show this in time, and nothing else from then on.
    pub(crate) async fn follow(&mut self, expected: &Value, change: impl Future<Output = ()>) {
        change.await;
        let (changed, slug) = (Instant::now(), self.slug);
        let follow = self
            .all
            .iter()
            .map(|view| async move { (view.name, view.follows(slug, expected, changed).await) });
        for (name, behind) in join_all(follow).await {
            let most = self.behind.entry(name).or_default();
            *most = behind.max(*most);
        }
    }
}
