use std::{
    cmp::Ordering,
    iter,
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering as MemoryOrdering},
};

use rayon::prelude::*;

use crate::{baskets::Baskets, itemset_rules::MinedRule, itemsets::MiningError};

/// The most rules from one song, or one artist, to one song that a training keeps: some gigabytes.
pub const MAX_PAIR_RULES: u32 = 200_000_000;

/// Into how many parts the counting is cut, whatever the number of threads.
const PARTS: usize = 256;

/// Rules from one song, or one artist, to one song.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PairRules {
    /// The ids that have rules, ascending.
    antecedents: Vec<u32>,
    /// By position in `antecedents`; so is `ends`.
    antecedent_counts: Vec<u32>,
    /// Where the rules of each antecedent end in `consequents`.
    ends: Vec<usize>,
    /// The songs that the rules speak for with the support counts; ascending for each antecedent.
    consequents: Vec<(u32, u32)>,
}

impl PairRules {
    /// The number of rules.
    pub fn len(&self) -> usize {
        self.consequents.len()
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.consequents.is_empty()
    }

    /// The rules, ordered by antecedent and consequent.
    pub fn iter(&self) -> impl Iterator<Item = MinedRule<'_>> {
        let begins = iter::once(&0).chain(&self.ends);
        let groups = self.antecedents.chunks(1).zip(&self.antecedent_counts).zip(begins.zip(&self.ends));
        groups.flat_map(|((antecedent, &antecedent_count), (&begin, &end))| {
            self.consequents[begin..end].iter().map(move |&(consequent, support_count)| MinedRule {
                antecedent,
                antecedent_count,
                consequent,
                support_count,
            })
        })
    }
}

/// Finds the rules a ⇒ c from one song to another that meet in at least `min_pair_count` baskets.
///
/// Of the rules of an antecedent the strongest `max_rules_per_song` are kept. The strength is the cosine of the two songs,
/// `both / √(count(a) · count(c))` (Ochiai 1957): for one antecedent, the confidence damped by the consequent's popularity. Of
/// equally strong rules those with the smaller consequent are kept.
///
/// Works on the threads of the current rayon pool; the result does not depend on them. Needs 8 bytes for each rule, 16 for a
/// while, and 4 for each song on each thread.
///
/// # Errors
///
/// If more than `max_rules` rules would be kept.
pub fn one_song_rules(
    baskets: &Baskets,
    min_pair_count: NonZeroU32,
    max_rules_per_song: Option<NonZeroU32>,
    max_rules: u32,
) -> Result<PairRules, MiningError> {
    let counting = Counting::new(baskets, min_pair_count, max_rules_per_song);
    let holders = Holders::new(&counting.baskets);
    counting.rules(&holders, |antecedent, consequent| antecedent != consequent, max_rules).ok_or(
        MiningError::TooManyPairRules {
            antecedent: "song",
            limit: max_rules,
            min_count: min_pair_count.get(),
        },
    )
}

/// Finds the rules A ⇒ c from an artist to a song, which may be one of the artist's, that meet in at least `min_pair_count`
/// baskets.
///
/// A basket holds an artist when it holds a song of theirs; `song_artists` gives each song's. These are the generalized rules
/// of Srikant and Agrawal 1995 with the artist as the song's parent. What is kept, the threads and the memory are as for
/// [`one_song_rules`].
///
/// # Errors
///
/// If more than `max_rules` rules would be kept.
pub fn artist_rules(
    baskets: &Baskets,
    song_artists: &[Option<u32>],
    min_pair_count: NonZeroU32,
    max_rules_per_song: Option<NonZeroU32>,
    max_rules: u32,
) -> Result<PairRules, MiningError> {
    // The artists are those of whole baskets: of the songs, the rare ones are left out of the counting.
    let artists: Baskets = baskets
        .iter()
        .map(|basket| basket.iter().filter_map(|&song| song_artists.get(song as usize).copied().flatten()))
        .collect();
    let holders = Holders::new(&artists);
    drop(artists);
    let counting = Counting::new(baskets, min_pair_count, max_rules_per_song);
    counting.rules(&holders, |_, _| true, max_rules).ok_or(MiningError::TooManyPairRules {
        antecedent: "artist",
        limit: max_rules,
        min_count: min_pair_count.get(),
    })
}

/// The baskets that hold each antecedent, ascending.
struct Holders {
    baskets: Vec<u32>,
    /// Where the list of each antecedent begins in `baskets`, and a last entry with the end.
    starts: Vec<usize>,
}

impl Holders {
    /// The antecedents are the items of `baskets`.
    fn new(baskets: &Baskets) -> Self {
        let mut starts = vec![0];
        let mut end = 0;
        for count in baskets.support_counts() {
            end += count as usize;
            starts.push(end);
        }
        let mut next = starts.clone();
        let mut holders = vec![0; end];
        for (basket, antecedents) in (0..).zip(baskets.iter()) {
            for &antecedent in antecedents {
                let place = &mut next[antecedent as usize];
                holders[*place] = basket;
                *place += 1;
            }
        }
        Holders { baskets: holders, starts }
    }

    fn of(&self, antecedent: usize) -> &[u32] {
        &self.baskets[self.starts[antecedent]..self.starts[antecedent + 1]]
    }

    fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Ranges of antecedents that together are all of them, each with about the same number of baskets.
    fn parts(&self) -> Vec<std::ops::Range<usize>> {
        let share = self.baskets.len().div_ceil(PARTS).max(1);
        let mut parts = Vec::new();
        let mut begin = 0;
        while begin < self.len() {
            let enough = self.starts[begin] + share;
            let end = self.starts.partition_point(|&start| start < enough).min(self.len());
            parts.push(begin..end);
            begin = end;
        }
        parts
    }
}

/// What consequents are counted in, and which rules are kept.
struct Counting {
    /// The baskets without the items that are too rare for any rule.
    baskets: Baskets,
    support_counts: Vec<u32>,
    min_pair_count: u32,
    max_rules: usize,
}

/// The rules of some antecedents, with the antecedents' counts.
#[derive(Default)]
struct Part {
    antecedents: Vec<u32>,
    antecedent_counts: Vec<u32>,
    lens: Vec<usize>,
    consequents: Vec<(u32, u32)>,
}

impl Counting {
    fn new(baskets: &Baskets, min_pair_count: NonZeroU32, max_rules: Option<NonZeroU32>) -> Self {
        let support_counts = baskets.support_counts();
        let min_pair_count = min_pair_count.get();
        let common = baskets
            .iter()
            .map(|basket| {
                let is_common = |item: &u32| support_counts[*item as usize] >= min_pair_count;
                basket.iter().copied().filter(is_common)
            })
            .collect();
        Counting {
            baskets: common,
            support_counts,
            min_pair_count,
            max_rules: max_rules.map_or(usize::MAX, |max_rules| max_rules.get() as usize),
        }
    }

    /// The rules of all antecedents of `holders` with the consequents that are allowed for them; `None` when they are more
    /// than `limit`.
    fn rules(
        &self,
        holders: &Holders,
        is_allowed: impl Fn(u32, u32) -> bool + Sync,
        limit: u32,
    ) -> Option<PairRules> {
        let found = AtomicU64::new(0);
        let parts: Option<Vec<Part>> = holders
            .parts()
            .into_par_iter()
            .map(|antecedents| {
                let mut counts = vec![0; self.baskets.item_count() as usize];
                let mut part = Part::default();
                for antecedent in antecedents {
                    let rules = self.rules_of(antecedent as u32, holders, &is_allowed, &mut counts);
                    if rules.is_empty() {
                        continue;
                    }
                    let new = rules.len() as u64;
                    if found.fetch_add(new, MemoryOrdering::Relaxed) + new > limit.into() {
                        return None;
                    }
                    part.antecedents.push(antecedent as u32);
                    part.antecedent_counts.push(holders.of(antecedent).len() as u32);
                    part.lens.push(rules.len());
                    part.consequents.extend(rules);
                }
                Some(part)
            })
            .collect();
        Some(concatenate(parts?))
    }

    /// The consequents of the strongest rules of one antecedent, ascending, with their support counts. `counts` has an entry
    /// of 0 for each item, and has them again afterwards.
    fn rules_of(
        &self,
        antecedent: u32,
        holders: &Holders,
        is_allowed: impl Fn(u32, u32) -> bool,
        counts: &mut [u32],
    ) -> Vec<(u32, u32)> {
        let holders = holders.of(antecedent as usize);
        if holders.len() < self.min_pair_count as usize {
            return Vec::new();
        }
        let mut occurring = Vec::new();
        for &basket in holders {
            for &item in self.baskets.get(basket as usize) {
                let count = &mut counts[item as usize];
                if *count == 0 {
                    occurring.push(item);
                }
                *count += 1;
            }
        }
        let mut rules: Vec<(u32, u32)> = occurring
            .into_iter()
            .map(|item| (item, std::mem::take(&mut counts[item as usize])))
            .filter(|&(item, count)| count >= self.min_pair_count && is_allowed(antecedent, item))
            .collect();
        if rules.len() > self.max_rules {
            rules.select_nth_unstable_by(self.max_rules, |&a, &b| self.compare_strength(a, b));
            rules.truncate(self.max_rules);
            rules.shrink_to_fit();
        }
        rules.sort_unstable();
        rules
    }

    /// Orders two rules of one antecedent: the stronger first, and of equally strong ones that with the smaller consequent.
    ///
    /// Compares the squares of the cosines as fractions, which is exact: `both² / count(c)`, the antecedent's count being the
    /// same.
    fn compare_strength(&self, (a, a_both): (u32, u32), (b, b_both): (u32, u32)) -> Ordering {
        let weighed =
            |both: u32, other: u32| u128::from(both).pow(2) * u128::from(self.support_counts[other as usize]);
        weighed(b_both, a).cmp(&weighed(a_both, b)).then(a.cmp(&b))
    }
}

fn concatenate(parts: Vec<Part>) -> PairRules {
    let mut rules = PairRules {
        consequents: Vec::with_capacity(parts.iter().map(|part| part.consequents.len()).sum()),
        ..PairRules::default()
    };
    for part in parts {
        rules.antecedents.extend(part.antecedents);
        rules.antecedent_counts.extend(part.antecedent_counts);
        for len in part.lens {
            rules.ends.push(rules.ends.last().unwrap_or(&0) + len);
        }
        rules.consequents.extend(part.consequents);
    }
    rules
}
