//! JPEG (ITU-T T.81): a list of segments, some with coded pixels behind. The decoder is handed those alone that make the
//! picture.

use image::metadata::Orientation;

use super::{PROFILE_LIMIT, Refused, Stripped};

/// Markers, behind 0xff.
const START: u8 = 0xd8;
const END: u8 = 0xd9;
const SCAN: u8 = 0xda;
const EXIF: u8 = 0xe1;
const PROFILE: u8 = 0xe2;
/// Adobe's segment says how the colours are coded.
const ADOBE: u8 = 0xee;
const COMMENT: u8 = 0xfe;

/// The segments that make the picture, and nothing behind its end.
pub(super) fn strip(file: &[u8]) -> Result<Stripped, Refused> {
    let mut rest = file.strip_prefix(&[0xff, START]).ok_or(Refused::Broken)?;
    let mut out = vec![0xff, START];
    let mut orientation = Orientation::NoTransforms;
    let mut profile = 0;
    // A file whose end is missing shows too, as far as it goes.
    while let Some((marker, behind)) = next_marker(rest)
        && marker != END
    {
        // Those that stand alone.
        if matches!(marker, 0x01 | 0xd0..=START) {
            rest = behind;
            continue;
        }
        let length = behind.first_chunk::<2>().ok_or(Refused::Broken)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (segment, behind) = behind.split_at_checked(length).ok_or(Refused::Broken)?;
        let data = segment.get(2..).ok_or(Refused::Broken)?;
        let needed = match marker {
            EXIF => {
                if let Some(exif) = data.strip_prefix(b"Exif\0\0") {
                    orientation = super::orientation(exif);
                }
                false
            }
            PROFILE => {
                profile += data.len();
                data.starts_with(b"ICC_PROFILE\0") && profile <= PROFILE_LIMIT
            }
            ADOBE => true,
            0xe0..=0xef | COMMENT => false,
            _ => true,
        };
        if needed {
            out.extend([0xff, marker]);
            out.extend(segment);
        }
        rest = behind;
        if marker == SCAN {
            let (pixels, behind) = rest.split_at(end_of_scan(rest));
            out.extend(pixels);
            rest = behind;
        }
    }
    out.extend([0xff, END]);
    Ok(Stripped {
        file: out,
        orientation,
    })
}

/// The next marker, and what is behind it. Some writers leave bytes between segments.
fn next_marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let place = bytes
        .windows(2)
        .position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff))?;
    Some((bytes[place + 1], &bytes[place + 2..]))
}

/// Where the coded pixels end: at a marker that does not belong to them, as 0xff00 and those that restart the coding do.
fn end_of_scan(bytes: &[u8]) -> usize {
    bytes
        .windows(2)
        .position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff | 0xd0..=0xd7))
        .unwrap_or(bytes.len())
}
