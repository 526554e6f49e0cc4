//! Rules are exact, whatever the data and the number of threads.

#![expect(clippy::unwrap_used, reason = "the functions that tests share are tests too")]

use std::{collections::BTreeMap, iter, num::NonZeroU32};

use model::Rules;
use proptest::{collection::vec, prelude::*};
use trainer::{
    Baskets, Itemsets, MinConfidence, MinedRule, MiningError, PairRuleBatches, PairRules, RuleWeights,
    TrainError, artist_rules, itemset_rules, merge_rules, mine_itemsets, one_song_rules,
};

const NO_LIMIT: u32 = u32::MAX;

/// Antecedent size, antecedent, consequent, support count, antecedent count: in the order that rules have.
type PlainRule = (usize, Vec<u32>, u32, u32, u32);

fn plain(rule: MinedRule<'_>) -> PlainRule {
    let antecedent = rule.antecedent.to_vec();
    (antecedent.len(), antecedent, rule.consequent, rule.support_count, rule.antecedent_count)
}

/// The share of the baskets with the antecedent that hold the consequent, each basket counting `1/√length`.
fn damped_confidence(baskets: &Baskets, antecedent: u32, consequent: u32) -> f64 {
    let sum = |songs: &[u32]| -> f64 {
        let holding = baskets.iter().filter(|basket| songs.iter().all(|song| basket.contains(song)));
        holding.map(|basket| 1.0 / (basket.len() as f64).sqrt()).sum()
    };
    sum(&[antecedent, consequent]) / sum(&[antecedent])
}

fn count(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).unwrap()
}

fn confidence(text: &str) -> MinConfidence {
    text.parse().unwrap()
}

fn mine(baskets: &Baskets, min_count: u32, max_length: Option<NonZeroU32>) -> Itemsets {
    mine_itemsets(baskets, min_count, max_length, NO_LIMIT).unwrap()
}

fn holding(baskets: &Baskets, items: &[u32]) -> u32 {
    baskets.iter().filter(|basket| items.iter().all(|item| basket.contains(item))).count() as u32
}

/// Looks at every antecedent and every consequent that there are; the confidence is in thousandths.
fn brute_force_itemset_rules(
    baskets: &Baskets,
    min_count: u32,
    max_length: Option<NonZeroU32>,
    thousandths: u32,
) -> Vec<PlainRule> {
    let mut rules = Vec::new();
    for set in 1u32..1 << baskets.item_count() {
        let antecedent: Vec<u32> = (0..baskets.item_count()).filter(|item| set >> item & 1 == 1).collect();
        let size = antecedent.len();
        if max_length.is_some_and(|length| size + 1 > length.get() as usize) {
            continue;
        }
        let antecedent_count = holding(baskets, &antecedent);
        for consequent in (0..baskets.item_count()).filter(|item| !antecedent.contains(item)) {
            let both = holding(baskets, &[&antecedent[..], &[consequent]].concat());
            if both >= min_count && both * 1000 >= thousandths * antecedent_count {
                rules.push((size, antecedent.clone(), consequent, both, antecedent_count));
            }
        }
    }
    rules.sort();
    rules
}

/// Counts every pair by looking at every basket, and keeps the strongest by sorting.
fn brute_force_pair_rules(
    baskets: &Baskets,
    antecedents_of: impl Fn(&[u32]) -> Vec<u32>,
    is_allowed: impl Fn(u32, u32) -> bool,
    min_pair_count: u32,
    max_rules: Option<NonZeroU32>,
) -> Vec<PlainRule> {
    let mut antecedent_counts: BTreeMap<u32, u32> = BTreeMap::new();
    let mut pairs: BTreeMap<u32, BTreeMap<u32, u32>> = BTreeMap::new();
    for basket in baskets.iter() {
        let mut antecedents = antecedents_of(basket);
        antecedents.sort_unstable();
        antecedents.dedup();
        for antecedent in antecedents {
            *antecedent_counts.entry(antecedent).or_default() += 1;
            for &item in basket.iter().filter(|&&item| is_allowed(antecedent, item)) {
                *pairs.entry(antecedent).or_default().entry(item).or_default() += 1;
            }
        }
    }
    let supports = baskets.support_counts();
    let mut rules = Vec::new();
    for (antecedent, consequents) in pairs {
        let mut kept: Vec<(u32, u32)> =
            consequents.into_iter().filter(|&(_, both)| both >= min_pair_count).collect();
        // The squares of the cosines over their common denominator, a factor that all have left out.
        let product: u64 = supports.iter().map(|&support| u64::from(support.max(1))).product();
        kept.sort_by_key(|&(item, both)| {
            (std::cmp::Reverse(u64::from(both * both) * (product / u64::from(supports[item as usize]))), item)
        });
        kept.truncate(max_rules.map_or(usize::MAX, |max_rules| max_rules.get() as usize));
        rules.extend(
            kept.into_iter()
                .map(|(item, both)| (1, vec![antecedent], item, both, antecedent_counts[&antecedent])),
        );
    }
    rules.sort();
    rules
}

fn listed(rules: &PairRules) -> Vec<PlainRule> {
    rules.iter().map(plain).collect()
}

/// The rules of both kinds as a table, and the number of pair rules.
fn table<'r>(
    itemset_rules: impl Iterator<Item = MinedRule<'r>> + Send,
    pair_rules: &PairRules,
) -> (Rules, u64) {
    let mut table = Rules::default();
    let batches = [Ok(pair_rules.clone())].into_iter();
    let take = |antecedent: &[u32], antecedent_count: u32, rules: &[model::Consequent]| {
        rules.iter().try_for_each(|rule| {
            table.push(model::Rule {
                antecedent,
                antecedent_count,
                consequent: rule.song,
                support_count: rule.support_count,
                weight: rule.weight,
                many_weight: rule.many_weight,
            })
        })
    };
    let found = merge_rules::<TrainError>(itemset_rules, batches, RuleWeights::default(), take);
    (table, found.unwrap())
}

fn rows(table: &Rules) -> Vec<PlainRule> {
    let row = |rule: model::Rule<'_>| {
        plain(MinedRule {
            antecedent: rule.antecedent,
            antecedent_count: rule.antecedent_count,
            consequent: rule.consequent,
            support_count: rule.support_count,
        })
    };
    table.iter().map(row).collect()
}

proptest! {
    #[test]
    fn itemset_rules_equal_those_of_a_brute_force(
        baskets in vec(vec(0u32..7, 0..8), 0..24),
        min_count in 1u32..6,
        max_length in 0u32..5,
        thousandths in 0u32..=1000,
    ) {
        let baskets: Baskets = baskets.into_iter().collect();
        let max_length = NonZeroU32::new(max_length);
        let itemsets = mine(&baskets, min_count, max_length);
        let min_confidence = confidence(&format!("{}.{:03}", thousandths / 1000, thousandths % 1000));
        let rules = itemset_rules(&itemsets, &min_confidence);
        let expected = brute_force_itemset_rules(&baskets, min_count, max_length, thousandths);
        prop_assert_eq!(rules.len(), expected.len());
        prop_assert_eq!(rules.iter().map(plain).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn one_song_rules_equal_those_of_a_brute_force(
        baskets in vec(vec(0u32..8, 0..9), 0..24),
        min_pair_count in 1u32..5,
        max_rules in 0u32..6,
    ) {
        let baskets: Baskets = baskets.into_iter().collect();
        let max_rules = NonZeroU32::new(max_rules);
        let rules = one_song_rules(&baskets, count(min_pair_count), max_rules, NO_LIMIT).unwrap();
        let expected =
            brute_force_pair_rules(&baskets, <[u32]>::to_vec, |a, c| a != c, min_pair_count, max_rules);
        prop_assert_eq!(rules.len(), expected.len());
        prop_assert_eq!(listed(&rules), expected);
    }

    #[test]
    fn artist_rules_equal_those_of_a_brute_force(
        baskets in vec(vec(0u32..8, 0..9), 0..24),
        song_artists in vec(proptest::option::of(0u32..4), 0..8),
        min_pair_count in 1u32..5,
        max_rules in 0u32..6,
    ) {
        let baskets: Baskets = baskets.into_iter().collect();
        let max_rules = NonZeroU32::new(max_rules);
        let rules =
            artist_rules(&baskets, &song_artists, count(min_pair_count), max_rules, NO_LIMIT).unwrap();
        let artists_of = |basket: &[u32]| -> Vec<u32> {
            basket.iter().filter_map(|&song| song_artists.get(song as usize).copied().flatten()).collect()
        };
        let expected = brute_force_pair_rules(&baskets, artists_of, |_, _| true, min_pair_count, max_rules);
        prop_assert_eq!(listed(&rules), expected);
    }

    #[test]
    fn a_table_holds_the_rules_of_both_kinds_once_each_in_order(
        baskets in vec(vec(0u32..7, 0..8), 0..24),
        min_count in 1u32..6,
        min_pair_count in 1u32..6,
        max_rules in 0u32..4,
    ) {
        let baskets: Baskets = baskets.into_iter().collect();
        let itemsets = mine(&baskets, min_count, None);
        let from_itemsets = itemset_rules(&itemsets, &confidence("0.4"));
        let one_song =
            one_song_rules(&baskets, count(min_pair_count), NonZeroU32::new(max_rules), NO_LIMIT).unwrap();
        let mut expected: Vec<PlainRule> = from_itemsets.iter().chain(one_song.iter()).map(plain).collect();
        expected.sort();
        expected.dedup();
        let found = one_song.len() as u64;
        let (table, one_song_rules) = table(from_itemsets.iter(), &one_song);
        prop_assert_eq!(one_song_rules, found);
        prop_assert_eq!(rows(&table), expected);
        for rule in table.iter() {
            let is_pair = one_song
                .iter()
                .any(|pair| pair.antecedent == rule.antecedent && pair.consequent == rule.consequent);
            let confidence = if is_pair {
                damped_confidence(&baskets, rule.antecedent[0], rule.consequent)
            } else {
                f64::from(rule.support_count) / f64::from(rule.antecedent_count)
            };
            // What a basket counts is rounded to 1/65536 of one song's.
            prop_assert!((f64::from(rule.weight) - 255.0 * confidence).abs() <= 0.52 || rule.weight == 1);
            prop_assert_eq!(rule.many_weight, 0);
        }
    }

    #[test]
    fn the_twin_has_the_rules_of_the_playlists_that_are_not_held_out(
        baskets in vec((vec(0u32..9, 0..8), any::<bool>()), 0..24),
        antecedents in proptest::collection::btree_set(0u32..9, 0..9),
        min_pair_count in 1u32..4,
        max_rules in 1u32..9,
    ) {
        let (all, is_held_out): (Vec<Vec<u32>>, Vec<bool>) = baskets.into_iter().unzip();
        // One with all songs is never held out, so that there are as many in either case.
        let all: Vec<Vec<u32>> = all.into_iter().chain([(0..9).collect()]).collect();
        let is_held_out: Vec<bool> = is_held_out.into_iter().chain([false]).collect();
        let without: Baskets = all
            .iter()
            .zip(&is_held_out)
            .map(|(basket, &is_held_out)| if is_held_out { vec![] } else { basket.clone() })
            .collect();
        let all: Baskets = all.into_iter().collect();
        let song_artists: Vec<Option<u32>> = (0..9).map(|song| (song > 0).then_some(song % 4)).collect();
        let (least, most) = (count(min_pair_count), NonZeroU32::new(max_rules));
        type Batches<'b> = PairRuleBatches<'b>;
        let of_songs: (Batches<'_>, Batches<'_>) = (
            Batches::of_songs(&all, least, most, NO_LIMIT),
            Batches::of_songs(&without, least, most, NO_LIMIT),
        );
        let of_artists: (Batches<'_>, Batches<'_>) = (
            Batches::of_artists(&all, &song_artists, least, most, NO_LIMIT),
            Batches::of_artists(&without, &song_artists, least, most, NO_LIMIT),
        );
        for ((mut batches, of_others), items) in [(of_songs, 9), (of_artists, 4)] {
            let antecedents: Vec<u32> = antecedents.iter().copied().filter(|&id| id < items).collect();
            let twin = batches.twin(&antecedents, &is_held_out);
            let mut others = PairRules::default();
            for batch in of_others {
                others.append(batch.unwrap());
            }
            others.retain(|antecedent| antecedents.contains(&antecedent));
            prop_assert_eq!(twin, others);
        }
    }

    #[test]
    fn a_twin_changes_nothing_of_the_rules_of_all_playlists(
        baskets in vec((vec(0u32..9, 0..8), any::<bool>()), 1..24),
        antecedents in proptest::collection::btree_set(0u32..9, 0..9),
        max_rules in 1u32..9,
    ) {
        let (all, is_held_out): (Vec<Vec<u32>>, Vec<bool>) = baskets.into_iter().unzip();
        let all: Baskets = all.into_iter().collect();
        let most = NonZeroU32::new(max_rules);
        let mut batches = PairRuleBatches::of_songs(&all, count(2), most, NO_LIMIT);
        let antecedents: Vec<u32> = antecedents.into_iter().filter(|&id| id < all.item_count()).collect();
        batches.twin(&antecedents, &is_held_out);
        let mut found = PairRules::default();
        for batch in batches {
            found.append(batch.unwrap());
        }
        prop_assert_eq!(found, one_song_rules(&all, count(2), most, NO_LIMIT).unwrap());
    }
}

/// The rules that Han, Kamber and Pei derive from the itemset {I1, I2, I5} in section 6.2.2 of *Data Mining: Concepts and
/// Techniques*, 3rd edition 2012, with one-item consequents: {I1, I2} ⇒ I5 2/4, {I1, I5} ⇒ I2 2/2, {I2, I5} ⇒ I1 2/2.
#[test]
fn the_textbook_itemset_has_the_textbook_rules() {
    let baskets: Baskets = [
        vec![1, 2, 5],
        vec![2, 4],
        vec![2, 3],
        vec![1, 2, 4],
        vec![1, 3],
        vec![2, 3],
        vec![1, 3],
        vec![1, 2, 3, 5],
        vec![1, 2, 3],
    ]
    .into_iter()
    .collect();
    let itemsets = mine(&baskets, 2, None);
    let of_the_itemset = |min_confidence: &str| -> Vec<PlainRule> {
        itemset_rules(&itemsets, &confidence(min_confidence))
            .iter()
            .map(plain)
            .filter(|(_, antecedent, consequent, ..)| {
                let mut items = antecedent.clone();
                items.push(*consequent);
                items.sort_unstable();
                items == [1, 2, 5]
            })
            .collect()
    };
    let sure = [(2, vec![1, 5], 2, 2, 2), (2, vec![2, 5], 1, 2, 2)];
    assert_eq!(of_the_itemset("0.7"), sure);
    assert_eq!(of_the_itemset("0.5"), [&[(2, vec![1, 2], 5, 2, 4)], &sure[..]].concat());
}

#[test]
fn a_confidence_equal_to_the_threshold_is_kept() {
    for (both, antecedent, threshold, above) in
        [(63, 210, "0.3", "0.30000000001"), (7, 100, "0.07", "0.07000000001")]
    {
        let baskets: Baskets =
            (0..antecedent).map(|position| if position < both { vec![0, 1] } else { vec![0] }).collect();
        let itemsets = mine(&baskets, 5, None);
        let rules = |min_confidence: &str| -> Vec<PlainRule> {
            itemset_rules(&itemsets, &confidence(min_confidence)).iter().map(plain).collect()
        };
        let forth = (1, vec![0], 1, both, antecedent);
        let back = (1, vec![1], 0, both, both);
        assert_eq!(rules(threshold), [forth, back.clone()]);
        assert_eq!(rules(above), [back]);
    }
}

#[test]
fn the_strongest_rules_of_a_song_are_not_just_those_to_popular_songs() {
    // Song 1 meets song 0 three times and is in 12 baskets, song 2 meets it twice and is in 3.
    let mut baskets = vec![vec![0, 1, 2], vec![0, 1, 2], vec![0, 1], vec![2]];
    baskets.extend((0..9).map(|_| vec![1]));
    let baskets: Baskets = baskets.into_iter().collect();
    let rules = one_song_rules(&baskets, count(1), NonZeroU32::new(1), NO_LIMIT).unwrap();
    assert_eq!(rules.iter().next().map(plain), Some((1, vec![0], 2, 2, 3)));
}

#[test]
fn of_equally_strong_rules_those_to_the_smaller_ids_are_kept() {
    let baskets: Baskets = [vec![0, 1, 2, 3], vec![0, 1, 2, 3]].into_iter().collect();
    let rules = one_song_rules(&baskets, count(2), NonZeroU32::new(2), NO_LIMIT).unwrap();
    let of_song_1: Vec<u32> =
        rules.iter().filter(|rule| rule.antecedent == [1]).map(|rule| rule.consequent).collect();
    assert_eq!(of_song_1, [0, 2]);
}

#[test]
fn an_artist_is_in_a_playlist_that_holds_any_of_their_songs() {
    // Songs 0 and 1 are of artist 7; song 2 has no artist.
    let artists = [Some(7), Some(7), None];
    let baskets: Baskets = [vec![0, 1, 2], vec![0, 2], vec![1], vec![2]].into_iter().collect();
    let rules = artist_rules(&baskets, &artists, count(1), None, NO_LIMIT).unwrap();
    assert_eq!(listed(&rules), [(1, vec![7], 0, 2, 3), (1, vec![7], 1, 2, 3), (1, vec![7], 2, 2, 3)]);
    let (table, _) = table(iter::empty(), &rules);
    assert_eq!(rows(&table), listed(&rules));
}

/// The playlists with artist 7 count 1/√3, 1/√2 and 1, together 2.285. Song 0 is in the first two, which are 0.562 of that; of the playlists
/// with its artist it is in 2/3, and all with artist 7 have its artist. The mean is 0.614. Song 1 is in the first and the last: 0.690
/// and 2/3. Song 2 has no artist: 0.562 is all there is.
#[test]
fn an_artists_rule_weighs_its_confidence_and_that_by_way_of_the_songs_artist() {
    let artists = [Some(7), Some(7), None];
    let baskets: Baskets = [vec![0, 1, 2], vec![0, 2], vec![1], vec![2]].into_iter().collect();
    let rules = artist_rules(&baskets, &artists, count(1), None, NO_LIMIT).unwrap();
    let (table, _) = table(iter::empty(), &rules);
    assert_eq!(table.iter().map(|rule| rule.weight).collect::<Vec<_>>(), [157, 173, 143]);
}

#[test]
fn an_artist_counts_in_playlists_whose_song_of_theirs_is_rare() {
    let artists = [None, Some(0), Some(0), Some(0)];
    let baskets: Baskets = [vec![0, 1], vec![0, 2], vec![0, 3]].into_iter().collect();
    let rules = artist_rules(&baskets, &artists, count(3), None, NO_LIMIT).unwrap();
    assert_eq!(listed(&rules), [(1, vec![0], 0, 3, 3)]);
}

#[test]
fn without_one_song_rules_the_table_holds_exactly_the_itemset_rules() {
    let baskets: Baskets = [vec![0, 1, 2], vec![0, 1, 2], vec![1, 2]].into_iter().collect();
    let itemsets = mine(&baskets, 2, None);
    let from_itemsets = itemset_rules(&itemsets, &confidence("0"));
    let (table, _) = table(from_itemsets.iter(), &PairRules::default());
    assert_eq!(table.len(), from_itemsets.len());
    assert_eq!(rows(&table), from_itemsets.iter().map(plain).collect::<Vec<_>>());
}

#[test]
fn any_number_of_threads_finds_the_same_rules() {
    let baskets: Baskets = (0u32..300)
        .map(|basket| (0u32..40).map(move |position| (basket * 31 + position * position * 7) % 97 % 60))
        .collect();
    let song_artists: Vec<Option<u32>> = (0..60).map(|song| (song % 5 > 0).then_some(song % 11)).collect();
    let train = |threads: usize| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
            let itemsets = mine(&baskets, 60, None);
            let from_itemsets = itemset_rules(&itemsets, &confidence("0.3"));
            let one_song = one_song_rules(&baskets, count(2), NonZeroU32::new(20), NO_LIMIT).unwrap();
            let artists =
                artist_rules(&baskets, &song_artists, count(2), NonZeroU32::new(20), NO_LIMIT).unwrap();
            (table(from_itemsets.iter(), &one_song).0, artists)
        })
    };
    let alone = train(1);
    assert!(alone.0.group(alone.0.group_count() - 1).antecedent.len() > 1 && !alone.1.is_empty());
    for threads in [2, 4, 7] {
        assert!(train(threads) == alone, "{threads} threads make other tables");
    }
}

#[test]
fn no_baskets_and_baskets_without_pairs_have_no_rules() {
    for baskets in [vec![], vec![vec![]], vec![vec![0]], vec![vec![0], vec![1]]] {
        let baskets: Baskets = baskets.into_iter().collect();
        assert!(one_song_rules(&baskets, count(1), None, NO_LIMIT).unwrap().is_empty());
        assert!(artist_rules(&baskets, &[], count(1), None, NO_LIMIT).unwrap().is_empty());
        assert!(itemset_rules(&mine(&baskets, 1, None), &confidence("0")).is_empty());
    }
}

#[test]
fn songs_too_rare_for_a_rule_cost_nothing_even_in_a_basket_of_100_000() {
    let baskets: Baskets =
        [(0..100_000).collect::<Vec<u32>>(), vec![5, 99_999], vec![5, 70_000]].into_iter().collect();
    let rules = one_song_rules(&baskets, count(2), None, NO_LIMIT).unwrap();
    let pair = |a: u32, c: u32, antecedent_count: u32| (1, vec![a], c, 2, antecedent_count);
    assert_eq!(
        listed(&rules),
        [pair(5, 70_000, 3), pair(5, 99_999, 3), pair(70_000, 5, 2), pair(99_999, 5, 2)]
    );
}

#[test]
fn too_many_rules_are_an_error_that_says_what_to_do() {
    let baskets: Baskets = [(0..100).collect::<Vec<u32>>()].into_iter().collect();
    assert_eq!(one_song_rules(&baskets, count(1), None, 9_900).unwrap().len(), 9_900);
    let error = one_song_rules(&baskets, count(1), None, 9_899).unwrap_err();
    assert_eq!(error, MiningError::TooManyPairRules { antecedent: "song", limit: 9_899, min_count: 1 });
    let message = error.to_string();
    assert!(
        message.contains("`--min-pair-count`") && message.contains("`--max-rules-per-song`"),
        "{message}"
    );
    assert!(artist_rules(&baskets, &[Some(0)], count(1), None, 99).is_err());
}
