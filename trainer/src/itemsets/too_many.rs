use std::fmt;

use super::{block::Bounds, count, database::Database, estimate};
use crate::{baskets::Baskets, summary::number};

/// There are more frequent itemsets than may be kept: how many about, and what would bring them below that.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TooManyItemsets {
    /// The itemsets that may be kept.
    pub limit: u32,
    /// The playlists that must hold an itemset.
    pub min_count: u32,
    /// About how many itemsets there are, estimated from a sample; 10¹⁸ stands for that many or more.
    pub estimate: u64,
    /// A higher number of playlists with which few enough itemsets are left; `None` if no number leaves some and few enough.
    pub higher_support: Option<FittingBound>,
    /// The most songs in an itemset with which few enough are left; `None` if even single songs are too many.
    pub shorter_length: Option<FittingBound>,
}

/// A bound on itemsets that leaves few enough of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FittingBound {
    /// What to set the bound to.
    pub bound: u32,
    /// How many itemsets there are then, exactly.
    pub itemsets: u64,
}

impl TooManyItemsets {
    /// Looks for advice on more than `limit` itemsets within `bounds`: by counting with tighter bounds, each time up to the
    /// limit.
    pub(super) fn new(baskets: &Baskets, root: &Database, bounds: Bounds, limit: u32) -> Self {
        let fits = |root: &Database, bounds: Bounds, bound: u32| {
            let by_size = count(root, bounds, limit, &|_, _| {})?;
            Some(FittingBound { bound, itemsets: by_size.iter().sum() })
        };
        let with_support = |min_count: u32| {
            let bounds = Bounds { min_count, ..bounds };
            fits(&Database::root(baskets, min_count), bounds, min_count)
        };
        let with_length = |length: u32| fits(root, Bounds { max_length: length as usize, ..bounds }, length);
        TooManyItemsets {
            limit,
            min_count: bounds.min_count,
            estimate: estimate::estimate_itemsets(root, bounds).max(u64::from(limit) + 1),
            higher_support: higher_support(bounds.min_count, root.greatest_count, with_support),
            shorter_length: (1..).map_while(with_length).last(),
        }
    }
}

/// Finds about the least support between one with too many itemsets and the greatest that an item has.
fn higher_support(
    mut too_low: u32,
    greatest: u32,
    fits: impl Fn(u32) -> Option<FittingBound>,
) -> Option<FittingBound> {
    let mut fitting = loop {
        if too_low >= greatest {
            return None;
        }
        let doubled = too_low.saturating_mul(2).min(greatest);
        match fits(doubled) {
            Some(fitting) => break fitting,
            None => too_low = doubled,
        }
    };
    // To a sixteenth, as the support that is just high enough is not worth the time.
    while fitting.bound - too_low > 1 + too_low / 16 {
        let between = too_low + (fitting.bound - too_low) / 2;
        match fits(between) {
            Some(lower) => fitting = lower,
            None => too_low = between,
        }
    }
    Some(fitting)
}

impl fmt::Display for TooManyItemsets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = number(self.limit.into());
        let playlists = match self.min_count {
            1 => "1 playlist".to_owned(),
            count => format!("{} playlists", number(count.into())),
        };
        write!(
            f,
            "{} itemsets (an estimate) are in at least {playlists}, and {limit} can be kept",
            About(self.estimate)
        )?;
        match self.higher_support {
            Some(FittingBound { bound, itemsets }) => {
                write!(f, "; `--min-support {bound}` leaves {}", number(itemsets))?;
            }
            None => f.write_str("; raising `--min-support` does not help until none is left")?,
        }
        match self.shorter_length {
            Some(FittingBound { bound, itemsets }) => {
                write!(f, "; `--max-length {bound}` leaves {}", number(itemsets))
            }
            None => f.write_str("; bounding the songs in an itemset with `--max-length` is not enough"),
        }
    }
}

impl std::error::Error for TooManyItemsets {}

/// A number of which two digits are known.
struct About(u64);

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 >= estimate::GREATEST_ESTIMATE {
            return f.write_str("more than 10^18");
        }
        let scale = 10u64.pow(self.0.max(10).ilog10() - 1);
        let tenths = (self.0 + scale / 2) / scale;
        let about = tenths * scale;
        let (unit, name) = match about {
            0..1_000_000 => return write!(f, "about {}", number(about)),
            1_000_000..1_000_000_000 => (1_000_000, "million"),
            _ => (1_000_000_000, "billion"),
        };
        let (whole, tenth) = (about / unit, about % unit / (unit / 10));
        if whole < 10 && tenth > 0 {
            write!(f, "about {whole}.{tenth} {name}")
        } else {
            write!(f, "about {} {name}", number(whole))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_are_shown_with_two_digits() {
        for (estimate, shown) in [
            (7, "about 7"),
            (1_234, "about 1,200"),
            (996_000, "about 1 million"),
            (2_149_999_999, "about 2.1 billion"),
            (9_960_000_000, "about 10 billion"),
            (12_345_678, "about 12 million"),
            (2_000_000, "about 2 million"),
            (53_436_330_383_755, "about 53,000 billion"),
            (estimate::GREATEST_ESTIMATE - 1, "about 1,000,000,000 billion"),
            (estimate::GREATEST_ESTIMATE, "more than 10^18"),
        ] {
            assert_eq!(About(estimate).to_string(), shown);
        }
    }

    #[test]
    fn the_support_found_is_the_least_to_a_sixteenth() {
        for (needed, greatest) in [(3, 3), (4, 100), (17, 40), (1_000, 1_000), (777, 100_000)] {
            let fits = |bound| (bound >= needed).then_some(FittingBound { bound, itemsets: 1 });
            let found = higher_support(2, greatest, fits).map(|fitting| fitting.bound);
            assert!(found.is_some_and(|found| found >= needed && found - needed <= needed / 16), "{found:?}");
        }
        assert_eq!(higher_support(2, 40, |_| None), None);
        assert_eq!(higher_support(40, 40, |bound| Some(FittingBound { bound, itemsets: 1 })), None);
    }
}
