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
    ends: Vec<usize>,
}

impl Strings {
    /// No strings, with room for so many that have so many bytes together.
    pub fn with_capacity(strings: usize, bytes: usize) -> Self {
        Strings { text: String::with_capacity(bytes), ends: Vec::with_capacity(strings) }
    }

    /// Appends `string`; its position is the length before.
    pub fn push(&mut self, string: &str) {
        self.text.push_str(string);
        self.ends.push(self.text.len());
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
        let start = match position.checked_sub(1) {
            Some(before) => self.ends[before],
            None => 0,
        };
        &self.text[start..self.ends[position]]
    }

    /// The strings in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.len()).map(|position| self.get(position))
    }
}
