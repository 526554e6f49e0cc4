//! The binary at work.
#![allow(dead_code, reason = "no test file uses all of it")]

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::service_support::{DEADLINE, TestVolume};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_recommender");

/// The binary at work, killed when dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) log: BufReader<ChildStderr>,
}

impl Process {
    pub(crate) fn start(volume: &TestVolume, flags: &[&str]) -> Self {
        Self::start_command(Command::new(BINARY), volume, flags)
    }

    pub(crate) fn start_command(mut command: Command, volume: &TestVolume, flags: &[&str]) -> Self {
        let mut child = command
            .args(["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--log-format", "json"])
            .arg("--model-dir")
            .arg(volume.path())
            .args(flags)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Process { child, log }
    }

    /// The next line of the log that holds `text`; fails when the log ends before.
    #[track_caller]
    pub(crate) fn log_line(&mut self, text: &str) -> String {
        let mut before = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.log.read_line(&mut line).unwrap(), 0, "no {text:?} in: {before}");
            if line.contains(text) {
                return line;
            }
            before.push_str(&line);
        }
    }

    /// The addresses that it says it serves gRPC and metrics on.
    pub(crate) fn addresses(&mut self) -> [SocketAddr; 2] {
        let line = self.log_line(r#""message":"serving""#);
        ["address", "metrics_address"].map(|field| {
            let (_, rest) = line.split_once(&format!(r#""{field}":""#)).unwrap();
            rest.split_once('"').unwrap().0.parse().unwrap()
        })
    }

    pub(crate) fn signal(&self, name: &str) {
        let command = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
    }

    pub(crate) fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "still running");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn run(arguments: &[&str]) -> Output {
    Command::new(BINARY).args(arguments).output().unwrap()
}
