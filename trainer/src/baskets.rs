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
