//! Calls of the client library through a network that is ill: each gives the right answer or a typed error, in time.
#![cfg(test)]

mod network_support;
mod service_support;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use client_lib::{Client, Error};
use futures_util::{StreamExt as _, stream};
use network_support::{
    crowd::Crowd,
    proxy::{Ending, Fault, Proxy, Way},
};
use service_support::{DEADLINE, TestServer, TestVolume, within_deadline};
use tokio::time::Instant;

/// How many calls run side by side.
const SIDE_BY_SIDE: usize = 16;
/// The bytes that pass either way for a call on a new connection are fewer.
const MORE_THAN_A_CALL: usize = 1_000;

/// A server, and what it answers to everybody when nothing is in the way.
async fn healthy() -> (TestVolume, TestServer, String) {
    let volume = TestVolume::new();
    volume.publish(1);
    let server = TestServer::start_ready(&volume).await;
    let client = Client::lazy(&server.address.to_string()).unwrap();
    let answer = format!("{:?}", client.recommend(["DNA.", "HUMBLE. 1", "nobody"]).await.unwrap());
    assert!(answer.contains("Congratulations"), "{answer}");
    (volume, server, answer)
}

async fn ask(client: &Client) -> Result<String, Error> {
    client.recommend(["DNA.", "HUMBLE. 1", "nobody"]).await.map(|answer| format!("{answer:?}"))
}

/// Calls through as many connections as there are faults, the first of each with that fault and the others without.
async fn through<T>(
    server: &TestServer,
    faults: impl IntoIterator<Item = Fault>,
    call: impl AsyncFn(Client) -> T,
    client: impl Fn(&str) -> Client,
) -> Vec<(Fault, T)> {
    stream::iter(faults)
        .map(async |fault| {
            let proxy = Proxy::start(&[server.address]).await;
            proxy.set_faults(move |number| if number == 0 { fault } else { Fault::None });
            (fault, call(client(&proxy.url())).await)
        })
        .buffer_unordered(SIDE_BY_SIDE)
        .collect()
        .await
}

fn at_every_byte(fault: impl Fn(Way, usize) -> Fault) -> impl Iterator<Item = Fault> {
    [Way::Requests, Way::Answers]
        .into_iter()
        .flat_map(move |way| (0..MORE_THAN_A_CALL).map(move |after| (way, after)))
        .map(move |(way, after)| fault(way, after))
}

#[tokio::test]
async fn a_connection_that_is_cut_at_any_byte_costs_no_call() {
    let (_volume, server, expected) = healthy().await;
    for ending in [Ending::Fin, Ending::Reset] {
        let faults = at_every_byte(|way, after| Fault::Cut(way, after, ending));
        let results =
            through(&server, faults, async |client| ask(&client).await, |url| Client::lazy(url).unwrap())
                .await;
        assert_eq!(results.len(), 2 * MORE_THAN_A_CALL);
        for (fault, result) in results {
            assert_eq!(result.unwrap_or_else(|error| panic!("{fault:?}: {error:?}")), expected, "{fault:?}");
        }
    }
}

#[tokio::test]
async fn without_retries_a_cut_is_an_error_that_says_so_and_never_a_part_of_an_answer() {
    let (_volume, server, expected) = healthy().await;
    let client = |url: &str| Client::builder(url).max_attempts(1).lazy().unwrap();
    let faults = at_every_byte(|way, after| Fault::Cut(way, after, Ending::Reset));
    let results = through(&server, faults, async |client| ask(&client).await, client).await;
    let mut failed = 0;
    for (fault, result) in results {
        match result {
            Ok(answer) => assert_eq!(answer, expected, "{fault:?}"),
            Err(error) => {
                assert!(
                    matches!(error, Error::Unavailable { .. } | Error::Connect { .. }),
                    "{fault:?}: {error:?}"
                );
                assert!(error.is_retryable(), "{fault:?}: {error:?}");
                failed += 1;
            }
        }
    }
    assert!(failed > 100, "only {failed} calls met the fault");
}

#[tokio::test]
async fn a_connection_of_which_a_part_arrives_gives_an_answer_or_a_timeout() {
    let (_volume, server, expected) = healthy().await;
    let timeout = Duration::from_millis(250);
    let client = |url: &str| Client::builder(url).timeout(timeout).lazy().unwrap();
    let faults = at_every_byte(Fault::Stall).step_by(11);
    let timed = async |client: Client| {
        let began = Instant::now();
        let result = ask(&client).await;
        (result, began.elapsed())
    };
    let mut failed = 0;
    for (fault, (result, took)) in through(&server, faults, timed, client).await {
        assert!(took < timeout + DEADLINE / 4, "{fault:?}: {took:?}");
        match result {
            Ok(answer) => assert_eq!(answer, expected, "{fault:?}"),
            Err(error) => {
                assert!(matches!(error, Error::Timeout { .. }), "{fault:?}: {error:?}");
                failed += 1;
            }
        }
    }
    assert!(failed > 10, "only {failed} calls met the fault");
}

#[tokio::test]
async fn a_slow_network_is_only_slow() {
    let (_volume, server, expected) = healthy().await;
    let faults = [Fault::Delay(Duration::from_millis(100)), Fault::Throttle(4_000), Fault::Throttle(50_000)];
    let call = async |client: Client| {
        let answers: Vec<_> =
            stream::iter(0..8).map(|_| ask(&client)).buffer_unordered(SIDE_BY_SIDE).collect().await;
        answers
    };
    for (fault, answers) in through(&server, faults, call, |url| Client::lazy(url).unwrap()).await {
        for answer in answers {
            assert_eq!(answer.unwrap(), expected, "{fault:?}");
        }
    }
}

#[tokio::test]
async fn a_port_behind_which_nobody_answers_is_a_timeout_and_one_that_resets_is_tried_again() {
    let (_volume, server, expected) = healthy().await;
    let proxy = Proxy::start(&[server.address]).await;
    proxy.set_faults(|_| Fault::Blackhole);
    let timeout = Duration::from_millis(250);
    let client = Client::builder(&proxy.url()).timeout(timeout).lazy().unwrap();
    let error = within_deadline(ask(&client)).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");

    for ending in [Ending::Fin, Ending::Reset] {
        let before = proxy.connections();
        proxy.set_faults(move |number| if number < before + 3 { Fault::Refuse(ending) } else { Fault::None });
        assert_eq!(ask(&Client::lazy(&proxy.url()).unwrap()).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn calls_of_many_tasks_through_faults_of_all_kinds_end_in_time_and_well_after_them() {
    let (_volume, server, _) = healthy().await;
    let proxy = Proxy::start(&[server.address]).await;
    proxy.set_faults(|number| {
        let mut random = fastrand::Rng::with_seed(number.try_into().unwrap());
        let (way, after) =
            (*[Way::Requests, Way::Answers].get(random.usize(..2)).unwrap(), random.usize(..4_000));
        match random.u8(..7) {
            0 => Fault::None,
            1 => Fault::Delay(Duration::from_millis(random.u64(..20))),
            2 => Fault::Throttle(100_000),
            3 => Fault::Cut(way, after, Ending::Fin),
            4 => Fault::Cut(way, after, Ending::Reset),
            5 => Fault::Stall(way, after),
            _ => Fault::Refuse(Ending::Reset),
        }
    });
    let timeout = Duration::from_millis(500);
    let clients = (0..16).map(|_| Client::builder(&proxy.url()).timeout(timeout).lazy().unwrap()).collect();
    let crowd = Crowd::gather(clients, 2);
    crowd.more_answers(2_000).await;
    let record = crowd.leave().await;
    assert!(record.slowest < timeout + DEADLINE / 4, "{:?}", record.slowest);
    for error in record.errors {
        assert!(
            matches!(error, Error::Timeout { .. } | Error::Unavailable { .. } | Error::Connect { .. }),
            "{error:?}"
        );
    }

    proxy.set_faults(|_| Fault::None);
    let crowd = Crowd::gather(vec![Client::lazy(&proxy.url()).unwrap()], 4);
    crowd.more_answers(200).await;
    assert_eq!(crowd.leave().await.errors.len(), 0);
}

#[tokio::test]
async fn a_lost_connection_costs_no_call_that_ran_on_it() {
    let (_volume, server, expected) = healthy().await;
    let proxy = Proxy::start(&[server.address]).await;
    let lost = AtomicUsize::new(0);
    proxy.set_faults(move |number| {
        lost.fetch_add(1, Ordering::SeqCst);
        // Some calls are answered, others under way, and others not even sent.
        if number < 3 { Fault::Cut(Way::Answers, 20_000, Ending::Reset) } else { Fault::None }
    });
    let client = Client::lazy(&proxy.url()).unwrap();
    let answers: Vec<_> = stream::iter(0..900).map(|_| ask(&client)).buffer_unordered(900).collect().await;
    for answer in answers {
        assert_eq!(answer.unwrap(), expected);
    }
    assert_eq!(proxy.connections(), 4);
}
