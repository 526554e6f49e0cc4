use crate::{Consequent, InvalidTable, SongId};

/// Rules "who has the antecedent also has the consequent", grouped by antecedent.
///
/// Groups are ordered by the antecedent's length, then by its ids; consequents ascend within a group. In `rules.parquet`
/// antecedents are sets of song ids; in `artist_rules.parquet` they are single artist ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    antecedent_items: Vec<u32>,
    /// By group, and a last entry with the end; so is `rule_starts`.
    antecedent_starts: Vec<usize>,
    antecedent_counts: Vec<u32>,
    rule_starts: Vec<usize>,
    consequents: Vec<SongId>,
    support_counts: Vec<u32>,
    weights: Vec<u16>,
}

/// The rules of one antecedent, as [`Rules`] lends them; the three slices run in parallel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleGroup<'a> {
    /// The ids of the antecedent, ascending; never empty.
    pub antecedent: &'a [u32],
    /// The playlists that hold the antecedent; at least 1.
    pub antecedent_count: u32,
    /// The consequents, ascending; never empty.
    pub consequents: &'a [SongId],
    /// The playlists that hold the antecedent and the consequent: 1 to `antecedent_count`.
    pub support_counts: &'a [u32],
    /// What the rule adds to a score, in units of the manifest's `weight_scale`.
    pub weights: &'a [u16],
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
    /// What the rule adds to a score, in units of the manifest's `weight_scale`.
    pub weight: u16,
}

impl<'a> RuleGroup<'a> {
    /// The rules of the group, by ascending consequent.
    pub fn consequents(self) -> impl ExactSizeIterator<Item = Consequent> + 'a {
        self.consequents
            .iter()
            .zip(self.support_counts)
            .zip(self.weights)
            .map(|((&song, &support_count), &weight)| Consequent { song, support_count, weight })
    }
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            antecedent_items: Vec::new(),
            antecedent_starts: vec![0],
            antecedent_counts: Vec::new(),
            rule_starts: vec![0],
            consequents: Vec::new(),
            support_counts: Vec::new(),
            weights: Vec::new(),
        }
    }
}

impl Rules {
    /// Appends a rule.
    ///
    /// # Errors
    ///
    /// If it does not come after the last one (by the antecedent's length, its ids, and the consequent), if the antecedent
    /// is empty or does not ascend, or if the counts contradict each other.
    pub fn push(&mut self, rule: Rule<'_>) -> Result<(), InvalidTable> {
        let invalid = |problem: &str| {
            Err(InvalidTable(format!(
                "rule {} ({:?} => {}): {problem}",
                self.len(),
                rule.antecedent,
                rule.consequent
            )))
        };
        if rule.support_count == 0 || rule.support_count > rule.antecedent_count {
            return invalid("its support count is 0 or above its antecedent count");
        }
        let last_group = self.group_count().checked_sub(1).map(|i| self.group(i));
        match last_group {
            Some(last) if last.antecedent == rule.antecedent => {
                if last.antecedent_count != rule.antecedent_count {
                    return invalid("its antecedent count is not that of the rule before");
                }
                if last.consequents.last() >= Some(&rule.consequent) {
                    return invalid("its consequent does not come after that of the rule before");
                }
            }
            last => {
                if rule.antecedent.is_empty() || !rule.antecedent.is_sorted_by(|a, b| a < b) {
                    return invalid("its antecedent is empty or does not ascend");
                }
                let place = (rule.antecedent.len(), rule.antecedent);
                if last.is_some_and(|last| (last.antecedent.len(), last.antecedent) >= place) {
                    return invalid("its antecedent does not come after that of the rule before");
                }
                self.antecedent_items.extend_from_slice(rule.antecedent);
                self.antecedent_starts.push(self.antecedent_items.len());
                self.antecedent_counts.push(rule.antecedent_count);
                self.rule_starts.push(self.consequents.len());
            }
        }
        self.consequents.push(rule.consequent);
        self.support_counts.push(rule.support_count);
        self.weights.push(rule.weight);
        if let Some(end) = self.rule_starts.last_mut() {
            *end = self.consequents.len();
        }
        Ok(())
    }

    /// The number of rules.
    pub fn len(&self) -> usize {
        self.consequents.len()
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.consequents.is_empty()
    }

    /// The number of different antecedents.
    pub fn group_count(&self) -> usize {
        self.antecedent_counts.len()
    }

    /// The group at `position`.
    ///
    /// # Panics
    ///
    /// If `position` is not below [`group_count`](Self::group_count).
    pub fn group(&self, position: usize) -> RuleGroup<'_> {
        let rules = self.rule_starts[position]..self.rule_starts[position + 1];
        RuleGroup {
            antecedent: &self.antecedent_items
                [self.antecedent_starts[position]..self.antecedent_starts[position + 1]],
            antecedent_count: self.antecedent_counts[position],
            consequents: &self.consequents[rules.clone()],
            support_counts: &self.support_counts[rules.clone()],
            weights: &self.weights[rules],
        }
    }

    /// The groups in order.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = RuleGroup<'_>> {
        (0..self.group_count()).map(|position| self.group(position))
    }

    /// The rules in order.
    pub fn iter(&self) -> impl Iterator<Item = Rule<'_>> {
        self.groups().flat_map(|group| {
            (0..group.consequents.len()).map(move |i| Rule {
                antecedent: group.antecedent,
                antecedent_count: group.antecedent_count,
                consequent: group.consequents[i],
                support_count: group.support_counts[i],
                weight: group.weights[i],
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
