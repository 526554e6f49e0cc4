use std::num::NonZeroUsize;

use model::{ArtistId, RuleCounts, SongId};

/// What is asked of a [`Ranking`](crate::Ranking): which songs go with the seeds.
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
    /// How strong the recommendation is, at least 0; comparable with others of the same answer and source. From rules and from artists: as
    /// [`Scoring`](model::Scoring) tells. From popularity: the share of playlists that hold the song.
    pub score: f64,
    /// Where it comes from.
    pub source: Source,
    /// The strongest rules that fired for the song: by what they add to its score, then the longer antecedent, then by falling support, then
    /// songs before artists, then by the ids of the antecedent. Rules from an artist are among them where they count, also if the song is
    /// from [`Source::Rules`].
    pub rules: Vec<FiredRule>,
}

/// Where a recommendation comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// From rules whose antecedent consists of seeds; artists of seeds may have spoken for it too.
    Rules,
    /// From rules whose antecedent is the artist of a seed, and no others.
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
    pub(crate) fn len(&self) -> usize {
        self.support_counts.len()
    }

    pub(crate) fn namesake(&self, song: SongId) -> SongId {
        self.namesakes.get(song as usize).copied().unwrap_or(song)
    }

    pub(crate) fn artist_key(&self, song: SongId) -> Option<u32> {
        self.artist_keys.get(song as usize).copied().filter(|&key| Some(key) != self.no_artist)
    }
}
