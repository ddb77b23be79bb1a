//! The services through their generated clients, in this process: what each kind of caller gets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod access;
mod category;
mod events;
mod import;
mod import_files;
mod inventory;
mod media;
mod product;
mod reading;
mod replicas;
mod search;
mod support;

use std::sync::Arc;

use comptoir_catalog::{Config, start};
use comptoir_events::Bus;
use comptoir_mesh::{
    Error, Role,
    channel::{self, Channel, Slot},
    context::{self, Context},
    error::{ErrorReason, Reason as _},
    testing::TestEnv,
};
use comptoir_proto::catalog::v1::{
    Category, CreateCategoryRequest, CreateProductRequest, GetProductRequest, Product, ProductInput,
    UpdateProductRequest, VariantInput, catalog_service_client::CatalogServiceClient,
    get_product_request::Key, inventory_service_client::InventoryServiceClient,
};
use tonic::{Response, Status};

use self::support::{database::Database, place};

/// A catalog on a store of its own.
struct Shop {
    test: TestEnv,
    slot: Slot,
    bus: Bus,
    /// Goes last.
    _store: Option<Database>,
}

#[test]
fn all_of_it_on_postgres() {
    place::again_on_postgres("all_of_it_on_postgres");
}

/// Who calls, through the gateway unless it is the orders service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Guest,
    Customer,
    Staff,
    Admin,
    Orders,
}

/// A caller's clients.
struct As<'s> {
    shop: &'s Shop,
    who: Who,
    catalog: CatalogServiceClient<Channel>,
    inventory: InventoryServiceClient<Channel>,
}

impl Shop {
    async fn open() -> Self {
        Self::with(Config::default()).await
    }

    async fn with(config: Config) -> Self {
        let (test, store) = place::environment().await;
        let bus = Bus::default();
        let service = start(config, test.env.clone(), Some(bus.clone().into()))
            .await
            .unwrap();
        let slot = channel::in_process();
        slot.bind(&service);
        Self {
            test,
            slot,
            bus,
            _store: store,
        }
    }

    fn by(&self, who: Who) -> As<'_> {
        let channel = self
            .slot
            .channel(if who == Who::Orders { "orders" } else { "gateway" });
        As {
            shop: self,
            who,
            catalog: CatalogServiceClient::new(channel.clone()),
            inventory: InventoryServiceClient::new(channel),
        }
    }

    async fn create(&self, product: ProductInput) -> Product {
        let mut staff = self.by(Who::Staff);
        let request = CreateProductRequest {
            product: Some(product),
        };
        let call = staff.catalog.create_product(request);
        context::scope(self.context(Who::Staff), call)
            .await
            .unwrap()
            .into_inner()
            .product
            .unwrap()
    }

    async fn update(
        &self,
        product: &Product,
        change: impl FnOnce(&mut ProductInput),
    ) -> Result<Product, Status> {
        let mut content = input_of(product);
        change(&mut content);
        let request = UpdateProductRequest {
            product_id: product.id.clone(),
            product: Some(content),
            version: product.version,
        };
        let mut staff = self.by(Who::Staff);
        let updated = context::scope(self.context(Who::Staff), staff.catalog.update_product(request)).await;
        updated.map(|response| response.into_inner().product.unwrap())
    }

    async fn category(&self, name: &str, parent: Option<&Category>) -> Category {
        let request = CreateCategoryRequest {
            name: name.to_owned(),
            slug: None,
            parent_id: parent.map(|parent| parent.id.clone()),
        };
        let mut staff = self.by(Who::Staff);
        let created = context::scope(self.context(Who::Staff), staff.catalog.create_category(request)).await;
        created.unwrap().into_inner().category.unwrap()
    }

    async fn get(&self, who: Who, id: &str) -> Result<Product, Status> {
        let request = GetProductRequest {
            key: Some(Key::ProductId(id.to_owned())),
            read_mask: None,
        };
        let mut caller = self.by(who);
        let found = context::scope(self.context(who), caller.catalog.get_product(request)).await;
        found.map(|response| response.into_inner().product.unwrap())
    }

    fn context(&self, who: Who) -> Context {
        let role = match who {
            Who::Guest | Who::Orders => None,
            Who::Customer => Some(Role::Customer),
            Who::Staff => Some(Role::Staff),
            Who::Admin => Some(Role::Admin),
        };
        let token = role.map(|role| Arc::from(self.test.token("user_01J00000000000000000000000", role)));
        Context {
            token,
            ..Context::background("test")
        }
    }
}

impl As<'_> {
    /// Makes a call as this caller: `shop.by(Who::Staff).call(async |c| c.catalog.…(request).await).await`.
    async fn call<T>(
        mut self,
        call: impl AsyncFnOnce(&mut Self) -> Result<Response<T>, Status>,
    ) -> Result<T, Status> {
        let context = self.shop.context(self.who);
        context::scope(context, call(&mut self))
            .await
            .map(Response::into_inner)
    }
}

/// A product of one variant and so many units.
fn plain(title: &str, quantity: i32) -> ProductInput {
    let variant = VariantInput {
        price: "19.90".to_owned(),
        quantity: Some(quantity),
        ..VariantInput::default()
    };
    ProductInput {
        title: title.to_owned(),
        variants: vec![variant],
        ..ProductInput::default()
    }
}

fn sized(size: &str, price: &str, quantity: i32) -> VariantInput {
    VariantInput {
        option_values: vec![size.to_owned()],
        price: price.to_owned(),
        quantity: Some(quantity),
        ..VariantInput::default()
    }
}

/// What is stored, as an input that changes nothing.
fn input_of(product: &Product) -> ProductInput {
    let variant = |variant: &comptoir_proto::catalog::v1::Variant| {
        let cents = variant.price.as_ref().unwrap().minor_units;
        VariantInput {
            id: Some(variant.id.clone()),
            option_values: variant
                .selected_options
                .iter()
                .map(|option| option.value.clone())
                .collect(),
            price: comptoir_shop::money::format_decimal(cents, 2),
            ..VariantInput::default()
        }
    };
    ProductInput {
        title: product.title.clone(),
        description: Some(product.description.clone()),
        category_id: product.category_id.clone(),
        options: product.options.iter().map(|option| option.name.clone()).collect(),
        variants: product.variants.iter().map(variant).collect(),
        ..ProductInput::default()
    }
}

/// The code an error carries.
fn code<T: std::fmt::Debug>(outcome: Result<T, Status>) -> &'static str {
    Error::from_status(&outcome.unwrap_err()).reason().code()
}

/// "field CODE" of each thing that is wrong.
fn refusals<T: std::fmt::Debug>(outcome: Result<T, Status>) -> Vec<String> {
    let error = Error::from_status(&outcome.unwrap_err());
    let violations = error.field_violations().iter();
    violations
        .map(|violation| format!("{} {}", violation.field, ErrorReason::code(violation.reason)))
        .collect()
}
