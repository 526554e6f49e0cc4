//! With the feature `serde`, answers are written as JSON in the contract's names.

#![allow(clippy::panic, clippy::unwrap_used, reason = "what is not expected fails the test")]

#[allow(dead_code, reason = "each test program uses a part of it")]
mod full;
#[allow(dead_code, reason = "each test program uses a part of it")]
mod sample;

use client_lib::Client;
use sample::{Sample, Server};
use serde_json::json;

#[tokio::test]
async fn a_playlist_is_written_in_the_names_of_the_contract() {
    let server =
        Server::start(Sample { recommend: Box::new(|_| Ok(full::recommend())), ..Sample::default() });
    let client = Client::connect(server.url()).await.unwrap();
    let answer = client.recommend("a seed").await.unwrap();
    let song = |title: &str| {
        json!({
            "title": title,
            "artist": format!("artist of {title}"),
            "uri": format!("uri of {title}"),
            "support_count": title.len(),
        })
    };
    let recommendation = |title: &str, source: &str| {
        json!({
            "song": song(title),
            "score": 7.5,
            "source": source,
            "rules": [{
                "antecedent": [song("antecedent")],
                "antecedent_artist": "antecedent artist",
                "support_count": 11,
                "antecedent_count": 12,
                "support": 0.125,
                "confidence": 0.25,
                "lift": 1.5,
            }],
        })
    };
    assert_eq!(
        serde_json::to_value(&answer).unwrap(),
        json!({
            "songs": [
                recommendation("best", "SOURCE_RULES"),
                recommendation("second", "SOURCE_ARTIST"),
                recommendation("third", "SOURCE_POPULARITY"),
            ],
            "version": "1.2.3",
            "model_date": "2025-01-01T22:17:42.663201Z",
            "model_version": "the model",
            "served_by": "the replica",
            "unknown_songs": ["u1", "u2"],
            "seeds": [{
                "seed": "sede",
                "match": "MATCH_FUZZY",
                "song": song("seed"),
                "similarity": 0.75,
                "suggestions": [song("suggestion")],
            }],
            "excluded_songs": [{
                "seed": "u1",
                "match": "MATCH_UNKNOWN",
                "song": null,
                "similarity": 0.0,
                "suggestions": [],
            }],
        })
    );
}

#[tokio::test]
async fn large_counts_are_written_as_numbers() {
    let server =
        Server::start(Sample { model_info: Box::new(|_| Ok(full::model_info())), ..Sample::default() });
    let client = Client::connect(server.url()).await.unwrap();
    let answer = client.model_info().await.unwrap();

    let written = serde_json::to_value(&answer).unwrap();
    assert_eq!(written["dataset"]["bytes"], json!(u64::MAX));
    assert_eq!(written["counts"]["itemsets_by_size"], json!([42, 43]));
    assert_eq!(
        written["scoring"]["by_seeds"],
        json!([{ "seeds": 71, "many_share": 0.14, "damping": 0.15, "artist_share": 0.16 }])
    );
    assert_eq!(written["stages"][0]["peak_memory_bytes"], json!(u64::MAX));
    assert_eq!(written["stages"][1]["peak_memory_bytes"], json!(null));
    assert_eq!(
        written["last_refresh"],
        json!({
            "date": "1970-01-01T00:01:01Z",
            "outcome": "REFRESH_OUTCOME_FAILED",
            "model_version": "the other model",
            "reason": "the reason",
        })
    );
}
