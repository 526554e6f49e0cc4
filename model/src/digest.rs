use std::io::{self, Write};

use sha2::{Digest as _, Sha256};

/// Passes bytes on, and knows their number and SHA-256.
pub(crate) struct Digesting<W> {
    sink: W,
    hasher: Sha256,
    bytes: u64,
}

impl<W> Digesting<W> {
    pub(crate) fn new(sink: W) -> Self {
        Digesting { sink, hasher: Sha256::new(), bytes: 0 }
    }

    /// The sink, the number of bytes, and their SHA-256 in lower-case hexadecimal.
    pub(crate) fn finish(self) -> (W, u64, String) {
        (self.sink, self.bytes, hexadecimal(&self.hasher.finalize()))
    }
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.sink.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// In lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
