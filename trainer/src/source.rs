use std::{
    fs::File,
    io::{self, Read},
};

use sha2::{Digest as _, Sha256};

use crate::{
    dataset::{DatasetError, ReadProgress},
    download::{Download, DownloadPolicy},
    location::{Location, Place},
};

/// The raw bytes of a dataset, as they lie on a disk or a server. They are digested while they are read.
pub(crate) struct Source<'p> {
    origin: Origin<'p>,
    seen: Seen,
    progress: &'p dyn ReadProgress,
}

enum Origin<'p> {
    /// With its length, if that is known.
    File(File, Option<u64>),
    Http(Box<Download<'p>>),
}

/// The bytes that were read so far.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    pub(crate) bytes: u64,
    pub(crate) sha256: Sha256,
}

/// What is known of a dataset's raw bytes once all of them are read.
pub(crate) struct SourceFacts {
    pub(crate) etag: Option<String>,
    /// In lower-case hexadecimal.
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
}

impl<'p> Source<'p> {
    /// Opens the file, or connects to the server.
    pub(crate) fn open(
        location: &Location,
        policy: &DownloadPolicy,
        progress: &'p dyn ReadProgress,
    ) -> Result<Self, DatasetError> {
        let origin = match location.place() {
            Place::Url(url) => Origin::Http(Box::new(Download::open((**url).clone(), policy, progress)?)),
            Place::File(path) => {
                let open_error = |source| DatasetError::Open { location: location.clone(), source };
                let file = File::open(path).map_err(open_error)?;
                let metadata = file.metadata().map_err(open_error)?;
                if metadata.is_dir() {
                    return Err(DatasetError::Folder { location: location.clone() });
                }
                // What is not a regular file, as a pipe, has no length that could be told beforehand.
                let total = metadata.is_file().then_some(metadata.len());
                Origin::File(file, total)
            }
        };
        Ok(Source { origin, seen: Seen::default(), progress })
    }

    /// Reads what is left, so that every byte is in the digest.
    pub(crate) fn finish(mut self) -> io::Result<SourceFacts> {
        io::copy(&mut self, &mut io::sink())?;
        let etag = match &self.origin {
            Origin::File(..) => None,
            Origin::Http(download) => download.etag().map(str::to_owned),
        };
        let digest = self.seen.sha256.finalize();
        Ok(SourceFacts {
            etag,
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            bytes: self.seen.bytes,
        })
    }
}

impl Read for Source<'_> {
    /// An error of the download is the inner error of the one that is returned.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (read, total) = match &mut self.origin {
            Origin::File(file, total) => loop {
                match file.read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    result => break (result?, *total),
                }
            },
            Origin::Http(download) => {
                let read = download.read(buffer, &self.seen).map_err(io::Error::other)?;
                (read, download.total())
            }
        };
        self.seen.bytes += read as u64;
        self.seen.sha256.update(&buffer[..read]);
        self.progress.bytes(self.seen.bytes, total);
        Ok(read)
    }
}
