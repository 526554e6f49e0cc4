/// A column of strings in one allocation, for a catalogue can have millions.
///
/// ```
/// let mut titles = model::Strings::default();
/// titles.push("HUMBLE.");
/// titles.push("1985");
/// assert_eq!(titles.get(1), "1985");
/// assert_eq!(titles.iter().collect::<Vec<_>>(), ["HUMBLE.", "1985"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strings {
    text: String,
    /// Where each string ends in `text`, without the bits above 32.
    ends: Vec<u32>,
    /// The number of strings that end before each multiple of 2³² bytes, of which hardly any text has one.
    before_multiples: Vec<usize>,
}

impl Strings {
    /// No strings, with room for so many that have so many bytes together.
    pub fn with_capacity(strings: usize, bytes: usize) -> Self {
        let text = String::with_capacity(bytes);
        Strings { text, ends: Vec::with_capacity(strings), before_multiples: Vec::new() }
    }

    /// Appends `string`; its position is the length before.
    pub fn push(&mut self, string: &str) {
        self.text.push_str(string);
        let end = self.text.len() as u64;
        self.before_multiples.resize((end >> 32) as usize, self.ends.len());
        self.ends.push(end as u32);
    }

    /// The number of strings.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no string.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The string at `position`.
    ///
    /// # Panics
    ///
    /// If `position` is not below [`len`](Self::len).
    pub fn get(&self, position: usize) -> &str {
        let start = position.checked_sub(1).map_or(0, |before| self.end(before));
        &self.text[start..self.end(position)]
    }

    fn end(&self, position: usize) -> usize {
        let multiples = self.before_multiples.iter().take_while(|&&strings| strings <= position).count();
        multiples << 32 | self.ends[position] as usize
    }

    /// The strings in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.len()).map(|position| self.get(position))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No test can afford a text of 2³² bytes, so what such a text would have noted is put here.
    #[test]
    fn strings_beyond_a_multiple_of_2_to_the_32_end_beyond_it() {
        let strings = Strings {
            text: String::new(),
            ends: vec![7, u32::MAX, 3, 9, 1],
            before_multiples: vec![2, 4, 4],
        };
        let ends: Vec<usize> = (0..5).map(|position| strings.end(position)).collect();
        assert_eq!(ends, [7, (1 << 32) - 1, (1 << 32) + 3, (1 << 32) + 9, (3 << 32) + 1]);
    }
}
