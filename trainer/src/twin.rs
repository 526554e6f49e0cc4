use std::collections::HashMap;

use model::{ArtistId, Evaluation, Scoring, SongId};

use crate::{
    baskets::Baskets,
    dataset::Dataset,
    evaluation::{Recommended, evaluate},
    hold_out::HoldOut,
    one_song_rules::{MAX_PAIR_RULES, PairRules, artist_rules, one_song_rules},
    training::{Settings, TrainError},
};

/// Trains a twin of the model, from all playlists but the held-out ones, and measures it on these.
pub(crate) fn evaluate_twin(
    settings: &Settings,
    dataset: &Dataset,
    scoring: &Scoring,
) -> Result<Evaluation, TrainError> {
    let hold_out = HoldOut::of(dataset, settings.read.item_key);
    let baskets = without(&dataset.baskets, &hold_out);
    let mut support_counts = vec![0_u32; dataset.songs.len()];
    baskets.iter().flatten().for_each(|&song| support_counts[song as usize] += 1);
    let mut by_popularity: Vec<SongId> = (0..dataset.songs.len() as u32).collect();
    by_popularity.retain(|&song| support_counts[song as usize] > 0);
    by_popularity.sort_by_key(|&song| std::cmp::Reverse(support_counts[song as usize]));

    let (song_rules, artist_rules) = match settings.min_pair_count {
        Some(least) => {
            let most = settings.max_rules_per_song;
            (
                one_song_rules(&baskets, least, most, MAX_PAIR_RULES)?,
                artist_rules(&baskets, &dataset.song_artists, least, most, MAX_PAIR_RULES)?,
            )
        }
        None => (PairRules::default(), PairRules::default()),
    };
    let twin = Twin {
        by_song: by_antecedent(&song_rules, dataset.songs.len()),
        by_artist: by_antecedent(&artist_rules, dataset.artists.len()),
        song_artists: &dataset.song_artists,
        support_counts: &support_counts,
        by_popularity: &by_popularity,
        scoring,
    };
    Ok(evaluate(&hold_out, &by_popularity, |seeds, limit| twin.recommend(seeds, limit)))
}

/// The baskets that are not held out.
fn without(baskets: &Baskets, hold_out: &HoldOut) -> Baskets {
    let mut is_kept = vec![true; baskets.len()];
    for held_out in hold_out.test.iter().chain(&hold_out.validation) {
        is_kept[held_out.basket as usize] = false;
    }
    baskets.iter().zip(is_kept).filter(|&(_, is_kept)| is_kept).map(|(basket, _)| basket.to_vec()).collect()
}

/// The consequents of an antecedent with their support counts, and the support count of the antecedent.
type Consequents<'r> = (u32, &'r [(SongId, u32)]);

fn by_antecedent(rules: &PairRules, antecedents: usize) -> Vec<Consequents<'_>> {
    let mut by_antecedent: Vec<Consequents<'_>> = vec![(1, &[]); antecedents];
    for (antecedent, count, consequents) in rules.groups() {
        by_antecedent[antecedent as usize] = (count, consequents);
    }
    by_antecedent
}

struct Twin<'d> {
    by_song: Vec<Consequents<'d>>,
    by_artist: Vec<Consequents<'d>>,
    song_artists: &'d [Option<ArtistId>],
    support_counts: &'d [u32],
    by_popularity: &'d [SongId],
    scoring: &'d Scoring,
}

impl Twin<'_> {
    fn recommend(&self, seeds: &[SongId], limit: usize) -> Vec<Recommended> {
        let exponent = self.scoring.damping_exponent(seeds.len());
        let of_songs = seeds.iter().map(|&song| self.by_song[song as usize]);
        let artists = seeds.iter().filter_map(|&song| self.song_artists[song as usize]);
        let of_artists = artists.map(|artist| self.by_artist[artist as usize]);
        let mut answer = Vec::with_capacity(limit);
        let mut is_taken = vec![false; self.support_counts.len()];
        seeds.iter().for_each(|&song| is_taken[song as usize] = true);
        for (_, song) in self.scored(of_songs, exponent).into_iter().chain(self.scored(of_artists, exponent))
        {
            if answer.len() < limit && !std::mem::replace(&mut is_taken[song as usize], true) {
                answer.push((song, true));
            }
        }
        let rest = self.by_popularity.iter().filter(|&&song| !is_taken[song as usize]);
        let missing = limit - answer.len();
        answer.extend(rest.take(missing).map(|&song| (song, false)));
        answer
    }

    /// The songs that rules speak for, the highest score first.
    fn scored<'r>(&self, fired: impl Iterator<Item = Consequents<'r>>, exponent: f64) -> Vec<(f64, SongId)> {
        let mut sums: HashMap<SongId, f64> = HashMap::new();
        for (count, consequents) in fired {
            for &(song, both) in consequents {
                *sums.entry(song).or_default() += f64::from(both) / f64::from(count);
            }
        }
        let damping = |song: SongId| f64::from(self.support_counts[song as usize]).powf(exponent);
        let mut scored: Vec<(f64, SongId)> =
            sums.into_iter().map(|(song, sum)| (sum / damping(song), song)).collect();
        scored.sort_unstable_by(|(a, a_song), (b, b_song)| b.total_cmp(a).then(a_song.cmp(b_song)));
        scored
    }
}
