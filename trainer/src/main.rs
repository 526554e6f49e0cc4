//! The binary `trainer`: reads the settings, runs, prints what was done, and exits with the code that says how it went.

use std::{
    env, fs,
    io::{self, Write as _},
    num::NonZeroU32,
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser as _, error::ErrorKind};
use tracing_subscriber::EnvFilter;
use trainer::{
    Args, Command, DownloadPolicy, EvaluateArgs, Location, LogFormat, MiningArgs, Outcome, Progress,
    ReadOptions, Settings, TrainArgs, TrainError, evaluate_dataset, train, versions,
};

/// A training was refused by the gate.
const REFUSED: u8 = 3;
/// There is a hold on the version.
const HELD: u8 = 4;

fn main() -> ExitCode {
    let args = Args::parse(); // clap reports misuse itself and exits with 2.
    let result = match args.command {
        Some(Command::Versions { command }) => run_versions(&command),
        Some(Command::Evaluate(args)) => run_evaluation(*args),
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

fn run_training(args: TrainArgs) -> anyhow::Result<ExitCode> {
    let TrainArgs { mut mining, model_dir, keep_versions, force, publish_anyway, json } = args;
    let progress = start_log(&mut mining);
    let threads = threads(&mining)?;
    let settings = settings(mining)?;
    let model_dir =
        model_dir.unwrap_or_else(|| misuse("name the folder of the volume with --model-dir or MODEL_DIR"));
    let settings = Settings { model_dir, keep_versions, force, publish_anyway, ..settings };

    let report = threads.install(|| train(&settings, &progress))?;

    print(if json { report.to_json()?.to_string() } else { report.to_string() })?;
    Ok(match report.outcome {
        Outcome::Published | Outcome::UpToDate | Outcome::PutBack => ExitCode::SUCCESS,
        Outcome::Refused(_) => ExitCode::from(REFUSED),
        Outcome::Held => ExitCode::from(HELD),
    })
}

fn run_evaluation(args: EvaluateArgs) -> anyhow::Result<ExitCode> {
    let EvaluateArgs { mut mining, report: page, json } = args;
    let progress = start_log(&mut mining);
    let threads = threads(&mining)?;
    let settings = settings(mining)?;

    let report = threads.install(|| evaluate_dataset(&settings, &progress))?;

    print(if json { report.to_json()?.to_string() } else { report.to_string() })?;
    if let Some(page) = page {
        fs::write(&page, report.to_html()).with_context(|| {
            format!("could not write `{}`; name another file with --report", page.display())
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(text: String) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

fn threads(args: &MiningArgs) -> anyhow::Result<rayon::ThreadPool> {
    let mut pool = rayon::ThreadPoolBuilder::new();
    if let Some(threads) = args.threads {
        pool = pool.num_threads(threads.into());
    }
    pool.build().context("could not start the threads; ask for fewer with --threads")
}

/// The settings of a run that does not publish.
fn settings(args: MiningArgs) -> anyhow::Result<Settings> {
    let dataset = args.dataset.unwrap_or_else(|| misuse("name the dataset with --dataset or DATASET"));
    let dataset: Location =
        dataset.parse().unwrap_or_else(|error| misuse(&format!("the dataset is not valid: {error}")));
    let policy = DownloadPolicy {
        extra_roots: env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()).map(Into::into),
        ..DownloadPolicy::default()
    };
    Ok(Settings {
        read: ReadOptions {
            item_key: args.item_key,
            max_skipped_share: args.max_skipped_rows.0,
            policy,
            max_memory: args.max_memory,
        },
        min_support: args.min_support,
        min_confidence: args.min_confidence,
        max_length: NonZeroU32::new(args.max_length),
        max_consequent_length: args.max_consequent_length,
        min_pair_count: NonZeroU32::new(args.min_pair_count),
        max_rules_per_song: NonZeroU32::new(args.max_rules_per_song),
        ..Settings::new(dataset, PathBuf::new())
    })
}

/// Ends the program as clap does when an argument is missing.
fn misuse(problem: &str) -> ! {
    Args::command().error(ErrorKind::MissingRequiredArgument, problem).exit()
}

/// Begins to log, and to show how far the run is.
fn start_log(args: &mut MiningArgs) -> Progress {
    let progress = Progress::on_stderr();
    init_log(args.log_format, args.log.take(), progress.clone());
    progress
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
