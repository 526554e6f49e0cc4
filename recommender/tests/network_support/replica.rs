//! A replica as a process of its own.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use tokio::time::{self, Instant};

use crate::service_support::eventually;

const BINARY: &str = env!("CARGO_BIN_EXE_recommender");

/// A process of the binary, killed when dropped.
pub(crate) struct Replica {
    child: Child,
    log: Arc<Mutex<String>>,
    pub(crate) address: SocketAddr,
    pub(crate) metrics_address: SocketAddr,
}

impl Replica {
    /// Starts one with `flags` on a free port, and waits until it has a model.
    pub(crate) async fn start(model_dir: &Path, name: &str, flags: &[&str]) -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), model_dir, name, flags).await
    }

    /// The same at an address, which may be that of one that has gone.
    pub(crate) async fn start_at(listen: SocketAddr, model_dir: &Path, name: &str, flags: &[&str]) -> Self {
        let mut child = Command::new(BINARY)
            .args(["--listen", &listen.to_string(), "--metrics-listen", "127.0.0.1:0"])
            .args(["--log-format", "json"])
            .args(["--poll-interval", "20ms", "--served-by", name, "--model-dir"])
            .arg(model_dir)
            .args(flags)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let read = Arc::clone(&log);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut log = read.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut replica = Replica { child, log, address: nowhere, metrics_address: nowhere };
        eventually("a model in service", || async { replica.has_logged("model in service") }).await;
        let log = replica.log();
        let line = log.lines().find(|line| line.contains(r#""message":"serving""#)).unwrap();
        let [address, metrics_address] = ["address", "metrics_address"].map(|field| {
            let (_, rest) = line.split_once(&format!(r#""{field}":""#)).unwrap();
            rest.split_once('"').unwrap().0.parse().unwrap()
        });
        (replica.address, replica.metrics_address) = (address, metrics_address);
        replica
    }

    /// Whether the binary has this flag.
    pub(crate) fn knows(flag: &str) -> bool {
        let help = Command::new(BINARY).arg("--help").output().unwrap();
        String::from_utf8(help.stdout).unwrap().contains(flag)
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn has_logged(&self, text: &str) -> bool {
        self.log.lock().unwrap().contains(text)
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let command = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
    }

    /// Waits for its end, which must come within `bound`.
    #[track_caller]
    pub(crate) fn ended(&mut self, bound: Duration) -> impl Future<Output = ExitStatus> {
        let caller = std::panic::Location::caller();
        async move {
            let deadline = Instant::now() + bound;
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status;
                }
                assert!(Instant::now() < deadline, "{caller}: still running after {bound:?}: {}", self.log());
                time::sleep(Duration::from_millis(5)).await;
            }
        }
    }

    /// The memory that it has now, and the most that it ever had, in bytes.
    pub(crate) fn memory(&self) -> [u64; 2] {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        ["VmRSS:", "VmHWM:"].map(|name| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
        })
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
