//! Strings as small numbers, counted, so that a search compares and counts numbers only.

use std::collections::BTreeMap;

/// Values in use and their numbers. A number is given again once nobody uses it.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    values: Vec<Box<str>>,
    users: Vec<u32>,
    /// In the order of the alphabet, so that ranking them compares nothing.
    numbers: BTreeMap<Box<str>, u32>,
    free: Vec<u32>,
    /// The position of each number when the values are sorted, made by [`Interner::sort`].
    ranks: Vec<u32>,
    sorted: bool,
}

impl Interner {
    /// The value's number, with one user more.
    pub(crate) fn acquire(&mut self, value: &str) -> u32 {
        if let Some(number) = self.numbers.get(value).copied() {
            self.users[number as usize] += 1;
            return number;
        }
        self.sorted = false;
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
            self.sorted = false;
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

    /// Brings [`Interner::rank`] up to date; free when no value came or went.
    pub(crate) fn sort(&mut self) {
        if self.sorted {
            return;
        }
        self.ranks.resize(self.values.len(), 0);
        for (rank, number) in self.numbers.values().enumerate() {
            self.ranks[*number as usize] = rank as u32;
        }
        self.sorted = true;
    }

    /// The number's place in the alphabet.
    pub(crate) fn rank(&self, number: u32) -> u32 {
        self.ranks[number as usize]
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
        values.sort();
        assert!(values.rank(blue) < values.rank(red));
        values.release(red);
        assert_eq!(values.get("red"), Some(red));
        values.release(red);
        assert_eq!(values.get("red"), None);
        assert_eq!(values.acquire("green"), red);
        assert_eq!((values.value(red), values.len()), ("green", 2));
    }
}
