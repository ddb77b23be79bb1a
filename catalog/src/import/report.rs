//! What became of each row.

use comptoir_mesh::error::Reason as _;
use comptoir_proto::catalog::v1::{ImportError, ImportProductsResponse, ImportRemark};

use super::group::Finding;
use crate::domain::ImportOutcome;

/// The most findings of a kind that are listed; those beyond are counted.
const TOLD: usize = 1_000;

/// Counts and findings so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    answer: ImportProductsResponse,
    errors: Findings,
    remarks: Findings,
}

/// By line: findings come in the order products were written.
#[derive(Debug, Default)]
struct Findings {
    first: Vec<Finding>,
    total: usize,
}

impl Report {
    /// A product was taken.
    pub(super) fn taken(&mut self, outcome: ImportOutcome, variants: usize, images: usize) {
        let count = match outcome {
            ImportOutcome::Created => &mut self.answer.products_created,
            ImportOutcome::Updated => &mut self.answer.products_updated,
            ImportOutcome::Unchanged => &mut self.answer.products_unchanged,
        };
        *count += 1;
        self.answer.variants += small(variants);
        self.answer.images += small(images);
    }

    /// Rows were not taken.
    pub(super) fn refused(&mut self, errors: impl IntoIterator<Item = Finding>) {
        self.errors.add(errors);
    }

    /// What was taken otherwise than the file says.
    pub(super) fn remarked(&mut self, remarks: impl IntoIterator<Item = Finding>) {
        self.remarks.add(remarks);
    }

    pub(super) fn finish(self) -> ImportProductsResponse {
        let (errors_total, remarks_total) = (small(self.errors.total), small(self.remarks.total));
        let number = |line: u64| i64::try_from(line).unwrap_or(i64::MAX);
        let errors = self
            .errors
            .sorted()
            .into_iter()
            .map(|(line, problem)| ImportError {
                line: number(line),
                code: problem.code.code().to_owned(),
                message: problem.message,
            });
        let remarks = self
            .remarks
            .sorted()
            .into_iter()
            .map(|(line, problem)| ImportRemark {
                line: number(line),
                code: problem.code.code().to_owned(),
                message: problem.message,
            });
        ImportProductsResponse {
            errors: errors.collect(),
            errors_total,
            remarks: remarks.collect(),
            remarks_total,
            ..self.answer
        }
    }
}

impl Findings {
    fn add(&mut self, findings: impl IntoIterator<Item = Finding>) {
        for finding in findings {
            self.total += 1;
            self.first.push(finding);
            if self.first.len() > 2 * TOLD {
                self.sort();
            }
        }
    }

    fn sorted(mut self) -> Vec<Finding> {
        self.sort();
        self.first
    }

    fn sort(&mut self) {
        self.first.sort_by_key(|(line, _)| *line);
        self.first.truncate(TOLD);
    }
}

fn small(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
