use std::hint::black_box;

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
        let mut scratch = Scratch {
            sums: SumsBySong { positions: vec![0; song_count], sums: vec![Sums::default()], len: 0 },
            blocked: BlockedSongs { is_blocked: vec![false; song_count], blocked: Vec::new() },
            dampings: Dampings::default(),
        };
        // What is 0 from the beginning is given by the system page by page when it is first touched: by this, and not by the first calls.
        black_box(&mut scratch.sums.positions).fill(0);
        black_box(&mut scratch.blocked.is_blocked).fill(false);
        scratch
    }
}

/// What the weights of the rules that fired for a song add up to. Integers: in whatever order rules fire, the sums are the same, also
/// if one stays at the greatest, for which 65,538 rules of the greatest weight must fire for one song.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) song: SongId,
    pub(crate) weight: u32,
    pub(crate) many_weight: u32,
    pub(crate) artist_weight: u32,
}

/// The sums of the songs for which rules fired, in the order in which the first one did.
#[derive(Debug)]
pub(crate) struct SumsBySong {
    /// By song, its position in `sums`; 0: no rule fired.
    positions: Vec<u32>,
    /// After the first, which is nobody's, `len` are in use. What is behind them was used by calls before.
    sums: Vec<Sums>,
    len: usize,
}

impl SumsBySong {
    /// Adds `times` the weights of rules to one of the sums of the songs that they speak for.
    pub(crate) fn add(
        &mut self,
        songs: &[SongId],
        weights: Weights<'_>,
        times: u32,
        sum: impl Fn(&mut Sums) -> &mut u32,
    ) {
        let room = 1 + self.len + songs.len();
        if self.sums.len() < room {
            self.sums.resize(room.next_power_of_two(), Sums::default());
        }
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
        weights: &[impl Copy + Into<u32>],
        times: u32,
        sum: impl Fn(&mut Sums) -> &mut u32,
    ) {
        for (&song, &weight) in songs.iter().zip(weights) {
            let sum = sum(self.of(song));
            *sum = sum.saturating_add(times.saturating_mul(weight.into()));
        }
    }

    /// Adds `times` the weights of rules to one of the sums of the songs for which rules fired before, up to the one at `end`.
    ///
    /// The others are told by a comparison and not by a branch, which nobody could predict: what they get goes to the sums that are
    /// nobody's.
    pub(crate) fn add_to_known(
        &mut self,
        songs: &[SongId],
        weights: Weights<'_>,
        times: u32,
        end: usize,
        sum: impl Fn(&mut Sums) -> &mut u32,
    ) {
        match weights {
            Weights::Zeros(_) => {}
            Weights::Bytes(weights) => self.add_each_to_known(songs, weights, times, end, sum),
            Weights::Words(weights) => self.add_each_to_known(songs, weights, times, end, sum),
        }
    }

    fn add_each_to_known(
        &mut self,
        songs: &[SongId],
        weights: &[impl Copy + Into<u32>],
        times: u32,
        end: usize,
        sum: impl Fn(&mut Sums) -> &mut u32,
    ) {
        let sums = &mut self.sums[..=end];
        for (&song, &weight) in songs.iter().zip(weights) {
            let position = self.positions[song as usize] as usize;
            let sum = sum(&mut sums[if position <= end { position } else { 0 }]);
            *sum = sum.saturating_add(times.saturating_mul(weight.into()));
        }
    }

    /// The sums of a song; there must be room for one more. That the song is new, nobody can predict, so there is no branch for it.
    #[inline(always)]
    fn of(&mut self, song: SongId) -> &mut Sums {
        let position = &mut self.positions[song as usize];
        let is_new = *position == 0;
        self.len += usize::from(is_new);
        let index = if is_new { self.len } else { *position as usize };
        *position = index as u32;
        let sums = &mut self.sums[index];
        let before = *sums;
        *sums = if is_new { Sums { song, ..Sums::default() } } else { before };
        sums
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn all(&self) -> &[Sums] {
        &self.sums[1..][..self.len]
    }

    pub(crate) fn clear(&mut self) {
        for sums in &self.sums[1..][..self.len] {
            self.positions[sums.song as usize] = 0;
        }
        self.len = 0;
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
    fn weights_of_known_songs_go_to_no_others() {
        let mut sums = Scratch::new(4).sums;
        sums.add(&[3, 1], Weights::Bytes(&[1, 1]), 1, |sums| &mut sums.weight);
        sums.add_to_known(&[0, 1, 2, 3], Weights::Bytes(&[9, 5, 9, 7]), 2, 1, |sums| &mut sums.artist_weight);
        let of = |song, artist_weight| Sums { song, weight: 1, many_weight: 0, artist_weight };
        assert_eq!(sums.all(), [of(3, 14), of(1, 0)]);
        sums.clear();
        sums.add(&[2], Weights::Zeros(1), 1, |sums| &mut sums.weight);
        assert_eq!(sums.all(), [Sums { song: 2, ..Sums::default() }]);
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
