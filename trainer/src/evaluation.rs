mod bars;
mod html;
mod metrics;
mod report;
mod table;

use model::{Evaluation, EvaluationFigures, RPrecisions, SongId};
use rayon::prelude::*;

use self::metrics::{MAX_RECOMMENDATIONS, Metrics, PAGE};
pub use self::report::EvaluationReport;
pub(crate) use self::{report::without_playlists, table::EvaluationTable};
use crate::hold_out::{HeldOut, HoldOut, SEEDS};

/// A recommendation: the song, and whether a rule of songs or artists spoke for it.
pub type Recommended = (SongId, bool);

/// Asks a model and popularity about the held-out playlists with 1, 5 and 25 seeds.
///
/// `recommend` is given seeds and the most recommendations to make, and answers with different songs that are not among the seeds, the best
/// first. `by_popularity` are the songs that the model knows, the most common first: its catalogue. A song that is in held-out playlists
/// alone is not in it, and may be among the seeds.
///
/// Works on the threads of the current rayon pool; the figures do not depend on them. A number of seeds that no playlist is long enough for has
/// no figures.
pub fn evaluate(
    hold_out: &HoldOut,
    by_popularity: &[SongId],
    recommend: impl Fn(&[SongId], usize) -> Vec<Recommended> + Sync,
) -> Evaluation {
    let (test, catalogue) = (&hold_out.test, by_popularity.len());
    let popularity = |seeds: &[SongId], limit: usize| -> Vec<Recommended> {
        let others = by_popularity.iter().filter(|song| !seeds.contains(song));
        others.take(limit).map(|&song| (song, false)).collect()
    };
    let figures = SEEDS.into_iter().flat_map(|seeds| {
        [
            measure(test, seeds, EvaluationFigures::MODEL, catalogue, &recommend),
            measure(test, seeds, EvaluationFigures::POPULARITY, catalogue, popularity),
        ]
    });
    Evaluation {
        held_out_playlists: hold_out.test.len() as u32,
        validation_playlists: hold_out.validation.len() as u32,
        hold_out: hold_out.digest.clone(),
        figures: figures.flatten().collect(),
    }
}

/// Asks a recommender about the playlists that have more than `seeds` songs; `None` if there is none.
///
/// `catalogue` is the number of songs that may be recommended, of which coverage is a share. `recommend` and the threads are as for
/// [`evaluate`].
pub fn measure(
    held_out: &[HeldOut],
    seeds: usize,
    recommender: &str,
    catalogue: usize,
    recommend: impl Fn(&[SongId], usize) -> Vec<Recommended> + Sync,
) -> Option<EvaluationFigures> {
    let answers: Vec<Option<Answer>> = held_out
        .par_iter()
        .map(|held_out| {
            let (given, hidden) = held_out.split(seeds)?;
            let recommended = recommend(given, MAX_RECOMMENDATIONS);
            let songs = || recommended.iter().map(|&(song, _)| song);
            Some(Answer {
                metrics: Metrics::of(songs(), hidden),
                first: songs().take(PAGE).collect(),
                is_from_rules: recommended.iter().any(|&(_, is_from_rules)| is_from_rules),
            })
        })
        .collect();
    let asked = answers.iter().flatten().count();
    if asked == 0 {
        return None;
    }
    // Added up in the order of the playlists, for the sum of floating-point numbers depends on it.
    let mean = |value: fn(&Answer) -> f64| answers.iter().flatten().map(value).sum::<f64>() / asked as f64;
    let mut shown: Vec<SongId> =
        answers.iter().flatten().flat_map(|answer| answer.first.iter().copied()).collect();
    shown.sort_unstable();
    shown.dedup();
    Some(EvaluationFigures {
        seeds: seeds as u32,
        recommender: recommender.to_owned(),
        r_precision: mean(|answer| answer.metrics.r_precision),
        ndcg: mean(|answer| answer.metrics.ndcg),
        hit_rate_at_10: mean(|answer| answer.metrics.hit_at_10),
        precision_at_10: mean(|answer| answer.metrics.precision_at_10),
        clicks: mean(|answer| answer.metrics.clicks),
        coverage: shown.len() as f64 / catalogue.max(1) as f64,
        answered: mean(|answer| f64::from(u8::from(answer.is_from_rules))),
        r_precisions: answers
            .iter()
            .map(|answer| answer.as_ref().map(|answer| answer.metrics.r_precision))
            .collect::<RPrecisions>(),
    })
}

/// What came of one playlist.
struct Answer {
    metrics: Metrics,
    /// What was shown first.
    first: Vec<SongId>,
    is_from_rules: bool,
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn held_out(songs: &[&[SongId]]) -> Vec<HeldOut> {
        (0..).zip(songs).map(|(basket, songs)| HeldOut { basket, songs: songs.to_vec() }).collect()
    }

    /// Asked about songs, it names the ones after the first seed.
    fn next(seeds: &[SongId], limit: usize) -> Vec<Recommended> {
        (seeds[0] + 1..50).take(limit).map(|song| (song, song % 2 == 0)).collect()
    }

    #[test]
    fn figures_are_means_over_the_playlists_that_are_long_enough() {
        let playlists = held_out(&[&[0, 1, 2], &[5, 7], &[9], &[20, 40, 0]]);
        let figures = measure(&playlists, 1, "model", 50, next).unwrap();
        // 1 and 2 lead; 7 comes second after 6; one song of the last comes 20th, the other never.
        let values: Vec<_> = figures.r_precisions.iter().collect();
        assert_eq!(values, [Some(1.0), Some(0.0), None, Some(0.0)]);
        assert!((figures.r_precision - 1.0 / 3.0).abs() < 1e-12);
        assert!((figures.hit_rate_at_10 - 2.0 / 3.0).abs() < 1e-12);
        assert!((figures.precision_at_10 - (0.2 + 0.1 + 0.0) / 3.0).abs() < 1e-12);
        assert!((figures.clicks - 1.0 / 3.0).abs() < 1e-12);
        // 1 to 10, 6 to 15 and 21 to 30 of 50 songs were shown.
        assert!((figures.coverage - 25.0 / 50.0).abs() < 1e-12);
        assert_eq!((figures.seeds, figures.answered), (1, 1.0));
    }

    #[test]
    fn an_answer_from_popularity_alone_does_not_count_as_answered() {
        let playlists = held_out(&[&[0, 1], &[1, 0]]);
        let figures = measure(&playlists, 1, "model", 2, |seeds, _| vec![(1 - seeds[0], seeds[0] == 0)]);
        assert_eq!(figures.unwrap().answered, 0.5);
    }

    #[test]
    fn nothing_is_told_of_a_number_of_seeds_that_no_playlist_is_long_enough_for() {
        assert_eq!(measure(&held_out(&[&[0, 1, 2]]), 3, "model", 50, next), None);
        let hold_out = HoldOut { test: held_out(&[&[0, 1, 2]]), validation: vec![], digest: "d".to_owned() };
        let evaluation = evaluate(&hold_out, &[0, 1, 2], next);
        let told: Vec<_> = evaluation.figures.iter().map(|f| (f.seeds, &*f.recommender)).collect();
        assert_eq!(told, [(1, "model"), (1, "popularity")]);
    }

    /// The model is worse on purpose; what the two are measured by is the same.
    #[test]
    fn popularity_is_measured_as_the_model_is() {
        let hold_out = HoldOut {
            test: held_out(&[&[3, 0, 1], &[0, 1, 2]]),
            validation: held_out(&[&[1, 2]]),
            digest: "d".to_owned(),
        };
        let evaluation = evaluate(&hold_out, &[0, 1, 2, 3], |_, _| vec![]);
        let popularity = evaluation.figures_of(EvaluationFigures::POPULARITY, 1).unwrap();
        // A seed is never recommended, so the second is asked for 1 and 2, and gets them.
        assert_eq!((popularity.r_precision, popularity.answered, popularity.coverage), (1.0, 0.0, 1.0));
        let model = evaluation.figures_of(EvaluationFigures::MODEL, 1).unwrap();
        assert_eq!((model.r_precision, model.clicks, model.coverage), (0.0, 51.0, 0.0));
        assert_eq!((evaluation.held_out_playlists, evaluation.validation_playlists), (2, 1));
        assert_eq!(evaluation.hold_out, "d");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_figures_are_the_same_on_any_number_of_threads(
            songs in vec(proptest::collection::hash_set(0_u32..49, 2..20), 1..200),
        ) {
            let playlists: Vec<Vec<SongId>> = songs.into_iter().map(|songs| songs.into_iter().collect()).collect();
            let playlists: Vec<&[SongId]> = playlists.iter().map(Vec::as_slice).collect();
            let playlists = held_out(&playlists);
            let [one, three] = [1, 3].map(|threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| measure(&playlists, 1, "model", 50, next).unwrap())
            });
            prop_assert_eq!(one, three);
        }
    }
}
