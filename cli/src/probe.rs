//! `playlist probe`: what a person runs while they change something.
//!
//! ```text
//! due times ──requests──▶ service ──▶ ended ──▶ record ──▶ events, as they happen
//!                                                 └─────▶ report and timeline, at the end
//! ```
//!
//! The record and what is made of it know neither clock nor network, so that tests tell them of times.

mod args;
mod events;
mod outages;
mod record;
mod replicas;
mod report;
mod requests;
mod timeline;

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
    pin::pin,
    process::ExitCode,
    time::Duration,
};

use chrono::Utc;
use client_lib::RecommendRequest;
use tokio::{
    signal,
    sync::mpsc,
    time::{self, Instant, MissedTickBehavior},
};

pub use self::args::ProbeArgs;
use self::{
    record::{Ended, Record},
    replicas::Known,
    report::{Report, Run},
    requests::Server,
};
use crate::{args::Args, failure::Failure, output::Output, surroundings::Surroundings, texts::Lang};

/// How often the live line is written, and how late a replica may be told to be gone.
const TICK: Duration = Duration::from_millis(250);
/// What the live line tells latencies of.
const RECENT: Duration = Duration::from_secs(10);

/// Sends requests until the time is over or someone ends it, and tells what they met.
pub(crate) async fn run(
    args: &Args,
    probe: ProbeArgs,
    surroundings: &Surroundings,
) -> Result<ExitCode, Failure> {
    let output = Output::new(args, surroundings);
    let lang = output.lang;
    let planned = probe.planned(lang)?.get();
    let servers = Server::all(args, &probe, output)?;
    if let Some(path) = &probe.timeline {
        // Better now than after all requests.
        written(path, "")?;
    }
    let seeds = requests::seeds(&probe.songs, &servers, lang).await?;
    let request = RecommendRequest::new(seeds).limit(probe.limit.unwrap_or(0));
    let known = match servers.len() {
        1 => Known::ByAnswers { gone_after: probe.gone_after },
        several => Known::ByAddresses(several),
    };
    let screen = Screen { output, is_live: surroundings.errors_are_terminal };

    let mut record = Record::new(Utc::now(), known, !probe.new_connection);
    let begin = Instant::now();
    let (sender, mut ends) = mpsc::unbounded_channel();
    let mut ticks = time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut interrupt = pin!(interrupted());
    let (mut sent, mut last) = (0, planned);
    let mut retries = 0;
    while record.samples.len() < last as usize {
        let n_told = tokio::select! {
            Some((ended, n_retries)) = ends.recv() => {
                retries += n_retries;
                record.note(ended)
            }
            () = time::sleep_until(begin + probe.due(sent)), if sent < last => {
                let (due, server) = (probe.due(sent), sent as usize % servers.len());
                let (asked, request, sender) = (servers[server].clone(), request.clone(), sender.clone());
                tokio::spawn(async move {
                    let (outcome, n_retries) = asked.ask(request).await;
                    // Nobody listens any more once the probe was ended twice.
                    let _ = sender.send((Ended { server, due, at: begin.elapsed(), outcome }, n_retries));
                });
                sent += 1;
                continue;
            }
            _ = ticks.tick() => {
                let now = begin.elapsed();
                let n_told = record.passed(now);
                screen.live(|| live_line(&record, now, lang));
                n_told
            }
            () = &mut interrupt => {
                if last == sent {
                    break;
                }
                last = sent;
                let n_awaited = last as usize - record.samples.len();
                if n_awaited > 0 {
                    screen.remark(&lang.last_requests_awaited(n_awaited));
                }
                interrupt.set(interrupted());
                continue;
            }
        };
        for event in &record.events[n_told..] {
            screen.event(&event.line(lang))?;
        }
    }
    screen.clear();

    let run = Run {
        addresses: servers.iter().map(|server| server.url().to_owned()).collect(),
        probe: &probe,
        lang,
        timeout: args.timeout,
        sent: sent as usize,
        retries: retries + servers.iter().map(Server::retries).sum::<u64>(),
        elapsed: begin.elapsed(),
    };
    if let Some(path) = &probe.timeline {
        written(path, &timeline::svg(&run, &record))?;
    }
    screen.output.answer(&Report::new(&run, &record), Report::text)?;
    let all_answered = record.answered == record.samples.len();
    Ok(if all_answered { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn written(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|source| Failure::Written { path: path.to_owned(), source })
}

/// Ready once someone wants the probe to end.
async fn interrupted() {
    #[cfg(unix)]
    if let Ok(mut terminations) = signal::unix::signal(signal::unix::SignalKind::terminate()) {
        tokio::select! {
            Ok(()) = signal::ctrl_c() => {}
            _ = terminations.recv() => {}
        }
        return;
    }
    if signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

/// Where things are told: events and the report on standard output, or with JSON only the report there; and on a terminal
/// a line that is written over.
struct Screen {
    output: Output,
    is_live: bool,
}

impl Screen {
    fn event(&self, line: &str) -> Result<(), Failure> {
        self.clear();
        if self.output.json {
            self.output.remark(line);
            Ok(())
        } else {
            self.output.text(&format!("{line}\n"))
        }
    }

    fn remark(&self, line: &str) {
        self.clear();
        self.output.remark(line);
    }

    fn live(&self, line: impl FnOnce() -> String) {
        if self.is_live {
            self.write(&format!("\r{}\x1b[K", line()));
        }
    }

    fn clear(&self) {
        if self.is_live {
            self.write("\r\x1b[K");
        }
    }

    fn write(&self, text: &str) {
        let mut errors = io::stderr().lock();
        // There is no other place to tell it when this fails.
        let _ = errors.write_all(text.as_bytes()).and_then(|()| errors.flush());
    }
}

fn live_line(record: &Record, now: Duration, lang: Lang) -> String {
    let since = now.saturating_sub(RECENT);
    let recent = record.samples.iter().rev().take_while(|sample| sample.due >= since);
    let latencies = report::latencies(recent);
    let percentile = |percent| report::milliseconds(report::percentile(&latencies, percent), lang);
    let shed = if record.shed > 0 { lang.live_shed(record.shed) } else { String::new() };
    lang.live_line(
        &lang.decimal(now.as_secs_f64(), 0),
        record.samples.len(),
        record.failed,
        &shed,
        &format!("p50 {}  p99 {}", percentile(50.0), percentile(99.0)),
        &lang.replicas(record.replicas.present().count()),
    )
}
