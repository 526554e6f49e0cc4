//! Rules become a table while they come: the same table however they are pushed, and only if they are valid.

#![cfg(test)]

mod support;

use std::{fs, time::Duration};

use model::{
    Artists, Consequent, Counts, EncodedRules, EncodedTables, InvalidTable, LongerRule, LongerRulesEncoder,
    Metadata, Rule, Rules, RulesEncoder, Songs, Volume, Weights,
};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use support::{metadata, tables};

/// Enough songs that all pairs of them are more rules than two row groups hold.
const MANY_SONGS: u32 = 1_500;

fn many_songs() -> Songs {
    let mut songs = Songs::default();
    for id in 0..MANY_SONGS {
        songs.push(&id.to_string(), "", [], 2 * MANY_SONGS - id).unwrap();
    }
    songs
}

/// A rule from every song to every other, and some with longer antecedents.
fn all_pairs(songs: &Songs) -> Vec<(Vec<u32>, u32, Vec<Consequent>)> {
    let consequents = |antecedent: &[u32], count: u32| {
        (0..MANY_SONGS)
            .filter(|song| !antecedent.contains(song))
            .map(|song| Consequent {
                song,
                support_count: (song * 31 % count + 1).min(2 * MANY_SONGS - song),
                weight: (song % 300) as u16,
                many_weight: (song % 7) as u16,
            })
            .collect()
    };
    let single = (0..MANY_SONGS).map(|id| vec![id]);
    let longer = (1..40).map(|id| vec![0, id]);
    single
        .chain(longer)
        .map(|antecedent| {
            let count = songs.get(*antecedent.last().unwrap()).support_count;
            let consequents = consequents(&antecedent, count);
            (antecedent, count, consequents)
        })
        .collect()
}

#[test]
fn the_same_rules_become_the_same_bytes_however_they_are_pushed() {
    let songs = many_songs();
    let groups = all_pairs(&songs);
    let encode = |at_a_time: usize| {
        let mut encoder = RulesEncoder::for_songs(&songs).unwrap();
        for (antecedent, count, consequents) in &groups {
            for consequents in consequents.chunks(at_a_time) {
                encoder.push(antecedent, *count, consequents.iter().copied()).unwrap();
            }
        }
        encoder.finish().unwrap()
    };

    let whole = encode(usize::MAX);

    assert_eq!(whole, encode(1));
    assert_eq!(whole, encode(7));
    assert_eq!(whole.len(), groups.iter().map(|group| group.2.len() as u64).sum::<u64>());
}

#[test]
fn rules_of_several_row_groups_are_read_back_equal() {
    let songs = many_songs();
    let mut rules = Rules::default();
    for (antecedent, antecedent_count, consequents) in &all_pairs(&songs) {
        for &Consequent { song, support_count, weight, many_weight } in consequents {
            rules
                .push(Rule {
                    antecedent,
                    antecedent_count: *antecedent_count,
                    consequent: song,
                    support_count,
                    weight,
                    many_weight,
                })
                .unwrap();
        }
    }
    let tables = model::Tables { songs, rules, ..model::Tables::default() };
    let mut metadata = metadata("many");
    metadata.dataset.songs = MANY_SONGS;
    metadata.dataset.artists = 0;
    metadata.dataset.playlists = 2 * MANY_SONGS;
    metadata.counts = Counts { rules: tables.rules.len() as u64, ..Counts::default() };
    let folder = tempfile::tempdir().unwrap();
    let volume = Volume::new(folder.path());

    let version = volume.publication(Duration::ZERO).unwrap().store(&metadata, &tables).unwrap();

    assert_eq!(volume.load(&version).unwrap().tables, tables);
}

fn encode_rows(
    mut encoder: RulesEncoder<'_>,
    rows: &[(&[u32], u32, u32, u32)],
) -> Result<EncodedRules, InvalidTable> {
    for &(antecedent, antecedent_count, song, support_count) in rows {
        let consequent = Consequent { song, support_count, weight: 1, many_weight: 0 };
        encoder.push(antecedent, antecedent_count, [consequent])?;
    }
    encoder.finish()
}

#[test]
fn rules_that_contradict_the_songs_or_do_not_ascend_are_refused() {
    let songs = tables().songs;
    let encode =
        |rows: &[(&[u32], u32, u32, u32)]| encode_rows(RulesEncoder::for_songs(&songs).unwrap(), rows);
    let valid: &[(&[u32], u32, u32, u32)] =
        &[(&[0], 8, 1, 5), (&[0], 8, 2, 3), (&[1], 5, 0, 1), (&[0, 1], 5, 2, 3)];
    assert_eq!(encode(valid).unwrap().len(), 4);

    for (rows, problem) in [
        (&[(&[][..], 1, 1, 1)][..], "empty"),
        (&[(&[1, 0], 3, 2, 1)], "does not ascend"),
        (&[(&[0, 0], 3, 2, 1)], "does not ascend"),
        (&[(&[3], 1, 0, 1)], "does not exist"),
        (&[(&[0, 3], 1, 1, 1)], "does not exist"),
        (&[(&[0], 7, 1, 1)], "wrong count 7"),
        (&[(&[0, 1], 6, 2, 1)], "wrong count 6"),
        (&[(&[0], 8, 3, 1)], "consequent does not exist"),
        (&[(&[0], 8, 2, 4)], "support count 4"),
        (&[(&[0, 2], 2, 1, 3)], "support count 3"),
        (&[(&[0], 8, 2, 0)], "support count 0"),
        (&[(&[0], 8, 1, 1), (&[0], 8, 1, 1)], "come after"),
        (&[(&[0], 8, 2, 1), (&[0], 8, 1, 1)], "come after"),
        (&[(&[1], 5, 0, 1), (&[0], 8, 1, 1)], "come after"),
        (&[(&[0, 1], 5, 2, 1), (&[0], 8, 1, 1)], "come after"),
        (&[(&[0, 1], 5, 2, 1), (&[0, 1], 4, 2, 1)], "another count"),
    ] {
        let error = encode(rows).unwrap_err().to_string();
        assert!(error.contains(problem), "{rows:?}: {error}");
    }
}

#[test]
fn artist_rules_that_contradict_the_artists_are_refused() {
    let (songs, artists) = (tables().songs, tables().artists);
    let encode = |rows: &[(&[u32], u32, u32, u32)]| {
        encode_rows(RulesEncoder::for_artists(&artists, &songs).unwrap(), rows)
    };
    encode(&[(&[0], 8, 0, 8), (&[1], 3, 0, 3)]).unwrap();

    encode(&[(&[1], 5, 0, 3)]).unwrap_err();
    encode(&[(&[2], 3, 0, 3)]).unwrap_err();
    encode(&[(&[0, 1], 3, 0, 3)]).unwrap_err();
}

#[test]
fn an_artist_rule_with_a_weight_for_many_seeds_is_refused() {
    let (songs, artists) = (tables().songs, tables().artists);
    let mut encoder = RulesEncoder::for_artists(&artists, &songs).unwrap();
    let consequent = Consequent { song: 0, support_count: 8, weight: 1, many_weight: 1 };

    let error = encoder.push(&[0], 8, [consequent]).unwrap_err().to_string();

    assert!(error.contains("many_weight"), "{error}");
}

#[test]
fn weights_for_many_seeds_that_are_all_0_take_no_memory() {
    let rules = |many_weight: u16| {
        let mut rules = Rules::default();
        for (row, rule) in tables().rules.iter().enumerate() {
            let many_weight = if row == 2 { many_weight } else { 0 };
            rules.push(Rule { weight: 1, many_weight, ..rule }).unwrap();
        }
        rules
    };

    let zeros = rules(0);

    assert!(zeros.iter().all(|rule| rule.many_weight == 0));
    assert!(zeros.groups().all(|group| group.many_weights == Weights::Zeros(group.consequents.len())));
    assert!(zeros.memory_bytes() < rules(1).memory_bytes());
    let many_weights = |rules: &Rules| rules.iter().map(|rule| rule.many_weight).collect::<Vec<_>>();
    assert_eq!(many_weights(&rules(1)), [0, 0, 1, 0]);
    assert_eq!(many_weights(&rules(65_535)), [0, 0, 65_535, 0]);
}

#[test]
fn counts_that_do_not_fit_into_the_table_are_refused() {
    let mut songs = Songs::default();
    songs.push("Everybody's", "", [], 1 << 31).unwrap();
    let mut artists = Artists::default();
    artists.push("Everybody", 1 << 31, &[0]).unwrap();

    assert!(RulesEncoder::for_songs(&songs).is_err());
    assert!(RulesEncoder::for_artists(&artists, &Songs::default()).is_err());
    assert!(LongerRulesEncoder::new(&songs).is_err());
}

fn longer<'a>(antecedent: &'a [u32], consequent: &'a [u32], counts: [u32; 3]) -> LongerRule<'a> {
    let [support_count, antecedent_count, consequent_count] = counts;
    LongerRule { antecedent, consequent, support_count, antecedent_count, consequent_count }
}

fn four_songs() -> Songs {
    let mut songs = Songs::default();
    for (title, support_count) in [("a", 9), ("b", 8), ("c", 8), ("d", 2)] {
        songs.push(title, "", [], support_count).unwrap();
    }
    songs
}

#[test]
fn longer_rules_are_published_verified_and_not_needed_to_serve() {
    let mut tables = tables();
    tables.songs = four_songs();
    tables.artists = Artists::default();
    tables.rules = Rules::default();
    tables.artist_rules = Rules::default();
    let mut encoder = LongerRulesEncoder::new(&tables.songs).unwrap();
    for rule in [
        longer(&[0], &[1, 2], [7, 9, 7]),
        longer(&[0], &[1, 3], [2, 9, 2]),
        longer(&[0], &[1, 2, 3], [1, 9, 2]),
        longer(&[1], &[0, 2], [7, 8, 8]),
        longer(&[0, 1], &[2, 3], [2, 8, 2]),
    ] {
        encoder.push(rule).unwrap();
    }
    let encoded = EncodedTables { longer_rules: Some(encoder.finish().unwrap()), ..tables.encode().unwrap() };
    let mut metadata = metadata("longer");
    metadata.dataset.songs = 4;
    metadata.dataset.artists = 0;
    metadata.counts = Counts { longer_rules: 5, ..Counts::default() };
    let folder = tempfile::tempdir().unwrap();
    let volume = Volume::new(folder.path());
    let publication = volume.publication(Duration::ZERO).unwrap();

    let miscounted = Metadata { counts: Counts::default(), ..metadata.clone() };
    publication.store_encoded(&miscounted, &encoded).unwrap_err();
    let version = publication.store_encoded(&metadata, &encoded).unwrap();

    let manifest = volume.verify(&version).unwrap();
    assert_eq!(manifest.files["longer_rules.parquet"].rows, 5);
    assert_eq!(manifest.metadata.counts.longer_rules, 5);
    let path = folder.path().join("versions").join(version.as_str()).join("longer_rules.parquet");
    let file = SerializedFileReader::new(fs::File::open(&path).unwrap()).unwrap();
    let rows: Vec<String> = file.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
    assert_eq!(
        rows[4],
        "{antecedent: [0, 1], consequent: [2, 3], support_count: 2, antecedent_count: 8, consequent_count: 2}"
    );
    assert_eq!(rows.len(), 5);

    let mut bytes = fs::read(&path).unwrap();
    bytes[9] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(volume.verify(&version).unwrap_err().to_string().contains("longer_rules.parquet"));
    assert_eq!(volume.load(&version).unwrap().tables, tables);
}

#[test]
fn longer_rules_that_contradict_the_songs_or_do_not_ascend_are_refused() {
    let songs = four_songs();
    for (rules, problem) in [
        (&[longer(&[], &[1, 2], [1, 1, 1])][..], "empty"),
        (&[longer(&[0], &[], [1, 9, 1])], "fewer than two"),
        (&[longer(&[0], &[1], [1, 9, 8])], "fewer than two"),
        (&[longer(&[0], &[2, 1], [1, 9, 1])], "does not ascend"),
        (&[longer(&[0], &[0, 1], [1, 9, 1])], "a song of its antecedent"),
        (&[longer(&[0], &[1, 4], [1, 9, 1])], "does not exist"),
        (&[longer(&[4], &[0, 1], [1, 1, 1])], "does not exist"),
        (&[longer(&[0], &[1, 3], [1, 9, 3])], "rarer"),
        (&[longer(&[0], &[1, 2], [1, 8, 8])], "wrong count"),
        (&[longer(&[0], &[1, 2], [0, 9, 8])], "support count"),
        (&[longer(&[3], &[1, 2], [3, 2, 8])], "support count"),
        (&[longer(&[0], &[1, 2], [7, 9, 6])], "support count"),
        (&[longer(&[0], &[1, 2], [1, 9, 8]), longer(&[0], &[1, 2], [1, 9, 8])], "come after"),
        (&[longer(&[0], &[1, 2, 3], [1, 9, 1]), longer(&[0], &[1, 2], [1, 9, 8])], "come after"),
        (&[longer(&[1], &[0, 2], [1, 8, 8]), longer(&[0], &[1, 2], [1, 9, 8])], "come after"),
    ] {
        let mut encoder = LongerRulesEncoder::new(&songs).unwrap();
        let error = rules.iter().try_for_each(|&rule| encoder.push(rule)).unwrap_err().to_string();
        assert!(error.contains(problem), "{rules:?}: {error}");
    }
}

#[test]
fn the_group_of_one_id_is_found_wherever_ids_have_no_rules() {
    for with_rules in [vec![], vec![0], vec![7], (0..40).collect(), vec![1, 2, 9, 10, 11, 30, 39]] {
        let mut rules = Rules::default();
        let longer = [vec![0, 1], vec![3, 4]];
        for antecedent in with_rules.iter().map(|&id| vec![id]).chain(longer) {
            rules
                .push(Rule {
                    antecedent: &antecedent,
                    antecedent_count: 1,
                    consequent: 0,
                    support_count: 1,
                    weight: 1,
                    many_weight: 0,
                })
                .unwrap();
        }
        for id in (0..50).chain([u32::MAX]) {
            let expected = with_rules.iter().position(|&other| other == id);
            assert_eq!(rules.single(id), expected, "{id} of {with_rules:?}");
        }
    }
}
