//! What the demo tells whoever runs it.

use std::{net::SocketAddr, path::Path};

use trainer::Report;

use crate::{args::DEFAULT_PORT, folder::Folder};

/// What the demo has trained and where it serves it.
pub(crate) struct Guide {
    address: SocketAddr,
    volume: String,
    update: String,
}

impl Guide {
    pub(crate) fn new(address: SocketAddr, folder: &Folder) -> Self {
        Guide { address, volume: quoted(&folder.volume()), update: quoted(&folder.update()) }
    }

    /// The service's URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Which model there is, and where; `wanted_port` may have been taken.
    pub(crate) fn beginning(&self, report: &Report, wanted_port: u16) -> String {
        let metadata = &report.manifest.metadata;
        let taken = match wanted_port {
            0 => String::new(),
            port if port == self.address.port() => String::new(),
            port => format!("Port {port} is taken, so this is another one.\n"),
        };
        format!(
            "Trained model {} from {} playlists with {} songs by {} artists.\n\
             It is served on {}, from the volume {}.\n{taken}",
            report.version,
            metadata.dataset.playlists,
            metadata.dataset.songs,
            metadata.dataset.artists,
            self.url(),
            self.volume,
        )
    }

    /// Before the prompt opens.
    pub(crate) fn prompt(&self) -> String {
        format!(
            "For the page, open {} in a browser.\n\
             To see the model change while it is in use, run this in another terminal, and /send again here:\n{}",
            self.page(),
            self.train_update(),
        )
    }

    /// Before the service runs on its own.
    pub(crate) fn serving(&self) -> String {
        format!(
            "It runs until Ctrl-C. Open {} in a browser, or ask it from another terminal:\n{}\
             To see the model change while it is in use:\n{}",
            self.page(),
            self.commands(),
            self.train_update(),
        )
    }

    /// When there is nobody to type.
    pub(crate) fn ending(&self) -> String {
        let port = match self.address.port() {
            DEFAULT_PORT => String::new(),
            port => format!(" --port {port}"),
        };
        format!(
            "That was all without a terminal; on one, the prompt opens. To let the service run:\n    \
             cargo demo -- --serve{port}\n\
             Then open {} in a browser, or ask it from another terminal:\n{}",
            self.page(),
            self.commands(),
        )
    }

    /// The address of the page.
    fn page(&self) -> String {
        format!("{}/", self.url())
    }

    /// A line for each way to ask from a shell.
    fn commands(&self) -> String {
        let url = self.url();
        let server = match self.address.port() {
            DEFAULT_PORT => String::new(),
            _ => format!(" --server {url}"),
        };
        let request = r#"'{"songs":["Unforgettable"]}'"#;
        format!(
            "    cargo run --package cli -- recommend Unforgettable{server}\n    \
             curl -d {request} {url}/api/recommend\n    \
             grpcurl -plaintext -d {request} {} playlist.v1.PlaylistService/Recommend\n",
            self.address,
        )
    }

    fn train_update(&self) -> String {
        format!("    cargo run --package trainer -- --dataset {} --model-dir {}\n", self.update, self.volume)
    }
}

/// The path as a shell takes it.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    if path.chars().all(|c| c.is_alphanumeric() || "/._-".contains(c)) {
        path
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::quoted;

    #[test]
    fn a_path_with_a_blank_or_a_quote_is_quoted_for_the_shell() {
        assert_eq!(quoted(Path::new("/tmp/playlist-demo-x.1/volume")), "/tmp/playlist-demo-x.1/volume");
        assert_eq!(quoted(Path::new("/my models")), "'/my models'");
        assert_eq!(quoted(Path::new("/it's")), r"'/it'\''s'");
    }
}
