//! Publishing: what a reader sees before, meanwhile and after, and what a killed writer leaves.

#![cfg(test)]

mod support;

use std::{fs, path::Path, time::Duration};

use model::{Metadata, Volume, VolumeError};
use support::{metadata, tables};
use tempfile::TempDir;

const NO_WAIT: Duration = Duration::ZERO;

fn volume() -> (TempDir, Volume) {
    let folder = tempfile::tempdir().unwrap();
    let volume = Volume::new(folder.path().join("volume"));
    (folder, volume)
}

/// A process that another test starts has the lock for a moment, too, until it has closed what it does not need.
const A_MOMENT: Duration = Duration::from_secs(20);

fn publish(volume: &Volume, key: &str) -> model::VersionName {
    let publication = volume.publication(A_MOMENT).unwrap();
    let version = publication.store(&metadata(key), &tables()).unwrap();
    publication.put_in_service(&version).unwrap();
    version
}

fn hold(volume: &Volume, key: &str) -> Option<model::VersionName> {
    volume.publication(A_MOMENT).unwrap().hold(key).unwrap()
}

#[test]
fn a_published_model_is_read_back_equal() {
    let (_folder, volume) = volume();
    let version = publish(&volume, "one");

    let model = volume.load(&version).unwrap();

    assert_eq!(model.version, version);
    assert_eq!(model.tables, tables());
    assert_eq!(model.manifest.metadata, metadata("one"));
    assert_eq!(volume.current().unwrap(), Some(version));
}

#[test]
fn an_empty_model_is_read_back_equal() {
    let (_folder, volume) = volume();
    let mut metadata = metadata("empty");
    metadata.dataset.songs = 0;
    metadata.dataset.artists = 0;
    metadata.counts = model::Counts::default();
    let tables = model::Tables::default();
    let version = volume.publication(NO_WAIT).unwrap().store(&metadata, &tables).unwrap();

    assert_eq!(volume.load(&version).unwrap().tables, tables);
}

#[test]
fn current_is_one_line_with_the_version() {
    let (_folder, volume) = volume();
    let version = publish(&volume, "one");

    let current = fs::read_to_string(volume.root().join("CURRENT")).unwrap();

    assert_eq!(current, format!("{version}\n"));
}

#[test]
fn the_name_of_a_version_ends_in_the_digest_of_its_manifest() {
    use sha2::{Digest as _, Sha256};

    let (_folder, volume) = volume();
    let version = publish(&volume, "one");
    let manifest =
        fs::read(volume.root().join("versions").join(version.as_str()).join("manifest.json")).unwrap();
    let digest: String = Sha256::digest(manifest).iter().take(8).map(|byte| format!("{byte:02x}")).collect();

    assert!(version.as_str().ends_with(&format!("-{digest}")), "{version} {digest}");
}

#[test]
fn the_same_tables_become_the_same_bytes() {
    let (_folder, volume) = volume();
    let [one, two] = ["one", "two"].map(|key| volume.load(&publish(&volume, key)).unwrap().manifest.files);

    assert_eq!(one, two);
    assert_eq!(one.len(), 4);
}

#[test]
fn a_stored_version_is_not_in_service_until_it_is_put_there() {
    let (_folder, volume) = volume();
    let one = publish(&volume, "one");
    let publication = volume.publication(NO_WAIT).unwrap();
    let two = publication.store(&metadata("two"), &tables()).unwrap();

    assert_eq!(volume.current().unwrap(), Some(one));
    publication.put_in_service(&two).unwrap();
    assert_eq!(volume.current().unwrap(), Some(two));
}

#[test]
fn a_volume_that_is_not_there_is_an_error_and_not_an_empty_one() {
    let (folder, volume) = volume();

    assert!(matches!(volume.current(), Err(VolumeError::NoVolume { .. })));
    assert!(matches!(volume.versions(), Err(VolumeError::NoVolume { .. })));

    fs::create_dir(folder.path().join("volume")).unwrap();
    assert_eq!(volume.current().unwrap(), None);
    assert!(volume.versions().unwrap().is_empty());
}

#[test]
fn writing_one_line_into_current_by_any_means_is_a_roll_back() {
    let (_folder, volume) = volume();
    let one = publish(&volume, "one");
    publish(&volume, "two");

    for line in [format!("{one}\n"), format!("{one}\r\n"), one.to_string()] {
        fs::write(volume.root().join("CURRENT"), line).unwrap();
        assert_eq!(volume.current().unwrap(), Some(one.clone()));
    }
}

#[test]
fn a_current_that_names_no_version_is_an_error_that_names_the_file() {
    let (_folder, volume) = volume();
    publish(&volume, "one");

    for contents in [
        &b""[..],
        b"\n",
        b"../../etc/passwd",
        b"\xff\xfe",
        b"20260102T030405Z-0123456789abcde",
        &[b'a'; 99_999],
    ] {
        fs::write(volume.root().join("CURRENT"), contents).unwrap();
        let error = volume.current().unwrap_err();
        assert!(matches!(error, VolumeError::BadCurrent { .. }), "{error:?}");
        assert!(error.to_string().contains("CURRENT"), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn what_is_not_a_file_is_an_error_and_not_waited_for() {
    use std::{os::unix::fs::symlink, process::Command, sync::mpsc, thread};

    let (folder, volume) = volume();
    let version = publish(&volume, "one");
    let in_version = format!("versions/{version}");
    for name in ["CURRENT", ".last-published", "manifest.json", "rules.parquet"] {
        let path = match name.contains(".json") || name.contains(".parquet") {
            true => volume.root().join(&in_version).join(name),
            false => volume.root().join(name),
        };
        let aside = folder.path().join("aside");
        fs::rename(&path, &aside).unwrap();
        let pipe = |path: &Path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        let make: [&dyn Fn(&Path); 4] = [
            &pipe,
            &|path| fs::create_dir(path).unwrap(),
            &|path| symlink("/dev/zero", path).unwrap(),
            // To itself.
            &|path| symlink(path, path).unwrap(),
        ];
        for make in make {
            make(&path);
            let (sender, answered) = mpsc::channel();
            let (volume, version) = (volume.clone(), version.clone());
            thread::spawn(move || {
                let current = volume.current().map(drop);
                let loaded = volume.load(&version).map(drop);
                let verified = volume.verify(&version).map(drop);
                let begun = volume.publication(NO_WAIT).map(drop);
                sender.send([current, loaded, verified, begun]).unwrap();
            });
            let results = answered.recv_timeout(Duration::from_secs(20)).expect("it waits for a writer");
            let told = results.into_iter().find_map(Result::err).expect("an error").to_string();
            assert!(told.contains(name), "{told}");
            let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir(&path));
        }
        fs::rename(&aside, &path).unwrap();
    }
    assert_eq!(volume.current().unwrap(), Some(version.clone()));
    // A link to a file is as good as the file.
    let current = volume.root().join("CURRENT");
    fs::rename(&current, volume.root().join("elsewhere")).unwrap();
    symlink("elsewhere", &current).unwrap();
    assert_eq!(volume.current().unwrap(), Some(version));
}

#[test]
fn a_roll_back_leaves_a_hold_on_the_key_it_rolled_back_from() {
    let (_folder, volume) = volume();
    let one = publish(&volume, "one");
    let two = publish(&volume, "two");

    volume.publication(NO_WAIT).unwrap().roll_back(&one).unwrap();

    assert_eq!(volume.current().unwrap(), Some(one));
    assert_eq!(hold(&volume, "two"), Some(two));
    assert_eq!(hold(&volume, "one"), None);
}

#[test]
fn a_roll_back_with_an_editor_leaves_a_hold_too() {
    let (_folder, volume) = volume();
    let one = publish(&volume, "one");
    let two = publish(&volume, "two");

    fs::write(volume.root().join("CURRENT"), format!("{one}\n")).unwrap();

    assert_eq!(hold(&volume, "two"), Some(two));
    assert_eq!(hold(&volume, "one"), None);
}

#[test]
fn a_hold_lasts_through_other_publications_and_ends_when_its_version_is_chosen_again() {
    let (_folder, volume) = volume();
    let one = publish(&volume, "one");
    let two = publish(&volume, "two");
    volume.publication(NO_WAIT).unwrap().roll_back(&one).unwrap();
    publish(&volume, "three");
    assert_eq!(hold(&volume, "two"), Some(two.clone()));

    fs::write(volume.root().join("CURRENT"), format!("{two}\n")).unwrap();

    assert_eq!(hold(&volume, "two"), None);
}

#[test]
fn a_run_that_points_current_back_leaves_no_hold() {
    let (_folder, volume) = volume();
    let one = publish(&volume, "one");
    publish(&volume, "two");

    volume.publication(NO_WAIT).unwrap().put_in_service(&one).unwrap();

    assert_eq!(hold(&volume, "one"), None);
    assert_eq!(hold(&volume, "two"), None);
}

#[test]
fn a_writer_killed_before_or_after_it_wrote_current_leaves_no_hold() {
    let (_folder, volume) = volume();
    let one = publish(&volume, "one");
    let two = publish(&volume, "two");
    // What `put_in_service` has written when it is killed before its last step.
    for current in [&one, &two] {
        fs::write(volume.root().join(".last-published"), format!("{two}\n{one}\n")).unwrap();
        fs::write(volume.root().join("CURRENT"), format!("{current}\n")).unwrap();
        assert_eq!(hold(&volume, "one"), None);
        assert_eq!(hold(&volume, "two"), None);
    }
}

#[test]
fn a_writer_killed_after_it_replaced_an_unreadable_current_leaves_no_hold() {
    let (_folder, volume) = volume();
    publish(&volume, "one");
    let publication = volume.publication(NO_WAIT).unwrap();
    let two = publication.store(&metadata("two"), &tables()).unwrap();
    let current = volume.root().join("CURRENT");
    fs::remove_file(&current).unwrap();
    fs::create_dir(&current).unwrap();
    publication.put_in_service(&two).unwrap_err();
    drop(publication);

    // As if that had succeeded, and the writer had been killed right then.
    fs::remove_dir(&current).unwrap();
    fs::write(&current, format!("{two}\n")).unwrap();

    assert_eq!(hold(&volume, "one"), None);
}

#[test]
fn a_roll_back_from_either_version_after_a_writer_was_killed_leaves_its_hold() {
    let (_folder, volume) = volume();
    let [one, two, three] = ["one", "two", "three"].map(|key| publish(&volume, key));
    fs::write(volume.root().join(".last-published"), format!("{three}\n{two}\n")).unwrap();
    fs::write(volume.root().join("CURRENT"), format!("{one}\n")).unwrap();

    assert_eq!(hold(&volume, "three"), Some(three));
    assert_eq!(hold(&volume, "two"), Some(two));
    assert_eq!(hold(&volume, "one"), None);
}

#[test]
fn a_hold_stays_when_its_version_could_not_be_put_in_service() {
    let (_folder, volume) = volume();
    let one = publish(&volume, "one");
    let two = publish(&volume, "two");
    let publication = volume.publication(NO_WAIT).unwrap();
    publication.roll_back(&one).unwrap();
    let current = volume.root().join("CURRENT");
    fs::remove_file(&current).unwrap();
    fs::create_dir(&current).unwrap();

    publication.put_in_service(&two).unwrap_err();
    assert_eq!(publication.hold("two").unwrap(), Some(two.clone()));
    publication.roll_back(&two).unwrap_err();
    assert_eq!(publication.hold("two").unwrap(), Some(two));
}

#[test]
fn a_key_that_is_a_path_touches_no_file_but_a_hold() {
    let (_folder, volume) = volume();
    let one = publish(&volume, "one");
    fs::create_dir(volume.root().join("holds")).unwrap();
    for key in ["../CURRENT", "", ".", "..", "a/b", "/", "nul\0", &"long".repeat(100)] {
        let odd = publish(&volume, key);
        assert_eq!(volume.current().unwrap(), Some(odd));
        assert_eq!(hold(&volume, key), None);
        volume.publication(NO_WAIT).unwrap().roll_back(&one).unwrap();
        assert_eq!(volume.current().unwrap(), Some(one.clone()));
    }
    assert!(is_empty(&volume.root().join("holds")));
}

#[test]
fn a_hold_that_names_no_version_is_an_error_and_not_the_end_of_the_hold() {
    let (_folder, volume) = volume();
    publish(&volume, "one");
    let publication = volume.publication(NO_WAIT).unwrap();
    fs::create_dir(volume.root().join("holds")).unwrap();

    for contents in [&b""[..], b"yes\n", b"\xff\xfe"] {
        fs::write(volume.root().join("holds/two"), contents).unwrap();
        let error = publication.hold("two").unwrap_err();
        assert!(error.to_string().contains("holds/two"), "{error}");
    }
}

#[test]
fn a_note_of_the_last_publication_that_is_garbage_is_written_anew() {
    let (_folder, volume) = volume();
    let one = publish(&volume, "one");
    for contents in [&b""[..], b"yes\n", b"\xff\xfe"] {
        fs::write(volume.root().join(".last-published"), contents).unwrap();
        assert_eq!(hold(&volume, "one"), None);
        let note = fs::read_to_string(volume.root().join(".last-published")).unwrap();
        assert_eq!(note, format!("{one}\n"));
    }
}

#[test]
fn a_refused_version_is_never_put_in_service() {
    let (_folder, volume) = volume();
    let one = publish(&volume, "one");
    let publication = volume.publication(NO_WAIT).unwrap();
    let refused = Metadata { refusal: Some("worse than the published one".to_owned()), ..metadata("two") };
    let refused = publication.store(&refused, &tables()).unwrap();

    publication.put_in_service(&refused).unwrap_err();
    let error = publication.roll_back(&refused).unwrap_err().to_string();
    assert!(error.contains("refused") && error.contains("worse than the published one"), "{error}");

    assert_eq!(volume.current().unwrap(), Some(one));
}

#[test]
fn a_damaged_version_is_never_put_in_service() {
    let (_folder, volume) = volume();
    let one = publish(&volume, "one");
    let two = publish(&volume, "two");
    publish(&volume, "three");
    fs::write(volume.root().join("versions").join(two.as_str()).join("rules.parquet"), "").unwrap();

    let publication = volume.publication(NO_WAIT).unwrap();
    assert!(matches!(publication.roll_back(&two), Err(VolumeError::Damaged { .. })));
    publication.roll_back(&one).unwrap();

    assert_eq!(volume.current().unwrap(), Some(one));
}

#[test]
fn pruning_keeps_the_version_in_service_and_the_latest_of_the_others() {
    let (_folder, volume) = volume();
    let versions: Vec<_> = ["one", "two", "three", "four"].map(|key| publish(&volume, key)).to_vec();
    let publication = volume.publication(NO_WAIT).unwrap();
    publication.roll_back(&versions[0]).unwrap();

    let removed = publication.prune(1).unwrap();

    let left: Vec<_> = volume.versions().unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(left, [versions[3].clone(), versions[0].clone()]);
    assert_eq!(removed, [versions[2].clone(), versions[1].clone()]);
    assert_eq!(volume.current().unwrap(), Some(versions[0].clone()));
}

#[test]
fn pruning_after_a_publication_keeps_the_version_that_was_replaced_however_old_it_is() {
    let (_folder, volume) = volume();
    let [one, _, three] = ["one", "two", "three"].map(|key| publish(&volume, key));
    volume.publication(NO_WAIT).unwrap().put_in_service(&one).unwrap();
    let publication = volume.publication(NO_WAIT).unwrap();
    let four = publication.store(&metadata("four"), &tables()).unwrap();
    publication.put_in_service(&four).unwrap();

    publication.prune(2).unwrap();

    let mut left: Vec<_> = volume.versions().unwrap().into_iter().map(|(name, _)| name).collect();
    left.reverse();
    assert_eq!(left, [one, three, four.clone()]);
    publication.prune(0).unwrap();
    assert_eq!(volume.versions().unwrap().len(), 1);
    volume.load(&four).unwrap();
}

#[test]
fn what_a_killed_writer_left_is_removed_by_the_next_and_seen_by_no_reader() {
    let (_folder, volume) = volume();
    publish(&volume, "one");
    let leftovers =
        ["versions/.unfinished-1-x", "versions/.unfinished-2-y"].map(|name| volume.root().join(name));
    for leftover in &leftovers {
        fs::create_dir(leftover).unwrap();
        fs::write(leftover.join("songs.parquet"), "half").unwrap();
    }
    fs::write(volume.root().join(".unfinished-3"), "half").unwrap();
    assert_eq!(volume.versions().unwrap().len(), 1);

    drop(volume.publication(NO_WAIT).unwrap());

    assert!(leftovers.iter().all(|leftover| !leftover.exists()));
    assert!(!volume.root().join(".unfinished-3").exists());
    assert_eq!(volume.versions().unwrap().len(), 1);
}

#[test]
fn a_second_writer_waits_for_the_first_and_says_so_when_it_takes_too_long() {
    let (_folder, volume) = volume();
    let first = volume.publication(NO_WAIT).unwrap();

    let error = volume.publication(NO_WAIT).unwrap_err();
    assert!(matches!(error, VolumeError::Busy { .. }), "{error:?}");

    std::thread::scope(|scope| {
        let second = scope.spawn(|| volume.publication(Duration::from_secs(30)).map(drop));
        drop(first);
        second.join().unwrap().unwrap();
    });
}

#[test]
fn tables_that_contradict_the_metadata_are_not_published() {
    let (_folder, volume) = volume();
    let publication = volume.publication(NO_WAIT).unwrap();
    let check = |change: fn(&mut Metadata)| {
        let mut metadata = metadata("one");
        change(&mut metadata);
        let error = publication.store(&metadata, &tables()).unwrap_err();
        assert!(matches!(error, VolumeError::Inconsistent { .. }), "{error:?}");
    };

    check(|metadata| metadata.dataset.songs = 4);
    check(|metadata| metadata.dataset.playlists = 7);
    check(|metadata| metadata.counts.rules = 5);
    check(|metadata| metadata.scoring.weight_scale = f64::NAN);
    check(|metadata| metadata.scoring.many_weight_scale = 0.0);
    check(|metadata| metadata.scoring.artist_weight_scale = 1e308);
    check(|metadata| metadata.scoring.by_seeds.clear());
    check(|metadata| metadata.scoring.by_seeds[1].seeds = 1);
    check(|metadata| metadata.scoring.by_seeds[0].seeds = 0);
    check(|metadata| metadata.scoring.by_seeds[0].many_share = -0.1);
    check(|metadata| metadata.scoring.by_seeds[0].many_share = f64::NAN);
    check(|metadata| metadata.scoring.by_seeds[1].damping = 2.0);
    check(|metadata| metadata.scoring.by_seeds[1].artist_share = 1e4);

    assert!(volume.versions().unwrap().is_empty());
    assert!(is_empty(&volume.root().join("versions")));
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[cfg(unix)]
#[test]
fn published_files_can_be_read_by_other_users_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt as _;

    let (_folder, volume) = volume();
    let version = publish(&volume, "one");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = volume.root().join("versions").join(version.as_str());

    assert_eq!(mode(&folder), 0o755);
    assert_eq!(mode(&volume.root().join("CURRENT")), 0o644);
    for file in fs::read_dir(&folder).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o644);
    }
}

#[test]
fn a_current_that_cannot_be_replaced_is_an_error_and_the_version_stays_stored() {
    let (_folder, volume) = volume();
    let publication = volume.publication(NO_WAIT).unwrap();
    let version = publication.store(&metadata("one"), &tables()).unwrap();
    fs::create_dir(volume.root().join("CURRENT")).unwrap();

    let error = publication.put_in_service(&version).unwrap_err();

    assert!(error.to_string().contains("CURRENT"), "{error}");
    volume.load(&version).unwrap();
}
