//! Lists of the back office, for STAFF and ADMIN.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use comptoir_proto::{
    auth::v1 as auth, catalog::v1 as catalog, notifier::v1 as notifier, orders::v1 as orders,
};

use super::category::list_products;
use super::connection::PageArguments;
use super::delivery::{Delivery, DeliveryConnection};
use super::discount::{Discount, DiscountConnection};
use super::money::{Money, money};
use super::order::OrderConnection;
use super::order_states::{FulfillmentStatus, OrderState, PaymentStatus};
use super::product::{ProductConnection, ProductStatus};
use super::query::list_orders;
use super::scalars::DateTime;
use super::stock::{StockMovement, StockMovementConnection};
use super::user::{User, UserConnection};
use super::variant::{ProductVariant, VariantConnection};
use crate::backend::{Failure, RequestData, Services, require_staff};

#[derive(InputObject, Default)]
pub(super) struct OrderFilter {
    state: Option<OrderState>,
    payment_status: Option<PaymentStatus>,
    fulfillment_status: Option<FulfillmentStatus>,
    placed_from: Option<DateTime>,
    placed_to: Option<DateTime>,
    customer_id: Option<ID>,
    /// Part of the number, e-mail address or name.
    query: Option<String>,
}

impl From<OrderFilter> for orders::OrderFilter {
    fn from(filter: OrderFilter) -> Self {
        Self {
            state: filter
                .state
                .map(orders::OrderState::from)
                .unwrap_or_default()
                .into(),
            payment_status: filter
                .payment_status
                .map(orders::PaymentStatus::from)
                .unwrap_or_default()
                .into(),
            fulfillment_status: filter
                .fulfillment_status
                .map(orders::FulfillmentStatus::from)
                .unwrap_or_default()
                .into(),
            placed_from: filter.placed_from.map(DateTime::to_proto),
            placed_to: filter.placed_to.map(DateTime::to_proto),
            customer_id: filter.customer_id.map(|id| id.0).unwrap_or_default(),
            query: filter.query.unwrap_or_default(),
        }
    }
}

/// Days are those of the shop's time zone. Revenue is what was captured minus what was refunded.
#[derive(SimpleObject)]
pub(super) struct SalesDay {
    date: String,
    orders: i32,
    revenue: Money,
}

#[derive(SimpleObject)]
pub(super) struct SalesReport {
    orders: i32,
    revenue: Money,
    average_order: Money,
    days: Vec<SalesDay>,
}

impl From<orders::GetSalesResponse> for SalesReport {
    fn from(sales: orders::GetSalesResponse) -> Self {
        let count = |orders: i64| i32::try_from(orders).unwrap_or(i32::MAX);
        let day = |day: orders::SalesDay| SalesDay {
            date: day.date,
            orders: count(day.orders),
            revenue: money(day.revenue),
        };
        Self {
            orders: count(sales.orders),
            revenue: money(sales.revenue),
            average_order: money(sales.average_order),
            days: sales.days.into_iter().map(day).collect(),
        }
    }
}

#[derive(Default)]
pub(super) struct AdminQuery;

#[Object]
impl AdminQuery {
    async fn admin_products(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 50)] first: Option<i32>,
        after: Option<String>,
        query: Option<String>,
        status: Option<ProductStatus>,
    ) -> Result<ProductConnection, Failure> {
        require_staff(ctx.data_unchecked())?;
        let page_arguments = PageArguments::new(ctx, first, 50, after)?;
        let request = catalog::ListProductsRequest {
            page_size: page_arguments.size,
            page_token: page_arguments.after.clone(),
            status: status
                .map(catalog::ProductStatus::from)
                .unwrap_or_default()
                .into(),
            query: query.unwrap_or_default(),
            ..Default::default()
        };
        list_products(ctx, &page_arguments, request).await
    }

    /// Newest first. Without a state, only orders that were PLACED at some time.
    async fn admin_orders(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 50)] first: Option<i32>,
        after: Option<String>,
        filter: Option<OrderFilter>,
    ) -> Result<OrderConnection, Failure> {
        require_staff(ctx.data_unchecked())?;
        let page_arguments = PageArguments::new(ctx, first, 50, after)?;
        let request = orders::ListOrdersRequest {
            page_size: page_arguments.size,
            page_token: page_arguments.after.clone(),
            all: true,
            filter: Some(filter.unwrap_or_default().into()),
        };
        list_orders(ctx, &page_arguments, request).await
    }

    async fn admin_user(&self, ctx: &Context<'_>, id: ID) -> Result<Option<User>, Failure> {
        if require_staff(ctx.data_unchecked()).is_err() {
            return Ok(None);
        }
        User::read(ctx, id.0).await
    }

    async fn admin_users(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 50)] first: Option<i32>,
        after: Option<String>,
        query: Option<String>,
    ) -> Result<UserConnection, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        require_staff(data)?;
        let page_arguments = PageArguments::new(ctx, first, 50, after)?;
        let request = auth::ListUsersRequest {
            page_size: page_arguments.size,
            page_token: page_arguments.after.clone(),
            query: query.unwrap_or_default(),
            user_ids: Vec::new(),
        };
        let mut client = ctx.data_unchecked::<Services>().auth.clone();
        let answer = client.list_users(request).await?.into_inner();
        let users = answer
            .users
            .into_iter()
            .map(|user| User::new(data, user))
            .collect();
        Ok(page_arguments
            .page(users, answer.cursors, &answer.next_page_token, answer.total_count)
            .into())
    }

    async fn admin_deliveries(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 50)] first: Option<i32>,
        after: Option<String>,
        status: Option<String>,
    ) -> Result<DeliveryConnection, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        require_staff(data)?;
        let page_arguments = PageArguments::new(ctx, first, 50, after)?;
        let request = notifier::ListDeliveriesRequest {
            page_size: page_arguments.size,
            page_token: page_arguments.after.clone(),
            status: status.unwrap_or_default(),
        };
        let mut client = ctx.data_unchecked::<Services>().notifier.clone();
        let answer = client.list_deliveries(request).await?.into_inner();
        let deliveries = answer
            .deliveries
            .into_iter()
            .map(|delivery| Delivery::new(data, delivery))
            .collect();
        Ok(page_arguments
            .page(
                deliveries,
                answer.cursors,
                &answer.next_page_token,
                answer.total_count,
            )
            .into())
    }

    async fn admin_discounts(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 50)] first: Option<i32>,
        after: Option<String>,
        query: Option<String>,
    ) -> Result<DiscountConnection, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        require_staff(data)?;
        let page_arguments = PageArguments::new(ctx, first, 50, after)?;
        let request = orders::ListDiscountsRequest {
            page_size: page_arguments.size,
            page_token: page_arguments.after.clone(),
            query: query.unwrap_or_default(),
        };
        let mut client = ctx.data_unchecked::<Services>().discounts.clone();
        let answer = client.list_discounts(request).await?.into_inner();
        let discounts = answer
            .discounts
            .into_iter()
            .map(|discount| Discount::new(data, discount))
            .collect();
        Ok(page_arguments
            .page(
                discounts,
                answer.cursors,
                &answer.next_page_token,
                answer.total_count,
            )
            .into())
    }

    async fn admin_stock_movements(
        &self,
        ctx: &Context<'_>,
        variant_id: ID,
        #[graphql(default = 50)] first: Option<i32>,
        after: Option<String>,
    ) -> Result<StockMovementConnection, Failure> {
        require_staff(ctx.data_unchecked())?;
        let page_arguments = PageArguments::new(ctx, first, 50, after)?;
        let request = catalog::ListStockMovementsRequest {
            variant_id: variant_id.0,
            page_size: page_arguments.size,
            page_token: page_arguments.after.clone(),
        };
        let mut client = ctx.data_unchecked::<Services>().inventory.clone();
        let answer = client.list_stock_movements(request).await?.into_inner();
        let movements = answer.movements.into_iter().map(StockMovement::from).collect();
        Ok(page_arguments
            .page(
                movements,
                answer.cursors,
                &answer.next_page_token,
                answer.total_count,
            )
            .into())
    }

    async fn admin_low_stock(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 5)] threshold: Option<i32>,
        #[graphql(default = 50)] first: Option<i32>,
        after: Option<String>,
    ) -> Result<VariantConnection, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        require_staff(data)?;
        let page_arguments = PageArguments::new(ctx, first, 50, after)?;
        let request = catalog::ListLowStockRequest {
            threshold: threshold.unwrap_or(5),
            page_size: page_arguments.size,
            page_token: page_arguments.after.clone(),
        };
        let mut client = ctx.data_unchecked::<Services>().inventory.clone();
        let answer = client.list_low_stock(request).await?.into_inner();
        let variants = answer
            .variants
            .into_iter()
            .map(|variant| ProductVariant::new(data, variant))
            .collect();
        Ok(page_arguments
            .page(
                variants,
                answer.cursors,
                &answer.next_page_token,
                answer.total_count,
            )
            .into())
    }

    async fn admin_sales(
        &self,
        ctx: &Context<'_>,
        from: DateTime,
        to: DateTime,
    ) -> Result<SalesReport, Failure> {
        require_staff(ctx.data_unchecked())?;
        let mut client = ctx.data_unchecked::<Services>().orders.clone();
        let request = orders::GetSalesRequest {
            from: Some(from.to_proto()),
            to: Some(to.to_proto()),
        };
        Ok(client.get_sales(request).await?.into_inner().into())
    }
}
