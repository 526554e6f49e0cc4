//! A tunnel to the service through a host that the system's ssh reaches. It ends with the program, however that ends.

mod problem;
mod route;

use std::{
    io::{self, Write as _},
    net::{Ipv4Addr, TcpListener},
    process::Stdio,
    time::Duration,
};

use client_lib::Client;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::watch,
    time,
};

use self::{problem::Problem, route::Route};
pub use self::{
    problem::TunnelFailure,
    route::{Host, Target},
};
use crate::{
    args::Args,
    failure::{self, Failure},
    output::clean,
};

/// Runs ssh until it ends, or until nobody holds the other end of standard input any more: that is when our process is gone, by
/// whatever signal. ssh stays in the foreground, so that it can ask for a password; what is sent to all of the foreground by
/// Ctrl-C is for the prompt, which goes on, and not for the tunnel.
const KEEPER: &str = r#"
exec 3<&0
trap '' INT QUIT
ssh "$@" </dev/null 3<&- &
tunnel=$!
{ cat <&3; kill "$tunnel"; } >/dev/null 2>&1 &
keeper=$!
wait "$tunnel"
status=$?
kill "$keeper"
exit "$status"
"#;

/// How often another local port is tried when somebody else took the one that was free.
const PORTS_TO_TRY: usize = 5;
/// The lines of ssh's that are remembered: a session may go on for days.
const REMEMBERED_LINES: usize = 50;
/// How long ssh may take to tell why a connection through it was closed.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A tunnel that is open: its near end accepts connections.
#[derive(Debug)]
pub(crate) struct Tunnel {
    route: Route,
    /// The near end, as a URL.
    url: String,
    said: watch::Receiver<Vec<String>>,
    /// ssh ends when it is closed.
    _hold: ChildStdin,
}

impl Tunnel {
    /// Opens the tunnel that the command line asks for, if it does. With somebody at a terminal, ssh may ask for a password there.
    pub(crate) async fn open(args: &Args, somebody_is_there: bool) -> Result<Option<Self>, Failure> {
        let host = match (&args.ssh, &args.forward) {
            (Some(host), _) => host,
            (None, None) => return Ok(None),
            (None, Some(_)) => {
                return Err(Failure::Misuse(
                    "`--forward` says where a tunnel leads; open one with `--ssh user@host`".to_owned(),
                ));
            }
        };
        // The client knows how to read a URL.
        let server = Client::lazy(&args.server)?.url().to_owned();
        let route = Route::new(host.clone(), args.forward.clone(), &server);
        let mut last = None;
        for _ in 0..PORTS_TO_TRY {
            match Self::open_on_a_free_port(&route, args.timeout, somebody_is_there).await {
                Ok(tunnel) => return Ok(Some(tunnel)),
                Err(failure) if failure.is_about_the_local_port() => last = Some(failure),
                Err(failure) => return Err(failure.into()),
            }
        }
        Err(last.unwrap_or_else(|| TunnelFailure::new(&route, Problem::LocalPort, None)).into())
    }

    async fn open_on_a_free_port(
        route: &Route,
        timeout: Duration,
        somebody_is_there: bool,
    ) -> Result<Self, TunnelFailure> {
        let port = free_port()
            .map_err(|error| TunnelFailure::new(route, Problem::LocalPort, Some(error.to_string())))?;
        let not_started =
            |error: io::Error| TunnelFailure::new(route, Problem::NotStarted, Some(error.to_string()));
        let mut child = Command::new("sh")
            .args(["-c", KEEPER, "ssh"])
            .args(route.ssh_arguments(port, timeout, somebody_is_there))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(not_started)?;
        let (Some(hold), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(not_started(io::Error::other("it has no standard streams")));
        };
        let (sender, said) = watch::channel(Vec::new());
        let listening = tokio::spawn(listen(BufReader::new(errors).lines(), sender, somebody_is_there));
        if !is_open(BufReader::new(output).lines()).await {
            // Then ssh has ended, and what it said ends, too.
            let _ = listening.await;
            return Err(TunnelFailure::from_words(route, &said.borrow()));
        }
        tokio::spawn(tell_of_the_end(child, route.clone(), said.clone()));
        let url = route.near_end(port);
        Ok(Self { route: route.clone(), url, said, _hold: hold })
    }

    /// The URL by which the service is reached through the tunnel.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The name that the service's certificate shall have: the one that it goes by without the tunnel.
    pub(crate) fn server_name(&self) -> &str {
        self.route.server_name()
    }

    /// What connects what, for a person.
    pub(crate) fn description(&self) -> String {
        format!("tunnel: {} through {} to {}", self.url, self.route.host, self.route.target)
    }

    /// Asks the service something through the tunnel, and tells which hop is to blame if nobody answers. Any answer will do:
    /// what a refusal means is told by the call that it matters to.
    pub(crate) async fn check(&self, client: &Client) -> Result<(), TunnelFailure> {
        let answer = tokio::select! {
            biased;
            failure = self.refusal() => return Err(failure),
            answer = client.model_info() => answer,
        };
        match answer {
            Err(error) if failure::is_unreachable(&error) => {
                Err(time::timeout(LAST_WORDS, self.refusal()).await.unwrap_or_else(|_| {
                    TunnelFailure::new(&self.route, Problem::Silence, Some(error.to_string()))
                }))
            }
            _ => Ok(()),
        }
    }

    /// Waits until ssh says that it cannot reach the service, or ends.
    async fn refusal(&self) -> TunnelFailure {
        let mut said = self.said.clone();
        // An error means that ssh has ended.
        let _ = said.wait_for(|lines| lines.iter().any(|line| problem::is_refusal(line))).await;
        let lines = said.borrow();
        TunnelFailure::from_words(&self.route, &lines)
    }
}

/// A port on which nobody listens, which may change before ssh does.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Whether the tunnel has opened, which ssh tells by a line; without one it has ended.
async fn is_open(mut output: Lines<BufReader<ChildStdout>>) -> bool {
    matches!(output.next_line().await, Ok(Some(_)))
}

/// Keeps what ssh says, and shows it to a person who may have to answer.
async fn listen(
    mut errors: Lines<BufReader<impl AsyncRead + Unpin>>,
    said: watch::Sender<Vec<String>>,
    somebody_is_there: bool,
) {
    while let Ok(Some(line)) = errors.next_line().await {
        if somebody_is_there {
            let _ = writeln!(io::stderr(), "ssh: {}", clean(line.trim_end()));
        }
        said.send_modify(|lines| {
            if lines.len() >= REMEMBERED_LINES {
                lines.remove(0);
            }
            lines.push(line);
        });
    }
}

/// Tells a person whose tunnel ends while they use it.
async fn tell_of_the_end(mut child: Child, route: Route, said: watch::Receiver<Vec<String>>) {
    let _ = child.wait().await;
    let last = said.borrow().last().map_or_else(String::new, |line| format!(": {}", clean(line.trim_end())));
    let _ = writeln!(
        io::stderr(),
        "the tunnel through {} has ended{last}; start again to open another",
        route.host
    );
}
