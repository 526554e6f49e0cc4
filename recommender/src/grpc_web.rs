//! gRPC-Web: gRPC for browsers, which can neither read trailers nor, some of them, bytes as they come.
//!
//! Trailers are a last part of the body, and in `application/grpc-web-text` the body is Base64. A translation outside of the calls, as tonic-web is,
//! would hide from them how they end; so bodies translate themselves.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, header};
use hyper::body::Frame;
use tonic::Status;

/// The first byte of the part of a body that holds trailers.
const TRAILERS: u8 = 0x80;

/// How bodies are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Binary,
    Text,
}

impl Encoding {
    /// That of a request with this content type; `None` if it is not gRPC-Web.
    pub(crate) fn of(content_type: &[u8]) -> Option<Self> {
        let form = content_type.strip_prefix(b"application/grpc-web")?;
        let end = form.iter().position(|byte| matches!(byte, b'+' | b';' | b' ')).unwrap_or(form.len());
        match &form[..end] {
            b"" => Some(Encoding::Binary),
            b"-text" => Some(Encoding::Text),
            _ => None,
        }
    }

    /// The content type of answers.
    pub(crate) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Encoding::Binary => "application/grpc-web+proto",
            Encoding::Text => "application/grpc-web-text+proto",
        })
    }

    /// A part of an answer of gRPC, as gRPC-Web has it.
    pub(crate) fn encode(self, frame: Frame<Bytes>) -> Frame<Bytes> {
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => frame.into_trailers().map(|trailers| trailers_part(&trailers)).unwrap_or_default(),
        };
        Frame::data(match self {
            Encoding::Binary => data,
            Encoding::Text => STANDARD.encode(data).into(),
        })
    }
}

/// Makes a request of gRPC-Web one of gRPC, but for its body.
pub(crate) fn as_grpc(headers: &mut HeaderMap) {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
}

fn trailers_part(trailers: &HeaderMap) -> Bytes {
    let mut lines = BytesMut::new();
    for (name, value) in trailers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            lines.put_slice(part);
        }
    }
    let mut part = BytesMut::with_capacity(5 + lines.len());
    part.put_u8(TRAILERS);
    // A status has some kilobytes at most.
    part.put_u32(u32::try_from(lines.len()).unwrap_or_default());
    part.put_slice(&lines);
    part.freeze()
}

/// Decodes a request in Base64 as it comes. Each of its messages may end with padding.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// What is not a whole group of four characters yet.
    rest: BytesMut,
}

impl Decoder {
    /// The bytes that `text`, after what came before, stands for.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if it is not Base64.
    pub(crate) fn decode(&mut self, text: &[u8]) -> Result<Bytes, Status> {
        self.rest.extend_from_slice(text);
        let whole = self.rest.split_to(self.rest.len() / 4 * 4);
        let mut decoded = Vec::with_capacity(whole.len() / 4 * 3);
        let mut left = &whole[..];
        while !left.is_empty() {
            let padding = left.iter().position(|byte| *byte == b'=');
            let (run, after) = left.split_at(padding.map_or(left.len(), |position| (position / 4 + 1) * 4));
            STANDARD.decode_vec(run, &mut decoded).map_err(|_| not_base64())?;
            left = after;
        }
        Ok(decoded.into())
    }

    /// Checks that the text has ended.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if it was cut off.
    pub(crate) fn end(&self) -> Result<(), Status> {
        if self.rest.is_empty() { Ok(()) } else { Err(not_base64()) }
    }
}

fn not_base64() -> Status {
    Status::invalid_argument("the body is not Base64, which `application/grpc-web-text` has to be")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_type_tells_how_bodies_are_written() {
        for (content_type, encoding) in [
            ("application/grpc-web", Some(Encoding::Binary)),
            ("application/grpc-web+proto", Some(Encoding::Binary)),
            ("application/grpc-web+proto; charset=utf-8", Some(Encoding::Binary)),
            ("application/grpc-web-text", Some(Encoding::Text)),
            ("application/grpc-web-text+proto", Some(Encoding::Text)),
            ("application/grpc-web-other", None),
            ("application/grpc", None),
            ("application/grpc+proto", None),
            ("application/json", None),
            ("", None),
        ] {
            assert_eq!(Encoding::of(content_type.as_bytes()), encoding, "{content_type}");
        }
    }

    #[test]
    fn base64_is_decoded_wherever_it_is_cut_and_padded() {
        let messages: [&[u8]; 4] = [b"first", b"second one", b"", b"th"];
        let text: String = messages.iter().map(|message| STANDARD.encode(message)).collect();
        for cut in 0..=text.len() {
            let mut decoder = Decoder::default();
            let (before, after) = text.as_bytes().split_at(cut);
            let decoded = [
                decoder.decode(before).unwrap(),
                decoder.decode(&[]).unwrap(),
                decoder.decode(after).unwrap(),
            ];
            decoder.end().unwrap();
            assert_eq!(decoded.concat(), messages.concat(), "{cut}");
        }
    }

    #[test]
    fn what_is_not_base64_or_is_cut_off_is_refused() {
        for text in ["****", "AA=A", "A===", "AAAA\n\nAA"] {
            assert!(Decoder::default().decode(text.as_bytes()).is_err(), "{text:?}");
        }
        let mut decoder = Decoder::default();
        decoder.decode(b"AAAAAA").unwrap();
        assert!(decoder.end().is_err());
    }

    #[test]
    fn trailers_are_a_part_of_the_body() {
        let trailers = HeaderMap::from_iter([(
            header::HeaderName::from_static("grpc-status"),
            HeaderValue::from_static("0"),
        )]);
        let part = Encoding::Binary.encode(Frame::trailers(trailers)).into_data().unwrap();
        assert_eq!(&part[..], b"\x80\0\0\0\x10grpc-status: 0\r\n");
        let text = Encoding::Text.encode(Frame::data(Bytes::from_static(b"\0\0\0\0\0"))).into_data().unwrap();
        assert_eq!(&text[..], b"AAAAAAA=");
    }
}
