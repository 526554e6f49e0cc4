//! The stream of models that come into service.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::{Stream, StreamExt};
use proto::v1;
use tonic::Streaming;

use crate::{error::Error, model_info::WatchModelResponse, status};

/// The models that come into service, from [`Client::watch_model`](crate::Client::watch_model): a
/// [`Stream`] that begins with the one in service.
///
/// When the replica stops or the connection is lost, the last item is [`Error::Unavailable`]; a new watch, on
/// another replica or the next connection, goes on from there. Dropping it tells the service that nobody
/// watches any more.
#[must_use = "nothing is read from the service until it is polled"]
pub struct ModelWatch {
    /// Nothing once it has ended.
    models: Option<Streaming<v1::WatchModelResponse>>,
    call: &'static str,
    url: String,
    timeout: Duration,
}

impl ModelWatch {
    pub(crate) fn new(
        models: Streaming<v1::WatchModelResponse>,
        call: &'static str,
        url: String,
        timeout: Duration,
    ) -> Self {
        Self { models: Some(models), call, url, timeout }
    }

    /// Waits for the next model; nothing when the stream has ended. May be cancelled at any time without
    /// losing one.
    pub async fn next(&mut self) -> Option<Result<WatchModelResponse, Error>> {
        StreamExt::next(self).await
    }
}

impl Stream for ModelWatch {
    type Item = Result<WatchModelResponse, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(models) = &mut self.models else {
            return Poll::Ready(None);
        };
        let item = ready!(models.poll_next_unpin(context));
        if !matches!(item, Some(Ok(_))) {
            self.models = None;
        }
        Poll::Ready(item.map(|model| {
            model
                .map(WatchModelResponse::from_wire)
                .map_err(|status| status::error(&status, self.call, &self.url, self.timeout))
        }))
    }
}

impl fmt::Debug for ModelWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelWatch")
            .field("url", &self.url)
            .field("has_ended", &self.models.is_none())
            .finish_non_exhaustive()
    }
}
