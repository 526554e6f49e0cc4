//! Frequent itemsets are exact, whatever the data and the number of threads.

#![expect(clippy::unwrap_used, reason = "the functions that tests share are tests too")]

use std::num::NonZeroU32;

use proptest::{collection::vec, prelude::*};
use trainer::{Baskets, Itemsets, MiningError, TooManyItemsets, count_itemsets, mine_itemsets};

const NO_LIMIT: u32 = u32::MAX;

fn mine(baskets: &Baskets, min_count: u32) -> Itemsets {
    mine_itemsets(baskets, min_count, None, NO_LIMIT).unwrap()
}

fn listed(itemsets: &Itemsets) -> Vec<(Vec<u32>, u32)> {
    itemsets.iter().map(|(items, count)| (items.to_vec(), count)).collect()
}

/// Adds each greater item to each frequent itemset and looks at the baskets again.
fn grown(baskets: &Baskets, min_count: u32) -> Vec<(Vec<u32>, u32)> {
    fn grow(
        holders: &[&[u32]],
        itemset: &[u32],
        item_count: u32,
        min_count: u32,
        found: &mut Vec<(Vec<u32>, u32)>,
    ) {
        for item in itemset.last().map_or(0, |last| last + 1)..item_count {
            let holders: Vec<&[u32]> =
                holders.iter().filter(|basket| basket.contains(&item)).copied().collect();
            if holders.len() as u32 >= min_count {
                let grown = [itemset, &[item]].concat();
                found.push((grown.clone(), holders.len() as u32));
                grow(&holders, &grown, item_count, min_count, found);
            }
        }
    }
    let mut found = Vec::new();
    grow(&baskets.iter().collect::<Vec<_>>(), &[], baskets.item_count(), min_count, &mut found);
    found.sort_by_key(|(items, _)| (items.len(), items.clone()));
    found
}

/// Looks at every set of items there is.
fn brute_force(baskets: &Baskets, min_count: u32, max_length: Option<NonZeroU32>) -> Vec<(Vec<u32>, u32)> {
    let mut itemsets = Vec::new();
    for set in 1u32..1 << baskets.item_count() {
        let items: Vec<u32> = (0..baskets.item_count()).filter(|item| set >> item & 1 == 1).collect();
        let holds = |basket: &&[u32]| items.iter().all(|item| basket.contains(item));
        let count = baskets.iter().filter(holds).count() as u32;
        if count >= min_count.max(1) && max_length.is_none_or(|length| items.len() <= length.get() as usize) {
            itemsets.push((items, count));
        }
    }
    itemsets.sort_by_key(|(items, _)| (items.len(), items.clone()));
    itemsets
}

fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

/// Numbers that look random, the same ones in every run.
fn random_numbers(mut state: u64) -> impl FnMut(u32) -> u32 {
    move |end| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % u64::from(end)) as u32
    }
}

/// Enough common items that prefixes need transaction lists below the root, and not just bit masks.
fn wide_baskets() -> Baskets {
    let mut random = random_numbers(7);
    (0..400).map(|_| (0..60).map(|_| random(120)).collect::<Vec<_>>()).collect()
}

proptest! {
    #[test]
    fn itemsets_equal_those_of_a_brute_force(
        baskets in vec(vec(0u32..8, 0..9), 0..24),
        min_count in 0u32..8,
        max_length in 0u32..5,
    ) {
        let baskets: Baskets = baskets.into_iter().collect();
        let max_length = NonZeroU32::new(max_length);
        let itemsets = mine_itemsets(&baskets, min_count, max_length, NO_LIMIT).unwrap();
        prop_assert_eq!(listed(&itemsets), brute_force(&baskets, min_count, max_length));
    }

    #[test]
    fn itemsets_of_items_found_in_nearly_every_basket_equal_those_of_a_brute_force(
        missing in vec(vec(0u32..12, 0..3), 1..40),
        min_count in 1u32..20,
        max_length in 0u32..8,
    ) {
        let baskets: Baskets = missing
            .iter()
            .map(|missing| (0..12).filter(|item| !missing.contains(item)).collect::<Vec<_>>())
            .collect();
        let max_length = NonZeroU32::new(max_length);
        let itemsets = mine_itemsets(&baskets, min_count, max_length, NO_LIMIT).unwrap();
        prop_assert_eq!(listed(&itemsets), brute_force(&baskets, min_count, max_length));
    }

    #[test]
    fn the_count_of_itemsets_by_size_is_that_of_those_mined(
        baskets in vec(vec(0u32..40, 0..30), 0..24),
        min_count in 3u32..8,
        max_length in 0u32..5,
    ) {
        let baskets: Baskets = baskets.into_iter().collect();
        let max_length = NonZeroU32::new(max_length);
        let itemsets = mine_itemsets(&baskets, min_count, max_length, NO_LIMIT).unwrap();
        prop_assert_eq!(count_itemsets(&baskets, min_count, max_length, NO_LIMIT).unwrap(), itemsets.by_size());
        prop_assert_eq!(itemsets.len() as u64, itemsets.by_size().iter().sum::<u64>());
    }

    #[test]
    fn itemsets_of_many_items_equal_those_grown_one_by_one(
        baskets in vec(vec(0u32..90, 0..70), 0..20),
        common in vec(0u32..90, 0..6),
        min_count in 5u32..8,
    ) {
        let baskets: Baskets =
            baskets.into_iter().map(|basket| basket.into_iter().chain(common.iter().copied()).collect::<Vec<_>>()).collect();
        prop_assert_eq!(listed(&mine(&baskets, min_count)), grown(&baskets, min_count));
    }
}

/// Table 6.1 of Han, Kamber and Pei, *Data Mining: Concepts and Techniques*, 3rd edition 2012, whose answer for a minimum
/// support count of 2 its figures 6.2 and 6.4 give; the items are numbered from I1 = 1.
#[test]
fn the_textbook_transactions_have_the_textbook_itemsets() {
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
    let expected: [(&[u32], u32); 13] = [
        (&[1], 6),
        (&[2], 7),
        (&[3], 6),
        (&[4], 2),
        (&[5], 2),
        (&[1, 2], 4),
        (&[1, 3], 4),
        (&[1, 5], 2),
        (&[2, 3], 4),
        (&[2, 4], 2),
        (&[2, 5], 2),
        (&[1, 2, 3], 2),
        (&[1, 2, 5], 2),
    ];
    assert_eq!(mine(&baskets, 2).iter().collect::<Vec<_>>(), expected);
}

#[test]
fn support_equal_to_the_threshold_is_kept() {
    let baskets: Baskets = [vec![0, 1], vec![0, 1], vec![0, 1], vec![0]].into_iter().collect();
    assert_eq!(mine(&baskets, 3).by_size(), [2, 1]);
    assert_eq!(mine(&baskets, 4).by_size(), [1]);
    assert!(mine(&baskets, 5).is_empty());
}

#[test]
fn equal_baskets_have_all_subsets_of_one() {
    let baskets: Baskets = (0..1_000).map(|_| 0..12).collect();
    for min_count in [1, 999, 1_000] {
        let itemsets = mine(&baskets, min_count);
        assert_eq!(itemsets.len(), (1 << 12) - 1);
        assert!(itemsets.iter().all(|(_, count)| count == 1_000));
    }
    assert!(mine(&baskets, 1_001).is_empty());
}

#[test]
fn more_than_a_million_itemsets_are_mined() {
    let baskets: Baskets = [0..20, 0..20].into_iter().collect();
    let itemsets = mine(&baskets, 2);
    assert_eq!((itemsets.len(), itemsets.by_size()[9]), ((1 << 20) - 1, 184_756));
    assert_eq!(itemsets.count_of(&(0..20).collect::<Vec<u32>>()), Some(2));
}

#[test]
fn items_in_every_basket_make_itemsets_of_their_own() {
    let baskets: Baskets = [vec![0, 1, 2], vec![0, 1, 3], vec![0, 1]].into_iter().collect();
    let itemsets = mine(&baskets, 3);
    assert_eq!(itemsets.iter().collect::<Vec<_>>(), [(&[0][..], 3), (&[1], 3), (&[0, 1], 3)]);
}

#[test]
fn the_count_of_an_itemset_is_found_by_its_items() {
    let itemsets = mine(&wide_baskets(), 40);
    assert!(itemsets.by_size().len() > 2, "{:?}", itemsets.by_size());
    for (items, count) in itemsets.iter() {
        assert_eq!(itemsets.count_of(items), Some(count));
    }
    for absent in [&[][..], &[500], &[3, 3], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]] {
        assert_eq!(itemsets.count_of(absent), None, "{absent:?}");
    }
}

#[test]
fn any_number_of_threads_finds_the_same_itemsets() {
    let baskets = wide_baskets();
    let alone = on_threads(1, || mine(&baskets, 24));
    assert!(alone.by_size().len() > 2 && alone.len() > 10_000, "{:?}", alone.by_size());
    for threads in [2, 7] {
        assert_eq!(on_threads(threads, || mine(&baskets, 24)), alone);
    }
}

#[test]
fn prefixes_with_more_extensions_than_a_mask_has_bits_are_searched_whole() {
    let baskets = wide_baskets();
    let itemsets = listed(&mine(&baskets, 30));
    assert!(itemsets.len() > 5_000, "{}", itemsets.len());
    assert!(itemsets == grown(&baskets, 30));
}

#[test]
fn without_frequent_items_there_are_no_itemsets_and_no_error() {
    for baskets in [vec![], vec![vec![]], vec![vec![], vec![]], vec![vec![1, 2], vec![2, 3]]] {
        let baskets: Baskets = baskets.into_iter().collect();
        let itemsets = mine(&baskets, 3);
        assert!(itemsets.is_empty() && itemsets.by_size().is_empty() && itemsets.iter().next().is_none());
    }
}

#[test]
fn a_single_basket_has_all_its_subsets() {
    let baskets: Baskets = [vec![4, 2, 9, 4]].into_iter().collect();
    assert_eq!(mine(&baskets, 1).by_size(), [3, 3, 1]);
}

#[test]
fn a_million_baskets_of_one_item_are_mined() {
    let baskets: Baskets = (0..1_000_000).map(|position| [position % 250_000]).collect();
    assert_eq!(mine(&baskets, 4).by_size(), [250_000]);
    assert_eq!(mine(&baskets, 5).by_size(), [0; 0]);
}

#[test]
fn a_basket_of_100_000_items_is_mined_with_those_that_others_have_too() {
    let baskets: Baskets =
        [(0..100_000).collect::<Vec<u32>>(), vec![5, 99_999], vec![5, 70_000, 99_999]].into_iter().collect();
    assert_eq!(mine(&baskets, 2).by_size(), [3, 3, 1]);
}

fn too_many(
    baskets: &Baskets,
    min_count: u32,
    max_length: Option<NonZeroU32>,
    limit: u32,
) -> TooManyItemsets {
    let error = mine_itemsets(baskets, min_count, max_length, limit).unwrap_err();
    let MiningError::TooManyItemsets(error) = error else { unreachable!("{error}") };
    error
}

#[test]
fn more_subsets_of_equal_baskets_than_can_be_counted_are_an_error_that_names_a_length() {
    for (items, length, fewer) in [(300, 3, 4_500_250), (1_000, 2, 500_500), (100_000, 1, 100_000)] {
        let baskets: Baskets = (0..2).map(|_| (0..items).collect::<Vec<u32>>()).collect();
        let error = too_many(&baskets, 2, None, 5_000_000);
        assert_eq!((error.limit, error.min_count, error.estimate), (5_000_000, 2, 10u64.pow(18)));
        // All songs are in all playlists, so that a higher support leaves nothing.
        assert_eq!(error.higher_support, None);
        let shorter = error.shorter_length.unwrap();
        assert_eq!((shorter.bound, shorter.itemsets), (length, fewer));
        assert_eq!(
            mine_itemsets(&baskets, 2, NonZeroU32::new(length), 5_000_000).unwrap().len() as u64,
            fewer
        );
        let message = error.to_string();
        assert!(message.starts_with(
            "more than 10^18 itemsets (an estimate) are in at least 2 playlists, and 5,000,000 "
        ));
        assert!(message.contains(&format!("`--max-length {length}` leaves")), "{message}");
        assert!(message.contains("`--min-support` does not help"), "{message}");
    }
}

#[test]
fn too_many_itemsets_are_estimated_and_the_bounds_named_leave_few_enough() {
    let baskets = wide_baskets();
    let all = mine(&baskets, 24).len() as u64;
    let error = too_many(&baskets, 24, None, 5_000);
    // The probes are the same in every run, and so is how far they are off.
    assert!(error.estimate > all * 9 / 10 && error.estimate < all * 11 / 10, "{} of {all}", error.estimate);
    let (support, length) = (error.higher_support.unwrap(), error.shorter_length.unwrap());
    assert!(support.bound > 24 && support.itemsets > 0 && support.itemsets <= 5_000);
    assert_eq!(mine(&baskets, support.bound).len() as u64, support.itemsets);
    let bounded = |length| mine_itemsets(&baskets, 24, NonZeroU32::new(length), 5_000);
    assert_eq!(bounded(length.bound).unwrap().len() as u64, length.itemsets);
    assert!(bounded(length.bound + 1).is_err());
    let message = error.to_string();
    assert!(message.contains(&format!("`--min-support {}` leaves", support.bound)), "{message}");
    for threads in [1, 2, 7] {
        assert_eq!(on_threads(threads, || too_many(&baskets, 24, None, 5_000)), error);
    }
}

#[test]
fn too_many_itemsets_of_a_bounded_length_are_estimated_within_it() {
    let baskets: Baskets = (0..2).map(|_| (0..300).collect::<Vec<u32>>()).collect();
    let error = too_many(&baskets, 2, NonZeroU32::new(2), 1_000);
    assert_eq!(error.estimate, 300 + 44_850);
    assert_eq!(error.shorter_length.map(|fitting| (fitting.bound, fitting.itemsets)), Some((1, 300)));
}

#[test]
fn more_frequent_items_than_allowed_leave_no_length_to_advise() {
    let baskets: Baskets = (0..200_000u32).map(|basket| [basket % 1_000, 1_000]).collect();
    let error = too_many(&baskets, 2, None, 500);
    assert_eq!(error.shorter_length, None);
    let support = error.higher_support.unwrap();
    assert_eq!((support.bound > 200, support.itemsets), (true, 1));
    assert!(error.to_string().contains("`--max-length` is not enough"), "{error}");
}

#[test]
fn equal_baskets_of_a_thousand_items_are_mined_up_to_a_length() {
    let baskets: Baskets = (0..3).map(|_| (0..1_000).collect::<Vec<u32>>()).collect();
    let itemsets = mine_itemsets(&baskets, 2, NonZeroU32::new(2), 1_000_000).unwrap();
    assert_eq!(itemsets.by_size(), [1_000, 499_500]);
}

#[test]
fn nearly_equal_baskets_of_many_items_are_too_much_and_not_too_deep() {
    // Each basket lacks another item, so that no item is in all baskets of a prefix and prefixes grow one by one.
    let baskets: Baskets =
        (0..400).map(|lacking| (0..400).filter(|&item| item != lacking).collect::<Vec<u32>>()).collect();
    let error = too_many(&baskets, 200, None, 1_000_000);
    assert_eq!(error.estimate, 10u64.pow(18));
    // An item is in 399 baskets, two are in 398.
    let support = error.higher_support.unwrap();
    assert!((360..=399).contains(&support.bound), "{error}");
    assert_eq!(error.shorter_length.map(|fitting| (fitting.bound, fitting.itemsets)), Some((2, 80_200)));
}

#[test]
fn as_many_itemsets_as_allowed_are_kept_and_one_more_is_an_error() {
    let baskets: Baskets = [[0, 1, 2], [0, 1, 2]].into_iter().collect();
    assert_eq!(mine_itemsets(&baskets, 2, None, 7).unwrap().len(), 7);
    assert!(mine_itemsets(&baskets, 2, None, 6).is_err());
    assert!(count_itemsets(&baskets, 2, None, 6).is_err());
}
