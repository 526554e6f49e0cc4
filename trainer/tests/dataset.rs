//! What a dataset is taken for: columns, rows, songs, artists and playlists, and what is said of one that cannot be used.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, io::Write as _, path::Path};

use flate2::write::GzEncoder;
use trainer::{
    Column, Compression, Dataset, DatasetError, ItemKey, Location, ReadOptions, RowProblem, SkippedRow,
    read_dataset,
};

fn read_by(item_key: ItemKey, bytes: impl AsRef<[u8]>) -> Result<Dataset, DatasetError> {
    read_with(&ReadOptions { item_key, ..ReadOptions::default() }, bytes)
}

fn read_with(options: &ReadOptions, bytes: impl AsRef<[u8]>) -> Result<Dataset, DatasetError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("playlists.csv");
    fs::write(&path, bytes).unwrap();
    read_dataset(&Location::from(path.as_path()), options, &())
}

/// Lets any share of the rows be skipped.
fn lenient() -> ReadOptions {
    ReadOptions { max_skipped_share: 1.0, ..ReadOptions::default() }
}

fn read(bytes: impl AsRef<[u8]>) -> Dataset {
    read_by(ItemKey::Song, bytes).unwrap()
}

/// Each song as `artist / title: support count [URIs]`.
fn songs(dataset: &Dataset) -> Vec<String> {
    let describe = |(id, song): (u32, model::Song<'_>)| {
        let uris: Vec<_> = dataset.songs.uris(id).collect();
        format!("{} / {}: {} {uris:?}", song.artist, song.title, song.support_count)
    };
    dataset.songs.iter().map(describe).collect()
}

/// Each artist as `name: support count, songs`.
fn artists(dataset: &Dataset) -> Vec<String> {
    let describe =
        |artist: model::Artist<'_>| format!("{}: {}, {:?}", artist.name, artist.support_count, artist.songs);
    dataset.artists.iter().map(|(_, artist)| describe(artist)).collect()
}

/// Each playlist as its titles.
fn playlists(dataset: &Dataset) -> Vec<Vec<&str>> {
    let titles = |basket: &[u32]| basket.iter().map(|&song| dataset.songs.get(song).title).collect();
    dataset.baskets.iter().map(titles).collect()
}

#[test]
fn both_headers_are_read_and_other_columns_ignored() {
    let current = read(
        "track_uri,album_name,album_uri,artist_name,artist_uri,duration_ms,pid,track_name\n\
         sample:track:1,,,Queen,,354000,7,Bohemian Rhapsody\n",
    );
    let older = read(
        "pid,name,album_name,artist_name,duration_ms,track_name\n\
         7,Rock,A Night at the Opera,Queen,354000,Bohemian Rhapsody\n",
    );
    assert_eq!(songs(&current), ["Queen / Bohemian Rhapsody: 1 [\"sample:track:1\"]"]);
    assert_eq!(songs(&older), ["Queen / Bohemian Rhapsody: 1 []"]);
    assert_eq!(artists(&older), ["Queen: 1, [0]"]);
}

#[test]
fn columns_are_found_by_name_whatever_their_order_quotes_and_blanks() {
    for text in [
        "pid,track_name,artist_name\n1,a,x\n",
        "\u{feff}\"pid\", track_name ,artist_name\r\n1,a,x\r\n",
        "\u{feff}artist_name,ignored,track_name,pid\nx,,a,1",
        "PID,Track_Name,Artist_Name\n1,a,x\n",
        "\n\npid,track_name,artist_name\n\n1,a,x\n\n",
        // The name in the right case wins.
        "pid,Track_Name,track_name,artist_name\n1,b,a,x\n",
    ] {
        assert_eq!(songs(&read(text)), ["x / a: 1 []"], "{text:?}");
    }
}

#[test]
fn cells_are_text_whatever_they_look_like() {
    let dataset = read(
        "pid,track_name\n1,1985\n1,True\n1,396.17\n1,\"\"\"Awaken, My Love!\"\"\"\n1, leading and trailing \n1,NA\n1,\"two\nlines\"\n1,12\" mix\n",
    );
    let mut titles = playlists(&dataset).remove(0);
    titles.sort_unstable();
    assert_eq!(
        titles,
        [
            "\"Awaken, My Love!\"",
            "12\" mix",
            "1985",
            "396.17",
            "NA",
            "True",
            "leading and trailing",
            "two\nlines"
        ]
    );
    assert_eq!((dataset.facts.rows, dataset.facts.skipped_rows), (8, 0));
}

#[test]
fn a_playlist_is_a_set_and_its_rows_need_not_be_contiguous() {
    let dataset = read("pid,track_name\n9,a\n 9,b\n3,a\n9 ,a\n3,c\n9,a\n03,a\n");
    assert_eq!(playlists(&dataset), [&["a", "b"][..], &["a", "c"], &["a"]]);
    assert_eq!((dataset.facts.rows, dataset.facts.playlists, dataset.facts.songs), (7, 3, 3));
    assert_eq!(dataset.songs.get(0).support_count, 3);
}

#[test]
fn a_song_is_shown_in_its_commonest_spelling_with_all_its_uris() {
    let dataset = read(
        "pid,artist_name,track_name,track_uri\n\
         1,XXXTENTACION,Look At Me!,u:2\n\
         2,XXXTENTACION,Look at Me!,u:3\n\
         3, xxxtentacion ,Look at Me!,u:3\n\
         4,XXXTENTACION,Look At Me!,u:1\n\
         5,XXXTENTACION,LOOK AT ME!,\n\
         6,Somebody Else,Look At Me!,u:9\n",
    );
    // The two commonest titles are equally common: the one that comes first letter by letter is shown.
    assert_eq!(
        songs(&dataset),
        [
            "XXXTENTACION / Look At Me!: 5 [\"u:3\", \"u:1\", \"u:2\"]",
            "Somebody Else / Look At Me!: 1 [\"u:9\"]"
        ]
    );
    assert_eq!(artists(&dataset), ["XXXTENTACION: 5, [0]", "Somebody Else: 1, [1]"]);
}

#[test]
fn an_artist_is_counted_once_in_a_playlist_with_several_songs() {
    let dataset = read(
        "pid,artist_name,track_name\n1,Abba,a\n1,ABBA,b\n2,ABBA,a\n2,ABBA,c\n3,Zz,c\n3,,d\n4,Zz,c\n5,Zz,c\n",
    );
    assert_eq!(
        songs(&dataset),
        ["Zz / c: 3 []", "ABBA / a: 2 []", " / d: 1 []", "ABBA / b: 1 []", "ABBA / c: 1 []"]
    );
    assert_eq!(artists(&dataset), ["Zz: 3, [0]", "ABBA: 2, [1, 3, 4]"]);
    assert_eq!(dataset.song_artists, [Some(0), Some(1), None, Some(1), Some(1)]);
}

#[test]
fn by_title_the_artist_and_by_uri_artist_and_title_do_not_matter() {
    let text = "pid,artist_name,track_name,track_uri\n1,x,Home,u:1\n2,y,Home,u:2\n3,y,Home,u:2\n4,,Home,u:3\n4,x,HOME,u:1\n";
    let by_title = read_by(ItemKey::Title, text).unwrap();
    assert_eq!(songs(&by_title), ["y / Home: 4 [\"u:2\", \"u:1\", \"u:3\"]", "x / HOME: 1 [\"u:1\"]"]);
    assert_eq!(artists(&by_title), ["y: 4, [0]", "x: 1, [1]"]);
    let by_uri = read_by(ItemKey::Uri, text).unwrap();
    assert_eq!(songs(&by_uri), ["x / HOME: 2 [\"u:1\"]", "y / Home: 2 [\"u:2\"]", " / Home: 1 [\"u:3\"]"]);
}

#[test]
fn rows_that_cannot_be_used_are_counted_and_the_first_one_is_told() {
    let problem = |row: &[u8]| {
        let text = [
            b"pid,artist_name,track_name,track_uri\r\n1,x,a,u\r\n".as_slice(),
            row,
            b"\r\n1,x,b,u\r\n2,,b,\r\n",
        ]
        .concat();
        let dataset = read_with(&lenient(), text).unwrap();
        let facts = &dataset.facts;
        assert_eq!((facts.rows, facts.skipped_rows, facts.playlists, facts.songs), (4, 1, 2, 3));
        let SkippedRow { line, problem } = dataset.first_skipped.unwrap();
        assert_eq!(line, 3);
        problem
    };
    assert_eq!(problem(b"1,x,b"), RowProblem::FieldCount { found: 3, expected: 4 });
    assert_eq!(problem(b"1,x,b,u,"), RowProblem::FieldCount { found: 5, expected: 4 });
    assert_eq!(problem(b" ,x,b,u"), RowProblem::Blank(Column::Pid));
    assert_eq!(problem(b"1,x,\"\",u"), RowProblem::Blank(Column::Title));
    assert_eq!(problem(b"\xff,x,b,u"), RowProblem::InvalidUtf8(Column::Pid));
    assert_eq!(problem(b"1,x\xff,b,u"), RowProblem::InvalidUtf8(Column::Artist));
    assert_eq!(problem(b"1,x,b\xc3,u"), RowProblem::InvalidUtf8(Column::Title));
    assert_eq!(problem(b"1,x,b,\xff"), RowProblem::InvalidUtf8(Column::Uri));
}

#[test]
fn a_playlist_without_a_usable_row_does_not_count() {
    let dataset = read_with(&lenient(), "pid,track_name\n1,a\n2,\n3,b\n").unwrap();
    assert_eq!((dataset.facts.playlists, playlists(&dataset)), (2, vec![vec!["a"], vec!["b"]]));
}

#[test]
fn invalid_text_in_a_column_that_is_not_used_does_not_matter() {
    let dataset = read(b"pid,album_name,track_name\n1,\xff\xff,a\n");
    assert_eq!((dataset.facts.skipped_rows, dataset.first_skipped), (0, None));
}

#[test]
fn by_uri_a_row_without_one_cannot_be_used() {
    let options = ReadOptions { item_key: ItemKey::Uri, ..lenient() };
    let dataset = read_with(&options, "pid,track_name,track_uri\n1,a,u\n1,b, \n").unwrap();
    assert_eq!(dataset.facts.skipped_rows, 1);
    assert_eq!(dataset.first_skipped, Some(SkippedRow { line: 3, problem: RowProblem::Blank(Column::Uri) }));
}

#[test]
fn rows_that_an_open_quote_swallows_count_as_skipped() {
    let text = "pid,track_name,artist_name\n1,a,x\n2,\"b,y\n3,c,z\n4,\"d\",z\n5,e,z\n";
    let dataset = read_with(&lenient(), text).unwrap();
    assert_eq!(playlists(&dataset), [["a"], ["e"]]);
    assert_eq!((dataset.facts.rows, dataset.facts.skipped_rows), (5, 3));
    let first = dataset.first_skipped.unwrap();
    assert_eq!(first, SkippedRow { line: 3, problem: RowProblem::OpenQuote { lines: 3 } });

    let to_the_end = "pid,track_name\n1,a\n2,\"b\n3,c\n";
    let dataset = read_with(&lenient(), to_the_end).unwrap();
    assert_eq!((dataset.facts.rows, dataset.facts.skipped_rows), (3, 2));

    let long = format!("pid,track_name\n1,a\n2,\"b\n{}", "3,c\n".repeat(100_000));
    match read_with(&lenient(), long) {
        Err(DatasetError::RowTooLong { line: 3, .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_share_of_skipped_rows_at_the_limit_is_accepted_and_above_it_rejected() {
    let with_skipped = |skipped: usize| {
        format!("pid,track_name\n{}{}", "1,a\n".repeat(100 - skipped), "1,\n".repeat(skipped))
    };
    for (skipped, share) in [(1, 0.01), (7, 0.07), (29, 0.29), (57, 0.57)] {
        let options = ReadOptions { max_skipped_share: share, ..ReadOptions::default() };
        assert_eq!(read_with(&options, with_skipped(skipped)).unwrap().facts.skipped_rows, skipped as u64);
        let error = read_with(&options, with_skipped(skipped + 1)).unwrap_err();
        let message = error.to_string();
        let (skipped, line) = (skipped + 1, 101 - skipped);
        assert!(
            message.contains(&format!("{skipped} of 100 rows"))
                && message.contains(&format!("at line {line}: its `track_name` is empty")),
            "{message}"
        );
    }
}

#[track_caller]
fn check_error(bytes: impl AsRef<[u8]>, expected: &str) {
    let message = read_with(&lenient(), bytes).unwrap_err().to_string();
    assert!(message.contains("playlists.csv`") && message.contains(expected), "{message}");
}

#[test]
fn a_header_that_cannot_be_used_is_an_error_that_names_the_column() {
    check_error(
        "id,track_name\n1,a\n",
        "no column `pid`, which is needed; its columns are `id`, `track_name`",
    );
    check_error(
        "pid,title\n1,a\n",
        "no column `track_name`, which is needed; its columns are `pid`, `title`",
    );
    check_error("pid;track_name\n1;a\n", "its columns are `pid;track_name`");
    check_error("pid,track_name,pid\n1,a,1\n", "several columns `pid`");
    check_error("pid,track_name,Artist_Name,ARTIST_NAME\n1,a,x,y\n", "several columns `artist_name`");
    check_error("pid,\"track_name\n1,a\n", "header that cannot be used: a quote is opened and not closed");
    let error = read_by(ItemKey::Uri, "pid,track_name\n1,a\n").unwrap_err();
    let expected =
        "no column `track_uri`, which the item key `uri` needs; its columns are `pid`, `track_name`";
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn a_file_without_playlists_is_an_error() {
    check_error("", "is empty");
    check_error("\n\r\n", "is empty");
    check_error("\u{feff}", "is empty");
    check_error("pid,track_name\n", "a header and no playlist");
    check_error("pid,track_name\n1,\n", "a header and no playlist");
}

#[test]
fn what_is_not_csv_is_told_by_what_it_is() {
    check_error("\n <html><body>Not found</body></html>", "an HTML or XML page");
    check_error(b"PK\x03\x04....", "a ZIP archive");
    check_error(b"PAR1....", "a Parquet file");
    check_error(b"\xff\xfep\0i\0d\0", "encoded in UTF-16");
    check_error(gzip(&gzip(b"pid,track_name\n1,a\n")), "compressed twice");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn an_archive_may_consist_of_several_parts() {
    let (head, tail) = ("pid,track_name\n1,a\n1,", "b\n2,a\n");
    let zstd = |text: &str| zstd::encode_all(text.as_bytes(), 1).unwrap();
    // A skippable frame of 4 bytes, with which parallel compressors begin.
    let skippable = b"\x50\x2a\x4d\x18\x04\0\0\0abcd".to_vec();
    let empty_gzip = gzip(b"");
    for bytes in [
        [gzip(head.as_bytes()), empty_gzip, gzip(tail.as_bytes())].concat(),
        [skippable, zstd(head), zstd(""), zstd(tail)].concat(),
    ] {
        let dataset = read(&bytes);
        assert_eq!(playlists(&dataset), [&["a", "b"][..], &["a"]]);
        assert_eq!(dataset.facts.bytes, bytes.len() as u64);
    }
}

#[test]
fn every_truncation_of_an_archive_is_an_error() {
    let text =
        format!("pid,track_name\n{}", (0..100).map(|row| format!("{row},song {row}\n")).collect::<String>());
    let half = text.len() / 2;
    let (head, tail) = text.as_bytes().split_at(half);
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
    for (parts, compression) in
        [([gzip(head), gzip(tail)], Compression::Gzip), ([zstd(head), zstd(tail)], Compression::Zstd)]
    {
        let (boundary, bytes) = (parts[0].len(), parts.concat());
        assert_eq!(read(&bytes).facts.rows, 100);
        // With fewer bytes it cannot be told what it is, and without the second part it is whole.
        for len in (4..bytes.len()).filter(|&len| len != boundary) {
            match read_by(ItemKey::Song, &bytes[..len]) {
                Err(DatasetError::Truncated { compression: found, .. }) => assert_eq!(found, compression),
                other => panic!("{len} of {} bytes: {other:?}", bytes.len()),
            }
        }
        let with_more = [&bytes[..], b"more"].concat();
        match read_by(ItemKey::Song, with_more) {
            Err(
                DatasetError::Damaged { compression: found, .. }
                | DatasetError::Truncated { compression: found, .. },
            ) => {
                assert_eq!(found, compression);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_damaged_archive_is_an_error() {
    let text =
        format!("pid,track_name\n{}", (0..100).map(|row| format!("{row},song {row}\n")).collect::<String>());
    let mut bytes = gzip(text.as_bytes());
    // The checksum stands in the last bytes but four.
    let position = bytes.len() - 6;
    bytes[position] ^= 1;
    match read_by(ItemKey::Song, bytes) {
        Err(DatasetError::Damaged { compression: Compression::Gzip, .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn files_that_cannot_be_opened_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.csv");
    let error = |path: &Path| {
        read_dataset(&Location::from(path), &ReadOptions::default(), &()).unwrap_err().to_string()
    };
    let message = error(&missing);
    assert!(message.contains("missing.csv` cannot be opened; check the path"), "{message}");
    let message = error(folder.path());
    assert!(message.contains("is a folder; name the file in it"), "{message}");
}

#[test]
fn a_file_url_names_the_same_file_as_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my playlists.csv");
    fs::write(&path, "pid,track_name\n1,a\n").unwrap();
    let url = format!("file://{}", path.to_str().unwrap().replace(' ', "%20"));
    let by_url = read_dataset(&url.parse().unwrap(), &ReadOptions::default(), &()).unwrap();
    let by_path = read_dataset(&Location::from(path.as_path()), &ReadOptions::default(), &()).unwrap();
    assert_eq!(by_url, by_path);
    assert_eq!(by_url.facts.location, path.to_str().unwrap());
}
