use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// How good a model is: figures measured on held-out playlists with a twin that was trained without them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Playlists that were held out to measure with; each was asked about with every number of seeds that it has more songs than.
    pub held_out_playlists: u32,
    /// Playlists that were held out besides, to fit the scoring with; 0 when nothing was fitted.
    #[serde(default)]
    pub validation_playlists: u32,
    /// What identifies the questions that were asked: a digest of the held-out playlists, their songs, and which of these were seeds.
    /// The same digest makes figures comparable playlist by playlist. Empty in a manifest that does not tell.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hold_out: String,
    /// The figures, by number of seeds and recommender.
    pub figures: Vec<EvaluationFigures>,
}

impl Evaluation {
    /// The figures of one recommender with so many seeds, if it was measured with them.
    pub fn figures_of(&self, recommender: &str, seeds: u32) -> Option<&EvaluationFigures> {
        self.figures.iter().find(|figures| figures.recommender == recommender && figures.seeds == seeds)
    }
}

/// The figures of one recommender with one number of seeds: means over the held-out playlists that have more songs than that, after the
/// definitions of the RecSys Challenge 2018. A song that the twin does not know counts as not found.
///
/// Chen, Lamere, Schedl and Zamani: "RecSys Challenge 2018: Automatic Music Playlist Continuation", RecSys 2018.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationFigures {
    /// Seeds that were given.
    pub seeds: u32,
    /// What was measured: [`MODEL`](Self::MODEL), or [`POPULARITY`](Self::POPULARITY) to compare with.
    pub recommender: String,
    /// The share of the hidden songs among as many recommendations, 0 to 1. A song counts as a whole or not at all: the challenge's
    /// later variant gives a quarter for another song of the same artist.
    pub r_precision: f64,
    /// The normalised discounted cumulative gain of 500 recommendations, 0 to 1.
    pub ndcg: f64,
    /// The share of playlists with a hidden song among the first 10 recommendations, 0 to 1.
    pub hit_rate_at_10: f64,
    /// The share of hidden songs among the first 10 recommendations, 0 to 1.
    pub precision_at_10: f64,
    /// Times one must ask for 10 more before a hidden song shows, 0 to 49; 51 when none is among 500.
    pub clicks: f64,
    /// The share of the twin's songs that were among the first 10 recommendations for any of the playlists, 0 to 1.
    pub coverage: f64,
    /// The share of playlists with at least one recommendation from a rule, of songs or of artists, 0 to 1.
    pub answered: f64,
    /// The R-precision of each playlist. Empty in a manifest that does not tell.
    #[serde(default, skip_serializing_if = "RPrecisions::is_empty")]
    pub r_precisions: RPrecisions,
}

impl EvaluationFigures {
    /// The name of the model as a recommender.
    pub const MODEL: &str = "model";
    /// The name of the recommender that gives everybody the most common songs.
    pub const POPULARITY: &str = "popularity";
}

/// The R-precision of each held-out playlist, in an order that is the same for all recommenders and numbers of seeds; none for those
/// that are too short for the number of seeds. Rounded to 4 decimals.
///
/// In JSON a text with blanks between the numbers and `-` for none, as `0.25 0 - 0.1333`, for a thousand lines of numbers would hide all else
/// in a manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RPrecisions {
    /// In ten-thousandths.
    values: Vec<Option<u16>>,
}

/// 1 in the unit of [`RPrecisions`].
const ONE: f64 = 10_000.0;

impl RPrecisions {
    /// The playlists, with and without a value.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no playlist.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The playlists that were asked about.
    pub fn playlists(&self) -> usize {
        self.values.iter().flatten().count()
    }

    /// The values by playlist, 0 to 1.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<f64>> {
        self.values.iter().map(|value| value.map(|value| f64::from(value) / ONE))
    }
}

/// Rounds; what is below 0 or above 1 becomes 0 or 1.
impl FromIterator<Option<f64>> for RPrecisions {
    fn from_iter<I: IntoIterator<Item = Option<f64>>>(values: I) -> Self {
        let unit = |value: f64| (value.clamp(0.0, 1.0) * ONE).round() as u16;
        RPrecisions { values: values.into_iter().map(|value| value.map(unit)).collect() }
    }
}

impl From<RPrecisions> for String {
    fn from(values: RPrecisions) -> Self {
        let mut text = String::new();
        for value in values.iter() {
            if !text.is_empty() {
                text.push(' ');
            }
            // Writing into a text does not fail. A number shows as its shortest decimal, which has at most 4 places here.
            let _ = match value {
                Some(value) => write!(text, "{value}"),
                None => write!(text, "-"),
            };
        }
        text
    }
}

impl TryFrom<String> for RPrecisions {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let value = |word: &str| match word {
            "-" => Ok(None),
            _ => match word.parse::<f64>() {
                Ok(value) if (0.0..=1.0).contains(&value) => Ok(Some(value)),
                _ => Err(format!("`{word}` is neither a number from 0 to 1 nor `-`")),
            },
        };
        text.split_whitespace().map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_precisions_are_written_as_one_short_text() {
        let values: RPrecisions =
            [Some(0.25), Some(0.0), None, Some(2.0 / 15.0), Some(1.0)].into_iter().collect();
        let json = serde_json::to_string(&values).unwrap();
        assert_eq!(json, r#""0.25 0 - 0.1333 1""#);
        assert_eq!(serde_json::from_str::<RPrecisions>(&json).unwrap(), values);
        assert_eq!((values.len(), values.playlists()), (5, 4));
    }

    #[test]
    fn each_ten_thousandth_is_read_as_it_was_written() {
        let values: RPrecisions = (0..=10_000).map(|unit| Some(f64::from(unit) / ONE)).collect();
        let text = String::from(values.clone());
        assert!(text.split(' ').all(|word| word.len() <= 6));
        assert_eq!(RPrecisions::try_from(text).unwrap(), values);
    }

    #[test]
    fn what_is_no_share_is_not_read() {
        for text in ["0.5 1.5", "-1", "NaN", "inf", "0,5"] {
            assert!(RPrecisions::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    /// As manifests were before there was more to tell.
    #[test]
    fn figures_without_playlists_are_read() {
        let json = r#"{"held_out_playlists": 51, "figures": [{"seeds": 1, "recommender": "model", "r_precision": 0.2, "ndcg": 0.3,
            "hit_rate_at_10": 0.6, "precision_at_10": 0.1, "clicks": 4.5, "coverage": 0.25, "answered": 1.0}]}"#;
        let evaluation: Evaluation = serde_json::from_str(json).unwrap();
        assert_eq!((evaluation.validation_playlists, &*evaluation.hold_out), (0, ""));
        let figures = evaluation.figures_of(EvaluationFigures::MODEL, 1).unwrap();
        assert!(figures.r_precisions.is_empty());
        assert_eq!(evaluation.figures_of(EvaluationFigures::POPULARITY, 1), None);
    }
}
