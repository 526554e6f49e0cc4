//! What a run of `trainer` does: the real program, on a real volume.

#![cfg(test)]

mod program;

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use model::VersionName;

use self::program::{Run, stderr, stdout};

/// Three themes, so that there are rules; `more` adds playlists of the first.
fn playlists(more: usize) -> String {
    let themes =
        [["HUMBLE.", "Mask Off", "Unforgettable"], ["1985", "1979", "Creep"], ["Jolene", "9 to 5", "Crazy"]];
    let mut csv = "pid,track_name,artist_name\n".to_owned();
    for pid in 0..30 + more {
        let theme = if pid < 30 { themes[pid % 3] } else { themes[0] };
        for (position, title) in theme.iter().enumerate() {
            if (pid + position) % 5 != 0 {
                csv.push_str(&format!("{pid},{title},Artist of {title}\n"));
            }
        }
    }
    csv
}

#[test]
fn a_run_publishes_a_version_that_loads_and_says_what_it_found() {
    let run = Run::new(&playlists(0));

    let summary = run.train(&[]);

    let model = run.volume().load(&run.current()).unwrap();
    assert_eq!(model.tables.songs.len(), 9);
    assert_eq!(model.manifest.metadata.dataset.playlists, 30);
    assert!(!model.tables.rules.is_empty());
    assert!(!model.tables.artist_rules.is_empty());
    assert!(summary.contains("published and put in service"), "{summary}");
    assert!(summary.contains(run.current().as_str()), "{summary}");
    assert!(summary.contains("playlists       30"), "{summary}");
}

#[test]
fn the_json_summary_is_the_manifest_with_outcome_and_version() {
    let run = Run::new(&playlists(0));

    let json: serde_json::Value = serde_json::from_str(&run.train(&["--json"])).unwrap();

    assert_eq!(json["outcome"], "published");
    assert_eq!(json["version"], run.current().as_str());
    assert_eq!(json["dataset"]["songs"], 9);
    let sizes: u64 =
        json["counts"]["itemsets_by_size"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(json["counts"]["itemsets"], sizes);
    for stage in json["stages"].as_array().unwrap() {
        assert!(stage["seconds"].is_number() && stage["rows_per_second"].is_number(), "{stage}");
        assert!(!cfg!(target_os = "linux") || stage["peak_memory_bytes"].as_u64() > Some(0), "{stage}");
    }
}

#[test]
fn a_run_with_the_key_of_the_version_in_service_does_nothing() {
    let run = Run::new(&playlists(0));
    run.train(&[]);
    let first = run.current();

    let summary = run.train(&[]);

    assert!(summary.contains("nothing to do"), "{summary}");
    assert_eq!(run.current(), first);
    assert_eq!(run.volume().versions().unwrap().len(), 1);
}

#[test]
fn neither_the_location_nor_the_threads_are_part_of_the_key() {
    let run = Run::new(&playlists(0));
    run.train(&["--threads", "1"]);
    fs::copy(run.path("playlists.csv"), run.path("copy.csv")).unwrap();

    let copy = run.path("copy.csv");
    let summary = run.train(&["--threads", "4", "--dataset", copy.to_str().unwrap()]);

    assert!(summary.contains("nothing to do"), "{summary}");
}

#[test]
fn another_dataset_or_parameter_is_another_version() {
    let run = Run::new(&playlists(0));
    let mut versions = Vec::new();
    for arguments in
        [&[][..], &["--min-support", "3"], &["--item-key", "title"], &["--max-rules-per-song", "1"]]
    {
        run.train(arguments);
        versions.push(run.current());
    }
    run.dataset(&playlists(3));
    run.train(&[]);
    versions.push(run.current());

    versions.sort();
    versions.dedup();
    assert_eq!(versions.len(), 5);
}

#[test]
fn a_dataset_that_comes_back_puts_its_version_back_in_service() {
    let run = Run::new(&playlists(0));
    run.train(&[]);
    let first = run.current();
    run.dataset(&playlists(3));
    run.train(&[]);
    assert_ne!(run.current(), first);

    run.dataset(&playlists(0));
    let summary = run.train(&[]);

    assert!(summary.contains("put back in service"), "{summary}");
    assert_eq!(run.current(), first);
    assert_eq!(run.volume().versions().unwrap().len(), 2);
}

#[test]
fn a_roll_back_by_hand_is_not_undone_until_told_otherwise() {
    let run = Run::new(&playlists(0));
    run.train(&[]);
    let first = run.current();
    run.dataset(&playlists(3));
    run.train(&[]);
    let second = run.current();
    // Not with the command: by any means.
    fs::write(run.path("volume/CURRENT"), format!("{first}\n")).unwrap();

    let held = stdout(&run.trainer(&[]), 4);
    assert!(held.contains("rolled back by hand"), "{held}");
    assert_eq!(run.current(), first);

    stdout(&run.trainer(&["versions", "release", second.as_str()]), 0);
    run.train(&[]);
    assert_eq!(run.current(), second);
}

#[test]
fn a_hold_outlives_its_version() {
    let run = Run::new(&playlists(0));
    run.train(&[]);
    let first = run.current();
    run.dataset(&playlists(3));
    run.train(&[]);
    let second = run.current();
    stdout(&run.trainer(&["versions", "rollback", first.as_str()]), 0);
    stdout(&run.trainer(&["versions", "prune", "--keep-versions", "0"]), 0);

    let message = stderr(&run.trainer(&[]), 4);
    assert!(message.contains(second.as_str()) && message.contains("--force"), "{message}");
    assert_eq!(run.current(), first);

    run.train(&["--force"]);
    assert!(run.train(&[]).contains("nothing to do"));
}

#[test]
fn force_trains_again_and_ends_a_hold() {
    let run = Run::new(&playlists(0));
    run.train(&[]);
    let first = run.current();
    run.dataset(&playlists(3));
    run.train(&[]);
    let second = run.current();
    stdout(&run.trainer(&["versions", "rollback", first.as_str()]), 0);
    stdout(&run.trainer(&[]), 4);

    let summary = run.train(&["--force"]);

    assert!(summary.contains("published and put in service"), "{summary}");
    assert!(![&first, &second].contains(&&run.current()));
    assert!(run.train(&[]).contains("nothing to do"));
}

/// As the gate of a run would leave the model in service: stored, newer, refused, and another one in service. Returns both.
fn refuse_current(run: &Run) -> [VersionName; 2] {
    let model = run.volume().load(&run.current()).unwrap();
    let mut metadata = model.manifest.metadata.clone();
    metadata.refusal = Some("its figures are worse".to_owned());
    let volume = run.volume();
    let publication = volume.publication(Duration::ZERO).unwrap();
    let refused = publication.store(&metadata, &model.tables).unwrap();
    let mut other = model.manifest.metadata.clone();
    other.key = "other".to_owned();
    let other = publication.store(&other, &model.tables).unwrap();
    publication.put_in_service(&other).unwrap();
    [refused, other]
}

#[test]
fn a_key_that_was_refused_is_refused_again() {
    let run = Run::new(&playlists(0));
    run.train(&[]);
    let [refused, other] = refuse_current(&run);

    let output = run.trainer(&[]);

    let (summary, log) = (stdout(&output, 3), stderr(&output, 3));
    assert!(summary.contains("its figures are worse"), "{summary}");
    assert!(summary.contains(refused.as_str()), "{summary}");
    assert!(log.contains("its figures are worse"), "{log}");
    assert_eq!(run.current(), other);
}

#[test]
fn a_key_that_was_refused_is_trained_again_to_be_published_anyway() {
    for publish_anyway in [&["--publish-anyway"][..], &[]] {
        let run = Run::new(&playlists(0));
        run.train(&[]);
        let [refused, other] = refuse_current(&run);
        let in_environment = publish_anyway.is_empty();
        let mut command = run.command();
        command.env("DATASET", run.path("playlists.csv")).env("MODEL_DIR", run.path("volume"));
        if in_environment {
            command.env("PUBLISH_ANYWAY", "true");
        }

        let summary = stdout(&command.args(publish_anyway).output().unwrap(), 0);

        assert!(summary.contains("published and put in service"), "{summary}");
        let published = run.current();
        assert!(![&refused, &other].contains(&&published));
        let tables = |version| run.volume().manifest(version).unwrap().files;
        assert_eq!(tables(&published), tables(&refused));
        assert!(run.train(&[]).contains("nothing to do"));
    }
}

#[test]
fn publish_anyway_that_is_switched_off_in_the_environment_is_off() {
    let run = Run::new(&playlists(0));
    run.train(&[]);
    let [_, other] = refuse_current(&run);
    for off in ["false", "0", "no", ""] {
        let mut command = run.command();
        command.env("DATASET", run.path("playlists.csv")).env("MODEL_DIR", run.path("volume"));
        stdout(&command.env("PUBLISH_ANYWAY", off).output().unwrap(), 3);
    }
    assert_eq!(run.current(), other);
}

#[test]
fn a_run_that_trains_says_what_the_gate_thinks_of_it() {
    let run = Run::new(&playlists(0));
    let summary = run.train(&[]);
    assert!(summary.contains("gate            abstained: no version"), "{summary}");
    run.dataset(&playlists(3));
    let json: serde_json::Value = serde_json::from_str(&run.train(&["--json"])).unwrap();
    assert_eq!(json["gate"]["decision"], "abstained");
    assert!(!run.train(&[]).contains("gate"), "a run that does not train asks no gate");
}

#[test]
fn a_damaged_version_in_service_is_trained_again() {
    let run = Run::new(&playlists(0));
    run.train(&[]);
    let first = run.current();
    fs::write(run.path("volume/versions").join(first.as_str()).join("rules.parquet"), "PAR1").unwrap();

    run.train(&[]);

    assert_ne!(run.current(), first);
    run.volume().load(&run.current()).unwrap();
}

#[test]
fn a_stored_version_that_is_not_complete_is_trained_again() {
    let run = Run::new(&playlists(0));
    run.train(&[]);
    let first = run.current();
    run.dataset(&playlists(3));
    run.train(&[]);
    fs::remove_file(run.path("volume/versions").join(first.as_str()).join("rules.parquet")).unwrap();

    run.dataset(&playlists(0));
    run.train(&[]);

    assert_ne!(run.current(), first);
    run.volume().load(&run.current()).unwrap();
}

#[test]
fn the_files_are_the_same_bytes_on_any_number_of_threads() {
    // Enough for many batches of rows, of pairs and of baskets. 50 playlists each begin with the same six songs; the step between the
    // others differs.
    let mut csv = "pid,track_name,artist_name\n".to_owned();
    for pid in 0..2_500_u32 {
        for position in 0..30 {
            let song = match position {
                0..6 => pid % 50 * 20 + position,
                _ => (pid * 7 + position * position * (1 + pid % 13)) % 1_009,
            };
            csv.push_str(&format!("{pid},Song {song},Artist {}\n", song % 101));
        }
    }
    let files = ["1", "2", "16"].map(|threads| {
        let run = Run::new(&playlists(0));
        fs::write(run.path("playlists.csv"), &csv).unwrap();
        let flags = ["--threads", threads, "--min-support", "25", "--min-confidence", "0.05"];
        run.train(&[&flags[..], &["--max-rules-per-song", "60", "--max-consequent-length", "2"]].concat());
        run.volume().manifest(&run.current()).unwrap().files
    });
    assert!(
        files[0]["rules.parquet"].rows > 50_000 && files[0]["longer_rules.parquet"].rows > 0,
        "{files:?}"
    );
    assert_eq!(files[0], files[1]);
    assert_eq!(files[0], files[2]);
}

#[test]
fn longer_consequents_are_stored_when_they_are_asked_for() {
    let run = Run::new(&playlists(0));
    run.train(&[]);
    assert!(!run.version_folder().join("longer_rules.parquet").exists());

    let summary = run.train(&["--max-consequent-length", "2", "--min-confidence", "0.1"]);

    let manifest = run.volume().verify(&run.current()).unwrap();
    let rules = manifest.metadata.counts.longer_rules;
    assert!(rules > 0 && manifest.files["longer_rules.parquet"].rows == rules);
    assert!(summary.contains(&format!("{rules} with longer consequents")), "{summary}");
    run.volume().load(&run.current()).unwrap();
}

#[test]
fn no_pairs_means_the_itemset_rules_alone() {
    let run = Run::new(&playlists(0));

    let json: serde_json::Value =
        serde_json::from_str(&run.train(&["--json", "--min-pair-count", "0"])).unwrap();

    let counts = &json["counts"];
    assert_eq!(counts["rules"], counts["itemset_rules"]);
    assert!(counts["rules"].as_u64() > Some(0));
    assert_eq!((&counts["one_song_rules"], &counts["artist_rules"]), (&0.into(), &0.into()));
}

#[test]
fn misuse_ends_with_2_and_names_the_flag() {
    let run = Run::new(&playlists(0));
    for (arguments, names) in [
        (&["--min-support", "0"][..], "--min-support"),
        (&["--min-support", "101%"], "--min-support"),
        (&["--min-support", "1.5"], "--min-support"),
        (&["--min-confidence", "1.1"], "--min-confidence"),
        (&["--item-key", "isrc"], "--item-key"),
        (&["--max-skipped-rows", "2"], "--max-skipped-rows"),
        (&["--threads", "0"], "--threads"),
        (&["--threads", "1025"], "--threads"),
        (&["--dataset", "ftp://example.org/a.csv"], "dataset"),
        (&["--no-such-flag"], "--no-such-flag"),
        (&["versions", "rollback", "../../etc"], "VERSION"),
    ] {
        let message = stderr(&run.trainer(arguments), 2);
        assert!(message.contains(names), "{arguments:?}: {message}");
    }
    let message = stderr(&run.command().output().unwrap(), 2);
    assert!(message.contains("--dataset"), "{message}");
    let message = stderr(&run.command().env("DATASET", "a.csv").output().unwrap(), 2);
    assert!(message.contains("--model-dir"), "{message}");
    assert!(!run.path("volume").exists());
}

#[test]
fn a_password_in_the_dataset_url_is_never_shown() {
    let run = Run::new(&playlists(0));
    let shown = |output: Output| {
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };

    // A port that nobody listens on: taken and given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let unreachable = format!("http://user:hunter2@127.0.0.1:{port}/a.csv?token=hunter2");
    let output = run.trainer(&["--dataset", &unreachable]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!shown(output).contains("hunter2"));

    let output = run.trainer(&["--dataset", "gopher://user:hunter2@example.org/a.csv"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!shown(output).contains("hunter2"));

    let output =
        run.command().env("DATASET", "http://user:hunter2@example.org/").arg("--help").output().unwrap();
    assert!(!shown(output).contains("hunter2"));
}

#[test]
fn a_dataset_that_cannot_be_used_leaves_the_volume_as_it_was() {
    let run = Run::new(&playlists(0));
    run.train(&[]);
    let first = run.current();
    for (contents, names) in [
        ("", "empty"),
        ("pid,track_name\n", "no playlist"),
        ("name,track_name\na,b\n", "pid"),
        ("pid,title\n1,b\n", "track_name"),
        ("<!DOCTYPE html><html>not found</html>", "HTML"),
    ] {
        fs::write(run.path("playlists.csv"), contents).unwrap();
        let message = stderr(&run.trainer(&[]), 1);
        assert!(message.contains(names) && message.contains("playlists.csv"), "{contents:?}: {message}");
    }
    assert_eq!(run.current(), first);
    assert_eq!(run.volume().versions().unwrap().len(), 1);
}

#[test]
fn a_volume_that_cannot_be_made_is_named_before_any_work() {
    let run = Run::new(&playlists(0));
    let below_a_file = run.path("playlists.csv/volume");

    let message = stderr(&run.trainer(&["--model-dir", below_a_file.to_str().unwrap()]), 1);

    assert!(message.contains("playlists.csv/volume"), "{message}");
}

/// Limits the size of files, which fails as a full disk does: in the middle of a write.
#[cfg(unix)]
#[test]
fn a_disk_that_is_full_leaves_the_version_in_service_and_nothing_else() {
    let run = Run::new(&playlists(0));
    run.train(&[]);
    let first = run.current();
    run.dataset(&playlists(3));

    let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\"";
    let output = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_trainer")])
        .env("DATASET", run.path("playlists.csv"))
        .env("MODEL_DIR", run.path("volume"))
        .output()
        .unwrap();

    let message = stderr(&output, 1);
    assert!(message.contains("could not write"), "{message}");
    assert_eq!(run.current(), first);
    run.volume().load(&first).unwrap();
    assert_eq!(names(&run.path("volume/versions")), [first.to_string()]);
}

fn names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn two_runs_at_once_both_succeed() {
    let run = Run::new(&playlists(0));
    fs::write(run.path("other.csv"), playlists(3)).unwrap();
    let start = |dataset: &str| {
        run.command()
            .env("DATASET", run.path(dataset))
            .env("MODEL_DIR", run.path("volume"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    for _ in 0..5 {
        let mut runs = ["playlists.csv", "other.csv", "playlists.csv"].map(start);
        for run in &mut runs {
            assert!(run.wait().unwrap().success());
        }
        assert_eq!(run.volume().versions().unwrap().len(), 2);
        run.volume().load(&run.current()).unwrap();
    }
}

#[test]
fn a_run_killed_at_any_moment_leaves_a_valid_volume_and_the_next_cleans_up() {
    let run = Run::new(&playlists(0));
    run.train(&[]);
    for round in 0..40_u64 {
        run.dataset(&playlists(1 + round as usize));
        let mut child = run
            .command()
            .env("DATASET", run.path("playlists.csv"))
            .env("MODEL_DIR", run.path("volume"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Not to be ready, but to be killed somewhere else each time.
        std::thread::sleep(Duration::from_micros(round * 700));
        child.kill().unwrap();
        child.wait().unwrap();

        let volume = run.volume();
        volume.load(&run.current()).unwrap();
        for (version, _) in volume.versions().unwrap() {
            volume.load(&version).unwrap();
        }
    }

    run.dataset(&playlists(100));
    run.train(&[]);
    assert!(names(&run.path("volume/versions")).iter().all(|name| !name.starts_with('.')));
    assert!(run.train(&[]).contains("nothing to do"), "a killed run must not look like a roll-back by hand");
}

#[test]
fn a_run_goes_on_when_nobody_reads_its_log_or_its_summary() {
    let run = Run::new(&playlists(0));
    let mut child = run
        .command()
        .env("DATASET", run.path("playlists.csv"))
        .env("MODEL_DIR", run.path("volume"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop((child.stdout.take(), child.stderr.take()));

    assert!(child.wait().unwrap().success());
    run.volume().load(&run.current()).unwrap();
}

#[test]
fn old_versions_are_removed_after_a_publication() {
    let run = Run::new(&playlists(0));
    for more in 0..4 {
        run.dataset(&playlists(more));
        run.train(&["--keep-versions", "1"]);
    }
    assert_eq!(run.volume().versions().unwrap().len(), 2);
}

#[test]
fn the_versions_can_be_listed_verified_rolled_back_and_pruned() {
    let run = Run::new(&playlists(0));
    run.train(&[]);
    let first = run.current();
    run.dataset(&playlists(3));
    run.train(&[]);
    let second = run.current();
    let versions = |arguments: &[&str]| run.trainer(&[&["versions"], arguments].concat());

    let list = stdout(&versions(&["list"]), 0);
    assert_eq!(list.lines().count(), 2, "{list}");
    assert!(list.lines().next().unwrap().starts_with(&format!("* {second}")), "{list}");

    stdout(&versions(&["rollback", first.as_str()]), 0);
    assert_eq!(run.current(), first);
    let list: serde_json::Value = serde_json::from_str(&stdout(&versions(&["list", "--json"]), 0)).unwrap();
    assert_eq!(list[1]["in_service"], true);
    assert_eq!(list[1]["version"], first.as_str());

    stdout(&versions(&["verify"]), 0);
    fs::write(run.path("volume/versions").join(second.as_str()).join("songs.parquet"), "").unwrap();
    let verdict = stdout(&versions(&["verify"]), 1);
    assert!(verdict.contains("songs.parquet"), "{verdict}");
    let message = stderr(&versions(&["rollback", second.as_str()]), 1);
    assert!(message.contains("songs.parquet"), "{message}");

    let removed = stdout(&versions(&["prune", "--keep-versions", "0"]), 0);
    assert!(removed.contains(second.as_str()), "{removed}");
    assert_eq!(names(&run.path("volume/versions")), [first.to_string()]);
}

#[test]
fn the_versions_are_listed_even_if_current_names_none_of_them() {
    let run = Run::new(&playlists(0));
    run.train(&[]);
    let first = run.current();
    fs::write(run.path("volume/CURRENT"), "latest\n").unwrap();

    let list = stdout(&run.trainer(&["versions", "list"]), 1);

    assert!(list.contains(first.as_str()) && list.contains("volume/CURRENT"), "{list}");
    assert!(!list.contains('*'), "{list}");
}

#[test]
fn a_command_on_a_volume_that_is_not_there_does_not_make_one() {
    let run = Run::new(&playlists(0));
    for arguments in [&["versions", "list"][..], &["versions", "prune"], &["versions", "verify"]] {
        let message = stderr(&run.trainer(arguments), 1);
        assert!(message.contains("volume"), "{message}");
    }
    assert!(!run.path("volume").exists());
}
