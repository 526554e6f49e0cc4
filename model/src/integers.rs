use std::{collections::TryReserveError, ops::Range};

/// Stands in [`SmallIntegers::bytes`] for a number that is in `large`.
const LARGE: u8 = u8::MAX;

/// Numbers of which most are below 255: a byte each, and 8 more for every other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SmallIntegers {
    bytes: Vec<u8>,
    /// The numbers from 255 on, by position.
    large: Vec<Large>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Large {
    position: u32,
    value: u32,
}

impl SmallIntegers {
    /// Makes room for so many more small numbers, or fails where there is no memory.
    pub(crate) fn try_reserve(&mut self, count: usize) -> Result<(), TryReserveError> {
        self.bytes.try_reserve_exact(count)
    }

    pub(crate) fn shrink_to_fit(&mut self) {
        self.bytes.shrink_to_fit();
        self.large.shrink_to_fit();
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.large.capacity() * size_of::<Large>()
    }

    /// Appends a number. There must not be 2³² of them.
    pub(crate) fn push(&mut self, value: u32) {
        self.extend(&[value]);
    }

    /// Appends numbers. There must not be 2³² of them.
    pub(crate) fn extend(&mut self, values: &[u32]) {
        let first = self.bytes.len();
        self.bytes.extend(values.iter().map(|&value| value.min(LARGE.into()) as u8));
        for (position, &value) in (first as u32..).zip(values) {
            if value >= LARGE.into() {
                self.large.push(Large { position, value });
            }
        }
    }

    /// The number at `position`.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub(crate) fn get(&self, position: usize) -> u32 {
        match self.bytes[position] {
            LARGE => {
                let place = self.large.partition_point(|large| (large.position as usize) < position);
                self.large[place].value
            }
            small => small.into(),
        }
    }
}

/// The weights of a group of rules: nothing as long as all weights of the table are 0, bytes as long as none is above 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights<'a> {
    /// So many times 0.
    Zeros(usize),
    /// 0 to 255.
    Bytes(&'a [u8]),
    /// 0 to 65,535.
    Words(&'a [u16]),
}

impl Weights<'_> {
    /// The weight at `position`.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn get(self, position: usize) -> u16 {
        match self {
            Weights::Zeros(count) => {
                assert!(position < count, "there are {count} weights, none at {position}");
                0
            }
            Weights::Bytes(bytes) => bytes[position].into(),
            Weights::Words(words) => words[position],
        }
    }
}

/// The weights of a table of rules, which become bytes when one is not 0, and words when one does not fit into a byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WeightColumn {
    Zeros(usize),
    Bytes(Vec<u8>),
    Words(Vec<u16>),
}

impl Default for WeightColumn {
    fn default() -> Self {
        WeightColumn::Zeros(0)
    }
}

impl WeightColumn {
    /// Makes room for so many more weights of the size that they have so far, or fails where there is no memory.
    pub(crate) fn try_reserve(&mut self, count: usize) -> Result<(), TryReserveError> {
        match self {
            WeightColumn::Zeros(_) => Ok(()),
            WeightColumn::Bytes(bytes) => bytes.try_reserve_exact(count),
            WeightColumn::Words(words) => words.try_reserve_exact(count),
        }
    }

    /// Appends weights.
    pub(crate) fn extend(&mut self, weights: impl ExactSizeIterator<Item = u16> + Clone) {
        let bits = weights.clone().fold(0, |bits, weight| bits | weight);
        if let &mut WeightColumn::Zeros(count) = self
            && bits > 0
        {
            *self = WeightColumn::Bytes(vec![0; count]);
        }
        if let WeightColumn::Bytes(bytes) = self
            && bits > u8::MAX.into()
        {
            *self = WeightColumn::Words(bytes.iter().map(|&byte| byte.into()).collect());
        }
        match self {
            WeightColumn::Zeros(count) => *count += weights.len(),
            WeightColumn::Bytes(bytes) => bytes.extend(weights.map(|weight| weight as u8)),
            WeightColumn::Words(words) => words.extend(weights),
        }
    }

    pub(crate) fn shrink_to_fit(&mut self) {
        match self {
            WeightColumn::Zeros(_) => {}
            WeightColumn::Bytes(bytes) => bytes.shrink_to_fit(),
            WeightColumn::Words(words) => words.shrink_to_fit(),
        }
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        match self {
            WeightColumn::Zeros(_) => 0,
            WeightColumn::Bytes(bytes) => bytes.capacity(),
            WeightColumn::Words(words) => words.capacity() * size_of::<u16>(),
        }
    }

    pub(crate) fn get(&self, rules: Range<usize>) -> Weights<'_> {
        match self {
            WeightColumn::Zeros(_) => Weights::Zeros(rules.len()),
            WeightColumn::Bytes(bytes) => Weights::Bytes(&bytes[rules]),
            WeightColumn::Words(words) => Weights::Words(&words[rules]),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_of_any_size_are_kept(
            parts in prop::collection::vec(
                prop::collection::vec(prop_oneof![0..300_u32, any::<u32>()], 0..20),
                0..5,
            ),
        ) {
            let mut integers = SmallIntegers::default();
            for part in &parts {
                integers.extend(part);
            }
            let all: Vec<u32> = parts.concat();
            let kept: Vec<u32> = (0..all.len()).map(|position| integers.get(position)).collect();
            prop_assert_eq!(kept, all);
        }

        #[test]
        fn weights_are_kept_and_take_no_more_than_they_need(
            parts in prop::collection::vec(
                prop_oneof![
                    prop::collection::vec(Just(0_u16), 0..10),
                    prop::collection::vec(prop_oneof![9 => 0..256_u16, 1 => any::<u16>()], 0..10),
                ],
                0..5,
            ),
        ) {
            let mut column = WeightColumn::default();
            for part in &parts {
                column.extend(part.iter().copied());
            }
            let all: Vec<u16> = parts.concat();
            let weights = column.get(0..all.len());
            let kept: Vec<u16> = (0..all.len()).map(|position| weights.get(position)).collect();
            let greatest = all.iter().copied().max().unwrap_or(0);
            match weights {
                Weights::Zeros(_) => prop_assert_eq!(greatest, 0),
                Weights::Bytes(_) => prop_assert!((1..256).contains(&greatest)),
                Weights::Words(_) => prop_assert!(greatest > 255),
            }
            prop_assert_eq!(kept, all);
        }
    }
}
