//! The body of a request while it is received.

use std::{
    collections::VecDeque,
    error::Error as StdError,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use http::Version;
use hyper::body::{Body, Frame, Incoming};

use crate::{
    admission::{Admission, Reservation},
    grpc_web::{Decoder, Encoding},
    methods::Method,
    status,
};

type BoxError = Box<dyn StdError + Send + Sync>;

/// The longest body that is waited for: the largest message that tonic decodes, and what stands before it. tonic refuses a longer one
/// by its first bytes.
const MAX_BODY: usize = 4 * 1024 * 1024 + 5;

/// Parts below this are copied together.
const SMALL_PART: usize = 4 * 1024;

/// A request's body, for which there must be room. One that did not come at once is refused if the queue is full when it has
/// come, as one that came at once was when its call began.
///
/// Unless it is a stream, it comes as a whole: tonic takes memory for a message as soon as its length is told, which a client
/// that never sends it would have for nothing.
pub(crate) struct RequestBody {
    body: Incoming,
    admission: Arc<Admission>,
    reservation: Reservation,
    method: Method,
    was_waited_for: bool,
    received: Received,
    is_whole: bool,
    /// Of gRPC-Web in text.
    decoder: Option<Decoder>,
    /// Whether the connection is over HTTP/1, which tells of a body that will not be whole by its error alone.
    is_http1: bool,
}

/// What has come of a body and was not handed on.
#[derive(Default)]
struct Received {
    parts: VecDeque<Bytes>,
    /// The small ones after these, copied together: each may keep a much larger buffer alive.
    small: BytesMut,
    length: usize,
}

impl Received {
    fn add(&mut self, part: Bytes) {
        self.length += part.len();
        // The usual request is one small part.
        if part.len() < SMALL_PART && self.length > part.len() {
            self.small.extend_from_slice(&part);
            if self.small.len() < SMALL_PART {
                return;
            }
        }
        let small = self.small.split().freeze();
        let has_part = part.len() >= SMALL_PART || self.length == part.len();
        self.parts.extend(
            [small, if has_part { part } else { Bytes::new() }].into_iter().filter(|it| !it.is_empty()),
        );
    }

    fn next(&mut self) -> Option<Bytes> {
        let part = self
            .parts
            .pop_front()
            .or_else(|| Some(self.small.split().freeze()).filter(|it| !it.is_empty()))?;
        self.length -= part.len();
        Some(part)
    }
}

impl RequestBody {
    /// The body of a request for `method`, over `version` of HTTP.
    pub(crate) fn new(
        body: Incoming,
        admission: &Arc<Admission>,
        method: Method,
        version: Version,
        web: Option<Encoding>,
    ) -> Self {
        RequestBody {
            decoder: (web == Some(Encoding::Text)).then(Decoder::default),
            is_http1: version < Version::HTTP_2,
            body,
            admission: Arc::clone(admission),
            reservation: admission.reservation(),
            method,
            was_waited_for: false,
            received: Received::default(),
            is_whole: false,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    /// A [`Status`](tonic::Status).
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        while !self.is_whole {
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
                self.was_waited_for = true;
                return Poll::Pending;
            };
            if self.was_waited_for && self.method.is_computed() {
                self.was_waited_for = false;
                if let Err(status) = self.admission.check_queue() {
                    return Poll::Ready(Some(Err(status.into())));
                }
            }
            match frame {
                None => self.is_whole = true,
                Some(Err(_)) if self.is_http1 => return Poll::Ready(Some(Err(status::cut_short().into()))),
                // The client or its connection has gone, and the call ends with its stream, as cancelled. tonic would take an error
                // for a fault of ours. Should the stream live, the call has its deadline.
                Some(Err(_)) => return Poll::Pending,
                // Trailers mean nothing in a request.
                Some(Ok(frame)) => {
                    if let Ok(mut data) = frame.into_data() {
                        if let Some(decoder) = &mut self.decoder {
                            data = match decoder.decode(&data) {
                                Ok(data) => data,
                                Err(status) => return Poll::Ready(Some(Err(status.into()))),
                            };
                        }
                        if let Err(status) = self.reservation.add(data.len()) {
                            return Poll::Ready(Some(Err(status.into())));
                        }
                        self.received.add(data);
                    }
                    self.is_whole = self.body.is_end_stream();
                }
            }
            if self.is_whole
                && let Some(Err(status)) = self.decoder.as_ref().map(Decoder::end)
            {
                return Poll::Ready(Some(Err(status.into())));
            }
            // An empty part of a stream says nothing.
            let is_something = self.method.is_stream() && self.received.length > 0;
            if is_something || self.received.length > MAX_BODY {
                break;
            }
        }
        Poll::Ready(self.received.next().map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.received.length == 0 && (self.is_whole || self.body.is_end_stream())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_received_is_handed_on_in_order_whatever_its_parts() {
        for sizes in
            [&[5][..], &[1; 9_000], &[16_384, 1, 1, 16_384, 3], &[10, 5_000, 4_095, 4_096, 1], &[0, 7, 0]]
        {
            let mut received = Received::default();
            let mut expected = Vec::new();
            for (number, size) in sizes.iter().enumerate() {
                let part = vec![number as u8; *size];
                expected.extend_from_slice(&part);
                received.add(part.into());
            }
            let parts: Vec<Bytes> = std::iter::from_fn(|| received.next()).collect();
            assert_eq!(parts.concat(), expected, "{sizes:?}");
            assert!(parts.len() <= 1 + expected.len() / 1_000, "{} parts", parts.len());
            assert_eq!(received.length, 0);
        }
    }
}
