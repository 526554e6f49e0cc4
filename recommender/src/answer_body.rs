//! The body of an answer until its client has taken it.

use std::{
    future,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use hyper::body::{Body, Frame};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::Status;

use crate::{activity::Untaken, admission::Reservation, calls::Call, grpc_web::Encoding, status};

/// The body of an answer, which notes how its call ends.
pub(crate) struct AnswerBody {
    kind: Kind,
    call: Call,
    /// `None`: it is written as it is.
    web: Option<Encoding>,
}

enum Kind {
    Encoded {
        answer: Encoded,
        _untaken: Untaken,
    },
    /// Messages that come when there is something to say.
    Stream {
        body: axum::body::Body,
        left: Pin<Box<WaitForCancellationFutureOwned>>,
        closing: CancellationToken,
    },
    /// What an error says; of gRPC, its headers say it.
    Refusal(Bytes),
}

impl AnswerBody {
    /// That of an error.
    pub(crate) fn refusal(text: Bytes, call: Call) -> Self {
        AnswerBody { kind: Kind::Refusal(text), call, web: None }
    }

    /// The same, written as gRPC-Web has it.
    pub(crate) fn written_as(self, web: Option<Encoding>) -> Self {
        AnswerBody { web, ..self }
    }

    /// One that ends with UNAVAILABLE when it waits for something to say and its connection is `leaving`, which may be because
    /// the server is `closing`.
    pub(crate) fn stream(
        body: axum::body::Body,
        call: Call,
        leaving: CancellationToken,
        closing: CancellationToken,
    ) -> Self {
        let left = Box::pin(leaving.cancelled_owned());
        AnswerBody { kind: Kind::Stream { body, left, closing }, call, web: None }
    }

    /// One that is there already, and that its client has not taken.
    pub(crate) fn encoded(answer: Encoded, mut call: Call, untaken: Untaken) -> Self {
        if let Some(trailers) = &answer.trailers {
            call.note_status(trailers);
        }
        AnswerBody { kind: Kind::Encoded { answer, _untaken: untaken }, call, web: None }
    }
}

/// An answer that is encoded already, so that what it was made of is gone and how large it is can be told.
pub(crate) struct Encoded {
    message: Option<Bytes>,
    trailers: Option<HeaderMap>,
    room: Reservation,
}

impl Encoded {
    /// Reads a body to its end, if there is room for it.
    ///
    /// # Errors
    ///
    /// RESOURCE_EXHAUSTED if there is none.
    pub(crate) async fn read(body: axum::body::Body, room: Reservation) -> Result<Self, Status> {
        let mut body = pin!(body);
        let mut answer = Encoded { message: None, trailers: None, room };
        while let Some(frame) = future::poll_fn(|context| body.as_mut().poll_frame(context)).await {
            let frame = frame.map_err(|error| {
                tracing::error!(%error, "an answer could not be encoded");
                status::internal()
            })?;
            match frame.into_data() {
                Ok(data) => {
                    answer.room.add(data.len())?;
                    // There is but one, as a rule.
                    answer.message = Some(match answer.message {
                        None => data,
                        Some(before) => joined(&before, &data),
                    });
                }
                Err(frame) => answer.trailers = frame.into_trailers().ok(),
            }
        }
        Ok(answer)
    }

    /// What has not been taken of it, in its order.
    fn next_frame(&mut self) -> Option<Frame<Bytes>> {
        self.message.take().map(Frame::data).or_else(|| self.trailers.take().map(Frame::trailers))
    }
}

fn joined(before: &[u8], after: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(before.len() + after.len());
    bytes.extend_from_slice(before);
    bytes.extend_from_slice(after);
    bytes.freeze()
}

/// A part of an answer, `None` at its end.
type Part = Option<Result<Frame<Bytes>, axum::Error>>;

impl AnswerBody {
    /// What comes next, as gRPC has it.
    fn poll_part(&mut self, context: &mut Context<'_>) -> Poll<Part> {
        let AnswerBody { kind, call, .. } = self;
        let (body, left, closing) = match kind {
            Kind::Refusal(text) => {
                let text = std::mem::take(text);
                return Poll::Ready((!text.is_empty()).then(|| Ok(Frame::data(text))));
            }
            Kind::Encoded { answer, .. } => return Poll::Ready(answer.next_frame().map(Ok)),
            Kind::Stream { body, left, closing } => (body, left, closing),
        };
        if let Poll::Ready(frame) = Pin::new(body).poll_frame(context) {
            if let Some(trailers) = frame.as_ref().and_then(|it| it.as_ref().ok()?.trailers_ref()) {
                call.note_status(trailers);
            }
            return Poll::Ready(frame);
        }
        std::task::ready!(left.as_mut().poll(context));
        let status = if closing.is_cancelled() { status::draining() } else { status::connection_closes() };
        *kind = Kind::Refusal(Bytes::new());
        let mut trailers = HeaderMap::new();
        if let Err(status) = status.add_header(&mut trailers) {
            return Poll::Ready(Some(Err(axum::Error::new(status))));
        }
        call.note_status(&trailers);
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Part> {
        let part = self.poll_part(context);
        match self.web {
            None => part,
            Some(web) => part.map_ok(|frame| web.encode(frame)),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Encoded { answer, .. } => answer.message.is_none() && answer.trailers.is_none(),
            Kind::Stream { body, .. } => body.is_end_stream(),
            Kind::Refusal(text) => text.is_empty(),
        }
    }
}
