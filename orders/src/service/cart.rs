//! `CartService`.

use comptoir_mesh::{Caller, Env, Error};
use comptoir_proto::orders::v1::{
    AddLinesRequest, AddLinesResponse, AttachCartRequest, AttachCartResponse, Cart, CompleteCartRequest,
    CompleteCartResponse, CreateCartRequest, CreateCartResponse, GetActiveCartRequest, GetActiveCartResponse,
    GetCartRequest, GetCartResponse, RemoveLinesRequest, RemoveLinesResponse, UpdateCartRequest,
    UpdateCartResponse, UpdateLinesRequest, UpdateLinesResponse, cart_service_server::CartService,
};
use tonic::{Request, Response, Status};

use crate::{
    carts::{Beginning, Carts, Update},
    convert::{Problems, cart as convert},
    domain,
    engine::checkout::Checkout,
    quote::Quote,
};

/// Carts, for buyers.
pub(crate) struct CartHandler {
    pub(crate) carts: Carts,
    pub(crate) checkout: Checkout,
    pub(crate) env: Env,
}

fn shown((cart, quote): (domain::cart::Cart, Quote)) -> Option<Cart> {
    Some(convert::to_proto(&cart, quote))
}

#[tonic::async_trait]
impl CartService for CartHandler {
    async fn create_cart(
        &self,
        request: Request<CreateCartRequest>,
    ) -> Result<Response<CreateCartResponse>, Status> {
        let caller = Caller::of(&request);
        let beginning = self.beginning(request.into_inner())?;
        let cart = shown(self.carts.create(caller.user_id(), beginning).await?);
        Ok(Response::new(CreateCartResponse { cart }))
    }

    async fn get_cart(&self, request: Request<GetCartRequest>) -> Result<Response<GetCartResponse>, Status> {
        let caller = Caller::of(&request);
        let cart = self.carts.find(&caller, &request.into_inner().cart_id).await?;
        let quote = self.carts.quote(&cart).await?;
        Ok(Response::new(GetCartResponse {
            cart: shown((cart, quote)),
        }))
    }

    async fn get_active_cart(
        &self,
        request: Request<GetActiveCartRequest>,
    ) -> Result<Response<GetActiveCartResponse>, Status> {
        let caller = Caller::of(&request);
        let cart = self.carts.active(&caller.user()?.id).await?.and_then(shown);
        Ok(Response::new(GetActiveCartResponse { cart }))
    }

    async fn attach_cart(
        &self,
        request: Request<AttachCartRequest>,
    ) -> Result<Response<AttachCartResponse>, Status> {
        let caller = Caller::of(&request);
        let cart = self
            .carts
            .attach(&caller.user()?.id, &request.into_inner().cart_id)
            .await?;
        Ok(Response::new(AttachCartResponse { cart: shown(cart) }))
    }

    async fn add_lines(
        &self,
        request: Request<AddLinesRequest>,
    ) -> Result<Response<AddLinesResponse>, Status> {
        let caller = Caller::of(&request);
        let AddLinesRequest { cart_id, lines } = request.into_inner();
        let cart = shown(self.carts.add(&caller, &cart_id, convert::wanted(lines)).await?);
        Ok(Response::new(AddLinesResponse { cart }))
    }

    async fn update_lines(
        &self,
        request: Request<UpdateLinesRequest>,
    ) -> Result<Response<UpdateLinesResponse>, Status> {
        let caller = Caller::of(&request);
        let UpdateLinesRequest { cart_id, lines } = request.into_inner();
        let quantities = lines
            .into_iter()
            .map(|line| (line.line_id, line.quantity))
            .collect();
        let cart = shown(self.carts.set(&caller, &cart_id, quantities).await?);
        Ok(Response::new(UpdateLinesResponse { cart }))
    }

    async fn remove_lines(
        &self,
        request: Request<RemoveLinesRequest>,
    ) -> Result<Response<RemoveLinesResponse>, Status> {
        let caller = Caller::of(&request);
        let RemoveLinesRequest { cart_id, line_ids } = request.into_inner();
        let cart = shown(self.carts.remove(&caller, &cart_id, line_ids).await?);
        Ok(Response::new(RemoveLinesResponse { cart }))
    }

    async fn update_cart(
        &self,
        request: Request<UpdateCartRequest>,
    ) -> Result<Response<UpdateCartResponse>, Status> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let cart_id = request.cart_id.clone();
        let update = Update::parse(request, &self.env.shop)?;
        let cart = shown(self.carts.update(&caller, &cart_id, update).await?);
        Ok(Response::new(UpdateCartResponse { cart }))
    }

    async fn complete_cart(
        &self,
        request: Request<CompleteCartRequest>,
    ) -> Result<Response<CompleteCartResponse>, Status> {
        let caller = Caller::of(&request);
        Ok(Response::new(
            self.checkout.complete(&caller, request.into_inner()).await?,
        ))
    }
}

impl CartHandler {
    fn beginning(&self, request: CreateCartRequest) -> Result<Beginning, Error> {
        let CreateCartRequest {
            lines,
            email,
            currency_code,
            locale,
        } = request;
        let mut problems = Problems::default();
        let email = email
            .and_then(|email| problems.take(convert::parse_email("email", &email)))
            .flatten();
        if let Some(currency) = currency_code {
            problems.take(convert::check_currency(
                "currency_code",
                &currency,
                &self.env.shop,
            ));
        }
        let locale = locale.and_then(|locale| problems.take(convert::parse_locale("locale", &locale)));
        problems.check()?;
        Ok(Beginning {
            lines: convert::wanted(lines),
            email,
            locale,
        })
    }
}
