//! The number of products on a list, kept until a product changes: counting reads every row, for every page of the list.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// The most counts that are kept. One more clears them all.
const CAPACITY: usize = 1000;

/// Counts by the filters they are for.
#[derive(Default)]
pub(super) struct Counts(Mutex<Known>);

#[derive(Default)]
struct Known {
    generation: u64,
    counts: HashMap<String, i64>,
}

impl Counts {
    /// The count for these filters, or the generation to pass to [`Counts::put`] with a count that is read now.
    pub(super) fn get(&self, filters: &str) -> Result<i64, u64> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.counts.get(filters).copied().ok_or(known.generation)
    }

    /// Keeps a count, unless a product changed since [`Counts::get`] returned the generation.
    pub(super) fn put(&self, generation: u64, filters: String, count: i64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.generation != generation {
            return;
        }
        if known.counts.len() >= CAPACITY {
            known.counts.clear();
        }
        known.counts.insert(filters, count);
    }

    /// Clears all counts, because a product changed.
    pub(super) fn forget(&self) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.generation += 1;
        known.counts.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_from_before_a_change_is_not_remembered() {
        let counts = Counts::default();
        let before = counts.get("all").unwrap_err();
        counts.forget();
        counts.put(before, "all".into(), 7);
        let now = counts.get("all").unwrap_err();
        counts.put(now, "all".into(), 8);
        assert_eq!(counts.get("all"), Ok(8));
    }
}
