//! Rules with consequents of several items are exact, whatever the data and the number of threads.

#![expect(clippy::unwrap_used, reason = "the functions that tests share are tests too")]

use std::num::NonZeroU32;

use proptest::{collection::vec, prelude::*};
use trainer::{
    Baskets, Itemsets, LongerRules, MinConfidence, MiningError, itemset_rules, longer_rules, mine_itemsets,
};

const NO_LIMIT: u32 = u32::MAX;

/// Antecedent size, antecedent, consequent size, consequent, support count, antecedent count, consequent count: in the order
/// that rules have.
type PlainRule = (usize, Vec<u32>, usize, Vec<u32>, u32, u32, u32);

fn listed(rules: &LongerRules<'_>) -> Vec<PlainRule> {
    let listed: Vec<PlainRule> = rules
        .iter()
        .map(|rule| {
            let (antecedent, consequent) = (rule.antecedent.to_vec(), rule.consequent.to_vec());
            let counts = (rule.support_count, rule.antecedent_count, rule.consequent_count);
            (antecedent.len(), antecedent, consequent.len(), consequent, counts.0, counts.1, counts.2)
        })
        .collect();
    assert_eq!(listed.len(), rules.len());
    listed
}

/// Looks at every pair of disjoint sets of items; the confidence is in thousandths.
fn brute_force(
    baskets: &Baskets,
    min_count: u32,
    consequent_lens: std::ops::RangeInclusive<u32>,
    thousandths: u32,
) -> Vec<PlainRule> {
    let items_of = |set: u32| -> Vec<u32> { (0..32).filter(|item| set >> item & 1 == 1).collect() };
    let holding = |set: u32| {
        let items = items_of(set);
        baskets.iter().filter(|basket| items.iter().all(|item| basket.contains(item))).count() as u32
    };
    let counts: Vec<u32> = (0..1 << baskets.item_count()).map(holding).collect();
    let mut rules = Vec::new();
    for antecedent in 1u32..1 << baskets.item_count() {
        for consequent in 1u32..1 << baskets.item_count() {
            let both = counts[(antecedent | consequent) as usize];
            let (antecedent_count, consequent_count) =
                (counts[antecedent as usize], counts[consequent as usize]);
            if antecedent & consequent == 0
                && consequent_lens.contains(&consequent.count_ones())
                && both >= min_count
                && both * 1000 >= thousandths * antecedent_count
            {
                let (antecedent, consequent) = (items_of(antecedent), items_of(consequent));
                let lens = (antecedent.len(), consequent.len());
                rules.push((
                    lens.0,
                    antecedent,
                    lens.1,
                    consequent,
                    both,
                    antecedent_count,
                    consequent_count,
                ));
            }
        }
    }
    rules.sort();
    rules
}

fn confidence(text: &str) -> MinConfidence {
    text.parse().unwrap()
}

fn count(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).unwrap()
}

fn mine(baskets: &Baskets, min_count: u32) -> Itemsets {
    mine_itemsets(baskets, min_count, None, NO_LIMIT).unwrap()
}

fn derive<'a>(itemsets: &'a Itemsets, min_confidence: &str, max_consequent: u32) -> LongerRules<'a> {
    longer_rules(itemsets, &confidence(min_confidence), count(max_consequent), NO_LIMIT).unwrap()
}

proptest! {
    #[test]
    fn longer_rules_equal_those_of_a_brute_force(
        baskets in vec(vec(0u32..6, 0..7), 0..16),
        min_count in 1u32..4,
        max_consequent in 1u32..6,
        thousandths in prop::sample::select(vec![0u32, 250, 333, 500, 600, 750, 1000]),
    ) {
        let baskets: Baskets = baskets.into_iter().collect();
        let itemsets = mine(&baskets, min_count);
        let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
        let rules = listed(&derive(&itemsets, &text, max_consequent));
        prop_assert_eq!(rules, brute_force(&baskets, min_count, 2..=max_consequent, thousandths));
    }

    #[test]
    fn with_those_of_one_item_they_are_all_rules_there_are(
        baskets in vec(vec(0u32..6, 0..7), 0..16),
        min_count in 1u32..4,
    ) {
        let baskets: Baskets = baskets.into_iter().collect();
        let itemsets = mine(&baskets, min_count);
        let mut rules = listed(&derive(&itemsets, "0.5", 32));
        let supports = baskets.support_counts();
        rules.extend(itemset_rules(&itemsets, &confidence("0.5")).iter().map(|rule| {
            let (antecedent, consequent) = (rule.antecedent.to_vec(), vec![rule.consequent]);
            let consequent_count = supports[rule.consequent as usize];
            (antecedent.len(), antecedent, 1, consequent, rule.support_count, rule.antecedent_count, consequent_count)
        }));
        rules.sort();
        prop_assert_eq!(rules, brute_force(&baskets, min_count, 1..=32, 500));
    }
}

#[test]
fn a_confidence_equal_to_the_threshold_is_kept() {
    // 3 of the 10 baskets with item 0 hold 1 and 2, too.
    let baskets: Baskets = (0..10).map(|basket| if basket < 3 { vec![0, 1, 2] } else { vec![0] }).collect();
    let itemsets = mine(&baskets, 1);
    let to_one_and_two = |min_confidence: &str| {
        listed(&derive(&itemsets, min_confidence, 2)).contains(&(1, vec![0], 2, vec![1, 2], 3, 10, 3))
    };
    assert!(to_one_and_two("0.3"));
    assert!(!to_one_and_two("0.3000001"));
}

#[test]
fn without_itemsets_of_three_items_or_longer_consequents_there_are_none() {
    let pairs: Baskets = [[0, 1], [0, 1], [1, 2]].into_iter().collect();
    assert!(derive(&mine(&pairs, 1), "0", 5).is_empty());
    let triples: Baskets = [[0, 1, 2], [0, 1, 2]].into_iter().collect();
    assert!(derive(&mine(&triples, 1), "0", 1).is_empty());
    assert_eq!(derive(&mine(&triples, 1), "0", 2).len(), 3);
    assert!(derive(&Itemsets::default(), "0", 2).is_empty());
}

#[test]
fn as_many_rules_as_allowed_are_kept_and_one_more_is_an_error_that_says_what_to_do() {
    let baskets: Baskets = [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4]].into_iter().collect();
    let itemsets = mine(&baskets, 2);
    let all = derive(&itemsets, "1", 3).len() as u32;
    let limited = |limit| longer_rules(&itemsets, &confidence("1"), count(3), limit);
    assert_eq!(limited(all).unwrap().len(), all as usize);
    let error = limited(all - 1).unwrap_err();
    assert_eq!(error, MiningError::TooManyLongerRules { limit: all - 1, max_consequent: 3 });
    assert!(error.to_string().contains("raise `--min-confidence`"), "{error}");
}

#[test]
fn any_number_of_threads_finds_the_same_rules() {
    let baskets: Baskets = (0u32..300)
        .map(|basket| (0u32..40).map(move |position| (basket * 31 + position * position * 7) % 97 % 60))
        .collect();
    let itemsets = mine(&baskets, 60);
    let rules_on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| listed(&derive(&itemsets, "0.4", 4)))
    };
    let alone = rules_on(1);
    assert!(alone.len() > 100, "{}", alone.len());
    for threads in [2, 7] {
        assert!(rules_on(threads) == alone, "{threads} threads find other rules");
    }
}
