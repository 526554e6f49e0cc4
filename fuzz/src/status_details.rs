use std::{
    pin::Pin,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use client_lib::Client;
use proto::v1::{
    ModelInfoRequest, ModelInfoResponse, RecommendRequest, RecommendResponse, SearchSongsRequest,
    SearchSongsResponse, WatchModelRequest, WatchModelResponse,
    playlist_service_server::{PlaylistService, PlaylistServiceServer},
};
use tokio::{net::TcpListener, runtime::Runtime};
use tokio_stream::{Stream, wrappers::TcpListenerStream};
use tonic::{Code, Request, Response, Status, transport::Server};

/// Whatever details a service or a proxy sends with a status, the client tells an error. The first byte is the code.
pub fn status_details(data: &[u8]) {
    let Some((code, details)) = data.split_first() else {
        return;
    };
    // The codes but for 0, with which no details are sent.
    let code = Code::from(i32::from(code % 16 + 1));
    let service = service();
    *service.answer.lock().unwrap() = (code, Bytes::copy_from_slice(details));
    let error = service.runtime.block_on(service.client.search_songs("humble")).unwrap_err();
    assert!(!error.to_string().is_empty());
}

type Answer = Arc<Mutex<(Code, Bytes)>>;

/// A service that only fails, and its client.
struct Service {
    runtime: Runtime,
    client: Client,
    answer: Answer,
}

fn service() -> &'static Service {
    static SERVICE: OnceLock<Service> = OnceLock::new();
    SERVICE.get_or_init(|| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let answer = Arc::new(Mutex::new((Code::Unknown, Bytes::new())));
        let failing = Failing(Arc::clone(&answer));
        let client = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let server = Server::builder().add_service(PlaylistServiceServer::new(failing));
            tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
            // The pauses between attempts would take nearly all of the time.
            Client::builder(&url).timeout(Duration::from_secs(20)).max_attempts(1).lazy().unwrap()
        });
        Service { runtime, client, answer }
    })
}

struct Failing(Answer);

impl Failing {
    fn status(&self) -> Status {
        let (code, details) = self.0.lock().unwrap().clone();
        Status::with_details(code, "failed", details)
    }
}

#[tonic::async_trait]
impl PlaylistService for Failing {
    async fn recommend(&self, _: Request<RecommendRequest>) -> Result<Response<RecommendResponse>, Status> {
        Err(self.status())
    }

    async fn search_songs(
        &self,
        _: Request<SearchSongsRequest>,
    ) -> Result<Response<SearchSongsResponse>, Status> {
        Err(self.status())
    }

    async fn model_info(&self, _: Request<ModelInfoRequest>) -> Result<Response<ModelInfoResponse>, Status> {
        Err(self.status())
    }

    type WatchModelStream = Pin<Box<dyn Stream<Item = Result<WatchModelResponse, Status>> + Send>>;

    async fn watch_model(
        &self,
        _: Request<WatchModelRequest>,
    ) -> Result<Response<Self::WatchModelStream>, Status> {
        Err(self.status())
    }
}
