//! A connection that the server ends is ended as RFC 9113, section 6.8, has it: seen on the wire.
#![cfg(test)]

mod network_support;
mod service_support;

use std::net::SocketAddr;

use network_support::{
    frames::{
        ACK, DATA, END_STREAM, Frame, GOAWAY, HEADERS, PING, RECOMMEND, RST_STREAM, WATCH_MODEL, call,
        connect, frame, read, request,
    },
    replica::Replica,
};
use prost::Message as _;
use proto::v1::{RecommendResponse, WatchModelRequest};
use service_support::{TestServer, TestVolume, eventually, metric, seeds, within_deadline};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// The greatest number of a stream: who says that it will be served has not decided yet.
const ANY_STREAM: u32 = 0x7fff_ffff;

const IN_FLIGHT: &str = r#"recommender_requests_in_flight{method="playlist.v1.PlaylistService/Recommend"}"#;

/// The server says goodbye to a connection on which calls are under way, at `trigger`: it asks the client to open no more
/// streams, then tells which will be answered, and answers them.
async fn goodbye_keeps_every_accepted_call(
    address: SocketAddr,
    metrics_address: SocketAddr,
    trigger: impl FnOnce(),
) {
    let mut stream = connect(address, &[]).await.unwrap();

    // Calls that are under way: their requests have begun and are not complete.
    let calls = [1, 3, 5, 7];
    for id in calls {
        stream.write_all(&call(id, RECOMMEND)).await.unwrap();
    }
    // One that would never end by itself.
    let watch = [call(9, WATCH_MODEL), request(9, &WatchModelRequest {})].concat();
    stream.write_all(&watch).await.unwrap();
    eventually("the calls are in flight", || async { metric(metrics_address, IN_FLIGHT).await == Some(4.0) })
        .await;
    trigger();

    // The first only warns, as a client may have sent calls that the server has not seen yet.
    let mut frames = Vec::new();
    read_until(&mut stream, &mut frames, |frame| frame.kind == GOAWAY).await;
    assert_eq!(frames.last().unwrap().goaway(), Some((ANY_STREAM, 0)));
    // Such as this one, on its way before the client could know.
    stream.write_all(&call(11, RECOMMEND)).await.unwrap();
    read_until(&mut stream, &mut frames, |frame| frame.kind == PING && frame.flags & ACK == 0).await;
    let ping = frame(PING, ACK, 0, &frames.last().unwrap().payload);
    stream.write_all(&ping).await.unwrap();

    // The second is final.
    read_until(&mut stream, &mut frames, |frame| frame.kind == GOAWAY).await;
    assert_eq!(frames.last().unwrap().goaway(), Some((11, 0)));

    // All that were accepted are answered.
    let accepted: Vec<u32> = calls.into_iter().chain([11]).collect();
    for id in &accepted {
        stream.write_all(&request(*id, &seeds(["DNA."]))).await.unwrap();
    }
    while let Some(frame) = within_deadline(read(&mut stream)).await.unwrap() {
        frames.push(frame);
    }
    assert!(!frames.iter().any(|frame| frame.kind == RST_STREAM), "{frames:?}");
    for id in accepted {
        let mut of_the_call = frames.iter().filter(|frame| frame.stream == id);
        let message: Vec<u8> = of_the_call
            .clone()
            .filter(|frame| frame.kind == DATA)
            .flat_map(|frame| frame.payload.clone())
            .collect();
        let answer = RecommendResponse::decode(&message[5..]).unwrap();
        assert_eq!(answer.songs[0].song.as_ref().unwrap().title, "HUMBLE. 1", "stream {id}");
        let last = of_the_call.next_back().unwrap();
        assert!(last.kind == HEADERS && last.flags & END_STREAM != 0, "stream {id}: {last:?}");
    }
}

async fn read_until(stream: &mut TcpStream, frames: &mut Vec<Frame>, is_it: impl Fn(&Frame) -> bool) {
    loop {
        let next = within_deadline(read(stream)).await.unwrap();
        let next = next.unwrap_or_else(|| panic!("the connection ended after {frames:?}"));
        let found = is_it(&next);
        frames.push(next);
        if found {
            return;
        }
    }
}

#[tokio::test]
async fn a_drain_warns_with_a_first_goaway_and_answers_all_calls_up_to_the_second() {
    let volume = TestVolume::new();
    volume.publish(1);
    let mut server = TestServer::start_ready(&volume).await;
    let (address, metrics_address) = (server.address, server.metrics_address);
    goodbye_keeps_every_accepted_call(address, metrics_address, || server.stop()).await;
    server.ended().await.unwrap();
}

#[tokio::test]
async fn a_connection_that_is_old_is_ended_as_by_a_drain() {
    if !Replica::knows("--max-connection-age") {
        eprintln!("skipped: this build does not end old connections");
        return;
    }
    let volume = TestVolume::new();
    volume.publish(1);
    let replica = Replica::start(&volume.path(), "replica", &["--max-connection-age", "2s"]).await;
    goodbye_keeps_every_accepted_call(replica.address, replica.metrics_address, || {}).await;
}

/// On some systems a reset takes answers with it that the client has not read.
#[tokio::test]
async fn a_client_that_goes_on_sending_for_a_moment_is_not_reset() {
    let volume = TestVolume::new();
    volume.publish(1);
    let mut server = TestServer::start_ready(&volume).await;
    let mut stream = connect(server.address, &[]).await.unwrap();
    stream.write_all(&call(1, RECOMMEND)).await.unwrap();
    let metrics_address = server.metrics_address;
    eventually("the call is in flight", || async { metric(metrics_address, IN_FLIGHT).await == Some(1.0) })
        .await;
    server.stop();
    let mut frames = Vec::new();
    read_until(&mut stream, &mut frames, |frame| frame.kind == PING && frame.flags & ACK == 0).await;
    let ping = frame(PING, ACK, 0, &frames.last().unwrap().payload);
    stream.write_all(&ping).await.unwrap();
    stream.write_all(&request(1, &seeds(["DNA."]))).await.unwrap();
    let mut rest = Vec::new();
    within_deadline(stream.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.windows(b"HUMBLE. 1".len()).any(|bytes| bytes == b"HUMBLE. 1"));

    // It has the answer and the end, and says something still.
    for _ in 0..5 {
        stream.write_all(&frame(PING, 0, 0, b"are you?")).await.expect("no reset");
    }
    drop(stream);
    server.ended().await.unwrap();
}
