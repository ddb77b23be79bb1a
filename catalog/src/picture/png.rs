//! PNG (ISO/IEC 15948): a list of chunks with sums. The decoder is handed those alone that make the picture; texts, which may
//! inflate without end, are not looked at.

use image::metadata::Orientation;

use super::{PROFILE_LIMIT, Refused, Stripped};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The chunks that make the picture, once the sum of each chunk is right.
pub(super) fn strip(file: &[u8]) -> Result<Stripped, Refused> {
    let mut rest = file.strip_prefix(SIGNATURE).ok_or(Refused::Broken)?;
    let mut out = SIGNATURE.to_vec();
    let mut orientation = Orientation::NoTransforms;
    loop {
        let (whole, name, data, behind) = chunk(rest)?;
        match name {
            b"acTL" => return Err(Refused::Animated),
            b"IHDR" | b"PLTE" | b"tRNS" | b"IDAT" | b"IEND" => out.extend(whole),
            // The decoder inflates it, within the same limit. A picture shows without its profile too.
            b"iCCP" if data.len() <= PROFILE_LIMIT => out.extend(whole),
            b"eXIf" => orientation = super::orientation(data),
            // A picture cannot be shown without its critical chunks.
            name if name[0].is_ascii_uppercase() => return Err(Refused::Broken),
            _ => {}
        }
        if name == b"IEND" {
            return Ok(Stripped {
                file: out,
                orientation,
            });
        }
        rest = behind;
    }
}

type Chunk<'f> = (&'f [u8], &'f [u8; 4], &'f [u8], &'f [u8]);

/// The first chunk, its name and data, and what is behind it.
fn chunk(bytes: &[u8]) -> Result<Chunk<'_>, Refused> {
    let (length, named) = bytes.split_first_chunk::<4>().ok_or(Refused::Broken)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| Refused::Broken)?;
    // The sum is of the name and the data.
    let (summed, sum) = named
        .split_at_checked(length.saturating_add(4))
        .ok_or(Refused::Broken)?;
    let (sum, behind) = sum.split_first_chunk::<4>().ok_or(Refused::Broken)?;
    if crc32fast::hash(summed) != u32::from_be_bytes(*sum) {
        return Err(Refused::Broken);
    }
    let (name, data) = summed.split_first_chunk::<4>().ok_or(Refused::Broken)?;
    let whole = &bytes[..bytes.len() - behind.len()];
    Ok((whole, name, data, behind))
}
