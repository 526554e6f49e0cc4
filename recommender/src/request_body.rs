//! The body of a request while it is received.

use std::{
    error::Error as StdError,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use crate::{
    admission::{Admission, Reservation},
    methods::Method,
};

type BoxError = Box<dyn StdError + Send + Sync>;

/// A request's body, for which there must be room. One that did not come at once is refused if the queue is full when it has
/// come, as one that came at once was when its call began.
pub(crate) struct RequestBody {
    body: Incoming,
    admission: Arc<Admission>,
    reservation: Reservation,
    is_computed: bool,
    was_waited_for: bool,
}

impl RequestBody {
    pub(crate) fn new(body: Incoming, admission: &Arc<Admission>, method: Method) -> Self {
        RequestBody {
            body,
            admission: Arc::clone(admission),
            reservation: admission.reservation(),
            is_computed: method.is_computed(),
            was_waited_for: false,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    /// A [`Status`](tonic::Status), or why the rest of the body does not come.
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
            self.was_waited_for = true;
            return Poll::Pending;
        };
        if self.was_waited_for && self.is_computed {
            self.was_waited_for = false;
            if let Err(status) = self.admission.check_queue() {
                return Poll::Ready(Some(Err(status.into())));
            }
        }
        let bytes = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()).map_or(0, Bytes::len);
        if let Err(status) = self.reservation.add(bytes) {
            return Poll::Ready(Some(Err(status.into())));
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
