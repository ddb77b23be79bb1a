//! Which handle of the file has which slug: two handles never become one product.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use comptoir_mesh::error::ErrorReason;

use super::row::{Handle, Problem};

/// The handles seen so far, as numbers, since a file has many.
#[derive(Debug, Default)]
pub(super) struct Handles {
    /// By the slug's number that of the handle, and the line where it was seen first.
    seen: HashMap<u64, (u64, u64)>,
    hasher: RandomState,
}

impl Handles {
    /// Notes the handle of a row; the problem when another handle has its slug.
    pub(super) fn claim(&mut self, handle: &Handle, line: u64) -> Result<(), Problem> {
        let number = self.hasher.hash_one(&handle.text);
        let (first, at) = *self
            .seen
            .entry(self.hasher.hash_one(&handle.slug))
            .or_insert((number, line));
        if first == number {
            return Ok(());
        }
        let shown: String = handle.text.chars().take(60).collect();
        let message = format!(
            "The Handle \"{shown}\" is \"{}\" in URLs, and so is another one in line {at}: give one of them another Handle.",
            handle.slug
        );
        Err(Problem::new(ErrorReason::ValidationFailed, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_belongs_to_the_first_handle_that_has_it() {
        let handle = |text: &str| Handle {
            text: text.to_owned(),
            slug: crate::domain::text::slug_of(text, ""),
        };
        let mut handles = Handles::default();
        for (line, text) in (2..).zip(["été", "a_b", "été", "b"]) {
            assert_eq!(handles.claim(&handle(text), line), Ok(()), "{text}");
        }
        for (text, at) in [("ete", "line 2"), ("a-b", "line 3")] {
            let message = handles.claim(&handle(text), 9).unwrap_err().message;
            assert!(message.contains(text) && message.contains(at), "{message}");
        }
    }
}
