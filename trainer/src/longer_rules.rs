use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicUsize, Ordering},
};

use rayon::prelude::*;

use crate::{
    itemset_rules::PositionIndex,
    itemsets::{Itemsets, MiningError},
    support::MinConfidence,
};

/// Rules with consequents of two or more items that were derived from frequent itemsets.
#[derive(Clone, Debug)]
pub struct LongerRules<'a> {
    itemsets: &'a Itemsets,
    /// In the order of the rules.
    rules: Vec<Rule>,
}

/// A rule whose sides are found by their positions among the itemsets of their sizes.
///
/// The order of the fields is that of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rule {
    antecedent_len: u32,
    antecedent: u32,
    consequent_len: u32,
    consequent: u32,
    support_count: u32,
}

/// A rule as [`LongerRules`] lends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongerRule<'a> {
    /// The ids of the antecedent, ascending; not empty.
    pub antecedent: &'a [u32],
    /// The ids of the consequent, ascending; two or more, none of which is the antecedent's.
    pub consequent: &'a [u32],
    /// The baskets that hold the antecedent.
    pub antecedent_count: u32,
    /// The baskets that hold the consequent.
    pub consequent_count: u32,
    /// The baskets that hold the antecedent and the consequent.
    pub support_count: u32,
}

impl LongerRules<'_> {
    /// The number of rules.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rules, ordered by the antecedent's size, its items, the consequent's size, and its items.
    pub fn iter(&self) -> impl Iterator<Item = LongerRule<'_>> {
        self.rules.iter().filter_map(|rule| {
            let antecedents = self.itemsets.of_size(rule.antecedent_len as usize)?;
            let consequents = self.itemsets.of_size(rule.consequent_len as usize)?;
            let (antecedent, consequent) = (rule.antecedent as usize, rule.consequent as usize);
            Some(LongerRule {
                antecedent: antecedents.items(antecedent),
                consequent: consequents.items(consequent),
                antecedent_count: antecedents.count(antecedent),
                consequent_count: consequents.count(consequent),
                support_count: rule.support_count,
            })
        })
    }
}

/// Derives the rules A ⇒ C with consequents of two to `max_consequent` items: all for which A ∪ C is one of the frequent
/// itemsets and the confidence is sufficient.
///
/// With a `max_consequent` of 1 there are none; those are [`itemset_rules`](crate::itemset_rules()). Works on the threads of
/// the current rayon pool; the result does not depend on them. For each itemset, consequents grow from those that one item
/// less made sufficient, since a rule with a part of the consequent is at least as confident (Agrawal and Srikant 1994,
/// ap-genrules). Needs 20 bytes for each rule, and the same again for a while.
///
/// # Errors
///
/// If there are more than `max_rules`.
pub fn longer_rules<'a>(
    itemsets: &'a Itemsets,
    min_confidence: &MinConfidence,
    max_consequent: NonZeroU32,
    max_rules: u32,
) -> Result<LongerRules<'a>, MiningError> {
    let indexes: Vec<PositionIndex<'_>> =
        (1..).map_while(|size| itemsets.of_size(size)).map(PositionIndex::new).collect();
    let derivation = Derivation {
        indexes: &indexes,
        min_confidence,
        max_consequent: max_consequent.get(),
        max_rules: max_rules as usize,
        derived: AtomicUsize::new(0),
    };
    let mut rules = Vec::new();
    for unions in (3..).map_while(|size| itemsets.of_size(size)) {
        let parts: Option<Vec<Vec<Rule>>> = (0..unions.len())
            .into_par_iter()
            .try_fold(Vec::new, |mut rules, position| {
                derivation.derive(unions.items(position), unions.count(position), &mut rules)?;
                Some(rules)
            })
            .collect();
        let parts = parts.ok_or(MiningError::TooManyLongerRules {
            limit: max_rules,
            max_consequent: derivation.max_consequent,
        })?;
        rules.extend(parts.into_iter().flatten());
    }
    rules.par_sort_unstable();
    Ok(LongerRules { itemsets, rules })
}

/// What it takes to derive the rules of one itemset.
struct Derivation<'a> {
    /// By size: from one item on.
    indexes: &'a [PositionIndex<'a>],
    min_confidence: &'a MinConfidence,
    max_consequent: u32,
    max_rules: usize,
    /// The rules that all threads have derived.
    derived: AtomicUsize,
}

impl Derivation<'_> {
    /// Appends the rules whose sides together are `union`; `None` if there are too many rules by then.
    fn derive(&self, union: &[u32], support_count: u32, rules: &mut Vec<Rule>) -> Option<()> {
        let len = union.len() as u32;
        // Consequents are bits at the positions of their items, of which there are at most 32: all subsets of an itemset
        // are itemsets too, and are numbered with 32 bits. These are the sufficient ones of one size, ascending.
        let mut sufficient: Vec<u32> = (0..len)
            .map(|position| 1 << position)
            .filter(|&consequent| self.sufficient_antecedent(union, support_count, consequent).is_some())
            .collect();
        for consequent_len in 2..=self.max_consequent.min(len - 1) {
            let mut longer = Vec::new();
            for &shorter in &sufficient {
                for position in shorter.ilog2() + 1..len {
                    let consequent = shorter | 1 << position;
                    // One more item never raises the confidence.
                    let is_sufficient = |&bit: &u32| sufficient.binary_search(&(consequent & !bit)).is_ok();
                    if !bits(consequent).all(|bit| is_sufficient(&bit)) {
                        continue;
                    }
                    if let Some(antecedent) = self.sufficient_antecedent(union, support_count, consequent)
                        && let Some(found) = self.position(union, consequent)
                    {
                        longer.push(consequent);
                        rules.push(Rule {
                            antecedent_len: len - consequent_len,
                            antecedent,
                            consequent_len,
                            consequent: found,
                            support_count,
                        });
                    }
                }
            }
            if self.derived.fetch_add(longer.len(), Ordering::Relaxed) + longer.len() > self.max_rules {
                return None;
            }
            longer.sort_unstable();
            sufficient = longer;
        }
        Some(())
    }

    /// The position of the antecedent, if the rule to `consequent` has the confidence.
    fn sufficient_antecedent(&self, union: &[u32], support_count: u32, consequent: u32) -> Option<u32> {
        let all = u32::MAX >> (u32::BITS - union.len() as u32);
        let antecedent = self.position(union, all & !consequent)?;
        let index = &self.indexes[union.len() - consequent.count_ones() as usize - 1];
        let antecedent_count = index.itemsets.count(antecedent as usize);
        self.min_confidence.is_met(support_count, antecedent_count).then_some(antecedent)
    }

    /// The position of those items of `union` whose bits are set, among the itemsets of their number.
    fn position(&self, union: &[u32], items: u32) -> Option<u32> {
        let mut itemset = [0; u32::BITS as usize];
        let mut len = 0;
        for bit in bits(items) {
            itemset[len] = union[bit.trailing_zeros() as usize];
            len += 1;
        }
        self.indexes.get(len.checked_sub(1)?)?.find(&itemset[..len])
    }
}

/// The bits that are set, each alone.
fn bits(mut mask: u32) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let bit = mask & mask.wrapping_neg();
        mask ^= bit;
        (bit != 0).then_some(bit)
    })
}
