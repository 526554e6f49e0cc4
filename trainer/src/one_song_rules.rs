mod counting;

use std::{num::NonZeroU32, ops::Range};

use rayon::prelude::*;

use self::counting::{Counting, HeldArtists, HeldOut, Holders};
use crate::{baskets::Baskets, itemset_rules::MinedRule, itemsets::MiningError};

/// The most rules from one song, or one artist, to one song that a training keeps.
pub const MAX_PAIR_RULES: u32 = 200_000_000;

/// Parts of the work that there are at least, when there are as many antecedents, so that threads have something to share.
const MIN_PARTS: usize = 64;

/// Parts of the work for each thread in one batch.
const BATCH_PARTS: usize = 4;

/// Rules from one song, or one artist, to one song.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PairRules {
    /// The ids that have rules, ascending.
    antecedents: Vec<Antecedent>,
    /// Where the rules of each antecedent end in `consequents`.
    ends: Vec<usize>,
    /// The songs that the rules speak for; ascending for each antecedent.
    consequents: Vec<PairRule>,
}

/// What the rules of one antecedent have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Antecedent {
    /// The song, or the artist.
    pub(crate) id: u32,
    /// The baskets that hold it.
    pub(crate) count: u32,
    /// The same with each basket counting for its `units`, at least 1.
    pub(crate) units: u32,
}

/// A rule of an antecedent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PairRule {
    /// The song that the rule speaks for.
    pub(crate) song: u32,
    /// The baskets that hold it and the antecedent.
    pub(crate) support_count: u32,
    /// The same with each basket counting for its `units`. Of an artist's rule, half of that, and half of what is expected of the song's
    /// own artist; see [`artist_rules`].
    pub(crate) units: u32,
}

impl PairRule {
    /// The confidence of the rule when long baskets count less than short ones.
    pub(crate) fn damped_confidence(self, antecedent: &Antecedent) -> f32 {
        (f64::from(self.units) / f64::from(antecedent.units)) as f32
    }
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

    /// The antecedents in order, each with its rules by ascending consequent.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (&Antecedent, &[PairRule])> {
        (0..self.antecedents.len()).map(|position| self.group(position))
    }

    fn group(&self, position: usize) -> (&Antecedent, &[PairRule]) {
        let begin = position.checked_sub(1).map_or(0, |before| self.ends[before]);
        (&self.antecedents[position], &self.consequents[begin..self.ends[position]])
    }

    /// Where the rules of the antecedent `id` lie among all, and these, if it has any.
    pub(crate) fn range_of(&self, id: u32) -> Option<(Range<usize>, &[PairRule])> {
        let position = self.antecedents.binary_search_by_key(&id, |antecedent| antecedent.id).ok()?;
        let begin = position.checked_sub(1).map_or(0, |before| self.ends[before]);
        let range = begin..self.ends[position];
        Some((range.clone(), &self.consequents[range]))
    }

    /// The antecedent `id` and its rules, if it has any.
    pub(crate) fn of(&self, id: u32) -> Option<(&Antecedent, &[PairRule])> {
        let position = self.antecedents.binary_search_by_key(&id, |antecedent| antecedent.id).ok()?;
        Some(self.group(position))
    }

    /// The rules, ordered by antecedent and consequent.
    pub fn iter(&self) -> impl Iterator<Item = MinedRule<'_>> {
        self.groups().flat_map(|(antecedent, rules)| {
            rules.iter().map(move |rule| MinedRule {
                antecedent: std::slice::from_ref(&antecedent.id),
                antecedent_count: antecedent.count,
                consequent: rule.song,
                support_count: rule.support_count,
            })
        })
    }

    fn push(&mut self, antecedent: Antecedent, rules: &[PairRule]) {
        if !rules.is_empty() {
            self.antecedents.push(antecedent);
            self.consequents.extend_from_slice(rules);
            self.ends.push(self.consequents.len());
        }
    }

    /// Leaves the rules of some antecedents.
    pub fn retain(&mut self, mut is_kept: impl FnMut(u32) -> bool) {
        let mut kept = PairRules::default();
        for (antecedent, rules) in self.groups().filter(|(antecedent, _)| is_kept(antecedent.id)) {
            kept.push(*antecedent, rules);
        }
        *self = kept;
    }

    /// Appends rules of later antecedents.
    pub fn append(&mut self, later: PairRules) {
        let len = self.consequents.len();
        self.antecedents.extend(later.antecedents);
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
/// [`one_song_rules`], with 4 bytes more for each artist of the baskets.
///
/// Few of the long tail's songs meet an artist often enough for their confidence to tell much. So what a rule A ⇒ c weighs is the mean of
/// its own confidence, P(c | A), and that by way of the song's artist B, P(B | A) · P(c | B).
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
        let holders = Holders::new(baskets);
        let counting = Counting::new(baskets, holders, None, min_pair_count, max_rules_per_song);
        Self::new(counting, "song", max_rules)
    }

    /// The rules of [`artist_rules`].
    pub fn of_artists(
        baskets: &'b Baskets,
        song_artists: &'b [Option<u32>],
        min_pair_count: NonZeroU32,
        max_rules_per_song: Option<NonZeroU32>,
        max_rules: u32,
    ) -> Self {
        let artists = HeldArtists::new(baskets, song_artists);
        let holders = Holders::new(&artists.baskets);
        let counting = Counting::new(baskets, holders, Some(artists), min_pair_count, max_rules_per_song);
        Self::new(counting, "artist", max_rules)
    }

    fn new(counting: Counting<'b>, antecedent: &'static str, max_rules: u32) -> Self {
        let parts = counting.holders.parts(counting.min_pair_count).into_iter();
        PairRuleBatches { counting, parts, antecedent, max_rules, found: 0 }
    }

    /// The rules of some antecedents, which ascend, that would be found without the baskets that are held out.
    ///
    /// Their counts are those of all baskets less those of the held-out ones, so nothing is counted a second time: the rules of these
    /// antecedents from all baskets are kept for the batches.
    /// # Panics
    ///
    /// If there is no such antecedent, or not an entry of `is_held_out` for each basket.
    pub fn twin(&mut self, antecedents: &[u32], is_held_out: &[bool]) -> PairRules {
        let twin = HeldOut::new(&self.counting, is_held_out);
        let share = antecedents.len().div_ceil(MIN_PARTS).max(1);
        let parts: Vec<(PairRules, PairRules)> = antecedents
            .par_chunks(share)
            .map(|antecedents| self.counting.rules(antecedents.iter().copied(), Some(&twin)))
            .collect();
        let mut of_twin = PairRules::default();
        for (all, without) in parts {
            self.counting.known.append(all);
            of_twin.append(without);
        }
        of_twin
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
        let rules: Vec<PairRules> = parts
            .into_par_iter()
            .map(|part| self.counting.rules(part.start as u32..part.end as u32, None).0)
            .collect();
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
