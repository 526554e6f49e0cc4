use hashbrown::HashTable;
use rayon::prelude::*;

use crate::{
    itemsets::{Itemsets, ItemsetsOfOneSize},
    support::MinConfidence,
};

/// Rules with one consequent that were derived from frequent itemsets.
#[derive(Clone, Debug)]
pub struct ItemsetRules<'a> {
    itemsets: &'a Itemsets,
    /// By the antecedents' size: from one item on.
    by_size: Vec<Vec<RuleOfOneSize>>,
}

/// A rule whose antecedent is found by its position among the itemsets of its size.
///
/// The order of the fields is that of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct RuleOfOneSize {
    antecedent: u32,
    consequent: u32,
    support_count: u32,
}

/// A rule as [`ItemsetRules`] and [`PairRules`](crate::PairRules) lend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinedRule<'a> {
    /// The ids of the antecedent, ascending; not empty.
    pub antecedent: &'a [u32],
    /// The baskets that hold the antecedent.
    pub antecedent_count: u32,
    /// The item that the rule speaks for; not one of the antecedent's.
    pub consequent: u32,
    /// The baskets that hold the antecedent and the consequent.
    pub support_count: u32,
}

impl ItemsetRules<'_> {
    /// The number of rules.
    pub fn len(&self) -> usize {
        self.by_size.iter().map(Vec::len).sum()
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rules, ordered by the antecedent's size, its items, and the consequent.
    pub fn iter(&self) -> impl Iterator<Item = MinedRule<'_>> {
        (1..).zip(&self.by_size).flat_map(|(size, rules)| {
            self.itemsets.of_size(size).into_iter().flat_map(move |antecedents| {
                rules.iter().map(move |rule| MinedRule {
                    antecedent: antecedents.items(rule.antecedent as usize),
                    antecedent_count: antecedents.count(rule.antecedent as usize),
                    consequent: rule.consequent,
                    support_count: rule.support_count,
                })
            })
        })
    }
}

/// Derives the rules A ⇒ c with one item as consequent: all for which A ∪ {c} is one of the frequent itemsets and the
/// confidence is sufficient.
///
/// Works on the threads of the current rayon pool; the result does not depend on them. Agrawal and Srikant 1994, restricted to
/// one consequent.
pub fn itemset_rules<'a>(itemsets: &'a Itemsets, min_confidence: &MinConfidence) -> ItemsetRules<'a> {
    let mut by_size = Vec::new();
    for size in 1.. {
        let (Some(antecedents), Some(unions)) = (itemsets.of_size(size), itemsets.of_size(size + 1)) else {
            break;
        };
        by_size.push(rules_of_one_size(antecedents, unions, min_confidence));
    }
    ItemsetRules { itemsets, by_size }
}

fn rules_of_one_size(
    antecedents: &ItemsetsOfOneSize,
    unions: &ItemsetsOfOneSize,
    min_confidence: &MinConfidence,
) -> Vec<RuleOfOneSize> {
    let positions = PositionIndex::new(antecedents);
    let mut rules: Vec<RuleOfOneSize> = (0..unions.len())
        .into_par_iter()
        .fold(Vec::new, |mut rules, position| {
            let (union, support_count) = (unions.items(position), unions.count(position));
            let mut antecedent = union[1..].to_vec();
            for (place, &consequent) in union.iter().enumerate() {
                // `antecedent` is the union without the item at `place`.
                if let Some(previous) = place.checked_sub(1) {
                    antecedent[previous] = union[previous];
                }
                let found = positions.find(&antecedent);
                rules.extend(
                    found
                        .filter(|&found| {
                            min_confidence.is_met(support_count, antecedents.count(found as usize))
                        })
                        .map(|antecedent| RuleOfOneSize { antecedent, consequent, support_count }),
                );
            }
            rules
        })
        .flatten_iter()
        .collect();
    rules.par_sort_unstable();
    rules
}

/// Finds itemsets of one size by their items.
pub(crate) struct PositionIndex<'a> {
    pub(crate) itemsets: &'a ItemsetsOfOneSize,
    positions: HashTable<u32>,
    hasher: foldhash::fast::FixedState,
}

impl<'a> PositionIndex<'a> {
    pub(crate) fn new(itemsets: &'a ItemsetsOfOneSize) -> Self {
        let hasher = foldhash::fast::FixedState::default();
        let hash_of = |position: u32| hash(&hasher, itemsets.items(position as usize));
        let mut positions = HashTable::with_capacity(itemsets.len());
        for position in 0..itemsets.len() as u32 {
            // All itemsets differ, so none needs to be looked for.
            positions.insert_unique(hash_of(position), position, |&position| hash_of(position));
        }
        PositionIndex { itemsets, positions, hasher }
    }

    pub(crate) fn find(&self, items: &[u32]) -> Option<u32> {
        let is_it = |&position: &u32| self.itemsets.items(position as usize) == items;
        self.positions.find(hash(&self.hasher, items), is_it).copied()
    }
}

fn hash(hasher: &foldhash::fast::FixedState, items: &[u32]) -> u64 {
    use std::hash::BuildHasher;

    hasher.hash_one(items)
}
