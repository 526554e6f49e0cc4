/// The baskets of a dataset: each playlist as the set of its items, which are numbered from 0.
///
/// Items ascend within a basket. One allocation holds them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baskets {
    items: Vec<u32>,
    /// Where each basket begins in `items`, and a last entry with their number.
    starts: Vec<usize>,
    item_count: u32,
}

impl Default for Baskets {
    fn default() -> Self {
        Baskets { items: Vec::new(), starts: vec![0], item_count: 0 }
    }
}

impl Baskets {
    /// The baskets whose items, in any order and with repeats, lie in `items` one after the other; `ends` tells where each one's end.
    ///
    /// Sorts on the threads of the current rayon pool, in place.
    pub(crate) fn from_groups(mut items: Vec<u32>, ends: Vec<usize>) -> Self {
        let mut lens = vec![0; ends.len()];
        sort_groups(&mut items, 0, &ends, &mut lens);
        let mut starts = ends;
        let (mut group_start, mut start) = (0, 0);
        let mut item_count = 0;
        for (bound, len) in starts.iter_mut().zip(lens) {
            let group_end = std::mem::replace(bound, start);
            items.copy_within(group_start..group_start + len, start);
            group_start = group_end;
            start += len;
            if let Some(&greatest) = items[..start].last().filter(|_| len > 0) {
                item_count = item_count.max(greatest + 1);
            }
        }
        starts.push(start);
        items.truncate(start);
        items.shrink_to_fit();
        Baskets { items, starts, item_count }
    }

    /// Appends a basket: sorts `items` and drops repeats in place, then copies them.
    pub fn push(&mut self, items: &mut Vec<u32>) {
        items.sort_unstable();
        items.dedup();
        if let Some(&greatest) = items.last() {
            self.item_count = self.item_count.max(greatest + 1);
        }
        self.items.extend_from_slice(items);
        self.starts.push(self.items.len());
    }

    /// The number of baskets.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there is no basket.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One more than the greatest item.
    pub fn item_count(&self) -> u32 {
        self.item_count
    }

    /// The number of items in all baskets together.
    pub fn total_len(&self) -> usize {
        self.items.len()
    }

    /// The items of the basket at `position`, ascending.
    ///
    /// # Panics
    ///
    /// If `position` is not below [`len`](Self::len).
    pub fn get(&self, position: usize) -> &[u32] {
        &self.items[self.starts[position]..self.starts[position + 1]]
    }

    /// The baskets in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        (0..self.len()).map(|position| self.get(position))
    }

    /// The number of baskets that hold each item, by item.
    pub fn support_counts(&self) -> Vec<u32> {
        let mut counts = vec![0; self.item_count as usize];
        for &item in &self.items {
            counts[item as usize] += 1;
        }
        counts
    }

    /// The same without the baskets that are held out; `is_held_out` has an entry for each basket.
    pub(crate) fn support_counts_without(&self, is_held_out: &[bool]) -> Vec<u32> {
        let mut counts = vec![0; self.item_count as usize];
        for &item in self.kept(is_held_out).flatten() {
            counts[item as usize] += 1;
        }
        counts
    }

    /// The baskets that are not held out.
    pub(crate) fn kept<'b>(&'b self, is_held_out: &'b [bool]) -> impl Iterator<Item = &'b [u32]> {
        let baskets = self.iter().zip(is_held_out);
        baskets.filter(|&(_, &is_held_out)| !is_held_out).map(|(basket, _)| basket)
    }
}

/// Groups that one thread sorts without asking another for help.
const SEQUENTIAL_GROUPS: usize = 1024;

/// Sorts the items of each group and moves the different ones to its front; `lens` receives how many these are. The items begin at
/// `start` of what `ends` counts.
fn sort_groups(items: &mut [u32], start: usize, ends: &[usize], lens: &mut [usize]) {
    if ends.len() > SEQUENTIAL_GROUPS {
        let middle = ends.len() / 2;
        let (first_ends, second_ends) = ends.split_at(middle);
        let second_start = first_ends[middle - 1];
        let (first, second) = items.split_at_mut(second_start - start);
        let (first_lens, second_lens) = lens.split_at_mut(middle);
        rayon::join(
            || sort_groups(first, start, first_ends, first_lens),
            || sort_groups(second, second_start, second_ends, second_lens),
        );
        return;
    }
    let mut rest = items;
    let mut start = start;
    for (&end, len) in ends.iter().zip(lens) {
        let (group, after) = rest.split_at_mut(end - start);
        group.sort_unstable();
        for position in 0..group.len() {
            if position == 0 || group[position] != group[*len - 1] {
                group[*len] = group[position];
                *len += 1;
            }
        }
        (rest, start) = (after, end);
    }
}

impl<B: IntoIterator<Item = u32>> FromIterator<B> for Baskets {
    fn from_iter<I: IntoIterator<Item = B>>(baskets: I) -> Self {
        let mut all = Baskets::default();
        let mut items = Vec::new();
        for basket in baskets {
            items.clear();
            items.extend(basket);
            all.push(&mut items);
        }
        all
    }
}
