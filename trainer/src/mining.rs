use std::{iter, num::NonZeroU32};

use model::{Counts, EncodedRules, Evaluation, Learning, LongerRulesEncoder, RulesEncoder, Scoring, Songs};
use tracing::info;

use crate::{
    baskets::Baskets,
    dataset::Dataset,
    itemset_rules::itemset_rules,
    itemsets::{Itemsets, MAX_ITEMSETS, MiningError, mine_itemsets_watched},
    learning::{Learned, learn, without_pairs},
    longer_rules::longer_rules,
    memory::MemoryGuard,
    one_song_rules::{MAX_PAIR_RULES, PairRuleBatches, PairRules},
    progress::Progress,
    rule_table::merge_rules,
    rule_weights::RuleWeights,
    stages::Stages,
    training::{Settings, TrainError},
};

/// What helps when pairs need too much memory.
const PAIR_ADVICE: &str = "raise `--min-pair-count`, or keep fewer rules with `--max-rules-per-song`";

/// What an itemset needs while all are listed, for a size of up to 8; see `mine_itemsets`.
const ITEMSET_BYTES: u64 = 136;

/// The most rules with longer consequents that a training derives.
const MAX_LONGER_RULES: u32 = 50_000_000;

/// What one of them needs while they are derived.
const LONGER_RULE_BYTES: u64 = 40;

/// What the search for itemsets needs beside what it finds: the baskets once more, by item and by basket.
fn itemset_search_bytes(baskets: &Baskets) -> u64 {
    12 * baskets.total_len() as u64 + 16 * baskets.len() as u64
}

/// What counting pairs needs beside what it finds; see [`PairRuleBatches`].
fn pair_counting_bytes(baskets: &Baskets) -> u64 {
    4 * baskets.total_len() as u64
        + 4 * baskets.len() as u64
        + (16 + 8 * rayon::current_num_threads() as u64) * u64::from(baskets.item_count())
}

/// What was found in a dataset, as it goes to the volume.
pub(crate) struct Found {
    pub(crate) rules: EncodedRules,
    pub(crate) artist_rules: EncodedRules,
    pub(crate) longer_rules: Option<EncodedRules>,
    pub(crate) counts: Counts,
    /// How the weights of the rules make scores.
    pub(crate) scoring: Scoring,
    /// What the weights were learned from; `None` when they are confidences.
    pub(crate) learning: Option<Learning>,
    /// How good the twin is; `None` when it was not measured.
    pub(crate) evaluation: Option<Evaluation>,
}

/// Finds the itemsets and the rules of a dataset.
pub(crate) fn mine(
    settings: &Settings,
    dataset: &Dataset,
    min_support_count: u32,
    progress: &Progress,
    stages: &mut Stages,
) -> Result<Found, TrainError> {
    let Dataset { baskets, songs, artists, facts, .. } = dataset;
    let guard = MemoryGuard::new(settings.read.max_memory);
    progress.stage("mine itemsets");
    let itemsets = stages.time("mine itemsets", facts.rows, || {
        let advice = "or raise `--min-support`";
        guard.check("mining itemsets", itemset_search_bytes(baskets), advice)?;
        let most = guard.left()?.map_or(u64::MAX, |left| left / ITEMSET_BYTES).min(MAX_ITEMSETS.into());
        let watch = |done, total| progress.done("songs", done, total);
        mine_itemsets_watched(baskets, min_support_count, settings.max_length, most as u32, &watch).map_err(
            |error| {
                if most < MAX_ITEMSETS.into() { TrainError::MiningInMemory(error) } else { error.into() }
            },
        )
    })?;
    info!(itemsets = itemsets.len(), "mined the frequent itemsets");

    progress.stage("derive itemset rules");
    let from_itemsets = stages
        .time("derive itemset rules", facts.rows, || itemset_rules(&itemsets, &settings.min_confidence));

    let longer_rules = if settings.max_consequent_length > NonZeroU32::MIN {
        progress.stage("derive longer rules");
        let encoded = stages.time("derive longer rules", facts.rows, || {
            encode_longer_rules(settings, guard, songs, &itemsets)
        })?;
        Some(encoded)
    } else {
        None
    };

    let pairs = match settings.min_pair_count {
        Some(least) => Some(Pairs::new(settings, dataset, least, guard, progress, stages)?),
        None => None,
    };
    let (song_batches, artist_batches, learned) = match pairs {
        Some(Pairs { songs, artists, learned }) => (Some(songs), Some(artists), Some(learned)),
        None => (None, None, None),
    };

    progress.stage("count pairs of songs");
    let mut encoder = RulesEncoder::for_songs(songs)?;
    let one_song_rules = stages.time("count pairs of songs", facts.rows, || {
        let weights = learned.as_ref().map_or_else(RuleWeights::default, Learned::weights);
        merge_rules::<TrainError>(
            from_itemsets.iter(),
            watched(song_batches, guard, progress),
            weights,
            |antecedent, count, rules| encoder.push(antecedent, count, rules.iter().copied()),
        )
    })?;
    let rules = encoder.finish()?;

    let mut encoder = RulesEncoder::for_artists(artists, songs)?;
    if artist_batches.is_some() {
        progress.stage("count artists with songs");
        stages.time("count artists with songs", facts.rows, || {
            merge_rules::<TrainError>(
                iter::empty(),
                watched(artist_batches, guard, progress),
                RuleWeights::default(),
                |antecedent, count, rules| encoder.push(antecedent, count, rules.iter().copied()),
            )
        })?;
    }
    let artist_rules = encoder.finish()?;
    let learning = learned.as_ref().map(Learned::learning);
    let (fit, evaluation) = match learned {
        Some(learned) => (learned.fit, Some(learned.evaluation)),
        None => (without_pairs(), None),
    };

    let counts = Counts {
        itemsets: itemsets.len() as u64,
        itemsets_by_size: itemsets.by_size(),
        itemset_rules: from_itemsets.len() as u64,
        one_song_rules,
        artist_rules: artist_rules.len(),
        rules: rules.len(),
        longer_rules: longer_rules.as_ref().map_or(0, EncodedRules::len),
    };
    info!(
        itemset_rules = counts.itemset_rules,
        one_song_rules = counts.one_song_rules,
        artist_rules = counts.artist_rules,
        "derived the rules"
    );
    Ok(Found { rules, artist_rules, longer_rules, counts, scoring: fit.scoring(), learning, evaluation })
}

/// Measures the twin of the model that the dataset would make.
pub(crate) fn evaluate_alone(
    settings: &Settings,
    dataset: &Dataset,
    progress: &Progress,
) -> Result<Evaluation, TrainError> {
    let least = settings.min_pair_count.ok_or(TrainError::NothingToEvaluate)?;
    let guard = MemoryGuard::new(settings.read.max_memory);
    let pairs = Pairs::new(settings, dataset, least, guard, progress, &mut Stages::default())?;
    Ok(pairs.learned.evaluation)
}

/// The counting of one-song and artist rules, ready to give them, and how they are weighed.
struct Pairs<'d> {
    songs: PairRuleBatches<'d>,
    artists: PairRuleBatches<'d>,
    learned: Learned,
}

impl<'d> Pairs<'d> {
    fn new(
        settings: &Settings,
        dataset: &'d Dataset,
        least: NonZeroU32,
        guard: MemoryGuard,
        progress: &Progress,
        stages: &mut Stages,
    ) -> Result<Self, TrainError> {
        let Dataset { baskets, song_artists, .. } = dataset;
        let most = settings.max_rules_per_song;
        guard.check("counting pairs of songs", 3 * pair_counting_bytes(baskets), PAIR_ADVICE)?;
        let mut songs = PairRuleBatches::of_songs(baskets, least, most, MAX_PAIR_RULES);
        let mut artists = PairRuleBatches::of_artists(baskets, song_artists, least, most, MAX_PAIR_RULES);
        let learned = learn(settings, dataset, (&mut songs, &mut artists), guard, progress, stages)?;
        Ok(Pairs { songs, artists, learned })
    }
}

/// The itemset rules with two songs or more in their consequents.
fn encode_longer_rules(
    settings: &Settings,
    guard: MemoryGuard,
    songs: &Songs,
    itemsets: &Itemsets,
) -> Result<EncodedRules, TrainError> {
    let most = guard.left()?.map_or(u64::MAX, |left| left / LONGER_RULE_BYTES).min(MAX_LONGER_RULES.into());
    let rules =
        longer_rules(itemsets, &settings.min_confidence, settings.max_consequent_length, most as u32)?;
    let mut encoder = LongerRulesEncoder::new(songs)?;
    for rule in rules.iter() {
        encoder.push(model::LongerRule {
            antecedent: rule.antecedent,
            consequent: rule.consequent,
            support_count: rule.support_count,
            antecedent_count: rule.antecedent_count,
            consequent_count: rule.consequent_count,
        })?;
    }
    Ok(encoder.finish()?)
}

/// Batches that tell how far they are, and stay within the memory.
fn watched<'w>(
    batches: Option<PairRuleBatches<'w>>,
    guard: MemoryGuard,
    progress: &'w Progress,
) -> impl Iterator<Item = Result<PairRules, MiningError>> + Send + 'w {
    batches.into_iter().flat_map(move |mut batches| {
        iter::from_fn(move || {
            let batch = batches.next()?;
            let (done, total) = batches.done();
            progress.done("entries", done, total);
            Some(batch.and_then(|batch| {
                guard.check("counting pairs", 0, PAIR_ADVICE)?;
                Ok(batch)
            }))
        })
    })
}
