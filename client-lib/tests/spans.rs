//! With the feature `tracing`, calls have spans, and the service gets the trace that they belong to.

#![allow(clippy::panic, clippy::unwrap_used, reason = "what is not expected fails the test")]

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex},
};

use client_lib::Client;
use tokio::net::TcpListener;

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_trace_of_a_call_is_sent_along_and_its_span_tells_how_it_ended() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let headers = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        connection.accept().await.unwrap().unwrap().0.into_parts().0.headers
    });
    let client = Client::builder(&url)
        .max_attempts(1)
        .trace_context(|| {
            assert!(!tracing::Span::current().is_disabled(), "it is asked in the span of the call");
            HashMap::from([
                ("traceparent".to_owned(), TRACEPARENT.to_owned()),
                ("tracestate".to_owned(), "vendor=value".to_owned()),
                ("authorization".to_owned(), "no business of a trace".to_owned()),
            ])
        })
        .lazy()
        .unwrap();
    client.recommend("a seed").await.unwrap_err();

    let headers = headers.await.unwrap();
    assert_eq!(headers["traceparent"], TRACEPARENT);
    assert_eq!(headers["tracestate"], "vendor=value");
    assert!(!headers.contains_key("authorization"));
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let closed = log
        .lines()
        .find(|line| line.contains("close") && line.contains("rpc.method"))
        .unwrap_or_else(|| panic!("{log}"));
    for part in [r#"rpc.method="Recommend""#, "otel.kind=\"client\"", "ERROR", "the connection was lost"] {
        assert!(closed.contains(part), "no `{part}` in {closed}");
    }
}
