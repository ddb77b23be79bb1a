//! Discounts in MongoDB.
//!
//! A code that is popular has more uses than a document holds, so its document has their count, and `discount_uses` a
//! document for each order. The two are written one after the other, and a crash in between loses nothing, as the document
//! says what comes next:
//!
//! - Its `turn` grows with each change of the count or the limits, and the count changes only where the turn still is the
//!   one that was read: one **move** at a time, each decided on what still holds when it is written.
//! - The same write leaves the move in `last`. Only then is it recorded in `discount_uses`.
//! - The next move first records `last`, since its own write replaces it.
//!
//! So `discount_uses` knows every move but perhaps the last, and the document knows that one: both together say for every
//! order whether it counts, and how many uses a customer has. A record is made once as counted and goes to given back once,
//! never the other way, so recording a move again, however late, changes nothing.

use async_trait::async_trait;
use comptoir_mesh::{Error, text::normalise_email};
use comptoir_stores::{mongo::is_duplicate, sqlite::micros};
use futures::{TryStreamExt as _, try_join};
use mongodb::{
    Collection, Database,
    bson::{Document, doc},
};
use serde::{Deserialize, Serialize};

use super::{all, behind, contains, encode, index, limit, unique};
use crate::{
    domain::discount::{Counted, Discount, Use, fold},
    store::{DiscountPage, DiscountStore, Found, Replaced},
};

const CODE: &str = "discounts_code";

/// A document, and what it is found by.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(rename = "_id")]
    id: String,
    version: i64,
    /// Folded, so that codes are one without regard to case.
    code: String,
    created_at: i64,
    times_used: i64,
    turn: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<Move>,
    discount: Discount,
}

/// A change of the count.
#[derive(Clone, Serialize, Deserialize)]
struct Move {
    order: String,
    /// The first of `customers`, which is all that earlier versions know; empty where nothing was used that could be given back.
    customer: String,
    /// Every name the use counts under; none where an earlier version wrote it.
    #[serde(default)]
    customers: Vec<String>,
    given_back: bool,
}

/// What an order's use came to, for good.
#[derive(Serialize, Deserialize)]
struct Record {
    /// The discount's id and the order's.
    #[serde(rename = "_id")]
    id: String,
    discount: String,
    order: String,
    customer: String,
    #[serde(default)]
    customers: Vec<String>,
    given_back: bool,
}

/// What an order says of its customer.
#[derive(Deserialize)]
struct Named {
    order: NamedOrder,
}

#[derive(Deserialize)]
struct NamedOrder {
    contents: Option<NamedContents>,
}

#[derive(Deserialize)]
struct NamedContents {
    email: String,
}

/// A discount at one turn, every earlier move of which is recorded.
struct View {
    stored: Stored,
    /// Whether the order counts already: `Some(true)` when it was given back.
    given_back: Option<bool>,
}

impl Stored {
    fn into_domain(self) -> Counted {
        Counted {
            discount: self.discount,
            times_used: self.times_used,
        }
    }
}

impl Move {
    fn of(order: &str, customers: &[String], given_back: bool) -> Self {
        Self {
            order: order.to_owned(),
            customer: customers.first().cloned().unwrap_or_default(),
            customers: customers.to_vec(),
            given_back,
        }
    }

    /// Every name the use counts under, whichever version made it.
    fn names(&self) -> Vec<String> {
        if self.customers.is_empty() && !self.customer.is_empty() {
            return vec![self.customer.clone()];
        }
        self.customers.clone()
    }

    fn counts_for(&self, customers: &[String]) -> bool {
        !self.given_back && self.names().iter().any(|name| customers.contains(name))
    }
}

/// That a record is under one of these names.
fn under(customers: &[String]) -> Vec<Document> {
    let one_of = doc! { "$in": customers };
    vec![doc! { "customers": &one_of }, doc! { "customer": one_of }]
}

fn record_id(discount_id: &str, order_id: &str) -> String {
    format!("{discount_id}:{order_id}")
}

/// The discounts of one database.
#[derive(Clone)]
pub struct MongoDiscounts {
    discounts: Collection<Stored>,
    uses: Collection<Record>,
}

impl MongoDiscounts {
    /// The discounts of this database; makes their indexes.
    pub async fn open(database: &Database) -> mongodb::error::Result<Self> {
        let discounts = database.collection("discounts");
        discounts
            .create_indexes([
                unique(CODE, doc! { "code": 1 }),
                index("discounts_newest", doc! { "created_at": -1, "_id": -1 }),
            ])
            .await?;
        let uses = database.collection("discount_uses");
        uses.create_indexes([
            index(
                "discount_uses_customer",
                doc! { "discount": 1, "customer": 1, "given_back": 1 },
            ),
            // The names first: records without any are found by it too.
            index(
                "discount_uses_customers",
                doc! { "customers": 1, "discount": 1, "given_back": 1 },
            ),
        ])
        .await?;
        let stores = Self { discounts, uses };
        stores.name_customers(&database.collection("orders")).await?;
        Ok(stores)
    }

    /// Records of earlier versions count under the address of their order too.
    async fn name_customers(&self, orders: &Collection<Named>) -> mongodb::error::Result<()> {
        let mut nameless = self.uses.find(doc! { "customers": { "$exists": false } }).await?;
        while let Some(record) = nameless.try_next().await? {
            let email = doc! { "order.contents.email": 1 };
            let order = orders
                .find_one(doc! { "_id": &record.order })
                .projection(email)
                .await?;
            let mut names = vec![record.customer];
            names.extend(order.and_then(|order| Some(normalise_email(&order.order.contents?.email))));
            names.retain(|name| !name.is_empty());
            let named = doc! { "$set": { "customers": names } };
            self.uses.update_one(doc! { "_id": &record.id }, named).await?;
        }
        Ok(())
    }

    /// Reads the discount, sees to it that its last move is recorded, and says what it knows of the order.
    async fn view(&self, id: &str, order_id: &str) -> Result<Option<View>, Error> {
        let Some(stored) = self.discounts.find_one(doc! { "_id": id }).await? else {
            return Ok(None);
        };
        let of_last = stored.last.as_ref().map(|last| record_id(id, &last.order));
        let mut ids = vec![record_id(id, order_id)];
        ids.extend(of_last);
        let records = all(self.uses.find(doc! { "_id": { "$in": ids } }).await).await?;
        let of = |order: &str| records.iter().find(|record| record.order == order);
        let mut given_back = of(order_id).map(|record| record.given_back);
        if let Some(last) = &stored.last {
            if of(&last.order).is_none_or(|record| last.given_back && !record.given_back) {
                self.record(id, last).await?;
            }
            if last.order == order_id {
                // The record may be of later moves; at this turn it is what the move says.
                given_back = Some(last.given_back);
            }
        }
        Ok(Some(View { stored, given_back }))
    }

    /// Writes a move, unless another was written since the view, and records it.
    async fn make(&self, view: &View, count: i64, made: Move) -> Result<bool, Error> {
        let stored = &view.stored;
        let done = self
            .discounts
            .update_one(
                doc! { "_id": &stored.id, "turn": stored.turn },
                doc! { "$inc": { "turn": 1_i64, "times_used": count }, "$set": { "last": encode(&made)? } },
            )
            .await?;
        let written = done.matched_count == 1;
        if written {
            self.record(&stored.id, &made).await?;
        }
        Ok(written)
    }

    async fn record(&self, id: &str, made: &Move) -> Result<(), Error> {
        let key = record_id(id, &made.order);
        let record = Record {
            id: key.clone(),
            discount: id.to_owned(),
            order: made.order.clone(),
            customer: made.customer.clone(),
            customers: made.names(),
            given_back: made.given_back,
        };
        match self.uses.insert_one(record).await {
            Ok(_) => Ok(()),
            Err(error) if is_duplicate(&error).is_none() => Err(error.into()),
            Err(_) if made.given_back => {
                self.uses
                    .update_one(doc! { "_id": key }, doc! { "$set": { "given_back": true } })
                    .await?;
                Ok(())
            }
            Err(_) => Ok(()),
        }
    }

    /// How often the discount was used under these names: what is recorded, but for the last move, which the document tells.
    async fn used_by(&self, stored: &Stored, customers: &[String]) -> Result<i64, Error> {
        let mut recorded = doc! { "discount": &stored.id, "given_back": false, "$or": under(customers) };
        let mut last = false;
        if let Some(made) = &stored.last {
            recorded.insert("order", doc! { "$ne": &made.order });
            last = made.counts_for(customers) || self.was_named(&stored.id, made, customers).await?;
        }
        let recorded = self.uses.count_documents(recorded).await?;
        Ok(i64::try_from(recorded).unwrap_or(i64::MAX - 1) + i64::from(last))
    }

    /// Whether the record of a move that an earlier version made has one of these names.
    async fn was_named(&self, id: &str, made: &Move, customers: &[String]) -> Result<bool, Error> {
        if made.given_back || !made.customers.is_empty() {
            return Ok(false);
        }
        let record = doc! { "_id": record_id(id, &made.order), "$or": under(customers) };
        Ok(self.uses.find_one(record).await?.is_some())
    }

    async fn found(&self, stored: Stored, customers: &[String]) -> Result<Found, Error> {
        let times_used_by_customer = if customers.is_empty() {
            0
        } else {
            self.used_by(&stored, customers).await?
        };
        Ok(Found {
            times_used: stored.times_used,
            discount: stored.discount,
            times_used_by_customer,
        })
    }
}

#[async_trait]
impl DiscountStore for MongoDiscounts {
    async fn insert_discount(&self, discount: &Discount) -> Result<bool, Error> {
        let stored = Stored {
            id: discount.id.clone(),
            version: discount.version,
            code: fold(&discount.code),
            created_at: micros(discount.created_at),
            times_used: 0,
            turn: 0,
            last: None,
            discount: discount.clone(),
        };
        match self.discounts.insert_one(stored).await {
            Ok(_) => Ok(true),
            Err(error) if is_duplicate(&error).as_deref() == Some(CODE) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn discount(&self, id: &str) -> Result<Option<Counted>, Error> {
        let stored = self.discounts.find_one(doc! { "_id": id }).await?;
        Ok(stored.map(Stored::into_domain))
    }

    async fn discounts_by_code(&self, codes: &[String], customers: &[String]) -> Result<Vec<Found>, Error> {
        if codes.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for stored in all(self.discounts.find(doc! { "code": { "$in": codes } }).await).await? {
            found.push(self.found(stored, customers).await?);
        }
        Ok(found)
    }

    async fn replace_discount(&self, discount: &Discount) -> Result<Replaced, Error> {
        let change = doc! {
            "$set": {
                "version": discount.version,
                "code": fold(&discount.code),
                "discount": encode(discount)?,
            },
            // A use in progress has to check the new limits.
            "$inc": { "turn": 1_i64 },
        };
        let as_read = doc! { "_id": &discount.id, "version": discount.version - 1 };
        match self.discounts.update_one(as_read, change).await {
            Ok(done) if done.matched_count == 1 => Ok(Replaced::Done),
            Ok(_) => Ok(Replaced::Stale),
            Err(error) if is_duplicate(&error).as_deref() == Some(CODE) => Ok(Replaced::CodeTaken),
            Err(error) => Err(error.into()),
        }
    }

    async fn delete_discount(&self, id: &str) -> Result<Option<Counted>, Error> {
        let was = self.discounts.find_one_and_delete(doc! { "_id": id }).await?;
        // Without the discount its records are never asked for again, so it does no harm should some be left.
        if let Err(error) = self.uses.delete_many(doc! { "discount": id }).await {
            tracing::warn!(discount.id = id, error.cause = %error, "the uses of a removed discount stay");
        }
        Ok(was.map(Stored::into_domain))
    }

    async fn discounts(&self, page: &DiscountPage) -> Result<(Vec<Counted>, i64), Error> {
        let mut filter = Document::new();
        if !page.query.is_empty() {
            filter.insert("code", contains(&page.query));
        }
        let mut rest = filter.clone();
        if let Some((at, id)) = &page.after {
            rest.extend(behind("created_at", micros(*at), id));
        }
        let found = async {
            let found = self
                .discounts
                .find(rest)
                .sort(doc! { "created_at": -1, "_id": -1 })
                .limit(limit(page.limit));
            all(found.await).await
        };
        let total = async { Ok(self.discounts.count_documents(filter).await?) };
        let (found, total) = try_join!(found, total)?;
        Ok((
            found.into_iter().map(Stored::into_domain).collect(),
            i64::try_from(total).unwrap_or(i64::MAX),
        ))
    }

    async fn use_discount(&self, id: &str, order_id: &str, customers: &[String]) -> Result<Use, Error> {
        while let Some(view) = self.view(id, order_id).await? {
            match view.given_back {
                Some(false) => return Ok(Use::Counted),
                Some(true) => return Ok(Use::GivenBack),
                None => {}
            }
            let stored = &view.stored;
            let reached = |limit: Option<i32>, used| limit.is_some_and(|limit| used >= i64::from(limit));
            if reached(stored.discount.usage_limit, stored.times_used) {
                return Ok(Use::LimitReached);
            }
            let per_customer = stored.discount.usage_limit_per_customer;
            if per_customer.is_some() && reached(per_customer, self.used_by(stored, customers).await?) {
                return Ok(Use::CustomerLimitReached);
            }
            if self.make(&view, 1, Move::of(order_id, customers, false)).await? {
                return Ok(Use::Counted);
            }
        }
        Ok(Use::Missing)
    }

    async fn give_back_discount(&self, id: &str, order_id: &str) -> Result<(), Error> {
        while let Some(view) = self.view(id, order_id).await? {
            let count = match view.given_back {
                Some(true) => return Ok(()),
                Some(false) => -1,
                None => 0,
            };
            if self.make(&view, count, Move::of(order_id, &[], true)).await? {
                return Ok(());
            }
        }
        Ok(())
    }
}
