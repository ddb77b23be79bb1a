//! The tax of a country.

use comptoir_shop::Shop;

use super::pricing::{Rate, Tax};

/// The tax of the country of delivery: the first rule with that country, else the first rule without countries. Without
/// a country there is no tax to show.
pub fn taxes(shop: &Shop, country_code: Option<&str>) -> Vec<Tax> {
    let Some(country_code) = country_code else {
        return Vec::new();
    };
    let named = shop
        .tax
        .iter()
        .find(|rule| rule.countries.iter().any(|country| country == country_code));
    let rule = named.or_else(|| shop.tax.iter().find(|rule| rule.countries.is_empty()));
    rule.and_then(|rule| {
        let rate = Rate::from_percent(&rule.percent.to_string())?;
        Some(Tax {
            name: rule.name.clone(),
            rate,
        })
    })
    .into_iter()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_that_names_the_country_holds() {
        let shop = Shop::parse(comptoir_shop::DEFAULT).unwrap();
        let rate = |country| taxes(&shop, country).first().map(|tax| tax.rate.to_string());
        assert_eq!(rate(Some("FR")).as_deref(), Some("20"));
        assert_eq!(rate(Some("CH")).as_deref(), Some("8.1"));
        assert_eq!(
            rate(Some("BE")).as_deref(),
            Some("21"),
            "the first that names none"
        );
        assert_eq!(rate(None), None);
    }
}
