use model::{InvalidTable, Rule, Rules};

use crate::{
    itemset_rules::{ItemsetRules, MinedRule},
    one_song_rules::PairRules,
};

/// The weight of a rule that always holds.
const GREATEST_WEIGHT: u32 = 255;

/// Puts the rules with songs as antecedents into one table: each rule once, wherever it was found.
///
/// The weight of a rule is its confidence in 255ths, rounded, and at least 1: a rule that was worth keeping has a say.
///
/// # Errors
///
/// None for rules that were mined from the same baskets.
pub fn rule_table(
    itemset_rules: &ItemsetRules<'_>,
    one_song_rules: &PairRules,
) -> Result<Rules, InvalidTable> {
    let mut table = Rules::default();
    let mut one_song_rules = one_song_rules.iter().peekable();
    for rule in itemset_rules.iter() {
        while let Some(before) = one_song_rules.next_if(|other| place(other) < place(&rule)) {
            table.push(weighed(before))?;
        }
        one_song_rules.next_if(|other| place(other) == place(&rule));
        table.push(weighed(rule))?;
    }
    one_song_rules.try_for_each(|rule| table.push(weighed(rule)))?;
    Ok(table)
}

/// Puts the rules from artists to songs into a table, weighed like those in [`rule_table`].
///
/// # Errors
///
/// None for rules that were mined.
pub fn artist_rule_table(artist_rules: &PairRules) -> Result<Rules, InvalidTable> {
    let mut table = Rules::default();
    artist_rules.iter().try_for_each(|rule| table.push(weighed(rule)))?;
    Ok(table)
}

/// What rules are ordered by.
fn place<'a>(rule: &MinedRule<'a>) -> (usize, &'a [u32], u32) {
    (rule.antecedent.len(), rule.antecedent, rule.consequent)
}

fn weighed(rule: MinedRule<'_>) -> Rule<'_> {
    Rule {
        antecedent: rule.antecedent,
        antecedent_count: rule.antecedent_count,
        consequent: rule.consequent,
        support_count: rule.support_count,
        weight: weight(rule.support_count, rule.antecedent_count),
    }
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
