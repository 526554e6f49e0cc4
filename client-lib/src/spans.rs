//! What the feature `tracing` tells of calls, and of the trace that they belong to.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tonic::metadata::{MetadataMap, MetadataValue};
use tracing::{Instrument as _, Span, field};

use crate::error::Error;

/// Gives the headers that carry the current trace.
pub(crate) type TraceContext = Arc<dyn Fn() -> HashMap<String, String> + Send + Sync>;

/// The headers of the W3C's recommendations Trace Context and Baggage.
const HEADERS: [&str; 3] = ["traceparent", "tracestate", "baggage"];

/// Makes a call in a span, in the names of OpenTelemetry's conventions.
pub(crate) async fn in_span<A>(
    call: &'static str,
    url: &str,
    made: impl Future<Output = Result<A, Error>>,
) -> Result<A, Error> {
    let span = tracing::info_span!(
        "call",
        otel.name = format_args!("playlist.v1.PlaylistService/{call}"),
        otel.kind = "client",
        otel.status_code = field::Empty,
        rpc.system = "grpc",
        rpc.service = "playlist.v1.PlaylistService",
        rpc.method = call,
        server.address = url,
        error.message = field::Empty,
    );
    async {
        let result = made.await;
        if let Err(error) = &result {
            Span::current()
                .record("otel.status_code", "ERROR")
                .record("error.message", field::display(error));
        }
        result
    }
    .instrument(span)
    .await
}

/// Notes in the span of a call that it goes out again.
pub(crate) fn retried(error: &Error, pause: Duration) {
    tracing::debug!(%error, ?pause, "the call goes out again");
}

/// Sends the trace along with a call.
pub(crate) fn propagate(context: &TraceContext, metadata: &mut MetadataMap) {
    let headers = context();
    for name in HEADERS {
        // What cannot be sent is no reason for a call to fail.
        if let Some(Ok(value)) = headers.get(name).map(MetadataValue::try_from) {
            metadata.insert(name, value);
        }
    }
}
