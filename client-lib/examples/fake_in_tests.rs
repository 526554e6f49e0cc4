//! An application whose tests need no service: `cargo test -p client-lib --features fake --example fake_in_tests`.
#![allow(clippy::print_stdout, reason = "a program at a terminal")]

use client_lib::{Client, Error, PlaylistService};

/// What the application is about: the titles that go with a song, or a word of comfort.
async fn evening(service: &dyn PlaylistService, song: &str) -> Result<String, Error> {
    match service.recommend(song.into()).await {
        Ok(answer) if answer.unknown_songs.is_empty() => {
            Ok(answer.songs.into_iter().map(|one| one.song.title).collect::<Vec<_>>().join(", "))
        }
        Ok(_) => Ok(format!("nobody plays {song}")),
        Err(error) if error.is_retryable() => Ok("silence, for now".to_owned()),
        Err(error) => Err(error),
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    println!("{}", evening(&Client::from_env()?, "Unforgettable").await?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use client_lib::FakePlaylistService;

    use super::*;

    fn service() -> FakePlaylistService {
        FakePlaylistService::new([("French Montana", "Unforgettable"), ("Kendrick Lamar", "HUMBLE.")])
    }

    #[tokio::test]
    async fn titles_are_listed() {
        assert_eq!(evening(&service(), "Unforgettable").await.unwrap(), "HUMBLE.");
    }

    #[tokio::test]
    async fn an_unknown_song_is_told() {
        assert_eq!(evening(&service(), "no song").await.unwrap(), "nobody plays no song");
    }

    #[tokio::test]
    async fn a_service_that_is_away_is_no_failure() {
        let service = service();
        let (url, message) = (String::new(), String::new());
        service.fail_next(Error::Unavailable { url, message, retry_after: None, source: None });
        assert_eq!(evening(&service, "Unforgettable").await.unwrap(), "silence, for now");
    }
}
