use std::{
    num::NonZero,
    sync::{Mutex, PoisonError},
    thread,
};

use model::{ArtistId, Artists, Rules, Scoring, SongId};

use crate::{
    Query, Recommendation, SongFacts, answer::Answer, firing::Firing, rule_index::RuleIndex, scratch::Scratch,
};

/// There is no artist in the artists' table who has this song.
const NO_ARTIST: ArtistId = ArtistId::MAX;

/// The rules of a model, indexed for answering.
#[derive(Debug)]
pub struct Ranking {
    pub(crate) rules: RuleIndex,
    pub(crate) artist_rules: Rules,
    /// By song, its artist in the artists' table, or [`NO_ARTIST`].
    artist_of: Vec<ArtistId>,
    pub(crate) scoring: Scoring,
    /// All playlists that the model was trained from.
    pub(crate) baskets: u32,
    /// Scratch memory for one call each, to be used again.
    scratches: Mutex<Vec<Scratch>>,
    /// The most that are kept: more calls than there are cores do not run at a time.
    most_scratches: usize,
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
        let rules = RuleIndex::build(rules);
        let most_scratches = thread::available_parallelism().map_or(1, NonZero::get);
        let scratches = Mutex::default();
        Ranking { rules, artist_rules, artist_of, scoring, baskets, scratches, most_scratches }
    }

    /// Makes ready the memory that calls use, as many as run at a time. Without, the first calls do.
    pub fn warm_up(&self, song_count: usize) {
        for _ in 0..self.most_scratches {
            self.keep_scratch(Scratch::new(song_count));
        }
    }

    /// Recommends songs that go with the seeds, the best first. `songs` are those that the ranking was built for.
    ///
    /// # Panics
    ///
    /// If the rules speak of a song that is not among `songs`.
    pub fn recommend(&self, songs: SongFacts<'_>, query: &Query) -> Vec<Recommendation> {
        let mut scratch = self.take_scratch(songs.len());
        let exists = |song: &SongId| (*song as usize) < songs.len();
        let mut seeds: Vec<SongId> = query.seeds.iter().copied().filter(exists).collect();
        seeds.sort_unstable();
        seeds.dedup();

        let mut answer = Answer::new(songs, query, &mut scratch);
        for &song in seeds.iter().chain(query.excluded.iter().filter(|song| exists(song))) {
            answer.block(song);
        }
        if query.limit > 0 && !seeds.is_empty() {
            answer.fill_from_rules(Firing::new(self, &seeds));
        }
        answer.fill_from_popularity(self.baskets);
        let recommendations = answer.finish();
        self.keep_scratch(scratch);
        recommendations
    }

    /// The artist of a song, if the artists' table has one.
    pub(crate) fn artist_of(&self, song: SongId) -> Option<ArtistId> {
        Some(self.artist_of[song as usize]).filter(|&artist| artist != NO_ARTIST)
    }

    fn take_scratch(&self, song_count: usize) -> Scratch {
        let mut scratches = self.scratches.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = scratches.pop();
        drop(scratches);
        kept.unwrap_or_else(|| Scratch::new(song_count))
    }

    fn keep_scratch(&self, scratch: Scratch) {
        let mut scratches = self.scratches.lock().unwrap_or_else(PoisonError::into_inner);
        if scratches.len() < self.most_scratches {
            scratches.push(scratch);
        }
    }
}
