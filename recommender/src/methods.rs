//! What is called, by the path of the request.

use http::{Method as HttpMethod, Request};

use crate::page;

/// The methods and routes that are told apart; clients can make up any number of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Recommend,
    SearchSongs,
    ModelInfo,
    WatchModel,
    Check,
    Watch,
    Reflection,
    ReflectionAlpha,
    PostRecommend,
    GetSongs,
    GetModel,
    GetOpenApi,
    GetHealthz,
    GetReadyz,
    GetPage,
    /// What there is at a path, or whether a page may ask, of any of the others.
    Options,
    Other,
}

impl Method {
    /// The number of methods, `Other` among them.
    pub(crate) const COUNT: usize = Method::Other as usize + 1;

    /// Those of gRPC.
    const GRPC: [Method; 8] = [
        Method::Recommend,
        Method::SearchSongs,
        Method::ModelInfo,
        Method::WatchModel,
        Method::Check,
        Method::Watch,
        Method::Reflection,
        Method::ReflectionAlpha,
    ];

    /// The method that a request calls.
    pub(crate) fn of_request<B>(request: &Request<B>) -> Self {
        if request.method() == HttpMethod::OPTIONS {
            Method::Options
        } else {
            Method::of(request.uri().path())
        }
    }

    /// The method that the path of a request names.
    pub(crate) fn of(path: &str) -> Self {
        let name = path.strip_prefix('/').unwrap_or(path);
        let grpc = Method::GRPC.into_iter().find(|method| method.name() == name);
        grpc.unwrap_or_else(|| Method::of_route(path))
    }

    /// Below `/api`, a slash at the end changes nothing: frameworks differ in what they make of it, and clients in what they send.
    fn of_route(path: &str) -> Self {
        let route = match path.strip_suffix('/') {
            Some(route) if path.starts_with("/api/") => route,
            _ => path,
        };
        match route {
            "/api/recommend" | "/api/recommender" => Method::PostRecommend,
            "/api/songs" => Method::GetSongs,
            "/api/model" => Method::GetModel,
            "/api/openapi.json" => Method::GetOpenApi,
            "/healthz" => Method::GetHealthz,
            "/readyz" => Method::GetReadyz,
            _ if page::has(route) => Method::GetPage,
            _ => Method::Other,
        }
    }

    /// The name, as metrics and logs tell it: of gRPC with its service, of a route with its method of HTTP.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Method::Recommend => "playlist.v1.PlaylistService/Recommend",
            Method::SearchSongs => "playlist.v1.PlaylistService/SearchSongs",
            Method::ModelInfo => "playlist.v1.PlaylistService/ModelInfo",
            Method::WatchModel => "playlist.v1.PlaylistService/WatchModel",
            Method::Check => "grpc.health.v1.Health/Check",
            Method::Watch => "grpc.health.v1.Health/Watch",
            Method::Reflection => "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            Method::ReflectionAlpha => "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            Method::PostRecommend => "POST /api/recommend",
            Method::GetSongs => "GET /api/songs",
            Method::GetModel => "GET /api/model",
            Method::GetOpenApi => "GET /api/openapi.json",
            Method::GetHealthz => "GET /healthz",
            Method::GetReadyz => "GET /readyz",
            Method::GetPage => "GET /",
            Method::Options => "OPTIONS",
            Method::Other => "other",
        }
    }

    /// Whether it is a route of REST, a file of the page, or a question of what there is.
    pub(crate) fn is_route(self) -> bool {
        !Method::GRPC.contains(&self) && self != Method::Other
    }

    /// Whether its answer has to be computed. Such calls wait in the queue and are refused when that is full; the others answer
    /// under overload, too.
    pub(crate) fn is_computed(self) -> bool {
        matches!(self, Method::Recommend | Method::SearchSongs | Method::PostRecommend | Method::GetSongs)
    }

    /// Whether its answer is a stream, which ends when the client or the server wants.
    pub(crate) fn is_stream(self) -> bool {
        matches!(self, Method::WatchModel | Method::Watch | Method::Reflection | Method::ReflectionAlpha)
    }

    /// Whether the one who asks decides by it whether the replica lives or gets calls.
    pub(crate) fn is_probe(self) -> bool {
        matches!(self, Method::Check | Method::GetHealthz | Method::GetReadyz)
    }

    /// Whether a call needs a token where tokens are asked for. The probes of Kubernetes cannot send one, and learn nothing but
    /// whether the replica is ready; nor can a browser that opens the page, whose files are no secret, or that asks whether a page may ask.
    pub(crate) fn needs_token(self) -> bool {
        !(self.is_probe() || matches!(self, Method::Watch | Method::GetPage | Method::Options))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_at_the_end_changes_nothing_below_api_and_elsewhere_it_does() {
        for (path, method) in [
            ("/api/recommend", Method::PostRecommend),
            ("/api/recommend/", Method::PostRecommend),
            ("/api/recommender/", Method::PostRecommend),
            ("/api/recommend//", Method::Other),
            ("/api/songs/", Method::GetSongs),
            ("/api/", Method::Other),
            ("/api", Method::Other),
            ("/", Method::GetPage),
            ("//", Method::Other),
            ("/healthz/", Method::Other),
            ("/playlist.v1.PlaylistService/Recommend", Method::Recommend),
            ("/playlist.v1.PlaylistService/Recommend/", Method::Other),
            ("", Method::Other),
        ] {
            assert_eq!(Method::of(path), method, "{path}");
        }
    }
}
