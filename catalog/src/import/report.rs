//! What became of each row.

use comptoir_mesh::error::Reason as _;
use comptoir_proto::catalog::v1::{ImportError, ImportProductsResponse};

use super::group::Finding;
use crate::domain::ImportOutcome;

/// The most findings told one by one; those beyond are counted.
const TOLD: usize = 1_000;

/// Counts and findings so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    answer: ImportProductsResponse,
    /// By line: findings come in the order products were written.
    findings: Vec<Finding>,
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

    /// Rows were not taken, or otherwise than they say.
    pub(super) fn add(&mut self, findings: impl IntoIterator<Item = Finding>) {
        for finding in findings {
            self.total += 1;
            self.findings.push(finding);
            if self.findings.len() > 2 * TOLD {
                self.sort();
            }
        }
    }

    pub(super) fn finish(mut self) -> ImportProductsResponse {
        self.sort();
        let told = self.findings.into_iter().map(|(line, problem)| ImportError {
            line: i64::try_from(line).unwrap_or(i64::MAX),
            code: problem.code.code().to_owned(),
            message: problem.message,
        });
        ImportProductsResponse {
            errors: told.collect(),
            errors_total: small(self.total),
            ..self.answer
        }
    }

    fn sort(&mut self) {
        self.findings.sort_by_key(|(line, _)| *line);
        self.findings.truncate(TOLD);
    }
}

fn small(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
