use std::{
    cmp::Ordering,
    num::NonZeroU32,
    ops::Range,
    sync::{Mutex, PoisonError},
};

use super::{Antecedent, PairRule, PairRules};
use crate::baskets::Baskets;

/// Baskets of antecedents that are counted as one part of the work: enough that handing it to a thread costs nothing.
const PART_BASKETS: usize = 1 << 12;

/// What each basket counts: `1/√length`, so that a pair of songs in a long playlist, which holds many pairs, says less than one in a short
/// playlist.
///
/// In fixed point, as fine as it can be for the sum over all baskets to stay below 2³²: sums are exact, in any order.
fn units(baskets: &Baskets) -> Vec<u32> {
    let one = f64::from(1_u32 << (31 - baskets.len().max(1).ilog2().min(31)).min(16));
    let count = |basket: &[u32]| (one / (basket.len().max(1) as f64).sqrt()).round().max(1.0) as u32;
    baskets.iter().map(count).collect()
}

/// The baskets that hold each antecedent, ascending.
pub(super) struct Holders {
    baskets: Vec<u32>,
    /// Where the list of each antecedent begins in `baskets`, and a last entry with the end.
    pub(super) starts: Vec<usize>,
}

impl Holders {
    /// The antecedents are the items of `baskets`.
    pub(super) fn new(baskets: &Baskets) -> Self {
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

    fn of(&self, antecedent: u32) -> &[u32] {
        let antecedent = antecedent as usize;
        &self.baskets[self.starts[antecedent]..self.starts[antecedent + 1]]
    }

    fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Ranges of antecedents that together are all that can have rules, each with about the same number of baskets.
    pub(super) fn parts(&self, min_count: u32) -> Vec<Range<usize>> {
        let share = (self.baskets.len() / super::MIN_PARTS).clamp(1, PART_BASKETS);
        let mut parts = Vec::new();
        let mut begin = 0;
        while begin < self.len() {
            let enough = self.starts[begin] + share;
            let end = self.starts.partition_point(|&start| start < enough).min(self.len());
            let mut antecedents = begin..end;
            if antecedents.any(|antecedent| self.of(antecedent as u32).len() >= min_count as usize) {
                parts.push(begin..end);
            }
            begin = end;
        }
        parts
    }
}

/// The artists of the baskets, when they are the antecedents.
pub(super) struct HeldArtists<'b> {
    song_artists: &'b [Option<u32>],
    /// By basket, its artists.
    pub(super) baskets: Baskets,
    support_counts: Vec<u32>,
}

impl<'b> HeldArtists<'b> {
    pub(super) fn new(baskets: &Baskets, song_artists: &'b [Option<u32>]) -> Self {
        let artist = |&song: &u32| song_artists.get(song as usize).copied().flatten();
        let baskets: Baskets = baskets.iter().map(|basket| basket.iter().filter_map(artist)).collect();
        HeldArtists { song_artists, support_counts: baskets.support_counts(), baskets }
    }
}

/// The baskets that the twin does not know, and how often it knows items and artists.
pub(super) struct HeldOut<'t> {
    is_held_out: &'t [bool],
    support_counts: Vec<u32>,
    artist_counts: Vec<u32>,
}

impl<'t> HeldOut<'t> {
    pub(super) fn new(counting: &Counting<'_>, is_held_out: &'t [bool]) -> Self {
        let artists = counting.artists.as_ref();
        HeldOut {
            is_held_out,
            support_counts: counting.baskets.support_counts_without(is_held_out),
            artist_counts: artists
                .map_or_else(Vec::new, |artists| artists.baskets.support_counts_without(is_held_out)),
        }
    }
}

/// What consequents are counted in, and which rules are kept.
pub(super) struct Counting<'b> {
    baskets: &'b Baskets,
    /// By basket; see [`units`].
    units: Vec<u32>,
    /// The items from this one on are too rare for any rule. When items are numbered by falling support count, as those of a dataset are,
    /// no other is.
    common: u32,
    support_counts: Vec<u32>,
    pub(super) holders: Holders,
    /// There when antecedents are artists. Otherwise they are items like the consequents, and a rule from one to itself says nothing.
    artists: Option<HeldArtists<'b>>,
    pub(super) min_pair_count: u32,
    max_rules: usize,
    /// Rules that were found already.
    pub(super) known: PairRules,
    /// Memory for one thread each, to be used again.
    scratches: Mutex<Vec<Scratch>>,
}

/// What the rules of one antecedent are found in.
#[derive(Default)]
struct Scratch {
    all: Tally,
    /// The same in the held-out baskets alone; empty until it is needed.
    held_out: Tally,
    rules: Vec<PairRule>,
    twin_rules: Vec<PairRule>,
}

/// Counts of one antecedent's baskets; all 0 between two uses.
#[derive(Default)]
struct Tally {
    /// By item, the baskets in the lower half and their units in the upper: both fit, see [`units`], and one addition makes both.
    items: Vec<u64>,
    /// By artist, the units.
    artists: Vec<u32>,
}

impl Tally {
    fn make_room(&mut self, counting: &Counting<'_>) {
        self.items.resize(counting.common as usize, 0);
        self.artists.resize(counting.artists.as_ref().map_or(0, |artists| artists.support_counts.len()), 0);
    }
}

impl<'b> Counting<'b> {
    pub(super) fn new(
        baskets: &'b Baskets,
        holders: Holders,
        artists: Option<HeldArtists<'b>>,
        min_pair_count: NonZeroU32,
        max_rules: Option<NonZeroU32>,
    ) -> Self {
        let support_counts = baskets.support_counts();
        let min_pair_count = min_pair_count.get();
        let common = support_counts.iter().rposition(|&count| count >= min_pair_count);
        Counting {
            baskets,
            units: units(baskets),
            common: common.map_or(0, |last| last as u32 + 1),
            support_counts,
            holders,
            artists,
            min_pair_count,
            max_rules: max_rules.map_or(usize::MAX, |max_rules| max_rules.get() as usize),
            known: PairRules::default(),
            scratches: Mutex::default(),
        }
    }

    /// The rules of some antecedents, which ascend, and those that the twin has for them.
    pub(super) fn rules(
        &self,
        antecedents: impl Iterator<Item = u32>,
        twin: Option<&HeldOut<'_>>,
    ) -> (PairRules, PairRules) {
        let scratches = || self.scratches.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = scratches().pop();
        let mut scratch = kept.unwrap_or_default();
        scratch.all.make_room(self);
        if twin.is_some() {
            scratch.held_out.make_room(self);
        }
        let (mut rules, mut twin_rules) = (PairRules::default(), PairRules::default());
        for id in antecedents {
            let count = self.holders.of(id).len() as u32;
            if count < self.min_pair_count {
                continue;
            }
            if let Some((antecedent, known)) = self.known.of(id) {
                rules.push(*antecedent, known);
                continue;
            }
            self.find_rules(id, twin, &mut scratch);
            rules.push(self.antecedent(id, None), &scratch.rules);
            if twin.is_some() {
                twin_rules.push(self.antecedent(id, twin), &scratch.twin_rules);
            }
        }
        scratches().push(scratch);
        (rules, twin_rules)
    }

    fn antecedent(&self, id: u32, twin: Option<&HeldOut<'_>>) -> Antecedent {
        let (mut count, mut units) = (0, 0);
        for &basket in self.holders.of(id) {
            if twin.is_none_or(|twin| !twin.is_held_out[basket as usize]) {
                count += 1;
                units += self.units[basket as usize];
            }
        }
        Antecedent { id, count, units }
    }

    /// Fills the scratch with the strongest rules of one antecedent, by ascending consequent: of all baskets and, if asked for, of the twin.
    fn find_rules(&self, antecedent: u32, twin: Option<&HeldOut<'_>>, scratch: &mut Scratch) {
        let Scratch { all, held_out, rules, twin_rules } = scratch;
        let holders = self.holders.of(antecedent);
        let mut touched = 0;
        for &basket in holders {
            touched += self.tally(basket, all);
            if twin.is_some_and(|twin| twin.is_held_out[basket as usize]) {
                self.tally(basket, held_out);
            }
        }
        rules.clear();
        twin_rules.clear();
        let mut take = |song: u32, count: &mut u64| {
            let in_all = std::mem::take(count);
            let least = u64::from(self.min_pair_count);
            if in_all & LOWER_HALF >= least {
                rules.push(rule(song, in_all));
            }
            if twin.is_some() {
                let in_twin = in_all - std::mem::take(&mut held_out.items[song as usize]);
                if in_twin & LOWER_HALF >= least {
                    twin_rules.push(rule(song, in_twin));
                }
            }
        };
        // Where much was counted, one walk through all counts is shorter than another through the baskets, and it ascends.
        if touched >= all.items.len() / 4 {
            for (song, count) in (0..).zip(&mut all.items) {
                if *count > 0 {
                    take(song, count);
                }
            }
        } else {
            for &basket in holders {
                for song in self.common_items(basket) {
                    let count = &mut all.items[song as usize];
                    if *count > 0 {
                        take(song, count);
                    }
                }
            }
        }
        self.select(antecedent, rules, &self.support_counts);
        if let Some(twin) = twin {
            self.select(antecedent, twin_rules, &twin.support_counts);
        }
        if let Some(artists) = &self.artists {
            let counts = (&self.support_counts[..], &artists.support_counts[..]);
            smooth(rules, artists.song_artists, counts, |artist| all.artists[artist]);
            if let Some(twin) = twin {
                let counts = (&twin.support_counts[..], &twin.artist_counts[..]);
                let units = |artist: usize| all.artists[artist] - held_out.artists[artist];
                smooth(twin_rules, artists.song_artists, counts, units);
            }
            for &basket in holders {
                for &artist in artists.baskets.get(basket as usize) {
                    all.artists[artist as usize] = 0;
                    if twin.is_some() {
                        held_out.artists[artist as usize] = 0;
                    }
                }
            }
        }
    }

    /// Counts the items, and the artists, of one basket. Returns the number of items.
    fn tally(&self, basket: u32, tally: &mut Tally) -> usize {
        let units = self.units[basket as usize];
        let one = u64::from(units) << 32 | 1;
        let mut touched = 0;
        for item in self.common_items(basket) {
            tally.items[item as usize] += one;
            touched += 1;
        }
        if let Some(artists) = &self.artists {
            for &artist in artists.baskets.get(basket as usize) {
                tally.artists[artist as usize] += units;
            }
        }
        touched
    }

    /// Leaves the strongest of an antecedent's rules, by ascending consequent.
    fn select(&self, antecedent: u32, rules: &mut Vec<PairRule>, support_counts: &[u32]) {
        if self.artists.is_none()
            && let Some(itself) = rules.iter().position(|rule| rule.song == antecedent)
        {
            rules.swap_remove(itself);
        }
        if rules.len() > self.max_rules {
            rules.select_nth_unstable_by(self.max_rules, |a, b| compare_strength(support_counts, a, b));
            rules.truncate(self.max_rules);
        }
        rules.sort_unstable();
    }

    fn common_items(&self, basket: u32) -> impl Iterator<Item = u32> {
        self.baskets.get(basket as usize).iter().copied().take_while(|&item| item < self.common)
    }
}

const LOWER_HALF: u64 = u32::MAX as u64;

fn rule(song: u32, count: u64) -> PairRule {
    PairRule { song, support_count: (count & LOWER_HALF) as u32, units: (count >> 32) as u32 }
}

/// Orders two rules of one antecedent: the stronger first, and of equally strong ones that with the smaller consequent.
///
/// Compares the squares of the cosines as fractions, which is exact: `both² / count(c)`, the antecedent's count being the
/// same.
fn compare_strength(support_counts: &[u32], a: &PairRule, b: &PairRule) -> Ordering {
    let weighed = |rule: &PairRule, other: &PairRule| {
        u128::from(rule.support_count).pow(2) * u128::from(support_counts[other.song as usize])
    };
    weighed(b, a).cmp(&weighed(a, b)).then(a.song.cmp(&b.song))
}

/// Halves the units of an artist's rules and adds half of what is expected of the song's own artist: the units of the baskets that hold
/// both artists, `units_with`, times the share of that artist's baskets that hold the song.
fn smooth(
    rules: &mut [PairRule],
    song_artists: &[Option<u32>],
    (song_counts, artist_counts): (&[u32], &[u32]),
    units_with: impl Fn(usize) -> u32,
) {
    for rule in rules {
        let song = rule.song as usize;
        if let Some(artist) = song_artists.get(song).copied().flatten() {
            let artist = artist as usize;
            let both = u64::from(units_with(artist)) * u64::from(song_counts[song]);
            let expected = both / u64::from(artist_counts[artist]).max(1);
            rule.units = ((u64::from(rule.units) + expected) / 2) as u32;
        }
    }
}
