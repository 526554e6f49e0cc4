use std::num::NonZeroU32;

use model::{Evaluation, Learning, SeedScoring, WeightParts};
use tracing::info;

use crate::{
    dataset::Dataset,
    ease::{Ease, EaseTwin},
    factors::Factors,
    fit::{Fit, fit},
    hold_out::{HeldOut, HoldOut, SEEDS},
    measuring::measure_twin,
    memory::MemoryGuard,
    one_song_rules::PairRuleBatches,
    progress::Progress,
    rule_weights::{CONFIDENCE, EASE, Mixture, Parts, RuleWeights, SHARP, SMOOTH},
    stages::Stages,
    training::{Settings, TrainError},
    twin::Twin,
};

/// The most common songs, between which EASE^R is solved: the time grows with the cube of their number, the memory with its square. 6,000
/// take some 70 MB and less than a second on two cores.
const MAX_EASE_SONGS: usize = 6_000;

/// The most common songs that have latent factors; their number only adds memory, half a kilobyte for each.
const MAX_FACTOR_SONGS: usize = 60_000;

/// λ of EASE^R over what the average song's diagonal is: the best of those tried on real playlists, dense and sparse.
const REGULARISATION: f64 = 20.0;

/// What a rule takes that the twin has, too: as it is found in all playlists, in the twin, with its parts, and while lists grow.
const TWIN_RULE_BYTES: u64 = 64;

/// What helps when learning needs too much memory.
const ADVICE: &str = "or switch one-song rules off with `--min-pair-count 0`";

/// What helps when measuring does.
const TWIN_ADVICE: &str = "or keep fewer rules with `--max-rules-per-song`";

/// What was learned of the dataset to weigh its rules.
pub(crate) struct Learned {
    pub(crate) factors: Factors,
    pub(crate) ease: Ease,
    pub(crate) fit: Fit,
    pub(crate) evaluation: Evaluation,
}

impl Learned {
    /// Weighs the rules of all playlists.
    pub(crate) fn weights(&self) -> RuleWeights<'_> {
        RuleWeights::learned(self.fit.mixture, &self.factors, &self.ease)
    }

    /// What the manifest tells of it.
    pub(crate) fn learning(&self) -> Learning {
        let parts = |parts: Parts| WeightParts {
            confidence: parts[CONFIDENCE].into(),
            smooth_factors: parts[SMOOTH].into(),
            sharp_factors: parts[SHARP].into(),
            ease: parts[EASE].into(),
        };
        let Mixture { one, many, .. } = self.fit.mixture;
        Learning {
            ease_songs: self.ease.len() as u32,
            factor_songs: self.factors.len() as u32,
            factors: self.factors.singular_values().len() as u32,
            weight: parts(one),
            many_weight: parts(many),
        }
    }
}

/// Learns weights, fits how they are mixed on the validation playlists with a twin that knows neither these nor the test playlists, and
/// measures that twin on the test playlists.
///
/// `songs` and `artists` are about to give the rules of all playlists.
pub(crate) fn learn(
    settings: &Settings,
    dataset: &Dataset,
    (songs, artists): (&mut PairRuleBatches<'_>, &mut PairRuleBatches<'_>),
    guard: MemoryGuard,
    progress: &Progress,
    stages: &mut Stages,
) -> Result<Learned, TrainError> {
    let Dataset { baskets, song_artists, facts, .. } = dataset;
    let hold_out = HoldOut::of(dataset, settings.read.item_key);
    let held_out = || hold_out.test.iter().chain(&hold_out.validation);
    let positions: Vec<usize> = held_out().map(|playlist| playlist.basket as usize).collect();
    let mut is_held_out = vec![false; baskets.len()];
    positions.iter().for_each(|&position| is_held_out[position] = true);
    let twin_counts = baskets.support_counts_without(&is_held_out);
    // With the twin's counts, the full model has no number that was chosen with a look at the held-out playlists.
    let lambdas = lambdas(dataset, &is_held_out, &twin_counts);
    let factor_songs = twin_counts.len().min(MAX_FACTOR_SONGS) as u32;
    let needed = Ease::bytes(lambdas.len())
        + 2 * Factors::bytes(factor_songs as usize, Factors::RANK, baskets.len(), baskets.total_len());
    guard.check("learning the weights of rules", needed, ADVICE)?;

    progress.stage("learn weights");
    let (ease, factors, twin_factors) = stages.time("learn weights", facts.rows, || {
        let ease = Ease::fit(baskets, &lambdas)?;
        let factors = Factors::fit(baskets, &[], factor_songs, Factors::RANK)?;
        let twin_factors = Factors::fit(baskets, &positions, factor_songs, Factors::RANK)?;
        Ok::<_, TrainError>((ease, factors, twin_factors))
    })?;

    progress.stage("make the twin");
    let twin = stages.time("make the twin", facts.rows, || {
        let ease = EaseTwin::new(&ease, baskets, &positions)?;
        let seeds = distinct(held_out().flat_map(seeds).copied());
        let seed_artists = distinct(seeds.iter().filter_map(|&seed| song_artists[seed as usize]));
        let rules = most_rules(dataset, &seeds, settings.max_rules_per_song);
        guard.check("measuring on held-out playlists", rules * TWIN_RULE_BYTES, TWIN_ADVICE)?;
        let rules = (songs.twin(&seeds, &is_held_out), artists.twin(&seed_artists, &is_held_out));
        Ok::<_, TrainError>(Twin::new(baskets, &is_held_out, song_artists, rules, &twin_factors, &ease))
    })?;
    drop(twin_factors);

    progress.stage("fit the scoring");
    let fit = stages.time("fit the scoring", facts.rows, || fit(&twin, &hold_out.validation));
    progress.stage("evaluate");
    let evaluation = stages.time("evaluate", facts.rows, || measure_twin(&twin, &fit, dataset, &hold_out))?;
    info!(held_out_playlists = evaluation.held_out_playlists, "evaluated the twin");
    Ok(Learned { factors, ease, fit, evaluation })
}

/// The most rules that these songs can have: no more than they meet songs in their playlists, which are taken to be of mean length.
fn most_rules(dataset: &Dataset, songs: &[u32], max_rules_per_song: Option<NonZeroU32>) -> u64 {
    let mean_len = dataset.baskets.total_len().div_ceil(dataset.baskets.len().max(1)) as u64;
    let most = max_rules_per_song.map_or(u64::MAX, |most| most.get().into());
    let counts = dataset.songs.support_counts();
    songs.iter().map(|&song| (u64::from(counts[song as usize]) * mean_len).min(most)).sum()
}

/// All songs of a playlist that are seeds in some question.
fn seeds(playlist: &HeldOut) -> &[u32] {
    let most = SEEDS.into_iter().max().unwrap_or(0);
    &playlist.songs[..playlist.songs.len().min(most)]
}

fn distinct(ids: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut ids: Vec<u32> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// By song, what EASE^R adds to its diagonal: in proportion to the root of its support count, for what is known of common songs should not
/// outweigh all that is known of others.
fn lambdas(dataset: &Dataset, is_held_out: &[bool], counts: &[u32]) -> Vec<f32> {
    let songs = counts.len().min(MAX_EASE_SONGS);
    let mut diagonal = 0.0;
    for basket in dataset.baskets.kept(is_held_out) {
        let common = basket.iter().take_while(|&&item| (item as usize) < songs).count();
        diagonal += common as f64 / (basket.len().max(1) as f64).sqrt();
    }
    let root = |&count: &u32| f64::from(count.max(1)).sqrt();
    let roots: f64 = counts[..songs].iter().map(root).sum();
    let scale = REGULARISATION * diagonal / roots;
    let scale = if scale > 0.0 { scale } else { 1.0 };
    counts[..songs].iter().map(|count| (scale * root(count)) as f32).collect()
}

/// How rules make scores when there are no others than those of itemsets.
pub(crate) fn without_pairs() -> Fit {
    let at = |seeds, damping| SeedScoring { seeds, many_share: 0.0, damping, artist_share: 0.0 };
    Fit { mixture: Mixture::CONFIDENCE, by_seeds: vec![at(1, 0.0), at(5, 0.4), at(25, 0.5)] }
}
