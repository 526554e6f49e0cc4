//! A version of which every digest is right and which is nonsense all the same, as a fault of a trainer or an attacker would make it, is
//! rejected and told why, without a panic and without memory for what a few bytes claim.

#![cfg(test)]

mod support;

use std::{error::Error as _, fs, sync::Arc, time::Duration};

use model::{VersionName, Volume, VolumeError};
use parquet::{
    basic::{Compression, ZstdLevel},
    data_type::{ByteArray, ByteArrayType, Int32Type},
    file::{
        metadata::{ParquetMetaData, ParquetMetaDataReader, ParquetMetaDataWriter, RowGroupMetaData},
        properties::WriterProperties,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::parser::parse_message_type,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use support::{metadata, tables};
use tempfile::TempDir;

const RULES: &str = "message rules {
    required group antecedent (LIST) { repeated group list { required int32 element; } }
    required int32 consequent;
    required int32 support_count;
    required int32 antecedent_count;
    required int32 weight;
    required int32 many_weight;
}";

const SONGS: &str = "message songs {
    required int32 id;
    required binary title (STRING);
    required binary artist (STRING);
    required binary uri (STRING);
    required group uris (LIST) { repeated group list { required binary element (STRING); } }
    required int32 support_count;
}";

const ARTISTS: &str = "message artists {
    required int32 id;
    required binary name (STRING);
    required int32 support_count;
    required group songs (LIST) { repeated group list { required int32 element; } }
}";

/// A stored version to make others from.
struct Stored {
    _folder: TempDir,
    volume: Volume,
    version: VersionName,
}

impl Stored {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let volume = Volume::new(folder.path());
        let version = volume.publication(Duration::ZERO).unwrap().store(&metadata("one"), &tables()).unwrap();
        Stored { _folder: folder, volume, version }
    }

    fn read(&self, file: &str) -> Vec<u8> {
        fs::read(self.volume.root().join("versions").join(self.version.as_str()).join(file)).unwrap()
    }

    /// Loads the version with other tables, of which the manifest tells the right digests, and with a manifest that is changed after that.
    fn load(
        &self,
        files: &[(&str, Vec<u8>, u64)],
        change: impl FnOnce(&mut Value),
    ) -> Result<model::Model, VolumeError> {
        let mut manifest: Value = serde_json::from_slice(&self.read("manifest.json")).unwrap();
        let names: Vec<String> = manifest["files"].as_object().unwrap().keys().cloned().collect();
        let mut contents: Vec<(String, Vec<u8>)> =
            names.into_iter().map(|name| (name.clone(), self.read(&name))).collect();
        for (name, bytes, rows) in files {
            manifest["files"][name] = json!({ "bytes": bytes.len(), "sha256": sha256(bytes), "rows": rows });
            contents.iter_mut().find(|file| file.0 == *name).unwrap().1.clone_from(bytes);
            match *name {
                "songs.parquet" => manifest["dataset"]["songs"] = json!(rows),
                "artists.parquet" => manifest["dataset"]["artists"] = json!(rows),
                "rules.parquet" => manifest["counts"]["rules"] = json!(rows),
                _ => manifest["counts"]["artist_rules"] = json!(rows),
            }
        }
        change(&mut manifest);
        self.load_manifest(&serde_json::to_vec(&manifest).unwrap(), &contents)
    }

    fn load_manifest(
        &self,
        manifest: &[u8],
        contents: &[(String, Vec<u8>)],
    ) -> Result<model::Model, VolumeError> {
        let version: VersionName = format!("nonsense-{}", &sha256(manifest)[..16]).parse().unwrap();
        let folder = self.volume.root().join("versions").join(version.as_str());
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("manifest.json"), manifest).unwrap();
        for (name, bytes) in contents {
            fs::write(folder.join(name), bytes).unwrap();
        }
        let loaded = self.volume.load(&version);
        fs::remove_dir_all(folder).unwrap();
        loaded
    }

    /// Checks that such a version is rejected, for a reason that holds `reason`.
    #[track_caller]
    fn reject(&self, files: &[(&str, Vec<u8>, u64)], change: impl FnOnce(&mut Value), reason: &str) {
        let error = self.load(files, change).unwrap_err();
        let told = with_causes(&error);
        assert!(told.contains(reason), "expected {reason:?} in {told:?}");
    }

    #[track_caller]
    fn reject_rules(&self, rows: &[Row], reason: &str) {
        self.reject(&[("rules.parquet", rules(rows), rows.len() as u64)], |_| {}, reason);
    }
}

fn with_causes(error: &VolumeError) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        told.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    told
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A table with one row group, whose columns `write` writes.
fn table(schema: &str, write: impl FnOnce(&mut SerializedRowGroupWriter<'_, Vec<u8>>)) -> Vec<u8> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).unwrap()))
        // A dictionary's page may be as large as it likes.
        .set_dictionary_page_size_limit(1 << 30)
        .build();
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    let mut group = file.next_row_group().unwrap();
    write(&mut group);
    group.close().unwrap();
    file.into_inner().unwrap()
}

fn ints(group: &mut SerializedRowGroupWriter<'_, Vec<u8>>, values: &[i32], levels: Option<(&[i16], &[i16])>) {
    let mut column = group.next_column().unwrap().unwrap();
    let (definition, repetition) = levels.unzip();
    column.typed::<Int32Type>().write_batch(values, definition, repetition).unwrap();
    column.close().unwrap();
}

fn texts(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    values: &[ByteArray],
    levels: Option<(&[i16], &[i16])>,
) {
    let mut column = group.next_column().unwrap().unwrap();
    let (definition, repetition) = levels.unzip();
    column.typed::<ByteArrayType>().write_batch(values, definition, repetition).unwrap();
    column.close().unwrap();
}

/// The values of lists, with their levels.
fn lists<T: Clone>(lists: &[&[T]]) -> (Vec<T>, Vec<i16>, Vec<i16>) {
    let (mut definition, mut repetition) = (Vec::new(), Vec::new());
    for list in lists {
        definition.resize(definition.len() + list.len().max(1), i16::from(!list.is_empty()));
        repetition.push(0);
        repetition.resize(definition.len(), 1);
    }
    (lists.concat(), definition, repetition)
}

/// Antecedent, consequent, support count, antecedent count, weight, weight for many seeds.
type Row = (&'static [i32], i32, i32, i32, i32, i32);

fn rules(rows: &[Row]) -> Vec<u8> {
    table(RULES, |group| {
        let (values, definition, repetition) = lists(&rows.iter().map(|row| row.0).collect::<Vec<_>>());
        ints(group, &values, Some((&definition, &repetition)));
        for column in [
            rows.iter().map(|row| row.1).collect::<Vec<_>>(),
            rows.iter().map(|row| row.2).collect(),
            rows.iter().map(|row| row.3).collect(),
            rows.iter().map(|row| row.4).collect(),
            rows.iter().map(|row| row.5).collect(),
        ] {
            ints(group, &column, None);
        }
    })
}

/// Id, title, support count; each has its own URI.
fn songs(rows: &[(i32, ByteArray, i32)]) -> Vec<u8> {
    table(SONGS, |group| {
        let uris: Vec<ByteArray> = rows.iter().map(|row| format!("uri:{}", row.0).as_str().into()).collect();
        let each: Vec<&[ByteArray]> = uris.chunks(1).collect();
        ints(group, &rows.iter().map(|row| row.0).collect::<Vec<_>>(), None);
        texts(group, &rows.iter().map(|row| row.1.clone()).collect::<Vec<_>>(), None);
        texts(group, &vec!["".into(); rows.len()], None);
        texts(group, &uris, None);
        let (values, definition, repetition) = lists(&each);
        texts(group, &values, Some((&definition, &repetition)));
        ints(group, &rows.iter().map(|row| row.2).collect::<Vec<_>>(), None);
    })
}

/// Id, name, support count, songs.
fn artists(rows: &[(i32, &str, i32, &[i32])]) -> Vec<u8> {
    table(ARTISTS, |group| {
        ints(group, &rows.iter().map(|row| row.0).collect::<Vec<_>>(), None);
        texts(group, &rows.iter().map(|row| row.1.into()).collect::<Vec<_>>(), None);
        ints(group, &rows.iter().map(|row| row.2).collect::<Vec<_>>(), None);
        let (values, definition, repetition) = lists(&rows.iter().map(|row| row.3).collect::<Vec<_>>());
        ints(group, &values, Some((&definition, &repetition)));
    })
}

#[test]
fn what_these_tests_write_is_accepted_where_it_makes_sense() {
    let stored = Stored::new();
    let rules = rules(&[(&[0], 1, 4, 8, 1, 0), (&[0], 2, 2, 8, 1, 0), (&[0, 1], 2, 2, 4, 9, 9)]);
    let songs = songs(&[(0, "A".into(), 8), (1, "B".into(), 5), (2, "C".into(), 3)]);
    let artists = artists(&[(0, "X", 8, &[0]), (1, "Y", 3, &[1, 2])]);
    let files = [("rules.parquet", rules, 3), ("songs.parquet", songs, 3), ("artists.parquet", artists, 2)];
    let model = stored.load(&files, |_| {}).unwrap();
    assert_eq!(model.tables.rules.len(), 3);
}

#[test]
fn rules_that_contradict_themselves_or_the_songs() {
    let stored = Stored::new();
    let reject = |rows: &[Row], reason| stored.reject_rules(rows, reason);
    reject(&[(&[0], 7, 1, 8, 1, 0)], "does not exist");
    reject(&[(&[0], i32::MAX, 1, 8, 1, 0)], "does not exist");
    reject(&[(&[0], -1, 1, 8, 1, 0)], "below 0");
    reject(&[(&[7], 0, 1, 8, 1, 0)], "does not exist");
    reject(&[(&[i32::MAX], 0, 1, 8, 1, 0)], "does not exist");
    reject(&[(&[-1], 0, 1, 8, 1, 0)], "below 0");
    reject(&[(&[0], 1, 6, 8, 1, 0)], "rarer than the rule");
    reject(&[(&[0], 1, 4, 7, 1, 0)], "wrong count");
    reject(&[(&[0, 1], 2, 2, 6, 1, 0)], "wrong count");
    reject(&[(&[0], 1, 9, 8, 1, 0)], "above its antecedent count");
    reject(&[(&[0], 1, 0, 8, 1, 0)], "support count is 0");
    reject(&[(&[0], 1, -4, 8, 1, 0)], "below 0");
    reject(&[(&[0], 1, 4, 8, 1 << 16, 0)], "is not 0 to 65535");
    reject(&[(&[0], 1, 4, 8, 0, 1 << 16)], "is not 0 to 65535");
    reject(&[(&[0], 1, 4, 8, -1, 0)], "below 0");
    // Twice, in another order, and antecedents that are no sets.
    reject(&[(&[0], 1, 4, 8, 1, 0), (&[0], 1, 4, 8, 1, 0)], "do not ascend");
    reject(&[(&[0], 2, 2, 8, 1, 0), (&[0], 1, 4, 8, 1, 0)], "do not ascend");
    reject(&[(&[1], 0, 4, 5, 1, 0), (&[0], 1, 4, 8, 1, 0)], "does not come after");
    reject(&[(&[0, 1], 2, 2, 4, 1, 0), (&[0], 1, 4, 8, 1, 0)], "does not come after");
    reject(&[(&[1, 0], 2, 2, 4, 1, 0)], "does not ascend");
    reject(&[(&[0, 0], 2, 2, 4, 1, 0)], "does not ascend");
    reject(&[(&[], 2, 2, 4, 1, 0)], "is empty");
    reject(&[(&[0, 1], 2, 1, 4, 1, 0), (&[0, 1], 0, 1, 3, 1, 0)], "other counts");
    // Who has a song has it: that is no rule.
    reject(&[(&[0], 0, 8, 8, 1, 0)], "is in its antecedent");
    reject(&[(&[0, 1], 1, 2, 4, 1, 0)], "is in its antecedent");
}

#[test]
fn songs_and_artists_that_contradict_themselves() {
    let stored = Stored::new();
    let reject = |rows: &[(i32, &[u8], i32)], reason: &str| {
        let table: Vec<_> = rows.iter().map(|row| (row.0, row.1.to_vec().into(), row.2)).collect();
        stored.reject(&[("songs.parquet", songs(&table), rows.len() as u64)], |_| {}, reason);
    };
    reject(&[(0, b"A", 8), (0, b"B", 5), (2, b"C", 3)], "has the id 0");
    reject(&[(-1, b"A", 8)], "has the id -1");
    reject(&[(0, b"A", 5), (1, b"B", 8), (2, b"C", 3)], "must be above 0 and fall");
    reject(&[(0, b"A", 8), (1, b"B", 0)], "must be above 0 and fall");
    reject(&[(0, b"A", -8)], "below 0");
    reject(&[(0, b"A", 11), (1, b"B", 5), (2, b"C", 3)], "more than all 10 playlists");
    reject(&[(0, b"\xff\xfe", 8)], "invalid utf-8");
    // None at all, of which the rules speak.
    reject(&[], "does not exist");

    let reject = |rows: &[(i32, &str, i32, &[i32])], reason: &str| {
        stored.reject(&[("artists.parquet", artists(rows), rows.len() as u64)], |_| {}, reason);
    };
    reject(&[(0, "X", 8, &[3])], "a song that does not exist");
    reject(&[(0, "X", 8, &[i32::MAX])], "a song that does not exist");
    reject(&[(0, "X", 8, &[-1])], "below 0");
    reject(&[(0, "X", 8, &[])], "no songs");
    reject(&[(0, "X", 8, &[1, 0])], "do not ascend");
    reject(&[(0, "X", 11, &[0])], "more than all 10 playlists");
    reject(&[(0, "X", 3, &[0]), (1, "Y", 8, &[1])], "must be above 0 and fall");
}

/// Sets what a JSON pointer points at, which need not be there yet.
fn set(json: &mut Value, pointer: &str, value: Value) {
    let mut place = json;
    for key in pointer.split('/').skip(1) {
        place = &mut place[key];
    }
    *place = value;
}

#[test]
fn a_manifest_with_numbers_that_no_score_can_be_computed_with() {
    let stored = Stored::new();
    for scale in ["weight_scale", "many_weight_scale", "artist_weight_scale"] {
        for value in [json!(0), json!(-1), json!(-0.0), json!(1e10), json!(1e308)] {
            stored.reject(&[], |manifest| manifest["scoring"][scale] = value, "a weight scale");
        }
        stored.reject(&[], |manifest| manifest["scoring"][scale] = Value::Null, "is not a manifest");
        stored.reject(&[], |manifest| manifest["scoring"][scale] = "NaN".into(), "is not a manifest");
    }
    let by_seeds = |value: Value, reason| {
        stored.reject(&[], |manifest| manifest["scoring"]["by_seeds"] = value, reason);
    };
    let entry = |seeds: u64, share: f64| json!({ "seeds": seeds, "many_share": share, "damping": 0.5, "artist_share": 0.5 });
    by_seeds(json!([]), "`by_seeds`");
    by_seeds(json!([entry(5, 0.0), entry(1, 0.0)]), "`by_seeds`");
    by_seeds(json!([entry(5, 0.0), entry(5, 0.0)]), "`by_seeds`");
    by_seeds(json!([entry(0, 0.0)]), "`by_seeds`");
    by_seeds(json!([entry(1, 1.5)]), "`by_seeds`");
    by_seeds(json!([entry(1, -0.5)]), "`by_seeds`");
    by_seeds(json!([entry(1 << 40, 0.5)]), "is not a manifest");
    by_seeds(json!({}), "is not a manifest");
    for (pointer, value, reason) in [
        ("/dataset/playlists", json!(0), "more than all 0 playlists"),
        ("/dataset/playlists", json!(-1), "is not a manifest"),
        ("/dataset/songs", json!(4), "the manifest tells of 4 songs"),
        ("/counts/rules", json!(u64::MAX), "the manifest tells of"),
        ("/counts/longer_rules", json!(1), "longer rules"),
        ("/files/rules.parquet/rows", json!(u64::MAX), "according to the manifest"),
        ("/files/rules.parquet/bytes", json!(u64::MAX), "it is shorter"),
        ("/files/rules.parquet/sha256", json!(""), "its SHA-256"),
        ("/format", json!(0), "has format 0"),
        ("/format", json!(-1), "is not a manifest"),
        ("/format", json!(u64::MAX), "deploy the recommender"),
        ("/trained_at", json!("yesterday"), "is not a manifest"),
        ("/published_at", json!(0), "is not a manifest"),
        ("/files", json!({ "../../CURRENT": { "bytes": 0, "sha256": "", "rows": 0 } }), "does not name it"),
    ] {
        stored.reject(&[], |manifest| set(manifest, pointer, value), reason);
    }
}

#[test]
fn a_manifest_that_is_nested_deeply_or_twice_or_not_json() {
    let stored = Stored::new();
    let intact = String::from_utf8(stored.read("manifest.json")).unwrap();
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000));
    let with = |field: &str| intact.replacen('{', &format!("{{{field},"), 1);
    for manifest in [
        String::new(),
        "{}".to_owned(),
        "[]".to_owned(),
        deep("[", "]"),
        deep("{\"format\":", "}"),
        format!("{{\"format\":2,\"dataset\":{}}}", deep("[", "]")),
        // A field twice, the manifest twice, and cut off.
        with("\"format\":1"),
        format!("{intact}{intact}"),
        intact[..intact.len() / 2].to_owned(),
        format!("{intact}\0"),
    ] {
        let error = stored.load_manifest(manifest.as_bytes(), &[]).unwrap_err();
        assert!(matches!(error, VolumeError::BadManifest { .. }), "{error:?}");
    }
    // What a reader does not know it ignores, as long as it can be read.
    let unknown = with(&format!("\"new\":{}", deep("[", "]")));
    let error = stored.load_manifest(unknown.as_bytes(), &[]).unwrap_err();
    assert!(matches!(error, VolumeError::BadManifest { .. }), "{error:?}");
}

#[test]
fn a_manifest_of_a_gigabyte_is_rejected_without_reading_it() {
    let stored = Stored::new();
    let path = stored.volume.root().join("versions").join(stored.version.as_str()).join("manifest.json");
    // It takes no room on the disk.
    fs::OpenOptions::new().write(true).open(path).unwrap().set_len(1 << 30).unwrap();

    let error = stored.volume.load(&stored.version).unwrap_err();

    assert!(matches!(error, VolumeError::Damaged { .. }), "{error:?}");
}

#[test]
fn a_name_with_the_digest_of_another_manifest() {
    let stored = Stored::new();
    let other: VersionName = "other-0123456789abcdef".parse().unwrap();
    let versions = stored.volume.root().join("versions");
    fs::rename(versions.join(stored.version.as_str()), versions.join(other.as_str())).unwrap();

    let error = stored.volume.load(&other).unwrap_err();

    assert!(with_causes(&error).contains("not as its version's name ends"), "{error}");
}

#[test]
fn tables_with_other_columns_or_nulls() {
    let stored = Stored::new();
    for (from, to) in [
        ("required int32 weight", "optional int32 weight"),
        ("required int32 weight", "required int64 weight"),
        ("required int32 weight", "required double weight"),
        ("required int32 weight;", ""),
        ("required int32 weight", "required int32 wait"),
        ("required int32 weight", "required int32 weight (INTEGER(8, true))"),
    ] {
        let schema = parse_message_type(&RULES.replace(from, to)).unwrap();
        let bytes = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::default())
            .unwrap()
            .into_inner()
            .unwrap();
        stored.reject(&[("rules.parquet", bytes, 0)], |_| {}, "its columns are not those of this format");
    }
    for bytes in [&b""[..], b"PAR1", b"PAR1PAR1", b"PAR1\0\0\0\0PAR1", b"PAR1\xff\xff\xff\x7fPAR1"] {
        stored.reject(&[("rules.parquet", bytes.to_vec(), 0)], |_| {}, "is not a table of a model");
    }
}

/// The same file with other facts in its footer.
fn with_footer(bytes: &[u8], change: impl Fn(RowGroupMetaData) -> Vec<RowGroupMetaData>) -> Vec<u8> {
    let input = bytes::Bytes::copy_from_slice(bytes);
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&input).unwrap();
    let footer_len = u32::from_le_bytes(*bytes[..bytes.len() - 4].last_chunk().unwrap()) as usize;
    let mut changed = bytes[..bytes.len() - 8 - footer_len].to_vec();
    let groups = metadata.row_groups().iter().cloned().flat_map(change).collect();
    let metadata = ParquetMetaData::new(metadata.file_metadata().clone(), groups);
    ParquetMetaDataWriter::new(&mut changed, &metadata).finish().unwrap();
    changed
}

#[test]
fn a_small_file_that_claims_two_billion_rows() {
    let stored = Stored::new();
    let intact = stored.read("rules.parquet");
    let claim = |rows: i64| {
        with_footer(&intact, |group| {
            let columns = group.columns().iter().cloned();
            let columns = columns.map(|column| column.into_builder().set_num_values(rows).build().unwrap());
            vec![
                group
                    .clone()
                    .into_builder()
                    .set_num_rows(rows)
                    .set_column_metadata(columns.collect())
                    .build()
                    .unwrap(),
            ]
        })
    };
    for rows in [1 << 20, 1 << 31, i64::MAX] {
        // The manifest tells another number, or is in on it.
        stored.reject(
            &[("rules.parquet", claim(rows), rows as u64)],
            |manifest| manifest["files"]["rules.parquet"]["rows"] = 4.into(),
            "according to the manifest",
        );
        let reason = if rows > 1 << 20 { "a row group has" } else { "" };
        stored.reject(&[("rules.parquet", claim(rows), rows as u64)], |_| {}, reason);
    }
    stored.reject(&[("rules.parquet", claim(-1), 0)], |_| {}, "a negative number of rows");
    // Two billion rows in two thousand groups, which are the same bytes again and again.
    let many = with_footer(&intact, |group| {
        let group = group.into_builder().set_num_rows(1 << 20).build().unwrap();
        vec![group; 1 << 11]
    });
    stored.reject(&[("rules.parquet", many, 1 << 31)], |_| {}, "of 1048576 rows");
}

#[test]
fn a_small_file_whose_texts_are_gigabytes() {
    let stored = Stored::new();
    // Of the title, which is in a dictionary, there is one.
    let title = ByteArray::from(vec![b'a'; 1 << 20]);
    let rows: Vec<_> = (0..300).map(|id| (id, title.clone(), 1)).collect();
    let bytes = songs(&rows);
    assert!(bytes.len() < 1 << 16, "{} bytes", bytes.len());

    stored.reject(&[("songs.parquet", bytes, 300)], |_| {}, "the texts of a row group");
}
