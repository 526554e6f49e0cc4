/// The edits between two texts: letters inserted, deleted or replaced, and neighbours exchanged (optimal string alignment).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edits {
    pub(crate) count: usize,
    /// The characters of the longer text.
    pub(crate) length: usize,
}

/// The longest text that names are compared with, in characters.
pub(crate) const MAX_CHARS: usize = u128::BITS as usize;

/// A text that many names are compared with.
#[derive(Debug)]
pub(crate) struct Pattern {
    /// For each character of ASCII, and each other one in the text, a bit for each of its places.
    ascii: [u128; 128],
    others: Vec<(char, u128)>,
    /// How often the letters occur, by the last bits of their code.
    letters: [i32; LETTERS],
    length: usize,
}

const LETTERS: usize = 64;

impl Pattern {
    /// Prepares a text of at most [`MAX_CHARS`] characters; `None` for a longer one.
    pub(crate) fn new(text: &str) -> Option<Pattern> {
        Pattern::of_chars(text.chars())
    }

    fn of_chars(chars: impl Iterator<Item = char>) -> Option<Pattern> {
        let mut pattern = Pattern { ascii: [0; 128], others: Vec::new(), letters: [0; LETTERS], length: 0 };
        for c in chars {
            if pattern.length == MAX_CHARS {
                return None;
            }
            let place = 1 << pattern.length;
            match (pattern.ascii.get_mut(c as usize), pattern.others.iter_mut().find(|other| other.0 == c)) {
                (Some(places), _) | (None, Some((_, places))) => *places |= place,
                (None, None) => pattern.others.push((c, place)),
            }
            pattern.letters[c as usize % LETTERS] += 1;
            pattern.length += 1;
        }
        Some(pattern)
    }

    /// The characters of the text.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// Counts the edits between the text and a name; `None` if that makes the similarity less than `least`.
    pub(crate) fn edits(&self, name: &str, least: f64) -> Option<Edits> {
        let at_least = self.at_least(name);
        if at_least.similarity() < least {
            return None;
        }
        let edits = Edits { count: self.distance(name), ..at_least };
        (edits.similarity() >= least).then_some(edits)
    }

    /// What the letters alone say, wherever they stand: an edit adds one, removes one, or both at once. Most names are so
    /// found not to be close, in even less time than it takes to count the edits.
    pub(crate) fn at_least(&self, name: &str) -> Edits {
        let mut surplus = self.letters;
        let mut length = 0;
        for c in name.chars() {
            surplus[c as usize % LETTERS] -= 1;
            length += 1;
        }
        let added: i32 = surplus.iter().map(|&count| count.max(0)).sum();
        let removed: i32 = surplus.iter().map(|&count| (-count).max(0)).sum();
        Edits { count: added.max(removed) as usize, length: self.length.max(length) }
    }

    fn distance(&self, name: &str) -> usize {
        self.distances(name.chars()).last().unwrap_or(self.length)
    }

    /// The edits between the text and the first characters of a name, for one character, two, and so on. A column of the table of
    /// distances is held as the differences between its rows, a bit for each place of the text, after Hyyrö (2003), A
    /// bit-vector algorithm for computing Levenshtein and Damerau edit distances.
    fn distances(&self, name: impl Iterator<Item = char>) -> impl Iterator<Item = usize> {
        let last = self.length.checked_sub(1);
        let mut distance = self.length;
        let (mut more, mut less) = (u128::MAX, 0_u128);
        let (mut same, mut places_before) = (0_u128, 0);
        name.map(move |c| {
            let places = self.places(c);
            let exchanged = ((!same & places) << 1) & places_before;
            same = ((places & more).wrapping_add(more) ^ more) | places | less | exchanged;
            let more_beside = less | !(same | more);
            let less_beside = same & more;
            match last {
                Some(last) => {
                    distance += (more_beside >> last & 1) as usize;
                    distance -= (less_beside >> last & 1) as usize;
                }
                None => distance += 1,
            }
            let more_beside = more_beside << 1 | 1;
            more = less_beside << 1 | !(same | more_beside);
            less = more_beside & same;
            places_before = places;
            distance
        })
    }

    fn places(&self, c: char) -> u128 {
        match self.ascii.get(c as usize) {
            Some(&places) => places,
            None => self.others.iter().find(|other| other.0 == c).map_or(0, |&(_, places)| places),
        }
    }
}

impl Edits {
    /// The edits between a part of a name and that beginning, or end, of a text which is the most similar.
    pub(crate) fn of_part(part: &str, text: &str, is_last: bool) -> Edits {
        let length = part.chars().count();
        let fewest = |pattern: Option<Pattern>, text: &mut dyn Iterator<Item = char>| {
            pattern.and_then(|pattern| pattern.distances(text.take(length + 3)).min())
        };
        let count = if is_last {
            fewest(Pattern::of_chars(part.chars().rev()), &mut text.chars().rev())
        } else {
            fewest(Pattern::new(part), &mut text.chars())
        };
        Edits { count: count.unwrap_or(length).min(length), length }
    }

    /// So many edits more.
    pub(crate) fn and(self, more: usize) -> Edits {
        let count = self.count + more;
        Edits { count, length: self.length.max(count) }
    }

    /// Whether they may be slips: one, and one more for every 10 characters.
    pub(crate) fn are_few(self) -> bool {
        self.count <= 1 + self.length / 10
    }

    /// The share of the longer text that need not be edited, in [0, 1].
    pub(crate) fn similarity(self) -> f64 {
        if self.length == 0 {
            return 1.0;
        }
        1.0 - self.count as f64 / self.length as f64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edits(text: &str, name: &str) -> Option<Edits> {
        Pattern::new(text)?.edits(name, 0.0)
    }

    #[test]
    fn an_edit_is_a_letter_or_an_exchange_of_neighbours() {
        assert_eq!(edits("humbel", "humble"), Some(Edits { count: 1, length: 6 }));
        assert_eq!(edits("humble", "humbled"), Some(Edits { count: 1, length: 7 }));
        assert_eq!(edits("h\u{e9}", "he"), Some(Edits { count: 1, length: 2 }));
        assert_eq!(edits("", "he"), Some(Edits { count: 2, length: 2 }));
        assert_eq!(edits("", ""), Some(Edits { count: 0, length: 0 }));
        assert_eq!(Edits { count: 0, length: 0 }.similarity(), 1.0);
    }

    #[test]
    fn a_part_is_compared_with_the_beginning_or_the_end() {
        let check = |part, is_last, count| {
            assert_eq!(Edits::of_part(part, "humbel by kendrick", is_last).count, count, "{part}");
        };
        check("humble", false, 1);
        check("humble", true, 6);
        check("kendrik", true, 1);
        check("kendrick lamar", true, 6);
        check("humbel by kendrick lamar", false, 6);
        check("", true, 0);
    }

    #[test]
    fn a_text_that_is_too_long_is_not_compared() {
        assert!(Pattern::new(&"\u{e9}".repeat(MAX_CHARS)).is_some());
        assert!(Pattern::new(&"e".repeat(MAX_CHARS + 1)).is_none());
    }

    #[test]
    fn the_longer_a_name_the_more_slips_it_may_have() {
        let most = |length| (0..9).take_while(|&count| Edits { count, length }.are_few()).last();
        for (length, count) in [(3, 1), (9, 1), (10, 2), (19, 2), (20, 3), (30, 4)] {
            assert_eq!(most(length), Some(count), "{length}");
        }
    }

    proptest! {
        #[test]
        fn the_edits_are_those_of_the_plain_algorithm(
            a in "[a-d\u{e9}\u{b124}]{0,9}|[ab]{100,128}",
            b in "[a-d\u{e9}\u{b124}]{0,9}|[ab]{100,140}",
        ) {
            let count = strsim::osa_distance(&a, &b);
            let length = a.chars().count().max(b.chars().count());
            prop_assert_eq!(edits(&a, &b), Some(Edits { count, length }));
            let at_least = Pattern::new(&a).map(|pattern| pattern.at_least(&b));
            prop_assert!(at_least.is_some_and(|at_least| at_least.count <= count && at_least.length == length));
        }
    }
}
