use model::{Scoring, SeedScoring};
use rayon::prelude::*;

use crate::{
    hold_out::HeldOut,
    rule_weights::{CONFIDENCE, EASE, GREATEST_WEIGHT, Mixture, Parts, SHARP, SMOOTH},
    twin::Twin,
};

/// Fewer playlists than these do not tell one mixture from another; then the defaults are taken.
const MIN_PLAYLISTS: usize = 50;

/// The most playlists that are asked with one number of seeds while a mixture is fitted.
const MAX_PLAYLISTS: usize = 300;

/// By how much a change must raise the mean R-precision, as a share of it, to be taken: less is chance.
const LEAST_GAIN: f64 = 0.002;

/// The share of a rule's weights that are cut off at the greatest one. Weights for many seeds have few great ones, and the unit of 255ths of
/// the greatest would be too coarse for the others.
const CUT_OFF: f64 = 0.001;

/// One number that is fitted: its name in the log, and the values that are tried.
struct Dial {
    name: &'static str,
    values: &'static [f32],
    /// What it has at first, as a position in `values`.
    start: usize,
}

const DAMPINGS: &[f32] = &[0.0, 0.1, 0.2, 0.3, 0.4, 0.5];
const ARTIST_SHARES: &[f32] = &[0.0, 0.1, 0.25, 0.5, 1.0, 2.0];

/// With one seed: how much of the smooth weight there is beside the confidence.
const ONE_SEED: [Dial; 3] = [
    Dial { name: "smooth", values: &[0.0, 0.25, 0.5, 0.8, 1.2, 2.0], start: 3 },
    Dial { name: "damping", values: DAMPINGS, start: 0 },
    Dial { name: "artist_share", values: ARTIST_SHARES, start: 3 },
];

/// With 25 seeds: how much confidence and how much of the sharp weight there is beside that of EASE^R.
const MANY_SEEDS: [Dial; 4] = [
    Dial { name: "sharp", values: &[0.0, 0.35, 0.7, 1.0, 1.5], start: 2 },
    Dial { name: "confidence", values: &[0.0, 0.15, 0.3, 0.6, 1.0, 2.0], start: 1 },
    Dial { name: "damping", values: DAMPINGS, start: 3 },
    Dial { name: "artist_share", values: ARTIST_SHARES, start: 2 },
];

/// With 5 seeds: how much of the weight for many there is.
const FEW_SEEDS: [Dial; 3] = [
    Dial { name: "many_share", values: &[0.0, 0.15, 0.3, 0.5, 0.7, 1.0], start: 2 },
    Dial { name: "damping", values: DAMPINGS, start: 2 },
    Dial { name: "artist_share", values: ARTIST_SHARES, start: 3 },
];

/// How rules are weighed and weights make scores.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fit {
    pub(crate) mixture: Mixture,
    pub(crate) by_seeds: Vec<SeedScoring>,
}

impl Fit {
    /// What the manifest tells of it.
    pub(crate) fn scoring(&self) -> Scoring {
        let [weight_scale, many_weight_scale] = self.mixture.units;
        Scoring {
            weight_scale,
            many_weight_scale,
            artist_weight_scale: Mixture::CONFIDENCE.units[0],
            by_seeds: self.by_seeds.clone(),
        }
    }
}

/// Chooses the mixture and the scoring with which the twin ranks the hidden songs of the validation playlists best, by R-precision: one
/// number after the other, from values that were good on other data.
///
/// Works on the threads of the current rayon pool; the result does not depend on them.
pub(crate) fn fit(twin: &Twin<'_>, playlists: &[HeldOut]) -> Fit {
    let ratios = twin.ratios();
    let one = |dials: &[f32]| -> Parts {
        let mut one = [0.0; 4];
        one[CONFIDENCE] = 1.0;
        one[SMOOTH] = dials[0] * ratios[SMOOTH];
        one
    };
    let many = |dials: &[f32]| -> Parts {
        let mut many = [0.0; 4];
        many[EASE] = ratios[EASE];
        many[SHARP] = dials[0] * ratios[SHARP];
        many[CONFIDENCE] = if ratios[EASE] + ratios[SHARP] > 0.0 { dials[1] } else { 1.0 };
        many
    };

    let queries = Queries::new(twin, playlists, 1);
    let dials = queries.descend(&ONE_SEED, |dials| (one(dials), dials[1], dials[2]));
    let (of_one, at_one) = (one(&dials), scoring(1, 0.0, dials[1], dials[2]));

    let queries = Queries::new(twin, playlists, 25);
    let dials = queries.descend(&MANY_SEEDS, |dials| (many(dials), dials[2], dials[3]));
    // In such units that half of the one weight and half of the other are about as much.
    let of_many = many(&dials);
    let scale = twin.root_mean_square(&of_one) / twin.root_mean_square(&of_many);
    let scale = if scale.is_finite() { scale } else { 1.0 };
    let of_many = of_many.map(|share| share * scale);
    let at_many = scoring(25, 1.0, dials[2], dials[3] * scale);

    let mixed = |share: f32| -> Parts {
        std::array::from_fn(|part| (1.0 - share) * of_one[part] + share * of_many[part])
    };
    let queries = Queries::new(twin, playlists, 5);
    let dials = queries.descend(&FEW_SEEDS, |dials| (mixed(dials[0]), dials[1], dials[2]));
    let at_few = scoring(5, dials[0], dials[1], dials[2]);

    let mut mixture = Mixture { one: of_one, many: of_many, units: [1.0; 2] };
    mixture.units = twin.units(&mixture, CUT_OFF).map(|greatest| greatest / GREATEST_WEIGHT);
    Fit { mixture, by_seeds: vec![at_one, at_few, at_many] }
}

fn scoring(seeds: u32, many_share: f32, damping: f32, artist_share: f32) -> SeedScoring {
    // As decimals they are short in the manifest.
    let decimal = |value: f32| (f64::from(value) * 1e4).round() / 1e4;
    SeedScoring {
        seeds,
        many_share: decimal(many_share),
        damping: decimal(damping),
        artist_share: decimal(artist_share),
    }
}

/// What the twin knows to answer the validation playlists with one number of seeds.
struct Queries {
    seeds: usize,
    queries: Vec<Query>,
    /// By song, the logarithm of the twin's support count.
    log_counts: Vec<f32>,
}

/// The songs for which a rule fired.
struct Query {
    /// Those of song rules, then those of artist rules alone.
    candidates: Vec<Candidate>,
    /// The number of those of song rules.
    from_songs: usize,
    /// The songs to find, known to the twin or not.
    hidden: usize,
}

struct Candidate {
    song: u32,
    is_hidden: bool,
    parts: Parts,
    artist: f32,
}

impl Queries {
    fn new(twin: &Twin<'_>, playlists: &[HeldOut], seeds: usize) -> Self {
        let long: Vec<&HeldOut> =
            playlists.iter().filter(|playlist| playlist.songs.len() > seeds).take(MAX_PLAYLISTS).collect();
        let queries = long
            .par_chunks(8)
            .flat_map_iter(|playlists| {
                let mut sums = Sums::new(twin);
                let queries: Vec<Query> =
                    playlists.iter().map(|playlist| sums.query(twin, playlist, seeds)).collect();
                queries
            })
            .collect();
        let log_counts = twin.support_counts.iter().map(|&count| (count.max(1) as f32).ln()).collect();
        Queries { seeds, queries, log_counts }
    }

    /// Sets each dial to its best value while the others stay, until none changes. `params` makes of the dials what a score needs: the shares
    /// of the parts, the damping, and the share of artist rules.
    fn descend(&self, dials: &[Dial], params: impl Fn(&[f32]) -> (Parts, f32, f32)) -> Vec<f32> {
        let mut values: Vec<f32> = dials.iter().map(|dial| dial.values[dial.start]).collect();
        if self.queries.len() < MIN_PLAYLISTS {
            return values;
        }
        let mut best = self.r_precision(params(&values));
        for _round in 0..2 {
            let before = values.clone();
            for (position, dial) in dials.iter().enumerate() {
                for &value in dial.values {
                    let kept = std::mem::replace(&mut values[position], value);
                    let found = if value == kept { best } else { self.r_precision(params(&values)) };
                    if found > best * (1.0 + LEAST_GAIN) {
                        best = found;
                    } else {
                        values[position] = kept;
                    }
                }
            }
            if values == before {
                break;
            }
        }
        let settings: Vec<String> =
            dials.iter().zip(&values).map(|(dial, value)| format!("{} {value}", dial.name)).collect();
        tracing::debug!(seeds = self.seeds, r_precision = best, "fitted {}", settings.join(", "));
        values
    }

    fn r_precision(&self, (shares, damping, artist_share): (Parts, f32, f32)) -> f64 {
        let dampings: Vec<f32> = self.log_counts.iter().map(|log| (-damping * log).exp()).collect();
        let precisions: Vec<f64> = self
            .queries
            .par_iter()
            .map_init(Vec::new, |scores, query| query.r_precision(&shares, &dampings, artist_share, scores))
            .collect();
        precisions.iter().sum::<f64>() / self.queries.len() as f64
    }
}

impl Query {
    fn r_precision(
        &self,
        shares: &Parts,
        dampings: &[f32],
        artist_share: f32,
        scores: &mut Vec<(f32, bool)>,
    ) -> f64 {
        let (from_songs, from_artists) = self.candidates.split_at(self.from_songs);
        let wanted = self.hidden.min(500);
        let mut hits = hits(scores, wanted, from_songs, |candidate| {
            let of_rules: f32 = candidate.parts.iter().zip(shares).map(|(part, share)| part * share).sum();
            (of_rules + artist_share * candidate.artist) * dampings[candidate.song as usize]
        });
        if from_songs.len() < wanted {
            let by_artist = |candidate: &Candidate| candidate.artist * dampings[candidate.song as usize];
            hits += self::hits(scores, wanted - from_songs.len(), from_artists, by_artist);
        }
        f64::from(hits) / self.hidden as f64
    }
}

/// How many of the `wanted` candidates with the greatest scores are hidden songs.
fn hits(
    scores: &mut Vec<(f32, bool)>,
    wanted: usize,
    candidates: &[Candidate],
    score: impl Fn(&Candidate) -> f32,
) -> u32 {
    scores.clear();
    scores.extend(candidates.iter().map(|candidate| (score(candidate), candidate.is_hidden)));
    if scores.len() > wanted && wanted > 0 {
        scores.select_nth_unstable_by(wanted - 1, |a, b| b.0.total_cmp(&a.0));
    }
    scores.iter().take(wanted).filter(|(_, is_hidden)| *is_hidden).count() as u32
}

/// Where the rules that fire for one query are summed.
struct Sums {
    /// By song; all 0 between two queries.
    parts: Vec<Parts>,
    artists: Vec<f32>,
    is_song_touched: Vec<bool>,
    is_artist_touched: Vec<bool>,
    is_seed: Vec<bool>,
    is_hidden: Vec<bool>,
    touched: Vec<u32>,
}

impl Sums {
    fn new(twin: &Twin<'_>) -> Self {
        let songs = twin.support_counts.len();
        Sums {
            parts: vec![[0.0; 4]; songs],
            artists: vec![0.0; songs],
            is_song_touched: vec![false; songs],
            is_artist_touched: vec![false; songs],
            is_seed: vec![false; songs],
            is_hidden: vec![false; songs],
            touched: Vec::new(),
        }
    }

    fn query(&mut self, twin: &Twin<'_>, playlist: &HeldOut, seeds: usize) -> Query {
        let (seeds, hidden) = playlist.songs.split_at(seeds);
        seeds.iter().for_each(|&seed| self.is_seed[seed as usize] = true);
        hidden.iter().for_each(|&song| self.is_hidden[song as usize] = true);
        for &seed in seeds {
            if let Some((rules, parts)) = twin.song_rules(seed) {
                for (rule, parts) in rules.iter().zip(parts) {
                    let song = rule.song as usize;
                    if !self.is_song_touched[song] {
                        self.is_song_touched[song] = true;
                        self.touched.push(rule.song);
                    }
                    self.parts[song].iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
                }
            }
        }
        let of_songs = self.touched.len();
        for &seed in seeds {
            if let Some((antecedent, rules)) = twin.artist_rules(seed) {
                for rule in rules {
                    let song = rule.song as usize;
                    if !self.is_song_touched[song] && !self.is_artist_touched[song] {
                        self.is_artist_touched[song] = true;
                        self.touched.push(rule.song);
                    }
                    self.artists[song] += rule.damped_confidence(antecedent);
                }
            }
        }
        let mut candidates = Vec::with_capacity(self.touched.len());
        let mut from_songs = 0;
        for (position, &song) in self.touched.iter().enumerate() {
            let at = song as usize;
            let candidate = Candidate {
                song,
                is_hidden: self.is_hidden[at],
                parts: std::mem::take(&mut self.parts[at]),
                artist: std::mem::take(&mut self.artists[at]),
            };
            (self.is_song_touched[at], self.is_artist_touched[at]) = (false, false);
            if !self.is_seed[at] {
                from_songs += usize::from(position < of_songs);
                candidates.push(candidate);
            }
        }
        self.touched.clear();
        seeds.iter().for_each(|&seed| self.is_seed[seed as usize] = false);
        hidden.iter().for_each(|&song| self.is_hidden[song as usize] = false);
        Query { candidates, from_songs, hidden: hidden.len() }
    }
}
