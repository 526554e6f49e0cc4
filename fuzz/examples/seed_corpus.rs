//! Writes the first inputs of the corpus, all of them made from the sample: `cargo run --example seed_corpus`.
#![allow(clippy::unwrap_used, reason = "a failure ends it")]

use std::{fs, path::Path};

use fuzz::{PLAYLISTS_CSV, sample};
use prost::Message as _;
use proto::v1::{RecommendRequest, SearchSongsRequest};

fn main() {
    let write = |target: &str, name: &str, bytes: &[u8]| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), bytes).unwrap();
    };
    let rows = [
        "a,b\nc,d\n",
        "\"a\",\"b,c\"\r\n\"d\"\"e\",f\n",
        "\u{feff}pid,track_name\n1,\"two\nlines\"\n\n,,\n",
        "1,\"open\n2,b\n3,\"c\"\n",
        "12\" mix,\"a\"b\r\"",
        PLAYLISTS_CSV.get(..600).unwrap(),
    ];
    for (number, text) in rows.iter().enumerate() {
        for (name, piece) in [("small", 2_u16), ("whole", u16::MAX)] {
            write("csv_rows", &format!("{number}-{name}"), &[&piece.to_le_bytes(), text.as_bytes()].concat());
        }
    }
    let datasets = [
        PLAYLISTS_CSV.get(..3000).unwrap(),
        "pid,track_name,artist_name,track_uri\n1,A,X,u:1\n1,B,X,u:2\n2,a,x,u:1\n2,B,X,u:3\n3,A,X,u:1\n3,B,Y,u:4\n",
        "track_name,pid\n\"A \"\"b\"\"\",1\n,1\nC,\nÉ,1\ne\u{301},2\n",
        "pid;track_name\n1;A\n",
        "<html>",
    ];
    for (number, text) in datasets.iter().enumerate() {
        for key in 0..3_u8 {
            write("dataset", &format!("{number}-{key}"), &[&[key], text.as_bytes()].concat());
        }
    }
    let sample = sample();
    let folder = sample.volume.root().join("versions").join(sample.version.as_str());
    let manifest = fs::read(folder.join("manifest.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    write("manifest", "pretty", &manifest);
    write("manifest", "compact", &serde_json::to_vec(&json).unwrap());
    for table in ["songs", "artists", "rules", "artist_rules"] {
        write(table, "sample", &fs::read(folder.join(format!("{table}.parquet"))).unwrap());
    }
    for (name, current) in [
        ("version", format!("{}\n", sample.version)),
        ("carriage-return", format!("{}\r\n", sample.version)),
        ("path", format!("../{}", sample.version)),
        ("short", "a-0123456789abcdef".to_owned()),
        ("text", "latest\n".to_owned()),
    ] {
        write("current", name, current.as_bytes());
    }
    for (name, text) in [
        ("titles", "HUMBLE.\nhumble\nhumbel\ncreep\nCreep - Acoustic"),
        ("artists", "Kendrick Lamar - Alright\nalright kendrick lamar\nAguas de Marco\nAGUAS DE MARÇO"),
        ("scripts", "君をのせて\nhyvaa yota\n\u{1f3b5}\n4, 3, 2, 1\n?\n\"Heroes\""),
        (
            "additions",
            "Mask Off (feat. Kendrick Lamar)\nMask Off - Remix\nDont Look Back in Anger - 2011 Remaster",
        ),
        (
            "uris",
            "sample:track:48554d424c45\nhttps://open.spotify.com/track/48554d424c45?si=1\nspotify:track:x",
        ),
    ] {
        write("seeds", name, text.as_bytes());
    }
    let recommend = RecommendRequest {
        songs: vec!["HUMBLE.".to_owned(), "creep".to_owned()],
        limit: 5,
        exclude_songs: vec!["1979".to_owned()],
        max_songs_per_artist: 1,
        max_rules_per_song: Some(2),
    };
    let plain = RecommendRequest { songs: vec!["dna".to_owned()], ..Default::default() };
    let search = SearchSongsRequest { query: "cre".to_owned(), page_size: 2, page_token: String::new() };
    let empty = SearchSongsRequest::default();
    for (name, method, message) in [
        ("recommend", 0, recommend.encode_to_vec()),
        ("recommend-plain", 0, plain.encode_to_vec()),
        ("recommend-nothing", 0, Vec::new()),
        ("search", 1, search.encode_to_vec()),
        ("search-all", 1, empty.encode_to_vec()),
        ("model-info", 2, Vec::new()),
        ("garbage", 0, vec![0xff; 20]),
    ] {
        write("requests", name, &[&[method][..], &message].concat());
    }
    for (name, choice, text) in [
        (
            "recommend",
            0,
            r#"{"songs": ["HUMBLE.", "caf\u00e9"], "limit": 5, "exclude_songs": ["1979"], "max_songs_per_artist": 2.0,
                "max_rules_per_song": 0}"#,
        ),
        ("unknown-field", 0, r#"{"songs": ["HUMBLE."], "api_key": {"x": [1, {}]}}"#),
        ("nulls", 0, r#"{"songs": null, "limit": null, "exclude_songs": null, "max_rules_per_song": null}"#),
        (
            "other-types",
            0,
            r#"{"songs": [1985], "limit": "5", "exclude_songs": {}, "max_rules_per_song": -1.5e3}"#,
        ),
        ("fields-told-twice", 0, r#"{"limit": "5", "limit": 5, "songs": [], "songs": ["dna"]}"#),
        ("large-numbers", 0, r#"{"limit": 4294967295, "max_songs_per_artist": 4294967296}"#),
        ("lone-surrogate-in-an-unknown-field", 0, r#"{"other": "\ud800"}"#),
        ("form", 0, "songs=HUMBLE."),
        ("search", 1, "query=daft+punk%20%2B%C3%A9&page_size=5&page_token=a.b&other=1"),
        ("search-with-odd-escapes", 1, "que%72y=%zz%f%&page_size=&&=&page_size=%2B7"),
        ("search-with-a-size-in-words", 1, "page_size=ten"),
    ] {
        write("rest", name, &[&[choice][..], text.as_bytes()].concat());
    }
    for (name, piece, text) in [
        ("message", 255, "AAAAAAkKB0hVTUJMRS4="),
        ("messages-in-pieces", 2, "AAAAAAA=AAAAAAMKAUE=AA=="),
        ("cut-off", 0, "AAAAAAA"),
        ("padding-in-a-group", 3, "AA=A"),
        ("bits-after-the-end", 3, "AAB="),
        ("lines", 3, "AAAA\r\nAAAA"),
    ] {
        write("grpc_web_text", name, &[&[piece][..], text.as_bytes()].concat());
    }
    // google.rpc.Status with an ErrorInfo and a RetryInfo, and parts of it.
    let any = |name: &str, value: &[u8]| {
        let url = format!("type.googleapis.com/google.rpc.{name}");
        let mut bytes = vec![0x0a, url.len() as u8];
        bytes.extend(url.as_bytes());
        bytes.extend([0x12, value.len() as u8]);
        bytes.extend(value);
        bytes
    };
    let info = any("ErrorInfo", b"\x0a\x08NO_MODEL\x12\x0bplaylist.v1");
    let retry = any("RetryInfo", b"\x0a\x02\x08\x01");
    let bad = any("BadRequest", b"\x0a\x0c\x0a\x05songs\x12\x03bad");
    let mut status = vec![13, 0x08, 14, 0x12, 1, b'x'];
    for detail in [&info, &retry, &bad] {
        status.extend([0x1a, detail.len() as u8]);
        status.extend(detail);
    }
    write("status_details", "all", &status);
    write("status_details", "cut", &status[..status.len() / 2]);
    write("status_details", "none", &[13]);
}
