use std::{net::SocketAddr, rc::Rc};

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, sync::Mutex};

use crate::{
    calls::Attempt,
    record::{Outcome, Recorder},
};

/// A client that posts JSON to one path, one request at a time.
pub(crate) struct Client {
    address: SocketAddr,
    path: String,
    open: Mutex<Option<SendRequest<Full<Bytes>>>>,
    recorder: Rc<Recorder>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr, path: &str, recorder: Rc<Recorder>) -> Self {
        Client { address, path: path.to_owned(), open: Mutex::default(), recorder }
    }

    pub(crate) async fn attempt(&self, body: &Bytes) -> Attempt {
        let mut open = self.open.lock().await;
        let requests = match open.take() {
            Some(requests) => Ok(requests),
            None => self.connect().await,
        };
        let mut requests = match requests {
            Ok(requests) => requests,
            Err(error) => return Attempt::NotSeen(format!("connection: {error}")),
        };
        if let Err(error) = requests.ready().await {
            return Attempt::NotSeen(format!("connection: {error}"));
        }
        let request = Request::post(&self.path)
            .header(header::HOST, self.address.to_string())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body.clone()))
            .unwrap();
        let answer = async {
            let (head, body) = requests.send_request(request).await?.into_parts();
            Ok::<_, hyper::Error>((head.status, body.collect().await?.to_bytes()))
        };
        match answer.await {
            Ok((StatusCode::OK, bytes)) => {
                *open = Some(requests);
                Attempt::Ended(Outcome::Answered { version: String::new(), bytes: bytes.len() })
            }
            Ok((status, _)) => Attempt::Ended(Outcome::Failed(format!("status {status}"))),
            Err(error) => Attempt::Ended(Outcome::Failed(format!("transport: {error}"))),
        }
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, String> {
        let stream = TcpStream::connect(self.address).await.map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let (requests, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        tokio::task::spawn_local(connection);
        self.recorder.connected();
        Ok(requests)
    }
}
