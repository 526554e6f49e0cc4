use model::{RuleGroup, Rules};

/// There is no group for this antecedent: it is only the beginning of longer ones.
const NO_GROUP: u32 = u32::MAX;

/// Finds the rules that fire: those whose antecedent is contained in a set.
///
/// Antecedents of one id are searched in the rules, which have them in order. Longer ones are indexed whole, as a trie over their ascending
/// ids. So the time depends on the antecedents that are contained and the beginnings that they share, not on how many rules
/// have one of the ids in their antecedent.
#[derive(Debug)]
pub(crate) struct RuleIndex {
    rules: Rules,
    /// Node `id` of the trie is the beginning of that id alone; there are as many of these as the greatest such id tells. Nodes of longer
    /// beginnings follow. Ids are by falling popularity, so the first id of a frequent set is small.
    root_count: usize,
    /// By node from `root_count` on, its group in `rules`, or [`NO_GROUP`].
    groups: Vec<u32>,
    /// By node, where its children begin in `last_ids`, and a last entry with their number. The child at `i` is the node
    /// `root_count + i`.
    child_starts: Vec<u32>,
    /// By node from `root_count` on, the last id of its antecedent; ascending among the children of one node.
    last_ids: Vec<u32>,
}

impl RuleIndex {
    /// Indexes `rules`.
    pub(crate) fn build(rules: Rules) -> RuleIndex {
        let antecedent = |position: u32| rules.antecedent(position as usize);
        let mut longer: Vec<u32> = (rules.single_count() as u32..rules.group_count() as u32).collect();
        // They come as one ascending run for each length, which the stable sort merges.
        longer.sort_by(|&a, &b| antecedent(a).cmp(antecedent(b)));

        let root_count = longer.last().map_or(0, |&position| antecedent(position)[0] as usize + 1);
        let mut groups: Vec<u32> = Vec::new();
        let mut child_starts = vec![0_u32];
        let mut last_ids: Vec<u32> = Vec::new();
        // The node of each antecedent's beginning that has the length `depth`. Beginnings come in ascending order, so nodes
        // of one depth do too, and the children of a node are consecutive.
        let mut nodes: Vec<u32> = longer.iter().map(|&position| antecedent(position)[0]).collect();
        let mut depth = 1;
        while !longer.is_empty() {
            let mut last: Option<(u32, u32)> = None;
            for (&position, node) in longer.iter().zip(&mut nodes) {
                let ids = antecedent(position);
                let child = (*node, ids[depth]);
                if last != Some(child) {
                    // All nodes up to the parent have got their children, or have none.
                    child_starts.resize(child.0 as usize + 1, last_ids.len() as u32);
                    last_ids.push(child.1);
                    groups.push(NO_GROUP);
                    last = Some(child);
                }
                let group = groups.len() - 1;
                *node = (root_count + group) as u32;
                if ids.len() == depth + 1 {
                    groups[group] = position;
                }
            }
            depth += 1;
            let mut kept = 0;
            for i in 0..longer.len() {
                if antecedent(longer[i]).len() > depth {
                    longer[kept] = longer[i];
                    nodes[kept] = nodes[i];
                    kept += 1;
                }
            }
            longer.truncate(kept);
            nodes.truncate(kept);
        }
        child_starts.resize(root_count + groups.len() + 1, last_ids.len() as u32);
        groups.shrink_to_fit();
        child_starts.shrink_to_fit();
        last_ids.shrink_to_fit();
        RuleIndex { rules, root_count, groups, child_starts, last_ids }
    }

    /// The positions of the groups whose antecedent is contained in `held`, which ascends. In no order.
    pub(crate) fn fired(&self, held: &[u32]) -> Vec<u32> {
        let mut fired = Vec::new();
        // Nodes whose antecedent is contained, with what is held of greater ids.
        let mut open: Vec<(usize, &[u32])> = Vec::new();
        for (i, &id) in held.iter().enumerate() {
            fired.extend(self.rules.single(id).map(|position| position as u32));
            if (id as usize) < self.root_count {
                open.push((id as usize, &held[i + 1..]));
            }
            while let Some((node, held)) = open.pop() {
                if let Some(group) = node.checked_sub(self.root_count)
                    && self.groups[group] != NO_GROUP
                {
                    fired.push(self.groups[group]);
                }
                let first = self.child_starts[node] as usize;
                let children = &self.last_ids[first..self.child_starts[node + 1] as usize];
                for_each_common(children, held, |child, held_at| {
                    open.push((self.root_count + first + child, &held[held_at + 1..]));
                });
            }
        }
        fired
    }

    /// The group at a position that [`fired`](Self::fired) gave.
    pub(crate) fn group(&self, position: u32) -> RuleGroup<'_> {
        self.rules.group(position as usize)
    }
}

/// Calls `found` with the places in `a` and in `b` of each element that both have; both ascend strictly. Walks through the
/// shorter one and searches the longer.
pub(crate) fn for_each_common(a: &[u32], b: &[u32], mut found: impl FnMut(usize, usize)) {
    let is_swapped = a.len() > b.len();
    let (short, long) = if is_swapped { (b, a) } else { (a, b) };
    let mut from = 0;
    for (in_short, id) in short.iter().enumerate() {
        match long[from..].binary_search(id) {
            Ok(at) => {
                let in_long = from + at;
                if is_swapped {
                    found(in_long, in_short);
                } else {
                    found(in_short, in_long);
                }
                from = in_long + 1;
            }
            Err(at) => from += at,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use model::Rule;
    use proptest::prelude::*;

    use super::*;

    fn index(antecedents: &BTreeSet<(usize, Vec<u32>)>) -> RuleIndex {
        let mut rules = Rules::default();
        for (_, antecedent) in antecedents {
            rules
                .push(Rule {
                    antecedent,
                    antecedent_count: 1,
                    consequent: 0,
                    support_count: 1,
                    weight: 1,
                    many_weight: 0,
                })
                .unwrap();
        }
        RuleIndex::build(rules)
    }

    #[test]
    fn no_rules_never_fire() {
        assert!(index(&BTreeSet::new()).fired(&[0, 1]).is_empty());
    }

    proptest! {
        #[test]
        fn exactly_the_contained_antecedents_fire_once(
            antecedents in prop::collection::btree_set(prop::collection::btree_set(0..12_u32, 1..6), 0..80),
            held in prop::collection::btree_set(0..14_u32, 0..12),
        ) {
            let antecedents: BTreeSet<(usize, Vec<u32>)> = antecedents
                .into_iter()
                .map(|antecedent| (antecedent.len(), antecedent.into_iter().collect()))
                .collect();
            let index = index(&antecedents);
            let held: Vec<u32> = held.into_iter().collect();
            let mut fired: Vec<&[u32]> = index
                .fired(&held)
                .into_iter()
                .map(|position| index.group(position).antecedent)
                .collect();
            fired.sort_by_key(|antecedent| (antecedent.len(), *antecedent));
            let contained: Vec<&[u32]> = antecedents
                .iter()
                .map(|(_, antecedent)| &antecedent[..])
                .filter(|antecedent| antecedent.iter().all(|id| held.contains(id)))
                .collect();
            prop_assert_eq!(fired, contained);
        }

        #[test]
        fn common_elements_are_found_in_both(
            a in prop::collection::btree_set(0..40_u32, 0..30),
            b in prop::collection::btree_set(0..40_u32, 0..30),
        ) {
            let (a, b): (Vec<u32>, Vec<u32>) = (a.into_iter().collect(), b.into_iter().collect());
            let mut common = Vec::new();
            for_each_common(&a, &b, |in_a, in_b| common.push((a[in_a], b[in_b])));
            let expected: Vec<(u32, u32)> =
                a.iter().filter(|id| b.contains(id)).map(|&id| (id, id)).collect();
            prop_assert_eq!(common, expected);
        }
    }
}
