//! Replicas that are restarted or killed under full load cost no call.
#![cfg(test)]

mod network_support;
mod service_support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use client_lib::Client;
use network_support::{
    crowd::{Crowd, Record},
    frames::RECOMMEND,
    proxy::Proxy,
    replica::Replica,
    rounds,
};
use prost::Message as _;
use proto::v1::RecommendResponse;
use service_support::{TestVolume, framed, seeds, within_deadline};
use tokio::{net::TcpStream, task::JoinSet};

const DRAIN_DELAY: Duration = Duration::from_millis(300);
const GRACE_PERIOD: Duration = Duration::from_secs(10);
const FLAGS: [&str; 4] = ["--drain-delay", "300ms", "--grace-period", "10s"];
/// What a busy machine may add to the promised time of an exit.
const MARGIN: Duration = Duration::from_secs(10);

/// Two replicas behind an address, a full load on it, and a way to end a replica: counts the calls that fail while they are
/// replaced in turn.
async fn replace_in_turn(times: usize, end: impl AsyncFn(&mut Replica)) {
    let volume = TestVolume::new();
    volume.publish(1);
    let mut replicas = [
        Replica::start(&volume.path(), "first", &FLAGS).await,
        Replica::start(&volume.path(), "second", &FLAGS).await,
    ];
    let proxy = Proxy::start(&[replicas[0].address, replicas[1].address]).await;
    let clients = (0..4).map(|_| Client::lazy(&proxy.url()).unwrap()).collect();
    let crowd = Crowd::gather(clients, 4);
    for turn in 0..2 * times {
        crowd.more_answers(300).await;
        let name = format!("successor {turn}");
        let successor = Replica::start(&volume.path(), &name, &FLAGS).await;
        let mut old = std::mem::replace(&mut replicas[turn % 2], successor);
        // As a Service, the proxy learns of the end of the old one no sooner than its clients do.
        let all = [replicas[0].address, old.address, replicas[1].address];
        proxy.set_backends(&all);
        end(&mut old).await;
        proxy.set_backends(&[replicas[0].address, replicas[1].address]);
    }
    crowd.more_answers(300).await;
    let record = crowd.leave().await;
    assert!(proxy.connections() > times, "no client noticed: {} connections", proxy.connections());
    assert_none_failed(&record);
}

#[track_caller]
fn assert_none_failed(record: &Record) {
    let Record { answers, errors, .. } = record;
    assert!(
        errors.is_empty(),
        "{} calls failed besides {answers} that were answered: {:?}",
        errors.len(),
        errors[0]
    );
}

/// By default fewer than the 20 that are promised; `FAULT_ROUNDS=20` shows these.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rolling_restarts_of_two_replicas_under_full_load_fail_no_call() {
    replace_in_turn(rounds(4), async |old| {
        old.signal("TERM");
        let status = old.ended(DRAIN_DELAY + GRACE_PERIOD + MARGIN).await;
        assert_eq!(status.code(), Some(0), "{}", old.log());
    })
    .await;
}

/// As the operator does who replaces processes where they are: no successor takes over before the old one is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_in_turn_at_the_addresses_that_clients_have_fail_no_call() {
    let volume = TestVolume::new();
    volume.publish(1);
    let mut replicas = [
        Replica::start(&volume.path(), "first", &FLAGS).await,
        Replica::start(&volume.path(), "second", &FLAGS).await,
    ];
    let urls = replicas.each_ref().map(|replica| format!("http://{}", replica.address)).join(",");
    let clients = (0..4).map(|_| Client::lazy(&urls).unwrap()).collect();
    let crowd = Crowd::gather(clients, 4);
    for turn in 0..2 * rounds(2) {
        let replica = &mut replicas[turn % 2];
        service_support::eventually("a share for each", || async { answers(replica).await > 0.0 }).await;
        replica.signal("TERM");
        let status = replica.ended(DRAIN_DELAY + GRACE_PERIOD + MARGIN).await;
        assert_eq!(status.code(), Some(0), "{}", replica.log());
        crowd.more_answers(300).await;
        let name = format!("successor {turn}");
        *replica = Replica::start_at(replica.address, &volume.path(), &name, &FLAGS).await;
        // The clients have taken it up again before the other one goes.
        service_support::eventually("its share", || async { answers(replica).await > 0.0 }).await;
    }
    assert_none_failed(&crowd.leave().await);
}

/// How many calls it has answered.
async fn answers(replica: &Replica) -> f64 {
    let name = r#"recommender_requests_total{method="playlist.v1.PlaylistService/Recommend",code="OK"}"#;
    service_support::metric(replica.metrics_address, name).await.unwrap_or(0.0)
}

/// What was under way on it goes out again to the other one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_are_killed_in_turn_under_full_load_fail_no_call() {
    replace_in_turn(rounds(4), async |old| {
        old.signal("KILL");
        old.ended(MARGIN).await;
    })
    .await;
}

/// By default fewer than the 100 rotations that are promised; `FAULT_ROUNDS=25` shows these.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_ended_for_their_age_under_full_load_fail_no_call() {
    if !Replica::knows("--max-connection-age") {
        eprintln!("skipped: this build does not end old connections");
        return;
    }
    let volume = TestVolume::new();
    volume.publish(1);
    let replica = Replica::start(&volume.path(), "the one", &["--max-connection-age", "200ms"]).await;
    let proxy = Proxy::start(&[replica.address]).await;
    let clients = (0..4).map(|_| Client::lazy(&proxy.url()).unwrap()).collect();
    let crowd = Crowd::gather(clients, 8);
    let rotations = 4 * rounds(4);
    service_support::eventually("rotations", || async { proxy.connections() >= 4 + rotations }).await;
    assert_none_failed(&crowd.leave().await);
}

/// Without a client that repeats anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_told_to_stop_under_full_load_answers_every_call_that_it_accepted() {
    for round in 0..rounds(4) {
        let volume = TestVolume::new();
        volume.publish(1);
        let mut replica = Replica::start(&volume.path(), "the one", &FLAGS).await;
        let answered = Arc::<AtomicUsize>::default();
        let mut callers = JoinSet::new();
        for _ in 0..4 {
            let stream = TcpStream::connect(replica.address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (client, connection) = h2::client::handshake(stream).await.unwrap();
            let connection = tokio::spawn(connection);
            let mut tasks = JoinSet::new();
            for _ in 0..16 {
                let (client, answered) = (client.clone(), Arc::clone(&answered));
                tasks.spawn(async move {
                    while let Ok(is_answered) = call(client.clone()).await {
                        assert!(is_answered);
                        answered.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
            drop(client);
            callers.spawn(async move {
                tasks.join_all().await;
                within_deadline(connection).await.unwrap().unwrap();
            });
        }
        service_support::eventually("calls", || async { answered.load(Ordering::SeqCst) > 500 }).await;

        replica.signal("TERM");
        let status = replica.ended(DRAIN_DELAY + GRACE_PERIOD + MARGIN).await;

        within_deadline(callers.join_all()).await;
        assert_eq!(status.code(), Some(0), "round {round}: {}", replica.log());
        // What it has written may come a little later than its end.
        let told = async || replica.has_logged("drained: every call was answered");
        service_support::eventually("the end is logged", told).await;
    }
}

/// Makes a call: whether it was answered well, or an error if the server did not accept it any more.
async fn call(client: h2::client::SendRequest<Bytes>) -> Result<bool, ()> {
    let request = http::Request::post(format!("http://localhost{RECOMMEND}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap();
    let mut client = client.ready().await.map_err(|error| assert_goodbye(&error))?;
    let (response, mut body) = client.send_request(request, false).map_err(|error| assert_goodbye(&error))?;
    // Its fate shows in the answer.
    let _ = body.send_data(framed(&seeds(["DNA."])), true);
    let mut body = response.await.map_err(|error| assert_goodbye(&error))?.into_body();
    let mut message = Vec::new();
    while let Some(bytes) = body.data().await {
        let bytes = bytes.unwrap();
        body.flow_control().release_capacity(bytes.len()).unwrap();
        message.extend(bytes);
    }
    let trailers = body.trailers().await.unwrap().unwrap();
    let answer = RecommendResponse::decode(&message[5..]).unwrap();
    Ok(trailers["grpc-status"] == "0" && answer.songs[0].song.as_ref().unwrap().title == "HUMBLE. 1")
}

/// The one reason for which a call may have no answer: the server has said before that it would not take it.
#[track_caller]
fn assert_goodbye(error: &h2::Error) {
    let is_goodbye = error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR);
    assert!(is_goodbye, "an accepted call was lost: {error:?}");
}
