//! gRPC-Web on the wire: in bytes and in text, over HTTP/1.1 and HTTP/2.
#![cfg(test)]

mod service_support;
mod web_support;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::{Buf as _, Bytes};
use http::{Request, Response};
use prost::Message as _;
use proto::v1::{RecommendRequest, RecommendResponse, WatchModelRequest};
use service_support::{TestServer, TestVolume, framed, seeds, within_deadline};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use web_support::{send, send_over_http2};

const RECOMMEND: &str = "/playlist.v1.PlaylistService/Recommend";

async fn served() -> (TestVolume, TestServer) {
    let volume = TestVolume::new();
    volume.publish(1);
    let server = TestServer::start_ready(&volume).await;
    (volume, server)
}

fn request(content_type: &str, body: Bytes) -> Request<Bytes> {
    let body = if content_type.contains("text") { STANDARD.encode(body).into() } else { body };
    Request::post(RECOMMEND)
        .header("content-type", content_type)
        .header("x-grpc-web", "1")
        .body(body)
        .unwrap()
}

/// The messages of a body, and the lines of its trailers.
fn parts(response: &Response<Bytes>) -> (Vec<Bytes>, String) {
    let content_type = response.headers()["content-type"].to_str().unwrap();
    let mut body = response.body().clone();
    if content_type == "application/grpc-web-text+proto" {
        // Each part is padded by itself.
        let text = std::str::from_utf8(&body).unwrap();
        let mut bytes = Vec::new();
        for group in text.as_bytes().chunks(4) {
            bytes.extend(STANDARD.decode(group).unwrap());
        }
        body = bytes.into();
    } else {
        assert_eq!(content_type, "application/grpc-web+proto");
    }
    let (mut messages, mut trailers) = (Vec::new(), String::new());
    while body.has_remaining() {
        let (kind, length) = (body.get_u8(), body.get_u32());
        let part = body.split_to(length as usize);
        match kind {
            0 => messages.push(part),
            0x80 => trailers = String::from_utf8(part.to_vec()).unwrap(),
            _ => panic!("a part of the kind {kind}"),
        }
    }
    (messages, trailers)
}

#[tokio::test]
async fn a_playlist_is_answered_in_bytes_and_in_text_over_both_versions_of_http() {
    let (_volume, server) = served().await;
    let question = seeds(["DNA."]);
    let expected = server.client().await.recommend(question.clone()).await.unwrap().into_inner();
    for content_type in [
        "application/grpc-web",
        "application/grpc-web+proto",
        "application/grpc-web-text",
        "application/grpc-web-text+proto",
    ] {
        for over_http2 in [false, true] {
            let request = request(content_type, framed(&question));
            let answer = match over_http2 {
                true => send_over_http2(server.address, request).await,
                false => send(server.address, request).await,
            };
            assert_eq!(answer.status(), 200);
            assert_eq!(answer.headers()["x-request-id"].len(), 32);
            let (messages, trailers) = parts(&answer);
            assert_eq!(messages.len(), 1);
            assert_eq!(RecommendResponse::decode(messages[0].clone()).unwrap(), expected);
            assert_eq!(trailers, "grpc-status: 0\r\n", "{content_type}");
        }
    }
    let counted = r#"recommender_requests_total{method="playlist.v1.PlaylistService/Recommend",code="OK"}"#;
    assert_eq!(server.metric(counted).await, Some(9.0));
}

#[tokio::test]
async fn errors_are_told_as_grpc_does() {
    let (_volume, server) = served().await;
    for content_type in ["application/grpc-web", "application/grpc-web-text"] {
        let answer = send(server.address, request(content_type, framed(&RecommendRequest::default()))).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], format!("{content_type}+proto"));
        // Without a message, the head tells the status.
        assert_eq!(answer.headers()["grpc-status"], "3");
        assert!(answer.headers().contains_key("grpc-status-details-bin"));
    }
    let not_base64 = Request::post(RECOMMEND).header("content-type", "application/grpc-web-text");
    let answer = send(server.address, not_base64.body(Bytes::from_static(b"****")).unwrap()).await;
    assert_eq!(answer.headers()["grpc-status"], "3", "{answer:?}");
    let cut_off = Request::post(RECOMMEND).header("content-type", "application/grpc-web-text");
    let answer = send_over_http2(server.address, cut_off.body(Bytes::from_static(b"AAAAAAA")).unwrap()).await;
    assert_eq!(answer.headers()["grpc-status"], "3", "{answer:?}");
    let elsewhere = Request::post("/none/Such").header("content-type", "application/grpc-web");
    let answer = send(server.address, elsewhere.body(Bytes::new()).unwrap()).await;
    assert_eq!(answer.headers()["grpc-status"], "12", "{answer:?}");
}

/// Each message comes when there is something to say, and the drain ends the stream as it does with gRPC.
#[tokio::test]
async fn a_stream_goes_on_until_the_server_stops_and_then_says_so() {
    let (volume, mut server) = served().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let body = framed(&WatchModelRequest {});
    let head = format!(
        "POST /playlist.v1.PlaylistService/WatchModel HTTP/1.1\r\nHost: x\r\nContent-Type: application/grpc-web+proto\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
    let mut received = Vec::new();
    let mut versions = Vec::new();
    for number in 1..=2 {
        let version = server.model_info().await.model_version;
        within_deadline(async {
            while !contains(&received, version.as_bytes()) {
                assert_ne!(stream.read_buf(&mut received).await.unwrap(), 0);
            }
        })
        .await;
        versions.push(version);
        if number == 1 {
            let next = volume.publish(2);
            server.wait_for(&next).await;
        }
    }
    assert_ne!(versions[0], versions[1]);
    server.stop();
    within_deadline(stream.read_to_end(&mut received)).await.unwrap();
    let text = String::from_utf8_lossy(&received);
    assert!(text.contains("grpc-status: 14\r\n"), "{text}");
    server.ended().await.unwrap();
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
