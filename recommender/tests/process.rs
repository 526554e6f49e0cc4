//! The binary: how it starts, and with which code it ends.
#![cfg(test)]

mod process_support;
mod service_support;

use std::{net::TcpListener, process::Command, thread, time::Duration};

use process_support::{BINARY, Process, run};
use proto::v1::playlist_service_client::PlaylistServiceClient;
use service_support::{TestVolume, open_call, seeds};
use tonic::transport::Endpoint;

#[tokio::test(flavor = "multi_thread")]
async fn it_serves_and_ends_with_0_on_either_signal() {
    let volume = TestVolume::new();
    volume.publish(1);
    for name in ["TERM", "INT"] {
        let mut process = Process::start(&volume, &["--drain-delay", "0s"]);
        let [address, _] = process.addresses();
        process.log_line("model in service");
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        let mut client = PlaylistServiceClient::new(channel);
        client.recommend(seeds(["DNA."])).await.unwrap();

        process.signal(name);

        assert_eq!(process.ended().code(), Some(0), "{name}");
        process.log_line("drained: every call was answered");
    }
}

#[test]
fn a_second_signal_aborts_the_drain() {
    let volume = TestVolume::new();
    for (name, code) in [("TERM", 143), ("INT", 130)] {
        let mut process = Process::start(&volume, &["--drain-delay", "60m"]);
        process.addresses();
        process.signal("TERM");
        process.log_line("draining");

        process.signal(name);

        assert_eq!(process.ended().code(), Some(code));
        process.log_line("aborted by a second signal");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_cut_off_make_it_end_with_1() {
    let volume = TestVolume::new();
    let mut process = Process::start(&volume, &["--drain-delay", "0s", "--grace-period", "100ms"]);
    let [address, metrics_address] = process.addresses();
    let (_never_sent, call) = open_call(address, metrics_address).await;
    process.signal("TERM");

    let code = tokio::task::block_in_place(|| process.ended().code());
    assert_eq!(code, Some(1));
    process.log_line("within the grace period of 0.1 s: 1");
    call.await.unwrap().unwrap_err();
}

#[test]
fn a_signal_before_the_volume_is_there_ends_it_too() {
    let volume = TestVolume::new();
    let mut process = Process::start(&volume, &["--drain-delay", "0s"]);
    process.log_line("no other model came into service");
    process.signal("TERM");
    assert_eq!(process.ended().code(), Some(0));
}

#[test]
fn the_same_failure_is_logged_once() {
    let volume = TestVolume::new();
    let mut process = Process::start(&volume, &["--drain-delay", "0s", "--poll-interval", "1ms"]);
    process.log_line("no other model came into service");
    // Many looks later.
    thread::sleep(Duration::from_millis(200));
    process.signal("TERM");
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut process.log, &mut rest).unwrap();
    assert!(rest.contains("drained"), "{rest}");
    assert!(!rest.contains("no other model came into service"), "{rest}");
}

#[tokio::test(flavor = "multi_thread")]
async fn running_out_of_file_descriptors_ends_nothing() {
    let volume = TestVolume::new();
    volume.publish(1);
    let mut command = Command::new("sh");
    command.args(["-c", r#"ulimit -n 64 && exec "$0" "$@""#, BINARY]);
    let mut process = Process::start_command(command, &volume, &["--drain-delay", "0s"]);
    let [address, _] = process.addresses();
    process.log_line("model in service");

    let many: Vec<_> = (0..80).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
    process.log_line("cannot accept connections");
    drop(many);

    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    PlaylistServiceClient::new(channel).recommend(seeds(["DNA."])).await.unwrap();
    process.signal("TERM");
    assert_eq!(process.ended().code(), Some(0));
}

#[test]
fn a_taken_port_ends_it_with_1_and_names_the_flag() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(&["--model-dir", "x", "--listen", &address, "--metrics-listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains(&address) && log.contains("`--listen`"), "{log}");
    assert!(output.stdout.is_empty());
}

#[test]
fn files_that_cannot_be_read_end_it_with_1_and_are_named() {
    for flags in
        [&["--tls-cert", "nowhere.crt", "--tls-key", "nowhere.key"][..], &["--token-file", "nowhere"]]
    {
        let output = Command::new(BINARY).args(["--model-dir", "x"]).args(flags).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{flags:?}");
        let log = String::from_utf8(output.stderr).unwrap();
        assert!(log.contains("nowhere") && log.contains("No such file"), "{log}");
    }
}

#[test]
fn misuse_ends_it_with_2_and_names_the_flag() {
    for (flag, value) in [
        ("--listen", "nowhere"),
        ("--poll-interval", "0s"),
        ("--poll-interval", "1"),
        ("--grace-period", "1h"),
        ("--log", "recommender=loud"),
        ("--log-format", "xml"),
        ("--otlp-endpoint", "https://collector:4317"),
        ("--otlp-endpoint", "collector:4317"),
        ("--trace-sample-ratio", "1.1"),
        ("--trace-sample-ratio", "NaN"),
        ("--model-dir", ""),
        ("--served-by", ""),
        ("--tls-cert", "server.crt"),
        ("--tls-key", "server.key"),
        ("--tls-client-ca", "ca.crt"),
        ("--token-file", ""),
        ("--reflection", "perhaps"),
    ] {
        let mut command = Command::new(BINARY);
        if flag != "--model-dir" {
            command.args(["--model-dir", "x"]);
        }
        let output = command.args([flag, value]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{flag} {value:?}");
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains(flag), "{flag} {value:?}: {message}");
    }
    assert_eq!(run(&[]).status.code(), Some(2));
}

#[test]
fn the_version_names_the_source_revision_and_the_help_the_exit_codes() {
    let version = String::from_utf8(run(&["--version"]).stdout).unwrap();
    assert_eq!(version, format!("recommender {} ({})\n", env!("CARGO_PKG_VERSION"), model::REVISION));
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    for text in ["Exit codes", "143", "LISTEN", "METRICS_LISTEN", "MODEL_DIR", "POLL_INTERVAL"] {
        assert!(help.contains(text), "{text} in {help}");
    }
}
