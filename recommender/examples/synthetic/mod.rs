//! Chance, and models of any size.
#![allow(dead_code, reason = "each example uses a part of it")]

use std::time::{Duration, Instant};

use model::{
    Artists, Consequent, Counts, Dataset, EncodedTables, Metadata, Parameters, RulesEncoder, Scoring,
    SeedScoring, SongId, Songs, TrainerBuild, VersionName, Volume,
};

/// SplitMix64 (Steele, Lea and Flood 2014).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// One of so many songs; the popular ones, which have small ids, are likelier.
    pub(crate) fn popular(&mut self, songs: usize) -> SongId {
        let share = self.below(1 << 53) as f64 / (1_u64 << 53) as f64;
        (share.powi(3) * songs as f64) as SongId
    }
}

fn support_count(song: usize) -> u32 {
    (40_000.0 / (song as f64 + 1.0).powf(0.7)) as u32 + 3
}

/// Songs with Zipf support counts and titles of a few words; always the same for a number.
pub(crate) fn songs(count: usize) -> Songs {
    let mut random = Random(1);
    let syllables =
        ["ba", "da", "ko", "li", "mo", "ne", "ra", "su", "ti", "va", "we", "yo", "chi", "sta", "tru", "an"];
    let words: Vec<String> = (0..30_000)
        .map(|_| (0..1 + random.below(3)).map(|_| syllables[random.below(syllables.len())]).collect())
        .collect();
    let name = |words: &[String], random: &mut Random, most: usize| {
        let mut name = String::new();
        for _ in 0..1 + random.below(most) {
            let word = &words[random.popular(words.len()) as usize];
            if !name.is_empty() {
                name.push(' ');
            }
            name.push_str(&word[..1].to_uppercase());
            name.push_str(&word[1..]);
        }
        name
    };
    let artists: Vec<String> = (0..count / 7 + 1).map(|_| name(&words, &mut random, 3)).collect();
    let mut songs = Songs::default();
    for song in 0..count {
        let mut title = name(&words, &mut random, 5);
        match random.below(20) {
            0 => title.push_str(" (feat. Somebody)"),
            1 => title.push_str(" - Remastered 2011"),
            2 => title.push_str(" Açúcar"),
            _ => {}
        }
        let artist = &artists[random.popular(artists.len()) as usize];
        let uri = format!("spotify:track:{:016x}{:06x}", random.next(), random.below(1 << 24));
        songs.push(&title, artist, [&uri[..]], support_count(song)).unwrap();
    }
    songs
}

/// Stores a model with so many rules; also gives the time in which these were encoded.
pub(crate) fn store(volume: &Volume, songs: &Songs, rule_count: usize) -> (VersionName, Duration) {
    let mut random = Random(2);
    let mut encoder = RulesEncoder::for_songs(songs).unwrap();
    let mut encoding = Duration::ZERO;
    let weight_of = |song: usize| (song as f64 + 10.0).powf(-0.5);
    let all: f64 = (0..songs.len()).map(weight_of).sum();
    let mut left = rule_count;
    for song in 0..songs.len() {
        let antecedent_count = support_count(song);
        let share = (rule_count as f64 * weight_of(song) / all).ceil() as usize;
        let mut consequents: Vec<SongId> = (0..share.min(left))
            .map(|_| random.popular(songs.len()))
            .filter(|&id| id as usize != song)
            .collect();
        consequents.sort_unstable();
        consequents.dedup();
        left -= consequents.len();
        let rules: Vec<Consequent> = consequents
            .into_iter()
            .map(|id| {
                let most = antecedent_count.min(support_count(id as usize));
                let support_count = 2 + (most - 2) / (8 + random.below(400) as u32) + random.below(2) as u32;
                let support_count = support_count.min(most);
                let weight = (255 * support_count / antecedent_count).clamp(1, 255) as u16;
                Consequent { song: id, support_count, weight, many_weight: 0 }
            })
            .collect();
        let begin = Instant::now();
        encoder.push(&[song as SongId], antecedent_count, rules).unwrap();
        encoding += begin.elapsed();
    }
    let begin = Instant::now();
    let rules = encoder.finish().unwrap();
    encoding += begin.elapsed();
    let artists = Artists::default();
    let artist_rules = RulesEncoder::for_artists(&artists, songs).unwrap().finish().unwrap();
    let metadata = metadata(songs, rules.len());
    let tables = EncodedTables { songs, artists: &artists, rules, artist_rules, longer_rules: None };
    (volume.publication(Duration::ZERO).unwrap().store_encoded(&metadata, &tables).unwrap(), encoding)
}

fn metadata(songs: &Songs, rules: u64) -> Metadata {
    Metadata {
        trained_at: "2026-01-02T03:04:05Z".parse().unwrap(),
        key: "synthetic".to_owned(),
        trainer: TrainerBuild { version: "0.0.0".to_owned(), revision: "unknown".to_owned() },
        dataset: Dataset {
            location: "synthetic".to_owned(),
            etag: None,
            sha256: String::new(),
            bytes: 0,
            rows: 0,
            skipped_rows: 0,
            playlists: 1_000_000,
            songs: songs.len() as u32,
            artists: 0,
        },
        parameters: Parameters {
            item_key: "song".to_owned(),
            min_support: "1".to_owned(),
            min_support_count: 1,
            min_confidence: "0".to_owned(),
            min_pair_count: 2,
            max_rules_per_song: None,
            max_length: None,
            max_consequent_length: 1,
        },
        counts: Counts { rules, ..Counts::default() },
        scoring: Scoring {
            weight_scale: 1.0 / 255.0,
            artist_weight_scale: 1.0 / 255.0,
            many_weight_scale: 1.0,
            by_seeds: vec![SeedScoring { seeds: 1, many_share: 0.0, damping: 0.4, artist_share: 0.0 }],
        },
        learning: None,
        evaluation: None,
        refusal: None,
        stages: Vec::new(),
    }
}
