use model::{SongId, Weights};

/// Support counts below this have their damping remembered; the few songs above it are computed each time.
const MAX_REMEMBERED_COUNT: usize = 1 << 16;

/// Memory for one call of `recommend`, 5 bytes for each song of the catalogue and more for those that rules fire for. It is used again, since
/// to clear what was touched takes far less time than to allocate it.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub(crate) sums: SumsBySong,
    pub(crate) blocked: BlockedSongs,
    pub(crate) dampings: Dampings,
}

impl Scratch {
    pub(crate) fn new(song_count: usize) -> Scratch {
        Scratch {
            sums: SumsBySong { positions: vec![0; song_count], sums: Vec::new() },
            blocked: BlockedSongs { is_blocked: vec![false; song_count], blocked: Vec::new() },
            dampings: Dampings::default(),
        }
    }
}

/// What the weights of the rules that fired for a song add up to. Integers: in whatever order rules fire, the sums are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) song: SongId,
    pub(crate) weight: u64,
    pub(crate) many_weight: u64,
    pub(crate) artist_weight: u64,
}

/// The sums of the songs for which rules fired, in the order in which the first one did.
#[derive(Debug)]
pub(crate) struct SumsBySong {
    /// By song, one more than its position in `sums`; 0: no rule fired.
    positions: Vec<u32>,
    sums: Vec<Sums>,
}

impl SumsBySong {
    /// Adds `times` the weights of rules to one of the sums of the songs that they speak for.
    pub(crate) fn add(
        &mut self,
        songs: &[SongId],
        weights: Weights<'_>,
        times: u32,
        sum: impl Fn(&mut Sums) -> &mut u64,
    ) {
        match weights {
            Weights::Zeros(_) => {
                for &song in songs {
                    self.of(song);
                }
            }
            Weights::Bytes(weights) => self.add_each(songs, weights, times, sum),
            Weights::Words(weights) => self.add_each(songs, weights, times, sum),
        }
    }

    fn add_each(
        &mut self,
        songs: &[SongId],
        weights: &[impl Copy + Into<u64>],
        times: u32,
        sum: impl Fn(&mut Sums) -> &mut u64,
    ) {
        for (&song, &weight) in songs.iter().zip(weights) {
            *sum(self.of(song)) += u64::from(times) * weight.into();
        }
    }

    fn of(&mut self, song: SongId) -> &mut Sums {
        let position = &mut self.positions[song as usize];
        if *position == 0 {
            self.sums.push(Sums { song, ..Sums::default() });
            *position = self.sums.len() as u32;
        }
        &mut self.sums[*position as usize - 1]
    }

    pub(crate) fn len(&self) -> usize {
        self.sums.len()
    }

    pub(crate) fn all(&self) -> &[Sums] {
        &self.sums
    }

    pub(crate) fn clear(&mut self) {
        for sums in self.sums.drain(..) {
            self.positions[sums.song as usize] = 0;
        }
    }
}

/// Songs that are not to be recommended.
#[derive(Debug)]
pub(crate) struct BlockedSongs {
    /// By song.
    is_blocked: Vec<bool>,
    /// Those for which `is_blocked` holds.
    blocked: Vec<SongId>,
}

impl BlockedSongs {
    pub(crate) fn block(&mut self, song: SongId) {
        if !self.is_blocked[song as usize] {
            self.is_blocked[song as usize] = true;
            self.blocked.push(song);
        }
    }

    pub(crate) fn is_blocked(&self, song: SongId) -> bool {
        self.is_blocked[song as usize]
    }

    pub(crate) fn clear(&mut self) {
        for song in self.blocked.drain(..) {
            self.is_blocked[song as usize] = false;
        }
    }
}

/// Powers of support counts. A catalogue has far fewer support counts than songs, and calls tend to have the same number of seeds and so the
/// same exponent.
#[derive(Debug, Default)]
pub(crate) struct Dampings {
    exponent: f64,
    /// By support count, its power with the exponent; 0: not computed.
    powers: Vec<f64>,
}

impl Dampings {
    pub(crate) fn set_exponent(&mut self, exponent: f64) {
        if self.exponent != exponent {
            self.exponent = exponent;
            self.powers.clear();
        }
    }

    /// The support count to the power of the exponent.
    pub(crate) fn get(&mut self, support_count: u32) -> f64 {
        let position = support_count as usize;
        if position >= MAX_REMEMBERED_COUNT {
            return f64::from(support_count).powf(self.exponent);
        }
        if self.powers.len() <= position {
            self.powers.resize(position + 1, 0.0);
        }
        let power = &mut self.powers[position];
        if *power == 0.0 {
            *power = f64::from(support_count).powf(self.exponent);
        }
        *power
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_song_has_sums_once_a_rule_fired_for_it_whatever_its_weight() {
        let mut sums = Scratch::new(4).sums;
        for _ in 0..2 {
            sums.add(&[2, 1], Weights::Bytes(&[0, 5]), 1, |sums| &mut sums.weight);
            sums.add(&[1], Weights::Words(&[600]), 3, |sums| &mut sums.artist_weight);
            sums.add(&[0, 1], Weights::Zeros(2), 1, |sums| &mut sums.many_weight);
            let of = |song, weight, artist_weight| Sums { song, weight, many_weight: 0, artist_weight };
            assert_eq!(sums.all(), [of(2, 0, 0), of(1, 5, 1_800), of(0, 0, 0)]);
            sums.clear();
            assert_eq!(sums.all(), []);
        }
    }

    #[test]
    fn what_was_blocked_is_not_for_ever() {
        let mut blocked = Scratch::new(3).blocked;
        blocked.block(1);
        blocked.block(1);
        assert!(blocked.is_blocked(1) && !blocked.is_blocked(0));
        blocked.clear();
        assert!(!blocked.is_blocked(1));
    }

    #[test]
    fn damping_follows_the_exponent() {
        let mut dampings = Dampings::default();
        for exponent in [0.0, 0.5, 0.25, 0.5] {
            dampings.set_exponent(exponent);
            for support_count in [1, 7, 4, 7, 100_000] {
                assert_eq!(dampings.get(support_count), f64::from(support_count).powf(exponent));
            }
        }
    }
}
