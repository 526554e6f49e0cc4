/// The methods that are told apart; clients can make up any number of others.
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
    Other,
}

impl Method {
    /// The number of methods, `Other` among them.
    pub(crate) const COUNT: usize = Method::KNOWN.len() + 1;

    const KNOWN: [Method; 8] = [
        Method::Recommend,
        Method::SearchSongs,
        Method::ModelInfo,
        Method::WatchModel,
        Method::Check,
        Method::Watch,
        Method::Reflection,
        Method::ReflectionAlpha,
    ];

    /// The method that the path of a request names.
    pub(crate) fn of(path: &str) -> Self {
        let name = path.strip_prefix('/').unwrap_or(path);
        Method::KNOWN.into_iter().find(|method| method.name() == name).unwrap_or(Method::Other)
    }

    /// The name with its service, as metrics and logs tell it.
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
            Method::Other => "other",
        }
    }

    /// Whether its answer has to be computed. Such calls wait in the queue and are refused when that is full; the others answer
    /// under overload, too.
    pub(crate) fn is_computed(self) -> bool {
        matches!(self, Method::Recommend | Method::SearchSongs)
    }

    /// Whether its answer is a stream, which ends when the client or the server wants.
    pub(crate) fn is_stream(self) -> bool {
        matches!(self, Method::WatchModel | Method::Watch | Method::Reflection | Method::ReflectionAlpha)
    }
}
