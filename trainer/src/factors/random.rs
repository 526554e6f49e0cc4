/// The number at a position of a stream without a pattern, that of SplitMix64 (Steele, Lea and Flood 2014) with the seed 0.
pub(super) fn at(position: u64) -> u64 {
    let mut z = position.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

/// The number at a position of a stream between -1 and 1.
pub(super) fn unit(position: u64) -> f32 {
    (at(position) >> 40) as f32 / (1 << 23) as f32 - 1.0
}

/// So many of the numbers from 0 to `len - 1`, ascending: one out of each part of them, when they are in as many parts of equal size.
pub(super) fn sample(len: usize, sampled: usize) -> impl Iterator<Item = usize> {
    (0..sampled as u128).map(move |part| {
        let bound = |part: u128| part * len as u128 / sampled as u128;
        let (begin, end) = (bound(part), bound(part + 1));
        (begin + ((u128::from(at(part as u64)) * (end - begin)) >> 64)) as usize
    })
}
