//! Why a tunnel does not work: what ssh says, understood.

use std::{error::Error, fmt};

use super::route::Route;
use crate::{output::clean, texts::Lang};

/// What went wrong, and so at which hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    NotStarted,
    LocalPort,
    HostUnknown,
    HostRefused,
    HostUnreachable,
    NoSsh,
    HostKeyChanged,
    HostKeyUnknown,
    Login,
    ForwardingForbidden,
    TargetUnknown,
    TargetRefused,
    TargetUnreachable,
    Silence,
    Other,
}

/// What ssh says of each problem, the most telling first; all words of a line must be there. Its messages are not translated.
const WORDS: [(&[&str], Problem); 22] = [
    (&["Address already in use"], Problem::LocalPort),
    (&["Could not request local forwarding"], Problem::LocalPort),
    (&["Could not resolve hostname"], Problem::HostUnknown),
    (&["REMOTE HOST IDENTIFICATION HAS CHANGED"], Problem::HostKeyChanged),
    (&["Host key verification failed"], Problem::HostKeyUnknown),
    (&["Permission denied"], Problem::Login),
    (&["Too many authentication failures"], Problem::Login),
    (&["connect to host", "Connection refused"], Problem::HostRefused),
    (&["connect to host"], Problem::HostUnreachable),
    (&["timed out during banner exchange"], Problem::NoSsh),
    (&["banner"], Problem::NoSsh),
    (&["kex_exchange_identification"], Problem::NoSsh),
    (&[OPEN_FAILED, "prohibited"], Problem::ForwardingForbidden),
    (&[OPEN_FAILED, "refused"], Problem::TargetRefused),
    (&[OPEN_FAILED, "timed out"], Problem::TargetUnreachable),
    (&[OPEN_FAILED, "unreachable"], Problem::TargetUnreachable),
    (&[OPEN_FAILED, "No route"], Problem::TargetUnreachable),
    (&[OPEN_FAILED, "not known"], Problem::TargetUnknown),
    (&[OPEN_FAILED, "resolution"], Problem::TargetUnknown),
    (&[OPEN_FAILED, "resolve"], Problem::TargetUnknown),
    (&[OPEN_FAILED, "No address"], Problem::TargetUnknown),
    (&[OPEN_FAILED], Problem::TargetUnreachable),
];

/// What ssh says of a connection that the far end of the tunnel could not make.
const OPEN_FAILED: &str = ": open failed: ";

/// Whether ssh says that it cannot reach the service.
pub(super) fn is_refusal(line: &str) -> bool {
    line.contains(OPEN_FAILED)
}

/// Why there is no tunnel: the hop, what went wrong there, ssh's own word, and what to do.
#[derive(Debug)]
pub struct TunnelFailure {
    problem: Problem,
    route: Box<Route>,
    said: Option<Said>,
}

/// The words of ssh, or of the system.
#[derive(Debug)]
struct Said(String);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Said {}

impl TunnelFailure {
    /// What ssh means by these lines.
    pub(super) fn from_words(route: &Route, lines: &[String]) -> Self {
        let found = WORDS.iter().find_map(|(words, problem)| {
            let line = lines.iter().rev().find(|line| words.iter().all(|word| line.contains(word)))?;
            Some((*problem, line))
        });
        let (problem, line) = match found {
            Some((problem, line)) => (problem, Some(line)),
            None => (Problem::Other, lines.iter().rev().find(|line| !line.trim().is_empty())),
        };
        Self::new(route, problem, line.map(|line| format!("ssh: {}", line.trim())))
    }

    pub(super) fn new(route: &Route, problem: Problem, said: Option<String>) -> Self {
        Self { problem, route: Box::new(route.clone()), said: said.map(|said| Said(clean(&said).into())) }
    }

    pub(super) fn is_about_the_local_port(&self) -> bool {
        self.problem == Problem::LocalPort
    }

    /// Whether nothing but a person can help: trying again would fail again, or ask somebody.
    pub(super) fn is_final(&self) -> bool {
        match self.problem {
            Problem::NotStarted
            | Problem::HostKeyChanged
            | Problem::HostKeyUnknown
            | Problem::Login
            | Problem::ForwardingForbidden => true,
            Problem::LocalPort
            | Problem::HostUnknown
            | Problem::HostRefused
            | Problem::HostUnreachable
            | Problem::NoSsh
            | Problem::TargetUnknown
            | Problem::TargetRefused
            | Problem::TargetUnreachable
            | Problem::Silence
            | Problem::Other => false,
        }
    }

    /// What failed, and at which hop.
    pub(crate) fn what(&self, lang: Lang) -> String {
        lang.tunnel_problem(self.problem, &self.route)
    }

    /// What to do.
    pub(crate) fn hint(&self, lang: Lang) -> String {
        lang.tunnel_remedy(self.problem, &self.route)
    }
}

impl fmt::Display for TunnelFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what(Lang::English))
    }
}

impl Error for TunnelFailure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.said.as_ref().map(|said| said as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines that OpenSSH 9.2 wrote.
    const SAID: [(&str, Problem); 13] = [
        ("ssh: Could not resolve hostname nowhere.invalid: Name or service not known", Problem::HostUnknown),
        ("ssh: connect to host 127.0.0.1 port 9: Connection refused", Problem::HostRefused),
        ("ssh: connect to host 192.0.2.1 port 22: Connection timed out", Problem::HostUnreachable),
        ("ssh: connect to host 192.0.2.1 port 22: Network is unreachable", Problem::HostUnreachable),
        ("kex_exchange_identification: Connection closed by remote host", Problem::NoSsh),
        ("Connection timed out during banner exchange", Problem::NoSsh),
        ("Host key verification failed.", Problem::HostKeyUnknown),
        ("me@127.0.0.1: Permission denied (publickey,password).", Problem::Login),
        ("bind [127.0.0.1]:7: Address already in use", Problem::LocalPort),
        ("channel 2: open failed: connect failed: Connection refused", Problem::TargetRefused),
        ("channel 2: open failed: connect failed: Name or service not known", Problem::TargetUnknown),
        ("channel 2: open failed: administratively prohibited: open failed", Problem::ForwardingForbidden),
        ("command-line: line 0: Bad configuration option: x", Problem::Other),
    ];

    fn route() -> Route {
        Route::new("me@host".parse().unwrap(), None, "http://localhost:52023")
    }

    #[test]
    fn each_word_of_ssh_names_its_hop() {
        for (line, problem) in SAID {
            let failure = TunnelFailure::from_words(&route(), &[line.to_owned()]);
            assert_eq!(failure.problem, problem, "{line}");
            assert!(failure.source().unwrap().to_string().contains(line), "{line}");
            assert!(!failure.hint(Lang::English).is_empty());
        }
    }

    #[test]
    fn a_changed_key_is_told_from_an_unknown_one() {
        let lines = [
            "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @".to_owned(),
            "Host key verification failed.".to_owned(),
        ];
        assert_eq!(TunnelFailure::from_words(&route(), &lines).problem, Problem::HostKeyChanged);
        assert_eq!(TunnelFailure::from_words(&route(), &lines[1..]).problem, Problem::HostKeyUnknown);
    }

    #[test]
    fn silence_of_ssh_is_no_reason_to_be_silent() {
        let failure = TunnelFailure::from_words(&route(), &[]);
        assert_eq!(failure.problem, Problem::Other);
        assert!(failure.source().is_none());
        assert!(failure.to_string().contains("me@host"));
    }
}
