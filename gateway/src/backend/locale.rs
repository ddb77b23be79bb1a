//! The locale of a buyer, for the mails of an order and of an account.

use comptoir_mesh::identity::User;
use comptoir_proto::auth::v1::GetUserRequest;
use comptoir_proto::orders::v1::{Cart, UpdateCartRequest};

use super::Services;

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
