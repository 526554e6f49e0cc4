//! Which songs go with some others, in which order, and why: plain functions over the rules of a model. What serves a model and what
//! measures one rank with the same code.

mod rule_index;
mod scratch;
mod ranking;

pub use self::ranking::{Antecedent, FiredRule, Query, Ranking, Recommendation, SongFacts, Source};
