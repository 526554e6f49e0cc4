//! The command line.

use std::{num::NonZeroU32, path::PathBuf, time::Duration};

use clap_complete::Shell;

use crate::{
    probe::ProbeArgs,
    texts::Lang,
    tunnel::{Host, Target},
    values::{duration, number, number_above_zero},
};

/// The version and the source revision.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("SOURCE_REVISION"), ")");

/// Told at the end of `--help`.
const EXIT_CODES: &str = "\
Exit codes:
  0  answered (also when a song is unknown: standard error tells); `probe`: every request was answered
  1  failed in another way; `doctor`: a check failed; `probe`: a request failed, or was refused for overload
  2  misuse, or the service refused the request as invalid
  3  the service is not reachable, or did not answer in time
  4  the service cannot answer now (no model yet, overloaded, or stopping): try again later

Without a command, on a terminal, the prompt opens: type songs, one a line, then /send; /help tells the rest.
Without a command, on a pipe, the same lines are read from standard input: printf 'Unforgettable\\n/send\\n' | playlist";

/// Asks the playlist recommender for songs that go with songs
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "playlist", version = VERSION, after_help = EXIT_CODES)]
pub struct Args {
    /// The service's address: scheme, host and port; `https` for TLS; several with commas between are replicas that share the calls
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "PLAYLIST_SERVER",
        default_value = "http://localhost:52023"
    )]
    pub server: String,

    /// Who vouches for the service, instead of the authorities that browsers trust: a PEM file with certificates
    #[arg(long, global = true, value_name = "FILE", env = "PLAYLIST_CA_CERT")]
    pub ca_cert: Option<PathBuf>,

    /// The certificate to show to the service: a PEM file
    #[arg(long, global = true, value_name = "FILE", env = "PLAYLIST_CLIENT_CERT")]
    pub client_cert: Option<PathBuf>,

    /// The private key of that certificate: a PEM file
    #[arg(long, global = true, value_name = "FILE", env = "PLAYLIST_CLIENT_KEY")]
    pub client_key: Option<PathBuf>,

    /// The token to send with each call: a file whose first line it is; empty lines and those that begin with `#` do not
    /// count
    #[arg(long, global = true, value_name = "FILE", env = "PLAYLIST_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,

    /// Reach the service through this host, in a tunnel that the system's ssh opens and that ends with the program
    #[arg(long, global = true, value_name = "USER@HOST[:PORT]", env = "PLAYLIST_SSH")]
    pub ssh: Option<Host>,

    /// Where that host finds the service, such as the cluster IP that `kubectl get services` shows [default: the host and
    /// port of --server, as seen from there]
    #[arg(long, global = true, value_name = "HOST:PORT", env = "PLAYLIST_FORWARD")]
    pub forward: Option<Target>,

    /// The name that the service's certificate shall be for, if that is not the host of its address: that of a tunnel's end is another.
    #[arg(skip)]
    pub server_name: Option<String>,

    /// The longest time to wait for one answer, as `500ms`, `10s` or `2m`
    #[arg(long, global = true, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub timeout: Duration,

    /// The language to speak [default: that of the locale, by LC_ALL, LC_MESSAGES or LANG]
    #[arg(long, global = true, value_name = "LANGUAGE", ignore_case = true)]
    pub lang: Option<Lang>,

    /// Print answers as JSON, in the names of the contract
    #[arg(long, global = true)]
    pub json: bool,

    /// What to do; without it, the prompt opens.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to ask the service.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Command {
    /// Recommend songs that go with the given ones
    Recommend(RecommendArgs),
    /// Show which model is in service, and what it was trained from
    Info,
    /// Find songs by the beginning of their title or artist
    Search(SearchArgs),
    /// Print one line now and one whenever another model comes into service, until interrupted
    Watch,
    /// Look at everything between here and a playlist, and tell what to do about what is wrong; exit code 1 if something is
    Doctor,
    /// Print what a shell needs to complete this program's command line
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page of this program, or write the pages of all commands into a folder
    Man {
        /// The folder, such as `/usr/local/share/man/man1`
        #[arg(long, value_name = "FOLDER")]
        dir: Option<PathBuf>,
    },
    /// Send requests at a steady rate while something is changed, and tell what they met: changes, failures, downtime
    Probe(Box<ProbeArgs>),
}

/// What a playlist shall go with, and how large it may be.
#[derive(Debug, Clone, clap::Args)]
pub struct RecommendArgs {
    /// Songs to go with: a title, `artist - title` in either order, a track URI, or a link to a track; `-` reads them
    /// from standard input, one a line, and so does no song at all when standard input is not a terminal
    #[arg(value_name = "SONG")]
    pub songs: Vec<String>,

    /// The most songs to recommend, 1 to 500 [default: 10]
    #[arg(long, short = 'n', value_name = "N", value_parser = number(1..=500))]
    pub limit: Option<u32>,

    /// A song that shall not be recommended; may be repeated
    #[arg(long, value_name = "SONG")]
    pub exclude: Vec<String>,

    /// The most songs of one artist [default: no cap]
    #[arg(long, value_name = "N", value_parser = number_above_zero)]
    pub max_songs_per_artist: Option<NonZeroU32>,

    /// The most rules to give as reasons for a song, 0 to 100 [default: 0, with --json 3]
    #[arg(long, value_name = "N", value_parser = number(0..=100))]
    pub rules: Option<u32>,
}

/// What to search for.
#[derive(Debug, Clone, clap::Args)]
pub struct SearchArgs {
    /// The beginning of a title, of an artist, or of `artist - title` in either order; empty lists the commonest songs
    #[arg(value_name = "QUERY")]
    pub query: String,

    /// The most songs to find
    #[arg(long, short = 'n', value_name = "N", default_value = "10", value_parser = number_above_zero)]
    pub limit: NonZeroU32,
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn global_options_may_follow_the_command() {
        let args = Args::parse_from(["playlist", "info", "--json", "--server", "http://host:1"]);
        assert!(args.json);
        assert_eq!(args.server, "http://host:1");
    }
}
