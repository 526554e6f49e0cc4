//! What gRPC's own services tell of a recommender: for `playlist doctor`, and not part of the API.

use http::uri::PathAndQuery;
use proto::standard::{
    CHECK, Codec, HealthCheckRequest, HealthCheckResponse, SERVER_REFLECTION_INFO, ServerReflectionRequest,
    ServerReflectionResponse,
};
use tonic::{Response, Status, client::Grpc};

use super::Client;
use crate::{error::Error, transport::Transport};

impl Client {
    /// Whether a service of the server says that it serves; the whole server if `service` is empty.
    #[doc(hidden)]
    pub async fn is_serving(&self, service: &str) -> Result<bool, Error> {
        let request = HealthCheckRequest { service: service.to_owned() };
        let transport = self.transport();
        let answer: HealthCheckResponse = self
            .call("Health/Check", request, |_, request| {
                let mut grpc = Grpc::new(transport.clone());
                async move {
                    ready(&mut grpc).await?;
                    let codec = Codec::<HealthCheckRequest, HealthCheckResponse>::default();
                    grpc.unary(request, PathAndQuery::from_static(CHECK), codec).await
                }
            })
            .await?;
        Ok(answer.status == HealthCheckResponse::SERVING)
    }

    /// The full names of the services that the server says it has.
    #[doc(hidden)]
    pub async fn list_services(&self) -> Result<Vec<String>, Error> {
        let request = ServerReflectionRequest { list_services: Some(String::new()) };
        let transport = self.transport();
        let answer = self
            .call("ServerReflectionInfo", request, |_, request| {
                let mut grpc = Grpc::new(transport.clone());
                async move {
                    ready(&mut grpc).await?;
                    let codec = Codec::<ServerReflectionRequest, ServerReflectionResponse>::default();
                    let path = PathAndQuery::from_static(SERVER_REFLECTION_INFO);
                    // One question and its answer: whether others could follow makes no difference on the wire.
                    let mut answers = grpc.server_streaming(request, path, codec).await?.into_inner();
                    answers.message().await.map(|answer| Response::new(answer.unwrap_or_default()))
                }
            })
            .await?;
        let services = answer.list_services_response.unwrap_or_default().service;
        Ok(services.into_iter().map(|service| service.name).collect())
    }

    fn transport(&self) -> Transport {
        self.shared.transport.clone()
    }
}

/// As generated clients wait for the transport.
async fn ready(grpc: &mut Grpc<Transport>) -> Result<(), Status> {
    grpc.ready().await.map_err(|error| Status::unknown(format!("the connection was not ready: {error}")))
}
