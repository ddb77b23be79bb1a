//! The file as UTF-8: desktop programs also save UTF-16.

use std::io::{self, Read};

use encoding_rs::{CoderResult, Decoder, UTF_16BE, UTF_16LE};

/// Bytes read from the stream at once, where they have to be decoded.
const READ: usize = 16 * 1024;

/// Reads the bytes of `source`, and of UTF-16 the same text in UTF-8.
pub(super) struct Utf8<R> {
    source: R,
    /// Bytes as they came; of UTF-8 only the first ones, by which it is known.
    raw: Vec<u8>,
    at: usize,
    /// What was decoded and not taken yet.
    text: Vec<u8>,
    encoding: Encoding,
}

enum Encoding {
    Unknown,
    Utf8,
    Utf16(Decoder),
}

impl<R: Read> Utf8<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            raw: Vec::new(),
            at: 0,
            text: Vec::new(),
            encoding: Encoding::Unknown,
        }
    }

    /// The encoding by the first bytes: a byte order mark, or the half of an ASCII letter in UTF-16 that is empty.
    fn recognise(&mut self) -> io::Result<()> {
        let mut first = [0; 2];
        let mut len = 0;
        while len < first.len() {
            match self.source.read(&mut first[len..])? {
                0 => break,
                read => len += read,
            }
        }
        self.raw.extend(&first[..len]);
        let encoding = match &first[..len] {
            [0xff, 0xfe] | [1..=0xff, 0] => UTF_16LE,
            [0xfe, 0xff] | [0, 1..=0xff] => UTF_16BE,
            _ => {
                self.encoding = Encoding::Utf8;
                return Ok(());
            }
        };
        self.encoding = Encoding::Utf16(encoding.new_decoder_with_bom_removal());
        Ok(())
    }

    /// Decodes what comes next; false at the end.
    fn decode(&mut self) -> io::Result<bool> {
        let Encoding::Utf16(decoder) = &mut self.encoding else {
            return Ok(false);
        };
        let mut last = false;
        if self.at == self.raw.len() {
            self.raw.resize(READ, 0);
            let read = self.source.read(&mut self.raw)?;
            self.raw.truncate(read);
            self.at = 0;
            last = read == 0;
        }
        // Two bytes become three at most; the rest is room for what a decoder holds back.
        self.text.resize(2 * READ, 0);
        let (result, read, written, _) = decoder.decode_to_utf8(&self.raw[self.at..], &mut self.text, last);
        self.at += read;
        self.text.truncate(written);
        if last && result == CoderResult::InputEmpty {
            // A decoder must not be called after the end.
            self.encoding = Encoding::Utf8;
        }
        Ok(true)
    }
}

impl<R: Read> Read for Utf8<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if matches!(self.encoding, Encoding::Unknown) {
            self.recognise()?;
        }
        while self.text.is_empty() && self.decode()? {}
        let waiting = if self.text.is_empty() {
            &mut self.raw
        } else {
            &mut self.text
        };
        if waiting.is_empty() {
            return self.source.read(into);
        }
        let len = into.len().min(waiting.len());
        into[..len].copy_from_slice(&waiting[..len]);
        waiting.drain(..len);
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Handle;Titre\r\nété;L’Été 🎩\r\n";

    fn read(bytes: &[u8], piece: usize) -> String {
        struct Pieces<'a>(std::slice::Chunks<'a, u8>);
        impl Read for Pieces<'_> {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                let piece = self.0.next().unwrap_or_default();
                into[..piece.len()].copy_from_slice(piece);
                Ok(piece.len())
            }
        }
        let mut text = Vec::new();
        // The first bytes are read two at a time.
        let source =
            bytes[..bytes.len().min(2)].chain(Pieces(bytes.get(2..).unwrap_or_default().chunks(piece)));
        Utf8::new(source).read_to_end(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn utf_16_is_read_with_and_without_its_mark() {
        let marked = format!("\u{feff}{TEXT}");
        let long = TEXT.repeat(700);
        for (text, piece) in [(TEXT, 1), (&marked, 1), (&marked, 3), (&long, 5_000)] {
            let expected = text.trim_start_matches('\u{feff}');
            assert!(read(&utf16(text, u16::to_le_bytes), piece) == expected, "{piece}");
            assert!(read(&utf16(text, u16::to_be_bytes), piece) == expected, "{piece}");
        }
    }

    #[test]
    fn utf_8_is_read_as_it_is() {
        for text in ["", "H", "é", TEXT] {
            assert_eq!(read(text.as_bytes(), 1), text);
        }
    }
}
