use std::{
    fmt,
    io::{self, BufRead, BufReader, Chain, Cursor, Read},
};

use flate2::bufread::MultiGzDecoder;

use crate::source::{Source, SourceFacts};

/// Bytes to read at a time, raw and decompressed.
const BUFFER_SIZE: usize = 128 * 1024;

/// Bytes that are looked at to tell what a dataset is.
const HEAD_LEN: u64 = 512;

/// How a dataset is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip (RFC 1952), one member or more.
    Gzip,
    /// Zstandard (RFC 8878), one frame or more.
    Zstd,
}

impl Compression {
    /// Told by the first bytes, for names and content types are often wrong.
    fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Compression::Gzip,
            // A frame, or a skippable frame, with which parallel compressors begin.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
            _ => Compression::None,
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Compression::None => "uncompressed",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        })
    }
}

type Raw<'p> = BufReader<Chain<Cursor<Vec<u8>>, Source<'p>>>;

/// The decompressed bytes of a dataset.
pub(crate) enum Decompressed<'p> {
    Plain(Box<Raw<'p>>),
    Gzip(Box<BufReader<MultiGzDecoder<Raw<'p>>>>),
    Zstd(Box<BufReader<zstd::Decoder<'static, Raw<'p>>>>),
}

impl<'p> Decompressed<'p> {
    pub(crate) fn new(mut source: Source<'p>) -> io::Result<Self> {
        let mut head = Vec::new();
        (&mut source).take(HEAD_LEN).read_to_end(&mut head)?;
        let compression = Compression::of(&head);
        let raw = BufReader::with_capacity(BUFFER_SIZE, Cursor::new(head).chain(source));
        Ok(match compression {
            Compression::None => Decompressed::Plain(Box::new(raw)),
            Compression::Gzip => {
                Decompressed::Gzip(Box::new(BufReader::with_capacity(BUFFER_SIZE, MultiGzDecoder::new(raw))))
            }
            Compression::Zstd => Decompressed::Zstd(Box::new(BufReader::with_capacity(
                BUFFER_SIZE,
                zstd::Decoder::with_buffer(raw)?,
            ))),
        })
    }

    pub(crate) fn compression(&self) -> Compression {
        match self {
            Decompressed::Plain(_) => Compression::None,
            Decompressed::Gzip(_) => Compression::Gzip,
            Decompressed::Zstd(_) => Compression::Zstd,
        }
    }

    /// What is known of the raw bytes; to be called at the end of the decompressed ones.
    pub(crate) fn finish(self) -> io::Result<SourceFacts> {
        let raw = match self {
            Decompressed::Plain(raw) => *raw,
            Decompressed::Gzip(decoder) => decoder.into_inner().into_inner(),
            Decompressed::Zstd(decoder) => decoder.into_inner().into_inner(),
        };
        let (_, source) = raw.into_inner().into_inner();
        source.finish()
    }
}

impl Read for Decompressed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Decompressed::Plain(reader) => reader.read(buffer),
            Decompressed::Gzip(reader) => reader.read(buffer),
            Decompressed::Zstd(reader) => reader.read(buffer),
        }
    }
}

impl BufRead for Decompressed<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self {
            Decompressed::Plain(reader) => reader.fill_buf(),
            Decompressed::Gzip(reader) => reader.fill_buf(),
            Decompressed::Zstd(reader) => reader.fill_buf(),
        }
    }

    fn consume(&mut self, amount: usize) {
        match self {
            Decompressed::Plain(reader) => reader.consume(amount),
            Decompressed::Gzip(reader) => reader.consume(amount),
            Decompressed::Zstd(reader) => reader.consume(amount),
        }
    }
}
