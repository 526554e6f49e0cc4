//! What the answers to some calls have besides: those to pages from elsewhere, and those over HTTP/1.1.

use std::convert::Infallible;

use http::{HeaderMap, HeaderValue, Request, Response, Version, header};
use tokio_util::sync::CancellationToken;

use crate::origins;

/// What is added to the head of an answer.
pub(crate) struct Rim {
    allowed_origin: Option<HeaderValue>,
    http1: Option<Http1>,
}

/// What ends a connection over HTTP/1.1 with an answer.
struct Http1 {
    leaving: CancellationToken,
    draining: CancellationToken,
    is_last: bool,
}

impl Rim {
    /// That of the answer to `request`, which a page of `allowed_origin` may read; `None` if there is nothing to add, as with any call of gRPC.
    ///
    /// A client over HTTP/1.1 is not told to go away but with an answer. It is when its connection is `leaving` or the server is `draining`.
    pub(crate) fn of<B>(
        request: &Request<B>,
        allowed_origin: Option<HeaderValue>,
        leaving: &CancellationToken,
        draining: &CancellationToken,
    ) -> Option<Self> {
        let http1 = (request.version() < Version::HTTP_2).then(|| Http1 {
            leaving: leaving.clone(),
            draining: draining.clone(),
            // Nothing after a body whose length its sender and we may tell differently is taken for a request (RFC 9112, section 11.2).
            is_last: request.headers().contains_key(header::TRANSFER_ENCODING),
        });
        (http1.is_some() || allowed_origin.is_some()).then_some(Rim { allowed_origin, http1 })
    }

    /// Adds it.
    pub(crate) async fn around<B>(
        self,
        answer: impl Future<Output = Result<Response<B>, Infallible>>,
    ) -> Result<Response<B>, Infallible> {
        let mut response = answer.await?;
        self.add(response.headers_mut());
        Ok(response)
    }

    fn add(self, headers: &mut HeaderMap) {
        if let Some(origin) = self.allowed_origin {
            origins::let_read(headers, origin);
        }
        if let Some(Http1 { leaving, draining, is_last }) = self.http1
            && (is_last || leaving.is_cancelled() || draining.is_cancelled())
        {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}
