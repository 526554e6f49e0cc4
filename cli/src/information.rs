//! The model in service, as people read it.

use chrono::{Local, SecondsFormat};
use client_lib::{
    Counts, Dataset, Evaluation, ModelInfoResponse, Parameters, Refresh, RefreshOutcome, Scoring, Stage,
    WatchModelResponse,
};

use crate::{
    layout::{Style, columns},
    output::{clean, local_date},
    texts::Lang,
};

/// The width of what stands before each line, in columns.
const LABEL_WIDTH: usize = 12;

pub(crate) fn model_info(answer: &ModelInfoResponse, style: Style) -> String {
    let lang = style.lang;
    let mut rows = vec![
        // As above every playlist.
        ("API version".to_owned(), with_revision(&answer.version, &answer.service_revision, lang)),
        (lang.served_by_label(), clean(&answer.served_by).into_owned()),
    ];
    if answer.model_version.is_empty() {
        rows.push((lang.model_label(), lang.no_model_yet()));
    } else {
        rows.push((lang.model_label(), clean(&answer.model_version).into_owned()));
        rows.push((lang.trained_label(), local_date(answer.model_date)));
        rows.push((lang.published_label(), local_date(answer.published_date)));
        rows.push((lang.loaded_label(), local_date(answer.loaded_date)));
        let trainer = with_revision(&answer.trainer_version, &answer.trainer_revision, lang);
        rows.push((lang.trainer_label(), trainer));
    }
    if let Some(dataset) = &answer.dataset {
        rows.extend(dataset_rows(dataset, lang));
    }
    if let Some(parameters) = &answer.parameters {
        rows.push((lang.parameters_label(), parameter_list(parameters, lang)));
    }
    if let Some(counts) = &answer.counts {
        rows.extend(count_rows(counts, lang));
    }
    if let Some(scoring) = &answer.scoring {
        let Scoring { weight_scale, many_weight_scale, artist_weight_scale, .. } = *scoring;
        rows.push((lang.weights_label(), lang.scales(weight_scale, many_weight_scale, artist_weight_scale)));
    }
    if let Some(refresh) = &answer.last_refresh {
        rows.push((lang.last_refresh_label(), last_refresh(refresh, lang)));
    }

    let mut text = String::new();
    for (label, value) in rows {
        // The label is padded before it is coloured, for escape sequences have no width.
        let label = format!("{label:<LABEL_WIDTH$}");
        let line = style.wrapped(&format!("{label} {value}"), LABEL_WIDTH + 1);
        match line.strip_prefix(label.as_str()) {
            Some(rest) => text.extend([style.dim(&label).as_str(), rest]),
            // The label has a line of its own.
            None => text.push_str(&line),
        }
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
pub(crate) fn model_change(answer: &WatchModelResponse, lang: Lang) -> String {
    let now = Local::now().to_rfc3339_opts(SecondsFormat::Secs, false);
    let served_by = clean(&answer.served_by);
    if answer.model_version.is_empty() {
        let refresh = answer
            .last_refresh
            .as_ref()
            .map_or_else(String::new, |refresh| lang.watched_refresh(&last_refresh(refresh, lang)));
        return lang.watched_without_model(&now, &served_by, &refresh);
    }
    lang.watched_model(&now, &clean(&answer.model_version), &local_date(answer.model_date), &served_by)
}

fn with_revision(version: &str, revision: &str, lang: Lang) -> String {
    if revision.is_empty() {
        clean(version).into_owned()
    } else {
        lang.with_revision(&clean(version), &clean(revision))
    }
}

fn dataset_rows(dataset: &Dataset, lang: Lang) -> Vec<(String, String)> {
    let Dataset { bytes, rows, skipped_rows, playlists, songs, artists, .. } = *dataset;
    let mut lines = vec![
        (lang.dataset_label(), clean(&dataset.location).into_owned()),
        (String::new(), lang.dataset_counts(playlists, songs, artists, rows, skipped_rows)),
        (String::new(), lang.dataset_bytes(bytes, &clean(&dataset.sha256))),
    ];
    if !dataset.etag.is_empty() {
        lines.push((String::new(), format!("ETag {}", clean(&dataset.etag))));
    }
    lines
}

fn parameter_list(parameters: &Parameters, lang: Lang) -> String {
    let limit = |limit: u32| match limit {
        0 => lang.unlimited(),
        limit => limit.to_string(),
    };
    let min_pair_count = match parameters.min_pair_count {
        0 => lang.switched_off(),
        count => count.to_string(),
    };
    lang.parameters(
        &clean(&parameters.item_key),
        &clean(&parameters.min_support),
        parameters.min_support_count,
        &clean(&parameters.min_confidence),
        &min_pair_count,
        &limit(parameters.max_rules_per_song),
        &limit(parameters.max_length),
        // A service that does not tell has no longer ones.
        parameters.max_consequent_length.max(1),
    )
}

fn count_rows(counts: &Counts, lang: Lang) -> Vec<(String, String)> {
    let by_size: Vec<_> = counts
        .itemsets_by_size
        .iter()
        .enumerate()
        .map(|(index, itemsets)| match index {
            0 => lang.itemsets_of_one(*itemsets),
            _ => lang.itemsets_of(*itemsets, index + 1),
        })
        .collect();
    let longer = match counts.longer_rules {
        0 => String::new(),
        rules => lang.longer_rules(rules),
    };
    let sizes = if by_size.is_empty() { String::new() } else { format!(": {}", by_size.join(", ")) };
    let Counts { rules, itemset_rules, one_song_rules, artist_rules, .. } = *counts;
    vec![
        (lang.itemsets_label(), format!("{}{sizes}", counts.itemsets)),
        (lang.rules_label(), lang.rule_counts(rules, itemset_rules, one_song_rules, artist_rules, &longer)),
    ]
}

fn last_refresh(refresh: &Refresh, lang: Lang) -> String {
    let (version, reason) = (clean(&refresh.model_version), clean(&refresh.reason));
    let outcome = match refresh.outcome {
        RefreshOutcome::Unchanged => lang.refresh_unchanged(),
        RefreshOutcome::Swapped => lang.refresh_swapped(&version),
        RefreshOutcome::NothingPublished => lang.nothing_published(),
        RefreshOutcome::Failed if version.is_empty() => lang.refresh_failed(&reason),
        RefreshOutcome::Failed => lang.refresh_rejected(&version, &reason),
        _ => return lang.no_model_yet(),
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
    let right = [true, false, true, true, true, true, true, true, true];
    let lang = style.lang;
    format!(
        "\n{}\n{}",
        lang.evaluated_on(evaluation.held_out_playlists),
        columns(lang.evaluation_head(), &rows, right, style)
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
    let lang = style.lang;
    format!("\n{}\n{}", lang.scored_by_seeds(), columns(lang.scoring_head(), &rows, [true; 4], style))
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
    let lang = style.lang;
    let right = [false, true, true, true];
    format!("\n{}\n{}", lang.trained_in_stages(), columns(lang.stage_head(), &rows, right, style))
}
