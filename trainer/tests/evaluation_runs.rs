//! What the real program does about evaluations: it measures, it refuses what is clearly worse, and it can be overruled.

#![cfg(test)]

mod program;

use std::{fmt::Write as _, fs, process::Output, time::Duration};

use model::{Evaluation, EvaluationFigures, Metadata, VersionName};

use self::program::{Run, stderr, stdout};

/// Playlists of 8 to 11 songs, mostly of one of 20 themes with 40 songs each; `salt` makes other playlists.
fn playlists(salt: usize) -> String {
    let mut csv = "pid,track_name,artist_name\n".to_owned();
    let mut state = 0x2545_f491_4f6c_dd1d_u64 ^ salt as u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for pid in 0..1_600 {
        let theme = random(20);
        for _ in 0..8 + random(4) {
            // The lower, the more common; the first songs of all themes are known to everybody.
            let song = random(40) * random(40) / 40;
            let theme = if random(5) == 0 { random(20) } else { theme };
            writeln!(csv, "{salt}-{pid},Song {song} of {theme},Artist {}", song % 7 + theme * 7).unwrap();
        }
    }
    csv
}

/// Without a volume.
fn evaluate(run: &Run, arguments: &[&str]) -> Output {
    let mut command = run.command();
    command.arg("evaluate").args(arguments).env("DATASET", run.path("playlists.csv")).output().unwrap()
}

#[track_caller]
fn train(run: &Run, arguments: &[&str]) -> serde_json::Value {
    serde_json::from_str(&run.train(&[&["--json"], arguments].concat())).unwrap()
}

/// Trains, and puts the same model in service with changed figures, under another key.
fn publish_with(run: &Run, change: impl Fn(&mut Evaluation)) -> VersionName {
    train(run, &[]);
    let volume = run.volume();
    let model = volume.load(&run.current()).unwrap();
    let mut metadata = Metadata { key: "other".to_owned(), ..model.manifest.metadata };
    change(metadata.evaluation.as_mut().unwrap());
    let publication = volume.publication(Duration::ZERO).unwrap();
    let version = publication.store(&metadata, &model.tables).unwrap();
    publication.put_in_service(&version).unwrap();
    version
}

/// The model finds more than it does.
fn boast(evaluation: &mut Evaluation) {
    for figures in &mut evaluation.figures {
        if figures.recommender == EvaluationFigures::MODEL {
            let better = figures.r_precisions.iter().map(|value| value.map(|value| 2.0 * value + 0.1));
            figures.r_precisions = better.collect();
        }
    }
}

/// Such that they differ in one more parameter from a run without flags, and so in the key, and hardly in what they find.
const OTHER_KEY: &str = "--max-rules-per-song=450";

#[test]
fn a_training_tells_in_its_manifest_and_summary_how_good_the_model_is() {
    let run = Run::new(&playlists(0));

    let summary = stdout(&run.trainer(&[]), 0);

    let evaluation = run.volume().manifest(&run.current()).unwrap().metadata.evaluation.unwrap();
    assert!((100..250).contains(&evaluation.held_out_playlists));
    for seeds in [1, 5] {
        let [model, popularity] = [EvaluationFigures::MODEL, EvaluationFigures::POPULARITY]
            .map(|recommender| evaluation.figures_of(recommender, seeds).unwrap());
        assert!(model.r_precision > 1.5 * popularity.r_precision, "{evaluation:?}");
        assert!(model.clicks < popularity.clicks);
    }
    assert_eq!(evaluation.figures_of(EvaluationFigures::MODEL, 25), None, "no playlist is that long");
    assert!(summary.contains("R-precision"), "{summary}");
}

#[test]
fn an_honest_retraining_is_published_and_the_summary_says_that_the_gate_accepted_it() {
    let run = Run::new(&playlists(0));
    train(&run, &[]);
    for (arguments, on) in [(&["--force"][..], "the same"), (&[OTHER_KEY], "the same"), (&[], "which differ")]
    {
        if arguments.is_empty() {
            run.dataset(&playlists(1));
        }
        let json = train(&run, arguments);
        assert_eq!(json["outcome"], "published");
        assert_eq!(json["gate"]["decision"], "accepted");
        assert!(json["gate"]["reason"].as_str().unwrap().contains(on), "{json}");
    }
}

/// Pairs are counted only where songs meet in a third of the playlists, so there are hardly any rules.
#[test]
fn a_model_that_is_clearly_worse_is_stored_and_not_put_in_service() {
    let run = Run::new(&playlists(0));
    train(&run, &[]);
    let first = run.current();
    let worse = ["--min-pair-count", "500"];

    let output = run.trainer(&worse);

    let (summary, log) = (stdout(&output, 3), stderr(&output, 3));
    assert_eq!(run.current(), first);
    for told in [&summary, &log] {
        assert!(told.contains("the same") && told.contains("--publish-anyway"), "{told}");
    }
    let refused =
        run.volume().versions().unwrap().into_iter().find(|(version, _)| *version != first).unwrap();
    let refusal = refused.1.unwrap().metadata.refusal.unwrap();
    assert!(summary.contains(&refusal) && summary.contains(refused.0.as_str()), "{summary}");
    let list = stdout(&run.trainer(&["versions", "list"]), 0);
    assert!(list.contains("refused"), "{list}");

    // The same again is refused without another training, and so is putting it in service by hand.
    let json: serde_json::Value =
        serde_json::from_str(&stdout(&run.trainer(&[&worse[..], &["--json"]].concat()), 3)).unwrap();
    assert_eq!((&json["outcome"], &json["version"]), (&"refused".into(), &refused.0.as_str().into()));
    assert_eq!(run.volume().versions().unwrap().len(), 2);
    stderr(&run.trainer(&["versions", "rollback", refused.0.as_str()]), 1);
    assert_eq!(run.current(), first);
}

#[test]
fn publish_anyway_overrules_the_gate() {
    let run = Run::new(&playlists(0));
    let first = publish_with(&run, boast);
    stdout(&run.trainer(&[OTHER_KEY]), 3);
    assert_eq!(run.current(), first);

    let output = run.trainer(&[OTHER_KEY, "--publish-anyway"]);

    let (summary, log) = (stdout(&output, 0), stderr(&output, 0));
    assert!(summary.contains("published and put in service"), "{summary}");
    assert!(summary.contains("gate            refused, and overruled"), "{summary}");
    assert!(log.contains("in spite of the gate"), "{log}");
    let manifest = run.volume().manifest(&run.current()).unwrap();
    assert_eq!(manifest.metadata.refusal, None);
    assert_eq!(manifest.metadata.parameters.max_rules_per_song, Some(450));
    assert!(stdout(&run.trainer(&[OTHER_KEY]), 0).contains("nothing to do"));
}

/// Neither the published version's dataset nor the new one's is a reason to refuse: the gain over popularity is.
#[test]
fn models_of_other_datasets_are_compared_by_their_gains_over_popularity() {
    let run = Run::new(&playlists(0));
    let first = publish_with(&run, |evaluation| {
        boast(evaluation);
        evaluation.hold_out = "of another dataset".to_owned();
    });

    let summary = stdout(&run.trainer(&[OTHER_KEY]), 3);

    assert!(summary.contains("times that of popularity"), "{summary}");
    assert_eq!(run.current(), first);
}

#[test]
fn a_refused_version_is_refused_even_if_none_is_kept() {
    let run = Run::new(&playlists(0));
    let first = publish_with(&run, boast);
    stdout(&run.trainer(&[OTHER_KEY, "--keep-versions", "0"]), 3);
    assert_eq!(run.current(), first);
    assert_eq!(run.volume().versions().unwrap().len(), 1);
}

#[test]
fn evaluate_prints_a_table_and_needs_no_volume() {
    let run = Run::new(&playlists(0));
    let table = stdout(&evaluate(&run, &[]), 0);
    assert!(table.contains("playlists    1,600") && table.contains("R-precision"), "{table}");
    assert!(!run.path("volume").exists());
}

#[test]
fn evaluate_finds_the_figures_that_a_training_publishes() {
    let run = Run::new(&playlists(0));
    let evaluated: serde_json::Value =
        serde_json::from_str(&stdout(&evaluate(&run, &["--json", "--threads", "1"]), 0)).unwrap();
    let trained = train(&run, &["--threads", "3"]);
    assert_eq!(evaluated["evaluation"], trained["evaluation"]);
    assert_eq!(evaluated["parameters"], trained["parameters"]);
    assert!(evaluated["evaluation"]["figures"].as_array().is_some_and(|figures| figures.len() == 4));
}

#[test]
fn evaluate_writes_a_page() {
    let run = Run::new(&playlists(0));
    let page = run.path("report.html");
    stdout(&evaluate(&run, &["--report", page.to_str().unwrap()]), 0);
    let page = fs::read_to_string(page).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("Evaluation of playlists.csv"), "{page}");

    let below_a_file = run.path("playlists.csv/report.html");
    let message = stderr(&evaluate(&run, &["--report", below_a_file.to_str().unwrap()]), 1);
    assert!(message.contains("report.html"), "{message}");
}

#[test]
fn evaluate_takes_the_flags_of_a_training_that_are_not_about_publishing() {
    let run = Run::new(&playlists(0));
    stdout(&evaluate(&run, &["--item-key", "title", "--min-pair-count", "3", "--max-memory", "4GiB"]), 0);
    for flag in [&["--model-dir", "volume"][..], &["--force"], &["--keep-versions", "1"]] {
        let message = stderr(&evaluate(&run, flag), 2);
        assert!(message.contains(flag[0]), "{message}");
    }
}
