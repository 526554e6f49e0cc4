//! Runs the demo without a terminal.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

/// Far longer than anything takes.
const DEADLINE: Duration = Duration::from_secs(60);

/// The demo's binary, with nobody to type.
pub(crate) fn demo() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    command.stdin(Stdio::null());
    command
}

/// A demo that serves until it is stopped.
pub(crate) struct Serving {
    child: Child,
    lines: Receiver<String>,
    /// The service's URL.
    pub(crate) url: String,
    /// The folder of the volume.
    pub(crate) volume: String,
}

impl Serving {
    /// Starts it, and waits until it serves a model.
    pub(crate) fn start() -> Self {
        let mut child = demo().args(["--serve", "--port", "0"]).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut serving = Serving { child, lines, url: String::new(), volume: String::new() };
        let place = serving.line("It is served on ");
        let (url, volume) = place.split_once(", from the volume ").unwrap();
        serving.url = url.to_owned();
        serving.volume = volume.trim_end_matches('.').to_owned();
        serving.line("It runs until Ctrl-C");
        serving
    }

    /// Waits for a line of its output that begins with `beginning`, and returns the rest of it.
    pub(crate) fn line(&mut self, beginning: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(DEADLINE).unwrap();
            if let Some(rest) = line.strip_prefix(beginning) {
                return rest.to_owned();
            }
        }
    }

    /// Sends it a signal, such as `TERM`, and waits for its end.
    pub(crate) fn stop(&mut self, signal: &str) -> ExitStatus {
        assert!(self.signal(signal));
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not stop");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether the signal was sent.
    fn signal(&self, signal: &str) -> bool {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-s", signal, &pid]).status().is_ok_and(|status| status.success())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Not killed, for it shall remove its folder.
        if let Ok(None) = self.child.try_wait() {
            self.signal("TERM");
            let _ = self.child.wait();
        }
    }
}
