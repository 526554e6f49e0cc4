//! The limits of a request, and what a request out of them gets.
#![cfg(test)]

mod service_support;

use proto::v1::{RecommendRequest, SearchSongsRequest, playlist_service_client::PlaylistServiceClient};
use service_support::{TestServer, TestVolume, open_call_with_timeout, reason_of, seeds, within_deadline};
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt as _;

/// The fields that an INVALID_ARGUMENT names, with what it says of them.
#[track_caller]
fn violations(status: &Status) -> Vec<(String, String)> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    assert_eq!(reason_of(status), "INVALID_REQUEST");
    let violations = status.get_details_bad_request().unwrap().field_violations;
    assert!(!violations.is_empty());
    assert!(status.message().contains(&violations[0].field), "{}", status.message());
    violations.into_iter().map(|it| (it.field, it.description)).collect()
}

async fn fields_of(client: &mut PlaylistServiceClient<Channel>, request: RecommendRequest) -> Vec<String> {
    let status = client.recommend(request).await.unwrap_err();
    violations(&status).into_iter().map(|(field, _)| field).collect()
}

async fn client_of_a_ready_server() -> (PlaylistServiceClient<Channel>, TestServer, TestVolume) {
    let volume = TestVolume::new();
    volume.publish(1);
    let server = TestServer::start_ready(&volume).await;
    (server.client().await, server, volume)
}

#[tokio::test]
async fn an_empty_list_of_seeds_is_an_invalid_argument() {
    let (mut client, _server, _volume) = client_of_a_ready_server().await;
    assert_eq!(fields_of(&mut client, seeds([])).await, ["songs"]);
}

#[tokio::test]
async fn an_invalid_request_is_invalid_even_without_a_model() {
    let volume = TestVolume::new();
    let server = TestServer::start(&volume).await;
    assert_eq!(fields_of(&mut server.client().await, seeds([])).await, ["songs"]);
}

#[tokio::test]
async fn a_thousand_seeds_of_a_kibibyte_are_allowed_and_one_more_is_not() {
    let (mut client, _server, _volume) = client_of_a_ready_server().await;
    let longest = "x".repeat(1_024);
    let most = seeds([longest.as_str(); 1_000]);
    client.recommend(most.clone()).await.unwrap();

    let mut too_many = most.clone();
    too_many.songs.push("DNA.".to_owned());
    assert_eq!(fields_of(&mut client, too_many).await, ["songs"]);

    let mut too_long = most;
    too_long.songs[7].push('x');
    assert_eq!(fields_of(&mut client, too_long).await, ["songs[7]"]);
}

#[tokio::test]
async fn all_that_is_wrong_is_told_at_once() {
    let (mut client, _server, _volume) = client_of_a_ready_server().await;
    let request = RecommendRequest {
        limit: 501,
        exclude_songs: vec!["DNA.".to_owned(), "\u{7f}".to_owned()],
        max_rules_per_song: Some(101),
        ..seeds(["DNA.", "", " \u{3000} ", "a\u{1b}[31mred"])
    };
    let status = client.recommend(request).await.unwrap_err();
    let violations = violations(&status);
    let fields: Vec<_> = violations.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(
        fields,
        ["songs[1]", "songs[2]", "songs[3]", "exclude_songs[1]", "limit", "max_rules_per_song"]
    );
    assert_eq!(violations[2].1, r"has control characters: `a\u{1b}[31mred`");
    assert_eq!(violations[4].1, "is 501, at most 500 is allowed");
}

#[tokio::test]
async fn the_largest_limits_are_allowed() {
    let (mut client, _server, _volume) = client_of_a_ready_server().await;
    let request = RecommendRequest { limit: 500, max_rules_per_song: Some(100), ..seeds(["DNA."]) };
    let answer = client.recommend(request).await.unwrap().into_inner();
    assert_eq!(answer.songs.len(), 3);
}

#[tokio::test]
async fn an_error_stays_small_however_much_is_wrong() {
    let (mut client, _server, _volume) = client_of_a_ready_server().await;
    let status = client
        .recommend(seeds(
            ["\u{202e}\u{1}\u{10ffff}\u{10ffff}\u{10ffff}\u{10ffff}\u{10ffff}\u{10ffff}\u{10ffff}\u{10ffff}";
                1_000],
        ))
        .await
        .unwrap_err();
    assert_eq!(violations(&status).len(), 20);
    assert!(status.message().contains("999 more"), "{}", status.message());
    // In base64 and with the message, below the 8 KiB of metadata that some clients accept.
    assert!(status.details().len() < 5_000, "{}", status.details().len());
}

#[tokio::test]
async fn a_million_seeds_are_refused_and_the_server_goes_on() {
    let (mut client, _server, _volume) = client_of_a_ready_server().await;
    let request = RecommendRequest { songs: vec!["a".to_owned(); 1_000_000], ..Default::default() };
    assert_eq!(fields_of(&mut client, request).await, ["songs"]);
    client.recommend(seeds(["DNA."])).await.unwrap();
}

#[tokio::test]
async fn a_request_above_four_mebibytes_is_out_of_range() {
    let (mut client, _server, _volume) = client_of_a_ready_server().await;
    let seed = "a".repeat(10 * 1_024 * 1_024);
    let status = client.recommend(seeds([&seed])).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange);
    client.recommend(seeds(["DNA."])).await.unwrap();
}

#[tokio::test]
async fn a_page_token_is_good_for_its_query_only() {
    let (mut client, _server, _volume) = client_of_a_ready_server().await;
    let first = SearchSongsRequest { page_size: 1, ..Default::default() };
    let token = client.search_songs(first).await.unwrap().into_inner().next_page_token;
    assert!(!token.is_empty());
    for (query, page_token) in [("DNA", token.as_str()), ("", "nonsense"), ("", "1.\u{1b}")] {
        let request = SearchSongsRequest {
            query: query.to_owned(),
            page_token: page_token.to_owned(),
            ..Default::default()
        };
        let status = client.search_songs(request).await.unwrap_err();
        assert_eq!(violations(&status)[0].0, "page_token");
    }
}

#[tokio::test]
async fn a_search_has_limits_too() {
    let (mut client, _server, _volume) = client_of_a_ready_server().await;
    let request = SearchSongsRequest { query: "x".repeat(1_025), page_size: 101, ..Default::default() };
    let status = client.search_songs(request).await.unwrap_err();
    let fields: Vec<_> = violations(&status).into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["query", "page_size"]);

    let request = SearchSongsRequest { query: "a\tb".to_owned(), ..Default::default() };
    let status = client.search_songs(request).await.unwrap_err();
    assert_eq!(violations(&status)[0], ("query".to_owned(), r"has control characters: `a\tb`".to_owned()));
}

#[tokio::test]
async fn a_call_ends_when_the_time_that_its_client_gives_it_is_over() {
    let (_client, server, _volume) = client_of_a_ready_server().await;
    let (_body, answer) = open_call_with_timeout(server.address, server.metrics_address, "2500m").await;
    let response = within_deadline(answer).await.unwrap().unwrap();
    assert_eq!(response.headers()["grpc-status"], "4");
    assert_eq!(response.headers()["grpc-message"], "the%20call%20was%20not%20answered%20within%202500%20ms");
}
