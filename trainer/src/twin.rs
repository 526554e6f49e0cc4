use model::{InvalidTable, Rule, Rules};

use crate::{
    baskets::Baskets,
    ease::EaseTwin,
    factors::Factors,
    one_song_rules::{Antecedent, PairRule, PairRules},
    rule_weights::{CONFIDENCE, Mixture, Parts, PartsFinder},
};

/// Antecedents whose weights by EASE^R are asked for at once.
const EASE_ROWS: usize = 256;

/// What would be known without the held-out playlists, as far as these ask for it: the rules of their seeds and of their seeds' artists.
pub(crate) struct Twin<'d> {
    songs: PairRules,
    /// By rule of `songs`.
    parts: Vec<Parts>,
    artists: PairRules,
    song_artists: &'d [Option<u32>],
    /// By song, the playlists that hold it and are not held out.
    pub(crate) support_counts: Vec<u32>,
    /// The playlists that are not held out.
    pub(crate) playlists: u32,
}

impl<'d> Twin<'d> {
    pub(crate) fn new(
        baskets: &Baskets,
        is_held_out: &[bool],
        song_artists: &'d [Option<u32>],
        (songs, artists): (PairRules, PairRules),
        factors: &Factors,
        ease: &EaseTwin<'_>,
    ) -> Self {
        Twin {
            parts: parts(&songs, factors, ease),
            songs,
            artists,
            song_artists,
            support_counts: baskets.support_counts_without(is_held_out),
            playlists: baskets.kept(is_held_out).count() as u32,
        }
    }

    /// The rules of a song, with their parts.
    pub(crate) fn song_rules(&self, song: u32) -> Option<(&[PairRule], &[Parts])> {
        let (range, rules) = self.songs.range_of(song)?;
        Some((rules, &self.parts[range]))
    }

    /// The rules of a song's artist.
    pub(crate) fn artist_rules(&self, song: u32) -> Option<(&Antecedent, &[PairRule])> {
        self.artists.of((*self.song_artists.get(song as usize)?)?)
    }

    /// By part, by how much it must be multiplied to be as much as the confidence is, over all rules; 0 where there is nothing of it.
    pub(crate) fn ratios(&self) -> Parts {
        let mut squares = [0.0_f64; 4];
        for parts in &self.parts {
            squares.iter_mut().zip(parts).for_each(|(sum, &part)| *sum += f64::from(part).powi(2));
        }
        squares.map(|square| if square > 0.0 { (squares[CONFIDENCE] / square).sqrt() as f32 } else { 0.0 })
    }

    /// The root of the mean square of a mixture of the parts over all rules.
    pub(crate) fn root_mean_square(&self, shares: &Parts) -> f32 {
        let square = |parts: &Parts| {
            let sum: f32 = parts.iter().zip(shares).map(|(part, share)| part * share).sum();
            f64::from(sum).powi(2)
        };
        (self.parts.iter().map(square).sum::<f64>() / self.parts.len().max(1) as f64).sqrt() as f32
    }

    /// What the greatest weight for one seed stands for, and the greatest one for many, of which a share of `cut_off` is above.
    pub(crate) fn units(&self, mixture: &Mixture, cut_off: f64) -> [f64; 2] {
        let mut one: Vec<f32> = self.parts.iter().map(|parts| mixture.exact(parts)[0]).collect();
        let mut many: Vec<f32> = self.parts.iter().map(|parts| mixture.exact(parts)[1]).collect();
        let greatest = |values: &mut Vec<f32>, cut_off: f64| {
            let above = (values.len() as f64 * cut_off) as usize;
            if values.is_empty() {
                return 1.0;
            }
            let (_, &mut greatest, _) = values.select_nth_unstable_by(above, |a, b| b.total_cmp(a));
            if greatest > 0.0 { f64::from(greatest) } else { 1.0 }
        };
        [greatest(&mut one, 0.0), greatest(&mut many, cut_off)]
    }

    /// The twin's tables as they would be served. Songs are numbered anew, by the twin's support counts: `rank` gives the number of each.
    pub(crate) fn tables(&self, mixture: &Mixture, rank: &[u32]) -> Result<(Rules, Rules), InvalidTable> {
        let mut parts = &self.parts[..];
        let mut groups: Vec<(u32, &Antecedent, &[PairRule], &[Parts])> = Vec::new();
        for (antecedent, rules) in self.songs.groups() {
            let of_group;
            (of_group, parts) = parts.split_at(rules.len());
            groups.push((rank[antecedent.id as usize], antecedent, rules, of_group));
        }
        groups.sort_unstable_by_key(|&(id, ..)| id);
        let mut songs = Rules::default();
        for (id, antecedent, rules, parts) in groups {
            let mut consequents: Vec<(u32, u32, [u16; 2])> = rules
                .iter()
                .zip(parts)
                .map(|(rule, parts)| (rank[rule.song as usize], rule.support_count, mixture.weights(parts)))
                .collect();
            push(&mut songs, id, antecedent.count, &mut consequents)?;
        }
        let mut artists = Rules::default();
        for (antecedent, rules) in self.artists.groups() {
            let weights = |rule: &PairRule| {
                Mixture::CONFIDENCE.weights(&[rule.damped_confidence(antecedent), 0.0, 0.0, 0.0])
            };
            let mut consequents: Vec<(u32, u32, [u16; 2])> = rules
                .iter()
                .map(|rule| (rank[rule.song as usize], rule.support_count, weights(rule)))
                .collect();
            push(&mut artists, antecedent.id, antecedent.count, &mut consequents)?;
        }
        Ok((songs, artists))
    }
}

fn push(
    table: &mut Rules,
    antecedent: u32,
    antecedent_count: u32,
    consequents: &mut [(u32, u32, [u16; 2])],
) -> Result<(), InvalidTable> {
    consequents.sort_unstable();
    for &mut (consequent, support_count, [weight, many_weight]) in consequents {
        table.push(Rule {
            antecedent: &[antecedent],
            antecedent_count,
            consequent,
            support_count,
            weight,
            many_weight,
        })?;
    }
    Ok(())
}

/// The parts of the twin's rules, by rule.
fn parts(songs: &PairRules, factors: &Factors, ease: &EaseTwin<'_>) -> Vec<Parts> {
    let mut finder = PartsFinder::new(factors);
    let mut parts = Vec::with_capacity(songs.len());
    let groups: Vec<(&Antecedent, &[PairRule])> = songs.groups().collect();
    let n = ease.len();
    let mut rows = Vec::new();
    for block in groups.chunks(EASE_ROWS) {
        // Antecedents ascend, and those that EASE^R knows are the first songs.
        let known: Vec<u32> =
            block.iter().map(|(antecedent, _)| antecedent.id).take_while(|&id| (id as usize) < n).collect();
        ease.rows(&known, &mut rows);
        for (position, (antecedent, rules)) in block.iter().enumerate() {
            let row = rows.get(position * n..(position + 1) * n).unwrap_or_default();
            let row = if position < known.len() { row } else { &[] };
            finder.append(antecedent, rules, row, &mut parts);
        }
    }
    parts
}
