//! Imports of large files. They run in a process of their own, because they measure its memory and processor time.

#[expect(dead_code, reason = "the service's tests use the rest")]
#[path = "service/support/mod.rs"]
mod support;

use std::time::Instant;

use support::Shop;

/// Whether the files are of full size, as `COMPTOIR_TEST_FULL=1` asks. Without it they are a tenth, which a debug build
/// imports in seconds.
fn full() -> bool {
    std::env::var("COMPTOIR_TEST_FULL").is_ok_and(|value| !["", "0"].contains(&value.as_str()))
}

/// Bytes of the file at full size.
const SIZE: usize = 30 * 1024 * 1024;
/// How much more memory the process may take.
const MEMORY: usize = 64 * 1024 * 1024;

const HEADER: &str = "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Variant SKU,\
                      Variant Inventory Qty,Variant Price,Image Src,Image Position\n";

/// A product of three rows and about six kilobytes.
fn product(number: usize) -> String {
    let body = "<p>Woven, \"\"dyed\"\" and\nsewn with care &amp; patience.</p>".repeat(100);
    let colour = ["Red", "Green", "Blue"][number % 3];
    format!(
        "item-{number},Item {number} {colour},\"{body}\",Maker {},Kind {},\"{colour}, tag {}\",true,Size,S,S-{number},3,\
         {}.50,https://cdn.example.com/{number}.jpg,1\n\
         item-{number},,,,,,,,M,M-{number},0,{}.90,https://cdn.example.com/{number}-m.jpg,2\n\
         item-{number},,,,,,,,,,,,https://cdn.example.com/{number}-back.jpg,3\n",
        number % 40,
        number % 12,
        number % 90,
        10 + number % 70,
        20 + number % 70,
    )
}

fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<usize>().ok()? * 1024)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_file_is_imported_with_little_memory() {
    let shop = Shop::open().await;
    shop.import("Handle,Title,Variant Price\nwarm,Warm,1\n").await;
    let size = if full() { SIZE } else { SIZE / 10 };
    let products = size / product(1_000).len();
    let chunks = std::iter::once(HEADER.to_owned())
        .chain((0..products).map(product))
        .map(String::into_bytes);
    let before = resident();
    let started = Instant::now();
    let import = shop.import_stream("", futures::stream::iter(chunks));
    tokio::pin!(import);
    let mut most = before;
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(20));
    let report = loop {
        tokio::select! {
            report = &mut import => break report.unwrap(),
            _ = ticks.tick() => most = most.max(resident()),
        }
    };
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{products} products in {seconds:.1} s, {:.0} a second",
        products as f64 / seconds
    );
    assert_eq!(
        (report.products_created as usize, report.errors_total),
        (products, 0)
    );
    assert_eq!(
        (report.variants as usize, report.images as usize),
        (2 * products, 3 * products)
    );
    let waited = shop.until_found(products as i64 + 1).await;
    println!("all found {} ms after the answer", waited.as_millis());
    assert!(waited.as_secs_f64() < 1.0, "{waited:?}");
    if let (Some(before), Some(most)) = (before, most) {
        println!("{} MiB more at most", (most - before) / 1024 / 1024);
        assert!(most - before < MEMORY, "{} bytes more", most - before);
    }
}

/// Processor time of this process, in hundredths of a second.
fn processor() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields = stat.rsplit_once(')')?.1;
    let ticks = fields.split_ascii_whitespace().skip(11).take(2);
    ticks.map(|ticks| ticks.parse::<u64>().ok()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_product_costs_what_the_first_one_did() {
    /// Parts of the file.
    const PARTS: usize = 6;
    let part_size = if full() { 1_000 } else { 200 };
    // A vendor and tags of its own for each product are what a search has to keep in order.
    let row = |number: usize| {
        let scattered = number * 7_919 % (part_size * PARTS);
        format!(
            "item-{scattered},Item {scattered},Maker {scattered},\"tag {scattered}, common\",Size,{scattered},1,5.00\n"
        )
    };
    let shop = Shop::open().await;
    let mut costs = Vec::new();
    for part in 0..PARTS {
        let rows: String = (part * part_size..(part + 1) * part_size).map(row).collect();
        let header =
            "Handle,Title,Vendor,Tags,Option1 Name,Option1 Value,Variant Inventory Qty,Variant Price\n";
        let Some(before) = processor() else {
            eprintln!("skipped: the_last_product_costs_what_the_first_one_did: no /proc");
            return;
        };
        let report = shop.import(&format!("{header}{rows}")).await;
        assert_eq!(
            (report.products_created as usize, report.errors_total),
            (part_size, 0)
        );
        shop.until_found(((part + 1) * part_size) as i64).await;
        costs.push(processor().unwrap_or_default() - before);
    }
    println!("{costs:?} hundredths of a second of processor for each {part_size} products");
    let (first, last) = (costs[0] + costs[1], costs[PARTS - 2] + costs[PARTS - 1]);
    assert!(
        last * 2 < first * 3,
        "{costs:?}: a file's last products cost more than its first"
    );
}

#[test]
fn all_of_it_on_postgres() {
    support::place::again_on_postgres("all_of_it_on_postgres");
}
