//! HTTP/2 by hand: frames as RFC 9113 has them, also those that no library would send.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

pub(crate) const RECOMMEND: &str = "/playlist.v1.PlaylistService/Recommend";
pub(crate) const WATCH_MODEL: &str = "/playlist.v1.PlaylistService/WatchModel";
pub(crate) const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The last stream of a GOAWAY that will be served, and the error code.
    pub(crate) fn goaway(&self) -> Option<(u32, u32)> {
        let number = |at: usize| u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap());
        (self.kind == GOAWAY).then(|| (number(0) & 0x7fff_ffff, number(4)))
    }
}

/// The bytes of a frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Header fields as HPACK writes them without table and without Huffman, see RFC 7541, section 6.2.2.
pub(crate) fn fields(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in pairs {
        block.push(0);
        for text in [name, value] {
            number(&mut block, 0, 7, text.len());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// An integer with a prefix of so many bits, see RFC 7541, section 5.1.
pub(crate) fn number(block: &mut Vec<u8>, first: u8, bits: u32, mut number: usize) {
    let most = (1 << bits) - 1;
    if number < most {
        block.push(first | u8::try_from(number).unwrap());
        return;
    }
    block.push(first | u8::try_from(most).unwrap());
    number -= most;
    while number >= 128 {
        block.push(u8::try_from(number % 128 + 128).unwrap());
        number /= 128;
    }
    block.push(u8::try_from(number).unwrap());
}

/// The headers of a call.
pub(crate) fn call_fields(path: &str) -> Vec<u8> {
    fields(&[
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ])
}

/// The frame that begins a call.
pub(crate) fn call(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &call_fields(path))
}

/// The frame that holds a whole request.
pub(crate) fn request(stream: u32, message: &impl prost::Message) -> Vec<u8> {
    let message = message.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    frame(DATA, END_STREAM, stream, &[&[0], &length[..], &message].concat())
}

/// Connects, and says what a client says first.
pub(crate) async fn connect(address: SocketAddr, settings: &[(u16, u32)]) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let payload: Vec<u8> = settings
        .iter()
        .flat_map(|(name, value)| [&name.to_be_bytes()[..], &value.to_be_bytes()].concat())
        .collect();
    stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &payload)].concat()).await?;
    Ok(stream)
}

/// Reads one frame; nothing at the end.
pub(crate) async fn read(stream: &mut TcpStream) -> io::Result<Option<Frame>> {
    let mut head = [0; 9];
    match stream.read_exact(&mut head).await {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; length.try_into().unwrap()];
    stream.read_exact(&mut payload).await?;
    let number = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
    Ok(Some(Frame { kind: head[3], flags: head[4], stream: number, payload }))
}

/// Reads to the end; returns the frames, also where it ends with an error.
pub(crate) async fn read_to_end(stream: &mut TcpStream) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Ok(Some(frame)) = read(stream).await {
        frames.push(frame);
    }
    frames
}
