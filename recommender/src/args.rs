use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::LazyLock,
    time::Duration,
};

use clap::{Parser, ValueEnum, builder::NonEmptyStringValueParser};
use tracing_subscriber::EnvFilter;

use crate::{
    durations::{duration, positive_duration},
    limits::Limits,
    security::Security,
};

/// What `--version` prints: the version and the source revision that it was built from.
static VERSION: LazyLock<String> =
    LazyLock::new(|| format!("{} ({})", env!("CARGO_PKG_VERSION"), model::REVISION));

/// What the process tells its caller, for `--help`.
const EXIT_CODES: &str = "\
Exit codes:
  0    stopped by a signal, every call was answered
  1    could not start, or calls had to be cut off after the grace period
  2    misuse of the command line
  130  a second signal, SIGINT, ended the drain
  143  a second signal, SIGTERM, ended the drain

SIGTERM and SIGINT begin a drain: health turns NOT_SERVING, the drain delay passes, no more connections are accepted, \
calls in flight are answered. It lasts at most the drain delay and the grace period together, which must be less than \
the time that the supervisor allows (terminationGracePeriodSeconds).";

/// Serves song recommendations from the model in service on a volume, over gRPC, gRPC-Web and REST.
#[derive(Clone, Debug, Parser)]
#[command(name = "recommender", version = VERSION.as_str(), after_help = EXIT_CODES)]
pub struct Args {
    /// What and where to serve.
    #[command(flatten)]
    pub settings: Settings,

    /// How log lines look on standard error.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,

    /// What to log: a level (`error`, `warn`, `info`, `debug`, `trace`), or levels by module as in
    /// `info,recommender=debug`.
    #[arg(long, env = "LOG", value_name = "FILTER", default_value = "info", value_parser = log_filter)]
    pub log: String,

    /// The OpenTelemetry collector that traces are sent to over OTLP/gRPC, as in `http://collector:4317` [default: none]. Spans that it
    /// does not take are lost; calls never wait for it.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL", value_parser = otlp_endpoint)]
    pub otlp_endpoint: Option<String>,

    /// The share of calls to trace, 0 to 1, of those whose client does not decide it: a `traceparent` does.
    #[arg(long, env = "TRACE_SAMPLE_RATIO", value_name = "SHARE", default_value = "0.01", value_parser = share)]
    pub trace_sample_ratio: f64,
}

/// What and where to serve.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Settings {
    /// The address that gRPC, REST and the page are served on; port 0 takes a free one.
    #[arg(long, env = "LISTEN", value_name = "ADDRESS", default_value_t = any_address(52023))]
    pub listen: SocketAddr,

    /// The address that `/metrics`, `/healthz` and `/readyz` are served on, over HTTP; port 0 takes a free one.
    #[arg(long, env = "METRICS_LISTEN", value_name = "ADDRESS", default_value_t = any_address(9090))]
    pub metrics_listen: SocketAddr,

    /// The volume with the models: the folder that holds `CURRENT`. It may appear later.
    #[arg(long, env = "MODEL_DIR", value_name = "FOLDER")]
    pub model_dir: PathBuf,

    /// The time between two looks at `CURRENT`, such as `100ms`, `1s` or `2m`; above 0. Certificates, keys and tokens are
    /// looked at as often, and at least every 5 seconds.
    #[arg(long, env = "POLL_INTERVAL", value_name = "DURATION", default_value = "1s", value_parser = positive_duration)]
    pub poll_interval: Duration,

    /// The time that connections are still accepted after a signal, so that load balancers notice.
    #[arg(long, env = "DRAIN_DELAY", value_name = "DURATION", default_value = "5s", value_parser = duration)]
    pub drain_delay: Duration,

    /// The time that calls in flight are given after the drain delay; then they are cut off.
    #[arg(long, env = "GRACE_PERIOD", value_name = "DURATION", default_value = "20s", value_parser = duration)]
    pub grace_period: Duration,

    /// How many clients and calls are served at a time, and how long a connection lasts.
    #[command(flatten)]
    pub limits: Limits,

    /// The name of this replica in answers [default: the name of the host].
    #[arg(long, env = "POD_NAME", value_name = "NAME", default_value_t = host_name(), hide_default_value = true,
        value_parser = NonEmptyStringValueParser::new())]
    pub served_by: String,

    /// Who may connect, who may call, and what strangers may see.
    #[command(flatten)]
    pub security: Security,
}

impl Settings {
    /// The settings that `--help` names as defaults, for the volume at `model_dir`.
    pub fn new(model_dir: impl Into<PathBuf>) -> Self {
        Settings {
            listen: any_address(52023),
            metrics_listen: any_address(9090),
            model_dir: model_dir.into(),
            poll_interval: Duration::from_secs(1),
            drain_delay: Duration::from_secs(5),
            grace_period: Duration::from_secs(20),
            limits: Limits::default(),
            served_by: host_name(),
            security: Security::default(),
        }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people; coloured on a terminal.
    Text,
    /// One JSON object a line.
    Json,
}

const fn any_address(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)
}

/// The host's name, which Kubernetes sets to the pod's.
fn host_name() -> String {
    ["/proc/sys/kernel/hostname", "/etc/hostname"]
        .into_iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .map(|name| name.trim().to_owned())
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| "recommender".to_owned())
}

/// The collector is in the cluster or on the node, so there is no TLS to it. The empty string is none, as OpenTelemetry has it.
fn otlp_endpoint(text: &str) -> Result<String, String> {
    let is_address = |uri: http::Uri| uri.scheme_str() == Some("http") && uri.host().is_some();
    if text.is_empty() || text.parse().is_ok_and(is_address) {
        Ok(text.to_owned())
    } else {
        Err("write `http://`, host and port, as in `http://collector:4317`; there is no TLS to the collector"
            .to_owned())
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("write a number from 0 to 1".to_owned()),
    }
}

/// Checks a filter while misuse can still be told from failure.
fn log_filter(text: &str) -> Result<String, String> {
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_without_flags_are_the_defaults_of_the_command_line() {
        let args = Args::try_parse_from(["recommender", "--model-dir", "volume"]).unwrap();
        assert_eq!(args.settings, Settings::new("volume"));
    }

    #[test]
    fn a_certificate_and_its_key_come_together() {
        let parse = |flags: &[&str]| {
            let all = ["recommender", "--model-dir", "volume"].iter().chain(flags);
            Args::try_parse_from(all).map(|args| args.settings.security.tls)
        };
        let tls = parse(&["--tls-cert", "a", "--tls-key", "b"]).unwrap().unwrap();
        assert_eq!((tls.tls_cert, tls.tls_key, tls.tls_client_ca), ("a".into(), "b".into(), None));
        for wrong in [&["--tls-cert", "a"][..], &["--tls-key", "b"], &["--tls-client-ca", "c"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
