//! Pictures as they come in: decoded, so that what is stored is a picture, and stored without metadata, so that it says
//! nothing of who took it where.
//!
//! Of each file the container is rebuilt first, with what a picture needs. A decoder sees nothing else, so that no text and
//! no profile makes it take more memory than its limit. PNG and JPEG are then encoded again from their pixels. WebP and AVIF
//! keep their compressed pixels, since encoding them again would cost quality or size. AV1 itself is not decoded here: of an
//! AVIF the container, its sizes and the beginning of its data are checked, its pixels are not.

mod avif;
mod decoder;
mod jpeg;
mod png;
mod webp;

use std::io::Cursor;

use bytes::Bytes;
use image::{
    DynamicImage, ImageDecoder, ImageEncoder as _, ImageFormat, ImageReader, Limits,
    codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder},
    metadata::Orientation,
};
use sha2::{Digest as _, Sha256};

pub(crate) use self::decoder::Decoder;
use crate::domain::{Media, MediaType};

/// The longest side, in pixels.
const SIDE_LIMIT: u32 = 10_000;
/// The most pixels: a small file can hold very many of one colour.
const PIXEL_LIMIT: u64 = 40_000_000;
/// Memory that decoded pixels may take.
const MEMORY_LIMIT: u64 = 256 * 1024 * 1024;
/// The largest colour profile: those of printing presses have two or three million bytes.
const PROFILE_LIMIT: usize = 4 * 1024 * 1024;
/// Memory for what a decoder reads beside the pixels: a profile as it is packed, and unpacked.
const CHUNK_LIMIT: u64 = 4 * PROFILE_LIMIT as u64;
/// The quality of a re-encoded JPEG: people cannot tell it from the original.
const JPEG_QUALITY: u8 = 90;

/// Why a file is not taken. Its text is for the one who sent it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// The bytes are of another kind than was said.
    #[error("The file is not {0}.")]
    OtherType(&'static str),
    /// It cannot be decoded.
    #[error("The picture is broken.")]
    Broken,
    /// It has too many pixels.
    #[error("A picture has at most 10,000 pixels a side and 40 million in all.")]
    TooLarge,
    /// It moves.
    #[error("Moving pictures are not taken.")]
    Animated,
}

/// The picture as it is stored.
fn clean(kind: MediaType, file: &[u8]) -> Result<Media, Refused> {
    if !looks_like(kind, file) {
        return Err(Refused::OtherType(kind.as_str()));
    }
    let (bytes, width, height) = match kind {
        MediaType::Png => repaint(&png::strip(file)?, ImageFormat::Png)?,
        MediaType::Jpeg => repaint(&jpeg::strip(file)?, ImageFormat::Jpeg)?,
        MediaType::Webp => webp(webp::strip(file)?)?,
        MediaType::Avif => {
            let (bytes, width, height) = avif::clean(file)?;
            check_size(width, height)?;
            (bytes, width, height)
        }
    };
    Ok(Media {
        id: hex(&Sha256::digest(&bytes)),
        content_type: kind,
        width,
        height,
        bytes: Bytes::from(bytes),
    })
}

fn looks_like(kind: MediaType, file: &[u8]) -> bool {
    match kind {
        MediaType::Png => file.starts_with(b"\x89PNG\r\n\x1a\n"),
        MediaType::Jpeg => file.starts_with(b"\xff\xd8\xff"),
        MediaType::Webp => file.starts_with(b"RIFF") && file.get(8..12) == Some(b"WEBP"),
        MediaType::Avif => file.get(4..8) == Some(b"ftyp"),
    }
}

/// A file with what makes the picture, and what else it said of it.
struct Stripped {
    file: Vec<u8>,
    orientation: Orientation,
}

/// How a picture is to be turned, by its EXIF data.
fn orientation(exif: &[u8]) -> Orientation {
    // Some writers put the name in front that JPEG has there.
    let exif = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    Orientation::from_exif_chunk(exif).unwrap_or(Orientation::NoTransforms)
}

/// Decoded pixels, upright, with the profile that says what their numbers mean.
struct Decoded {
    image: DynamicImage,
    profile: Option<Vec<u8>>,
}

fn decode(stripped: &Stripped, format: ImageFormat) -> Result<Decoded, Refused> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_LIMIT);
    limits.max_image_height = Some(SIDE_LIMIT);
    limits.max_alloc = Some(CHUNK_LIMIT);
    let mut reader = ImageReader::with_format(Cursor::new(stripped.file.as_slice()), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(refusal)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    if decoder.total_bytes() > MEMORY_LIMIT {
        return Err(Refused::TooLarge);
    }
    let profile = decoder.icc_profile().ok().flatten();
    let mut image = DynamicImage::from_decoder(decoder).map_err(refusal)?;
    image.apply_orientation(stripped.orientation);
    Ok(Decoded { image, profile })
}

/// Re-encodes the picture from its pixels.
fn repaint(stripped: &Stripped, format: ImageFormat) -> Result<(Vec<u8>, u32, u32), Refused> {
    let Decoded { image, profile } = decode(stripped, format)?;
    let mut out = Vec::with_capacity(stripped.file.len());
    if format == ImageFormat::Png {
        let mut encoder = PngEncoder::new(&mut out);
        if let Some(profile) = profile {
            // A PNG without its profile shows too.
            let _ = encoder.set_icc_profile(profile);
        }
        image.write_with_encoder(encoder).map_err(refusal)?;
    } else {
        let mut encoder = JpegEncoder::new_with_quality(&mut out, JPEG_QUALITY);
        if let Some(profile) = profile {
            let _ = encoder.set_icc_profile(profile);
        }
        image.write_with_encoder(encoder).map_err(refusal)?;
    }
    Ok((out, image.width(), image.height()))
}

/// Decodes the picture to see that it is one. Its rebuilt container is kept, unless it has to be turned.
fn webp(stripped: Stripped) -> Result<(Vec<u8>, u32, u32), Refused> {
    let Decoded { image, .. } = decode(&stripped, ImageFormat::WebP)?;
    if stripped.orientation == Orientation::NoTransforms {
        return Ok((stripped.file, image.width(), image.height()));
    }
    let mut out = Vec::new();
    image
        .write_with_encoder(WebPEncoder::new_lossless(&mut out))
        .map_err(refusal)?;
    Ok((out, image.width(), image.height()))
}

fn check_size(width: u32, height: u32) -> Result<(), Refused> {
    if width == 0 || height == 0 {
        return Err(Refused::Broken);
    }
    if width > SIDE_LIMIT || height > SIDE_LIMIT || u64::from(width) * u64::from(height) > PIXEL_LIMIT {
        return Err(Refused::TooLarge);
    }
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn refusal(error: image::ImageError) -> Refused {
    match error {
        image::ImageError::Limits(_) => Refused::TooLarge,
        _ => Refused::Broken,
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests;
