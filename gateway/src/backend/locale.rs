//! The locale of a buyer, for mails about an order or an account.

use comptoir_mesh::identity::User;
use comptoir_proto::auth::v1::GetUserRequest;
use comptoir_proto::orders::v1::{Cart, UpdateCartRequest};

use super::Services;

/// Returns the locale of a buyer's cart: the one the signed-in customer chose, else the one the browser prefers.
pub(crate) async fn of_buyer(
    services: &Services,
    user: Option<&User>,
    accepted: Option<String>,
) -> Option<String> {
    let Some(user) = user else { return accepted };
    let request = GetUserRequest {
        user_id: user.id.clone(),
    };
    // If the call fails, the cart is created all the same: a mail in another language is better than no cart.
    let answer = services.auth.clone().get_user(request).await.ok()?.into_inner();
    answer.user.map(|user| user.locale).or(accepted)
}

/// Sets the customer's locale on a cart that the customer took over. If that fails, the cart stays unchanged.
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
