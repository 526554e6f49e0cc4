//! The model in service, as people read it.

use std::fmt::Write as _;

use chrono::{Local, SecondsFormat};
use client_lib::{
    Counts, Dataset, Evaluation, ModelInfoResponse, Parameters, Refresh, RefreshOutcome, Scoring, Stage,
    WatchModelResponse,
};

use crate::output::{Style, clean, columns, local_date};

pub(crate) fn model_info(answer: &ModelInfoResponse, style: Style) -> String {
    let mut rows = vec![
        ("API version", with_revision(&answer.version, &answer.service_revision)),
        ("Served by", clean(&answer.served_by).into_owned()),
    ];
    if answer.model_version.is_empty() {
        rows.push(("Model", "none yet".to_owned()));
    } else {
        rows.push(("Model", clean(&answer.model_version).into_owned()));
        rows.push(("Trained", local_date(answer.model_date)));
        rows.push(("Published", local_date(answer.published_date)));
        rows.push(("Loaded", local_date(answer.loaded_date)));
        rows.push(("Trainer", with_revision(&answer.trainer_version, &answer.trainer_revision)));
    }
    if let Some(dataset) = &answer.dataset {
        rows.extend(dataset_rows(dataset));
    }
    if let Some(parameters) = &answer.parameters {
        rows.push(("Parameters", parameter_list(parameters)));
    }
    if let Some(counts) = &answer.counts {
        rows.extend(count_rows(counts));
    }
    if let Some(scoring) = &answer.scoring {
        let Scoring { weight_scale, many_weight_scale, artist_weight_scale, .. } = scoring;
        let scales = format!(
            "one unit is {weight_scale:.4} for a single seed, {many_weight_scale:.4} for many, {artist_weight_scale:.4} of an artist"
        );
        rows.push(("Weights", scales));
    }
    if let Some(refresh) = &answer.last_refresh {
        rows.push(("Last refresh", last_refresh(refresh)));
    }

    let mut text = String::new();
    for (label, value) in rows {
        // The label is padded before it is coloured, for escape sequences have no width.
        let _ = writeln!(text, "{} {value}", style.dim(&format!("{label:<12}")));
    }
    if let Some(evaluation) = &answer.evaluation {
        text.push_str(&evaluation_table(evaluation, style));
    }
    if let Some(scoring) = &answer.scoring {
        text.push_str(&scoring_table(scoring, style));
    }
    if !answer.stages.is_empty() {
        text.push_str(&stage_table(&answer.stages, style));
    }
    text
}

/// One line for one message of the stream: when it came, and what it says.
pub(crate) fn model_change(answer: &WatchModelResponse) -> String {
    let now = Local::now().to_rfc3339_opts(SecondsFormat::Secs, false);
    let served_by = clean(&answer.served_by);
    if answer.model_version.is_empty() {
        let reason = answer
            .last_refresh
            .as_ref()
            .map_or_else(String::new, |refresh| format!("; last refresh: {}", last_refresh(refresh)));
        return format!("{now}  no model yet, at {served_by}{reason}");
    }
    format!(
        "{now}  model {}, trained {}, served by {served_by}",
        clean(&answer.model_version),
        local_date(answer.model_date),
    )
}

fn with_revision(version: &str, revision: &str) -> String {
    if revision.is_empty() {
        clean(version).into_owned()
    } else {
        format!("{} (revision {})", clean(version), clean(revision))
    }
}

fn dataset_rows(dataset: &Dataset) -> Vec<(&'static str, String)> {
    let Dataset { bytes, rows, skipped_rows, playlists, songs, artists, .. } = dataset;
    let mut lines = vec![
        ("Dataset", clean(&dataset.location).into_owned()),
        (
            "",
            format!(
                "{playlists} playlists, {songs} songs, {artists} artists; {rows} rows, {skipped_rows} of them skipped"
            ),
        ),
        ("", format!("{bytes} bytes, SHA-256 {}", clean(&dataset.sha256))),
    ];
    if !dataset.etag.is_empty() {
        lines.push(("", format!("ETag {}", clean(&dataset.etag))));
    }
    lines
}

fn parameter_list(parameters: &Parameters) -> String {
    let limit = |limit: u32| match limit {
        0 => "unlimited".to_owned(),
        limit => limit.to_string(),
    };
    format!(
        "item key {}, min support {} ({} playlists), min confidence {}, min pair count {}, \
         max rules per song {}, max length {}, max consequent length {}",
        clean(&parameters.item_key),
        clean(&parameters.min_support),
        parameters.min_support_count,
        clean(&parameters.min_confidence),
        match parameters.min_pair_count {
            0 => "off".to_owned(),
            count => count.to_string(),
        },
        limit(parameters.max_rules_per_song),
        limit(parameters.max_length),
        // A service that does not tell has no longer ones.
        parameters.max_consequent_length.max(1),
    )
}

fn count_rows(counts: &Counts) -> Vec<(&'static str, String)> {
    let by_size: Vec<_> = counts
        .itemsets_by_size
        .iter()
        .enumerate()
        .map(|(index, itemsets)| match index {
            0 => format!("{itemsets} of 1 song"),
            _ => format!("{itemsets} of {}", index + 1),
        })
        .collect();
    let longer = match counts.longer_rules {
        0 => String::new(),
        rules => format!(", {rules} with longer consequents"),
    };
    let sizes = if by_size.is_empty() { String::new() } else { format!(": {}", by_size.join(", ")) };
    vec![
        ("Itemsets", format!("{}{sizes}", counts.itemsets)),
        (
            "Rules",
            format!(
                "{} from songs (itemset rules {}, one-song rules {}), {} from artists{longer}",
                counts.rules, counts.itemset_rules, counts.one_song_rules, counts.artist_rules
            ),
        ),
    ]
}

fn last_refresh(refresh: &Refresh) -> String {
    let version = clean(&refresh.model_version);
    let outcome = match refresh.outcome {
        RefreshOutcome::Unchanged => "the model in service is the one published".to_owned(),
        RefreshOutcome::Swapped => format!("{version} came into service"),
        RefreshOutcome::NothingPublished => "no model was ever published".to_owned(),
        RefreshOutcome::Failed if version.is_empty() => format!("failed: {}", clean(&refresh.reason)),
        RefreshOutcome::Failed => format!("{version} was rejected: {}", clean(&refresh.reason)),
        _ => return "none yet".to_owned(),
    };
    format!("{}, {outcome}", local_date(refresh.date))
}

fn evaluation_table(evaluation: &Evaluation, style: Style) -> String {
    let rows: Vec<_> = evaluation
        .figures
        .iter()
        .map(|figures| {
            [
                figures.seeds.to_string(),
                clean(&figures.recommender).into_owned(),
                format!("{:.3}", figures.r_precision),
                format!("{:.3}", figures.ndcg),
                format!("{:.3}", figures.hit_rate_at_10),
                format!("{:.3}", figures.precision_at_10),
                format!("{:.2}", figures.clicks),
                format!("{:.1} %", figures.coverage * 100.0),
                format!("{:.1} %", figures.answered * 100.0),
            ]
        })
        .collect();
    let head = [
        "Seeds",
        "Recommender",
        "R-precision",
        "NDCG",
        "Hit rate@10",
        "Precision@10",
        "Clicks",
        "Coverage",
        "Answered",
    ];
    let right = [true, false, true, true, true, true, true, true, true];
    format!(
        "\nEvaluated on {} held-out playlists:\n{}",
        evaluation.held_out_playlists,
        columns(head, &rows, right, style)
    )
}

/// What depends on the number of seeds.
fn scoring_table(scoring: &Scoring, style: Style) -> String {
    let rows: Vec<_> = scoring
        .by_seeds
        .iter()
        .map(|entry| {
            let number = |number: f64| format!("{number:.3}");
            [
                entry.seeds.to_string(),
                number(entry.many_share),
                number(entry.damping),
                number(entry.artist_share),
            ]
        })
        .collect();
    let head = ["Seeds", "Many share", "Damping", "Artist share"];
    format!(
        "
Scored by the number of seeds:
{}",
        columns(head, &rows, [true; 4], style)
    )
}

fn stage_table(stages: &[Stage], style: Style) -> String {
    let rows: Vec<_> = stages
        .iter()
        .map(|stage| {
            [
                clean(&stage.stage).into_owned(),
                format!("{:.2}", stage.seconds),
                stage.rows_per_second.map_or_else(String::new, |rows| format!("{rows:.0}")),
                stage.peak_memory_bytes.map_or_else(String::new, |bytes| format!("{} MiB", bytes >> 20)),
            ]
        })
        .collect();
    let head = ["Stage", "Seconds", "Rows a second", "Peak memory"];
    format!(
        "
Trained in stages:
{}",
        columns(head, &rows, [false, true, true, true], style)
    )
}
