//! Pictures.

use bytes::Bytes;

/// A picture as it is stored: decoded once, without metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// Derived from the stored bytes: the same picture is stored once.
    pub id: String,
    /// The format of the bytes.
    pub content_type: MediaType,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// The file.
    pub bytes: Bytes,
}

/// The picture formats that are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    /// image/png
    Png,
    /// image/jpeg
    Jpeg,
    /// image/webp
    Webp,
    /// image/avif
    Avif,
}

impl MediaType {
    /// The MIME type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Avif => "image/avif",
        }
    }

    /// The format with the MIME type.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Png, Self::Jpeg, Self::Webp, Self::Avif]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}
