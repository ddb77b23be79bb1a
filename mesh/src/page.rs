//! Pages of lists.

use crate::error::{Error, ErrorReason};

/// The page size asked for: `default` for 0, else 1 to `most`, which is no limit where it is 0.
pub fn size(asked: i32, default: u32, most: u32) -> Result<u32, Error> {
    let most = if most == 0 { u32::MAX } else { most };
    match u32::try_from(asked) {
        Ok(0) => Ok(default.min(most)),
        Ok(size) if size <= most => Ok(size),
        _ => Err(Error::field(
            "page_size",
            ErrorReason::LimitOutOfRange,
            format!("A page has 1 to {most} entries."),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_sizes_have_a_range() {
        assert_eq!(size(0, 24, 100).unwrap(), 24);
        assert_eq!(size(0, 24, 10).unwrap(), 10);
        assert_eq!(size(100, 24, 100).unwrap(), 100);
        assert_eq!(size(500, 24, 0).unwrap(), 500);
        for out in [-1, 101] {
            assert_eq!(
                size(out, 24, 100).unwrap_err().reason(),
                ErrorReason::LimitOutOfRange
            );
        }
    }
}
