//! What was sold, by day of the shop's time zone.

use std::collections::BTreeMap;

use comptoir_mesh::{Error, ErrorReason};
use comptoir_proto::orders::v1::{GetSalesResponse, SalesDay};
use jiff::Timestamp;

use comptoir_shop::Shop;

use crate::{convert::to_money, store::orders::OrderStore};

/// The longest span, in days.
const DAYS: i64 = 400;

/// Sums orders and revenue from `from` to before `to`, a line for each day that has orders.
pub(crate) async fn sales(
    orders: &dyn OrderStore,
    shop: &Shop,
    from: Timestamp,
    to: Timestamp,
) -> Result<GetSalesResponse, Error> {
    let refuse = |field: &str, message: &str| Error::field(field, ErrorReason::ValidationFailed, message);
    if to <= from {
        return Err(refuse("to", "The end of the span is not after its beginning."));
    }
    if to.as_second() - from.as_second() > DAYS * 86_400 {
        return Err(refuse("to", "A span has at most 400 days."));
    }
    let sales = orders.sales(from, to).await?;
    let mut days: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for sale in &sales {
        let date = sale.placed_at.to_zoned(shop.time_zone.clone()).date().to_string();
        let day = days.entry(date).or_default();
        day.0 += 1;
        day.1 += sale.revenue;
    }
    let count = i64::try_from(sales.len()).unwrap_or(i64::MAX);
    let revenue: i64 = sales.iter().map(|sale| sale.revenue).sum();
    let average = if count == 0 {
        0
    } else {
        (revenue + count / 2) / count
    };
    let day = |(date, (orders, revenue))| SalesDay {
        date,
        orders,
        revenue: to_money(revenue, &shop.currency),
    };
    Ok(GetSalesResponse {
        orders: count,
        revenue: to_money(revenue, &shop.currency),
        average_order: to_money(average, &shop.currency),
        days: days.into_iter().map(day).collect(),
    })
}
