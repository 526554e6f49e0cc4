use model::SongId;

/// Support counts below this have their damping remembered; the few songs above it are computed each time.
const MAX_REMEMBERED_COUNT: usize = 1 << 16;

/// Memory for one call of `recommend`, as large as the catalogue. It is used again, since to clear what was touched takes far
/// less time than to allocate it.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// By song, one more than the sum of the weights added to it; 0: nothing was.
    sums: Vec<u64>,
    /// The songs that something was added to.
    touched: Vec<SongId>,
    /// By song, whether it is blocked.
    blocked: Vec<bool>,
    /// The songs that are blocked.
    blocks: Vec<SongId>,
    /// The exponent of what is in `dampings`.
    exponent: f64,
    /// By support count, its power with the exponent; 0: not computed.
    dampings: Vec<f64>,
}

impl Scratch {
    pub(crate) fn new(song_count: usize) -> Scratch {
        Scratch {
            sums: vec![0; song_count],
            touched: Vec::new(),
            blocked: vec![false; song_count],
            blocks: Vec::new(),
            exponent: 0.0,
            dampings: Vec::new(),
        }
    }

    /// Adds the weights of rules to the songs that they speak for.
    pub(crate) fn add_all(&mut self, songs: &[SongId], weights: &[impl Copy + Into<u64>]) {
        for (&song, &weight) in songs.iter().zip(weights) {
            self.add(song, weight.into());
        }
    }

    /// Adds 0 to songs.
    pub(crate) fn touch_all(&mut self, songs: &[SongId]) {
        for &song in songs {
            self.add(song, 0);
        }
    }

    fn add(&mut self, song: SongId, weight: u64) {
        let sum = &mut self.sums[song as usize];
        if *sum == 0 {
            *sum = 1;
            self.touched.push(song);
        }
        *sum += weight;
    }

    /// Empties the sums and returns them, each song once.
    pub(crate) fn take_sums(&mut self) -> Vec<(SongId, u64)> {
        let sums = &mut self.sums;
        self.touched.drain(..).map(|song| (song, std::mem::take(&mut sums[song as usize]) - 1)).collect()
    }

    pub(crate) fn block(&mut self, song: SongId) {
        if !self.blocked[song as usize] {
            self.blocked[song as usize] = true;
            self.blocks.push(song);
        }
    }

    pub(crate) fn is_blocked(&self, song: SongId) -> bool {
        self.blocked[song as usize]
    }

    pub(crate) fn unblock_all(&mut self) {
        for song in self.blocks.drain(..) {
            self.blocked[song as usize] = false;
        }
    }

    /// `support_count^exponent`. A catalogue has far fewer support counts than songs, and calls tend to have the same number of
    /// seeds and so the same exponent.
    pub(crate) fn damping(&mut self, support_count: u32, exponent: f64) -> f64 {
        let power = f64::from(support_count);
        let position = support_count as usize;
        if position >= MAX_REMEMBERED_COUNT {
            return power.powf(exponent);
        }
        if self.exponent != exponent {
            self.exponent = exponent;
            self.dampings.clear();
        }
        if self.dampings.len() <= position {
            self.dampings.resize(position + 1, 0.0);
        }
        let damping = &mut self.dampings[position];
        if *damping == 0.0 {
            *damping = power.powf(exponent);
        }
        *damping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_of_zero_counts_as_added() {
        let mut scratch = Scratch::new(3);
        scratch.add_all(&[2, 1], &[0_u8, 5]);
        scratch.add_all(&[1], &[6_u16]);
        assert_eq!(scratch.take_sums(), [(2, 0), (1, 11)]);
        assert_eq!(scratch.take_sums(), []);
    }

    #[test]
    fn what_was_blocked_is_not_for_ever() {
        let mut scratch = Scratch::new(3);
        scratch.block(1);
        scratch.block(1);
        assert!(scratch.is_blocked(1) && !scratch.is_blocked(0));
        scratch.unblock_all();
        assert!(!scratch.is_blocked(1));
    }

    #[test]
    fn damping_follows_the_exponent() {
        let mut scratch = Scratch::new(0);
        for exponent in [0.0, 0.5, 0.25, 0.5] {
            for support_count in [1, 7, 4, 7, 100_000] {
                let damping = f64::from(support_count).powf(exponent);
                assert_eq!(scratch.damping(support_count, exponent), damping);
            }
        }
    }
}
