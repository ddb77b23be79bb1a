//! The shop.

use async_graphql::SimpleObject;

use crate::backend::Services;

/// What a storefront needs to know first.
#[derive(SimpleObject)]
pub(super) struct Shop {
    name: String,
    currency_code: String,
    prices_include_tax: bool,
    locales: Vec<String>,
    delivery_countries: Vec<String>,
    payment_providers: Vec<PaymentProvider>,
}

#[derive(SimpleObject)]
pub(super) struct PaymentProvider {
    name: String,
    publishable_key: Option<String>,
}

impl From<&Services> for Shop {
    fn from(services: &Services) -> Self {
        let shop = &services.shop;
        let providers = services
            .settings
            .payment_providers
            .iter()
            .map(|provider| PaymentProvider {
                name: provider.name.clone(),
                publishable_key: provider.publishable_key.clone(),
            });
        Self {
            name: shop.name.clone(),
            currency_code: shop.currency.clone(),
            prices_include_tax: shop.prices_include_tax,
            locales: shop.locales.clone(),
            delivery_countries: shop.countries.clone(),
            payment_providers: providers.collect(),
        }
    }
}
