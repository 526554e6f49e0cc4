use std::iter::Peekable;

use model::{Consequent, InvalidTable};

use crate::{
    itemset_rules::MinedRule, itemsets::MiningError, one_song_rules::PairRules, rule_weights::RuleWeights,
};

/// Puts rules together in the order of their table: each rule once, wherever it was found. `take` is given those of one antecedent at a time:
/// the antecedent, its support count, and the consequents, ascending. Returns the number of pair rules.
///
/// `itemset_rules` and the batches of `pair_rules` come in the table's order; while the rules of one batch are taken, the next is asked for on
/// another thread of the current rayon pool. `weights` tells what each rule weighs.
///
/// # Errors
///
/// Those of a batch and of `take`.
pub fn merge_rules<'r, E: From<MiningError> + From<InvalidTable>>(
    itemset_rules: impl Iterator<Item = MinedRule<'r>> + Send,
    pair_rules: impl Iterator<Item = Result<PairRules, MiningError>> + Send,
    weights: RuleWeights<'_>,
    take: impl FnMut(&[u32], u32, &[Consequent]) -> Result<(), InvalidTable> + Send,
) -> Result<u64, E> {
    let mut merge = Merge { itemset_rules: itemset_rules.peekable(), consequents: Vec::new(), weights, take };
    let mut pair_rules = pair_rules;
    let mut found = 0;
    let mut next = pair_rules.next();
    while let Some(batch) = next {
        let batch = batch?;
        found += batch.len() as u64;
        let taken;
        (next, taken) = rayon::join(|| pair_rules.next(), || merge.take_pairs(&batch));
        taken?;
    }
    merge.take_itemset_rules_before(None)?;
    Ok(found)
}

struct Merge<'r, 'w, I: Iterator<Item = MinedRule<'r>>, S> {
    /// Those that were not taken yet.
    itemset_rules: Peekable<I>,
    /// The rules of one antecedent; kept for the allocation.
    consequents: Vec<Consequent>,
    weights: RuleWeights<'w>,
    take: S,
}

impl<'r, I, S> Merge<'r, '_, I, S>
where
    I: Iterator<Item = MinedRule<'r>>,
    S: FnMut(&[u32], u32, &[Consequent]) -> Result<(), InvalidTable>,
{
    /// Takes a batch, and the itemset rules that stand before its last rule.
    fn take_pairs(&mut self, batch: &PairRules) -> Result<(), InvalidTable> {
        for (antecedent, pairs) in batch.groups() {
            let ids = [antecedent.id];
            self.take_itemset_rules_before(Some(antecedent.id))?;
            self.consequents.clear();
            let weights = &mut self.weights;
            let consequents = &mut self.consequents;
            consequents.extend(
                weights
                    .of_pairs(antecedent, pairs)
                    .zip(pairs)
                    .map(|(weights, rule)| consequent(rule.song, rule.support_count, weights)),
            );
            let mut is_sorted = true;
            while let Some(rule) = self.itemset_rules.next_if(|rule| rule.antecedent == ids) {
                if pairs.binary_search_by_key(&rule.consequent, |pair| pair.song).is_err() {
                    is_sorted = false;
                    consequents.push(weighed(&rule, weights));
                }
            }
            if !is_sorted {
                consequents.sort_unstable_by_key(|consequent| consequent.song);
            }
            (self.take)(&ids, antecedent.count, &self.consequents)?;
        }
        Ok(())
    }

    /// Takes the itemset rules whose antecedent stands before that of one song, or all that are left.
    fn take_itemset_rules_before(&mut self, song: Option<u32>) -> Result<(), InvalidTable> {
        let is_before = |rule: &MinedRule<'_>| {
            song.is_none_or(|song| rule.antecedent.len() == 1 && rule.antecedent[0] < song)
        };
        while let Some(first) = self.itemset_rules.next_if(is_before) {
            self.consequents.clear();
            self.consequents.push(weighed(&first, &self.weights));
            while let Some(rule) = self.itemset_rules.next_if(|rule| rule.antecedent == first.antecedent) {
                self.consequents.push(weighed(&rule, &self.weights));
            }
            (self.take)(first.antecedent, first.antecedent_count, &self.consequents)?;
        }
        Ok(())
    }
}

fn weighed(rule: &MinedRule<'_>, weights: &RuleWeights<'_>) -> Consequent {
    let weights = weights.of_confidence(rule.support_count, rule.antecedent_count);
    consequent(rule.consequent, rule.support_count, weights)
}

fn consequent(song: u32, support_count: u32, [weight, many_weight]: [u16; 2]) -> Consequent {
    Consequent { song, support_count, weight, many_weight }
}
