//! Messages of gRPC's own services, as far as a client asks them: `grpc.health.v1.Health` and
//! `grpc.reflection.v1.ServerReflection`. gRPC fixes their names, numbers and types.

use prost::Message;

/// Encodes requests of type `Q` and decodes answers of type `A`.
pub type Codec<Q, A> = tonic_prost::ProstCodec<Q, A>;

/// The path of `Check`, which answers a [`HealthCheckRequest`] with a [`HealthCheckResponse`].
pub const CHECK: &str = "/grpc.health.v1.Health/Check";
/// The path of the stream that answers each [`ServerReflectionRequest`] with a [`ServerReflectionResponse`].
pub const SERVER_REFLECTION_INFO: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

/// Asks for the health of a service; of the whole server if the name is empty.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct HealthCheckRequest {
    /// Its full name, as `playlist.v1.PlaylistService`.
    #[prost(string, tag = "1")]
    pub service: String,
}

/// The health of a service.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct HealthCheckResponse {
    /// 1 for SERVING, 2 for NOT_SERVING.
    #[prost(int32, tag = "1")]
    pub status: i32,
}

impl HealthCheckResponse {
    /// The status of what serves.
    pub const SERVING: i32 = 1;
}

/// Asks what a server offers.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ServerReflectionRequest {
    /// Asks for the services; what stands in it does not matter.
    #[prost(string, optional, tag = "7")]
    pub list_services: Option<String>,
}

/// What a server offers.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ServerReflectionResponse {
    /// The services, if those were asked for.
    #[prost(message, optional, tag = "6")]
    pub list_services_response: Option<ListServiceResponse>,
}

/// The services of a server.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ListServiceResponse {
    /// One entry for each.
    #[prost(message, repeated, tag = "1")]
    pub service: Vec<ServiceResponse>,
}

/// A service of a server.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ServiceResponse {
    /// Its full name.
    #[prost(string, tag = "1")]
    pub name: String,
}
