//! One call: its attempts, and the time and the credentials that they have.

use std::time::Instant;

use proto::v1::playlist_service_client::PlaylistServiceClient;
use tokio::time;
use tonic::{Request, Response, Status};

use crate::{
    client::{Client, Shared},
    connection::BoxError,
    error::Error,
    retries::{Attempts, Failure},
    status,
    transport::{LastReplica, TimeLimit, Transport},
};

type Grpc = PlaylistServiceClient<Transport>;

/// The largest answer that is read, in bytes. 500 songs with 100 rules each stay below it.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

impl Client {
    /// Makes a call, with what is told of it.
    pub(crate) async fn call<Q, A, F>(
        &self,
        call: &'static str,
        message: Q,
        send: impl Fn(Grpc, Request<Q>) -> F,
    ) -> Result<A, Error>
    where
        Q: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let made = self.make(call, message, send);
        #[cfg(feature = "tracing")]
        let made = crate::spans::in_span(call, self.url(), made);
        made.await
    }

    /// Makes one call, and makes it again where that can help, all within the timeout.
    async fn make<Q, A, F>(
        &self,
        call: &'static str,
        message: Q,
        send: impl Fn(Grpc, Request<Q>) -> F,
    ) -> Result<A, Error>
    where
        Q: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let Shared { url, retries, bearer_token, transport, .. } = &*self.shared;
        let timeout = self.timeout;
        let limit = TimeLimit { began: Instant::now(), timeout };
        let grpc = Grpc::new(transport.clone()).max_decoding_message_size(MAX_ANSWER);
        let mut attempts = Attempts::default();
        let mut reason = None;
        let last_replica = LastReplica::default();
        loop {
            let attempt = async {
                let mut request = Request::new(message.clone());
                if let Some(authorization) = bearer_token.authorization().await.map_err(NotSent)? {
                    request.metadata_mut().insert("authorization", authorization);
                }
                #[cfg(feature = "tracing")]
                if let Some(context) = &self.shared.trace_context {
                    crate::spans::propagate(context, request.metadata_mut());
                }
                request.extensions_mut().insert(last_replica.clone());
                request.extensions_mut().insert(limit);
                Ok(send(grpc.clone(), request).await)
            };
            let failure = match time::timeout(limit.left(), attempt).await {
                Ok(Ok(Ok(answer))) => {
                    retries.answered();
                    return Ok(answer.into_inner());
                }
                Ok(Ok(Err(status))) => Failure {
                    error: status::error(&status, call, url, timeout),
                    is_unseen: status::is_unseen(&status),
                    has_other_replica: transport.has_other(&last_replica),
                },
                Ok(Err(NotSent(source))) => return Err(Error::NoToken { url: url.clone(), call, source }),
                Err(_elapsed) => {
                    return Err(reason.unwrap_or(Error::Timeout { url: url.clone(), call, after: timeout }));
                }
            };
            match retries.pause(&mut attempts, &failure, limit.left()) {
                Some(pause) => {
                    #[cfg(feature = "tracing")]
                    crate::spans::retried(&failure.error, pause);
                    time::sleep(pause).await;
                }
                None => return Err(failure.error),
            }
            // That there is nobody to connect to, or too much to do, says more than that it took long to find out again.
            reason = Some(failure.error)
                .filter(|error| matches!(error, Error::Connect { .. } | Error::Overloaded { .. }));
        }
    }
}

/// There is no token for the call.
struct NotSent(BoxError);
