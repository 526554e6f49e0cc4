//! A tunnel to the service through a host that the system's ssh reaches. It ends with the program, however that ends, and is
//! opened again when it ends before.

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
    task::JoinHandle,
    time,
};

pub(crate) use self::{problem::Problem, route::Route};
pub use self::{
    problem::TunnelFailure,
    route::{Host, Target},
};
use crate::{
    args::Args,
    failure::{self, Failure},
    notices::Notices,
    output::clean,
    texts::Lang,
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
/// The pauses before a tunnel that ended is opened again; the last one repeats.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(10)];
/// How long ssh may take to tell why a connection through it was closed.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A tunnel that is open: its near end accepts connections.
#[derive(Debug)]
pub(crate) struct Tunnel {
    route: Route,
    /// The near end, as a URL.
    url: String,
    said: watch::Receiver<Vec<String>>,
    /// ssh ends with it.
    keeping: JoinHandle<()>,
}

/// ssh, once its near end is open.
#[derive(Debug)]
struct Running {
    ssh: Child,
    said: watch::Receiver<Vec<String>>,
    /// ssh ends when it is closed.
    _hold: ChildStdin,
}

impl Tunnel {
    /// Opens the tunnel that the command line asks for, if it does. With somebody at a terminal, ssh may ask for a password there.
    pub(crate) async fn open(
        args: &Args,
        somebody_is_there: bool,
        notices: &Notices,
    ) -> Result<Option<Self>, Failure> {
        let host = match (&args.ssh, &args.forward) {
            (Some(host), _) => host,
            (None, None) => return Ok(None),
            (None, Some(_)) => {
                return Err(Failure::Misuse(notices.output().lang.forward_without_ssh()));
            }
        };
        // The client knows how to read a URL.
        let server = Client::lazy(&args.server)?.url().to_owned();
        if server.contains(',') {
            return Err(Failure::Misuse(notices.output().lang.tunnel_to_many()));
        }
        let route = Route::new(host.clone(), args.forward.clone(), &server);
        let mut last = None;
        for _ in 0..PORTS_TO_TRY {
            let port = free_port()
                .map_err(|error| TunnelFailure::new(&route, Problem::LocalPort, Some(error.to_string())))?;
            match Running::start(&route, port, args.timeout, somebody_is_there).await {
                Ok(running) => {
                    let said = running.said.clone();
                    let url = route.near_end(port);
                    let keeper = Keeper {
                        route: route.clone(),
                        port,
                        timeout: args.timeout,
                        notices: notices.clone(),
                    };
                    let keeping = tokio::spawn(keeper.keep_open(running));
                    return Ok(Some(Self { route, url, said, keeping }));
                }
                Err(failure) if failure.is_about_the_local_port() => last = Some(failure),
                Err(failure) => return Err(failure.into()),
            }
        }
        Err(last.unwrap_or_else(|| TunnelFailure::new(&route, Problem::LocalPort, None)).into())
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
    pub(crate) fn description(&self, lang: Lang) -> String {
        lang.tunnel_opened(&self.url, &self.route.host.to_string(), &self.route.target.to_string())
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

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.keeping.abort();
    }
}

impl Running {
    /// Starts ssh with `port` as the near end, and waits until that is open.
    async fn start(
        route: &Route,
        port: u16,
        timeout: Duration,
        somebody_is_there: bool,
    ) -> Result<Self, TunnelFailure> {
        let not_started =
            |error: io::Error| TunnelFailure::new(route, Problem::NotStarted, Some(error.to_string()));
        let mut ssh = Command::new("sh")
            .args(["-c", KEEPER, "ssh"])
            .args(route.ssh_arguments(port, timeout, somebody_is_there))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(not_started)?;
        let (Some(hold), Some(output), Some(errors)) =
            (ssh.stdin.take(), ssh.stdout.take(), ssh.stderr.take())
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
        Ok(Self { ssh, said, _hold: hold })
    }

    /// Waits until ssh ends; returns its last word.
    async fn end(&mut self) -> String {
        let _ = self.ssh.wait().await;
        self.said.borrow().last().map_or_else(String::new, |line| format!(": {}", clean(line.trim_end())))
    }
}

/// Opens a tunnel again that ended, with the same near end, so that clients find it.
struct Keeper {
    route: Route,
    port: u16,
    timeout: Duration,
    notices: Notices,
}

impl Keeper {
    async fn keep_open(self, mut running: Running) {
        let (lang, host) = (self.notices.output().lang, self.route.host.to_string());
        loop {
            let last_word = running.end().await;
            self.notices.tell(&lang.tunnel_ended(&host, &last_word));
            running = match self.open_again(lang).await {
                Some(running) => running,
                None => return,
            };
            self.notices.tell(&lang.tunnel_reopened(&host));
        }
    }

    /// Nobody is asked for a password, for that would be in the middle of a line that is being typed.
    async fn open_again(&self, lang: Lang) -> Option<Running> {
        let mut is_told = false;
        for attempt in 0.. {
            time::sleep(PAUSES[attempt.min(PAUSES.len() - 1)]).await;
            match Running::start(&self.route, self.port, self.timeout, false).await {
                Ok(running) => return Some(running),
                Err(failure) if failure.is_final() => {
                    self.notices.tell(&lang.tunnel_given_up(&failure.what(lang), &failure.hint(lang)));
                    return None;
                }
                Err(failure) if !is_told => {
                    is_told = true;
                    self.notices.tell(&lang.tunnel_still_closed(&failure.what(lang)));
                }
                Err(_) => {}
            }
        }
        None
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
