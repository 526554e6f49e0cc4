//! What a person sees of an evaluation.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod evaluated;

use model::{Dataset, Manifest, Metadata};
use trainer::{EvaluationReport, Outcome, Report};

use self::evaluated::{evaluation, metadata};

/// As figures of dense real playlists are.
fn like_real() -> Metadata {
    metadata(Some(evaluation(273, |seeds, playlist| {
        let taste = 0.5 + f64::from(playlist * 37 % 101) / 100.0;
        let model = match seeds {
            1 => 0.194,
            5 => 0.254,
            _ => 0.283,
        };
        let popularity = if playlist % 4 == 0 { 0.22 } else { 0.012 };
        let is_long = seeds < 25 || playlist % 10 > 0;
        [model * taste, popularity].map(|value| is_long.then_some(value))
    })))
}

fn report() -> EvaluationReport {
    let Metadata { trained_at, trainer, dataset, parameters, evaluation, .. } = like_real();
    EvaluationReport {
        evaluated_at: trained_at,
        trainer,
        dataset,
        parameters,
        evaluation: evaluation.unwrap(),
    }
}

#[test]
fn the_report_tells_counts_and_a_table() {
    let text = report().to_string();
    for told in ["2,729", "273 were held out", "25 seeds", "R-precision    0.194", "playlists        273"] {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert!(
        text.lines().filter(|line| !line.starts_with("playlists  ")).all(|line| line.chars().count() < 80)
    );
}

#[test]
fn the_report_as_json_has_figures_and_leaves_the_playlists_out() {
    let json = report().to_json().unwrap();
    let figures = &json["evaluation"]["figures"];
    assert_eq!(figures.as_array().unwrap().len(), 6);
    assert!((figures[0]["r_precision"].as_f64().unwrap() - 0.194).abs() < 0.01, "{figures}");
    assert!(!json.to_string().contains("r_precisions"));
    assert_eq!(json["dataset"]["playlists"], 2_729);
    assert_eq!(json["evaluated_at"], "2026-01-02T03:04:05Z");
}

#[test]
fn the_summary_of_a_training_has_the_same_table_and_no_playlists() {
    let report = Report {
        outcome: Outcome::Published,
        version: "20260102T030405Z-0123456789abcdef".parse().unwrap(),
        manifest: Manifest {
            format: 1,
            published_at: like_real().trained_at,
            metadata: like_real(),
            files: Default::default(),
        },
        gate: None,
    };
    assert!(report.to_string().contains("R-precision    0.194"), "{report}");
    let json = report.to_json().unwrap();
    assert!(json["evaluation"]["figures"][0]["ndcg"].is_number());
    assert!(!json.to_string().contains("r_precisions"));
    let manifest = serde_json::to_string(&report.manifest).unwrap();
    assert!(manifest.contains("r_precisions"), "the manifest itself keeps them");
}

#[test]
fn the_page_tells_what_it_is_about_and_needs_nothing_else() {
    let page = report().to_html();
    for told in [
        "Evaluation of playlists.csv",
        "2,729 playlists",
        "5,600 songs",
        "273 playlists to measure",
        "2026-01-02",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    assert_eq!(page.matches("<svg").count(), 6, "a chart for each metric but the share answered");
    assert!(page.contains("prefers-color-scheme: dark"));
    for outside in ["<script", "src=", "href=", "url(", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

/// Each element that is opened is closed, in order.
#[test]
fn the_page_is_well_formed() {
    let page = report().to_html();
    let mut open = Vec::new();
    for tag in page.split('<').skip(1).map(|tag| tag.split('>').next().unwrap()) {
        let name = tag.split([' ', '\n']).next().unwrap();
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') && !["!DOCTYPE", "meta"].contains(&name) {
            open.push(name);
        }
    }
    assert_eq!(open, [""; 0]);
    assert!(!page.contains("NaN") && !page.contains("inf\""));
}

#[test]
fn texts_of_the_dataset_are_escaped() {
    let mut report = report();
    let location = "https://example.org/<script>alert('x')</script>&\".csv".to_owned();
    report.dataset = Dataset { location, ..report.dataset };
    report.parameters.min_support = "<b>".to_owned();
    let page = report.to_html();
    assert!(!page.contains("<script") && !page.contains("<b>\"") && !page.contains("support <b>"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;.csv"), "{page}");
}

#[test]
fn a_page_without_figures_says_so() {
    let mut report = report();
    report.evaluation.figures.clear();
    let page = report.to_html();
    assert!(page.contains("No playlist was held out") && !page.contains("<svg"), "{page}");
}
