//! `comptoir import`, the command, against a running shop.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use comptoir_e2e::{Shop, calls, number, process, skip};
use serde_json::{Value, json};
use tokio::process::Command;

/// Runs the command; returns its exit code and output.
async fn command(shop: &Shop, options: &[&str], file: &Path) -> std::process::Output {
    Command::new(process::binary("comptoir"))
        .args(["import", "--gateway", &shop.url("")])
        .args(options)
        .arg(file)
        .env("COMPTOIR_ADMIN_EMAIL", calls::ADMIN_EMAIL)
        .env("COMPTOIR_ADMIN_PASSWORD", calls::ADMIN_PASSWORD)
        .output()
        .await
        .unwrap()
}

/// Runs the command; returns its report.
async fn import(shop: &Shop, file: &Path) -> Value {
    let output = command(shop, &["--json"], file).await;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_str(&text).unwrap()
}

/// All products, by slug.
async fn products(shop: &Shop) -> BTreeMap<String, Value> {
    let query = "query($after: String) { products(first: 100, after: $after) {
        nodes { id slug title version vendor productType tags status
                variants { sku title price { amount } quantityAvailable } images { url } }
        pageInfo { hasNextPage endCursor } } }";
    let (mut all, mut after) = (BTreeMap::new(), Value::Null);
    loop {
        let data = shop.graphql(None, query, json!({ "after": after })).await;
        let page = &data["products"];
        for node in page["nodes"].as_array().unwrap() {
            all.insert(node["slug"].as_str().unwrap().to_owned(), node.clone());
        }
        if page["pageInfo"]["hasNextPage"] != json!(true) {
            return all;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

/// The rows of a simple CSV, by header; enough for a file without quoted newlines.
fn rows(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut lines = text.lines().map(fields);
    let header = lines.next().unwrap();
    lines
        .map(|row| header.iter().cloned().zip(row).collect())
        .collect()
}

fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            other => field.push(other),
        }
    }
    fields.push(field);
    fields
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_shops_file_is_imported_whole_and_once() {
    let Ok(file) = std::env::var("COMPTOIR_TEST_APPAREL_CSV") else {
        skip(
            "a_real_shops_file_comes_in_whole_and_only_once",
            "COMPTOIR_TEST_APPAREL_CSV names no file",
        );
        return;
    };
    let shop = Shop::start().await;
    let report = import(&shop, Path::new(&file)).await;
    assert_eq!(
        report["products"],
        json!({ "created": 20, "updated": 0, "unchanged": 0 }),
        "{report}"
    );
    assert_eq!(
        (report["variants"].clone(), report["errors"].clone()),
        (json!(22), json!([])),
        "{report}"
    );
    let first = products(&shop).await;
    assert_eq!(first.len(), 20);

    let text = std::fs::read_to_string(&file).unwrap();
    let mut variants = BTreeMap::<String, Vec<String>>::new();
    let mut pictures = BTreeMap::<String, usize>::new();
    for row in rows(text.trim_start_matches('\u{feff}')) {
        let product = &first[&row["Handle"]];
        if !row["Title"].is_empty() {
            assert_eq!(product["title"], row["Title"].trim());
            assert_eq!(product["vendor"], row["Vendor"]);
        }
        if !row["Variant Price"].is_empty() {
            let price: f64 = row["Variant Price"].parse().unwrap();
            variants
                .entry(row["Handle"].clone())
                .or_default()
                .push(format!("{price:.2}"));
        }
        if !row["Image Src"].is_empty() {
            *pictures.entry(row["Handle"].clone()).or_default() += 1;
            let urls: Vec<&str> = product["images"]
                .as_array()
                .unwrap()
                .iter()
                .map(|image| image["url"].as_str().unwrap())
                .collect();
            assert!(urls.contains(&row["Image Src"].as_str()), "{urls:?}");
        }
    }
    for (handle, prices) in variants {
        let got: Vec<&str> = first[&handle]["variants"]
            .as_array()
            .unwrap()
            .iter()
            .map(|variant| variant["price"]["amount"].as_str().unwrap())
            .collect();
        assert_eq!(got, prices, "{handle}");
    }
    for (handle, count) in pictures {
        assert_eq!(
            first[&handle]["images"].as_array().unwrap().len(),
            count,
            "{handle}"
        );
    }

    let report = import(&shop, Path::new(&file)).await;
    assert_eq!(
        report["products"],
        json!({ "created": 0, "updated": 0, "unchanged": 20 }),
        "{report}"
    );
    assert_eq!(products(&shop).await, first, "no version grew");
}

/// A file of ten good products, and ten rows that are damaged in ten ways between them.
fn damaged() -> (String, Vec<(u64, &'static str)>) {
    let mut text = String::from(
        "Handle,Title,Body (HTML),Vendor,Tags,Published,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Qty,\
         Variant Inventory Policy,Variant Price,Image Src\n",
    );
    let damage: [(&str, &str); 10] = [
        (
            "d0,Bad price,,v,,true,Title,Default Title,,1,deny,abc,",
            "VALIDATION_FAILED",
        ),
        (
            "d1,Negative price,,v,,true,Title,Default Title,,1,deny,-5.00,",
            "VALIDATION_FAILED",
        ),
        (
            "d2,Too many digits,,v,,true,Title,Default Title,,1,deny,5.001,",
            "VALIDATION_FAILED",
        ),
        (
            ",No handle,,v,,true,Title,Default Title,,1,deny,5.00,",
            "VALIDATION_FAILED",
        ),
        (
            "d4,,,v,,true,Title,Default Title,,1,deny,5.00,",
            "VALIDATION_FAILED",
        ),
        (
            "d5,Bad quantity,,v,,true,Title,Default Title,,many,deny,5.00,",
            "INVALID_QUANTITY",
        ),
        (
            "d6,Bad status,,v,,maybe,Title,Default Title,,1,deny,5.00,",
            "VALIDATION_FAILED",
        ),
        ("d7,Too few fields,,v", "VALIDATION_FAILED"),
        (
            "d8,Bad\u{202e}text,,v,,true,Title,Default Title,,1,deny,5.00,",
            "INVALID_TEXT",
        ),
        ("g8,,,,,,,One,,1,deny,5.00,", "VALIDATION_FAILED"),
    ];
    let mut lines = Vec::new();
    let mut line = 1;
    for (n, (row, code)) in damage.into_iter().enumerate() {
        line += 1;
        writeln!(text, "g{n},Good {n},,v,,true,Size,One,,5,deny,5.00,").unwrap();
        // The last damaged row repeats an option value of g8, in the row after it.
        if n == 9 {
            text.truncate(text.trim_end().rfind('\n').unwrap() + 1);
            text = text.replace(
                "g8,Good 8,,v,,true,Size,One,,5,deny,5.00,\n",
                &format!("g8,Good 8,,v,,true,Size,One,,5,deny,5.00,\n{row}\n"),
            );
            writeln!(text, "g9,Good 9,,v,,true,Size,One,,5,deny,5.00,").unwrap();
            // It follows g8 directly, and moves the rows after it by one.
            let g8 = text.lines().position(|line| line.starts_with("g8,Good")).unwrap() as u64 + 1;
            for (at, _) in &mut lines {
                if *at > g8 {
                    *at += 1;
                }
            }
            lines.push((g8 + 1, code));
        } else {
            writeln!(text, "{row}").unwrap();
            line += 1;
            lines.push((line, code));
        }
    }
    lines.sort_unstable();
    (text, lines)
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_rows_are_named_and_the_rest_is_imported() {
    let shop = Shop::start().await;
    let (text, lines) = damaged();
    let file = shop.folder().path().join("damaged.csv");
    std::fs::write(&file, text).unwrap();
    let report = import(&shop, &file).await;
    let named: Vec<(u64, &str)> = report["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| (error["line"].as_u64().unwrap(), error["code"].as_str().unwrap()))
        .collect();
    assert_eq!(named, lines, "{report:#}");
    let taken: Vec<String> = products(&shop)
        .await
        .into_keys()
        .filter(|slug| slug.starts_with('g'))
        .collect();
    assert_eq!(taken.len(), 10, "{taken:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn remarks_are_reported_beside_the_errors() {
    let shop = Shop::start().await;
    let file = shop.folder().path().join("remarks.csv");
    let text = "Handle,Title,Variant Price,Image Src,Notes\nシャツ,Shirt,5.00,ftp://pictures/x.png,\nmug,Mug,4.00,,\n";
    std::fs::write(&file, text).unwrap();
    let report = import(&shop, &file).await;
    assert_eq!(report["products"]["created"], json!(2), "{report:#}");
    assert_eq!(report["errors"], json!([]));
    let remarks: Vec<_> = report["remarks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|remark| (remark["line"].as_u64().unwrap(), remark["code"].as_str().unwrap()))
        .collect();
    assert_eq!(
        remarks,
        [(1, "VALIDATION_FAILED"), (2, "URL_NOT_ALLOWED")],
        "{report:#}"
    );
    let output = command(&shop, &["--strict"], &file).await;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "a remark is no error: {said}");
    assert!(
        said.contains("line 2: remark URL_NOT_ALLOWED: ")
            && said.ends_with("; 0 rows not imported; 2 remarks\n"),
        "{said}"
    );
    let product: Value = reqwest::get(shop.url("/store/products/シャツ"))
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(product["slug"], "シャツ", "{product}");
    std::fs::write(&file, format!("{text},No handle,4.00,,\n")).unwrap();
    assert_eq!(command(&shop, &["--strict"], &file).await.status.code(), Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_takes_little_memory() {
    let shop = Shop::start().await;
    let mut text = String::from(
        "Handle,Title,Body (HTML),Vendor,Option1 Name,Option1 Value,Variant Inventory Qty,Variant Price\n",
    );
    let body = "<p>A long description with <b>markup</b>.</p>".repeat(230);
    let mut products = 0_u64;
    while text.len() < number("IMPORT_MIB", 30, 8) << 20 {
        writeln!(text, "bulk-{products},Bulk {products},{body},v,Size,One,5,5.00").unwrap();
        products += 1;
    }
    let file = shop.folder().path().join("bulk.csv");
    std::fs::write(&file, &text).unwrap();
    let before = resident(shop.pid());
    let peak = tokio::spawn(peak(shop.pid()));
    let report = import(&shop, &file).await;
    assert_eq!(
        report["products"]["created"],
        json!(products),
        "{}",
        report["errors"]
    );
    peak.abort();
    let most = std::fs::read_to_string(format!("/proc/{}/status", shop.pid())).unwrap();
    let most = kilobytes(&most, "VmHWM:");
    println!(
        "{products} products, {} MiB: from {} to at most {} MiB",
        text.len() >> 20,
        before >> 10,
        most >> 10
    );
    assert!(most - before < 64 * 1024, "from {before} to {most} KiB");
}

/// Samples it, so that the log of a failing run shows a peak.
async fn peak(pid: u32) {
    loop {
        println!("resident: {} MiB", resident(pid) >> 10);
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
}

fn resident(pid: u32) -> u64 {
    kilobytes(
        &std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap(),
        "VmRSS:",
    )
}

fn kilobytes(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
