use std::{
    cmp::{Ordering, Reverse},
    collections::{BinaryHeap, HashMap},
    ops::Range,
};

use model::SongId;

use crate::{
    Query, Recommendation, SongFacts, Source,
    firing::{ExplainedSong, Firing},
    scratch::{Scratch, Sums},
};

/// An answer while it is filled.
pub(crate) struct Answer<'a> {
    songs: SongFacts<'a>,
    query: &'a Query,
    scratch: &'a mut Scratch,
    /// The songs recommended so far, by artist; used only when there is a cap.
    by_artist: HashMap<u32, usize>,
    recommendations: Vec<Recommendation>,
}

impl<'a> Answer<'a> {
    pub(crate) fn new(songs: SongFacts<'a>, query: &'a Query, scratch: &'a mut Scratch) -> Self {
        Answer { songs, query, scratch, by_artist: HashMap::new(), recommendations: Vec::new() }
    }

    fn is_full(&self) -> bool {
        self.recommendations.len() >= self.query.limit
    }

    /// Keeps the song and its namesakes out of the answer from now on.
    pub(crate) fn block(&mut self, song: SongId) {
        self.scratch.blocked.block(self.songs.namesake(song));
    }

    fn is_blocked(&self, song: SongId) -> bool {
        self.scratch.blocked.is_blocked(self.songs.namesake(song))
    }

    /// Adds the song unless it is blocked or its artist has enough songs.
    fn offer(&mut self, song: SongId, score: f64, source: Source) {
        if self.is_blocked(song) {
            return;
        }
        if let Some(cap) = self.query.max_songs_per_artist
            && let Some(artist) = self.songs.artist_key(song)
        {
            let songs = self.by_artist.entry(artist).or_default();
            if *songs >= cap.get() {
                return;
            }
            *songs += 1;
        }
        self.block(song);
        self.recommendations.push(Recommendation { song, score, source, rules: Vec::new() });
    }

    /// Adds the songs for which rules fired: those that rules from songs speak for, then those that artist rules alone speak for.
    pub(crate) fn fill_from_rules(&mut self, firing: Firing<'_>) {
        firing.add_from_songs(&mut self.scratch.sums);
        let from_songs = self.scratch.sums.len();
        if firing.mixes_artists() {
            firing.add_from_artists_to(from_songs, &mut self.scratch.sums);
        }
        let exponent = firing.damping_exponent();
        self.fill(Source::Rules, 0..from_songs, exponent, |sums| firing.score_from_rules(sums));
        if !self.is_full() {
            // What the songs of before get here, nobody reads any more.
            firing.add_from_artists(&mut self.scratch.sums);
            let all = self.scratch.sums.len();
            self.fill(Source::Artist, from_songs..all, exponent, |sums| firing.score_from_artists(sums));
        }
        self.scratch.sums.clear();
        self.explain(&firing);
    }

    /// Adds the songs whose sums are at `positions`, by falling score: what `score` gives, damped with the exponent.
    ///
    /// Hardly any song is among the best, so only some of these are put in order, and the next ones where they do not fill the answer: some
    /// may be blocked or have artists with enough songs.
    fn fill(&mut self, source: Source, positions: Range<usize>, exponent: f64, score: impl Fn(&Sums) -> f64) {
        self.scratch.dampings.set_exponent(exponent);
        let mut most = self.query.limit.saturating_sub(self.recommendations.len()).saturating_add(8);
        let mut last = None;
        while !self.is_full() {
            let best = self.best(positions.clone(), most, last, &score);
            for candidate in &best {
                if self.is_full() {
                    return;
                }
                self.offer(candidate.song, candidate.score, source);
            }
            if best.len() < most {
                return;
            }
            last = best.last().copied();
            most = most.saturating_mul(8);
        }
    }

    /// The `most` best candidates that are worse than `last`, the best first.
    fn best(
        &mut self,
        positions: Range<usize>,
        most: usize,
        last: Option<Candidate>,
        score: impl Fn(&Sums) -> f64,
    ) -> Vec<Candidate> {
        let Scratch { sums, blocked, dampings } = &mut *self.scratch;
        let mut best: BinaryHeap<Reverse<Candidate>> = BinaryHeap::new();
        // What is below this is not among the best.
        let mut least = f64::NEG_INFINITY;
        for sums in &sums.all()[positions] {
            let song = sums.song;
            let score = score(sums) / dampings.get(self.songs.support_counts[song as usize]);
            if score < least {
                continue;
            }
            let candidate = Candidate { score, song };
            if last.is_some_and(|last| candidate >= last) || blocked.is_blocked(self.songs.namesake(song)) {
                continue;
            }
            best.push(Reverse(candidate));
            if best.len() > most {
                best.pop();
                least = best.peek().map_or(least, |worst| worst.0.score);
            }
        }
        best.into_sorted_vec().into_iter().map(|Reverse(candidate)| candidate).collect()
    }

    pub(crate) fn fill_from_popularity(&mut self, baskets: u32) {
        for (song, &support_count) in (0..).zip(self.songs.support_counts) {
            if self.is_full() {
                break;
            }
            let share = f64::from(support_count) / f64::from(baskets);
            self.offer(song, share, Source::Popularity);
        }
    }

    /// Gives the recommendations the strongest of the rules that fired for them.
    fn explain(&mut self, firing: &Firing<'_>) {
        let most = self.query.max_rules_per_song;
        if most == 0 {
            return;
        }
        let mut ascending: Vec<&mut Recommendation> = self.recommendations.iter_mut().collect();
        ascending.sort_unstable_by_key(|recommendation| recommendation.song);
        let explained: Vec<ExplainedSong> = ascending
            .iter()
            .map(|recommendation| ExplainedSong {
                id: recommendation.song,
                support_count: self.songs.support_counts[recommendation.song as usize],
                is_from_artists: recommendation.source == Source::Artist,
            })
            .collect();
        for (recommendation, rules) in ascending.into_iter().zip(firing.explain(&explained, most)) {
            recommendation.rules = rules;
        }
    }

    /// The answer. The scratch memory is as it was before.
    pub(crate) fn finish(self) -> Vec<Recommendation> {
        self.scratch.blocked.clear();
        self.recommendations
    }
}

/// A song for which rules fired. The greatest is the best.
#[derive(Clone, Copy)]
struct Candidate {
    score: f64,
    song: SongId,
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        // A smaller id is a support count at least as great.
        (self.score.total_cmp(&other.score)).then(other.song.cmp(&self.song))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Candidate {}
