//! What every table of rules promises of the order of its antecedents and of their counts.

use crate::InvalidTable;

/// Checks that an antecedent comes after the last one, or is the last one with the same count; tells whether it is another.
///
/// # Errors
///
/// If it is empty, does not ascend, or does not come after the last one; or if it is the last one with another count.
pub(crate) fn check_next(
    last: Option<(&[u32], u32)>,
    antecedent: &[u32],
    count: u32,
) -> Result<bool, InvalidTable> {
    let invalid = |problem: &str| {
        Err(InvalidTable(format!("the antecedent {antecedent:?} with the count {count}: {problem}")))
    };
    if let Some((last, last_count)) = last {
        if antecedent == last {
            return match count == last_count {
                true => Ok(false),
                false => invalid("it had another count in the rule before"),
            };
        }
        if (antecedent.len(), antecedent) < (last.len(), last) {
            return invalid("it does not come after that of the rule before");
        }
    }
    if antecedent.is_empty() || !antecedent.is_sorted_by(|a, b| a < b) {
        return invalid("it is empty or does not ascend");
    }
    Ok(true)
}

/// The last antecedent of rules that are not kept.
#[derive(Debug, Default)]
pub(crate) struct LastAntecedent {
    ids: Vec<u32>,
    count: u32,
}

impl LastAntecedent {
    /// Goes on to an antecedent, which is checked as by [`check_next`]; tells whether it is another.
    pub(crate) fn advance(&mut self, antecedent: &[u32], count: u32) -> Result<bool, InvalidTable> {
        let last = (!self.ids.is_empty()).then_some((&self.ids[..], self.count));
        let is_new = check_next(last, antecedent, count)?;
        if is_new {
            self.ids.clear();
            self.ids.extend_from_slice(antecedent);
            self.count = count;
        }
        Ok(is_new)
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
