//! The binary `trainer`: reads the settings, runs, prints what was done, and exits with the code that says how it went.

use std::{
    env,
    io::{self, Write as _},
    num::NonZeroU32,
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser as _, error::ErrorKind};
use tracing_subscriber::EnvFilter;
use trainer::{
    Args, Command, DownloadPolicy, Location, LogFormat, Outcome, Progress, ReadOptions, Settings, TrainArgs,
    TrainError, train, versions,
};

/// A training was refused by the gate.
const REFUSED: u8 = 3;
/// There is a hold on the version.
const HELD: u8 = 4;

fn main() -> ExitCode {
    let args = Args::parse(); // clap reports misuse itself and exits with 2.
    let result = match &args.command {
        Some(Command::Versions { command }) => run_versions(command),
        None => run_training(args.train),
    };
    match result {
        Ok(code) => code,
        // Whoever reads has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            match error.downcast_ref() {
                Some(TrainError::HeldVersionLost { .. }) => ExitCode::from(HELD),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn run_versions(command: &trainer::VersionsCommand) -> anyhow::Result<ExitCode> {
    let report = versions(command)?;
    writeln!(io::stdout(), "{}", report.text)?;
    Ok(if report.is_ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run_training(mut args: TrainArgs) -> anyhow::Result<ExitCode> {
    let progress = Progress::on_stderr();
    init_log(args.log_format, args.log.take(), progress.clone());
    let (json, threads) = (args.json, args.threads);
    let settings = settings(args)?;
    let mut pool = rayon::ThreadPoolBuilder::new();
    if let Some(threads) = threads {
        pool = pool.num_threads(threads.into());
    }
    let pool = pool.build().context("could not start the threads; ask for fewer with --threads")?;

    let report = pool.install(|| train(&settings, &progress))?;

    let mut stdout = io::stdout().lock();
    if json {
        writeln!(stdout, "{}", report.to_json()?)?;
    } else {
        writeln!(stdout, "{report}")?;
    }
    Ok(match report.outcome {
        Outcome::Published | Outcome::UpToDate | Outcome::PutBack => ExitCode::SUCCESS,
        Outcome::Refused(_) => ExitCode::from(REFUSED),
        Outcome::Held => ExitCode::from(HELD),
    })
}

fn settings(args: TrainArgs) -> anyhow::Result<Settings> {
    let dataset = args.dataset.unwrap_or_else(|| misuse("name the dataset with --dataset or DATASET"));
    let dataset: Location =
        dataset.parse().unwrap_or_else(|error| misuse(&format!("the dataset is not valid: {error}")));
    let model_dir = args
        .model_dir
        .unwrap_or_else(|| misuse("name the folder of the volume with --model-dir or MODEL_DIR"));
    let policy = DownloadPolicy {
        extra_roots: env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()).map(Into::into),
        ..DownloadPolicy::default()
    };
    Ok(Settings {
        dataset,
        read: ReadOptions {
            item_key: args.item_key,
            max_skipped_share: args.max_skipped_rows.0,
            policy,
            max_memory: args.max_memory,
        },
        model_dir,
        min_support: args.min_support,
        min_confidence: args.min_confidence,
        max_length: NonZeroU32::new(args.max_length),
        max_consequent_length: args.max_consequent_length,
        min_pair_count: NonZeroU32::new(args.min_pair_count),
        max_rules_per_song: NonZeroU32::new(args.max_rules_per_song),
        keep_versions: args.keep_versions,
        force: args.force,
        publish_anyway: args.publish_anyway,
    })
}

/// Ends the program as clap does when an argument is missing.
fn misuse(problem: &str) -> ! {
    Args::command().error(ErrorKind::MissingRequiredArgument, problem).exit()
}

/// A terminal has the bar to show what happens; a log file has lines.
fn init_log(format: LogFormat, filter: Option<EnvFilter>, progress: Progress) {
    let default = if progress.is_bar() { "warn" } else { "info" };
    let filter = filter.unwrap_or_else(|| EnvFilter::new(default));
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(progress.is_bar()).with_target(false);
    match format {
        LogFormat::Text => log.with_writer(progress).init(),
        LogFormat::Json => log.json().with_writer(progress).init(),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
