//! Clients that mean harm, or are broken: others are served all the while, memory has a bound, and so has the end.
#![cfg(test)]

mod network_support;
mod service_support;

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use client_lib::Client;
use network_support::{
    crowd::Crowd,
    frames::{
        ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PREFACE, PRIORITY,
        RECOMMEND, REFLECTION, RST_STREAM, SETTINGS, WATCH_MODEL, WINDOW_UPDATE, call, call_fields, connect,
        fields, frame, number, read, read_to_end, request,
    },
    replica::Replica,
};
use prost::Message as _;
use proto::v1::{RecommendRequest, WatchModelRequest, playlist_service_client::PlaylistServiceClient};
use service_support::{DEADLINE, TestVolume, seeds, within_deadline};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time,
};

/// How long a hostile client that never runs out of ideas goes on.
const PATIENCE: Duration = Duration::from_secs(1);
/// The most that a call of a well-behaved client may take meanwhile, with its retries; the machine of the tests may be busy.
const BOUND: Duration = Duration::from_secs(10);
/// The memory that all hostile clients of a test may cost: 64 MiB of messages, and what holds them.
const MEMORY: u64 = 192 << 20;
const GRACE_PERIOD: Duration = Duration::from_secs(1);

/// A replica under attack, and the well-behaved clients that it serves.
struct Siege {
    replica: Replica,
    crowd: Crowd,
    memory_before: u64,
    _volume: TestVolume,
}

impl Siege {
    async fn begin() -> Self {
        let volume = TestVolume::new();
        volume.publish(1);
        Self::of(volume).await
    }

    async fn of(volume: TestVolume) -> Self {
        let flags = ["--drain-delay", "0s", "--grace-period", "1s", "--log", "warn,recommender=info"];
        let replica = Replica::start(&volume.path(), "besieged", &flags).await;
        let client = || {
            let url = format!("http://{}", replica.address);
            Client::builder(&url).timeout(BOUND).lazy().unwrap()
        };
        let crowd = Crowd::gather(vec![client(), client()], 2);
        crowd.more_answers(200).await;
        let [memory_before, _] = replica.memory();
        Siege { replica, crowd, memory_before, _volume: volume }
    }

    fn address(&self) -> SocketAddr {
        self.replica.address
    }

    /// Says what became of the well-behaved and of the replica, while `attackers` still hold what they have.
    #[track_caller]
    fn withstood<T>(self, attackers: T) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let Siege { mut replica, crowd, memory_before, _volume } = self;
            crowd.more_answers(200).await;
            let record = crowd.leave().await;
            assert!(record.errors.is_empty(), "{caller}: {} of {:?}", record.errors.len(), record.errors[0]);
            assert!(record.slowest < BOUND, "{caller}: {:?}", record.slowest);

            let [memory, most] = replica.memory();
            eprintln!(
                "{caller}: {} answers, slowest {:?}, memory {} KiB before, {} after, {} at most",
                record.answers,
                record.slowest,
                memory_before >> 10,
                memory >> 10,
                most >> 10
            );
            assert!(most < memory_before + MEMORY, "{caller}: {memory_before} became {most} bytes");

            replica.signal("TERM");
            let status = replica.ended(GRACE_PERIOD + BOUND).await;
            // 1 where calls of the attackers had to be cut off.
            assert!(matches!(status.code(), Some(0 | 1)), "{caller}: {status:?}: {}", replica.log());
            assert!(!replica.has_logged("panicked"), "{caller}: {}", replica.log());
            drop(attackers);
        }
    }
}

/// So many connections that have sent `bytes`, and do nothing more.
async fn silent_after(address: SocketAddr, count: usize, bytes: &[u8]) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The server may have closed it already; so much the better.
        let _ = stream.write_all(bytes).await;
        streams.push(stream);
    }
    streams
}

/// Sends `bytes` over and over on some connections, until they are closed or [`PATIENCE`] is over. What comes is read if
/// `reads`. Returns the connections.
async fn flood(address: SocketAddr, begin: Vec<u8>, bytes: Vec<u8>, reads: bool) -> Vec<TcpStream> {
    let mut attackers = JoinSet::new();
    for _ in 0..4 {
        let (begin, bytes) = (begin.clone(), bytes.clone());
        attackers.spawn(async move {
            let mut stream = connect(address, &[]).await.unwrap();
            let (mut read, mut write) = stream.split();
            let _ = time::timeout(PATIENCE, async {
                write.write_all(&begin).await?;
                let sending = async {
                    loop {
                        write.write_all(&bytes).await?;
                    }
                };
                let reading = async {
                    if reads {
                        tokio::io::copy(&mut read, &mut tokio::io::sink()).await?;
                    }
                    std::future::pending::<std::io::Result<()>>().await
                };
                tokio::select! { end = sending => end, end = reading => end }
            })
            .await;
            stream
        });
    }
    attackers.join_all().await
}

/// The frames of a call with everything that it needs.
fn whole_call(stream: u32) -> Vec<u8> {
    [call(stream, RECOMMEND), request(stream, &seeds(["DNA."]))].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_never_finish_what_they_began() {
    let siege = Siege::begin().await;
    let opened = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    let block = call_fields(RECOMMEND);
    let mut attackers = Vec::new();
    for bytes in [
        // Nothing; a preface; headers; a message: none of them whole.
        vec![],
        b"P".to_vec(),
        PREFACE[..20].to_vec(),
        b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Slow:".to_vec(),
        PREFACE.to_vec(),
        [&opened[..], &frame(HEADERS, END_HEADERS, 1, &block)[..30]].concat(),
        [&opened[..], &frame(HEADERS, 0, 1, &block[..40])].concat(),
        [&opened[..], &call(1, RECOMMEND)].concat(),
        [&opened[..], &call(1, RECOMMEND), &frame(DATA, 0, 1, &[0, 0, 0, 0, 100, 10, 4])].concat(),
        // A whole call after which the other side is asked to go away, or may send nothing.
        [&opened[..], &whole_call(1), &frame(GOAWAY, 0, 0, &[0; 8])].concat(),
        [&opened[..], &frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]), &whole_call(1)].concat(),
    ] {
        attackers.push(silent_after(siege.address(), 30, &bytes).await);
    }
    siege.withstood(attackers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_idle_connections() {
    let siege = Siege::begin().await;
    let opened = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    let silent = silent_after(siege.address(), 1_000, &[]).await;
    let idle = silent_after(siege.address(), 2_000, &opened).await;
    // Over HTTP/1.1, asked for once and kept.
    let kept = silent_after(siege.address(), 10_000, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    siege.withstood([silent, idle, kept]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_never_read_the_answers() {
    let siege = Siege::begin().await;
    let mut attackers = Vec::new();
    // Without a window answers wait in the server; with one, in the socket until that is full.
    for window in [0, 0x7fff_ffff] {
        for _ in 0..5 {
            let mut stream = connect(siege.address(), &[(4, window)]).await.unwrap();
            let _ = time::timeout(PATIENCE, async {
                for id in (1..40_000).step_by(2) {
                    stream.write_all(&whole_call(id)).await?;
                }
                Ok::<_, std::io::Error>(())
            })
            .await;
            attackers.push(stream);
        }
    }
    siege.withstood(attackers).await;
}

/// Each request is as large as the transport takes, but for its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_large_and_never_whole() {
    const SIZE: usize = 4 << 20;
    let siege = Siege::begin().await;
    // 5 bytes say how long the message is, and a song begins that is nearly as long.
    let mut body = [&[0], &u32::try_from(SIZE).unwrap().to_be_bytes()[..], &[10]].concat();
    prost::encoding::encode_varint(u64::try_from(SIZE - 5).unwrap(), &mut body);
    body.resize(SIZE - 1, b'a');
    let body = Bytes::from(body);
    let mut attackers = Vec::new();
    for _ in 0..8 {
        // The library keeps to the windows, and so takes all that the server gives.
        let stream = TcpStream::connect(siege.address()).await.unwrap();
        let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut streams = Vec::new();
        for _ in 0..100 {
            let request = http::Request::post(format!("http://localhost{RECOMMEND}"))
                .header("content-type", "application/grpc")
                .body(())
                .unwrap();
            let Ok((answer, mut stream)) = client.send_request(request, false) else { break };
            let _ = stream.send_data(body.clone(), false);
            streams.push((answer, stream));
        }
        attackers.push((client, connection, streams));
    }
    time::sleep(3 * PATIENCE).await;
    siege.withstood(attackers).await;
}

/// Each answer has some megabytes, and nobody takes it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_are_large_and_never_read() {
    const LARGE: usize = 64 << 20;
    let volume = TestVolume::new();
    volume.publish_dense(600);
    let siege = Siege::of(volume).await;
    let question = RecommendRequest {
        songs: (0..100).map(|number| format!("Song {number}")).collect(),
        limit: 500,
        max_rules_per_song: Some(100),
        ..RecommendRequest::default()
    };
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", siege.address())).unwrap();
    let channel = channel.connect().await.unwrap();
    let mut client = PlaylistServiceClient::new(channel).max_decoding_message_size(LARGE);
    let answer = client.recommend(question.clone()).await.unwrap().into_inner();
    assert!(answer.encoded_len() > 1 << 20, "{} bytes are not many", answer.encoded_len());

    let mut attackers = Vec::new();
    for window in [0, 0x7fff_ffff] {
        for _ in 0..12 {
            let mut stream = connect(siege.address(), &[(4, window)]).await.unwrap();
            let _ = time::timeout(PATIENCE, async {
                for id in (1..200).step_by(2) {
                    stream.write_all(&[call(id, RECOMMEND), request(id, &question)].concat()).await?;
                }
                Ok::<_, std::io::Error>(())
            })
            .await;
            attackers.push(stream);
        }
    }
    // The answers are made meanwhile.
    time::sleep(3 * PATIENCE).await;
    siege.withstood(attackers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_open_streams() {
    for (path, body) in [(RECOMMEND, None), (WATCH_MODEL, Some(WatchModelRequest {}))] {
        let siege = Siege::begin().await;
        let mut attackers = Vec::new();
        for _ in 0..100 {
            let mut stream = connect(siege.address(), &[]).await.unwrap();
            for id in (1..200).step_by(2) {
                let mut bytes = call(id, path);
                if let Some(body) = &body {
                    bytes.extend(request(id, body));
                }
                if stream.write_all(&bytes).await.is_err() {
                    break;
                }
            }
            attackers.push(stream);
        }
        siege.withstood(attackers).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_streams_on_a_connection_than_the_settings_allow_are_refused() {
    let siege = Siege::begin().await;
    let mut stream = connect(siege.address(), &[]).await.unwrap();
    let (mut read, mut write) = stream.split();
    let mut received = Vec::new();
    let _ = time::timeout(PATIENCE, async {
        let sending = async {
            for id in (1..20_000).step_by(2) {
                if write.write_all(&call(id, RECOMMEND)).await.is_err() {
                    break;
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::select! { () = sending => {}, _ = read.read_to_end(&mut received) => {} }
    })
    .await;
    // Either each is refused, or the connection is given up for what the client does.
    let refused = received.windows(9).any(|head| head[..4] == [0, 0, 4, RST_STREAM]);
    let given_up = received.windows(4).any(|head| head[3] == GOAWAY);
    assert!(refused || given_up);
    siege.withstood(stream).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage() {
    let siege = Siege::begin().await;
    let mut random = fastrand::Rng::with_seed(7);
    let mut attackers = JoinSet::new();
    for round in 0..600 {
        let mut bytes = vec![0; 1 + round * 7];
        random.fill(&mut bytes);
        let bytes = match round % 3 {
            0 => bytes,
            // After a preface, and as frames of all kinds.
            1 => [PREFACE, &frame(SETTINGS, 0, 0, &[]), &bytes].concat(),
            _ => {
                let mut frames = [PREFACE, &frame(SETTINGS, 0, 0, &[]), &whole_call(1)].concat();
                for part in bytes.chunks(13) {
                    let [kind, flags, stream, ..] = [part, &[0; 3]].concat()[..] else { unreachable!() };
                    frames.extend(frame(kind % 11, flags, u32::from(stream % 5), part));
                }
                frames
            }
        };
        let address = siege.address();
        attackers.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let _ = stream.write_all(&bytes).await;
            let _ = time::timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await;
            stream
        });
    }
    siege.withstood(attackers.join_all().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_1() {
    let siege = Siege::begin().await;
    let mut attackers = Vec::new();
    for text in [
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /playlist.v1.PlaylistService/Recommend HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/grpc\r\nContent-Length: 1000000000000\r\n\r\nx",
        "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nGET",
        "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
        "CONNECT localhost:22 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\r\n\r\n\r\n\r\n",
        "GET /\u{0} HTTP/1.1\r\nHost\u{0}: \u{1}\r\n\r\n",
    ] {
        attackers.extend(silent_after(siege.address(), 20, text.as_bytes()).await);
    }
    let endless = "X-Header: value\r\n".repeat(100_000);
    let huge = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{endless}");
    attackers.extend(silent_after(siege.address(), 5, huge.as_bytes()).await);
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(4 << 20));
    attackers.extend(silent_after(siege.address(), 5, long.as_bytes()).await);
    siege.withstood(attackers).await;
}

/// As happens on a busy host, when the deadline of all calls of a connection passes before one was looked at.
#[tokio::test]
async fn a_client_may_give_up_all_the_calls_that_it_may_have() {
    let siege = Siege::begin().await;
    let mut stream = connect(siege.address(), &[]).await.unwrap();
    let ids = || (0..128).map(|number| 2 * number + 1);
    let cancel = 8_u32.to_be_bytes();
    let calls = ids().flat_map(whole_call);
    let resets = ids().flat_map(|id| frame(RST_STREAM, 0, id, &cancel));
    let bytes: Vec<u8> = calls.chain(resets).chain(frame(PING, 0, 0, &[0; 8])).collect();
    stream.write_all(&bytes).await.unwrap();
    loop {
        let next = within_deadline(read(&mut stream)).await.unwrap().expect("the connection is ended");
        assert_ne!(next.kind, GOAWAY, "{next:?}");
        if next.kind == PING && next.flags == ACK {
            break;
        }
    }
    siege.withstood(vec![stream]).await;
}

/// CVE-2023-44487: each stream is opened and given up at once, so that none counts as open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_resets() {
    let siege = Siege::begin().await;
    let mut attackers = JoinSet::new();
    for number in 0..8 {
        let address = siege.address();
        attackers.spawn(async move {
            let mut stream = connect(address, &[]).await.unwrap();
            let _ = time::timeout(PATIENCE, async {
                for id in (1..2_000_000).step_by(2) {
                    let cancel = frame(RST_STREAM, 0, id, &8_u32.to_be_bytes());
                    // With the whole request there is work that was begun for nothing.
                    let opened = if number % 2 == 0 { call(id, RECOMMEND) } else { whole_call(id) };
                    stream.write_all(&[opened, cancel].concat()).await?;
                }
                Ok::<_, std::io::Error>(())
            })
            .await;
            stream
        });
    }
    siege.withstood(attackers.join_all().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_frames_that_mean_nothing() {
    let block = call_fields(RECOMMEND);
    let open = call(1, RECOMMEND);
    let headers = fields(&[("x-header", &"x".repeat(1_000))]);
    for (name, begin, one, reads) in [
        ("PING", vec![], frame(PING, 0, 0, &[0; 8]), false),
        ("PING, and reads", vec![], frame(PING, 0, 0, &[0; 8]), true),
        ("PING that acknowledges", vec![], frame(PING, ACK, 0, &[0; 8]), true),
        ("SETTINGS", vec![], frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0]), false),
        ("SETTINGS, and reads", vec![], frame(SETTINGS, 0, 0, &[0, 1, 0, 0, 16, 0]), true),
        ("PRIORITY", vec![], frame(PRIORITY, 0, 1, &[0, 0, 0, 3, 0]), true),
        ("unknown frames", vec![], frame(0xbe, 0, 0, &[0; 20]), true),
        ("WINDOW_UPDATE", open.clone(), frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]), true),
        ("WINDOW_UPDATE of 1", open.clone(), frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]), true),
        ("empty DATA", open.clone(), frame(DATA, 0, 1, &[]), true),
        ("empty DATA of a stream", call(1, REFLECTION), frame(DATA, 0, 1, &[]), true),
        ("DATA of padding alone", open.clone(), frame(DATA, 8, 1, &[3, 0, 0, 0]), true),
        ("DATA of a byte", open.clone(), frame(DATA, 0, 1, &[0]), true),
        ("HEADERS on an open stream", open.clone(), frame(HEADERS, END_HEADERS, 1, &[]), true),
        ("CONTINUATION", frame(HEADERS, 0, 1, &block), frame(CONTINUATION, 0, 1, &headers), true),
        ("empty CONTINUATION", frame(HEADERS, 0, 1, &block), frame(CONTINUATION, 0, 1, &[]), true),
        ("GOAWAY", vec![], frame(GOAWAY, 0, 0, &[0; 8]), true),
        ("RST_STREAM", open, frame(RST_STREAM, 0, 1, &[0, 0, 0, 8]), true),
    ] {
        let siege = Siege::begin().await;
        eprintln!("{name}");
        let attackers = flood(siege.address(), begin, one.repeat(1_000), reads).await;
        siege.withstood(attackers).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_that_are_huge_or_become_so() {
    let siege = Siege::begin().await;
    // 4 KiB go into the table once, and each further byte says them again.
    let mut bomb = call_fields(RECOMMEND);
    bomb.push(0x40);
    for length in [5, 3_900] {
        number(&mut bomb, 0, 7, length);
        bomb.extend(vec![b'a'; length]);
    }
    bomb.extend(vec![0x80 | 62; 10_000]);
    // A string that claims to be longer than anything.
    let mut endless = call_fields(RECOMMEND);
    endless.push(0);
    number(&mut endless, 0, 7, usize::MAX / 2);
    let many = fields(&[("x-header", "value"); 500]);
    let blocks = [
        bomb,
        endless,
        vec![0xff; 10],
        vec![0x20; 10_000],
        [call_fields(RECOMMEND), many].concat(),
        fields(&[(":path", "/")]),
        fields(&[("UPPER", "case"), (":method", "POST"), (":late", "")]),
        fields(&[(":method", "POST"), (":scheme", "http"), (":path", &"/".repeat(16_000))]),
        vec![],
    ];
    let mut attackers = JoinSet::new();
    for block in blocks {
        for _ in 0..20 {
            let (address, block) = (siege.address(), block.clone());
            attackers.spawn(async move {
                let mut stream = connect(address, &[]).await.unwrap();
                let _ = time::timeout(PATIENCE, async {
                    for id in (1..200).step_by(2) {
                        stream.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, id, &block)).await?;
                    }
                    stream.read_to_end(&mut Vec::new()).await
                })
                .await;
                stream
            });
        }
    }
    siege.withstood(attackers.join_all().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_lie() {
    let siege = Siege::begin().await;
    let mut bodies = vec![
        // A message of 4 GiB; one that is compressed by what nobody named; none; less than it says; two; no protobuf.
        vec![0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3],
        vec![1, 0, 0, 0, 3, 1, 2, 3],
        vec![7, 0, 0, 0, 0],
        vec![],
        vec![0, 0, 0, 1, 0, 10, 4],
        vec![0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [vec![0, 0, 0, 0, 20], vec![0xff; 20]].concat(),
    ];
    bodies.push([vec![0, 0, 0, 0, 3], vec![10, 0xff, 0x7f]].concat());
    let mut stream = connect(siege.address(), &[]).await.unwrap();
    let mut id = 1;
    for body in &bodies {
        for path in
            [RECOMMEND, "/playlist.v1.PlaylistService/Nothing", "/grpc.health.v1.Health/Check", "/", "*"]
        {
            stream.write_all(&[call(id, path), frame(DATA, END_STREAM, id, body)].concat()).await.unwrap();
            id += 2;
        }
    }
    let long = "9".repeat(5_000);
    for timeout in
        ["0n", "0S", "-1S", "99999999H", "18446744073709551616n", "", "S", "1 S", "٣S", "1e9S", &long]
    {
        let block = [call_fields(RECOMMEND), fields(&[("grpc-timeout", timeout), ("grpc-encoding", "gzip")])]
            .concat();
        let headers = frame(HEADERS, END_HEADERS, id, &block);
        stream.write_all(&[headers, request(id, &seeds(["DNA."]))].concat()).await.unwrap();
        id += 2;
    }
    // Each is answered on its own, and none takes the connection with it.
    stream.write_all(&[whole_call(id), frame(PING, 0, 0, b"the last")].concat()).await.unwrap();
    let mut ended = std::collections::BTreeSet::new();
    while ended.len() < usize::try_from(id.div_ceil(2)).unwrap() {
        let next = within_deadline(read(&mut stream)).await.unwrap();
        let next = next.unwrap_or_else(|| panic!("the connection ended after {ended:?} of {id}"));
        assert_ne!(next.kind, GOAWAY, "{next:?}");
        if next.kind == RST_STREAM || (next.stream != 0 && next.flags & END_STREAM != 0) {
            ended.insert(next.stream);
        }
    }
    siege.withstood(stream).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_closed_sockets() {
    let siege = Siege::begin().await;
    let mut attackers = Vec::new();
    for bytes in [vec![], PREFACE.to_vec(), whole_call(1), call(1, RECOMMEND), call(1, WATCH_MODEL)] {
        for _ in 0..30 {
            let mut stream = connect(siege.address(), &[]).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
            stream.shutdown().await.unwrap();
            attackers.push(stream);
        }
    }
    for stream in &mut attackers {
        time::timeout(DEADLINE, read_to_end(stream)).await.expect("what can ask no more is closed");
    }
    siege.withstood(attackers).await;
}
