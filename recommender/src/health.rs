//! `grpc.health.v1`: readiness follows the model and the drain, liveness neither.

use std::sync::Arc;

use proto::v1::playlist_service_server::SERVICE_NAME;
use tokio_util::sync::CancellationToken;
use tonic_health::{
    ServingStatus,
    server::{HealthReporter, HealthService},
};

use crate::live_model::LiveModel;

/// The name that a liveness probe asks for.
const LIVENESS: &str = "liveness";

/// The names that follow the model: the server as a whole, and the service.
const READINESS: [&str; 2] = ["", SERVICE_NAME];

/// What the replica says of its own health.
pub(crate) struct Health {
    reporter: HealthReporter,
}

impl Health {
    /// Alive and not ready.
    pub(crate) async fn new() -> Self {
        let health = Health {
            // It says SERVING for "" until it is told otherwise.
            reporter: HealthReporter::new(),
        };
        health.set_readiness(ServingStatus::NotServing).await;
        health.reporter.set_service_status(LIVENESS, ServingStatus::Serving).await;
        health
    }

    /// The service that answers probes.
    pub(crate) fn service(&self) -> HealthService {
        HealthService::from_health_reporter(self.reporter.clone())
    }

    /// Turns to SERVING when a model is in service. Ends, NOT_SERVING, when `draining` is cancelled.
    pub(crate) async fn follow(self, live: Arc<LiveModel>, draining: CancellationToken) {
        let mut swaps = live.watch();
        let first_model = async { while live.snapshot().is_none() && swaps.changed().await.is_ok() {} };
        if draining.run_until_cancelled(first_model).await.is_some() {
            self.set_readiness(ServingStatus::Serving).await;
            draining.cancelled().await;
        }
        self.set_readiness(ServingStatus::NotServing).await;
    }

    async fn set_readiness(&self, status: ServingStatus) {
        for name in READINESS {
            self.reporter.set_service_status(name, status).await;
        }
    }
}
