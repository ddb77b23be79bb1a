//! The container of WebP (RFC 9649): a list of chunks, of which a still picture needs few.

use image::metadata::Orientation;

use super::{PROFILE_LIMIT, Refused, Stripped, check_size};

/// Flags of a VP8X chunk: an alpha channel and a colour profile.
const ALPHA: u8 = 0x10;
const PROFILE: u8 = 0x20;
const ANIMATION: u8 = 0x02;

/// The file with the chunks a still picture needs, and nothing behind them.
pub(super) fn strip(file: &[u8]) -> Result<Stripped, Refused> {
    let length = file
        .get(4..8)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u32::from_le_bytes);
    let length = usize::try_from(length.ok_or(Refused::Broken)?).map_err(|_| Refused::Broken)?;
    let mut rest = file.get(12..length.saturating_add(8)).ok_or(Refused::Broken)?;
    let mut body = b"WEBP".to_vec();
    let mut orientation = Orientation::NoTransforms;
    let mut size = None;
    while !rest.is_empty() {
        let (name, data, behind) = chunk(rest)?;
        rest = behind;
        match name {
            b"VP8X" => {
                let mut data = data.to_vec();
                let flags = data.first_mut().ok_or(Refused::Broken)?;
                if *flags & ANIMATION != 0 {
                    return Err(Refused::Animated);
                }
                *flags &= ALPHA | PROFILE;
                agree(&mut size, canvas(&data).ok_or(Refused::Broken)?)?;
                push(&mut body, name, &data)?;
            }
            b"ANIM" | b"ANMF" => return Err(Refused::Animated),
            b"VP8 " => {
                agree(&mut size, lossy(data).ok_or(Refused::Broken)?)?;
                push(&mut body, name, data)?;
            }
            b"VP8L" => {
                agree(&mut size, lossless(data).ok_or(Refused::Broken)?)?;
                push(&mut body, name, data)?;
            }
            b"ICCP" if data.len() <= PROFILE_LIMIT => push(&mut body, name, data)?,
            b"ALPH" => push(&mut body, name, data)?,
            b"EXIF" => orientation = super::orientation(data),
            _ => {}
        }
    }
    let mut out = b"RIFF".to_vec();
    out.extend(
        u32::try_from(body.len())
            .map_err(|_| Refused::Broken)?
            .to_le_bytes(),
    );
    out.extend(body);
    Ok(Stripped {
        file: out,
        orientation,
    })
}

type Size = (u32, u32);

/// Notes how large the picture is. The container and the coded pixels have to say the same: the decoder takes memory for the
/// one before it compares the other.
fn agree(size: &mut Option<Size>, found: Size) -> Result<(), Refused> {
    check_size(found.0, found.1)?;
    if *size.get_or_insert(found) == found {
        Ok(())
    } else {
        Err(Refused::Broken)
    }
}

/// The size in a VP8X chunk: 24 bits each, less one.
fn canvas(data: &[u8]) -> Option<Size> {
    let side = |place: usize| {
        let bytes = data.get(place..place + 3)?;
        Some((u32::from(bytes[2]) << 16 | u32::from(bytes[1]) << 8 | u32::from(bytes[0])) + 1)
    };
    Some((side(4)?, side(7)?))
}

/// The size in a key frame's header (RFC 6386, 9.1): 14 bits each.
fn lossy(data: &[u8]) -> Option<Size> {
    let side = |place: usize| {
        let bytes = data.get(place..place + 2)?;
        Some((u32::from(bytes[1]) << 8 | u32::from(bytes[0])) & 0x3fff)
    };
    Some((side(6)?, side(8)?))
}

/// The size in a lossless picture's header: 14 bits each, less one.
fn lossless(data: &[u8]) -> Option<Size> {
    let bits = u32::from_le_bytes(*data.get(1..)?.first_chunk()?);
    Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
}

type Chunk<'f> = (&'f [u8; 4], &'f [u8], &'f [u8]);

/// The first chunk's name and data, and what is behind it.
fn chunk(bytes: &[u8]) -> Result<Chunk<'_>, Refused> {
    let (name, rest) = bytes.split_first_chunk::<4>().ok_or(Refused::Broken)?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or(Refused::Broken)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| Refused::Broken)?;
    let data = rest.get(..length).ok_or(Refused::Broken)?;
    // Chunks are padded to an even length; some writers leave the last one's padding out.
    let behind = rest.get(length + length % 2..).unwrap_or_default();
    Ok((name, data, behind))
}

fn push(body: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) -> Result<(), Refused> {
    body.extend(name);
    body.extend(
        u32::try_from(data.len())
            .map_err(|_| Refused::Broken)?
            .to_le_bytes(),
    );
    body.extend(data);
    if data.len() % 2 == 1 {
        body.push(0);
    }
    Ok(())
}
