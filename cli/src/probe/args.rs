//! The command line of the probe.

use std::{num::NonZeroU32, path::PathBuf, time::Duration};

use chrono::{DateTime, Utc};

use crate::{
    failure::Failure,
    texts::Lang,
    values::{WrongValue, duration, number},
};

/// The most requests of one run: each takes a few bytes of memory until the end.
const MOST_REQUESTS: f64 = 10_000_000.0;
/// The most requests a second: this is no load generator.
const HIGHEST_RATE: f64 = 1_000.0;

/// Told at the end of `probe --help`.
const MEANING: &str = "\
What is measured:
  Requests are due at constant intervals, and a latency begins when its request was due, so that a stall shows in all
  requests that fell due in it.
  Every replica: with one address, those whose name (`served_by`) was in an answer of the last `--gone-after`. A connection
  stays with one replica, so that only `--new-connection` meets them all through a load balancer. With several
  addresses, one replica is expected at each, and requests go to them in turn.
  Downtime: from when a request was due that failed to the next answer, where no other request was answered meanwhile.
  What the client sends again by itself, and is then answered, is no failure; it is counted.

Exit codes:
  0  every request was answered
  1  a request failed, or was refused for overload
  2  misuse
  3  the service was not reachable when the probe began (name songs to begin all the same)
  4  the service could not answer when the probe began (likewise)";

/// What to send where, for how long, and what to write.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = MEANING)]
pub struct ProbeArgs {
    /// The service's address, see `playlist --help`; repeated, several addresses
    // By its name it takes the place of the one that all commands have.
    #[arg(
        id = "server",
        long = "server",
        value_name = "URL",
        env = "PLAYLIST_SERVER",
        default_value = "http://localhost:52023"
    )]
    pub servers: Vec<String>,

    /// Requests a second, at most 1000; with several addresses, of all together
    #[arg(long, value_name = "N", default_value = "10", value_parser = rate)]
    pub rate: f64,

    /// How long to send, as `30s`, `2m` or `1h`; Ctrl-C ends it earlier
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = duration)]
    pub duration: Duration,

    /// Open a connection for each request, so that a load balancer gives it to any replica
    #[arg(long)]
    pub new_connection: bool,

    /// Send no request again that the service may have seen; those that it surely has not seen go out again all the same
    #[arg(long)]
    pub no_retries: bool,

    /// Count the seconds to a change from then, such as the time of a commit, instead of from the start: `git show -s
    /// --format=%cI`
    #[arg(long, value_name = "RFC 3339", value_parser = date)]
    pub since: Option<DateTime<Utc>>,

    /// A replica that has not answered for so long is gone
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub gone_after: Duration,

    /// Draw latencies, failures and changes over time into this file, as SVG
    #[arg(long, value_name = "FILE")]
    pub timeline: Option<PathBuf>,

    /// The most songs to ask for with a request [default: 10]
    #[arg(long, short = 'n', value_name = "N", value_parser = number(1..=500))]
    pub limit: Option<u32>,

    /// The songs to send with each request [default: the commonest ones]
    #[arg(value_name = "SONG")]
    pub songs: Vec<String>,
}

impl ProbeArgs {
    /// When a request is due, by its place among all.
    pub(crate) fn due(&self, place: u32) -> Duration {
        Duration::from_secs_f64(f64::from(place) / self.rate)
    }

    /// How many requests the run has if nobody ends it; one is due at once.
    pub(crate) fn planned(&self, lang: Lang) -> Result<NonZeroU32, Failure> {
        let requests = (self.duration.as_secs_f64() * self.rate).ceil();
        if requests > MOST_REQUESTS {
            return Err(Failure::Misuse(lang.too_many_requests(requests, MOST_REQUESTS)));
        }
        // In range, by the comparison.
        Ok(NonZeroU32::new(requests as u32).unwrap_or(NonZeroU32::MIN))
    }
}

/// Reads a number of requests a second.
fn rate(text: &str) -> Result<f64, WrongValue> {
    let rate: f64 = text.parse().map_err(|_| WrongValue::new(Lang::form_of_a_rate))?;
    if rate > 0.0 && rate <= HIGHEST_RATE {
        // Below it, an interval is longer than a day.
        if rate >= 1.0 / 86_400.0 { Ok(rate) } else { Err(WrongValue::new(Lang::must_be_one_a_day)) }
    } else {
        Err(WrongValue::new(|lang| lang.must_be_a_rate(HIGHEST_RATE)))
    }
}

/// Reads a date with its offset.
fn date(text: &str) -> Result<DateTime<Utc>, WrongValue> {
    DateTime::parse_from_rfc3339(text)
        .map(|date| date.to_utc())
        .map_err(|_| WrongValue::new(Lang::form_of_a_date))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Args, Command};

    fn probe(line: &[&str]) -> (Args, ProbeArgs) {
        let mut args = Args::parse_from(line);
        let Some(Command::Probe(probe)) = args.command.take() else { panic!("{line:?} is no probe") };
        (args, *probe)
    }

    #[test]
    fn one_address_or_several_may_stand_before_and_after_the_command() {
        for (line, servers) in [
            (&["playlist", "probe", "--server", "a"][..], &["a"][..]),
            (&["playlist", "--server", "a", "probe"], &["a"]),
            (&["playlist", "--server", "a", "probe", "--server", "b"], &["b"]),
            (&["playlist", "probe", "--server", "a", "--server", "b"], &["a", "b"]),
        ] {
            let (args, probe) = probe(line);
            assert_eq!(probe.servers, servers, "{line:?}");
            assert_eq!(args.server, servers[0], "{line:?}");
        }
    }

    #[test]
    fn a_rate_is_above_zero_and_no_load_test() {
        assert_eq!(rate("0.5"), Ok(0.5));
        assert_eq!(rate("1000"), Ok(1000.0));
        for text in ["0", "-1", "1001", "inf", "NaN", "ten", "1e-9"] {
            assert!(rate(text).is_err(), "{text:?} was read as a rate");
        }
    }

    #[test]
    fn the_requests_of_a_run_are_bounded() {
        let (_, args) = probe(&["playlist", "probe", "--rate", "10", "--duration", "2m"]);
        assert_eq!(args.planned(Lang::English).unwrap().get(), 1_200);
        let (_, args) = probe(&["playlist", "probe", "--rate", "1", "--duration", "10ms"]);
        assert_eq!(args.planned(Lang::English).unwrap().get(), 1);
        let (_, args) = probe(&["playlist", "probe", "--rate", "1000", "--duration", "24h"]);
        assert!(matches!(args.planned(Lang::English), Err(Failure::Misuse(_))));
    }

    #[test]
    fn a_date_has_an_offset() {
        assert_eq!(date("2025-01-01T19:17:42-03:00").unwrap().timestamp(), 1_735_769_862);
        assert!(date("2025-01-01T19:17:42").is_err());
    }
}
