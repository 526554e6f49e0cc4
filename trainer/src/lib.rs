//! Mines association rules from playlists and publishes them as a model version on a volume.
//!
//! ```text
//! CSV ──source, rows──▶ Dataset ──┬─itemsets──▶ itemset rules ──┬─rule_table──▶ encoded tables ──training──▶ volume
//!                      (baskets)  └─one_song_rules──▶ pair rules ┘
//! ```
//!
//! [`train`] does all of it; [`read_dataset`], [`mine_itemsets`], [`itemset_rules()`], [`one_song_rules()`] and [`artist_rules`] are its
//! steps, plain functions over plain data:
//!
//! ```
//! use std::num::NonZeroU32;
//! use trainer::{Baskets, MAX_PAIR_RULES, MinConfidence, itemset_rules, mine_itemsets, one_song_rules};
//!
//! let baskets: Baskets = [vec![0, 1, 2], vec![0, 1], vec![0, 2], vec![1]].into_iter().collect();
//! let itemsets = mine_itemsets(&baskets, 2, None, 1_000)?;
//! assert_eq!(itemsets.by_size(), [3, 2]);
//! let rules = itemset_rules(&itemsets, &MinConfidence::default());
//! assert_eq!(rules.len(), 4);
//! let pairs = one_song_rules(&baskets, NonZeroU32::MIN, None, MAX_PAIR_RULES)?;
//! assert_eq!(pairs.len(), 6);
//! # Ok::<(), trainer::MiningError>(())
//! ```

mod causes;
mod memory;
mod location;
mod http_client;
mod download;
mod download_error;
mod source;
mod decompression;
mod blocks;
mod rows;
mod columns;
mod batches;
mod interning;
mod identity;
mod playlists;
mod reading;
mod catalogue;
mod dataset;
mod hold_out;
mod baskets;
mod support;
mod itemsets;
mod itemset_rules;
mod longer_rules;
mod one_song_rules;
mod kernel;
mod ease;
mod factors;
mod rule_weights;
mod rule_table;
mod twin;
mod fit;
mod evaluation;
mod measuring;
mod learning;
mod progress;
mod stages;
mod mining;
mod gate;
mod key;
mod unchanged;
mod training;
mod summary;
mod versions;
mod args;

pub use self::{
    args::{
        Args, Command, EvaluateArgs, LogFormat, MiningArgs, Share, TrainArgs, VersionsCommand, VolumeArgs,
    },
    baskets::Baskets,
    columns::Column,
    dataset::{Dataset, DatasetError, ItemKey, ReadOptions, ReadProgress, read_dataset},
    decompression::Compression,
    download::DownloadPolicy,
    download_error::DownloadError,
    ease::{Ease, EaseError, EaseTwin},
    evaluation::{EvaluationReport, Recommended, evaluate, measure},
    factors::{Factors, FactorsError},
    gate::{Decision, decide},
    hold_out::{HeldOut, HoldOut, SEEDS},
    http_client::RedirectProblem,
    itemset_rules::{ItemsetRules, MinedRule, itemset_rules},
    itemsets::{
        FittingBound, Itemsets, MAX_ITEMSETS, MiningError, TooManyItemsets, count_itemsets, mine_itemsets,
    },
    location::{InvalidLocation, Location},
    longer_rules::{LongerRule, LongerRules, longer_rules},
    memory::{MaxMemory, MemoryError},
    one_song_rules::{MAX_PAIR_RULES, PairRuleBatches, PairRules, artist_rules, one_song_rules},
    progress::{LogWriter, Progress},
    reading::{RowProblem, SkippedRow},
    rule_table::merge_rules,
    rule_weights::RuleWeights,
    support::{InvalidThreshold, MinConfidence, MinSupport},
    training::{Outcome, Report, Settings, TrainError, evaluate_dataset, train},
    versions::{VersionsReport, versions},
};
