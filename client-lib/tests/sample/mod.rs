// The service of the tests, and of the examples in the documentation: it answers as it is told.

use std::{
    net::{SocketAddr, TcpListener},
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{Stream, StreamExt as _};
use proto::v1::{
    self,
    playlist_service_server::{PlaylistService, PlaylistServiceServer},
};
use tokio::{
    runtime::Runtime,
    sync::{Semaphore, oneshot},
    task::JoinHandle,
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

type Answer<Q, A> = Box<dyn Fn(Q) -> Result<A, Status> + Send + Sync>;
pub(crate) type Models = Pin<Box<dyn Stream<Item = Result<v1::WatchModelResponse, Status>> + Send>>;

/// What is answered to each call.
pub(crate) struct Sample {
    pub(crate) recommend: Answer<v1::RecommendRequest, v1::RecommendResponse>,
    pub(crate) search_songs: Answer<v1::SearchSongsRequest, v1::SearchSongsResponse>,
    pub(crate) model_info: Answer<v1::ModelInfoRequest, v1::ModelInfoResponse>,
    pub(crate) watch_model: Answer<v1::WatchModelRequest, Models>,
    /// The calls to `Recommend` that came.
    pub(crate) arrivals: Arc<Mutex<Vec<Arrival>>>,
    /// How many more times `Recommend` answers; it waits when there are none.
    pub(crate) answers: Arc<Semaphore>,
}

/// A call that came.
pub(crate) struct Arrival {
    pub(crate) seeds: Vec<String>,
    /// The time that it still had, as HTTP tells it.
    pub(crate) timeout: Option<String>,
}

impl Sample {
    /// A service that never answers to `Recommend`.
    pub(crate) fn silent() -> Self {
        Self { answers: Arc::new(Semaphore::new(0)), ..Self::default() }
    }
}

impl Default for Sample {
    /// A service that knows one song.
    fn default() -> Self {
        let humble = || v1::Song {
            title: "HUMBLE.".to_owned(),
            artist: "Kendrick Lamar".to_owned(),
            uri: "sample:track:humble".to_owned(),
            support_count: 26,
        };
        Self {
            recommend: Box::new(move |request| {
                Ok(v1::RecommendResponse {
                    songs: vec![v1::Recommendation { song: Some(humble()), ..Default::default() }],
                    unknown_songs: request.songs.into_iter().skip(1).collect(),
                    ..Default::default()
                })
            }),
            search_songs: Box::new(move |_| {
                Ok(v1::SearchSongsResponse { songs: vec![humble()], ..Default::default() })
            }),
            model_info: Box::new(|_| {
                Ok(v1::ModelInfoResponse { version: "1.0.0".to_owned(), ..Default::default() })
            }),
            watch_model: Box::new(|_| {
                let model = v1::WatchModelResponse::default();
                Ok(futures_util::stream::iter([Ok(model)]).boxed())
            }),
            arrivals: Arc::default(),
            answers: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
        }
    }
}

#[tonic::async_trait]
impl PlaylistService for Sample {
    async fn recommend(
        &self,
        request: Request<v1::RecommendRequest>,
    ) -> Result<Response<v1::RecommendResponse>, Status> {
        let timeout = request.metadata().get("grpc-timeout").map(|text| text.to_str().unwrap().to_owned());
        self.arrivals.lock().unwrap().push(Arrival { seeds: request.get_ref().songs.clone(), timeout });
        self.answers.acquire().await.unwrap().forget();
        (self.recommend)(request.into_inner()).map(Response::new)
    }

    async fn search_songs(
        &self,
        request: Request<v1::SearchSongsRequest>,
    ) -> Result<Response<v1::SearchSongsResponse>, Status> {
        (self.search_songs)(request.into_inner()).map(Response::new)
    }

    async fn model_info(
        &self,
        request: Request<v1::ModelInfoRequest>,
    ) -> Result<Response<v1::ModelInfoResponse>, Status> {
        (self.model_info)(request.into_inner()).map(Response::new)
    }

    type WatchModelStream = Models;

    async fn watch_model(&self, request: Request<v1::WatchModelRequest>) -> Result<Response<Models>, Status> {
        (self.watch_model)(request.into_inner()).map(Response::new)
    }
}

/// A service on a runtime of its own. Dropping it is a crash: its connections are cut.
pub(crate) struct Server {
    address: SocketAddr,
    url: String,
    runtime: Option<Runtime>,
    stop: oneshot::Sender<()>,
    end: JoinHandle<Result<(), tonic::transport::Error>>,
}

impl Server {
    pub(crate) fn start(sample: Sample) -> Self {
        Self::start_on(([127, 0, 0, 1], 0).into(), sample, None)
    }

    /// Starts on an address that another server has left. Each connection gets a GOAWAY at `max_age`.
    pub(crate) fn start_on(address: SocketAddr, sample: Sample, max_age: Option<Duration>) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let end = runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let mut server = tonic::transport::Server::builder();
            if let Some(age) = max_age {
                server = server.max_connection_age(age);
            }
            server
                .add_service(PlaylistServiceServer::new(sample))
                .serve_with_incoming_shutdown(TcpListenerStream::new(listener), async {
                    let _ = stopped.await;
                })
                .await
        });
        Self { address, url: format!("http://{address}"), runtime: Some(runtime), stop, end }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops as a well-behaved server does: GOAWAY, then the end of the calls under way.
    pub(crate) async fn stop(mut self) {
        let runtime = self.runtime.take();
        let (stop, _) = oneshot::channel();
        let _ = std::mem::replace(&mut self.stop, stop).send(());
        (&mut self.end).await.unwrap().unwrap();
        shut_down(runtime);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        shut_down(self.runtime.take());
    }
}

/// Ends a runtime with all that it holds, so that its port is free. It must not be waited for on a thread of
/// another.
fn shut_down(runtime: Option<Runtime>) {
    let _ = std::thread::spawn(|| drop(runtime)).join();
}
