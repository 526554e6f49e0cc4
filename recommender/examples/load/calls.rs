use std::{net::SocketAddr, rc::Rc, time::Instant};

use bytes::Bytes;

use crate::{
    h1, h2_client,
    pace::Pace,
    record::{Outcome, Recorder},
};

/// What an attempt to call came to.
pub(crate) enum Attempt {
    Ended(Outcome),
    /// The server has not looked at the request, or the connection was not there.
    NotSeen(String),
}

/// Requests that were not looked at are sent again so many times.
const MOST_ATTEMPTS: usize = 5;

/// One client of the server.
pub(crate) struct Connection {
    client: Client,
    recorder: Rc<Recorder>,
}

enum Client {
    Grpc(h2_client::Client),
    Json(h1::Client),
}

impl Connection {
    pub(crate) fn new(address: SocketAddr, json_path: Option<&str>, recorder: Rc<Recorder>) -> Self {
        let client = match json_path {
            None => Client::Grpc(h2_client::Client::new(address, Rc::clone(&recorder))),
            Some(path) => Client::Json(h1::Client::new(address, path, Rc::clone(&recorder))),
        };
        Connection { client, recorder }
    }

    /// Connects, and ends the program if that fails.
    pub(crate) async fn warm(&self, body: &Bytes) {
        match self.attempt(body).await {
            Attempt::Ended(Outcome::Answered { .. }) => {}
            Attempt::Ended(Outcome::Failed(failure)) | Attempt::NotSeen(failure) => panic!("{failure}"),
        }
    }

    /// Leaves the connection to the requests that are in flight on it; the next one opens another.
    pub(crate) async fn let_go(&self) {
        if let Client::Grpc(client) = &self.client {
            client.let_go().await;
        }
    }

    async fn attempt(&self, body: &Bytes) -> Attempt {
        match &self.client {
            Client::Grpc(client) => client.attempt(body).await,
            Client::Json(client) => client.attempt(body).await,
        }
    }

    /// Sends a request that is or was due, and notes how it ended.
    async fn call(&self, body: &Bytes, due: Instant) {
        let counts = self.recorder.due();
        let sent = Instant::now();
        let mut attempts = 1;
        let outcome = loop {
            match self.attempt(body).await {
                Attempt::Ended(outcome) => break outcome,
                Attempt::NotSeen(failure) if attempts == MOST_ATTEMPTS => break Outcome::Failed(failure),
                Attempt::NotSeen(_) => {
                    attempts += 1;
                    self.recorder.retried();
                }
            }
        };
        if counts {
            self.recorder.ended(due, sent, outcome);
        }
    }
}

/// Sends a request over the next connection whenever one is due.
pub(crate) async fn send_at_pace(mut pace: Pace, connections: Vec<Rc<Connection>>, bodies: Rc<[Bytes]>) {
    let mut all_due = Vec::new();
    loop {
        pace.next(&mut all_due).await;
        for due in all_due.drain(..) {
            let connection = Rc::clone(&connections[due.number % connections.len()]);
            let body = bodies[due.number % bodies.len()].clone();
            tokio::task::spawn_local(async move { connection.call(&body, due.at).await });
        }
    }
}

/// Sends a request whenever the one before has ended.
pub(crate) async fn send_in_turn(connection: Rc<Connection>, bodies: Rc<[Bytes]>, first: usize) {
    for number in first.. {
        connection.call(&bodies[number % bodies.len()], Instant::now()).await;
    }
}
