use std::cmp::Reverse;

use model::{RuleCounts, RuleGroup, SeedScoring, SongId, Weights};

use crate::{
    Antecedent, FiredRule, Ranking,
    rule_index::for_each_common,
    scratch::{Sums, SumsBySong},
};

/// The rules that fire for some seeds, and what they add to scores.
pub(crate) struct Firing<'a> {
    ranking: &'a Ranking,
    scoring: SeedScoring,
    /// The positions of the groups whose antecedent is contained in the seeds.
    from_songs: Vec<u32>,
    /// The groups of the seeds' artists.
    from_artists: Vec<ArtistGroup>,
}

/// The rules of an artist of seeds.
struct ArtistGroup {
    /// The position of the group.
    position: u32,
    /// The seeds of the artist.
    seeds: u32,
}

impl<'a> Firing<'a> {
    /// The rules that fire for `seeds`, which ascend and are not empty.
    pub(crate) fn new(ranking: &'a Ranking, seeds: &[SongId]) -> Self {
        let mut artists: Vec<_> = seeds.iter().filter_map(|&seed| ranking.artist_of(seed)).collect();
        artists.sort_unstable();
        let from_artists = artists
            .chunk_by(|a, b| a == b)
            .filter_map(|seeds| {
                let position = ranking.artist_rules.single(seeds[0])? as u32;
                Some(ArtistGroup { position, seeds: seeds.len() as u32 })
            })
            .collect();
        Firing {
            ranking,
            scoring: ranking.scoring.at(seeds.len()),
            from_songs: ranking.rules.fired(seeds),
            from_artists,
        }
    }

    /// Whether artist rules add to the score of a song that rules from songs speak for.
    pub(crate) fn mixes_artists(&self) -> bool {
        self.scoring.artist_share > 0.0
    }

    /// Adds up the weights of the rules from songs.
    pub(crate) fn add_from_songs(&self, sums: &mut SumsBySong) {
        for &position in &self.from_songs {
            let group = self.ranking.rules.group(position);
            // What has no share in the score need not be added.
            let zeros = Weights::Zeros(group.consequents.len());
            let weights = if self.scoring.many_share < 1.0 { group.weights } else { zeros };
            sums.add(group.consequents, weights, 1, |sums| &mut sums.weight);
            if self.scoring.many_share > 0.0 && !matches!(group.many_weights, Weights::Zeros(_)) {
                sums.add(group.consequents, group.many_weights, 1, |sums| &mut sums.many_weight);
            }
        }
    }

    /// Adds up the weights of the rules from artists, for all songs.
    pub(crate) fn add_from_artists(&self, sums: &mut SumsBySong) {
        for artist in &self.from_artists {
            let group = self.artist_group(artist.position);
            sums.add(group.consequents, group.weights, artist.seeds, |sums| &mut sums.artist_weight);
        }
    }

    /// Adds up the weights of the rules from artists for the songs that rules from songs speak for, of which there are so many.
    pub(crate) fn add_from_artists_to(&self, from_songs: usize, sums: &mut SumsBySong) {
        for artist in &self.from_artists {
            let group = self.artist_group(artist.position);
            sums.add_to_known(group.consequents, group.weights, artist.seeds, from_songs, |sums| {
                &mut sums.artist_weight
            });
        }
    }

    /// The score, before damping, of a song that rules from songs speak for.
    pub(crate) fn score_from_rules(&self, sums: &Sums) -> f64 {
        self.score_of(sums.weight, sums.many_weight)
            + self.scoring.artist_share * self.score_from_artists(sums)
    }

    /// The score, before damping, of a song that artist rules alone speak for.
    pub(crate) fn score_from_artists(&self, sums: &Sums) -> f64 {
        self.ranking.scoring.artist_weight_scale * f64::from(sums.artist_weight)
    }

    /// By how much the score of a song is divided: a power of its support count.
    pub(crate) fn damping_exponent(&self) -> f64 {
        self.scoring.damping
    }

    fn score_of(&self, weight: u32, many_weight: u32) -> f64 {
        let (scoring, many_share) = (&self.ranking.scoring, self.scoring.many_share);
        (1.0 - many_share) * scoring.weight_scale * f64::from(weight)
            + many_share * scoring.many_weight_scale * f64::from(many_weight)
    }

    fn artist_group(&self, position: u32) -> RuleGroup<'a> {
        self.ranking.artist_rules.group(position as usize)
    }

    /// For each of `songs`, which ascend and have rules that fired, the `most` strongest of these, the strongest first.
    pub(crate) fn explain(&self, songs: &[ExplainedSong], most: usize) -> Vec<Vec<FiredRule>> {
        let ids: Vec<SongId> = songs.iter().map(|song| song.id).collect();
        let mut strongest: Vec<Vec<Strength>> = vec![Vec::new(); songs.len()];
        let mut note = |song: usize, strength: Strength| {
            let strongest: &mut Vec<Strength> = &mut strongest[song];
            let place = strongest.partition_point(|other| *other < strength);
            if place < most {
                strongest.truncate(most - 1);
                strongest.insert(place, strength);
            }
        };
        for &position in &self.from_songs {
            let group = self.ranking.rules.group(position);
            for_each_common(&ids, group.consequents, |song, rule| {
                let added =
                    self.score_of(group.weights.get(rule).into(), group.many_weights.get(rule).into());
                note(song, Strength::new(added, &group, rule, Group::Songs(position)));
            });
        }
        for &ArtistGroup { position, seeds } in &self.from_artists {
            let group = self.artist_group(position);
            for_each_common(&ids, group.consequents, |song, rule| {
                if self.mixes_artists() || songs[song].is_from_artists {
                    let artist_weight = seeds.saturating_mul(group.weights.get(rule).into());
                    let score = self.score_from_artists(&Sums { artist_weight, ..Sums::default() });
                    let share = if songs[song].is_from_artists { 1.0 } else { self.scoring.artist_share };
                    note(song, Strength::new(share * score, &group, rule, Group::Artist(position)));
                }
            });
        }
        let explained = songs.iter().zip(strongest);
        explained
            .map(|(song, strongest)| {
                strongest.iter().map(|strength| self.fired_rule(strength, song.support_count)).collect()
            })
            .collect()
    }

    fn fired_rule(&self, strength: &Strength, consequent: u32) -> FiredRule {
        let (group, antecedent) = match strength.group {
            Group::Songs(position) => {
                let group = self.ranking.rules.group(position);
                (group, Antecedent::Songs(group.antecedent.to_vec()))
            }
            Group::Artist(position) => {
                let group = self.artist_group(position);
                (group, Antecedent::Artist(group.antecedent[0]))
            }
        };
        let counts = RuleCounts {
            both: strength.support_count.0,
            antecedent: group.antecedent_count,
            consequent,
            baskets: self.ranking.baskets,
        };
        FiredRule { antecedent, counts }
    }
}

/// A recommended song whose rules are asked for.
pub(crate) struct ExplainedSong {
    pub(crate) id: SongId,
    pub(crate) support_count: u32,
    /// Whether artist rules alone fired for it.
    pub(crate) is_from_artists: bool,
}

/// How strongly a rule speaks for its consequent, the strongest first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Strength {
    /// The bits of what it adds to the score: of numbers from 0 on, these have the order of the numbers.
    added: Reverse<u64>,
    antecedent_len: Reverse<usize>,
    support_count: Reverse<u32>,
    /// Positions of groups are in the order of the antecedents.
    group: Group,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Songs(u32),
    Artist(u32),
}

impl Strength {
    fn new(added: f64, of: &RuleGroup<'_>, rule: usize, group: Group) -> Self {
        Strength {
            added: Reverse(added.to_bits()),
            antecedent_len: Reverse(of.antecedent.len()),
            support_count: Reverse(of.support_count(rule)),
            group,
        }
    }
}
