//! Which language a buyer reads, for the mails of an order.

use comptoir_mesh::identity::User;
use comptoir_proto::auth::v1::GetUserRequest;
use comptoir_proto::orders::v1::{Cart, UpdateCartRequest};
use http::HeaderMap;
use http::header::ACCEPT_LANGUAGE;

use crate::graphql::Services;

/// The language that a browser prefers, as a BCP 47 tag; `None` where it says none.
pub(crate) fn accepted(headers: &HeaderMap) -> Option<String> {
    let first = headers
        .get(ACCEPT_LANGUAGE)?
        .to_str()
        .ok()?
        .split([',', ';'])
        .next()?
        .trim();
    let mut parts = first.split('-');
    let language = parts
        .next()
        .is_some_and(|part| (2..=3).contains(&part.len()) && is_alphabetic(part));
    let rest = parts
        .all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    (language && rest && first.len() <= 35).then(|| first.to_owned())
}

fn is_alphabetic(part: &str) -> bool {
    part.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// The locale of a buyer's cart: what the signed-in customer chose, else what the browser prefers.
pub(crate) async fn of_buyer(
    services: &Services,
    user: Option<&User>,
    accepted: Option<String>,
) -> Option<String> {
    let Some(user) = user else { return accepted };
    let request = GetUserRequest {
        user_id: user.id.clone(),
    };
    // Without an answer the cart is made all the same: a mail in another language is better than no cart.
    let answer = services.auth.clone().get_user(request).await.ok()?.into_inner();
    answer.user.map(|user| user.locale).or(accepted)
}

/// Gives a cart that its customer took over the customer's locale. Where that cannot be done the cart stays as it is.
pub(crate) async fn adopt(services: &Services, user: &User, cart: Cart) -> Cart {
    let Some(locale) = of_buyer(services, Some(user), None).await else {
        return cart;
    };
    let request = UpdateCartRequest {
        cart_id: cart.id.clone(),
        locale: Some(locale),
        ..UpdateCartRequest::default()
    };
    match services.carts.clone().update_cart(request).await {
        Ok(answer) => answer.into_inner().cart.unwrap_or(cart),
        Err(_) => cart,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_language_counts() {
        let accepted = |value: &str| {
            accepted(&HeaderMap::from_iter([(
                ACCEPT_LANGUAGE,
                value.parse().expect("a header"),
            )]))
        };
        assert_eq!(accepted("en-GB,en;q=0.9,fr;q=0.8").as_deref(), Some("en-GB"));
        assert_eq!(accepted("fr").as_deref(), Some("fr"));
        for none in ["*", "", "x", "../etc", "e n"] {
            assert_eq!(accepted(none), None, "{none}");
        }
    }
}
