//! What every table of rules promises of the order of its antecedents and of their counts.

use crate::InvalidTable;

/// Watches that antecedents come by length, then by ids.
#[derive(Debug, Default)]
pub(crate) struct RuleOrder {
    /// The last antecedent; empty before the first.
    antecedent: Vec<u32>,
    antecedent_count: u32,
}

impl RuleOrder {
    /// Goes on to an antecedent; tells whether it is another than the last.
    ///
    /// # Errors
    ///
    /// If it is empty, does not ascend, or does not come after the last one; or if it is the last one with another count.
    pub(crate) fn advance(&mut self, antecedent: &[u32], count: u32) -> Result<bool, InvalidTable> {
        let invalid = |problem: &str| {
            Err(InvalidTable(format!("the antecedent {antecedent:?} with the count {count}: {problem}")))
        };
        if antecedent == self.antecedent && !antecedent.is_empty() {
            return match count == self.antecedent_count {
                true => Ok(false),
                false => invalid("it had another count in the rule before"),
            };
        }
        if antecedent.is_empty() || !antecedent.is_sorted_by(|a, b| a < b) {
            return invalid("it is empty or does not ascend");
        }
        if (antecedent.len(), antecedent) < (self.antecedent.len(), &self.antecedent) {
            return invalid("it does not come after that of the rule before");
        }
        self.antecedent.clear();
        self.antecedent.extend_from_slice(antecedent);
        self.antecedent_count = count;
        Ok(true)
    }
}

/// What the antecedents of a table consist of, with the playlists that hold each id.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Antecedents<'a> {
    /// Sets of songs.
    Songs(&'a [u32]),
    /// Single artists.
    Artists(&'a [u32]),
}

impl Antecedents<'_> {
    pub(crate) fn counts(&self) -> &[u32] {
        match self {
            Antecedents::Songs(counts) | Antecedents::Artists(counts) => counts,
        }
    }

    /// Checks that an antecedent exists and can have the count.
    pub(crate) fn check(&self, antecedent: &[u32], count: u32) -> Result<(), InvalidTable> {
        let counts = self.counts();
        let is_valid = match antecedent {
            &[id] => counts.get(id as usize) == Some(&count),
            ids if matches!(self, Antecedents::Songs(_)) => is_at_most_each(count, ids, counts),
            _ => false,
        };
        match is_valid {
            true => Ok(()),
            false => Err(InvalidTable(format!(
                "the antecedent {antecedent:?} of a rule does not exist or has the wrong count {count}"
            ))),
        }
    }
}

/// Whether all ids exist and none is in fewer than `count` playlists.
pub(crate) fn is_at_most_each(count: u32, ids: &[u32], counts: &[u32]) -> bool {
    ids.iter().all(|&id| counts.get(id as usize).is_some_and(|&id_count| count <= id_count))
}

/// Checks that counts, of which the first is the greatest, fit into INT32.
pub(crate) fn check_storable(counts: &[u32]) -> Result<(), InvalidTable> {
    match counts.first() {
        Some(&most) if i32::try_from(most).is_err() => {
            Err(InvalidTable(format!("the support count {most} does not fit into INT32")))
        }
        _ => Ok(()),
    }
}
