//! Puts the parts together, and takes them apart in order.

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use model::Volume;
use proto::v1::playlist_service_server::PlaylistServiceServer;
use tokio::{
    net::TcpListener,
    task::{JoinError, JoinSet},
    time,
};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_health::pb::health_server::HealthServer;

use crate::{
    Settings,
    admission::Admission,
    calls::Destination,
    connections::Connections,
    health::Health,
    live_model::LiveModel,
    metrics::Metrics,
    metrics_server::{self, Pages},
    origins::Origins,
    refresh::Refresher,
    rest::Rest,
    secret_files::SecretError,
    security::Secrets,
    service::Playlists,
};

/// The time that a scrape in flight is given at the very end; one takes a millisecond.
const LAST_SCRAPE: Duration = Duration::from_millis(250);

/// Why the server could not start, or did not end well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// An address is taken, or not this host's.
    #[error("cannot listen on `{address}`; choose another address with `{flag}`")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The flag that sets it.
        flag: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// A certificate, a key or the tokens cannot be used.
    #[error("cannot start: a file with secrets cannot be used")]
    Secret(#[from] SecretError),
    /// The descriptors that were built in are not valid: a fault of this build.
    #[error("the service cannot describe itself; this build is at fault")]
    Reflection(#[source] tonic_reflection::server::Error),
    /// A part of the server ended that runs as long as the server does: a fault of this build.
    #[error("a part of the server ended by itself; the log tells why")]
    TaskEnded(#[source] Option<JoinError>),
    /// The hard limit: calls were still in flight when the grace period was over, and were cut off.
    #[error(
        "calls that were cut off because they did not end within the grace period of {} s: {calls}",
        grace_period.as_secs_f64()
    )]
    CutOff {
        /// How many.
        calls: usize,
        /// The time that they were given.
        grace_period: Duration,
    },
}

/// A server with its addresses taken, before it answers.
pub struct Server {
    settings: Settings,
    secrets: Secrets,
    listener: TcpListener,
    local_addr: SocketAddr,
    metrics_listener: TcpListener,
    metrics_addr: SocketAddr,
}

impl Server {
    /// Reads certificates and tokens and takes the addresses. Connections wait until [`serve`](Self::serve) accepts them; the volume is not looked at yet.
    ///
    /// # Errors
    ///
    /// If a file with secrets cannot be used, or an address is taken or not this host's.
    pub async fn bind(settings: Settings) -> Result<Self, ServeError> {
        let secrets = Secrets::read(&settings.security)?;
        let (listener, local_addr) = bind(settings.listen, "--listen").await?;
        let (metrics_listener, metrics_addr) = bind(settings.metrics_listen, "--metrics-listen").await?;
        Ok(Server { settings, secrets, listener, local_addr, metrics_listener, metrics_addr })
    }

    /// The address that calls are served on, with the port that was taken for port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The address that `/metrics`, `/healthz` and `/readyz` are served on.
    pub fn metrics_addr(&self) -> SocketAddr {
        self.metrics_addr
    }

    /// Serves until `stop` is ready, then drains: health turns NOT_SERVING, connections are accepted for the drain delay,
    /// streams end with UNAVAILABLE, clients are told to go away, and calls in flight are answered. Takes at most the drain
    /// delay and the grace period.
    ///
    /// # Errors
    ///
    /// If calls had to be cut off at the end of the grace period. Connections without calls are not counted.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Result<(), ServeError> {
        let Server { settings, secrets, listener, local_addr, metrics_listener, metrics_addr } = self;
        let live = Arc::new(LiveModel::default());
        let mut metrics = Metrics::new(Arc::clone(&live));
        let gate = secrets.gate(metrics.registry());
        let metrics = Arc::new(metrics);
        let health = Health::new().await;
        let admission = Arc::new(Admission::new(settings.limits.max_queued_calls, Arc::clone(&metrics)));
        let playlists = Arc::new(Playlists::new(
            Arc::clone(&live),
            Arc::clone(&metrics),
            Arc::clone(&admission),
            &settings.served_by,
        ));
        let routes = routes(&settings, &playlists, &health)?;
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            revision = model::REVISION,
            address = %local_addr,
            metrics_address = %metrics_addr,
            ?settings,
            "serving"
        );

        // They end with this function, at the latest when the sets are dropped.
        let mut tasks = JoinSet::new();
        let volume = Volume::new(&settings.model_dir);
        let refresher =
            Refresher::new(volume, Arc::clone(&live), Arc::clone(&metrics), settings.poll_interval);
        tasks.spawn(refresher.run());
        tasks.spawn(secrets.follow(settings.poll_interval));
        let draining = CancellationToken::new();
        let pages =
            Pages { metrics: Arc::clone(&metrics), live: Arc::clone(&live), draining: draining.clone() };
        let drained = CancellationToken::new();
        tasks.spawn(metrics_server::serve(metrics_listener, Arc::new(pages), drained.clone()));
        let mut readiness = JoinSet::new();
        readiness.spawn(health.follow(Arc::clone(&live), draining.clone()));
        let rest = Rest {
            playlists,
            live,
            draining: draining.clone(),
            page: settings.security.page,
            describes_itself: settings.security.reflection,
        };
        let destination = Destination {
            routes,
            rest,
            origins: Origins::new(settings.security.cors_allow_origin.clone()),
            authentication: gate.authentication,
            admission,
            metrics,
            draining: draining.clone(),
            closing: CancellationToken::new(),
        };
        let mut connections = Connections::new(
            listener,
            gate.handshakes,
            Arc::new(destination),
            settings.limits.clone(),
            settings.grace_period,
        );

        tokio::select! {
            () = stop => {}
            () = connections.accept() => {}
            ended = tasks.join_next() => return Err(ServeError::TaskEnded(ended.and_then(Result::err))),
            ended = readiness.join_next() => return Err(ServeError::TaskEnded(ended.and_then(Result::err))),
        }

        tracing::info!(
            drain_delay = ?settings.drain_delay,
            grace_period = ?settings.grace_period,
            connections = connections.len(),
            "draining"
        );
        draining.cancel();
        // Whoever asks or watches hears NOT_SERVING before anything ends.
        readiness.join_next().await;
        let _ = time::timeout(settings.drain_delay, connections.accept()).await;
        let cut_off = connections.close().await;
        // It answered through the whole drain; only it ends by itself.
        drained.cancel();
        let _ = time::timeout(LAST_SCRAPE, tasks.join_next()).await;
        match cut_off {
            0 => {
                tracing::info!("drained: every call was answered");
                Ok(())
            }
            calls => Err(ServeError::CutOff { calls, grace_period: settings.grace_period }),
        }
    }
}

async fn bind(address: SocketAddr, flag: &'static str) -> Result<(TcpListener, SocketAddr), ServeError> {
    let bind_error = |source| ServeError::Bind { address, flag, source };
    // Tokio sets SO_REUSEADDR, so a restart needs not wait for the connections of the process before.
    let listener = TcpListener::bind(address).await.map_err(bind_error)?;
    let local_addr = listener.local_addr().map_err(bind_error)?;
    Ok((listener, local_addr))
}

/// All services of gRPC.
fn routes(settings: &Settings, playlists: &Arc<Playlists>, health: &Health) -> Result<Router, ServeError> {
    let descriptors = || {
        tonic_reflection::server::Builder::configure()
            // Each version of reflection would only list itself.
            .include_reflection_service(false)
            .register_encoded_file_descriptor_set(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // Not part of any method; clients look them up to show the details of an error.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    let mut routes = Routes::new(PlaylistServiceServer::from_arc(Arc::clone(playlists)))
        .add_service(HealthServer::new(health.service()));
    if settings.security.reflection {
        routes = routes
            .add_service(descriptors().build_v1().map_err(ServeError::Reflection)?)
            .add_service(descriptors().build_v1alpha().map_err(ServeError::Reflection)?);
    }
    Ok(routes.prepare().into_axum_router())
}
