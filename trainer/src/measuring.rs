use std::cmp::Reverse;

use model::{Artists, Evaluation, SongId};
use ranking::{Query, Ranking, SongFacts, Source};

use crate::{
    dataset::Dataset,
    evaluation::{Recommended, evaluate},
    fit::Fit,
    hold_out::HoldOut,
    training::TrainError,
    twin::Twin,
};

/// Measures the twin on the test playlists with the code and the rounded weights with which it would be served.
pub(crate) fn measure_twin(
    twin: &Twin<'_>,
    fit: &Fit,
    dataset: &Dataset,
    hold_out: &HoldOut,
) -> Result<Evaluation, TrainError> {
    // A ranking expects songs by falling support count, and these are the twin's.
    let mut by_popularity: Vec<SongId> = (0..twin.support_counts.len() as SongId).collect();
    by_popularity.sort_by_key(|&song| Reverse(twin.support_counts[song as usize]));
    let mut rank = vec![0; by_popularity.len()];
    for (at, &song) in (0..).zip(&by_popularity) {
        rank[song as usize] = at;
    }
    let support_counts: Vec<u32> =
        by_popularity.iter().map(|&song| twin.support_counts[song as usize]).collect();
    // Songs that the twin does not know.
    let known = support_counts.partition_point(|&count| count > 0);

    let mut artists = Artists::default();
    for (_, artist) in dataset.artists.iter() {
        let mut songs: Vec<SongId> = artist.songs.iter().map(|&song| rank[song as usize]).collect();
        songs.sort_unstable();
        artists.push(artist.name, artist.support_count, &songs)?;
    }
    let (rules, artist_rules) = twin.tables(&fit.mixture, &rank)?;
    let ranking = Ranking::build(rules, artist_rules, &artists, rank.len(), fit.scoring(), twin.playlists);
    let facts =
        SongFacts { support_counts: &support_counts, namesakes: &[], artist_keys: &[], no_artist: None };
    let recommend = |seeds: &[SongId], limit: usize| -> Vec<Recommended> {
        let seeds = seeds.iter().map(|&seed| rank[seed as usize]).filter(|&seed| (seed as usize) < known);
        let query = Query { seeds: seeds.collect(), limit, ..Query::default() };
        let recommended = ranking.recommend(facts, &query);
        let known = recommended.into_iter().filter(|it| (it.song as usize) < known);
        known.map(|it| (by_popularity[it.song as usize], it.source != Source::Popularity)).collect()
    };
    Ok(evaluate(hold_out, &by_popularity[..known], recommend))
}
