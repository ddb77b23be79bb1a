//! The head of an HTTP/1 request as received. hyper removes a `Content-Length` that comes with a `Transfer-Encoding`. That is right,
//! but a proxy in front may have used the length and so have seen another request (request smuggling): the edge must know.

use http::HeaderMap;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};

/// The most headers that are parsed, as in hyper.
const HEADERS: usize = 100;
/// The capacity that is kept between requests.
const KEPT: usize = 4 * 1024;
/// The most bytes of a head that are stored. hyper refuses longer ones earlier, unless heads have no limit.
const MOST: usize = 128 * 1024;

/// The bytes since the last request. With pipelined requests they are not a whole head and yield no length, which is safe: the
/// connection ends after a request with a transfer encoding in any case.
#[derive(Debug, Default)]
pub(super) struct RequestHead(Vec<u8>);

impl RequestHead {
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        let room = MOST - self.0.len();
        self.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Restores the length that hyper removed, and begins the next head.
    pub(super) fn complete(&mut self, headers: &mut HeaderMap) {
        if headers.contains_key(TRANSFER_ENCODING)
            && let Some(length) = self.length()
            && let Ok(length) = length.try_into()
        {
            headers.insert(CONTENT_LENGTH, length);
        }
        self.0.clear();
        self.0.shrink_to(KEPT);
    }

    fn length(&self) -> Option<&[u8]> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        request.parse(&self.0).ok()?;
        let named = |name: &str| CONTENT_LENGTH.as_str().eq_ignore_ascii_case(name);
        let length = request.headers.iter().find(|header| named(header.name))?;
        Some(length.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_beside_a_transfer_encoding_is_put_back() {
        let completed = |head: &str, chunked: bool| {
            let (mut kept, mut headers) = (RequestHead::default(), HeaderMap::new());
            if chunked {
                headers.insert(TRANSFER_ENCODING, "chunked".parse().expect("a value"));
            }
            head.as_bytes().chunks(7).for_each(|bytes| kept.receive(bytes));
            kept.complete(&mut headers);
            assert!(kept.0.is_empty());
            headers
                .get(CONTENT_LENGTH)
                .map(|length| length.to_str().expect("a text").to_owned())
        };
        let both =
            "POST / HTTP/1.1\r\nhost: a\r\nCONTENT-LENGTH: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab";
        assert_eq!(completed(both, true).as_deref(), Some("5"));
        assert_eq!(completed(both, false), None);
        let one = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\ncontent-length: 5\r\n\r\n";
        assert_eq!(completed(one, true), None);
        assert_eq!(completed("content-length: 5\r\n\r\n", true), None);
        assert_eq!(completed("", true), None);
    }
}
