//! States of orders, payments and parcels.

use async_graphql::Enum;
use comptoir_proto::orders::v1 as pb;

#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(super) enum OrderState {
    PendingPayment,
    Placed,
    Confirmed,
    Completed,
    Canceled,
    Failed,
}

#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(super) enum PaymentStatus {
    NotPaid,
    Authorized,
    Captured,
    PartiallyRefunded,
    Refunded,
    Canceled,
    RequiresAction,
    Failed,
}

#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(super) enum FulfillmentStatus {
    NotFulfilled,
    PartiallyShipped,
    Shipped,
    Delivered,
    Canceled,
}

impl OrderState {
    /// The state, or `None` if a message does not set it.
    pub(super) fn known(state: pb::OrderState) -> Option<Self> {
        (state != pb::OrderState::Unspecified).then(|| state.into())
    }
}

impl From<pb::OrderState> for OrderState {
    fn from(state: pb::OrderState) -> Self {
        match state {
            pb::OrderState::Unspecified | pb::OrderState::PendingPayment => Self::PendingPayment,
            pb::OrderState::Placed => Self::Placed,
            pb::OrderState::Confirmed => Self::Confirmed,
            pb::OrderState::Completed => Self::Completed,
            pb::OrderState::Canceled => Self::Canceled,
            pb::OrderState::Failed => Self::Failed,
        }
    }
}

impl From<OrderState> for pb::OrderState {
    fn from(state: OrderState) -> Self {
        match state {
            OrderState::PendingPayment => Self::PendingPayment,
            OrderState::Placed => Self::Placed,
            OrderState::Confirmed => Self::Confirmed,
            OrderState::Completed => Self::Completed,
            OrderState::Canceled => Self::Canceled,
            OrderState::Failed => Self::Failed,
        }
    }
}

impl From<pb::PaymentStatus> for PaymentStatus {
    fn from(status: pb::PaymentStatus) -> Self {
        match status {
            pb::PaymentStatus::Unspecified | pb::PaymentStatus::NotPaid => Self::NotPaid,
            pb::PaymentStatus::Authorized => Self::Authorized,
            pb::PaymentStatus::Captured => Self::Captured,
            pb::PaymentStatus::PartiallyRefunded => Self::PartiallyRefunded,
            pb::PaymentStatus::Refunded => Self::Refunded,
            pb::PaymentStatus::Canceled => Self::Canceled,
            pb::PaymentStatus::RequiresAction => Self::RequiresAction,
            pb::PaymentStatus::Failed => Self::Failed,
        }
    }
}

impl From<PaymentStatus> for pb::PaymentStatus {
    fn from(status: PaymentStatus) -> Self {
        match status {
            PaymentStatus::NotPaid => Self::NotPaid,
            PaymentStatus::Authorized => Self::Authorized,
            PaymentStatus::Captured => Self::Captured,
            PaymentStatus::PartiallyRefunded => Self::PartiallyRefunded,
            PaymentStatus::Refunded => Self::Refunded,
            PaymentStatus::Canceled => Self::Canceled,
            PaymentStatus::RequiresAction => Self::RequiresAction,
            PaymentStatus::Failed => Self::Failed,
        }
    }
}

impl From<pb::FulfillmentStatus> for FulfillmentStatus {
    fn from(status: pb::FulfillmentStatus) -> Self {
        match status {
            pb::FulfillmentStatus::Unspecified | pb::FulfillmentStatus::NotFulfilled => Self::NotFulfilled,
            pb::FulfillmentStatus::PartiallyShipped => Self::PartiallyShipped,
            pb::FulfillmentStatus::Shipped => Self::Shipped,
            pb::FulfillmentStatus::Delivered => Self::Delivered,
            pb::FulfillmentStatus::Canceled => Self::Canceled,
        }
    }
}

impl From<FulfillmentStatus> for pb::FulfillmentStatus {
    fn from(status: FulfillmentStatus) -> Self {
        match status {
            FulfillmentStatus::NotFulfilled => Self::NotFulfilled,
            FulfillmentStatus::PartiallyShipped => Self::PartiallyShipped,
            FulfillmentStatus::Shipped => Self::Shipped,
            FulfillmentStatus::Delivered => Self::Delivered,
            FulfillmentStatus::Canceled => Self::Canceled,
        }
    }
}
