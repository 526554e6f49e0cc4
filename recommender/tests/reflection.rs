//! What `grpcurl` needs.
#![cfg(test)]

mod service_support;

use std::collections::{BTreeMap, BTreeSet};

use prost::Message as _;
use prost_types::FileDescriptorProto;
use service_support::{TestServer, TestVolume};
use tonic_reflection::pb::{v1, v1alpha};

/// Asks one question of each version of the protocol and checks that both answer alike.
async fn ask(server: &TestServer, question: v1::server_reflection_request::MessageRequest) -> Answer {
    use v1::server_reflection_request::MessageRequest as Question;
    use v1alpha::server_reflection_request::MessageRequest as AlphaQuestion;

    let alpha_question = match question.clone() {
        Question::ListServices(text) => AlphaQuestion::ListServices(text),
        Question::FileContainingSymbol(symbol) => AlphaQuestion::FileContainingSymbol(symbol),
        Question::FileByFilename(name) => AlphaQuestion::FileByFilename(name),
        other => panic!("{other:?}"),
    };
    let request = v1::ServerReflectionRequest { host: String::new(), message_request: Some(question) };
    let alpha_request =
        v1alpha::ServerReflectionRequest { host: String::new(), message_request: Some(alpha_question) };

    let channel = server.channel().await;
    let mut answers = v1::server_reflection_client::ServerReflectionClient::new(channel.clone())
        .server_reflection_info(tokio_stream::iter([request]))
        .await
        .unwrap()
        .into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
    let mut alpha_answers = v1alpha::server_reflection_client::ServerReflectionClient::new(channel)
        .server_reflection_info(tokio_stream::iter([alpha_request]))
        .await
        .unwrap()
        .into_inner();
    let alpha_answer = alpha_answers.message().await.unwrap().unwrap().message_response.unwrap();

    let answer = match answer {
        v1::server_reflection_response::MessageResponse::ListServicesResponse(list) => {
            Answer::Services(list.service.into_iter().map(|service| service.name).collect())
        }
        v1::server_reflection_response::MessageResponse::FileDescriptorResponse(files) => {
            Answer::Files(files.file_descriptor_proto)
        }
        other => panic!("{other:?}"),
    };
    let alpha_answer = match alpha_answer {
        v1alpha::server_reflection_response::MessageResponse::ListServicesResponse(list) => {
            Answer::Services(list.service.into_iter().map(|service| service.name).collect())
        }
        v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse(files) => {
            Answer::Files(files.file_descriptor_proto)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(answer, alpha_answer);
    answer
}

#[derive(Debug, PartialEq)]
enum Answer {
    Services(BTreeSet<String>),
    Files(Vec<Vec<u8>>),
}

#[tokio::test]
async fn both_versions_of_reflection_list_the_services() {
    let volume = TestVolume::new();
    let server = TestServer::start(&volume).await;
    let question = v1::server_reflection_request::MessageRequest::ListServices(String::new());
    let Answer::Services(services) = ask(&server, question).await else { panic!() };
    let expected = [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "playlist.v1.PlaylistService",
    ];
    assert_eq!(services, BTreeSet::from(expected.map(str::to_owned)));
}

#[tokio::test]
async fn every_descriptor_that_a_client_needs_can_be_had() {
    let volume = TestVolume::new();
    let server = TestServer::start(&volume).await;
    for symbol in [
        "playlist.v1.PlaylistService",
        "playlist.v1.RecommendRequest",
        "grpc.health.v1.Health",
        "google.rpc.BadRequest",
        "google.rpc.ErrorInfo",
        "google.rpc.RetryInfo",
    ] {
        let question = v1::server_reflection_request::MessageRequest::FileContainingSymbol(symbol.to_owned());
        let Answer::Files(files) = ask(&server, question).await else { panic!() };
        let mut known = BTreeMap::new();
        let mut wanted = Vec::new();
        for file in files {
            let file = FileDescriptorProto::decode(file.as_slice()).unwrap();
            wanted.extend(file.dependency.clone());
            known.insert(file.name().to_owned(), file);
        }
        while let Some(name) = wanted.pop() {
            if known.contains_key(&name) {
                continue;
            }
            let question = v1::server_reflection_request::MessageRequest::FileByFilename(name);
            let Answer::Files(files) = ask(&server, question).await else { panic!() };
            for file in files {
                let file = FileDescriptorProto::decode(file.as_slice()).unwrap();
                wanted.extend(file.dependency.clone());
                known.insert(file.name().to_owned(), file);
            }
        }
    }
}
