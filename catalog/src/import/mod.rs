//! Import of product files in Shopify's CSV format, of any length in little memory.
//!
//! Bytes arrive ([`body`]), become text ([`encoding`]), records ([`records`]), rows ([`columns`], [`row`]) and products ([`group`]) in a thread of
//! their own; each product is one step of the store, several of which are under way at a time. Every hand-over is bounded, so
//! that a slow store slows the sender down. A row that is not taken is named in the [`report`], and the rest is taken; an
//! import that breaks off can be repeated, since what is there already stays as it is.

mod body;
mod columns;
mod encoding;
mod group;
mod handles;
mod records;
mod report;
mod row;
mod text;

use std::collections::HashSet;
use std::sync::Arc;

use comptoir_mesh::Error;
use comptoir_mesh::error::ErrorReason;
use comptoir_proto::catalog::v1::{ImportProductsRequest, ImportProductsResponse};
use comptoir_shop::Shop;
use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt as _};
use tokio::sync::mpsc;
use tonic::Status;

use body::Body;
use columns::Columns;
use encoding::Utf8;
use group::{Finding, Gathering, Group};
use handles::Handles;
use records::{Record, Records};
use report::Report;
use row::{Problem, Reader};

use crate::domain::{Imported, Product, Tree};
use crate::store::Store;

/// Products being written at a time: enough for the store to share commits among them.
const CONCURRENT: usize = 64;
/// Products that may wait to be written.
const WAITING: usize = 16;

/// What an import needs.
#[derive(Clone)]
pub(crate) struct Importer {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) shop: Arc<Shop>,
    /// The most bytes of a file; 0 is no limit.
    pub(crate) limit: usize,
}

impl Importer {
    /// Takes a file in, on behalf of `actor`, and tells what became of it.
    ///
    /// VALIDATION_FAILED for what is no product file · INVALID_CURRENCY for another than the shop's · PAYLOAD_TOO_LARGE.
    pub(crate) async fn import(
        &self,
        mut messages: impl Stream<Item = Result<ImportProductsRequest, Status>> + Unpin,
        actor: &str,
    ) -> Result<ImportProductsResponse, Error> {
        let first = match messages.next().await {
            Some(message) => message.map_err(|status| Error::from_status(&status))?,
            None => ImportProductsRequest::default(),
        };
        self.check_currency(&first.currency_code)?;
        let tree = Tree::new(self.store.categories().await?);
        let (chunks, received) = mpsc::channel(body::WAITING);
        let (groups, parsed) = mpsc::channel(WAITING);
        let parser = Parser {
            shop: Arc::clone(&self.shop),
            tree,
            groups,
        };
        let parsing = tokio::task::spawn_blocking(move || parser.run(Body::new(received)));
        let feeding = body::feed(first.chunk, messages, chunks, self.limit);
        let writing = self.write(parsed, actor);
        // The first failure ends all: the parser when its channels close, at its next record.
        let parsing = async { parsing.await.map_err(Error::internal)? };
        let ((), (), report) = futures::try_join!(feeding, parsing, writing)?;
        Ok(report.finish())
    }

    fn check_currency(&self, code: &str) -> Result<(), Error> {
        if code.is_empty() || code.eq_ignore_ascii_case(&self.shop.currency) {
            return Ok(());
        }
        let message = format!("The shop's prices are in {}.", self.shop.currency);
        Err(Error::field(
            "currency_code",
            ErrorReason::InvalidCurrency,
            message,
        ))
    }

    /// Writes products as they come, several at a time, but one after the other those of one handle.
    async fn write(&self, mut groups: mpsc::Receiver<Group>, actor: &str) -> Result<Report, Error> {
        let mut report = Report::default();
        let mut under_way = FuturesUnordered::new();
        let mut slugs: HashSet<String> = HashSet::new();
        let (mut more, mut held): (bool, Option<(String, Group)>) = (true, None);
        while more || held.is_some() || !under_way.is_empty() {
            tokio::select! {
                Some((slug, written)) = under_way.next(), if !under_way.is_empty() => {
                    slugs.remove(&slug);
                    let written: Written = written?;
                    report.refused(written.errors);
                    if let Some(imported) = written.imported {
                        report.remarked(written.remarks);
                        report.taken(imported.outcome, written.variants, written.images);
                    }
                }
                group = groups.recv(), if more && held.is_none() && under_way.len() < CONCURRENT => match group {
                    Some(mut group) => {
                        report.refused(std::mem::take(&mut group.errors));
                        if group.product.is_none() {
                            report.remarked(std::mem::take(&mut group.remarks));
                        }
                        held = group.product.as_ref().map(|product| product.slug.clone()).map(|slug| (slug, group));
                    }
                    None => more = false,
                },
            }
            // A handle that is being imported waits for its turn.
            if let Some((slug, group)) = held.take_if(|(slug, _)| !slugs.contains(slug)) {
                slugs.insert(slug.clone());
                under_way.push(async move { (slug, self.write_one(group, actor).await) });
            }
        }
        Ok(report)
    }

    async fn write_one(&self, mut group: Group, actor: &str) -> Result<Written, Error> {
        let errors = self.drop_unpriced(&mut group).await?;
        let Group {
            product,
            lines,
            variant_lines,
            images,
            mut remarks,
            ..
        } = group;
        let Some(product) = product.filter(|_| !lines.is_empty()) else {
            return Ok(Written {
                errors,
                ..Written::default()
            });
        };
        match self.store.import_product(product, actor).await {
            Ok(imported) => {
                remarks.retain(|(line, _)| errors.iter().all(|(refused, _)| refused != line));
                Ok(Written {
                    imported: Some(imported),
                    variants: variant_lines.len(),
                    images,
                    errors,
                    remarks,
                })
            }
            Err(error) if is_refusal(&error) => {
                let problem = Problem {
                    code: error.reason(),
                    message: error.message().to_owned(),
                };
                let refused = lines.into_iter().map(|line| (line, problem.clone()));
                Ok(Written {
                    errors: refused.chain(errors).collect(),
                    ..Written::default()
                })
            }
            Err(error) => Err(error),
        }
    }

    /// A variant without a price can only be one that is there. Takes those out that are not, and tells their lines.
    async fn drop_unpriced(&self, group: &mut Group) -> Result<Vec<Finding>, Error> {
        let Some(product) = &mut group.product else {
            return Ok(Vec::new());
        };
        if group.variant_lines.iter().all(|(_, priced)| *priced) {
            return Ok(Vec::new());
        }
        let stored = self.store.product_by_slug(&product.slug).await?;
        let is_there = |values: &[String]| {
            let variants = stored.iter().flat_map(|product: &Product| &product.variants);
            variants
                .into_iter()
                .any(|variant| variant.option_values == values)
        };
        let lines = std::mem::take(&mut group.variant_lines);
        let mut dropped = HashSet::new();
        for ((line, priced), variant) in lines.into_iter().zip(std::mem::take(&mut product.variants)) {
            if priced || is_there(&variant.option_values) {
                group.variant_lines.push((line, priced));
                product.variants.push(variant);
            } else {
                dropped.insert(line);
            }
        }
        group.lines.retain(|line| !dropped.contains(line));
        let problem = Problem::new(
            ErrorReason::ValidationFailed,
            "A new variant needs a Variant Price.",
        );
        Ok(dropped.into_iter().map(|line| (line, problem.clone())).collect())
    }
}

/// What became of a product.
#[derive(Debug, Default)]
struct Written {
    imported: Option<Imported>,
    variants: usize,
    images: usize,
    errors: Vec<Finding>,
    remarks: Vec<Finding>,
}

/// Whether the product is at fault, and not the store.
fn is_refusal(error: &Error) -> bool {
    !matches!(
        error.reason(),
        ErrorReason::Internal
            | ErrorReason::DependencyUnavailable
            | ErrorReason::Overloaded
            | ErrorReason::DeadlineExceeded
    )
}

/// Makes products of a file, one at a time in memory.
struct Parser {
    shop: Arc<Shop>,
    tree: Tree,
    groups: mpsc::Sender<Group>,
}

impl Parser {
    fn run(self, body: Body) -> Result<(), Error> {
        let mut records = Records::new(Utf8::new(body), columns::delimiter);
        let mut record = Record::default();
        records.next(&mut record).map_err(Error::internal)?;
        let (columns, unknown) = Columns::of(&record, records.delimiter())?;
        let mut reader = Reader::new(columns, self.shop.currency_digits, records.delimiter());
        let mut handles = Handles::default();
        let mut gathering: Option<Gathering> = None;
        let mut going_on = unknown.is_none_or(|unknown| self.send_remark(record.line, unknown));
        while going_on && records.next(&mut record).map_err(Error::internal)? {
            let row = reader.read(&record).and_then(|row| match row {
                Some(row) => handles.claim(&row.handle, row.line).map(|()| Some(row)),
                None => Ok(None),
            });
            going_on = match row {
                Ok(Some(row)) => {
                    let same = gathering
                        .take_if(|gathering| gathering.slug() != row.handle.slug)
                        .is_none_or(|done| self.send(done));
                    gathering
                        .get_or_insert_with(|| Gathering::new(row.handle.clone()))
                        .push(row);
                    same
                }
                Ok(None) => true,
                Err(problem) => self.send_error(record.line, problem),
            };
        }
        if let Some(done) = gathering {
            self.send(done);
        }
        Ok(())
    }

    /// Returns false when the receiver is gone.
    fn send(&self, gathering: Gathering) -> bool {
        self.groups
            .blocking_send(gathering.finish(&self.shop.currency, &self.tree))
            .is_ok()
    }

    fn send_error(&self, line: u64, problem: Problem) -> bool {
        let group = Group {
            errors: vec![(line, problem)],
            ..Group::default()
        };
        self.groups.blocking_send(group).is_ok()
    }

    fn send_remark(&self, line: u64, problem: Problem) -> bool {
        let group = Group {
            remarks: vec![(line, problem)],
            ..Group::default()
        };
        self.groups.blocking_send(group).is_ok()
    }
}
