use std::{sync::OnceLock, thread, time::Duration};

use bytes::{Buf as _, BufMut as _, Bytes};
use http_path::PathAndQuery;
use prost::Message as _;
use proto::v1::{RecommendRequest, RecommendResponse, SearchSongsRequest, SearchSongsResponse};
use recommender::{Server, Settings};
use tokio::{runtime::Runtime, time};
use tonic::{
    Code, Request, Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri as http_path,
    transport::{Channel, Endpoint},
};

use crate::sample;

/// More than any answer takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A message of any bytes is answered, or refused with a reason; and the service goes on. The first byte chooses the call. It goes through
/// the service's own port, for that is where such bytes come from.
pub fn requests(data: &[u8]) {
    let Some((choice, message)) = data.split_first() else {
        return;
    };
    let service = service();
    let methods = ["Recommend", "SearchSongs", "ModelInfo"];
    let method = methods[usize::from(*choice) % methods.len()];
    let answer = service.call(method, message.to_vec());
    match (method, answer) {
        ("Recommend", Ok(answer)) => {
            let request = RecommendRequest::decode(message).expect("what is answered can be read");
            check_recommendations(&request, &RecommendResponse::decode(answer).unwrap());
        }
        ("SearchSongs", Ok(answer)) => {
            let request = SearchSongsRequest::decode(message).expect("what is answered can be read");
            let answer = SearchSongsResponse::decode(answer).unwrap();
            assert!(
                answer.songs.len() <= if request.page_size == 0 { 10 } else { request.page_size as usize }
            );
        }
        (_, Ok(_)) => {}
        (_, Err(status)) => {
            let can_be_read = match method {
                "Recommend" => RecommendRequest::decode(message).is_ok(),
                "SearchSongs" => SearchSongsRequest::decode(message).is_ok(),
                _ => false,
            };
            // What cannot be decoded is refused by tonic.
            let expected = if can_be_read { Code::InvalidArgument } else { Code::Internal };
            assert_eq!(status.code(), expected, "{method}: {status:?}");
        }
    }
}

fn check_recommendations(request: &RecommendRequest, answer: &RecommendResponse) {
    let limit = if request.limit == 0 { 10 } else { request.limit as usize };
    assert!(answer.songs.len() <= limit);
    assert_eq!(answer.seeds.len(), request.songs.len());
    assert_eq!(answer.excluded_songs.len(), request.exclude_songs.len());
    let uris: Vec<_> = answer.songs.iter().map(|it| it.song.as_ref().unwrap()).collect();
    for (position, song) in uris.iter().enumerate() {
        assert!(!uris[..position].contains(song), "{song:?} is recommended twice");
    }
    for seed in &answer.seeds {
        assert!(seed.song.as_ref().is_none_or(|song| !uris.contains(&song)), "a seed is recommended");
    }
    assert!(answer.songs.iter().all(|it| it.score.is_finite()));
    assert_eq!(answer.model_version, sample().version.as_str());
}

/// A server and a connection to it.
struct Service {
    runtime: Runtime,
    channel: Channel,
}

impl Service {
    fn call(&self, method: &str, message: Vec<u8>) -> Result<Bytes, Status> {
        let path = PathAndQuery::try_from(format!("/playlist.v1.PlaylistService/{method}")).unwrap();
        let mut client = tonic::client::Grpc::new(self.channel.clone());
        self.runtime.block_on(async {
            let call = async {
                client.ready().await.unwrap();
                client.unary(Request::new(message), path, Raw).await
            };
            let answer = time::timeout(PATIENCE, call).await.expect("no answer");
            answer.map(tonic::Response::into_inner)
        })
    }
}

fn service() -> &'static Service {
    static SERVICE: OnceLock<Service> = OnceLock::new();
    SERVICE.get_or_init(|| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let settings = Settings {
            listen: ([127, 0, 0, 1], 0).into(),
            metrics_listen: ([127, 0, 0, 1], 0).into(),
            poll_interval: Duration::from_secs(3600),
            ..Settings::new(sample().volume.root())
        };
        let channel = runtime.block_on(async {
            let server = Server::bind(settings).await.unwrap();
            let address = server.local_addr();
            tokio::spawn(server.serve(std::future::pending()));
            Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
        });
        let service = Service { runtime, channel };
        // Until the model is in service.
        let ready =
            RecommendRequest { songs: vec!["HUMBLE.".to_owned()], ..Default::default() }.encode_to_vec();
        while service.call("Recommend", ready.clone()).is_err() {
            thread::sleep(Duration::from_millis(10));
        }
        service
    })
}

/// Messages as the bytes that they are.
#[derive(Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Bytes;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, message: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
