//! Why a tunnel does not work: what ssh says, understood.

use std::{error::Error, fmt};

use super::route::Route;
use crate::output::clean;

/// What went wrong, and so at which hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
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
    what: String,
    hint: String,
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
        let (host, target) = (&route.host, &route.target);
        let login = route.login_command();
        let (what, hint) = match problem {
            Problem::NotStarted => (
                "no tunnel was opened: ssh cannot be started here".to_owned(),
                "install an ssh client, as Debian's `openssh-client`".to_owned(),
            ),
            Problem::LocalPort => (
                "no tunnel was opened: no port of this machine can be its near end".to_owned(),
                format!("`{login}` may forward ports by itself: look for LocalForward in ~/.ssh/config"),
            ),
            Problem::HostUnknown => (
                format!("first hop: the name of {host} cannot be resolved"),
                "is it spelled right, and in DNS, /etc/hosts or ~/.ssh/config?".to_owned(),
            ),
            Problem::HostRefused => (
                format!("first hop: nothing listens for ssh at {host}"),
                "is that sshd's port? `--ssh user@host:port` names another".to_owned(),
            ),
            Problem::HostUnreachable => (
                format!("first hop: {host} cannot be reached"),
                "is the host up, and do network and firewall let you through?".to_owned(),
            ),
            Problem::NoSsh => (
                format!("first hop: what listens at {host} does not speak ssh, or hung up"),
                "is that sshd's port? `--ssh user@host:port` names another".to_owned(),
            ),
            Problem::HostKeyChanged => (
                format!("first hop: {host} has another key than it had before"),
                format!(
                    "somebody may be in between; if the key was changed on purpose, `{login}` tells how to forget the old one"
                ),
            ),
            Problem::HostKeyUnknown => (
                format!("first hop: the key of {host} is not known here"),
                format!("log in once with `{login}`, and compare the key that it shows"),
            ),
            Problem::Login => (
                format!("first hop: {host} refused the login"),
                format!(
                    "try `{login}`; where there is no terminal nobody can be asked, so a key must be in the agent"
                ),
            ),
            Problem::ForwardingForbidden => (
                format!("second hop: {host} does not allow to forward to {target}"),
                "its sshd_config (AllowTcpForwarding, PermitOpen) or the key's options say so".to_owned(),
            ),
            Problem::TargetUnknown => (
                format!("second hop: {host} cannot resolve the name in {target}"),
                "the name is looked up on that host; `kubectl get services` there tells an address for `--forward`"
                    .to_owned(),
            ),
            Problem::TargetRefused => (
                format!("second hop: {host} was reached, but nothing listens at {target} as seen from there"),
                "`kubectl -n playlist-recommender get services` tells the address: `--forward <cluster-ip>:52023`"
                    .to_owned(),
            ),
            Problem::TargetUnreachable => (
                format!("second hop: {host} was reached, but cannot reach {target}"),
                "`kubectl -n playlist-recommender get services` tells the address: `--forward <cluster-ip>:52023`"
                    .to_owned(),
            ),
            Problem::Silence => (
                format!("second hop: {host} was reached, but the service at {target} does not answer through it"),
                "is that the address of the recommender, and does it run?".to_owned(),
            ),
            Problem::Other => (
                format!("ssh to {host} failed"),
                format!("try `{login}`, with `-v` for details"),
            ),
        };
        Self { problem, what, hint, said: said.map(|said| Said(clean(&said).into())) }
    }

    pub(super) fn is_about_the_local_port(&self) -> bool {
        self.problem == Problem::LocalPort
    }

    /// What to do.
    pub(crate) fn hint(&self) -> &str {
        &self.hint
    }
}

impl fmt::Display for TunnelFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
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
            assert!(!failure.hint().is_empty());
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
