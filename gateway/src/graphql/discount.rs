//! Discount codes, for STAFF and ADMIN.

use async_graphql::{Context, Enum, ID, InputObject, Object};
use comptoir_proto::orders::v1 as pb;

use super::connection::connection;
use super::scalars::{DateTime, Decimal};
use super::user_errors::{mutation_result, payload};
use crate::backend::{Failure, Paths, RequestData, Services, require_staff};

/// How many pages of discounts are searched for an id.
const LOOKUP_PAGES: usize = 200;

const PATHS: Paths = &[("discount_id", "id"), ("discount", "input")];

#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(super) enum DiscountKind {
    Percent,
    Fixed,
}

#[derive(InputObject)]
pub(super) struct DiscountInput {
    code: String,
    kind: DiscountKind,
    value: Decimal,
    currency_code: Option<String>,
    starts_at: Option<DateTime>,
    ends_at: Option<DateTime>,
    usage_limit: Option<i32>,
    usage_limit_per_customer: Option<i32>,
    minimum_subtotal: Option<Decimal>,
}

impl From<DiscountInput> for pb::DiscountInput {
    fn from(input: DiscountInput) -> Self {
        let kind = match input.kind {
            DiscountKind::Percent => pb::DiscountKind::Percent,
            DiscountKind::Fixed => pb::DiscountKind::Fixed,
        };
        Self {
            code: input.code,
            kind: kind.into(),
            value: input.value.into_string(),
            currency_code: input.currency_code,
            starts_at: input.starts_at.map(DateTime::to_proto),
            ends_at: input.ends_at.map(DateTime::to_proto),
            usage_limit: input.usage_limit,
            usage_limit_per_customer: input.usage_limit_per_customer,
            minimum_subtotal: input.minimum_subtotal.map(Decimal::into_string),
        }
    }
}

#[derive(Clone)]
pub(super) struct Discount {
    discount: pb::Discount,
    input: pb::DiscountInput,
}

impl Discount {
    /// A discount of the answer, which makes the answer private to the caller.
    pub(super) fn new(data: &RequestData, mut discount: pb::Discount) -> Self {
        data.private();
        let input = discount.input.take().unwrap_or_default();
        Self { discount, input }
    }

    /// The discount with this id, for STAFF and ADMIN. There are few, so the list is searched.
    pub(super) async fn read(ctx: &Context<'_>, id: &str) -> Result<Option<Self>, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        if require_staff(data).is_err() {
            return Ok(None);
        }
        let mut client = ctx.data_unchecked::<Services>().discounts.clone();
        let mut page_token = String::new();
        for _ in 0..LOOKUP_PAGES {
            let request = pb::ListDiscountsRequest {
                page_token,
                ..Default::default()
            };
            let page = client.list_discounts(request).await?.into_inner();
            if let Some(found) = page.discounts.into_iter().find(|discount| discount.id == id) {
                return Ok(Some(Self::new(data, found)));
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        Ok(None)
    }
}

#[Object]
impl Discount {
    pub(super) async fn id(&self) -> ID {
        ID(self.discount.id.clone())
    }

    async fn code(&self) -> &str {
        &self.input.code
    }

    async fn kind(&self) -> DiscountKind {
        match self.input.kind() {
            pb::DiscountKind::Unspecified | pb::DiscountKind::Percent => DiscountKind::Percent,
            pb::DiscountKind::Fixed => DiscountKind::Fixed,
        }
    }

    async fn value(&self) -> Decimal {
        Decimal::new(&self.input.value)
    }

    async fn currency_code(&self) -> Option<&str> {
        self.input.currency_code.as_deref()
    }

    async fn starts_at(&self) -> Option<DateTime> {
        DateTime::maybe(self.input.starts_at)
    }

    async fn ends_at(&self) -> Option<DateTime> {
        DateTime::maybe(self.input.ends_at)
    }

    async fn usage_limit(&self) -> Option<i32> {
        self.input.usage_limit
    }

    async fn usage_limit_per_customer(&self) -> Option<i32> {
        self.input.usage_limit_per_customer
    }

    async fn minimum_subtotal(&self) -> Option<Decimal> {
        self.input.minimum_subtotal.as_ref().map(Decimal::new)
    }

    async fn times_used(&self) -> i32 {
        self.discount.times_used
    }

    async fn created_at(&self) -> DateTime {
        DateTime::of(self.discount.created_at)
    }
}

connection!(DiscountConnection, DiscountEdge, Discount);
payload!(DiscountPayload { discount: Discount });

#[derive(Default)]
pub(super) struct DiscountMutation;

#[Object]
impl DiscountMutation {
    async fn discount_create(
        &self,
        ctx: &Context<'_>,
        input: DiscountInput,
    ) -> Result<DiscountPayload, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        require_staff(data)?;
        let mut client = ctx.data_unchecked::<Services>().discounts.clone();
        let answer = client
            .create_discount(pb::CreateDiscountRequest {
                discount: Some(input.into()),
            })
            .await;
        let result = mutation_result(answer, PATHS, |answer| answer.discount)?;
        Ok(result.map(|discount| Discount::new(data, discount)).into())
    }

    async fn discount_update(
        &self,
        ctx: &Context<'_>,
        id: ID,
        input: DiscountInput,
    ) -> Result<DiscountPayload, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        require_staff(data)?;
        let mut client = ctx.data_unchecked::<Services>().discounts.clone();
        let request = pb::UpdateDiscountRequest {
            discount_id: id.0,
            discount: Some(input.into()),
        };
        let result = mutation_result(client.update_discount(request).await, PATHS, |answer| {
            answer.discount
        })?;
        Ok(result.map(|discount| Discount::new(data, discount)).into())
    }

    async fn discount_delete(&self, ctx: &Context<'_>, id: ID) -> Result<DiscountPayload, Failure> {
        let data = ctx.data_unchecked::<RequestData>();
        require_staff(data)?;
        let mut client = ctx.data_unchecked::<Services>().discounts.clone();
        let answer = client
            .delete_discount(pb::DeleteDiscountRequest { discount_id: id.0 })
            .await;
        let result = mutation_result(answer, PATHS, |answer| answer.discount)?;
        Ok(result.map(|discount| Discount::new(data, discount)).into())
    }
}
