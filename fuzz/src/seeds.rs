use std::num::NonZeroUsize;

use recommender::{MatchKind, Query};

use crate::sample;

/// Any text is a known song or unknown, can be searched for page by page, and recommends songs that keep the rules of an answer. Lines are
/// seeds.
pub fn seeds(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let model = &sample().model;
    let mut seeds = Vec::new();
    for line in text.split('\n').take(32) {
        let found = model.resolve(line);
        assert_eq!(found.song.is_some(), found.kind != MatchKind::Unknown);
        assert!((0.0..=1.0).contains(&found.similarity), "{}", found.similarity);
        for &song in found.song.iter().chain(&found.suggestions) {
            assert!((song as usize) < model.song_count());
        }
        seeds.extend(found.song);

        let all = model.search(line, 0, model.song_count());
        assert!(!all.more);
        let first = model.search(line, 0, 3);
        let rest = model.search(line, first.songs.len(), model.song_count());
        assert_eq!([first.songs, rest.songs].concat(), all.songs, "{line:?}: pages differ from the whole");
    }
    let excluded = seeds.split_off(seeds.len() - seeds.len() / 4);
    let length = data.len();
    let query = Query {
        limit: length % 50,
        max_songs_per_artist: NonZeroUsize::new(length % 4),
        max_rules_per_song: length % 7,
        seeds,
        excluded,
    };
    let answer = model.recommend(&query);
    assert!(answer.len() <= query.limit);
    for (position, recommendation) in answer.iter().enumerate() {
        let song = recommendation.song;
        assert!(!query.seeds.contains(&song) && !query.excluded.contains(&song));
        assert!(answer[..position].iter().all(|before| before.song != song));
        assert!(recommendation.score.is_finite() && recommendation.score >= 0.0);
        assert!(recommendation.rules.len() <= query.max_rules_per_song);
        model.song(song);
    }
}
