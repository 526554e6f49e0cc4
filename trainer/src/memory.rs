use std::{fmt, fs, str::FromStr};

/// The memory that a training may use, in bytes.
///
/// Written as a number of bytes, or with a unit: `k`, `M`, `G` and `T` are powers of 1000, with an `i` after them of 1024, and a `B`
/// may follow: `4GiB`, `400Mi`, `2G`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxMemory(u64);

impl MaxMemory {
    /// The limit in bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for MaxMemory {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let problem =
            || format!("`{text}` is not an amount of memory; write it as `4GiB`, `400MiB` or in bytes");
        let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(unit_at);
        let unit = unit.trim_start();
        let unit = unit.strip_suffix('B').unwrap_or(unit);
        let (unit, base) = unit.strip_suffix('i').map_or((unit, 1000_u64), |unit| (unit, 1024));
        let exponent = match unit {
            "" if base == 1000 => 0,
            "k" | "K" => 1,
            "M" => 2,
            "G" => 3,
            "T" => 4,
            _ => return Err(problem()),
        };
        let number: u64 = number.parse().map_err(|_| problem())?;
        match number.checked_mul(base.pow(exponent)) {
            Some(bytes) if bytes > 0 => Ok(MaxMemory(bytes)),
            _ => Err(problem()),
        }
    }
}

/// The training would use more memory than it may.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// It uses so much, or would soon.
    #[error(
        "{stage} needs {} and {} may be used; allow more with `--max-memory`, {advice}",
        Amount(*.needed), Amount(*.limit)
    )]
    TooMuch {
        /// What was under way.
        stage: &'static str,
        /// What is in use and what would be needed besides, in bytes.
        needed: u64,
        /// What may be used, in bytes.
        limit: u64,
        /// What else can be done.
        advice: &'static str,
    },
    /// There is a limit, and no way to know whether it is kept.
    #[error(
        "this system does not tell how much memory a program uses, so `--max-memory` cannot be kept; leave it out"
    )]
    Unknown,
}

/// What may come to be used between two looks: rows of some batches, or the rules of one.
const HEADROOM: u64 = 8 << 20;

/// Says that a training stays within its memory, from time to time and before it takes much more.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MemoryGuard {
    max: Option<MaxMemory>,
}

impl MemoryGuard {
    pub(crate) fn new(max: Option<MaxMemory>) -> Self {
        MemoryGuard { max }
    }

    /// Checks that `more` bytes can be used besides those in use. `advice` is what helps other than more memory.
    pub(crate) fn check(
        &self,
        stage: &'static str,
        more: u64,
        advice: &'static str,
    ) -> Result<(), MemoryError> {
        let Some(MaxMemory(limit)) = self.max else {
            return Ok(());
        };
        let needed = resident().ok_or(MemoryError::Unknown)?.saturating_add(more).saturating_add(HEADROOM);
        if needed > limit {
            return Err(MemoryError::TooMuch { stage, needed, limit, advice });
        }
        Ok(())
    }

    /// The bytes that can be used besides those in use; `None` when there is no limit.
    pub(crate) fn left(&self) -> Result<Option<u64>, MemoryError> {
        let Some(MaxMemory(limit)) = self.max else {
            return Ok(None);
        };
        Ok(Some(limit.saturating_sub(resident().ok_or(MemoryError::Unknown)?)))
    }
}

/// The bytes of memory that the process has now.
fn resident() -> Option<u64> {
    status("VmRSS:")
}

/// The most bytes of memory that the process has had; `None` where the system does not tell.
pub(crate) fn peak() -> Option<u64> {
    status("VmHWM:")
}

/// A field of Linux's `/proc/self/status` in bytes, see `man 5 proc_pid_status`.
fn status(field: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

/// An amount of memory as a person reads it.
pub(crate) struct Amount(pub(crate) u64);

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut amount, mut unit) = (self.0 as f64, "bytes");
        for next in ["KiB", "MiB", "GiB", "TiB"] {
            if amount < 1024.0 {
                break;
            }
            (amount, unit) = (amount / 1024.0, next);
        }
        match unit {
            "bytes" => write!(f, "{amount} {unit}"),
            _ => write!(f, "{amount:.1} {unit}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_with_units_of_1000_and_1024() {
        for (text, bytes) in [
            ("1", 1),
            ("4GiB", 4 << 30),
            ("400Mi", 400 << 20),
            ("2G", 2_000_000_000),
            ("64 kB", 64_000),
            ("1TiB", 1 << 40),
        ] {
            assert_eq!(text.parse::<MaxMemory>().map(MaxMemory::bytes), Ok(bytes), "{text}");
        }
        for text in
            ["", "0", "GiB", "-1", "1.5GiB", "4 i", "4X", "4GiBB", "99999999999999999999", "20000000TiB"]
        {
            assert!(text.parse::<MaxMemory>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_needed_beyond_the_limit_is_an_error_that_says_what_to_do() {
        let guard = MemoryGuard::new("24GiB".parse().ok());
        assert_eq!(guard.check("reading", 0, "or split the dataset"), Ok(()));
        // The items of 2^32 rows, and the playlists that hold each.
        let error =
            guard.check("counting pairs", 8 << 32, "or raise `--min-pair-count`").unwrap_err().to_string();
        assert!(
            error.starts_with("counting pairs needs 32.") && error.contains("24.0 GiB may be used"),
            "{error}"
        );
        assert!(error.contains("`--max-memory`") && error.ends_with("`--min-pair-count`"), "{error}");
        assert_eq!(MemoryGuard::default().check("reading", u64::MAX, ""), Ok(()));
    }

    #[test]
    fn an_amount_is_shown_in_the_unit_that_fits() {
        assert_eq!(
            [Amount(512), Amount(1536), Amount(3 << 30)].map(|a| a.to_string()),
            ["512 bytes", "1.5 KiB", "3.0 GiB"]
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_peak_is_at_least_what_is_in_use() {
        let (resident, peak) = (resident().unwrap(), peak().unwrap());
        assert!(resident > 0 && peak >= resident / 2, "{resident} {peak}");
    }
}
