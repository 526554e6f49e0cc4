use std::{
    io::{self, BufRead, Read},
    sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
};

use memchr::memrchr;

use crate::{decompression::Decompressed, source::SourceFacts};

/// Bytes in a block: few enough to stay in a processor's cache from one stage to the next.
const BLOCK_SIZE: usize = 256 * 1024;

/// Blocks that may wait: enough that one stage does not wait for a short delay of the other.
const WAITING_BLOCKS: usize = 8;

/// The decompressed bytes of a dataset as another thread reads them, in blocks that end with a line where they can.
pub(crate) struct Blocks {
    full: Receiver<io::Result<Vec<u8>>>,
    /// Blocks that were read and may be filled again.
    empty: Sender<Vec<u8>>,
    block: Vec<u8>,
    /// Where the bytes that were not consumed begin in `block`.
    start: usize,
    is_at_end: bool,
}

/// What fills [`Blocks`].
pub(crate) struct BlockWriter {
    full: SyncSender<io::Result<Vec<u8>>>,
    empty: Receiver<Vec<u8>>,
}

pub(crate) fn blocks() -> (BlockWriter, Blocks) {
    let (full_sender, full) = sync_channel(WAITING_BLOCKS);
    let (empty, empty_receiver) = channel();
    let writer = BlockWriter { full: full_sender, empty: empty_receiver };
    (writer, Blocks { full, empty, block: Vec::new(), start: 0, is_at_end: false })
}

impl BlockWriter {
    /// Reads all bytes of `input`; an error goes to the reader of the blocks. Returns what is known of the raw bytes, or `None` when
    /// there was an error or nobody wants the blocks any more.
    pub(crate) fn fill(self, mut input: Decompressed<'_>) -> Option<SourceFacts> {
        let facts = match self.fill_from(&mut input) {
            Ok(true) => input.finish(),
            Ok(false) => return None,
            Err(error) => Err(error),
        };
        // At the end of the bytes, the reader of the blocks waits for this.
        facts.map_err(|error| self.full.send(Err(error))).ok()
    }

    /// Whether all bytes were wanted.
    fn fill_from(&self, input: &mut impl Read) -> io::Result<bool> {
        let mut begun = Vec::new();
        loop {
            let mut block = self.empty.try_recv().unwrap_or_default();
            let mut len = begun.len();
            let size = len + BLOCK_SIZE;
            block.resize(size, 0);
            block[..len].copy_from_slice(&begun);
            begun.clear();
            while len < size {
                match input.read(&mut block[len..])? {
                    0 => break,
                    read => len += read,
                }
            }
            let is_at_end = len < size;
            block.truncate(len);
            if !is_at_end && let Some(line_break) = memrchr(b'\n', &block) {
                begun.extend_from_slice(&block[line_break + 1..]);
                block.truncate(line_break + 1);
            }
            if self.full.send(Ok(block)).is_err() {
                return Ok(false);
            }
            if is_at_end {
                return Ok(true);
            }
        }
    }
}

impl Read for Blocks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Blocks {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.start == self.block.len() && !self.is_at_end {
            // The other thread may have come to its end: then it needs no more blocks.
            let _ = self.empty.send(std::mem::take(&mut self.block));
            self.start = 0;
            match self.full.recv() {
                Ok(block) => self.block = block?,
                Err(_) => self.is_at_end = true,
            }
        }
        Ok(&self.block[self.start..])
    }

    fn consume(&mut self, amount: usize) {
        self.start = (self.start + amount).min(self.block.len());
    }
}
