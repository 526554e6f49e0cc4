use std::{cmp::Reverse, ops::ControlFlow};

use super::{
    block::{Block, Bounds, Visitor},
    database::{Database, NO_RANK},
    masks::{MASK_ITEMS, MaskStack},
};

/// Stands for a rank that is not searched further as a bit of a mask.
const NO_BIT: u8 = u8::MAX;

/// A depth-first search for frequent itemsets, in one thread.
///
/// A prefix is extended by the items of lower rank, which are commoner, the lowest first. So before a prefix of `n` items is
/// extended, its first item has been found with every subset of its items from the third on: a search that ends at a number
/// of itemsets, or at a length, nests its calls little deeper than the binary logarithm of that number, or than that length.
pub(super) struct Search<V> {
    pub(super) bounds: Bounds,
    pub(super) visitor: V,
    /// The items of the prefix.
    pub(super) prefix: Vec<u32>,
    /// The items in every transaction that holds the prefix, without those of the prefix.
    pub(super) optional: Vec<u32>,
    pub(super) masks: MaskStack,
    /// By rank: how often it occurs beside the prefix; all 0 between two uses.
    counts: Vec<u32>,
    /// By rank: the rank in the database below; all [`NO_RANK`] between two uses.
    rank_below: Vec<u32>,
    /// By rank: the bit in the masks below; all [`NO_BIT`] between two uses.
    bit_below: Vec<u8>,
}

impl<V: Visitor> Search<V> {
    pub(super) fn new(root: &Database, bounds: Bounds, visitor: V) -> Self {
        Search {
            bounds,
            visitor,
            prefix: Vec::new(),
            optional: Vec::new(),
            masks: MaskStack::default(),
            counts: vec![0; root.names.len()],
            rank_below: vec![NO_RANK; root.names.len()],
            bit_below: vec![NO_BIT; root.names.len()],
        }
    }

    /// Visits all itemsets of one of the tasks of `database`, each of which begins with the current prefix.
    pub(super) fn run_task(&mut self, database: &Database, task: usize) -> ControlFlow<()> {
        match task.checked_sub(1) {
            None => self.search_low(database),
            Some(task) => self.search_extended(database, (database.low + task) as u32),
        }
    }

    /// Visits the prefix and its extensions by items of `database` that are searched as bit masks.
    fn search_low(&mut self, database: &Database) -> ControlFlow<()> {
        let low = database.low as u32;
        let begin = self.masks.len();
        for bounds in database.starts.windows(2) {
            let ranks = database.ranks[bounds[0]..bounds[1]].iter().take_while(|&&rank| rank < low);
            let mask = ranks.fold(0, |mask, rank| mask | 1 << rank);
            self.masks.push(begin, mask);
        }
        self.search_masks(&database.names[..database.low], begin)
    }

    /// Visits the itemsets of the prefix, `rank` and lower ranks.
    fn search_extended(&mut self, database: &Database, rank: u32) -> ControlFlow<()> {
        let holders = database.holders(rank);
        self.prefix.push(database.names[rank as usize]);
        if self.prefix.len() == self.bounds.max_length {
            let counts = [holders.len() as u32];
            let block = Block { prefix: &self.prefix, optional: &[], lattice_items: &[], counts: &counts };
            let flow = self.visitor.visit(&block, self.bounds);
            self.prefix.pop();
            return flow;
        }

        let mut occurrences = 0;
        // Slices, as a vector's address would be read again for every item.
        let counts = &mut self.counts[..rank as usize];
        for &holder in holders {
            let below = database.below(holder);
            for &other in below {
                counts[other as usize] += 1;
            }
            occurrences += below.len();
        }
        let optional_before = self.optional.len();
        let frequent = self.take_frequent(database, rank, occurrences);
        let names: Vec<u32> = frequent.iter().map(|&(_, other)| database.names[other as usize]).collect();

        let flow = if frequent.len() <= MASK_ITEMS {
            for (&(_, other), bit) in frequent.iter().zip(0..) {
                self.bit_below[other as usize] = bit;
            }
            let begin = self.masks.len();
            let bit_below = &self.bit_below[..rank as usize];
            for &holder in holders {
                let mut mask = 0;
                for &other in database.below(holder) {
                    // Without a branch, for whether an item is frequent is hard to predict.
                    let bit = bit_below[other as usize];
                    mask |= u64::from(bit != NO_BIT) << (bit & 63);
                }
                self.masks.push(begin, mask);
            }
            for &(_, other) in &frequent {
                self.bit_below[other as usize] = NO_BIT;
            }
            self.search_masks(&names, begin)
        } else {
            for (&(_, other), below) in frequent.iter().zip(0..) {
                self.rank_below[other as usize] = below;
            }
            let mut room = vec![0; occurrences];
            let ranks = room.as_mut_slice();
            let mut starts = vec![0];
            let mut end = 0;
            let rank_below = &self.rank_below[..rank as usize];
            for &holder in holders {
                let begin = end;
                for &other in database.below(holder) {
                    let below = rank_below[other as usize];
                    ranks[end] = below;
                    end += usize::from(below != NO_RANK);
                }
                ranks[begin..end].sort_unstable();
                starts.push(end);
            }
            room.truncate(end);
            for &(_, other) in &frequent {
                self.rank_below[other as usize] = NO_RANK;
            }
            let counts: Vec<u32> = frequent.iter().map(|&(Reverse(count), _)| count).collect();
            let below = Database::new(names, &counts, MASK_ITEMS, 1, room, starts);
            (0..below.task_count()).try_for_each(|task| self.run_task(&below, task))
        };
        self.optional.truncate(optional_before);
        self.prefix.pop();
        flow
    }

    /// The ranks below `rank` that are frequent beside it, the commonest first, with their counts; those in every
    /// transaction that holds it become optional instead. Makes the counts 0 again.
    fn take_frequent(
        &mut self,
        database: &Database,
        rank: u32,
        occurrences: usize,
    ) -> Vec<(Reverse<u32>, u32)> {
        let holders = database.holders(rank);
        let total = holders.len() as u32;
        let mut frequent = Vec::new();
        let mut take = |count: u32, other: usize| {
            if count >= total {
                self.optional.push(database.names[other]);
            } else if count >= self.bounds.min_count {
                frequent.push((Reverse(count), other as u32));
            }
        };
        if occurrences < rank as usize / 4 {
            for &holder in holders {
                for &other in database.below(holder) {
                    take(std::mem::take(&mut self.counts[other as usize]), other as usize);
                }
            }
        } else {
            let counts = &mut self.counts[..rank as usize];
            for (chunk, counts) in counts.chunks(8).enumerate() {
                if counts.iter().fold(0, |greatest, &count| count.max(greatest)) >= self.bounds.min_count {
                    for (place, &count) in counts.iter().enumerate() {
                        take(count, 8 * chunk + place);
                    }
                }
            }
            counts.fill(0);
        }
        frequent.sort_unstable();
        frequent
    }
}
