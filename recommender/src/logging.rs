use std::{
    backtrace::{Backtrace, BacktraceStatus},
    io::{IsTerminal as _, stderr},
    panic::{self, PanicHookInfo},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tracing_subscriber::{EnvFilter, util::SubscriberInitExt as _};

use crate::{Args, LogFormat, call_context};

/// Sends log lines to standard error from now on, as `args` ask, and panics as such lines too. Only the first call in a process has
/// an effect.
pub fn init_logging(args: &Args) {
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&args.log))
        .with_writer(stderr)
        // It would tell of a broken standard error on standard error, and panic.
        .log_internal_errors(false)
        .with_ansi(stderr().is_terminal());
    let initialised = match args.log_format {
        LogFormat::Text => subscriber.finish().try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).with_span_list(false).finish().try_init(),
    };
    // The one error is that there is a subscriber already, which a process with several servers may well have.
    if initialised.is_ok() {
        panic::set_hook(Box::new(log_panic));
    }
}

/// What a panic leaves on standard error by itself is no log line: nothing that reads JSON understands it, and it does not tell
/// the call.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let reason = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown");
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    call_context::log(|| {
        tracing::error!(
            reason,
            location = panic.location().map(tracing::field::display),
            thread = std::thread::current().name(),
            backtrace,
            "panicked"
        );
    });
}

/// Lets some log lines through and counts the others, where clients decide how many there would be (the generic cell rate
/// algorithm).
#[derive(Debug)]
pub(crate) struct LineLimit {
    /// In milliseconds.
    interval: u64,
    /// How far ahead of its time a line may come, in milliseconds.
    tolerance: u64,
    /// When the next line is due, in milliseconds since [`START`].
    due: AtomicU64,
    /// Since the last one that was let through.
    held_back: AtomicU64,
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl LineLimit {
    /// A line in each `interval`, and `burst` at once after a long time without.
    pub(crate) const fn new(interval: Duration, burst: u64) -> Self {
        let interval = interval.as_millis() as u64;
        LineLimit {
            interval,
            tolerance: interval * burst.saturating_sub(1),
            due: AtomicU64::new(0),
            held_back: AtomicU64::new(0),
        }
    }

    /// Whether a line may be written now: then the number of those that were held back since the last one.
    pub(crate) fn admit(&self) -> Option<u64> {
        self.admit_at(START.elapsed().as_millis() as u64)
    }

    fn admit_at(&self, now: u64) -> Option<u64> {
        let admitted = self.due.fetch_update(Relaxed, Relaxed, |due| {
            (due <= now + self.tolerance).then(|| due.max(now) + self.interval)
        });
        if admitted.is_ok() {
            Some(self.held_back.swap(0, Relaxed))
        } else {
            self.held_back.fetch_add(1, Relaxed);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_lines_is_one_an_interval_which_tells_of_the_others() {
        let limit = LineLimit::new(Duration::from_secs(1), 1);
        let admitted: Vec<_> = (0..3_000).filter_map(|now| Some((now, limit.admit_at(now)?))).collect();
        assert_eq!(admitted, [(0, 0), (1_000, 999), (2_000, 999)]);
    }

    #[test]
    fn a_burst_after_a_quiet_time_passes_whole() {
        let limit = LineLimit::new(Duration::from_millis(100), 50);
        for again in [0, 60_000] {
            assert!((0..50).all(|_| limit.admit_at(again).is_some()), "{again}");
            assert_eq!(limit.admit_at(again), None);
        }
    }
}
