//! Delivery options of the shop.

use comptoir_shop::{DeliveryRule, Shop};
use serde::{Deserialize, Serialize};

use super::pricing::Delivery;

/// A delivery option, with its price for a cart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryOption {
    pub id: String,
    pub name: String,
    pub price: i64,
    pub estimated_days: Option<u32>,
}

/// Whether the shop delivers to this country.
pub fn delivers_to(shop: &Shop, country_code: &str) -> bool {
    shop.countries.iter().any(|country| country == country_code)
}

/// The delivery options for this country, in the shop's order.
pub fn offered<'a>(shop: &'a Shop, country_code: &'a str) -> impl Iterator<Item = &'a DeliveryRule> {
    shop.delivery.iter().filter(move |rule| {
        delivers_to(shop, country_code)
            && (rule.countries.is_empty() || rule.countries.iter().any(|country| country == country_code))
    })
}

/// The option with this id, if it is offered for the country.
pub fn option<'a>(shop: &'a Shop, country_code: &'a str, id: &str) -> Option<&'a DeliveryRule> {
    offered(shop, country_code).find(|rule| rule.id == id)
}

/// The option's price.
pub fn terms(rule: &DeliveryRule) -> Delivery {
    Delivery {
        price: rule.price,
        free_from: rule.free_from,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_is_offered_where_its_rule_says_and_the_shop_delivers() {
        let shop = Shop::parse(comptoir_shop::DEFAULT).unwrap();
        let ids = |country| {
            offered(&shop, country)
                .map(|rule| rule.id.as_str())
                .collect::<Vec<_>>()
        };
        assert_eq!(ids("FR"), ["standard", "express", "pickup"]);
        assert_eq!(ids("PT"), ["standard"]);
        assert_eq!(
            ids("US"),
            [""; 0],
            "a rule for every country means every country of the shop"
        );
        assert!(option(&shop, "PT", "express").is_none());
    }
}
