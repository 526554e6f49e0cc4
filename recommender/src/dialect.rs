//! How a call is spoken.

use http::{HeaderMap, HeaderValue, Method as HttpMethod, Request, header};

use crate::{grpc_web::Encoding, methods::Method};

/// How a call is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Grpc,
    GrpcWeb(Encoding),
    /// JSON, or what a browser shows.
    Rest {
        /// Whether the answer is asked for without its body.
        is_head: bool,
    },
}

impl Dialect {
    /// That of a request for `method`.
    pub(crate) fn of<B>(method: Method, request: &Request<B>) -> Self {
        let content_type =
            request.headers().get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        let rest = Dialect::Rest { is_head: request.method() == HttpMethod::HEAD };
        // What a route takes it takes whatever it claims to be.
        if method.is_route() {
            rest
        } else if let Some(encoding) = Encoding::of(content_type) {
            Dialect::GrpcWeb(encoding)
        } else if method == Method::Other && !content_type.starts_with(b"application/grpc") {
            rest
        } else {
            Dialect::Grpc
        }
    }

    /// How bodies of gRPC-Web are written.
    pub(crate) fn web(self) -> Option<Encoding> {
        match self {
            Dialect::GrpcWeb(encoding) => Some(encoding),
            Dialect::Grpc | Dialect::Rest { .. } => None,
        }
    }

    /// Has the head of an answer of gRPC tell that it is gRPC-Web, if it is.
    pub(crate) fn tell(self, headers: &mut HeaderMap) {
        if let Dialect::GrpcWeb(encoding) = self {
            headers.insert(header::CONTENT_TYPE, encoding.content_type());
        }
    }
}
