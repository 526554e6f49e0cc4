//! Itemsets and rules of real data equal those that Borgelt's miners and mlxtend found.

#![expect(clippy::unwrap_used, reason = "the functions that tests share are tests too")]

mod real_data;

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::Read,
};

use flate2::read::MultiGzDecoder;
use real_data::real_data;
use trainer::{Baskets, MinConfidence, itemset_rules, mine_itemsets};
use unicode_normalization::UnicodeNormalization;

/// A file of the shared data, decompressed; `None`, visibly, where there are no such data.
fn shared(path: &str) -> Option<String> {
    let found = real_data(path)?;
    let mut text = String::new();
    let mut file = File::open(found).unwrap();
    if path.ends_with(".gz") {
        MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
    } else {
        file.read_to_string(&mut text).unwrap();
    }
    Some(text)
}

/// Transactions of one line each.
fn transactions(text: &str) -> Baskets {
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.split_ascii_whitespace().map(|item| item.parse().unwrap()).collect::<Vec<u32>>())
        .collect()
}

/// Playlists by title, trimmed and in Unicode's form C, and the titles by item.
fn playlists(text: &str) -> (Baskets, Vec<String>) {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let column = |name: &str| headers.iter().position(|header| header == name).unwrap();
    let (pid, title) = (column("pid"), column("track_name"));
    let mut titles = Vec::new();
    let mut items: HashMap<String, u32> = HashMap::new();
    let mut playlists: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for row in reader.records() {
        let row = row.unwrap();
        let title: String = row[title].trim().nfc().collect();
        if title.is_empty() {
            continue;
        }
        let item = *items.entry(title.clone()).or_insert_with(|| {
            titles.push(title);
            titles.len() as u32 - 1
        });
        playlists.entry(row[pid].to_owned()).or_default().push(item);
    }
    (playlists.into_values().collect(), titles)
}

fn assert_answers(baskets: &Baskets, transactions: usize, min_count: u32, by_size: &[u64], rules: usize) {
    assert_eq!(baskets.len(), transactions);
    let itemsets = mine_itemsets(baskets, min_count, None, 1_000_000).unwrap();
    assert_eq!(itemsets.by_size(), by_size);
    let min_confidence: MinConfidence = "0.5".parse().unwrap();
    assert_eq!(itemset_rules(&itemsets, &min_confidence).len(), rules);
}

#[test]
fn sample_playlists_have_borgelts_itemsets_and_rules() {
    let Some(text) = shared("course/playlist-sample-ds1.csv") else { return };
    assert_answers(&playlists(&text).0, 500, 5, &[448, 61, 12, 1], 145);
}

#[test]
fn sample_playlists_have_mlxtends_itemsets_with_their_supports() {
    let Some(text) = shared("course/playlist-sample-ds1.csv") else { return };
    let Some(answers) = shared("course/expected/sample-ds1.track_name.minsup0.01.mlxtend-apriori.tsv") else {
        return;
    };
    let (baskets, titles) = playlists(&text);
    let min_count = "0.01".parse::<trainer::MinSupport>().unwrap().count(baskets.len() as u32);
    let itemsets = mine_itemsets(&baskets, min_count, None, 1_000_000).unwrap();
    let mut ours: Vec<(u32, Vec<&str>)> = itemsets
        .iter()
        .map(|(items, count)| {
            let mut itemset: Vec<&str> = items.iter().map(|&item| titles[item as usize].as_str()).collect();
            itemset.sort_unstable();
            (count, itemset)
        })
        .collect();
    let mut theirs: Vec<(u32, Vec<&str>)> = answers
        .lines()
        .map(|line| {
            let mut fields = line.split('\t');
            let support: f64 = fields.next().unwrap().parse().unwrap();
            let size: usize = fields.next().unwrap().parse().unwrap();
            let mut itemset: Vec<&str> = fields.next().unwrap().split(" || ").collect();
            itemset.sort_unstable();
            assert_eq!(itemset.len(), size, "{line}");
            ((support * baskets.len() as f64).round() as u32, itemset)
        })
        .collect();
    ours.sort();
    theirs.sort();
    assert_eq!(theirs.len(), 522);
    assert_eq!(ours, theirs);
}

#[test]
fn dense_playlists_have_borgelts_itemsets_and_rules() {
    let Some(text) = shared("mpd/dense-ds1-like.csv.gz") else { return };
    let (baskets, _) = playlists(&text);
    assert_answers(&baskets, 1_293, 40, &[485, 337, 226, 14], 1_078);
    assert_answers(&baskets, 1_293, 26, &[1043, 1962, 2908, 2258, 762, 42], 21_744);
}

#[test]
fn retail_has_borgelts_itemsets_and_rules() {
    let Some(text) = shared("fimi/retail.dat.gz") else { return };
    assert_answers(&transactions(&text), 88_162, 88, &[2140, 3314, 1831, 391, 36], 5_832);
}

#[test]
fn synthetic_transactions_have_borgelts_itemsets_and_rules() {
    let Some(text) = shared("fimi/T10I4D100K.dat.gz") else { return };
    let by_size = [797, 8831, 7130, 5499, 3188, 1429, 503, 130, 23, 2];
    assert_answers(&transactions(&text), 100_000, 100, &by_size, 72_054);
}

#[test]
fn mushrooms_have_borgelts_itemsets_and_rules() {
    let Some(text) = shared("fimi/mushroom.dat.gz") else { return };
    let by_size = [43, 376, 1472, 3559, 6267, 8802, 10151, 9488, 7010, 4004, 1729, 546, 119, 16, 1];
    assert_answers(&transactions(&text), 8_124, 1_625, &by_size, 377_677);
}

#[test]
fn chess_positions_have_borgelts_itemsets_and_rules() {
    let Some(text) = shared("fimi/chess.dat.gz") else { return };
    let by_size = [24, 238, 1237, 3868, 7924, 11176, 11167, 7963, 3921, 1227, 208, 15, 1];
    assert_answers(&transactions(&text), 3_196, 2_237, &by_size, 318_248);
}

#[test]
fn web_clicks_have_borgelts_itemsets_and_rules() {
    let Some(text) = shared("fimi/BMS1.dat.gz") else { return };
    assert_answers(&transactions(&text), 59_602, 60, &[343, 1573, 1492, 522, 59, 2], 3_928);
}
