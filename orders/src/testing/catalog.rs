//! A catalogue to call: the generated servers over a state in memory that keeps real counts, so that what orders asks of its
//! peer can be checked. Held, sold and put back as the contract says.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use comptoir_mesh::{
    Access, Env, Error, ErrorReason, Service,
    channel::{Slot, in_process},
};
use comptoir_proto::catalog::v1::{
    catalog_service_server::{CatalogService, CatalogServiceServer},
    inventory_service_server::{InventoryService, InventoryServiceServer},
    *,
};
use comptoir_shop::money::money;
use tonic::{Request, Response, Status, Streaming};

const ORDERS: Access = Access::Services(&["orders"]);
const POLICY: &[(&str, Access)] = &[
    (
        "/comptoir.catalog.v1.CatalogService/BatchGetVariants",
        Access::Anyone,
    ),
    ("/comptoir.catalog.v1.InventoryService/BatchGetStock", ORDERS),
    ("/comptoir.catalog.v1.InventoryService/ReserveStock", ORDERS),
    ("/comptoir.catalog.v1.InventoryService/ConfirmReservation", ORDERS),
    ("/comptoir.catalog.v1.InventoryService/ReleaseReservation", ORDERS),
];

/// How long units are held.
pub const HOLD: Duration = Duration::from_secs(15 * 60);

/// The catalogue; clones share its state.
#[derive(Clone)]
pub struct FakeCatalog {
    state: Arc<Mutex<State>>,
    env: Env,
    slot: Slot,
}

#[derive(Default)]
struct State {
    variants: BTreeMap<String, Variant>,
    stock: BTreeMap<String, Units>,
    reservations: BTreeMap<String, Reservation>,
    calls: BTreeMap<&'static str, usize>,
    down: bool,
    refusals: BTreeMap<&'static str, ErrorReason>,
}

/// A variant's units. `received` is what ever came in; `on_hand` still counts what is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Units {
    pub on_hand: i32,
    pub reserved: i32,
    pub sold: i32,
}

/// Units taken for an order.
#[derive(Clone, Debug, PartialEq)]
pub struct Reservation {
    pub lines: Vec<ReservationLine>,
    pub state: Held,
    pub expires_at: jiff::Timestamp,
}

/// What became of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    Held,
    Expired,
    Sold,
    Released,
}

impl FakeCatalog {
    /// An empty catalogue, served in this process.
    pub fn new(env: &Env) -> Self {
        let slot = in_process();
        let fake = Self {
            state: Arc::default(),
            env: env.clone(),
            slot: slot.clone(),
        };
        let service = Service::new("catalog", POLICY, env)
            .add(CatalogServiceServer::new(fake.clone()))
            .add(InventoryServiceServer::new(fake.clone()));
        slot.bind(&service);
        fake
    }

    /// Where it is served.
    pub fn slot(&self) -> &Slot {
        &self.slot
    }

    /// Puts a product of one variant up for sale, and gives the variant's id.
    pub fn add(&self, price: i64, units: i32) -> String {
        let id = self.env.ids.new_id("var_");
        let variant = Variant {
            id: id.clone(),
            product_id: self.env.ids.new_id("prod_"),
            sku: Some(format!("SKU-{price}")),
            title: "Default Title".to_owned(),
            price: Some(money(price, &self.env.shop.currency)),
            product_title: format!("Thing for {price}"),
            product_slug: format!("thing-{price}"),
            quantity_on_hand: Some(units),
            product_status: ProductStatus::Active.into(),
            ..Variant::default()
        };
        let mut state = self.state();
        state.variants.insert(id.clone(), variant);
        state.stock.insert(
            id.clone(),
            Units {
                on_hand: units,
                ..Units::default()
            },
        );
        id
    }

    /// Changes a variant.
    pub fn change(&self, id: &str, change: impl FnOnce(&mut Variant)) {
        change(self.state().variants.get_mut(id).expect("the variant was added"));
    }

    /// Changes a variant's price.
    pub fn set_price(&self, id: &str, price: i64) {
        let currency = self.env.shop.currency.clone();
        self.change(id, |variant| variant.price = Some(money(price, &currency)));
    }

    /// Takes a variant out for good.
    pub fn remove(&self, id: &str) {
        self.state().variants.remove(id);
    }

    /// Answers every call with UNAVAILABLE from now on, or no longer.
    pub fn set_down(&self, down: bool) {
        self.state().down = down;
    }

    /// Refuses the next call of a method.
    pub fn refuse(&self, method: &'static str, reason: ErrorReason) {
        self.state().refusals.insert(method, reason);
    }

    /// A variant's units.
    pub fn units(&self, id: &str) -> Units {
        self.state().stock[id]
    }

    /// What was taken for this order.
    pub fn reservation(&self, order_id: &str) -> Option<Reservation> {
        self.state().reservations.get(order_id).cloned()
    }

    /// How often a method was called: `"BatchGetVariants"`.
    pub fn calls(&self, method: &str) -> usize {
        self.state().calls.get(method).copied().unwrap_or(0)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The state for a call, with what has expired let go.
    fn called(&self, method: &'static str) -> Result<MutexGuard<'_, State>, Status> {
        let mut state = self.state();
        *state.calls.entry(method).or_default() += 1;
        if state.down {
            return Err(Status::unavailable("down"));
        }
        if let Some(reason) = state.refusals.remove(method) {
            return Err(refused(reason, "as the test wants it"));
        }
        let now = self.env.clock.now();
        let State {
            stock, reservations, ..
        } = &mut *state;
        for reservation in reservations.values_mut() {
            if reservation.state == Held::Held && reservation.expires_at <= now {
                reservation.state = Held::Expired;
                for line in &reservation.lines {
                    units(stock, line).reserved -= line.quantity;
                }
            }
        }
        Ok(state)
    }
}

fn units<'a>(stock: &'a mut BTreeMap<String, Units>, line: &ReservationLine) -> &'a mut Units {
    stock
        .get_mut(&line.variant_id)
        .expect("reserved units are of a variant that is there")
}

fn refused(reason: ErrorReason, message: &str) -> Status {
    Error::new(reason, message).into()
}

impl State {
    /// Checks that all lines can be taken.
    fn check(&self, lines: &[ReservationLine]) -> Result<(), Status> {
        for line in lines {
            let active = self.variants.get(&line.variant_id);
            if active.is_none_or(|variant| variant.product_status() != ProductStatus::Active) {
                return Err(refused(ErrorReason::ProductUnavailable, "not for sale"));
            }
            let there = self.stock[&line.variant_id];
            if there.on_hand - there.reserved < line.quantity {
                return Err(refused(ErrorReason::InsufficientStock, "not enough"));
            }
        }
        Ok(())
    }
}

#[tonic::async_trait]
impl InventoryService for FakeCatalog {
    async fn batch_get_stock(
        &self,
        request: Request<BatchGetStockRequest>,
    ) -> Result<Response<BatchGetStockResponse>, Status> {
        let state = self.called("BatchGetStock")?;
        let known = request
            .into_inner()
            .variant_ids
            .into_iter()
            .filter_map(|variant_id| {
                let units = state.stock.get(&variant_id)?;
                Some(Stock {
                    variant_id,
                    on_hand: units.on_hand,
                    reserved: units.reserved,
                })
            });
        Ok(Response::new(BatchGetStockResponse {
            stocks: known.collect(),
        }))
    }

    async fn reserve_stock(
        &self,
        request: Request<ReserveStockRequest>,
    ) -> Result<Response<ReserveStockResponse>, Status> {
        let mut state = self.called("ReserveStock")?;
        let ReserveStockRequest {
            reservation_id,
            lines,
        } = request.into_inner();
        let held = state.reservations.get(&reservation_id).cloned();
        let expires_at = match held {
            Some(Reservation {
                state: Held::Released,
                ..
            }) => {
                return Err(refused(ErrorReason::InvalidState, "released"));
            }
            Some(there) => there.expires_at,
            None => {
                state.check(&lines)?;
                for line in &lines {
                    units(&mut state.stock, line).reserved += line.quantity;
                }
                let expires_at = self.env.clock.now() + HOLD;
                state.reservations.insert(
                    reservation_id,
                    Reservation {
                        lines,
                        state: Held::Held,
                        expires_at,
                    },
                );
                expires_at
            }
        };
        let expires_at = Some(comptoir_mesh::clock::to_proto(expires_at));
        Ok(Response::new(ReserveStockResponse { expires_at }))
    }

    async fn confirm_reservation(
        &self,
        request: Request<ConfirmReservationRequest>,
    ) -> Result<Response<ConfirmReservationResponse>, Status> {
        let mut state = self.called("ConfirmReservation")?;
        let id = request.into_inner().reservation_id;
        let Some(reservation) = state.reservations.get(&id).cloned() else {
            return Err(refused(ErrorReason::NotFound, "no such reservation"));
        };
        match reservation.state {
            Held::Sold => return Ok(Response::new(ConfirmReservationResponse {})),
            Held::Released => return Err(refused(ErrorReason::InvalidState, "released")),
            Held::Expired => state.check(&reservation.lines)?,
            Held::Held => {
                for line in &reservation.lines {
                    units(&mut state.stock, line).reserved -= line.quantity;
                }
            }
        }
        for line in &reservation.lines {
            let units = units(&mut state.stock, line);
            units.on_hand -= line.quantity;
            units.sold += line.quantity;
        }
        state.reservations.insert(
            id,
            Reservation {
                state: Held::Sold,
                ..reservation
            },
        );
        Ok(Response::new(ConfirmReservationResponse {}))
    }

    async fn release_reservation(
        &self,
        request: Request<ReleaseReservationRequest>,
    ) -> Result<Response<ReleaseReservationResponse>, Status> {
        let mut state = self.called("ReleaseReservation")?;
        let id = request.into_inner().reservation_id;
        let none = Reservation {
            lines: Vec::new(),
            state: Held::Released,
            expires_at: self.env.clock.now(),
        };
        let reservation = state.reservations.get(&id).cloned().unwrap_or(none);
        for line in &reservation.lines {
            let units = units(&mut state.stock, line);
            match reservation.state {
                Held::Held => units.reserved -= line.quantity,
                Held::Sold => {
                    units.sold -= line.quantity;
                    units.on_hand += line.quantity;
                }
                Held::Expired | Held::Released => {}
            }
        }
        state.reservations.insert(
            id,
            Reservation {
                state: Held::Released,
                ..reservation
            },
        );
        Ok(Response::new(ReleaseReservationResponse {}))
    }

    async fn adjust_stock(
        &self,
        _: Request<AdjustStockRequest>,
    ) -> Result<Response<AdjustStockResponse>, Status> {
        Err(not_asked())
    }

    async fn list_stock_movements(
        &self,
        _: Request<ListStockMovementsRequest>,
    ) -> Result<Response<ListStockMovementsResponse>, Status> {
        Err(not_asked())
    }

    async fn list_low_stock(
        &self,
        _: Request<ListLowStockRequest>,
    ) -> Result<Response<ListLowStockResponse>, Status> {
        Err(not_asked())
    }
}

fn not_asked() -> Status {
    Status::unimplemented("orders does not ask for this")
}

/// The methods that orders never calls.
macro_rules! not_asked {
    ($($method:ident($request:ty) -> $response:ty;)+) => {
        /// Expands inside `impl CatalogService`.
        macro_rules! methods_not_asked {
            () => {
                $(
                    fn $method<'life0, 'async_trait>(
                        &'life0 self,
                        _: Request<$request>,
                    ) -> Pin<Box<dyn Future<Output = Result<Response<$response>, Status>> + Send + 'async_trait>>
                    where
                        'life0: 'async_trait,
                        Self: 'async_trait,
                    {
                        Box::pin(async { Err(not_asked()) })
                    }
                )+
            };
        }
    };
}

not_asked! {
    get_product(GetProductRequest) -> GetProductResponse;
    batch_get_products(BatchGetProductsRequest) -> BatchGetProductsResponse;
    list_products(ListProductsRequest) -> ListProductsResponse;
    search_products(SearchProductsRequest) -> SearchProductsResponse;
    suggest_searches(SuggestSearchesRequest) -> SuggestSearchesResponse;
    create_product(CreateProductRequest) -> CreateProductResponse;
    update_product(UpdateProductRequest) -> UpdateProductResponse;
    delete_product(DeleteProductRequest) -> DeleteProductResponse;
    import_products(Streaming<ImportProductsRequest>) -> ImportProductsResponse;
    list_categories(ListCategoriesRequest) -> ListCategoriesResponse;
    create_category(CreateCategoryRequest) -> CreateCategoryResponse;
    update_category(UpdateCategoryRequest) -> UpdateCategoryResponse;
    delete_category(DeleteCategoryRequest) -> DeleteCategoryResponse;
    put_media(Streaming<PutMediaRequest>) -> PutMediaResponse;
    get_media(GetMediaRequest) -> Self::GetMediaStream;
}

impl CatalogService for FakeCatalog {
    type GetMediaStream = tokio_stream::Empty<Result<GetMediaResponse, Status>>;

    methods_not_asked!();

    fn batch_get_variants<'life0, 'async_trait>(
        &'life0 self,
        request: Request<BatchGetVariantsRequest>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<BatchGetVariantsResponse>, Status>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        let answer = self.called("BatchGetVariants").map(|state| {
            let known = request.into_inner().variant_ids.into_iter().filter_map(|id| {
                let units = state.stock.get(&id)?;
                let mut variant = state.variants.get(&id)?.clone();
                variant.quantity_available = units.on_hand - units.reserved;
                Some(variant)
            });
            Response::new(BatchGetVariantsResponse {
                variants: known.collect(),
            })
        });
        Box::pin(async { answer })
    }
}
