use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use hyper::body::Frame;
use tonic::{Code, Status};

use crate::grpc_web::{Decoder, Encoding};

/// A body in Base64 is the bytes that its groups of four characters stand for, or refused, whatever pieces it comes in; and what the service
/// writes in text is read as it was. The first byte chooses the pieces.
pub fn grpc_web_text(data: &[u8]) {
    let Some((piece, text)) = data.split_first() else {
        return;
    };
    let piece = usize::from(*piece) + 1;
    let read =
        decode(text, piece).inspect_err(|status| assert_eq!(status.code(), Code::InvalidArgument)).ok();
    let groups: Result<Vec<_>, _> = text.chunks(4).map(|group| STANDARD.decode(group)).collect();
    let is_whole = text.len().is_multiple_of(4);
    assert_eq!(read, groups.ok().filter(|_| is_whole).map(|groups| groups.concat()));

    let written: Vec<_> = text.chunks(piece).flat_map(in_text).collect();
    assert_eq!(decode(&written, piece).unwrap(), text);
}

fn decode(text: &[u8], piece: usize) -> Result<Vec<u8>, Status> {
    let mut decoder = Decoder::default();
    let mut bytes = Vec::new();
    for part in text.chunks(piece) {
        bytes.extend(decoder.decode(part)?);
    }
    decoder.end()?;
    Ok(bytes)
}

fn in_text(part: &[u8]) -> Bytes {
    Encoding::Text.encode(Frame::data(Bytes::copy_from_slice(part))).into_data().unwrap()
}
