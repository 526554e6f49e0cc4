//! The hops of a tunnel, as a person writes them and as ssh takes them.

use std::{ffi::OsString, fmt, str::FromStr, time::Duration};

use crate::{texts::Lang, values::WrongValue};

/// A host to log in to by ssh: `[user@]host[:port]`. The host may be one of those in ssh's own configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// `user@host` or `host`, without brackets.
    destination: String,
    port: Option<u16>,
}

/// A host and a port, as the host that ssh logs in to sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// A name or an address, without brackets.
    host: String,
    port: u16,
}

impl FromStr for Host {
    type Err = WrongValue;

    fn from_str(text: &str) -> Result<Self, WrongValue> {
        let (user, host) = match text.rsplit_once('@') {
            Some(("", _)) => return Err(WrongValue::new(Lang::no_user)),
            Some((user, host)) => (Some(user), host),
            None => (None, text),
        };
        let (host, port) = host_and_port(host)?;
        // ssh would take it for an option.
        if text.starts_with('-') || user.is_some_and(|user| user.contains(char::is_whitespace)) {
            return Err(WrongValue::new(Lang::form_of_a_login));
        }
        let destination = user.map_or_else(|| host.to_owned(), |user| format!("{user}@{host}"));
        Ok(Self { destination, port })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{} (port {port})", self.destination),
            None => f.write_str(&self.destination),
        }
    }
}

impl FromStr for Target {
    type Err = WrongValue;

    fn from_str(text: &str) -> Result<Self, WrongValue> {
        match host_and_port(text)? {
            (host, Some(port)) => Ok(Self { host: host.to_owned(), port }),
            _ => Err(WrongValue::new(Lang::form_of_a_target)),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Reads `host`, `host:port`, `[::1]` or `[::1]:port`.
fn host_and_port(text: &str) -> Result<(&str, Option<u16>), WrongValue> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or_else(|| WrongValue::new(Lang::no_bracket))?;
            match after.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if after.is_empty() => (host, None),
                None => return Err(WrongValue::new(Lang::only_a_port_after_brackets)),
            }
        }
        None => match text.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err(WrongValue::new(Lang::form_of_ipv6));
            }
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    if host.is_empty() || host.starts_with('-') {
        return Err(WrongValue::new(Lang::no_host));
    }
    if !host.chars().all(|c| c.is_alphanumeric() || "-._:%".contains(c)) {
        return Err(WrongValue::new(Lang::letters_of_a_host));
    }
    let port = port
        .map(|port| {
            port.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(|| WrongValue::new(Lang::no_port))
        })
        .transpose()?;
    Ok((host, port))
}

/// From a port of this machine through a host to the service.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) host: Host,
    pub(crate) target: Target,
    scheme: String,
    server_name: String,
}

impl Route {
    /// `server` is the URL of the service, `scheme://host:port`; without a `target`, it is what the host shall reach.
    pub(super) fn new(host: Host, target: Option<Target>, server: &str) -> Self {
        let (scheme, address) = server.split_once("://").unwrap_or(("http", server));
        let (name, port) = address.rsplit_once(':').unwrap_or((address, ""));
        let name = name.trim_start_matches('[').trim_end_matches(']').to_owned();
        let target =
            target.unwrap_or_else(|| Target { host: name.clone(), port: port.parse().unwrap_or_default() });
        Self { host, target, scheme: scheme.to_owned(), server_name: name }
    }

    pub(super) fn server_name(&self) -> &str {
        &self.server_name
    }

    /// The URL of the end of the tunnel that is here.
    pub(super) fn near_end(&self, port: u16) -> String {
        format!("{}://127.0.0.1:{port}", self.scheme)
    }

    /// The command by which a person can try the first hop.
    pub(crate) fn login_command(&self) -> String {
        let port = self.host.port.map_or_else(String::new, |port| format!("-p {port} "));
        format!("ssh {port}{}", self.host.destination)
    }

    /// What ssh needs to forward `port` and to do nothing else.
    pub(super) fn ssh_arguments(
        &self,
        port: u16,
        timeout: Duration,
        somebody_is_there: bool,
    ) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = ["-N", "-T"].map(Into::into).into();
        let mut option = |option: String| arguments.extend(["-o".into(), option.into()]);
        option("ExitOnForwardFailure=yes".to_owned());
        // It tells that the login succeeded and that the port is open. The first word on an option counts, so that ssh's own
        // configuration does not matter.
        option("PermitLocalCommand=yes".to_owned());
        option("LocalCommand=echo open".to_owned());
        // A connection that other programs share would not end with ours.
        option("ControlMaster=no".to_owned());
        option("ControlPath=none".to_owned());
        option(format!("ConnectTimeout={}", timeout.as_secs().max(1)));
        option("ServerAliveInterval=5".to_owned());
        option("ServerAliveCountMax=3".to_owned());
        if !somebody_is_there {
            option("BatchMode=yes".to_owned());
        }
        arguments.extend(["-L".into(), format!("127.0.0.1:{port}:{}", self.target).into()]);
        if let Some(port) = self.host.port {
            arguments.extend(["-p".into(), port.to_string().into()]);
        }
        arguments.extend(["--".into(), self.host.destination.clone().into()]);
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Host {
        text.parse().unwrap()
    }

    #[test]
    fn a_host_has_a_user_and_a_port_or_leaves_them_to_ssh() {
        for (text, destination, port) in [
            ("k3s", "k3s", None),
            ("me@k3s", "me@k3s", None),
            ("me@k3s.example:2222", "me@k3s.example", Some(2222)),
            ("me@[::1]:2222", "me@::1", Some(2222)),
            ("[fe80::1%eth0]", "fe80::1%eth0", None),
            ("first@last@host", "first@last@host", None),
        ] {
            assert_eq!(host(text), Host { destination: destination.to_owned(), port }, "{text}");
        }
    }

    #[test]
    fn what_ssh_would_take_for_something_else_is_refused() {
        for text in [
            "",
            "@",
            "@host",
            "me@",
            "-oProxyCommand=x",
            "me@-x",
            "-x@host",
            "a b",
            "a b@host",
            "host:",
            "host:0",
        ] {
            assert!(text.parse::<Host>().is_err(), "{text:?} was taken for a host");
        }
        for text in ["", "host", "host:x", ":1", "::1:1", "[::1]", "[::1:1", "host:1:2", "a;b:1"] {
            assert!(text.parse::<Target>().is_err(), "{text:?} was taken for a target");
        }
    }

    #[test]
    fn the_service_is_looked_for_where_its_url_says_unless_told_otherwise() {
        let route = Route::new(host("k3s"), None, "http://localhost:52023");
        assert_eq!(route.target.to_string(), "localhost:52023");
        let route = Route::new(host("k3s"), None, "https://[fd00::7]:443");
        assert_eq!(route.target.to_string(), "[fd00::7]:443");
        assert_eq!(route.near_end(7), "https://127.0.0.1:7");
        let route = Route::new(host("k3s"), "10.43.0.7:1".parse().ok(), "https://music.example:52023");
        assert_eq!(route.target.to_string(), "10.43.0.7:1");
        assert_eq!(route.server_name(), "music.example");
    }

    #[test]
    fn nobody_is_asked_where_nobody_is() {
        let route = Route::new(host("me@k3s:2222"), None, "http://localhost:52023");
        let arguments = |somebody| {
            let arguments = route.ssh_arguments(7, Duration::from_millis(100), somebody);
            arguments.iter().map(|one| one.to_string_lossy()).collect::<Vec<_>>().join(" ")
        };
        assert!(arguments(false).contains("-o BatchMode=yes"));
        assert!(!arguments(true).contains("BatchMode"));
        assert!(arguments(true).contains("-o ConnectTimeout=1 "));
        assert!(arguments(true).ends_with("-L 127.0.0.1:7:localhost:52023 -p 2222 -- me@k3s"));
    }
}
