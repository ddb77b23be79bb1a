//! Discounts in MongoDB.
//!
//! A code that is popular has more uses than a document holds, so its document has their count, and `discount_uses` a
//! document for each order. The two are written one after the other, and a crash in between loses nothing, as the document
//! says what comes next:
//!
//! - Its `turn` grows with each change of the count or the limits, and the count changes only where the turn still is the
//!   one that was read: one **move** at a time, each decided on what still holds when it is written.
//! - The same write leaves the move in `last`. Only then is it recorded in `discount_uses`.
//! - Whoever moves next first sees to it that `last` is recorded, since writing its own move takes the place of it.
//!
//! So `discount_uses` knows every move but perhaps the last, and the document knows that one: both together say for every
//! order whether it counts, and how many uses a customer has. A record is made once as counted and goes to given back once,
//! never the other way, so recording a move again, however late, changes nothing.

use async_trait::async_trait;
use futures::try_join;
use mesh::{Error, mongo::is_duplicate, sqlite::micros};
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
    /// Empty where nothing was used that could be given back.
    customer: String,
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
    given_back: bool,
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
        uses.create_index(index(
            "discount_uses_customer",
            doc! { "discount": 1, "customer": 1, "given_back": 1 },
        ))
        .await?;
        Ok(Self { discounts, uses })
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

    /// Writes a move, if nobody else wrote since the view, and records it.
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

    /// How often the customer used the discount: what is recorded, but for the last move, which the document tells.
    async fn used_by(&self, stored: &Stored, customer: &str) -> Result<i64, Error> {
        let mut recorded = doc! { "discount": &stored.id, "customer": customer, "given_back": false };
        let mut last = 0;
        if let Some(made) = &stored.last {
            recorded.insert("order", doc! { "$ne": &made.order });
            last = i64::from(!made.given_back && made.customer == customer);
        }
        let recorded = self.uses.count_documents(recorded).await?;
        Ok(i64::try_from(recorded).unwrap_or(i64::MAX - 1) + last)
    }

    async fn found(&self, stored: Stored, customer: Option<&str>) -> Result<Found, Error> {
        let times_used_by_customer = match customer {
            Some(customer) => self.used_by(&stored, customer).await?,
            None => 0,
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

    async fn discounts_by_code(&self, codes: &[String], customer: Option<&str>) -> Result<Vec<Found>, Error> {
        if codes.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for stored in all(self.discounts.find(doc! { "code": { "$in": codes } }).await).await? {
            found.push(self.found(stored, customer).await?);
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
            // Whoever is about to use it has to look at the new limits.
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

    async fn use_discount(&self, id: &str, order_id: &str, customer: &str) -> Result<Use, Error> {
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
            if per_customer.is_some() && reached(per_customer, self.used_by(stored, customer).await?) {
                return Ok(Use::CustomerLimitReached);
            }
            let made = Move {
                order: order_id.to_owned(),
                customer: customer.to_owned(),
                given_back: false,
            };
            if self.make(&view, 1, made).await? {
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
            let made = Move {
                order: order_id.to_owned(),
                customer: String::new(),
                given_back: true,
            };
            if self.make(&view, count, made).await? {
                return Ok(());
            }
        }
        Ok(())
    }
}
