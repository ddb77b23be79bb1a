//! Searching by REST and by GraphQL.

use comptoir_e2e::{Calls, Shop, process::START, shop::eventually};
use serde_json::{Value, json};

/// The answer of `GET /store/products` with these parameters.
async fn rest(shop: &Calls, parameters: &[(&str, &str)]) -> Value {
    let mut url = reqwest::Url::parse(&shop.url("/store/products")).unwrap();
    url.query_pairs_mut().extend_pairs(parameters);
    let answer = shop.http.get(url).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{parameters:?}");
    answer.json().await.unwrap()
}

fn titles(products: &Value) -> Vec<&str> {
    let products = products.as_array().unwrap().iter();
    products
        .map(|product| product["title"].as_str().unwrap())
        .collect()
}

/// Two products whose values have commas, plus signs and other characters with a meaning in URLs.
async fn stock(shop: &Calls) {
    let admin = shop.admin().await;
    let query = "mutation($input: ProductInput!) { productCreate(input: $input) { userErrors { code field message } } }";
    for (title, vendor, tag, condition, sku) in [
        (
            "Kuniyoshi",
            "Lenos Verlag, Basel",
            "a,b",
            "Powered up, not tested",
            "NOR.0707-60",
        ),
        ("Hokusai", "C++ & Söhne", "50%+", "As new=new?", "NOR.0707-61"),
    ] {
        let input = json!({
            "title": title, "vendor": vendor, "productType": "Books, used", "tags": [tag, "print"], "options": ["Condition"],
            "variants": [{ "price": "18.00", "quantity": 5, "optionValues": [condition], "sku": sku }]
        });
        let data = shop.graphql(Some(&admin), query, json!({ "input": input })).await;
        assert_eq!(data["productCreate"]["userErrors"], json!([]), "{data}");
    }
    eventually("both are found", START, async || {
        (rest(shop, &[]).await["totalCount"] == json!(2)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_value_of_a_facet_is_a_filter() {
    let shop = Shop::start().await;
    stock(&shop).await;
    let all = rest(&shop, &[]).await;
    let mut asked = 0;
    for facet in all["facets"].as_array().unwrap() {
        let id = facet["id"].as_str().unwrap();
        let values: Vec<(&str, &str)> = facet["values"]
            .as_array()
            .unwrap()
            .iter()
            .map(|value| (id, value["value"].as_str().unwrap()))
            .collect();
        for (value, parameter) in facet["values"].as_array().unwrap().iter().zip(&values) {
            let found = rest(&shop, &[*parameter]).await;
            assert_eq!(found["totalCount"], value["count"], "{parameter:?}");
            asked += 1;
        }
        assert_eq!(
            rest(&shop, &values).await["totalCount"],
            json!(2),
            "any of {values:?}"
        );
    }
    assert_eq!(asked, 8, "two vendors, a type, three tags, two conditions: {all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sku_is_found_by_rest_and_graphql() {
    let shop = Shop::start().await;
    stock(&shop).await;
    for sku in ["NOR.0707-60", "nor.0707-60"] {
        let found = rest(&shop, &[("query", sku)]).await;
        assert_eq!(titles(&found["items"]), ["Kuniyoshi"], "{sku}");
        let query = "query($sku: String) { search(query: $sku) { totalCount nodes { title } } }";
        let data = shop.graphql(None, query, json!({ "sku": sku })).await;
        assert_eq!(titles(&data["search"]["nodes"]), ["Kuniyoshi"], "{sku}");
    }
    let admin = shop.admin().await;
    let url = shop.url("/admin/products?query=NOR.0707-60");
    let listed = shop.http.get(url).bearer_auth(admin).send().await.unwrap();
    let listed: Value = listed.json().await.unwrap();
    assert_eq!(titles(&listed["items"]), ["Kuniyoshi"]);
}
