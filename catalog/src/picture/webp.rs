//! The container of WebP (RFC 9649): a list of chunks, of which a still picture needs few.

use super::Refused;

/// Flags of a VP8X chunk: an alpha channel and a colour profile.
const ALPHA: u8 = 0x10;
const PROFILE: u8 = 0x20;
const ANIMATION: u8 = 0x02;

/// The file with the chunks a still picture needs, and nothing behind them.
pub(super) fn clean(file: &[u8]) -> Result<Vec<u8>, Refused> {
    let length = file
        .get(4..8)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u32::from_le_bytes);
    let length = usize::try_from(length.ok_or(Refused::Broken)?).map_err(|_| Refused::Broken)?;
    let mut rest = file.get(12..length.saturating_add(8)).ok_or(Refused::Broken)?;
    let mut body = b"WEBP".to_vec();
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
                push(&mut body, name, &data)?;
            }
            b"ANIM" | b"ANMF" => return Err(Refused::Animated),
            b"VP8 " | b"VP8L" | b"ALPH" | b"ICCP" => push(&mut body, name, data)?,
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
    Ok(out)
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
