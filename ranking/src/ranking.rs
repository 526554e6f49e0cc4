use std::{
    cmp::{Ordering, Reverse},
    collections::{BinaryHeap, HashMap},
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
};

use model::{ArtistId, Artists, RuleCounts, Rules, Scoring, SongId, Weights};

use crate::{
    rule_index::{RuleIndex, for_each_common},
    scratch::Scratch,
};

/// There is no artist in the artists' table who has this song.
const NO_ARTIST: ArtistId = ArtistId::MAX;

/// The most scratch memories that are kept for later calls.
const MAX_KEPT_SCRATCHES: usize = 4;

/// What is asked of a [`Ranking`]: which songs go with the seeds.
///
/// Repetitions, the order, and ids that the model does not have make no difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The songs that the answer shall go with. When there are none, the answer is the commonest songs.
    pub seeds: Vec<SongId>,
    /// Songs that shall not be recommended.
    pub excluded: Vec<SongId>,
    /// The most songs to recommend.
    pub limit: usize,
    /// The most songs of one artist in the answer; `None`: no cap. Songs without an artist are never capped.
    pub max_songs_per_artist: Option<NonZeroUsize>,
    /// The most rules to give as reasons for one recommendation.
    pub max_rules_per_song: usize,
}

/// One song of an answer. It is not a seed or an excluded song, and its artist and title are not those of one, nor of another
/// recommendation.
///
/// An answer has first the songs of [`Source::Rules`], then those of [`Source::Artist`], then those of
/// [`Source::Popularity`]; within a source by falling score, then by falling support count, then by id.
#[derive(Clone, Debug, PartialEq)]
pub struct Recommendation {
    /// The song.
    pub song: SongId,
    /// How strong the recommendation is, at least 0; comparable with others of the same answer and source. From rules: the sum
    /// of their weights, times the model's scale, divided by a power of the song's support count, see [`Scoring`]. From
    /// popularity: the share of playlists that hold the song.
    pub score: f64,
    /// Where it comes from.
    pub source: Source,
    /// The strongest rules that fired for the song: by falling weight, then the longer antecedent, then by falling support,
    /// then by the ids of the antecedent.
    pub rules: Vec<FiredRule>,
}

/// Where a recommendation comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// From rules whose antecedent consists of seeds.
    Rules,
    /// From rules whose antecedent is the artist of a seed.
    Artist,
    /// From its support count alone, because the rules did not fill the answer.
    Popularity,
}

/// A rule that fired for a recommendation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FiredRule {
    /// What the seeds contain.
    pub antecedent: Antecedent,
    /// The counts behind it.
    pub counts: RuleCounts,
}

/// The antecedent of a rule that fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Antecedent {
    /// Seeds, ascending.
    Songs(Vec<SongId>),
    /// The artist of a seed.
    Artist(ArtistId),
}

/// What ranking needs to know of the songs.
#[derive(Clone, Copy, Debug)]
pub struct SongFacts<'a> {
    /// By song, the playlists that hold it; falling.
    pub support_counts: &'a [u32],
    /// By song, what stands for all songs of its artist and title, of which an answer has at most one: one of their ids. Empty: each song
    /// stands for itself.
    pub namesakes: &'a [SongId],
    /// By song, what stands for its artist where [`Query::max_songs_per_artist`] counts. Empty: no song has one.
    pub artist_keys: &'a [u32],
    /// What stands in `artist_keys` for no artist.
    pub no_artist: Option<u32>,
}

impl SongFacts<'_> {
    fn len(&self) -> usize {
        self.support_counts.len()
    }

    fn namesake(&self, song: SongId) -> SongId {
        self.namesakes.get(song as usize).copied().unwrap_or(song)
    }

    fn artist_key(&self, song: SongId) -> Option<u32> {
        self.artist_keys.get(song as usize).copied().filter(|&key| Some(key) != self.no_artist)
    }
}

/// The rules of a model, indexed for answering.
#[derive(Debug)]
pub struct Ranking {
    rules: RuleIndex,
    artist_rules: RuleIndex,
    /// By song, its artist in the artists' table, or [`NO_ARTIST`].
    artist_of: Vec<ArtistId>,
    scoring: Scoring,
    /// All playlists that the model was trained from.
    baskets: u32,
    /// Scratch memory for one call each, to be used again.
    scratches: Mutex<Vec<Scratch>>,
}

impl Ranking {
    /// Indexes the rules of a model that has so many songs, and was trained from `baskets` playlists.
    ///
    /// # Panics
    ///
    /// If an artist has a song that does not exist.
    pub fn build(
        rules: Rules,
        artist_rules: Rules,
        artists: &Artists,
        song_count: usize,
        scoring: Scoring,
        baskets: u32,
    ) -> Ranking {
        let mut artist_of = vec![NO_ARTIST; song_count];
        // From the rarest on, so that a song of several artists is left to the commonest.
        for id in (0..artists.len() as ArtistId).rev() {
            for &song in artists.get(id).songs {
                artist_of[song as usize] = id;
            }
        }
        Ranking {
            rules: RuleIndex::build(rules),
            artist_rules: RuleIndex::build(artist_rules),
            artist_of,
            scoring,
            baskets,
            scratches: Mutex::default(),
        }
    }

    /// Recommends songs that go with the seeds, the best first. `songs` are those that the ranking was built for.
    ///
    /// # Panics
    ///
    /// If the rules speak of a song that is not among `songs`.
    pub fn recommend(&self, songs: SongFacts<'_>, query: &Query) -> Vec<Recommendation> {
        let scratch = self.take_scratch(songs.len());
        let mut answer = Answer::new(songs, query, scratch);
        let seeds = distinct(query.seeds.iter().copied(), songs.len());
        for &seed in &seeds {
            answer.block(seed);
        }
        for &song in &query.excluded {
            if (song as usize) < songs.len() {
                answer.block(song);
            }
        }
        if query.limit > 0 && !seeds.is_empty() {
            let exponent = self.scoring.at(seeds.len()).damping;
            let from_rules = Firing {
                index: &self.rules,
                source: Source::Rules,
                weight_scale: self.scoring.weight_scale,
                exponent,
                baskets: self.baskets,
            };
            answer.fill_from_rules(&from_rules, &seeds);
            if !answer.is_full() {
                let artists = seeds.iter().map(|&seed| self.artist_of[seed as usize]);
                let artists = distinct(artists, NO_ARTIST as usize);
                let from_artist_rules = Firing {
                    index: &self.artist_rules,
                    source: Source::Artist,
                    weight_scale: self.scoring.artist_weight_scale,
                    ..from_rules
                };
                answer.fill_from_rules(&from_artist_rules, &artists);
            }
        }
        answer.fill_from_popularity(self.baskets);
        let (recommendations, scratch) = answer.finish();
        self.keep_scratch(scratch);
        recommendations
    }

    fn take_scratch(&self, song_count: usize) -> Scratch {
        let mut scratches = self.scratches.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = scratches.pop();
        drop(scratches);
        kept.unwrap_or_else(|| Scratch::new(song_count))
    }

    fn keep_scratch(&self, scratch: Scratch) {
        let mut scratches = self.scratches.lock().unwrap_or_else(PoisonError::into_inner);
        if scratches.len() < MAX_KEPT_SCRATCHES {
            scratches.push(scratch);
        }
    }
}

/// The different ids below `end`, ascending.
fn distinct(ids: impl Iterator<Item = u32>, end: usize) -> Vec<u32> {
    let mut ids: Vec<u32> = ids.filter(|&id| (id as usize) < end).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Rules that may fire, and how their weights make scores.
#[derive(Clone, Copy)]
struct Firing<'a> {
    index: &'a RuleIndex,
    source: Source,
    weight_scale: f64,
    exponent: f64,
    baskets: u32,
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

/// An answer while it is filled.
struct Answer<'a> {
    songs: SongFacts<'a>,
    query: &'a Query,
    scratch: Scratch,
    /// The songs recommended so far, by artist; used only when there is a cap.
    by_artist: HashMap<u32, usize>,
    recommendations: Vec<Recommendation>,
}

impl<'a> Answer<'a> {
    fn new(songs: SongFacts<'a>, query: &'a Query, scratch: Scratch) -> Self {
        Answer { songs, query, scratch, by_artist: HashMap::new(), recommendations: Vec::new() }
    }

    fn is_full(&self) -> bool {
        self.recommendations.len() >= self.query.limit
    }

    /// Keeps the song and its namesakes out of the answer from now on.
    fn block(&mut self, song: SongId) {
        self.scratch.block(self.songs.namesake(song));
    }

    fn is_blocked(&self, song: SongId) -> bool {
        self.scratch.is_blocked(self.songs.namesake(song))
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

    /// Adds the consequents of the rules whose antecedent is contained in `held`, by falling score.
    fn fill_from_rules(&mut self, firing: &Firing<'_>, held: &[u32]) {
        let fired = firing.index.fired(held);
        for &position in &fired {
            let group = firing.index.group(position);
            // Integers: in whatever order rules fire, the sum is the same.
            match group.weights {
                Weights::Zeros(_) => self.scratch.touch_all(group.consequents),
                Weights::Bytes(weights) => self.scratch.add_all(group.consequents, weights),
                Weights::Words(weights) => self.scratch.add_all(group.consequents, weights),
            }
        }
        let support_counts = self.songs.support_counts;
        let sums = self.scratch.take_sums();
        let mut candidates = Vec::with_capacity(sums.len());
        for (song, sum) in sums {
            if !self.is_blocked(song) {
                let damping = self.scratch.damping(support_counts[song as usize], firing.exponent);
                let score = firing.weight_scale * sum as f64 / damping;
                candidates.push(Candidate { score, song });
            }
        }
        let mut candidates = BinaryHeap::from(candidates);
        let first = self.recommendations.len();
        while !self.is_full()
            && let Some(candidate) = candidates.pop()
        {
            self.offer(candidate.song, candidate.score, firing.source);
        }
        self.explain(first, firing, &fired);
    }

    fn fill_from_popularity(&mut self, baskets: u32) {
        for (song, &support_count) in (0..).zip(self.songs.support_counts) {
            if self.is_full() {
                break;
            }
            let share = f64::from(support_count) / f64::from(baskets);
            self.offer(song, share, Source::Popularity);
        }
    }

    /// Gives the recommendations from `first` on the strongest of the rules that fired for them.
    fn explain(&mut self, first: usize, firing: &Firing<'_>, fired: &[u32]) {
        let most = self.query.max_rules_per_song;
        let explained = &mut self.recommendations[first..];
        if most == 0 || explained.is_empty() {
            return;
        }
        let mut songs: Vec<(SongId, usize)> =
            explained.iter().map(|recommendation| recommendation.song).zip(0..).collect();
        songs.sort_unstable();
        let ascending: Vec<SongId> = songs.iter().map(|&(song, _)| song).collect();
        // The strongest so far for each of `songs`, the strongest first. Positions of groups are in the order of the ids.
        let mut strongest: Vec<Vec<Strength>> = vec![Vec::new(); songs.len()];
        for &position in fired {
            let group = firing.index.group(position);
            for_each_common(&ascending, group.consequents, |song, rule| {
                let strength = (
                    Reverse(group.weights.get(rule)),
                    Reverse(group.antecedent.len()),
                    Reverse(group.support_count(rule)),
                    position,
                );
                let strongest = &mut strongest[song];
                let place = strongest.partition_point(|other| *other < strength);
                if place < most {
                    strongest.truncate(most - 1);
                    strongest.insert(place, strength);
                }
            });
        }
        let support_counts = self.songs.support_counts;
        for ((song, explained_at), strongest) in songs.into_iter().zip(strongest) {
            explained[explained_at].rules = strongest
                .into_iter()
                .map(|(_, _, Reverse(both), position)| {
                    let group = firing.index.group(position);
                    FiredRule {
                        antecedent: match firing.source {
                            Source::Artist => Antecedent::Artist(group.antecedent[0]),
                            _ => Antecedent::Songs(group.antecedent.to_vec()),
                        },
                        counts: RuleCounts {
                            both,
                            antecedent: group.antecedent_count,
                            consequent: support_counts[song as usize],
                            baskets: firing.baskets,
                        },
                    }
                })
                .collect();
        }
    }

    fn finish(mut self) -> (Vec<Recommendation>, Scratch) {
        self.scratch.unblock_all();
        (self.recommendations, self.scratch)
    }
}

/// How strongly a rule speaks for its consequent, the strongest first: its weight, the length of its antecedent, its support
/// count, and the position of its group.
type Strength = (Reverse<u16>, Reverse<usize>, Reverse<u32>, u32);
