//! Mutations of carts.

use async_graphql::{Context, ID, InputObject, Object};
use comptoir_proto::orders::v1 as pb;

use super::address::AddressInput;
use super::cart::{Cart, CartPayload};
use super::user_errors::mutation_result;
use crate::backend::{Failure, Paths, RequestData, Services, locale, require_user};

/// quantity is 1 to 999. 0 is refused here and in updates (INVALID_QUANTITY): use cartLinesRemove.
#[derive(InputObject)]
pub(super) struct CartLineInput {
    variant_id: ID,
    quantity: i32,
}

#[derive(InputObject)]
pub(super) struct CartLineUpdateInput {
    id: ID,
    quantity: i32,
}

#[derive(InputObject, Default)]
pub(super) struct CartCreateInput {
    lines: Option<Vec<CartLineInput>>,
    email: Option<String>,
    currency_code: Option<String>,
}

impl From<CartLineInput> for pb::CartLineInput {
    fn from(line: CartLineInput) -> Self {
        Self {
            variant_id: line.variant_id.0,
            quantity: line.quantity,
        }
    }
}

/// Sends the change of one field of a cart.
async fn update(
    ctx: &Context<'_>,
    request: pb::UpdateCartRequest,
    paths: Paths,
) -> Result<CartPayload, Failure> {
    let mut client = ctx.data_unchecked::<Services>().carts.clone();
    let result = mutation_result(client.update_cart(request).await, paths, |answer| answer.cart)?;
    Ok(result.map(|cart| Cart::new(ctx.data_unchecked(), cart)).into())
}

#[derive(Default)]
pub(super) struct CartMutation;

#[Object]
impl CartMutation {
    async fn cart_create(
        &self,
        ctx: &Context<'_>,
        input: Option<CartCreateInput>,
    ) -> Result<CartPayload, Failure> {
        let mut client = ctx.data_unchecked::<Services>().carts.clone();
        let input = input.unwrap_or_default();
        let data = ctx.data_unchecked::<RequestData>();
        let locale = locale::of_buyer(
            ctx.data_unchecked(),
            data.caller.as_deref(),
            data.language.clone(),
        )
        .await;
        let request = pb::CreateCartRequest {
            lines: input
                .lines
                .unwrap_or_default()
                .into_iter()
                .map(pb::CartLineInput::from)
                .collect(),
            email: input.email,
            currency_code: input.currency_code,
            locale,
        };
        let result = mutation_result(client.create_cart(request).await, &[("", "input")], |answer| {
            answer.cart
        })?;
        Ok(result.map(|cart| Cart::new(ctx.data_unchecked(), cart)).into())
    }

    async fn cart_lines_add(
        &self,
        ctx: &Context<'_>,
        cart_id: ID,
        lines: Vec<CartLineInput>,
    ) -> Result<CartPayload, Failure> {
        let mut client = ctx.data_unchecked::<Services>().carts.clone();
        let lines = lines.into_iter().map(pb::CartLineInput::from).collect();
        let answer = client
            .add_lines(pb::AddLinesRequest {
                cart_id: cart_id.0,
                lines,
            })
            .await;
        let result = mutation_result(answer, &[], |answer| answer.cart)?;
        Ok(result.map(|cart| Cart::new(ctx.data_unchecked(), cart)).into())
    }

    async fn cart_lines_update(
        &self,
        ctx: &Context<'_>,
        cart_id: ID,
        lines: Vec<CartLineUpdateInput>,
    ) -> Result<CartPayload, Failure> {
        let mut client = ctx.data_unchecked::<Services>().carts.clone();
        let line = |line: CartLineUpdateInput| pb::CartLineUpdate {
            line_id: line.id.0,
            quantity: line.quantity,
        };
        let lines = lines.into_iter().map(line).collect();
        let answer = client
            .update_lines(pb::UpdateLinesRequest {
                cart_id: cart_id.0,
                lines,
            })
            .await;
        let result = mutation_result(answer, &[("lines.*.line_id", "lines.*.id")], |answer| answer.cart)?;
        Ok(result.map(|cart| Cart::new(ctx.data_unchecked(), cart)).into())
    }

    async fn cart_lines_remove(
        &self,
        ctx: &Context<'_>,
        cart_id: ID,
        line_ids: Vec<ID>,
    ) -> Result<CartPayload, Failure> {
        let mut client = ctx.data_unchecked::<Services>().carts.clone();
        let line_ids = line_ids.into_iter().map(|id| id.0).collect();
        let answer = client
            .remove_lines(pb::RemoveLinesRequest {
                cart_id: cart_id.0,
                line_ids,
            })
            .await;
        let result = mutation_result(answer, &[], |answer| answer.cart)?;
        Ok(result.map(|cart| Cart::new(ctx.data_unchecked(), cart)).into())
    }

    /// The signed-in customer takes over a guest's cart. Its lines are added to the customer's open cart (quantities are
    /// summed, up to 999); without one, it becomes the customer's cart. Continue with the cart of the answer. Repeating the
    /// call changes nothing.
    async fn cart_attach(&self, ctx: &Context<'_>, cart_id: ID) -> Result<CartPayload, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        require_user(data)?;
        let mut client = ctx.data_unchecked::<Services>().carts.clone();
        let answer = client
            .attach_cart(pb::AttachCartRequest { cart_id: cart_id.0 })
            .await;
        Ok(
            match (mutation_result(answer, &[], |answer| answer.cart)?, &data.caller) {
                (Ok(cart), Some(user)) => {
                    let cart = locale::adopt(ctx.data_unchecked(), user, cart).await;
                    Ok(Cart::new(data, cart)).into()
                }
                (result, _) => result.map(|cart| Cart::new(data, cart)).into(),
            },
        )
    }

    /// A field that is left out or null stays unchanged. An empty text removes it.
    async fn cart_buyer_identity_update(
        &self,
        ctx: &Context<'_>,
        cart_id: ID,
        email: Option<String>,
        phone: Option<String>,
    ) -> Result<CartPayload, Failure> {
        let request = pb::UpdateCartRequest {
            cart_id: cart_id.0,
            email,
            phone,
            ..Default::default()
        };
        update(ctx, request, &[]).await
    }

    async fn cart_delivery_address_update(
        &self,
        ctx: &Context<'_>,
        cart_id: ID,
        address: AddressInput,
    ) -> Result<CartPayload, Failure> {
        let delivery_address = Some(address.into());
        let request = pb::UpdateCartRequest {
            cart_id: cart_id.0,
            delivery_address,
            ..Default::default()
        };
        update(ctx, request, &[("delivery_address", "address")]).await
    }

    /// Without an address, the delivery address becomes the billing address.
    async fn cart_billing_address_update(
        &self,
        ctx: &Context<'_>,
        cart_id: ID,
        address: Option<AddressInput>,
    ) -> Result<CartPayload, Failure> {
        let request = pb::UpdateCartRequest {
            cart_id: cart_id.0,
            remove_billing_address: address.is_none(),
            billing_address: address.map(AddressInput::into),
            ..Default::default()
        };
        update(ctx, request, &[("billing_address", "address")]).await
    }

    async fn cart_delivery_option_select(
        &self,
        ctx: &Context<'_>,
        cart_id: ID,
        delivery_option_id: ID,
    ) -> Result<CartPayload, Failure> {
        let delivery_option_id = Some(delivery_option_id.0);
        let request = pb::UpdateCartRequest {
            cart_id: cart_id.0,
            delivery_option_id,
            ..Default::default()
        };
        update(ctx, request, &[]).await
    }

    async fn cart_discount_codes_update(
        &self,
        ctx: &Context<'_>,
        cart_id: ID,
        codes: Vec<String>,
    ) -> Result<CartPayload, Failure> {
        let discount_codes = Some(pb::DiscountCodes { codes });
        let request = pb::UpdateCartRequest {
            cart_id: cart_id.0,
            discount_codes,
            ..Default::default()
        };
        update(
            ctx,
            request,
            &[("discount_codes.codes", "codes"), ("discount_codes", "codes")],
        )
        .await
    }
}
