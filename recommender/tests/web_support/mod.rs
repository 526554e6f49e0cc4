//! Clients of HTTP that do what a test says and no more.
#![allow(dead_code, reason = "no test file uses all of it")]

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::service_support::within_deadline;

/// A request over HTTP/1.1 with a connection of its own, and the whole answer to it.
pub(crate) async fn send(address: SocketAddr, request: Request<Bytes>) -> Response<Bytes> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    whole(within_deadline(sender.send_request(with_host(address, request))).await.unwrap()).await
}

/// The same over HTTP/2.
pub(crate) async fn send_over_http2(address: SocketAddr, request: Request<Bytes>) -> Response<Bytes> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let (mut head, body) = request.into_parts();
    head.uri = format!("http://{address}{}", head.uri).parse().unwrap();
    let request = Request::from_parts(head, Full::new(body));
    whole(within_deadline(sender.send_request(request)).await.unwrap()).await
}

fn with_host(address: SocketAddr, mut request: Request<Bytes>) -> Request<Full<Bytes>> {
    request.headers_mut().entry("host").or_insert(address.to_string().parse().unwrap());
    request.map(Full::new)
}

async fn whole(response: Response<hyper::body::Incoming>) -> Response<Bytes> {
    let (head, body) = response.into_parts();
    Response::from_parts(head, within_deadline(body.collect()).await.unwrap().to_bytes())
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> Response<Bytes> {
    send(address, Request::get(path).body(Bytes::new()).unwrap()).await
}

pub(crate) async fn post(address: SocketAddr, path: &str, body: impl Into<Bytes>) -> Response<Bytes> {
    send(address, Request::post(path).body(body.into()).unwrap()).await
}

/// The body of an answer as JSON, which its content type has to say, too.
#[track_caller]
pub(crate) fn json(response: &Response<Bytes>) -> Value {
    assert_eq!(response.headers()["content-type"], "application/json", "{response:?}");
    serde_json::from_slice(response.body()).unwrap_or_else(|error| panic!("{error}: {response:?}"))
}

/// Status of HTTP, code of gRPC, and reason of an error, which has the one shape that errors have.
#[track_caller]
pub(crate) fn error(response: &Response<Bytes>) -> (u16, String, String) {
    let body = json(response);
    let error = &body["error"];
    assert_eq!(error["code"], response.status().as_u16(), "{body}");
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
    let details = error["details"].as_array().unwrap();
    let info = details.iter().find(|it| it["@type"] == "type.googleapis.com/google.rpc.ErrorInfo");
    let reason = info.map_or("", |info| info["reason"].as_str().unwrap());
    (response.status().as_u16(), error["status"].as_str().unwrap().to_owned(), reason.to_owned())
}

/// Sends `text` as it is, and returns all that comes until the server ends the connection.
pub(crate) async fn raw(address: SocketAddr, text: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_ref()).await.unwrap();
    let mut answer = Vec::new();
    within_deadline(stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
