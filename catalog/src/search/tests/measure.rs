//! Measures how late other calls are beside searches:
//! `PRODUCTS=1000000 cargo test --release -p comptoir-catalog --features measure --lib -- --nocapture what_searches_cost`

use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

use super::super::{Index, document::Document, filters::Filters, query::Sort, state::State};
use super::{categories, product, query};

/// An index of so many products with titles of three of 20,000 words.
fn index_of(products: usize) -> Index {
    let mut random = StdRng::seed_from_u64(1);
    let words: Vec<String> = (0..20_000)
        .map(|_| {
            let length = random.random_range(3..11);
            (0..length)
                .map(|_| random.random_range(b'a'..=b'z') as char)
                .collect()
        })
        .collect();
    let mut state = State::default();
    state.set_categories(&categories());
    for number in 0..products {
        let mut product = product(&mut random, number);
        let title: Vec<&str> = (0..3)
            .map(|_| words.choose(&mut random).unwrap().as_str())
            .collect();
        product.content.title = format!("Shirt {}", title.join(" "));
        for (at, variant) in product.variants.iter_mut().enumerate() {
            variant.sku = Some(format!("SKU-{number}-{at}"));
        }
        state.put(&Document::from(&product));
    }
    let index = Index::new(std::thread::available_parallelism().unwrap().get(), 1_000);
    index.swap(state);
    index
}

/// Asks the index, on the thread that serves calls or beside it.
async fn ask(index: &Index, text: &str, beside: bool) -> u64 {
    let query = query(text, Filters::default(), Sort::Relevance, 24);
    if beside {
        index.search(query).await.unwrap().total
    } else {
        index.read(|state| state.search(&query)).total
    }
}

fn percentile(times: &mut [Duration], of_100: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() - 1) * of_100 / 100]
}

#[test]
fn what_searches_cost_other_calls() {
    let products = std::env::var("PRODUCTS").map_or(200_000, |products| products.parse().unwrap());
    let index = index_of(products);
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap()
    };
    println!("{products} products, 2 serving threads");
    for (text, clients) in [
        ("", 1),
        ("shirt", 1),
        ("shrit", 1),
        ("sku-7-0", 1),
        ("", 4),
        ("shirt", 4),
        ("shrit", 4),
    ] {
        for beside in [false, true] {
            let runtime = runtime();
            let ends = Instant::now() + Duration::from_secs(4);
            let searching: Vec<_> = (0..clients)
                .map(|_| {
                    let index = index.clone();
                    runtime.spawn(async move {
                        let mut times = Vec::new();
                        while Instant::now() < ends {
                            let asked = Instant::now();
                            assert!(ask(&index, text, beside).await > 0);
                            times.push(asked.elapsed());
                            tokio::task::yield_now().await;
                        }
                        times
                    })
                })
                .collect();
            let other = runtime.spawn(async move {
                let mut late = Vec::new();
                while Instant::now() < ends {
                    let due = tokio::time::Instant::now() + Duration::from_millis(2);
                    tokio::time::sleep_until(due).await;
                    late.push(due.elapsed());
                }
                late
            });
            let (mut times, mut late) = runtime.block_on(async {
                let mut times = Vec::new();
                for searching in searching {
                    times.extend(searching.await.unwrap());
                }
                (times, other.await.unwrap())
            });
            println!(
                "{text:>8} by {clients}, {}: {:>6} searches, p50 {:>9.3?}, p99 {:>9.3?}; a timer beside is late by p50 {:>9.3?}, p99 {:>9.3?}, at most {:>9.3?}",
                if beside { "pool  " } else { "thread" },
                times.len(),
                percentile(&mut times, 50),
                percentile(&mut times, 99),
                percentile(&mut late, 50),
                percentile(&mut late, 99),
                percentile(&mut late, 100),
            );
        }
    }
}
