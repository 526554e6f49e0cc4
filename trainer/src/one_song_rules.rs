use std::{
    cmp::Ordering,
    iter,
    num::NonZeroU32,
    ops::Range,
    sync::{Mutex, PoisonError},
};

use rayon::prelude::*;

use crate::{baskets::Baskets, itemset_rules::MinedRule, itemsets::MiningError};

/// The most rules from one song, or one artist, to one song that a training keeps.
pub const MAX_PAIR_RULES: u32 = 200_000_000;

/// Baskets of antecedents that are counted as one part of the work: enough that handing it to a thread costs nothing.
const PART_BASKETS: usize = 1 << 12;

/// Parts of the work that there are at least, when there are as many antecedents, so that threads have something to share.
const MIN_PARTS: usize = 64;

/// Parts of the work for each thread in one batch.
const BATCH_PARTS: usize = 4;

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

    /// The antecedents in order, each with the baskets that hold it, and the songs that its rules speak for, ascending, with their support
    /// counts.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (u32, u32, &[(u32, u32)])> {
        let begins = iter::once(&0).chain(&self.ends);
        let groups = self.antecedents.iter().zip(&self.antecedent_counts).zip(begins.zip(&self.ends));
        groups
            .map(|((&antecedent, &count), (&begin, &end))| (antecedent, count, &self.consequents[begin..end]))
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

    fn push(&mut self, antecedent: u32, antecedent_count: u32, consequents: &[(u32, u32)]) {
        self.antecedents.push(antecedent);
        self.antecedent_counts.push(antecedent_count);
        self.consequents.extend_from_slice(consequents);
        self.ends.push(self.consequents.len());
    }

    /// Appends rules of later antecedents.
    fn append(&mut self, later: PairRules) {
        let len = self.consequents.len();
        self.antecedents.extend(later.antecedents);
        self.antecedent_counts.extend(later.antecedent_counts);
        self.ends.extend(later.ends.iter().map(|end| len + end));
        self.consequents.extend(later.consequents);
    }
}

/// Finds the rules a ⇒ c from one song to another that meet in at least `min_pair_count` baskets.
///
/// Of the rules of an antecedent the strongest `max_rules_per_song` are kept. The strength is the cosine of the two songs,
/// `both / √(count(a) · count(c))` (Ochiai 1957): for one antecedent, the confidence damped by the consequent's popularity. Of
/// equally strong rules those with the smaller consequent are kept.
///
/// Works on the threads of the current rayon pool; the result does not depend on them. Needs 4 bytes for each item of the baskets and 8
/// for each rule, and on each thread 4 for each song.
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
    PairRuleBatches::of_songs(baskets, min_pair_count, max_rules_per_song, max_rules).collect_all()
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
    PairRuleBatches::of_artists(baskets, song_artists, min_pair_count, max_rules_per_song, max_rules)
        .collect_all()
}

/// The rules of [`one_song_rules`] or [`artist_rules`], found as they are asked for: each batch has those of the antecedents that follow
/// the ones before. Only the rules of a batch are in memory.
pub struct PairRuleBatches<'b> {
    counting: Counting<'b>,
    parts: std::vec::IntoIter<Range<usize>>,
    antecedent: &'static str,
    max_rules: u32,
    /// The rules of the batches so far.
    found: u64,
}

impl<'b> PairRuleBatches<'b> {
    /// The rules of [`one_song_rules`].
    pub fn of_songs(
        baskets: &'b Baskets,
        min_pair_count: NonZeroU32,
        max_rules_per_song: Option<NonZeroU32>,
        max_rules: u32,
    ) -> Self {
        let counting =
            Counting::new(baskets, Holders::new(baskets), true, min_pair_count, max_rules_per_song);
        Self::new(counting, "song", max_rules)
    }

    /// The rules of [`artist_rules`].
    pub fn of_artists(
        baskets: &'b Baskets,
        song_artists: &[Option<u32>],
        min_pair_count: NonZeroU32,
        max_rules_per_song: Option<NonZeroU32>,
        max_rules: u32,
    ) -> Self {
        let artists: Baskets = baskets
            .iter()
            .map(|basket| {
                basket.iter().filter_map(|&song| song_artists.get(song as usize).copied().flatten())
            })
            .collect();
        let holders = Holders::new(&artists);
        let counting = Counting::new(baskets, holders, false, min_pair_count, max_rules_per_song);
        Self::new(counting, "artist", max_rules)
    }

    fn new(counting: Counting<'b>, antecedent: &'static str, max_rules: u32) -> Self {
        let parts = counting.holders.parts(counting.min_pair_count).into_iter();
        PairRuleBatches { counting, parts, antecedent, max_rules, found: 0 }
    }

    fn collect_all(self) -> Result<PairRules, MiningError> {
        let mut all = PairRules::default();
        for batch in self {
            all.append(batch?);
        }
        Ok(all)
    }

    /// Of the items of all baskets of antecedents, those that are done.
    pub(crate) fn done(&self) -> (u64, u64) {
        let starts = &self.counting.holders.starts;
        let next = self.parts.as_slice().first().map_or(starts.len() - 1, |part| part.start);
        (starts[next] as u64, starts[starts.len() - 1] as u64)
    }
}

impl Iterator for PairRuleBatches<'_> {
    type Item = Result<PairRules, MiningError>;

    /// The error is that more than the bound's `max_rules` rules were found in all.
    fn next(&mut self) -> Option<Self::Item> {
        let parts: Vec<Range<usize>> =
            self.parts.by_ref().take(BATCH_PARTS * rayon::current_num_threads()).collect();
        if parts.is_empty() {
            return None;
        }
        let rules: Vec<PairRules> =
            parts.into_par_iter().map(|antecedents| self.counting.rules(antecedents)).collect();
        let mut batch = PairRules::default();
        for part in rules {
            batch.append(part);
        }
        self.found += batch.len() as u64;
        if self.found > self.max_rules.into() {
            self.parts = Vec::new().into_iter();
            return Some(Err(MiningError::TooManyPairRules {
                antecedent: self.antecedent,
                limit: self.max_rules,
                min_count: self.counting.min_pair_count,
            }));
        }
        Some(Ok(batch))
    }
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

    /// Ranges of antecedents that together are all that can have rules, each with about the same number of baskets.
    fn parts(&self, min_count: u32) -> Vec<Range<usize>> {
        let share = (self.baskets.len() / MIN_PARTS).clamp(1, PART_BASKETS);
        let mut parts = Vec::new();
        let mut begin = 0;
        while begin < self.len() {
            let enough = self.starts[begin] + share;
            let end = self.starts.partition_point(|&start| start < enough).min(self.len());
            let mut antecedents = begin..end;
            if antecedents.any(|antecedent| self.of(antecedent).len() >= min_count as usize) {
                parts.push(begin..end);
            }
            begin = end;
        }
        parts
    }
}

/// What consequents are counted in, and which rules are kept.
struct Counting<'b> {
    baskets: &'b Baskets,
    /// The items from this one on are too rare for any rule. When items are numbered by falling support count, as those of a dataset are,
    /// no other is.
    common: u32,
    support_counts: Vec<u32>,
    holders: Holders,
    /// Whether antecedents are items like the consequents, so that a rule from one to itself says nothing.
    are_antecedents_items: bool,
    min_pair_count: u32,
    max_rules: usize,
    /// Memory for one thread each, to be used again.
    scratches: Mutex<Vec<Scratch>>,
}

/// What the rules of one antecedent are found in.
struct Scratch {
    /// By item; all 0 between two uses.
    counts: Vec<u32>,
    rules: Vec<(u32, u32)>,
}

impl<'b> Counting<'b> {
    fn new(
        baskets: &'b Baskets,
        holders: Holders,
        are_antecedents_items: bool,
        min_pair_count: NonZeroU32,
        max_rules: Option<NonZeroU32>,
    ) -> Self {
        let support_counts = baskets.support_counts();
        let min_pair_count = min_pair_count.get();
        let common = support_counts.iter().rposition(|&count| count >= min_pair_count);
        Counting {
            baskets,
            common: common.map_or(0, |last| last as u32 + 1),
            support_counts,
            holders,
            are_antecedents_items,
            min_pair_count,
            max_rules: max_rules.map_or(usize::MAX, |max_rules| max_rules.get() as usize),
            scratches: Mutex::default(),
        }
    }

    /// The rules of some antecedents.
    fn rules(&self, antecedents: Range<usize>) -> PairRules {
        let scratches = || self.scratches.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = scratches().pop();
        let mut scratch =
            kept.unwrap_or_else(|| Scratch { counts: vec![0; self.common as usize], rules: Vec::new() });
        let mut rules = PairRules::default();
        for antecedent in antecedents {
            let count = self.holders.of(antecedent).len() as u32;
            if count >= self.min_pair_count {
                self.find_rules(antecedent as u32, &mut scratch);
                if !scratch.rules.is_empty() {
                    rules.push(antecedent as u32, count, &scratch.rules);
                }
            }
        }
        scratches().push(scratch);
        rules
    }

    /// Fills the scratch's rules with the consequents of the strongest rules of one antecedent, ascending, with their support counts.
    fn find_rules(&self, antecedent: u32, Scratch { counts, rules }: &mut Scratch) {
        let holders = self.holders.of(antecedent as usize);
        let mut touched = 0;
        for &basket in holders {
            for item in self.common_items(basket) {
                counts[item as usize] += 1;
                touched += 1;
            }
        }
        rules.clear();
        let min_pair_count = self.min_pair_count;
        let mut keep = |item: u32, count: u32| {
            if count >= min_pair_count {
                rules.push((item, count));
            }
        };
        // Where much was counted, one walk through all counts is shorter than another through the baskets, and it ascends.
        let is_ascending = touched >= counts.len() / 4;
        if is_ascending {
            for (item, count) in (0..).zip(&mut *counts) {
                keep(item, std::mem::take(count));
            }
        } else {
            for &basket in holders {
                for item in self.common_items(basket) {
                    keep(item, std::mem::take(&mut counts[item as usize]));
                }
            }
        }
        if self.are_antecedents_items
            && let Some(itself) = rules.iter().position(|&(item, _)| item == antecedent)
        {
            rules.swap_remove(itself);
        }
        if rules.len() > self.max_rules {
            rules.select_nth_unstable_by(self.max_rules, |&a, &b| self.compare_strength(a, b));
            rules.truncate(self.max_rules);
        }
        rules.sort_unstable();
    }

    fn common_items(&self, basket: u32) -> impl Iterator<Item = u32> {
        self.baskets.get(basket as usize).iter().copied().take_while(|&item| item < self.common)
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
