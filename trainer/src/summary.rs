use std::fmt::{self, Write as _};

use model::Manifest;
use serde_json::{Value, json};

use crate::{
    evaluation::{EvaluationTable, without_playlists},
    gate::Decision,
    memory::Amount,
    training::{Outcome, Report},
};

impl Report {
    /// The report as one JSON object: the manifest's fields without the figures of each held-out playlist, and `outcome`, `version`, and if the
    /// run trained, the decision of the `gate` and its reason.
    ///
    /// # Errors
    ///
    /// Never for a manifest that was read from a volume.
    pub fn to_json(&self) -> serde_json::Result<Value> {
        let mut manifest = self.manifest.clone();
        manifest.metadata.evaluation = manifest.metadata.evaluation.map(without_playlists);
        let mut json = serde_json::to_value(&manifest)?;
        json["version"] = json!(self.version);
        json["outcome"] = json!(match self.outcome {
            Outcome::Published => "published",
            Outcome::UpToDate => "up-to-date",
            Outcome::PutBack => "put-back",
            Outcome::Refused(_) => "refused",
            Outcome::Held => "held",
        });
        if let Some(gate) = &self.gate {
            let (decision, reason) = match gate {
                Decision::Accept(reason) => ("accepted", reason),
                Decision::Abstain(reason) => ("abstained", reason),
                Decision::Refuse(reason) => ("refused", reason),
            };
            json["gate"] = json!({ "decision": decision, "reason": reason });
        }
        Ok(json)
    }
}

/// The summary that a person reads.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Manifest { metadata, files, published_at, .. } = &self.manifest;
        let (dataset, counts) = (&metadata.dataset, &metadata.counts);
        let version = &self.version;
        match &self.outcome {
            Outcome::Published => writeln!(f, "published and put in service")?,
            Outcome::UpToDate => {
                writeln!(f, "nothing to do: the version in service has this dataset and these parameters")?
            }
            Outcome::PutBack => {
                writeln!(f, "put back in service: this version has this dataset and these parameters")?
            }
            Outcome::Refused(reason) => writeln!(f, "refused and not put in service: {reason}")?,
            Outcome::Held => writeln!(
                f,
                "nothing done: this version was rolled back by hand; `trainer versions release {version}` lets runs put it in service again"
            )?,
        }
        match (&self.gate, &self.outcome) {
            (Some(Decision::Accept(figures)), _) => writeln!(f, "gate            accepted: {figures}")?,
            (Some(Decision::Abstain(why)), _) => writeln!(f, "gate            abstained: {why}")?,
            (Some(Decision::Refuse(reason)), Outcome::Published) => {
                writeln!(f, "gate            refused, and overruled: {reason}")?
            }
            // The reason is told above.
            (Some(Decision::Refuse(_)) | None, _) => {}
        }
        writeln!(f, "version         {version}")?;
        writeln!(f, "published       {}", published_at.format("%Y-%m-%dT%H:%M:%SZ"))?;
        writeln!(f, "dataset         {} ({} bytes)", dataset.location, number(dataset.bytes))?;
        writeln!(f, "SHA-256         {}", dataset.sha256)?;
        writeln!(f, "rows            {} ({} skipped)", number(dataset.rows), number(dataset.skipped_rows))?;
        writeln!(f, "playlists       {}", number(dataset.playlists.into()))?;
        writeln!(
            f,
            "songs           {} by {} artists",
            number(dataset.songs.into()),
            number(dataset.artists.into())
        )?;
        let sizes: Vec<String> = counts
            .itemsets_by_size
            .iter()
            .zip(1..)
            .map(|(&count, size)| format!("{size}: {}", number(count)))
            .collect();
        writeln!(
            f,
            "itemsets        {} in at least {} playlists{}{}",
            number(counts.itemsets),
            number(metadata.parameters.min_support_count.into()),
            if sizes.is_empty() { "" } else { "; by size " },
            sizes.join(", "),
        )?;
        writeln!(
            f,
            "rules           {} ({} itemset rules, {} one-song rules), {} artist rules{}",
            number(counts.rules),
            number(counts.itemset_rules),
            number(counts.one_song_rules),
            number(counts.artist_rules),
            match counts.longer_rules {
                0 => String::new(),
                rules => format!(", {} with longer consequents", number(rules)),
            },
        )?;
        let bytes: u64 = files.values().map(|file| file.bytes).sum();
        write!(f, "size            {} bytes", number(bytes))?;
        if let Some(evaluation) = &metadata.evaluation {
            write!(f, "\n\n{}", EvaluationTable(evaluation))?;
        }
        if !metadata.stages.is_empty() {
            write!(f, "\n\n{:<26}{:>9}{:>18}{:>14}", "stage", "seconds", "rows/s", "peak memory")?;
        }
        for stage in &metadata.stages {
            // Of a stage that took no time the rate says nothing, and is too long for its column.
            let rate = stage.rows_per_second.filter(|_| stage.seconds >= 0.005);
            let rows = rate.map(|rows| number(rows as u64)).unwrap_or_default();
            let peak = stage.peak_memory_bytes.map(|bytes| Amount(bytes).to_string()).unwrap_or_default();
            write!(f, "\n{:<26}{:>9.2}{rows:>18}{peak:>14}", stage.stage, stage.seconds)?;
        }
        Ok(())
    }
}

/// With a comma between groups of three digits.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        let _ = grouped.write_char(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_grouped_by_three_digits() {
        assert_eq!([0, 12, 999, 1000, 1_234_567].map(number), ["0", "12", "999", "1,000", "1,234,567"]);
    }
}
