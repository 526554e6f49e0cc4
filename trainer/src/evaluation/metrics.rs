use model::SongId;

/// The recommendations of which an answer consists in the challenge.
pub(crate) const MAX_RECOMMENDATIONS: usize = 500;
/// The recommendations that are shown at a time.
pub(crate) const PAGE: usize = 10;
/// The clicks when no hidden song is among all recommendations: one more than could be needed.
const NEVER: f64 = (MAX_RECOMMENDATIONS / PAGE + 1) as f64;

/// How well one answer meets the hidden songs G of a playlist, after the RecSys Challenge 2018 (Chen, Lamere, Schedl and Zamani: "RecSys
/// Challenge 2018: Automatic Music Playlist Continuation", RecSys 2018) and the program that its organisers published to compute it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Metrics {
    /// |G ∩ the first |G| recommendations| / |G|. Songs count as a whole: a variant gives a quarter for the artist alone.
    pub(crate) r_precision: f64,
    /// Σ 1 / log₂(rank + 1) over the recommended songs of G, divided by what it would be if the recommendations began with all of G. The
    /// challenge's page has log₂(rank) after the first rank and the ideal of the found songs alone; this is as its program and the field have
    /// it.
    pub(crate) ndcg: f64,
    /// Whether a song of G is among the first 10 recommendations, as 1 or 0.
    pub(crate) hit_at_10: f64,
    /// The songs of G among the first 10 recommendations, divided by 10.
    pub(crate) precision_at_10: f64,
    /// ⌊(rank of the first song of G - 1) / 10⌋; 51 when none was recommended.
    pub(crate) clicks: f64,
}

impl Metrics {
    /// Looks at the first 500 recommendations. A song that is recommended twice is found once. `hidden` has each song once, in any order.
    pub(crate) fn of(recommended: impl IntoIterator<Item = SongId>, hidden: &[SongId]) -> Self {
        let mut to_find = hidden.to_vec();
        to_find.sort_unstable();
        let mut is_found = vec![false; to_find.len()];
        let mut ranks = Vec::new();
        for (rank, song) in (1..=MAX_RECOMMENDATIONS).zip(recommended) {
            if let Ok(position) = to_find.binary_search(&song)
                && !std::mem::replace(&mut is_found[position], true)
            {
                ranks.push(rank);
            }
        }
        let within = |most: usize| ranks.partition_point(|&rank| rank <= most) as f64;
        let gain = |rank: usize| 1.0 / (rank as f64 + 1.0).log2();
        let ideal: f64 = (1..=hidden.len().min(MAX_RECOMMENDATIONS)).map(gain).sum();
        Metrics {
            r_precision: within(hidden.len()) / hidden.len().max(1) as f64,
            ndcg: if ranks.is_empty() { 0.0 } else { ranks.iter().copied().map(gain).sum::<f64>() / ideal },
            hit_at_10: within(PAGE).min(1.0),
            precision_at_10: within(PAGE) / PAGE as f64,
            clicks: ranks.first().map_or(NEVER, |rank| ((rank - 1) / PAGE) as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[track_caller]
    fn assert_near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found} and not {expected}");
    }

    #[test]
    fn r_precision_looks_at_as_many_recommendations_as_songs_are_hidden() {
        assert_near(Metrics::of([1, 9, 2, 3], &[1, 2, 3]).r_precision, 2.0 / 3.0);
        assert_near(Metrics::of([9, 8, 7, 1], &[1, 2, 3]).r_precision, 0.0);
        assert_near(Metrics::of([3, 2, 1], &[1, 2, 3]).r_precision, 1.0);
        assert_near(Metrics::of([1], &[1, 2, 3]).r_precision, 1.0 / 3.0);
    }

    /// 1 and 2 of three hidden songs at ranks 1 and 3: 1 + 1/2, of ideally 1 + 1/log₂ 3 + 1/2.
    #[test]
    fn ndcg_is_the_gain_of_the_ranks_against_that_of_the_best_order() {
        let ideal = 1.0 + 1.0 / 3_f64.log2() + 0.5;
        assert_near(Metrics::of([1, 9, 2], &[1, 2, 3]).ndcg, 1.5 / ideal);
        assert_near(Metrics::of([2, 3, 1], &[1, 2, 3]).ndcg, 1.0);
        assert_near(Metrics::of([9], &[1, 2, 3]).ndcg, 0.0);
        // The 500th counts 1/log₂ 501, the 501st nothing.
        let at = |rank: u32| Metrics::of((1..rank).map(|other| other + 1_000).chain([1]), &[1]);
        assert_near(at(500).ndcg, 1.0 / 501_f64.log2());
        assert_near(at(501).ndcg, 0.0);
    }

    /// More songs can be hidden than may be recommended; then the best answer has nothing but hits.
    #[test]
    fn the_best_answer_to_a_very_long_playlist_has_an_ndcg_of_1() {
        let hidden: Vec<u32> = (0..700).collect();
        let metrics = Metrics::of(0..700, &hidden);
        assert_near(metrics.ndcg, 1.0);
        assert_near(metrics.r_precision, 500.0 / 700.0);
    }

    #[test]
    fn clicks_are_pages_of_10_that_are_skipped() {
        let clicks = |rank: u32| Metrics::of((1..rank).map(|other| other + 1_000).chain([1]), &[1, 2]).clicks;
        assert_eq!([1, 10, 11, 20, 500].map(clicks), [0.0, 0.0, 1.0, 1.0, 49.0]);
        assert_eq!(clicks(501), 51.0);
        assert_eq!(Metrics::of([], &[1]).clicks, 51.0);
    }

    #[test]
    fn hits_and_precision_look_at_the_first_10() {
        let metrics = Metrics::of((11..=19).chain([1, 2]), &[1, 2]);
        assert_eq!((metrics.hit_at_10, metrics.precision_at_10), (1.0, 0.1));
        let metrics = Metrics::of([1, 2, 7, 8], &[1, 2]);
        assert_eq!((metrics.hit_at_10, metrics.precision_at_10), (1.0, 0.2));
        let metrics = Metrics::of((11..=20).chain([1]), &[1, 2]);
        assert_eq!((metrics.hit_at_10, metrics.precision_at_10), (0.0, 0.0));
    }

    #[test]
    fn a_song_that_is_recommended_twice_is_found_once() {
        assert_eq!(Metrics::of([1, 1], &[1, 2]), Metrics::of([1, 9], &[1, 2]));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn all_are_within_their_ranges(
            recommended in vec(0_u32..700, 0..600),
            hidden in proptest::collection::btree_set(0_u32..700, 1..600),
        ) {
            let hidden: Vec<u32> = hidden.into_iter().collect();
            let metrics = Metrics::of(recommended, &hidden);
            for share in [metrics.r_precision, metrics.ndcg, metrics.hit_at_10, metrics.precision_at_10] {
                prop_assert!((0.0..=1.0 + 1e-12).contains(&share), "{metrics:?}");
            }
            prop_assert!((0.0..50.0).contains(&metrics.clicks) || metrics.clicks == 51.0, "{metrics:?}");
            prop_assert_eq!(metrics.clicks == 51.0, metrics.ndcg == 0.0);
            prop_assert_eq!(metrics.clicks == 0.0, metrics.hit_at_10 == 1.0);
        }

        #[test]
        fn a_hit_further_in_front_is_never_worse(
            mut recommended in vec(0_u32..700, 2..600).prop_map(|songs| {
                let mut seen = std::collections::BTreeSet::new();
                songs.into_iter().filter(|&song| seen.insert(song)).collect::<Vec<_>>()
            }),
            hidden in proptest::collection::btree_set(0_u32..700, 1..600),
            at in 0_usize..600,
        ) {
            let at = at % (recommended.len().max(2) - 1);
            prop_assume!(recommended.len() > at + 1 && hidden.contains(&recommended[at + 1]));
            let hidden: Vec<u32> = hidden.into_iter().collect();
            let before = Metrics::of(recommended.iter().copied(), &hidden);
            recommended.swap(at, at + 1);
            let after = Metrics::of(recommended, &hidden);
            prop_assert!(after.r_precision >= before.r_precision && after.ndcg >= before.ndcg - 1e-12);
            prop_assert!(after.precision_at_10 >= before.precision_at_10 && after.clicks <= before.clicks);
        }
    }
}
