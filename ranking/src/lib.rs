//! Which songs go with some others, in which order, and why: plain functions over the rules of a model. What serves a model and what
//! measures one rank with the same code.
//!
//! ```
//! # fn main() -> Result<(), model::InvalidTable> {
//! use model::{Artists, Rule, Rules, Scoring, SeedScoring};
//! use ranking::{Query, Ranking, SongFacts, Source};
//!
//! let mut rules = Rules::default();
//! rules.push(Rule {
//!     antecedent: &[0],
//!     antecedent_count: 9,
//!     consequent: 2,
//!     support_count: 3,
//!     weight: 1,
//!     many_weight: 0,
//! })?;
//! let scoring = Scoring {
//!     weight_scale: 0.5,
//!     many_weight_scale: 1.0,
//!     artist_weight_scale: 1.0,
//!     by_seeds: vec![SeedScoring { seeds: 1, many_share: 0.0, damping: 0.0, artist_share: 0.0 }],
//! };
//! let ranking = Ranking::build(rules, Rules::default(), &Artists::default(), 3, scoring, 10);
//! let songs = SongFacts { support_counts: &[9, 8, 4], namesakes: &[], artist_keys: &[], no_artist: None };
//!
//! let answer = ranking.recommend(songs, &Query { seeds: vec![0], limit: 10, ..Query::default() });
//!
//! let ranked: Vec<_> = answer.iter().map(|it| (it.song, it.score, it.source)).collect();
//! assert_eq!(ranked, [(2, 0.5, Source::Rules), (1, 0.8, Source::Popularity)]);
//! # Ok(())
//! # }
//! ```

mod query;
mod rule_index;
mod scratch;
mod firing;
mod answer;
mod ranking;

pub use self::{
    query::{Antecedent, FiredRule, Query, Recommendation, SongFacts, Source},
    ranking::Ranking,
};
