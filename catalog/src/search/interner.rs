//! Strings as small numbers, counted, so that a search compares and counts numbers only.

use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Values in use and their numbers. A number is reused once its value is no longer used.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    values: Vec<Box<str>>,
    users: Vec<u32>,
    /// In the order of the alphabet.
    numbers: BTreeMap<Box<str>, u32>,
    free: Vec<u32>,
    /// The place of each number in that order: made for the first search that asks after a value came or went, since values
    /// come by the thousand while a file is taken in.
    ranks: OnceLock<Box<[u32]>>,
}

impl Interner {
    /// The value's number, with one user more.
    pub(crate) fn acquire(&mut self, value: &str) -> u32 {
        if let Some(number) = self.numbers.get(value).copied() {
            self.users[number as usize] += 1;
            return number;
        }
        self.ranks = OnceLock::new();
        let number = self.free.pop().unwrap_or_else(|| {
            self.values.push(Box::default());
            self.users.push(0);
            (self.values.len() - 1) as u32
        });
        self.values[number as usize] = value.into();
        self.users[number as usize] = 1;
        self.numbers.insert(value.into(), number);
        number
    }

    /// One user less.
    pub(crate) fn release(&mut self, number: u32) {
        let users = &mut self.users[number as usize];
        *users -= 1;
        if *users == 0 {
            let value = std::mem::take(&mut self.values[number as usize]);
            self.numbers.remove(&value);
            self.free.push(number);
            self.ranks = OnceLock::new();
        }
    }

    /// The value's number if anybody uses it.
    pub(crate) fn get(&self, value: &str) -> Option<u32> {
        self.numbers.get(value).copied()
    }

    /// The value of a number in use.
    pub(crate) fn value(&self, number: u32) -> &str {
        &self.values[number as usize]
    }

    /// One more than the highest number.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// The number's place in the alphabet.
    pub(crate) fn rank(&self, number: u32) -> u32 {
        let ranks = self.ranks.get_or_init(|| {
            let mut ranks = vec![0; self.values.len()].into_boxed_slice();
            for (rank, number) in (0..).zip(self.numbers.values()) {
                ranks[*number as usize] = rank;
            }
            ranks
        });
        ranks[number as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shared_released_and_given_again() {
        let mut values = Interner::default();
        let red = values.acquire("red");
        assert_eq!(values.acquire("red"), red);
        let blue = values.acquire("blue");
        assert!(values.rank(blue) < values.rank(red));
        let azure = values.acquire("azure");
        assert!(
            values.rank(azure) < values.rank(blue),
            "a value that came takes its place"
        );
        values.release(azure);
        assert_eq!(values.rank(blue), 0, "and leaves it when it goes");
        values.release(red);
        assert_eq!(values.get("red"), Some(red));
        values.release(red);
        assert_eq!(values.get("red"), None);
        assert_eq!(values.acquire("green"), red);
        assert_eq!(values.acquire("grey"), azure);
        assert_eq!((values.value(red), values.len()), ("green", 3));
    }
}
