//! A web server that answers each request as a test says, on a real socket.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What a request asked for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// By name in lower case.
    pub(crate) headers: HashMap<String, String>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Where the range that was asked for begins.
    pub(crate) fn range_start(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

pub(crate) trait Connection: Read + Write {}
impl<C: Read + Write> Connection for C {}

/// Runs until the test ends.
pub(crate) struct Server {
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// `answer` gets the number of the request, from 0, the request, and the connection, which is closed when it returns.
    pub(crate) fn start(
        answer: impl Fn(usize, &Request, &mut dyn Connection) + Send + Sync + 'static,
    ) -> Self {
        Server::serve(None, answer)
    }

    pub(crate) fn start_tls(
        config: ServerConfig,
        answer: impl Fn(usize, &Request, &mut dyn Connection) + Send + Sync + 'static,
    ) -> Self {
        Server::serve(Some(Arc::new(config)), answer)
    }

    fn serve(
        tls: Option<Arc<ServerConfig>>,
        answer: impl Fn(usize, &Request, &mut dyn Connection) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let answer = Arc::new(answer);
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (tls, answer, seen) = (tls.clone(), Arc::clone(&answer), Arc::clone(&seen));
                thread::spawn(move || handle(stream.unwrap(), tls, &seen, &*answer));
            }
        });
        Server { port, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/playlists.csv", self.port)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn handle(
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    seen: &Mutex<Vec<Request>>,
    answer: &dyn Fn(usize, &Request, &mut dyn Connection),
) {
    let mut connection: Box<dyn Connection> = match tls {
        None => Box::new(stream),
        Some(config) => Box::new(StreamOwned::new(ServerConnection::new(config).unwrap(), stream)),
    };
    // A client that does not trust the server asks for nothing.
    let Some(request) = read_request(&mut connection) else { return };
    let number = {
        let mut seen = seen.lock().unwrap();
        seen.push(request.clone());
        seen.len() - 1
    };
    answer(number, &request, &mut connection);
}

fn read_request(connection: &mut dyn Connection) -> Option<Request> {
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = HashMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        match line.trim().split_once(": ") {
            Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.to_owned()),
            None => return Some(Request { method, path, headers }),
        };
    }
}

/// Writes an answer: the status line's end, header lines, and the body. The client may have hung up.
pub(crate) fn write(connection: &mut dyn Connection, status: &str, headers: &[String], body: &[u8]) {
    let head: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let _ = connection.write_all(format!("HTTP/1.1 {status}\r\nConnection: close\r\n{head}\r\n").as_bytes());
    let _ = connection.write_all(body);
    let _ = connection.flush();
}

/// Writes a whole file.
pub(crate) fn write_file(connection: &mut dyn Connection, headers: &[String], body: &[u8]) {
    let mut all = vec![format!("Content-Length: {}", body.len())];
    all.extend_from_slice(headers);
    write(connection, "200 OK", &all, body);
}

/// Writes the part of a file from `start` on.
pub(crate) fn write_rest(connection: &mut dyn Connection, headers: &[String], body: &[u8], start: usize) {
    let (len, rest) = (body.len(), &body[start..]);
    let mut all = vec![
        format!("Content-Length: {}", rest.len()),
        format!("Content-Range: bytes {start}-{}/{len}", len - 1),
    ];
    all.extend_from_slice(headers);
    write(connection, "206 Partial Content", &all, rest);
}

/// Writes the beginning of a file whose length is told, and hangs up.
pub(crate) fn write_cut_file(connection: &mut dyn Connection, headers: &[String], body: &[u8], cut: usize) {
    let mut all = vec![format!("Content-Length: {}", body.len())];
    all.extend_from_slice(headers);
    write(connection, "200 OK", &all, &body[..cut]);
}
