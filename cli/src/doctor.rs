//! `playlist doctor`: looks at everything between this program and a playlist, and tells what to do about what is wrong.

mod network;

use std::process::ExitCode;

use client_lib::{Client, Error as ServiceError, ModelInfoResponse, RefreshOutcome};
use serde::Serialize;

use crate::{
    args::Args,
    credentials,
    failure::{Failure, in_one_line},
    layout::{Style, padding},
    notices::Notices,
    output::{clean, local_date},
    texts::Lang,
    tunnel::Tunnel,
};

/// The service of the contract, by its full name.
const SERVICE: &str = "playlist.v1.PlaylistService";
/// The version of this program.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What was looked at, and what was found.
#[derive(Debug, Serialize)]
struct Check {
    check: &'static str,
    outcome: Outcome,
    /// What was found, or why nothing was looked for.
    found: String,
    /// What to do, if something is wrong.
    remedy: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Ok,
    /// It works, and somebody should know of it all the same.
    Warning,
    Failed,
    /// Not asked for, or not reached.
    Skipped,
}

/// All that was looked at.
#[derive(Debug, Serialize)]
struct Report {
    server: String,
    healthy: bool,
    checks: Vec<Check>,
}

/// What is found by one look.
type Found = (Outcome, String, Option<String>);

fn ok(found: impl Into<String>) -> Found {
    (Outcome::Ok, found.into(), None)
}

fn warning(found: impl Into<String>, remedy: impl Into<String>) -> Found {
    (Outcome::Warning, found.into(), Some(remedy.into()))
}

fn failed(found: impl Into<String>, remedy: impl Into<String>) -> Found {
    (Outcome::Failed, found.into(), Some(remedy.into()))
}

fn skipped(why: impl Into<String>) -> Found {
    (Outcome::Skipped, why.into(), None)
}

/// Looks at everything in order, and prints it.
pub(crate) async fn run(args: Args, somebody_is_there: bool, notices: &Notices) -> Result<ExitCode, Failure> {
    let output = notices.output();
    let server = Client::lazy(&args.server)?.url().to_owned();
    let checks = examine(args, &server, somebody_is_there, notices).await?;
    let healthy = checks.iter().all(|check| check.outcome != Outcome::Failed);
    output.answer(&Report { server, healthy, checks }, in_words)?;
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn examine(
    mut args: Args,
    server: &str,
    somebody_is_there: bool,
    notices: &Notices,
) -> Result<Vec<Check>, Failure> {
    let lang = notices.output().answer_lang();
    let mut checks = Vec::new();
    let mut note = |check, (outcome, found, remedy): Found| {
        checks.push(Check { check, outcome, found, remedy });
        outcome != Outcome::Failed
    };
    // How the service is reached: through a tunnel, where ssh looks names up and opens ports, or straight. It lasts as long as
    // this binding.
    let (_tunnel, found) = match Tunnel::open(&args, somebody_is_there, notices).await {
        Ok(None) => (None, skipped(lang.no_tunnel_asked_for())),
        Ok(Some(tunnel)) => {
            args.server = tunnel.url().to_owned();
            args.server_name = Some(tunnel.server_name().to_owned());
            let found = match tunnel.check(&client(&args)?).await {
                Ok(()) => ok(tunnel.description(lang)),
                Err(failure) => failed(failure.what(lang), failure.hint(lang)),
            };
            (Some(tunnel), found)
        }
        Err(Failure::Tunnel(failure)) => (None, failed(failure.what(lang), failure.hint(lang))),
        Err(failure) => return Err(failure),
    };
    let (name, port) = match found.0 {
        Outcome::Skipped => network::examine(server, args.timeout, lang).await,
        _ => (skipped(lang.left_to_ssh()), skipped(lang.left_to_ssh())),
    };
    let is_reached = [note("name", name), note("port", port), note("tunnel", found)].iter().all(|fine| *fine);

    let client = client(&args)?;
    let answer = if is_reached { Some(client.model_info().await) } else { None };
    note("tls", tls(server, answer.as_ref(), lang));
    let info = match answer {
        None => {
            note("service", skipped(lang.not_reached()));
            None
        }
        Some(Err(error)) => {
            note("service", refusal(error, lang));
            None
        }
        Some(Ok(info)) => {
            note("service", ok(lang.served_by(&clean(&info.version), &clean(&info.served_by))));
            Some(info)
        }
    };
    let Some(info) = info else {
        for check in ["health", "reflection", "version", "model"] {
            note(check, skipped(lang.not_reached()));
        }
        return Ok(checks);
    };
    note("health", health(&client, lang).await);
    note("reflection", reflection(&client, lang).await);
    note("version", version(VERSION, &info.version, lang));
    note("model", model(&info, lang));
    Ok(checks)
}

/// A client that hides nothing: what fails once is told.
fn client(args: &Args) -> Result<Client, Failure> {
    Ok(credentials::builder(args)?.timeout(args.timeout).max_attempts(1).lazy()?)
}

/// Whether the two ends trust each other: one that answers has come through TLS.
fn tls(server: &str, answer: Option<&Result<ModelInfoResponse, ServiceError>>, lang: Lang) -> Found {
    if !server.split(',').any(|url| url.starts_with("https://")) {
        return skipped(lang.plain_text());
    }
    match answer {
        None | Some(Err(ServiceError::Connect { .. } | ServiceError::Timeout { .. })) => {
            skipped(lang.not_reached())
        }
        Some(Err(error @ ServiceError::Tls { .. })) => {
            failed(in_one_line(error, lang), lang.credentials_hint())
        }
        Some(_) => ok(lang.trusted()),
    }
}

fn refusal(error: ServiceError, lang: Lang) -> Found {
    let remedy = match &error {
        ServiceError::Tls { .. } => return skipped(lang.not_reached()),
        ServiceError::Unauthenticated { .. } => lang.credentials_hint(),
        ServiceError::Protocol { .. } | ServiceError::Unimplemented { .. } => lang.another_service(),
        error if error.is_retryable() => lang.try_again(),
        _ => lang.see_the_log(),
    };
    failed(in_one_line(&error, lang), remedy)
}

async fn health(client: &Client, lang: Lang) -> Found {
    for service in ["", SERVICE] {
        match client.is_serving(service).await {
            Ok(true) => {}
            Ok(false) => return failed(lang.not_serving(service), lang.not_serving_remedy()),
            Err(error) => return failed(in_one_line(&error, lang), lang.another_service()),
        }
    }
    ok(lang.serving())
}

async fn reflection(client: &Client, lang: Lang) -> Found {
    match client.list_services().await {
        Ok(services) if services.iter().any(|service| service == SERVICE) => {
            ok(services.iter().map(|service| clean(service)).collect::<Vec<_>>().join(", "))
        }
        Ok(_) => failed(lang.not_listed(SERVICE), lang.another_service()),
        // A service may keep to itself what it is.
        Err(ServiceError::Unimplemented { .. }) => warning(lang.no_reflection(), lang.no_reflection_remedy()),
        Err(error) => failed(in_one_line(&error, lang), lang.see_the_log()),
    }
}

/// Whether the contract that this program knows is the one that the service keeps: until 1.0 every minor version may be another one.
fn version(here: &str, there: &str, lang: Lang) -> Found {
    let series = |version: &str| {
        let mut numbers = version.split(['.', '-', '+']).map(|number| number.parse::<u64>().ok());
        let (major, minor) = (numbers.next()??, numbers.next()??);
        Some(if major == 0 { (0, minor) } else { (major, 0) })
    };
    let there = clean(there);
    match (series(here), series(&there)) {
        (Some(one), Some(other)) if one == other => ok(lang.versions(here, &there)),
        _ => failed(lang.versions(here, &there), lang.versions_remedy(&there)),
    }
}

fn model(info: &ModelInfoResponse, lang: Lang) -> Found {
    let rejected = info.last_refresh.as_ref().filter(|refresh| refresh.outcome == RefreshOutcome::Failed);
    let reason = rejected.map(|refresh| clean(&refresh.reason).into_owned());
    if info.model_version.is_empty() {
        let found = lang.no_model(reason.as_deref().unwrap_or_default());
        return failed(found.trim_end(), lang.no_model_remedy());
    }
    let found = lang.model_of(&clean(&info.model_version), &local_date(info.model_date));
    match reason {
        Some(reason) => warning(lang.model_rejected(&found, &reason), lang.model_rejected_remedy()),
        None => ok(found),
    }
}

/// One line for each check, and one more for what to do.
fn in_words(report: &Report, style: Style) -> String {
    let lang = style.lang;
    let outcomes = [Outcome::Ok, Outcome::Warning, Outcome::Failed, Outcome::Skipped];
    let widest = outcomes.iter().map(|outcome| lang.outcome(*outcome).chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for Check { check, outcome, found, remedy } in &report.checks {
        let word = lang.outcome(*outcome);
        let remedy = remedy.as_ref().map_or_else(String::new, |remedy| format!("; {remedy}"));
        let mut line = style
            .wrapped(&format!("{word}{}  {check:<10}  {found}{remedy}", padding(&word, widest)), widest + 14);
        let coloured = match outcome {
            Outcome::Ok => style.green(&word),
            Outcome::Warning => style.yellow(&word),
            Outcome::Failed => style.red(&word),
            Outcome::Skipped => style.dim(&word),
        };
        line.replace_range(..word.len(), &coloured);
        text.push_str(&line);
    }
    text
}

impl Lang {
    fn outcome(self, outcome: Outcome) -> String {
        match outcome {
            Outcome::Ok => self.outcome_ok(),
            Outcome::Warning => self.outcome_warning(),
            Outcome::Failed => self.outcome_failed(),
            Outcome::Skipped => self.outcome_skipped(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(here: &str, there: &str) -> Outcome {
        version(here, there, Lang::English).0
    }

    #[test]
    fn versions_that_promise_the_same_contract_fit_together() {
        assert_eq!(outcome("1.2.3", "1.9.0"), Outcome::Ok);
        assert_eq!(outcome("0.1.0", "0.1.7"), Outcome::Ok);
        assert_eq!(outcome("1.2.3", "1.0.0-rc.1"), Outcome::Ok);
        assert_eq!(outcome("1.2.3", "2.0.0"), Outcome::Failed);
        assert_eq!(outcome("0.1.0", "0.2.0"), Outcome::Failed);
        assert_eq!(outcome("0.1.0", "1.1.0"), Outcome::Failed);
        assert_eq!(outcome("0.1.0", ""), Outcome::Failed);
        assert_eq!(outcome("0.1.0", "the newest"), Outcome::Failed);
    }
}
