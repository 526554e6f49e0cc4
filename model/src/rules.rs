use std::{collections::TryReserveError, ops::Range};

use crate::{
    Consequent, InvalidTable, SongId, Weights,
    integers::{SmallIntegers, WeightColumn},
    order::check_next,
};

/// Rules "who has the antecedent also has the consequent", grouped by antecedent.
///
/// Groups are ordered by the antecedent's length, then by its ids; consequents ascend within a group. In `rules.parquet`
/// antecedents are sets of song ids; in `artist_rules.parquet` they are single artist ids.
///
/// A rule takes 5 bytes, and 8 more if its support count is above 254; and for each of its two weights nothing if that is 0 in all rules of
/// the table, 1 if it is never above 255, else 2. A group takes 5, 4 for each id of its antecedent, and 8 more if its count is above 254.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    antecedent_items: Vec<u32>,
    /// Where the antecedents of each length begin.
    lengths: Vec<Length>,
    antecedent_counts: SmallIntegers,
    /// By group, where its rules end.
    rule_ends: Vec<u32>,
    consequents: Vec<SongId>,
    support_counts: SmallIntegers,
    weights: WeightColumn,
    many_weights: WeightColumn,
}

/// Where the antecedents of one length begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Length {
    len: usize,
    /// The position of the first group.
    group: usize,
    /// Where its antecedent begins in the items.
    item: usize,
}

/// The rules of one antecedent, as [`Rules`] lends them.
#[derive(Clone, Copy, Debug)]
pub struct RuleGroup<'a> {
    /// The ids of the antecedent, ascending; never empty.
    pub antecedent: &'a [u32],
    /// The playlists that hold the antecedent; at least 1.
    pub antecedent_count: u32,
    /// The consequents, ascending; never empty.
    pub consequents: &'a [SongId],
    /// By position in `consequents`, the [`Consequent::weight`] of the rule.
    pub weights: Weights<'a>,
    /// By position in `consequents`, the [`Consequent::many_weight`] of the rule.
    pub many_weights: Weights<'a>,
    support_counts: &'a SmallIntegers,
    /// The position of the group's first rule.
    first: usize,
}

impl<'a> RuleGroup<'a> {
    /// The playlists that hold the antecedent and the consequent at `position`: 1 to `antecedent_count`.
    ///
    /// # Panics
    ///
    /// If `position` is beyond the last rule of the table.
    pub fn support_count(self, position: usize) -> u32 {
        self.support_counts.get(self.first + position)
    }

    /// The rules of the group, by ascending consequent.
    pub fn rules(self) -> impl ExactSizeIterator<Item = Consequent> + 'a {
        self.consequents.iter().enumerate().map(move |(position, &song)| Consequent {
            song,
            support_count: self.support_count(position),
            weight: self.weights.get(position),
            many_weight: self.many_weights.get(position),
        })
    }
}

/// One rule, as it is appended to [`Rules`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule<'a> {
    /// The ids of the antecedent, ascending; not empty.
    pub antecedent: &'a [u32],
    /// The playlists that hold the antecedent.
    pub antecedent_count: u32,
    /// The song that the rule speaks for.
    pub consequent: SongId,
    /// The playlists that hold the antecedent and the consequent: 1 to `antecedent_count`.
    pub support_count: u32,
    /// As [`Consequent::weight`].
    pub weight: u16,
    /// As [`Consequent::many_weight`].
    pub many_weight: u16,
}

/// Rules as they lie in a table, one a row; the columns are equally long.
pub(crate) struct RuleColumns<'a> {
    pub(crate) consequents: &'a [SongId],
    pub(crate) support_counts: &'a [u32],
    pub(crate) antecedent_counts: &'a [u32],
    pub(crate) weights: &'a [u32],
    /// `None` where the table has none: all are 0.
    pub(crate) many_weights: Option<&'a [u32]>,
}

impl Rules {
    /// Makes room for so many more rules, or fails where there is no memory.
    pub(crate) fn try_reserve(&mut self, rules: usize) -> Result<(), TryReserveError> {
        self.consequents.try_reserve_exact(rules)?;
        self.support_counts.try_reserve(rules)?;
        self.weights.try_reserve(rules)?;
        self.many_weights.try_reserve(rules)
    }

    pub(crate) fn shrink_to_fit(&mut self) {
        self.antecedent_items.shrink_to_fit();
        self.antecedent_counts.shrink_to_fit();
        self.rule_ends.shrink_to_fit();
        self.support_counts.shrink_to_fit();
        self.weights.shrink_to_fit();
        self.many_weights.shrink_to_fit();
    }

    /// Appends a rule.
    ///
    /// # Errors
    ///
    /// If it does not come after the last one (by the antecedent's length, its ids, and the consequent), if the antecedent
    /// is empty or does not ascend, if the counts contradict each other, or if there are 2³² − 1 rules already. The table is as before then.
    pub fn push(&mut self, rule: Rule<'_>) -> Result<(), InvalidTable> {
        let columns = RuleColumns {
            consequents: &[rule.consequent],
            support_counts: &[rule.support_count],
            antecedent_counts: &[rule.antecedent_count],
            weights: &[rule.weight.into()],
            many_weights: Some(&[rule.many_weight.into()]),
        };
        self.append(&columns, |_| rule.antecedent, |_| 1)
    }

    /// Appends rows of a table. `antecedent` gives the antecedent of a row, and `run_end` the first row after it that has another.
    ///
    /// # Errors
    ///
    /// As for [`push`](Self::push), or if a weight is above 65,535. The table is of no use then, unless there is one row.
    pub(crate) fn append<'r>(
        &mut self,
        columns: &RuleColumns<'_>,
        antecedent: impl Fn(usize) -> &'r [u32],
        run_end: impl Fn(usize) -> usize,
    ) -> Result<(), InvalidTable> {
        self.check_rows(columns)?;
        let mut row = 0;
        while row < columns.consequents.len() {
            let end = run_end(row);
            self.append_group(antecedent(row), columns, row..end)?;
            row = end;
        }
        self.consequents.extend_from_slice(columns.consequents);
        self.support_counts.extend(columns.support_counts);
        self.weights.extend(columns.weights.iter().map(|&weight| weight as u16));
        match columns.many_weights {
            Some(weights) => self.many_weights.extend(weights.iter().map(|&weight| weight as u16)),
            None => self.many_weights.extend(columns.consequents.iter().map(|_| 0)),
        }
        Ok(())
    }

    /// Checks what each row tells by itself.
    fn check_rows(&self, columns: &RuleColumns<'_>) -> Result<(), InvalidTable> {
        let invalid =
            |row: usize, problem: &str| Err(InvalidTable(format!("rule {}: {problem}", self.len() + row)));
        let counts = columns.support_counts.iter().zip(columns.antecedent_counts);
        let is_valid = |(&both, &antecedent): (&u32, &u32)| (both > 0) & (both <= antecedent);
        // All rows are looked at without a branch, which is many at a time.
        if !counts.clone().fold(true, |are_valid, counts| are_valid & is_valid(counts)) {
            let row = counts.take_while(|&counts| is_valid(counts)).count();
            return invalid(row, "its support count is 0 or above its antecedent count");
        }
        let fits = |weight: u32| weight <= u16::MAX.into();
        for weights in [Some(columns.weights), columns.many_weights].into_iter().flatten() {
            if !weights.iter().fold(true, |fit, &weight| fit & fits(weight)) {
                let row = weights.iter().take_while(|&&weight| fits(weight)).count();
                return invalid(row, &format!("its weight {} is not 0 to 65535", weights[row]));
            }
        }
        if u32::try_from(self.len() + columns.consequents.len()).is_err() {
            return invalid(0, "there are more than 2^32 - 1 rules");
        }
        Ok(())
    }

    /// Appends the group of one antecedent, or goes on with the last one, whose rules the rows are.
    fn append_group(
        &mut self,
        antecedent: &[u32],
        columns: &RuleColumns<'_>,
        rows: Range<usize>,
    ) -> Result<(), InvalidTable> {
        let (first, end) = (self.len() + rows.start, self.len() + rows.end);
        let consequents = &columns.consequents[rows.clone()];
        let invalid = |problem: &str| {
            Err(InvalidTable(format!("rule {first} ({antecedent:?} => {}): {problem}", consequents[0])))
        };
        let count = columns.antecedent_counts[rows.start];
        let is_new = check_next(self.last_antecedent(), antecedent, count)?;
        if columns.antecedent_counts[rows].iter().any(|&other| other != count) {
            return invalid("its antecedent has other counts in the rules after");
        }
        if !consequents.is_sorted_by(|a, b| a < b) {
            return invalid("its consequent or those after do not ascend");
        }
        if is_new {
            let len = antecedent.len();
            if self.lengths.last().is_none_or(|last| last.len < len) {
                let (group, item) = (self.group_count(), self.antecedent_items.len());
                self.lengths.push(Length { len, group, item });
            }
            self.antecedent_items.extend_from_slice(antecedent);
            self.antecedent_counts.push(count);
            self.rule_ends.push(end as u32);
        } else if self.consequents.last() >= consequents.first() {
            return invalid("its consequent does not come after that of the rule before");
        } else if let Some(last) = self.rule_ends.last_mut() {
            *last = end as u32;
        }
        Ok(())
    }

    /// The antecedent of the last group with its count.
    fn last_antecedent(&self) -> Option<(&[u32], u32)> {
        let length = self.lengths.last()?;
        let item = self.antecedent_items.len() - length.len;
        Some((&self.antecedent_items[item..], self.antecedent_counts.get(self.group_count() - 1)))
    }

    /// The number of rules.
    pub fn len(&self) -> usize {
        self.consequents.len()
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.consequents.is_empty()
    }

    /// The memory that the table takes, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.antecedent_items.capacity() * size_of::<u32>()
            + self.antecedent_counts.memory_bytes()
            + self.rule_ends.capacity() * size_of::<u32>()
            + self.consequents.capacity() * size_of::<u32>()
            + self.support_counts.memory_bytes()
            + self.weights.memory_bytes()
            + self.many_weights.memory_bytes()
    }

    /// The number of different antecedents.
    pub fn group_count(&self) -> usize {
        self.rule_ends.len()
    }

    /// The number of different antecedents of one id. Their groups are the first.
    pub fn single_count(&self) -> usize {
        // Not as a slice pattern: rustc 1.95 reads the first length before it knows that there is one.
        match self.lengths.first() {
            Some(first) if first.len == 1 => {
                self.lengths.get(1).map_or(self.group_count(), |second| second.group)
            }
            _ => 0,
        }
    }

    /// The position of the group whose antecedent is `id` alone.
    pub fn single(&self, id: u32) -> Option<usize> {
        let ids = &self.antecedent_items[..self.single_count()];
        // An id is at most at the position that it names, and nearly there when few ids before it have no rules, as with
        // popular songs. So the search goes back from there by ever longer steps.
        let end = ids.len().min(id as usize + 1);
        let mut step = 1;
        while step < end && ids[end - step] > id {
            step *= 2;
        }
        let begin = end.saturating_sub(step);
        ids[begin..end].binary_search(&id).ok().map(|position| begin + position)
    }

    /// The antecedent of the group at `position`.
    ///
    /// # Panics
    ///
    /// If `position` is not below [`group_count`](Self::group_count).
    pub fn antecedent(&self, position: usize) -> &[u32] {
        let next = self.lengths.partition_point(|length| length.group <= position);
        let length = self.lengths[next - 1];
        let item = length.item + (position - length.group) * length.len;
        &self.antecedent_items[item..][..length.len]
    }

    /// The group at `position`.
    ///
    /// # Panics
    ///
    /// If `position` is not below [`group_count`](Self::group_count).
    pub fn group(&self, position: usize) -> RuleGroup<'_> {
        let first = match position.checked_sub(1) {
            Some(before) => self.rule_ends[before] as usize,
            None => 0,
        };
        let rules = first..self.rule_ends[position] as usize;
        RuleGroup {
            antecedent: self.antecedent(position),
            antecedent_count: self.antecedent_counts.get(position),
            consequents: &self.consequents[rules.clone()],
            weights: self.weights.get(rules.clone()),
            many_weights: self.many_weights.get(rules),
            support_counts: &self.support_counts,
            first,
        }
    }

    /// The groups in order.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = RuleGroup<'_>> {
        (0..self.group_count()).map(|position| self.group(position))
    }

    /// The rules in order.
    pub fn iter(&self) -> impl Iterator<Item = Rule<'_>> {
        self.groups().flat_map(|group| {
            group.rules().map(move |Consequent { song, support_count, weight, many_weight }| Rule {
                antecedent: group.antecedent,
                antecedent_count: group.antecedent_count,
                consequent: song,
                support_count,
                weight,
                many_weight,
            })
        })
    }
}

/// The counts behind a rule A ⇒ C; every measure of the rule is derived from them.
///
/// For a mined rule `1 ≤ both ≤ min(antecedent, consequent)` and `max(antecedent, consequent) ≤ baskets`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleCounts {
    /// The baskets that hold A and C.
    pub both: u32,
    /// The baskets that hold A.
    pub antecedent: u32,
    /// The baskets that hold C.
    pub consequent: u32,
    /// All baskets.
    pub baskets: u32,
}

impl RuleCounts {
    /// The share of baskets that hold both: `P(A ∧ C)`. Range `(0, 1]`.
    ///
    /// ```
    /// # use model::RuleCounts;
    /// let rule = RuleCounts { both: 50, antecedent: 100, consequent: 150, baskets: 200 };
    /// assert_eq!(rule.support(), 0.25);
    /// ```
    pub fn support(self) -> f64 {
        f64::from(self.both) / f64::from(self.baskets)
    }

    /// How often the consequent is there when the antecedent is: `P(C | A)`. Range `(0, 1]`. Agrawal, Imieliński and Swami
    /// 1993.
    ///
    /// ```
    /// # use model::RuleCounts;
    /// let rule = RuleCounts { both: 50, antecedent: 100, consequent: 150, baskets: 200 };
    /// assert_eq!(rule.confidence(), 0.5);
    /// ```
    pub fn confidence(self) -> f64 {
        f64::from(self.both) / f64::from(self.antecedent)
    }

    /// How much likelier the consequent is beside the antecedent than anywhere: `P(A ∧ C) / (P(A) · P(C))`.
    ///
    /// No unit; range `(0, ∞)`; 1 means independent. Brin, Motwani, Ullman and Tsur 1997 call it *interest*.
    ///
    /// ```
    /// # use model::RuleCounts;
    /// let rule = RuleCounts { both: 50, antecedent: 100, consequent: 150, baskets: 200 };
    /// assert!((rule.lift() - 2.0 / 3.0).abs() < 1e-12);
    /// ```
    pub fn lift(self) -> f64 {
        f64::from(self.both) * f64::from(self.baskets)
            / (f64::from(self.antecedent) * f64::from(self.consequent))
    }

    /// By how much the rule occurs more often than if its sides were independent: `P(A ∧ C) − P(A) · P(C)`.
    ///
    /// Range `[−0.25, 0.25]`; 0 means independent. Piatetsky-Shapiro 1991.
    ///
    /// ```
    /// # use model::RuleCounts;
    /// let rule = RuleCounts { both: 50, antecedent: 100, consequent: 150, baskets: 200 };
    /// assert_eq!(rule.leverage(), -0.125);
    /// ```
    pub fn leverage(self) -> f64 {
        let baskets = f64::from(self.baskets);
        self.support() - f64::from(self.antecedent) / baskets * (f64::from(self.consequent) / baskets)
    }

    /// How much more often the rule would fail if its sides were independent: `(1 − P(C)) / (1 − P(C | A))`.
    ///
    /// Range `[0, ∞]`; 1 means independent, `∞` that it never fails. Brin, Motwani, Ullman and Tsur 1997.
    ///
    /// ```
    /// # use model::RuleCounts;
    /// let rule = RuleCounts { both: 50, antecedent: 100, consequent: 150, baskets: 200 };
    /// assert_eq!(rule.conviction(), 0.5);
    /// assert_eq!(RuleCounts { both: 100, ..rule }.conviction(), f64::INFINITY);
    /// ```
    pub fn conviction(self) -> f64 {
        if self.both == self.antecedent {
            return f64::INFINITY;
        }
        (1.0 - f64::from(self.consequent) / f64::from(self.baskets)) / (1.0 - self.confidence())
    }
}
