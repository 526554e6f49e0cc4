use std::{num::NonZeroU32, path::PathBuf, str::FromStr, sync::LazyLock};

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum, builder::FalseyValueParser};
use model::VersionName;
use tracing_subscriber::EnvFilter;

use crate::{
    dataset::ItemKey,
    memory::MaxMemory,
    support::{MinConfidence, MinSupport},
    training::{DEFAULT_KEEP_VERSIONS, DEFAULT_MAX_RULES_PER_SONG, DEFAULT_MIN_PAIR_COUNT},
};

/// The exit codes, as `--help` tells them.
const AFTER_HELP: &str = "\
Exit codes:
  0  a version was published, or put back in service, or is in service already
  1  the training or the command failed; the volume is as it was
  2  misuse: an argument is missing or wrong
  3  the gate refused the version: it is stored, and the one in service is as before
  4  the version was rolled back by hand: there is a hold on it, `trainer versions release` ends it";

/// The version and the source revision.
static VERSION: LazyLock<String> =
    LazyLock::new(|| format!("{} ({})", env!("CARGO_PKG_VERSION"), model::REVISION));

/// Mines association rules from playlists and publishes them as a model version on a volume.
///
/// Without a subcommand it trains: it reads the dataset and, unless the volume knows the same dataset with the same parameters
/// already, mines it and publishes one version.
#[derive(Debug, Parser)]
#[command(name = "trainer", version = VERSION.as_str(), after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub struct Args {
    /// What to do instead of training.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to train.
    #[command(flatten)]
    pub train: TrainArgs,
}

/// What to do instead of training.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Measures how good a model of the dataset is, on playlists that it was not trained from, and publishes nothing.
    Evaluate(Box<EvaluateArgs>),
    /// Looks at the versions on the volume, and changes which one is in service.
    Versions {
        /// What to do with them.
        #[command(subcommand)]
        command: VersionsCommand,
    },
}

/// What to do with the versions on the volume.
#[derive(Debug, Subcommand)]
pub enum VersionsCommand {
    /// Lists the versions, the latest first; `*` marks the one in service.
    List {
        /// The volume.
        #[command(flatten)]
        volume: VolumeArgs,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Puts a version in service, and keeps training runs from bringing the one before back by themselves.
    Rollback {
        /// The version, as `trainer versions list` shows it.
        version: VersionName,
        /// The volume.
        #[command(flatten)]
        volume: VolumeArgs,
    },
    /// Ends the hold that a roll-back left, so that training runs may put that version in service again.
    Release {
        /// The version that was rolled back from.
        version: VersionName,
        /// The volume.
        #[command(flatten)]
        volume: VolumeArgs,
    },
    /// Reads every byte of the versions and compares digests.
    Verify {
        /// The versions; all when none is given.
        versions: Vec<VersionName>,
        /// The volume.
        #[command(flatten)]
        volume: VolumeArgs,
    },
    /// Removes old versions, never the one in service.
    Prune {
        /// Versions to keep besides the one in service.
        #[arg(long, env = "KEEP_VERSIONS", default_value_t = DEFAULT_KEEP_VERSIONS, value_name = "N")]
        keep_versions: usize,
        /// The volume.
        #[command(flatten)]
        volume: VolumeArgs,
    },
}

/// Which volume.
#[derive(Debug, ClapArgs)]
pub struct VolumeArgs {
    /// Folder of the volume.
    #[arg(long, env = "MODEL_DIR", value_name = "FOLDER")]
    pub model_dir: PathBuf,
}

/// How to train and what to publish.
#[derive(Debug, ClapArgs)]
pub struct TrainArgs {
    /// From what, and how.
    #[command(flatten)]
    pub mining: MiningArgs,

    /// Folder of the volume to publish on; it is made if it is missing.
    #[arg(long, env = "MODEL_DIR", value_name = "FOLDER")]
    pub model_dir: Option<PathBuf>,

    /// Versions to keep besides the one in service; older ones are removed after a publication.
    #[arg(long, env = "KEEP_VERSIONS", default_value_t = DEFAULT_KEEP_VERSIONS, value_name = "N")]
    pub keep_versions: usize,

    /// Train and publish even if the volume knows the same dataset and parameters already, or has a hold on them.
    #[arg(long)]
    pub force: bool,

    /// Put the model in service even if the gate finds it clearly worse than the one there, or has refused the same before; then it is
    /// trained again.
    #[arg(long, env = "PUBLISH_ANYWAY", value_parser = FalseyValueParser::new())]
    pub publish_anyway: bool,

    /// Print the summary as JSON: the manifest, with `outcome`, `version` and what the `gate` said.
    #[arg(long)]
    pub json: bool,
}

/// How to train a model to measure it.
#[derive(Debug, ClapArgs)]
pub struct EvaluateArgs {
    /// From what, and how.
    #[command(flatten)]
    pub mining: MiningArgs,

    /// Write the figures as a page with charts, which any browser shows.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,

    /// Print the figures as JSON.
    #[arg(long)]
    pub json: bool,
}

/// How to train.
#[derive(Debug, ClapArgs)]
pub struct MiningArgs {
    /// Playlists as CSV, plain or as gzip or zstd: an http, https or file URL, or a path.
    ///
    /// The header names the columns, in any order: `pid` and `track_name` are needed, `artist_name` and `track_uri` are used when they are
    /// there, others are ignored.
    // As text, for what clap says of a wrong value would print the password in a URL.
    #[arg(long, env = "DATASET", hide_env_values = true, value_name = "URL or PATH")]
    pub dataset: Option<String>,

    /// What makes two rows the same song.
    #[arg(long, env = "ITEM_KEY", value_enum, default_value_t = ItemKey::Song)]
    pub item_key: ItemKey,

    /// Playlists that must hold an itemset: a count (`26`), or a share with a point or `%` (`0.02`, `2%`).
    #[arg(long, env = "MIN_SUPPORT", default_value_t, value_name = "COUNT or SHARE")]
    pub min_support: MinSupport,

    /// Least confidence of a rule that comes from an itemset, 0 to 1.
    #[arg(long, env = "MIN_CONFIDENCE", default_value_t, value_name = "SHARE")]
    pub min_confidence: MinConfidence,

    /// Most songs in an itemset; 0 means any number.
    #[arg(long, env = "MAX_LENGTH", default_value_t = 0, value_name = "SONGS")]
    pub max_length: u32,

    /// Most songs in the consequent of an itemset rule. Rules with one song recommend; those with more are written to
    /// `longer_rules.parquet` for other tools.
    #[arg(long, env = "MAX_CONSEQUENT_LENGTH", default_value_t = NonZeroU32::MIN, value_name = "SONGS")]
    pub max_consequent_length: NonZeroU32,

    /// Playlists in which two songs must meet for a rule from one to the other, whatever its confidence; 0 means that
    /// there are no such rules, nor rules from artists, but the itemset rules alone.
    #[arg(long, env = "MIN_PAIR_COUNT", default_value_t = DEFAULT_MIN_PAIR_COUNT, value_name = "COUNT")]
    pub min_pair_count: u32,

    /// Strongest one-song rules to keep for each song, and for each artist; 0 means all.
    #[arg(long, env = "MAX_RULES_PER_SONG", default_value_t = DEFAULT_MAX_RULES_PER_SONG, value_name = "RULES")]
    pub max_rules_per_song: u32,

    /// Share of rows that may be unusable before the dataset is rejected (`0.01`, `1%`).
    #[arg(long, env = "MAX_SKIPPED_ROWS", default_value = "1%", value_name = "SHARE")]
    pub max_skipped_rows: Share,

    /// Threads to mine with, 1 to 1024; default: as many as there are cores. The result is the same with any number.
    #[arg(long, env = "THREADS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// Memory that the training may use, such as `4GiB`; default: any amount. It ends with an error before it uses more.
    #[arg(long, env = "MAX_MEMORY", value_name = "SIZE")]
    pub max_memory: Option<MaxMemory>,

    /// What to log: a level (`error`, `warn`, `info`, `debug`), or levels by module as in `info,trainer=debug`
    /// [default: `info`; on a terminal, which has a progress bar, `warn`].
    #[arg(long, env = "LOG", value_name = "FILTER")]
    pub log: Option<EnvFilter>,

    /// How to write log lines, which go to standard error.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One line of text each.
    Text,
    /// One JSON object each.
    Json,
}

/// A share, 0 to 1, written as `0.01` or `1%`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Share(pub f64);

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, divisor) = match text.strip_suffix('%') {
            Some(number) => (number, 100.0),
            None => (text, 1.0),
        };
        match number.parse::<f64>() {
            Ok(number) if (0.0..=divisor).contains(&number) => Ok(Share(number / divisor)),
            _ => Err("expected a share from 0 to 1, such as `0.01` or `1%`".to_owned()),
        }
    }
}
