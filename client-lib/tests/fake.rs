//! The fake answers as the service does, as far as an application's tests need it.

#![allow(clippy::panic, clippy::unwrap_used, reason = "what is not expected fails the test")]

use client_lib::{
    Error, FakePlaylistService, PlaylistService, RecommendRequest, RecommendResponse, SearchSongsRequest,
};

fn service() -> FakePlaylistService {
    FakePlaylistService::new([("A", "One"), ("A", "Two"), ("B", "Three"), ("C", "Four")])
}

fn titles(answer: &RecommendResponse) -> Vec<&str> {
    answer.songs.iter().map(|one| one.song.title.as_str()).collect()
}

#[tokio::test]
async fn seeds_and_excluded_songs_are_not_recommended_and_limits_are_heeded() {
    let request = RecommendRequest::new(["one"]);
    assert_eq!(titles(&service().recommend(request.clone()).await.unwrap()), ["Two", "Three", "Four"]);
    assert_eq!(titles(&service().recommend(request.clone().limit(1)).await.unwrap()), ["Two"]);
    let request = request.exclude_songs(["b - three"]);
    assert_eq!(titles(&service().recommend(request).await.unwrap()), ["Two", "Four"]);
    let request = RecommendRequest::new(["Four"]).max_songs_per_artist(1);
    assert_eq!(titles(&service().recommend(request).await.unwrap()), ["One", "Three"]);
}

#[tokio::test]
async fn unknown_seeds_are_named() {
    let answer = service().recommend(RecommendRequest::new(["one", "none"])).await.unwrap();
    assert_eq!(answer.unknown_songs, ["none"]);
    assert!(answer.seeds[0].song.is_some() && answer.seeds[1].song.is_none());
}

#[tokio::test]
async fn what_the_service_refuses_is_refused() {
    for (request, field) in
        [(RecommendRequest::new([""; 0]), "songs"), (RecommendRequest::new(["one"]).limit(501), "limit")]
    {
        let error = service().recommend(request).await.unwrap_err();
        assert!(matches!(error, Error::InvalidRequest { .. }), "{error:?}");
        assert_eq!(error.field_violations()[0].field, field);
    }
}

#[tokio::test]
async fn songs_are_found_in_pages() {
    let service = service();
    let page = service.search_songs(SearchSongsRequest::new("").page_size(3)).await.unwrap();
    assert_eq!(page.songs.len(), 3);
    let next = SearchSongsRequest::new("").page_size(3).page_token(page.next_page_token);
    let page = service.search_songs(next).await.unwrap();
    assert_eq!(page.songs[0].title, "Four");
    assert!(page.next_page_token.is_empty());
}

#[tokio::test]
async fn a_watch_tells_of_the_model_in_service_and_of_each_published_one() {
    let service = service();
    let mut models = service.watch_model().await.unwrap();
    assert_eq!(models.next().await.unwrap().unwrap().model_version, "fake-1");
    service.publish("fake-2");
    assert_eq!(models.next().await.unwrap().unwrap().model_version, "fake-2");
    assert_eq!(service.model_info().await.unwrap().model_version, "fake-2");
}

#[tokio::test]
async fn failures_are_answered_in_turn_and_requests_are_kept() {
    let service = service();
    let failure = || Error::Overloaded { url: String::new(), message: String::new(), retry_after: None };
    service.fail_next(failure());
    service.fail_next(failure());
    assert!(service.recommend("one".into()).await.is_err());
    assert!(service.model_info().await.is_err());
    assert!(service.recommend("two".into()).await.is_ok());
    assert_eq!(service.requests(), [RecommendRequest::from("one"), "two".into()]);
}
