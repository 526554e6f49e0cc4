//! The answers about songs: a playlist with its reasons, and a page of songs found.

use chrono::{DateTime, Utc};
use proto::v1;

use crate::{
    date::date,
    names::{Match, Source},
};

/// A playlist, with what it was made from.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RecommendResponse {
    /// The recommendations, the best first; none of them is a seed, an excluded song, or the same artist and
    /// title as another, titles that differ only in a label of the recording ("- Remastered 2011", "(feat. ...)")
    /// being the same. Filled up to `limit` as long as the model knows other songs.
    pub songs: Vec<Recommendation>,
    /// The version of the service.
    pub version: String,
    /// When the model was trained.
    pub model_date: Option<DateTime<Utc>>,
    /// The name of the model version, as it stands in the volume's CURRENT.
    pub model_version: String,
    /// The name of the replica that answered.
    pub served_by: String,
    /// The seeds that the model does not know, as they were sent.
    pub unknown_songs: Vec<String>,
    /// How each seed was understood, in the order of [`RecommendRequest::new`](crate::RecommendRequest::new).
    pub seeds: Vec<SeedMatch>,
    /// How each excluded song was understood, in the order of
    /// [`RecommendRequest::exclude_songs`](crate::RecommendRequest::exclude_songs).
    pub excluded_songs: Vec<SeedMatch>,
}

impl RecommendResponse {
    pub(crate) fn from_wire(wire: v1::RecommendResponse) -> Self {
        Self {
            songs: wire.songs.into_iter().map(Recommendation::from_wire).collect(),
            version: wire.version,
            model_date: date(wire.model_date),
            model_version: wire.model_version,
            served_by: wire.served_by,
            unknown_songs: wire.unknown_songs,
            seeds: wire.seeds.into_iter().map(SeedMatch::from_wire).collect(),
            excluded_songs: wire.excluded_songs.into_iter().map(SeedMatch::from_wire).collect(),
        }
    }
}

/// One song of the answer, and why it is there.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Recommendation {
    /// The song.
    pub song: Song,
    /// The strength of the recommendation, at least 0; greater is better. It has no unit, and is comparable among the
    /// recommendations of one answer that have the same source and with nothing else. From rules and artists it follows
    /// from fitted weights, not from confidences, see [`Scoring`](crate::Scoring). For [`Source::Popularity`] it is the
    /// share of training playlists that hold the song.
    pub score: f64,
    /// Where the recommendation comes from.
    pub source: Source,
    /// The strongest rules that spoke for the song: those that added most to its score, the strongest first; at most
    /// [`RecommendRequest::max_rules_per_song`](crate::RecommendRequest::max_rules_per_song). For [`Source::Rules`]
    /// the artists of seeds may be among them. Empty for [`Source::Popularity`].
    pub rules: Vec<Rule>,
}

impl Recommendation {
    pub(crate) fn from_wire(wire: v1::Recommendation) -> Self {
        Self {
            song: Song::from_wire(wire.song.unwrap_or_default()),
            score: wire.score,
            source: Source::from_wire(wire.source),
            rules: wire.rules.into_iter().map(Rule::from_wire).collect(),
        }
    }
}

/// A song that the model knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Song {
    /// The title, in its commonest spelling.
    pub title: String,
    /// The artist, in the commonest spelling; empty when the dataset does not name one.
    pub artist: String,
    /// The commonest of the track URIs that the dataset gives the song; empty when it gives none.
    pub uri: String,
    /// The number of training playlists that hold the song.
    pub support_count: u32,
}

impl Song {
    pub(crate) fn from_wire(wire: v1::Song) -> Self {
        Self { title: wire.title, artist: wire.artist, uri: wire.uri, support_count: wire.support_count }
    }
}

/// A rule "who has the antecedent in a playlist also has the consequent", where the consequent is the
/// recommended song. It tells what was counted in the training playlists. What it adds to the score is another
/// number, which was fitted.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Rule {
    /// The songs of the antecedent; all of them are seeds. Empty when the antecedent is an artist.
    pub antecedent: Vec<Song>,
    /// The artist that is the antecedent; empty when the antecedent consists of songs.
    pub antecedent_artist: String,
    /// The number of training playlists that hold the antecedent and the consequent.
    pub support_count: u32,
    /// The number of training playlists that hold the antecedent.
    pub antecedent_count: u32,
    /// The share of training playlists that hold both: P(A and C), in (0, 1].
    pub support: f64,
    /// The share of the playlists with the antecedent that hold the consequent too: P(C | A), in (0, 1].
    pub confidence: f64,
    /// How many times likelier the consequent is beside the antecedent than anywhere: P(A and C) / (P(A)
    /// P(C)), above 0; 1 means independent.
    pub lift: f64,
}

impl Rule {
    pub(crate) fn from_wire(wire: v1::Rule) -> Self {
        Self {
            antecedent: wire.antecedent.into_iter().map(Song::from_wire).collect(),
            antecedent_artist: wire.antecedent_artist,
            support_count: wire.support_count,
            antecedent_count: wire.antecedent_count,
            support: wire.support,
            confidence: wire.confidence,
            lift: wire.lift,
        }
    }
}

/// How what a person typed was understood.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SeedMatch {
    /// The text as it was sent.
    pub seed: String,
    /// How it was matched.
    pub r#match: Match,
    /// The song that it was taken for; not set for [`Match::Unknown`].
    pub song: Option<Song>,
    /// How alike the text and the song's name are, in [0, 1]: the share of the longer one that needs no edit for
    /// [`Match::Fuzzy`], 0 for [`Match::Unknown`], and otherwise 1.
    pub similarity: f64,
    /// For [`Match::Fuzzy`] and [`Match::Unknown`], other songs that may have been meant, the likeliest
    /// by similarity and popularity first; at most 5.
    pub suggestions: Vec<Song>,
}

impl SeedMatch {
    pub(crate) fn from_wire(wire: v1::SeedMatch) -> Self {
        Self {
            seed: wire.seed,
            r#match: Match::from_wire(wire.r#match),
            song: wire.song.map(Song::from_wire),
            similarity: wire.similarity,
            suggestions: wire.suggestions.into_iter().map(Song::from_wire).collect(),
        }
    }
}

/// One page of songs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SearchSongsResponse {
    /// The songs found, the best first.
    pub songs: Vec<Song>,
    /// The version of the service.
    pub version: String,
    /// When the model was trained.
    pub model_date: Option<DateTime<Utc>>,
    /// The name of the model version. When it changes between two pages, songs may be repeated or left out.
    pub model_version: String,
    /// The name of the replica that answered.
    pub served_by: String,
    /// Asks for the next page; empty on the last.
    pub next_page_token: String,
}

impl SearchSongsResponse {
    pub(crate) fn from_wire(wire: v1::SearchSongsResponse) -> Self {
        Self {
            songs: wire.songs.into_iter().map(Song::from_wire).collect(),
            version: wire.version,
            model_date: date(wire.model_date),
            model_version: wire.model_version,
            served_by: wire.served_by,
            next_page_token: wire.next_page_token,
        }
    }
}
