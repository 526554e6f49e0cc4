/// A stream of random numbers, the same for the same seed on every machine: SplitMix64 (Steele, Lea and Flood 2014).
pub(crate) struct Random(u64);

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// A number from 0 to `bound - 1`.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        (((self.next() >> 32) * u64::from(bound)) >> 32) as u32
    }

    /// True once in `n` times.
    pub(crate) fn once_in(&mut self, n: u32) -> bool {
        self.below(n) == 0
    }

    /// A number from 0 to 1, without 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// The seed of what belongs to `key`.
pub(crate) fn hash(seed: u64, key: u64) -> u64 {
    mix(mix(seed.wrapping_add(GOLDEN)) ^ key.wrapping_mul(GOLDEN))
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

/// Draws positions in proportion to their weights, each in constant time: the alias method (Walker 1977, Vose 1991).
pub(crate) struct Weighted {
    /// How often a position stands for itself, in 2³² times.
    thresholds: Vec<u32>,
    aliases: Vec<u32>,
}

impl Weighted {
    /// # Panics
    ///
    /// If there are no weights.
    pub(crate) fn new(weights: &[f64]) -> Self {
        let scale = weights.len() as f64 / weights.iter().sum::<f64>();
        let mut rest: Vec<f64> = weights.iter().map(|weight| weight * scale).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..rest.len()).partition(|&position| rest[position] < 1.0);
        let mut thresholds = vec![u32::MAX; rest.len()];
        let mut aliases: Vec<u32> = (0..rest.len() as u32).collect();
        while let (Some(&less), Some(&more)) = (small.last(), large.last()) {
            small.pop();
            thresholds[less] = (rest[less] * f64::from(u32::MAX)) as u32;
            aliases[less] = more as u32;
            rest[more] -= 1.0 - rest[less];
            if rest[more] < 1.0 {
                large.pop();
                small.push(more);
            }
        }
        Weighted { thresholds, aliases }
    }

    pub(crate) fn draw(&self, random: &mut Random) -> usize {
        let position = random.below(self.thresholds.len() as u32) as usize;
        if random.next() >> 32 <= u64::from(self.thresholds[position]) {
            position
        } else {
            self.aliases[position] as usize
        }
    }
}
