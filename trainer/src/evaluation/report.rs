use std::fmt;

use chrono::{DateTime, Utc};
use model::{Dataset, Evaluation, Parameters, RPrecisions, TrainerBuild};
use serde::Serialize;

use super::{html::Html, table::EvaluationTable};
use crate::summary::number;

/// What an evaluation without a publication found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EvaluationReport {
    /// When it ended.
    pub evaluated_at: DateTime<Utc>,
    /// What evaluated.
    pub trainer: TrainerBuild,
    /// The dataset, of which playlists were held out.
    pub dataset: Dataset,
    /// How the twin was trained.
    pub parameters: Parameters,
    /// What was measured.
    pub evaluation: Evaluation,
}

impl EvaluationReport {
    /// The report as one JSON object, without the figures of each held-out playlist.
    ///
    /// # Errors
    ///
    /// Never: all keys are texts.
    pub fn to_json(&self) -> serde_json::Result<serde_json::Value> {
        let mut report = self.clone();
        report.evaluation = without_playlists(report.evaluation);
        serde_json::to_value(report)
    }

    /// The report as a page with charts, which needs no other file, no network and no script, and has a light and a dark look.
    pub fn to_html(&self) -> String {
        Html(self).to_string()
    }
}

/// The summary that a person reads.
impl fmt::Display for EvaluationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let EvaluationReport { dataset, evaluation, .. } = self;
        writeln!(f, "dataset      {} ({} bytes)", dataset.location, number(dataset.bytes))?;
        writeln!(
            f,
            "playlists    {}, of which {} were held out to measure with and {} to fit with",
            number(dataset.playlists.into()),
            number(evaluation.held_out_playlists.into()),
            number(evaluation.validation_playlists.into()),
        )?;
        writeln!(
            f,
            "songs        {} by {} artists\n",
            number(dataset.songs.into()),
            number(dataset.artists.into())
        )?;
        write!(f, "{}", EvaluationTable(evaluation))
    }
}

/// The figures without those of each playlist, which are for comparing models and nothing to look at.
pub(crate) fn without_playlists(mut evaluation: Evaluation) -> Evaluation {
    evaluation.figures.iter_mut().for_each(|figures| figures.r_precisions = RPrecisions::default());
    evaluation
}
