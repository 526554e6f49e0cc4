use std::{
    fmt,
    io::{self, IsTerminal as _, Write},
    sync::Mutex,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use tracing::{info, warn};
use tracing_subscriber::fmt::MakeWriter;

use crate::{dataset::ReadProgress, summary::number};

/// How often a run without a terminal says how far it has read.
const LOG_INTERVAL: Duration = Duration::from_secs(5);

/// Tells a person how far a run is: a bar on a terminal, log lines elsewhere.
#[derive(Clone, Debug)]
pub struct Progress {
    bar: ProgressBar,
    last_log: std::sync::Arc<Mutex<Instant>>,
}

impl Progress {
    /// A bar when standard error is a terminal, log lines otherwise.
    pub fn on_stderr() -> Self {
        let bar = if io::stderr().is_terminal() { ProgressBar::no_length() } else { ProgressBar::hidden() };
        Progress::with(bar)
    }

    /// Log lines only.
    pub fn quiet() -> Self {
        Progress::with(ProgressBar::hidden())
    }

    fn with(bar: ProgressBar) -> Self {
        Progress { bar, last_log: std::sync::Arc::new(Mutex::new(Instant::now())) }
    }

    /// Whether there is a bar.
    pub fn is_bar(&self) -> bool {
        !self.bar.is_hidden()
    }

    /// Begins a stage, which may tell how far it is.
    pub(crate) fn stage(&self, stage: &'static str) {
        info!(stage, "began");
        self.bar.reset();
        self.bar.unset_length();
        self.style("{spinner} {msg} {elapsed}");
        self.bar.set_message(stage);
        self.bar.enable_steady_tick(Duration::from_millis(100));
    }

    /// So many of something are done in this stage.
    pub(crate) fn done(&self, unit: &'static str, done: u64, total: u64) {
        if self.bar.length().is_none() {
            self.bar.set_length(total);
            self.style(&format!(
                "{{spinner}} {{msg}} {{wide_bar}} {{human_pos}}/{{human_len}} {unit} {{rate}}/s eta {{eta}}"
            ));
        }
        self.bar.set_position(done);
        if self.is_log_due() {
            info!(stage = self.bar.message(), done, total, unit, "under way");
        }
    }

    /// A template that cannot be parsed would be found by any run on a terminal; the style before is good enough then.
    fn style(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            // The library's own rate has four decimals.
            let rate = |state: &ProgressState, to: &mut dyn fmt::Write| {
                let _ = to.write_str(&number(state.per_sec() as u64));
            };
            self.bar.set_style(style.with_key("rate", rate));
        }
    }

    /// Whether a run without a terminal should say something again.
    fn is_log_due(&self) -> bool {
        let Ok(mut last) = self.last_log.lock() else {
            return false;
        };
        let is_due = self.bar.is_hidden() && last.elapsed() >= LOG_INTERVAL;
        if is_due {
            *last = Instant::now();
        }
        is_due
    }

    /// Ends the last stage, and clears the terminal's line.
    pub(crate) fn end(&self) {
        self.bar.disable_steady_tick();
        self.bar.finish_and_clear();
    }
}

impl ReadProgress for Progress {
    fn bytes(&self, read: u64, total: Option<u64>) {
        if let Some(total) = total
            && self.bar.length().is_none()
        {
            self.bar.set_length(total);
            self.style("{spinner} {msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} eta {eta}");
        }
        self.bar.set_position(read);
        if self.is_log_due() {
            info!(stage = self.bar.message(), bytes = read, total, "under way");
        }
    }

    fn note(&self, message: &str) {
        warn!("{message}");
    }
}

/// Log lines go to standard error, above the bar.
impl<'a> MakeWriter<'a> for Progress {
    type Writer = LogWriter;

    fn make_writer(&'a self) -> LogWriter {
        LogWriter(self.bar.clone())
    }
}

/// Writes log lines above a bar.
#[derive(Debug)]
pub struct LogWriter(ProgressBar);

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A log that nobody reads any more is no reason to end a training.
        let _ = self.0.suspend(|| io::stderr().write_all(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = io::stderr().flush();
        Ok(())
    }
}
