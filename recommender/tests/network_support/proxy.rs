//! A proxy before one or more backends: as a Service of Kubernetes it sends each new connection to one that lives, and as
//! bad networks it delays, cuts, halves and swallows what passes.

use std::{
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::{JoinHandle, JoinSet},
    time,
};

/// What happens to a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Nothing: it is passed on.
    None,
    /// Each piece waits, both ways.
    Delay(Duration),
    /// So many bytes pass in a second, each way.
    Throttle(usize),
    /// Ends when so many bytes have passed this way.
    Cut(Way, usize, Ending),
    /// So many bytes pass this way, and then none; the connection stays.
    Stall(Way, usize),
    /// Is accepted and read, and nobody is behind it.
    Blackhole,
    /// Ends as soon as it is accepted.
    Refuse(Ending),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Way {
    Requests,
    Answers,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    /// As a process that closes it.
    Fin,
    /// As a process that was killed.
    Reset,
}

type Choice = Box<dyn Fn(usize) -> Fault + Send + Sync>;

struct Shared {
    backends: Mutex<Vec<SocketAddr>>,
    choose: Mutex<Choice>,
    connections: AtomicUsize,
}

/// The proxy; its connections end with it.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(backends: &[SocketAddr]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            backends: Mutex::new(backends.to_vec()),
            choose: Mutex::new(Box::new(|_| Fault::None)),
            connections: AtomicUsize::new(0),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Proxy { address, shared, accepting }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sends new connections elsewhere; those that are open stay.
    pub(crate) fn set_backends(&self, backends: &[SocketAddr]) {
        *self.shared.backends.lock().unwrap() = backends.to_vec();
    }

    /// Chooses what happens to new connections, by their number from 0.
    pub(crate) fn set_faults(&self, choose: impl Fn(usize) -> Fault + Send + Sync + 'static) {
        *self.shared.choose.lock().unwrap() = Box::new(choose);
    }

    /// The number of connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (client, _) = accepted.unwrap();
                let number = shared.connections.fetch_add(1, Ordering::SeqCst);
                let fault = (shared.choose.lock().unwrap())(number);
                open.spawn(carry(client, Arc::clone(&shared), number, fault));
            }
            Some(_) = open.join_next() => {}
        }
    }
}

async fn carry(mut client: TcpStream, shared: Arc<Shared>, number: usize, fault: Fault) {
    match fault {
        Fault::Refuse(Ending::Fin) => return,
        Fault::Refuse(Ending::Reset) => return reset(&client),
        Fault::Blackhole => {
            let _ = tokio::io::copy(&mut client, &mut tokio::io::sink()).await;
            return;
        }
        _ => {}
    }
    let backends = shared.backends.lock().unwrap().clone();
    let mut server = None;
    for turn in 0..backends.len() {
        if let Ok(stream) = TcpStream::connect(backends[(number + turn) % backends.len()]).await {
            server = Some(stream);
            break;
        }
    }
    let Some(server) = server else {
        return reset(&client);
    };
    for stream in [&client, &server] {
        let _ = stream.set_nodelay(true);
    }
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    // Either side's end is the end of the other's way only, but for a fault or a reset.
    let end = {
        let mut requests = pin!(pass(&mut from_client, &mut to_server, Way::Requests, fault));
        let mut answers = pin!(pass(&mut from_server, &mut to_client, Way::Answers, fault));
        tokio::select! {
            end = &mut requests => match end {
                Passed::Ended => answers.await,
                broken => broken,
            },
            end = &mut answers => match end {
                Passed::Ended => requests.await,
                broken => broken,
            },
        }
    };
    if matches!(end, Passed::Broken(Ending::Reset)) {
        reset(to_client.as_ref());
        reset(to_server.as_ref());
    }
}

/// Lets the close of a connection be a reset.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

enum Passed {
    /// The sender has no more to say.
    Ended,
    Broken(Ending),
}

async fn pass(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf, way: Way, fault: Fault) -> Passed {
    let mut buffer = vec![0; 16 * 1024];
    let mut passed = 0;
    let limit = match fault {
        Fault::Cut(on, after, _) | Fault::Stall(on, after) if on == way => after,
        _ => usize::MAX,
    };
    let at_once = match fault {
        Fault::Throttle(bytes_per_second) => (bytes_per_second / 50).max(1),
        _ => buffer.len(),
    };
    loop {
        if passed == limit {
            match fault {
                Fault::Cut(_, _, ending) => return Passed::Broken(ending),
                _ => std::future::pending().await,
            }
        }
        let length = buffer.len().min(at_once).min(limit - passed);
        let length = match from.read(&mut buffer[..length]).await {
            Ok(0) => {
                let _ = to.shutdown().await;
                return Passed::Ended;
            }
            Ok(length) => length,
            Err(_) => return Passed::Broken(Ending::Reset),
        };
        match fault {
            Fault::Delay(delay) => time::sleep(delay).await,
            Fault::Throttle(_) => time::sleep(Duration::from_millis(20)).await,
            _ => {}
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return Passed::Broken(Ending::Reset);
        }
        passed += length;
    }
}
