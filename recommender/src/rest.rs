//! The routes that are no gRPC: REST, health, and the page. They translate to the service and back; what is right, and what is answered, the
//! service alone decides.

use std::sync::Arc;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method as HttpMethod, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use prost_types::Timestamp;
use proto::v1::{
    ModelInfoRequest, RecommendResponse, Recommendation, SeedMatch,
    playlist_service_server::PlaylistService as _,
};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::{
    deadline::Deadline, live_model::LiveModel, methods::Method, openapi, origins, page,
    request_body::RequestBody, rest_requests, service::Playlists, status,
};

/// The longest body that is taken, in bytes: as large as the largest message of gRPC.
const MAX_BODY: usize = 4 * 1024 * 1024;

/// What the routes lead to.
pub(crate) struct Rest {
    pub(crate) playlists: Arc<Playlists>,
    pub(crate) live: Arc<LiveModel>,
    /// Cancelled when the replica drains.
    pub(crate) draining: CancellationToken,
    /// Whether there is a page.
    pub(crate) page: bool,
    /// Whether the service describes itself.
    pub(crate) describes_itself: bool,
}

/// A playlist as the service of old gave it, and all that the contract tells besides.
#[derive(Serialize)]
struct Playlist<'a> {
    songs: Vec<&'a str>,
    version: &'a str,
    #[serde(serialize_with = "proto::json::time")]
    model_date: Option<Timestamp>,
    model_version: &'a str,
    served_by: &'a str,
    recommendations: &'a [Recommendation],
    unknown_songs: &'a [String],
    seeds: &'a [SeedMatch],
    excluded_songs: &'a [SeedMatch],
}

impl<'a> Playlist<'a> {
    fn of(response: &'a RecommendResponse) -> Self {
        let RecommendResponse {
            songs,
            version,
            model_date,
            model_version,
            served_by,
            unknown_songs,
            seeds,
            excluded_songs,
        } = response;
        let titles = songs.iter().filter_map(|it| it.song.as_ref()).map(|song| song.title.as_str());
        Playlist {
            songs: titles.collect(),
            version,
            model_date: *model_date,
            model_version,
            served_by,
            recommendations: songs,
            unknown_songs,
            seeds,
            excluded_songs,
        }
    }
}

/// What probes are told.
#[derive(Serialize)]
struct Health {
    status: &'static str,
}

const SERVING: Health = Health { status: "SERVING" };

impl Rest {
    /// Answers a request for the route `method`, or for one that there is not.
    ///
    /// # Errors
    ///
    /// Those of the service, NOT_FOUND, UNIMPLEMENTED where the method of HTTP is another one, and OUT_OF_RANGE for too large a body.
    pub(crate) async fn answer(
        &self,
        method: Method,
        request: Request<RequestBody>,
    ) -> Result<Response<Body>, Status> {
        let is_head = request.method() == HttpMethod::HEAD;
        let response = if method == Method::Options {
            self.options(Method::of(request.uri().path()), request.headers())?
        } else {
            self.check_method(method, request.method())?;
            self.content(method, request).await?
        };
        Ok(finish(response, is_head).map(Body::from))
    }

    async fn content(
        &self,
        method: Method,
        request: Request<RequestBody>,
    ) -> Result<Response<Bytes>, Status> {
        match method {
            Method::PostRecommend => {
                let deadline = Deadline::of_request(&request);
                let request = rest_requests::recommend(&read(request).await?)?;
                let response = self.playlists.recommend(with_deadline(request, deadline)).await?;
                json(&Playlist::of(response.get_ref()))
            }
            Method::GetSongs => {
                let deadline = Deadline::of_request(&request);
                let request = rest_requests::search_songs(request.uri().query().unwrap_or_default())?;
                json(self.playlists.search_songs(with_deadline(request, deadline)).await?.get_ref())
            }
            Method::GetModel => {
                let request = tonic::Request::new(ModelInfoRequest {});
                json(self.playlists.model_info(request).await?.get_ref())
            }
            Method::GetHealthz => json(&SERVING),
            Method::GetReadyz if self.draining.is_cancelled() => Err(status::draining()),
            Method::GetReadyz if self.live.snapshot().is_none() => Err(status::no_model()),
            Method::GetReadyz => json(&SERVING),
            Method::GetOpenApi => Ok(json_response(openapi::document())),
            _ => page::answer(request.uri().path(), request.headers()).ok_or_else(status::no_such_route),
        }
    }

    /// The methods of HTTP that `method` takes; `None` if there is no such route.
    fn methods(&self, method: Method) -> Option<&'static str> {
        match method {
            Method::Other => None,
            Method::GetPage if !self.page => None,
            Method::GetOpenApi if !self.describes_itself => None,
            method => Some(methods(method)),
        }
    }

    fn check_method(&self, method: Method, http_method: &HttpMethod) -> Result<(), Status> {
        let methods = self.methods(method).ok_or_else(status::no_such_route)?;
        if methods.split(", ").any(|it| it == http_method.as_str()) {
            Ok(())
        } else {
            Err(status::method_not_allowed(methods))
        }
    }

    /// Tells the methods of a route; gRPC-Web's are told, too, for a browser asks before a page may use them.
    fn options(&self, method: Method, headers: &HeaderMap) -> Result<Response<Bytes>, Status> {
        let methods = HeaderValue::from_static(self.methods(method).ok_or_else(status::no_such_route)?);
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::NO_CONTENT;
        if headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) && headers.contains_key(header::ORIGIN)
        {
            origins::let_ask(response.headers_mut(), methods.clone());
        }
        response.headers_mut().insert(header::ALLOW, methods);
        Ok(response)
    }
}

/// The methods of HTTP that `method` takes where there is such a route, as `Allow` tells them.
pub(crate) fn methods(method: Method) -> &'static str {
    match method {
        Method::GetSongs
        | Method::GetModel
        | Method::GetOpenApi
        | Method::GetHealthz
        | Method::GetReadyz
        | Method::GetPage => "GET, HEAD, OPTIONS",
        _ => "POST, OPTIONS",
    }
}

fn with_deadline<T>(message: T, deadline: Deadline) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.extensions_mut().insert(deadline);
    request
}

/// The body of a request, whatever its content type.
async fn read(request: Request<RequestBody>) -> Result<Bytes, Status> {
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > MAX_BODY) {
        return Err(status::body_too_large(MAX_BODY));
    }
    let mut body = request.into_body();
    let (mut first, mut joined) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| match error.downcast::<Status>() {
            Ok(status) => *status,
            Err(_) => status::internal(),
        })?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + joined.len() + data.len() > MAX_BODY {
            return Err(status::body_too_large(MAX_BODY));
        }
        // There is but one part, as a rule.
        if first.is_empty() && joined.is_empty() {
            first = data;
        } else {
            joined.extend_from_slice(&std::mem::take(&mut first));
            joined.extend_from_slice(&data);
        }
    }
    Ok(if first.is_empty() { joined.freeze() } else { first })
}

fn json(answer: &impl Serialize) -> Result<Response<Bytes>, Status> {
    match serde_json::to_vec(answer) {
        Ok(text) => Ok(json_response(text.into())),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written as JSON");
            Err(status::internal())
        }
    }
}

fn json_response(text: Bytes) -> Response<Bytes> {
    let mut response = Response::new(text);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// What every answer has that is no gRPC. The answer to HEAD has the length of its body, and no body.
pub(crate) fn finish(mut response: Response<Bytes>, is_head: bool) -> Response<Bytes> {
    let length = response.body().len();
    let has_body = !matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let headers = response.headers_mut();
    if has_body {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // No page from elsewhere may have it as a script or a picture.
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    );
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if is_head {
        response.body_mut().clear();
    }
    response
}
