use std::iter::Peekable;

use model::{Consequent, InvalidTable};

use crate::{itemset_rules::MinedRule, itemsets::MiningError, one_song_rules::PairRules};

/// The weight of a rule that always holds.
const GREATEST_WEIGHT: u32 = 255;

/// Puts rules together in the order of their table: each rule once, wherever it was found. `take` is given those of one antecedent at a time:
/// the antecedent, its support count, and the consequents, ascending. Returns the number of pair rules.
///
/// `itemset_rules` and the batches of `pair_rules` come in the table's order; while the rules of one batch are taken, the next is asked for on
/// another thread of the current rayon pool. The weight of a rule is its confidence in 255ths, rounded, and at least 1: a rule that was
/// worth keeping has a say.
///
/// # Errors
///
/// Those of a batch and of `take`.
pub fn merge_rules<'r, E: From<MiningError> + From<InvalidTable>>(
    itemset_rules: impl Iterator<Item = MinedRule<'r>> + Send,
    pair_rules: impl Iterator<Item = Result<PairRules, MiningError>> + Send,
    take: impl FnMut(&[u32], u32, &[Consequent]) -> Result<(), InvalidTable> + Send,
) -> Result<u64, E> {
    let mut merge = Merge { itemset_rules: itemset_rules.peekable(), consequents: Vec::new(), take };
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

struct Merge<'r, I: Iterator<Item = MinedRule<'r>>, S> {
    /// Those that were not taken yet.
    itemset_rules: Peekable<I>,
    /// The rules of one antecedent; kept for the allocation.
    consequents: Vec<Consequent>,
    take: S,
}

impl<'r, I, S> Merge<'r, I, S>
where
    I: Iterator<Item = MinedRule<'r>>,
    S: FnMut(&[u32], u32, &[Consequent]) -> Result<(), InvalidTable>,
{
    /// Takes a batch, and the itemset rules that stand before its last rule.
    fn take_pairs(&mut self, batch: &PairRules) -> Result<(), InvalidTable> {
        for (antecedent, antecedent_count, pairs) in batch.groups() {
            let antecedent = [antecedent];
            self.take_itemset_rules_before(Some(antecedent[0]))?;
            self.consequents.clear();
            for &(song, support_count) in pairs {
                while let Some(rule) = self
                    .itemset_rules
                    .next_if(|rule| rule.antecedent == antecedent && rule.consequent <= song)
                {
                    if rule.consequent < song {
                        self.consequents.push(weighed(&rule));
                    }
                }
                let weight = weight(support_count, antecedent_count);
                self.consequents.push(Consequent { song, support_count, weight, many_weight: 0 });
            }
            while let Some(rule) = self.itemset_rules.next_if(|rule| rule.antecedent == antecedent) {
                self.consequents.push(weighed(&rule));
            }
            (self.take)(&antecedent, antecedent_count, &self.consequents)?;
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
            self.consequents.push(weighed(&first));
            while let Some(rule) = self.itemset_rules.next_if(|rule| rule.antecedent == first.antecedent) {
                self.consequents.push(weighed(&rule));
            }
            (self.take)(first.antecedent, first.antecedent_count, &self.consequents)?;
        }
        Ok(())
    }
}

fn weighed(rule: &MinedRule<'_>) -> Consequent {
    let weight = weight(rule.support_count, rule.antecedent_count);
    Consequent { song: rule.consequent, support_count: rule.support_count, weight, many_weight: 0 }
}

/// The nearest integer to `255 · both / antecedent`, the greater of two that are equally near.
fn weight(both: u32, antecedent: u32) -> u16 {
    let (both, antecedent) = (u64::from(both), u64::from(antecedent));
    let rounded = (2 * u64::from(GREATEST_WEIGHT) * both + antecedent) / (2 * antecedent);
    rounded.clamp(1, GREATEST_WEIGHT.into()) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_is_the_confidence_in_255ths_rounded_and_at_least_1() {
        for (both, antecedent, expected) in [
            (1, 1, 255),
            (u32::MAX, u32::MAX, 255),
            (1, 2, 128),
            (1, 3, 85),
            (2, 3, 170),
            (509, 510, 255),
            (508, 510, 254),
            (1, 170, 2),
            (1, 171, 1),
            (1, 510, 1),
            (1, 511, 1),
            (1, u32::MAX, 1),
        ] {
            assert_eq!(weight(both, antecedent), expected, "{both} of {antecedent}");
        }
    }
}
