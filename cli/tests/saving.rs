//! `/save` writes the last answer into a file in the format that the end of its name tells.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod service;

use std::{fs, path::Path};

use serde_json::Value;
use service::Service;

/// Types these lines in a folder, and returns what is on standard error.
#[track_caller]
fn session(service: &Service, folder: &Path, code: i32, lines: &str) -> String {
    let mut command = service.playlist(&[]);
    let output = command
        .current_dir(folder)
        .env("HOME", folder)
        .write_stdin(lines)
        .assert()
        .code(code)
        .get_output()
        .clone();
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn an_m3u8_has_names_and_uris_as_players_read_them() {
    let (service, folder) = (Service::with_model(), tempfile::tempdir().unwrap());
    let told = session(&service, folder.path(), 0, "Unforgettable\n/send\n/save party.m3u8\n");
    assert_eq!(told, "5 songs saved in `party.m3u8`\n");
    assert_eq!(
        fs::read_to_string(folder.path().join("party.m3u8")).unwrap(),
        "#EXTM3U\n\
         #PLAYLIST:Unforgettable\n\
         #EXTINF:-1,Post Malone - Congratulations\n\
         sample:track:50\n\
         #EXTINF:-1,Kendrick Lamar - HUMBLE.\n\
         sample:track:60\n\
         #EXTINF:-1,Mallory - Evil�[31m�Title\n\
         sample:track:1\n\
         #EXTINF:-1,Passionfruit\n\
         sample:track:30\n\
         #EXTINF:-1,Nat King Cole - Unforgettable\n\
         sample:track:5\n"
    );
}

#[test]
fn a_csv_has_a_head_and_the_lines_of_rfc_4180() {
    let (service, folder) = (Service::with_model(), tempfile::tempdir().unwrap());
    session(&service, folder.path(), 0, "Unforgettable\n/send 2\n/more 1\n/save my party.csv\n");
    assert_eq!(
        fs::read_to_string(folder.path().join("my party.csv")).unwrap(),
        "position,title,artist,uri,support_count,score,source\r\n\
         1,Congratulations,Post Malone,sample:track:50,50,1,SOURCE_RULES\r\n\
         2,HUMBLE.,Kendrick Lamar,sample:track:60,60,0.5,SOURCE_ARTIST\r\n\
         3,Evil�[31m�Title,Mallory,sample:track:1,1,0.3333333333333333,SOURCE_POPULARITY\r\n"
    );
}

#[test]
fn a_json_has_the_names_of_the_contract_and_all_songs_that_were_shown() {
    let (service, folder) = (Service::with_model(), tempfile::tempdir().unwrap());
    session(&service, folder.path(), 0, "Unforgettable\n/send 2\n/more 2\n/save ~/party.json\n");
    let answer: Value = serde_json::from_slice(&fs::read(folder.path().join("party.json")).unwrap()).unwrap();
    assert_eq!(answer["songs"].as_array().unwrap().len(), 4);
    assert_eq!(answer["songs"][3]["song"]["title"], "Passionfruit");
    assert_eq!(answer["songs"][0]["rules"][0]["antecedent_count"], 40);
    assert_eq!(answer["model_version"], "one");
    assert_eq!(answer["model_date"], "2025-01-01T22:17:42.663201Z");
}

#[test]
fn a_file_that_is_there_stays_as_it_is() {
    let (service, folder) = (Service::with_model(), tempfile::tempdir().unwrap());
    let path = folder.path().join("party.csv");
    fs::write(&path, "mine").unwrap();
    let told = session(&service, folder.path(), 2, "Unforgettable\n/send\n/save party.csv\n");
    assert_eq!(told, "error: `party.csv` exists already and was left as it is; choose another name\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn what_cannot_be_written_is_a_failure_and_leaves_nothing() {
    let (service, folder) = (Service::with_model(), tempfile::tempdir().unwrap());
    let told = session(&service, folder.path(), 1, "Unforgettable\n/send\n/save nowhere/party.csv\n");
    assert!(told.starts_with("error: `nowhere/party.csv` cannot be written\n  cause: "), "{told}");
    for name in ["party", "party.m3u", "party.txt"] {
        let told = session(&service, folder.path(), 2, &format!("Unforgettable\n/send\n/save {name}\n"));
        assert!(told.contains("does not end in `.m3u8`, `.csv` or `.json`"), "{told}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
