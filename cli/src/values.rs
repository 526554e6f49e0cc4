//! Values on the command line, as people write them.

use std::{error::Error, fmt, num::NonZeroU32, ops::RangeInclusive, time::Duration};

use crate::texts::Lang;

/// The longest duration, in milliseconds: timers cannot be set for later than that, and nobody waits so long.
const LONGEST: u64 = 24 * 60 * 60 * 1_000;

/// Why a value cannot be used, in each language: which one is spoken is known once the command line was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongValue {
    english: String,
    portuguese: String,
}

impl WrongValue {
    pub(crate) fn new(tell: impl Fn(Lang) -> String) -> Self {
        Self { english: tell(Lang::English), portuguese: tell(Lang::Portuguese) }
    }

    pub(crate) fn told(&self, lang: Lang) -> &str {
        match lang {
            Lang::English => &self.english,
            Lang::Portuguese => &self.portuguese,
        }
    }
}

impl fmt::Display for WrongValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.told(Lang::English))
    }
}

impl Error for WrongValue {}

/// Reads a duration above zero, as `500ms`, `10s`, `2m` or `1h`.
pub(crate) fn duration(text: &str) -> Result<Duration, WrongValue> {
    let form = || WrongValue::new(Lang::form_of_a_duration);
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(form)?;
    let (number, unit) = text.split_at(unit_at);
    let number: u64 = number.parse().map_err(|_| form())?;
    let milliseconds = match unit {
        "ms" => Some(number),
        "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        _ => return Err(form()),
    };
    match milliseconds {
        Some(0) => Err(WrongValue::new(Lang::must_last)),
        Some(milliseconds) if milliseconds <= LONGEST => Ok(Duration::from_millis(milliseconds)),
        _ => Err(WrongValue::new(Lang::must_end_within_a_day)),
    }
}

/// Reads a number of things, of which there may be so many.
pub(crate) fn number(range: RangeInclusive<u32>) -> impl Fn(&str) -> Result<u32, WrongValue> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| WrongValue::new(|lang| lang.must_be_between(*range.start(), *range.end())))
    }
}

/// Reads a number of things, of which there is one at least.
pub(crate) fn number_above_zero(text: &str) -> Result<NonZeroU32, WrongValue> {
    text.parse().map_err(|_| WrongValue::new(Lang::must_be_above_zero))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_whole_number_and_a_unit() {
        assert_eq!(duration("100ms"), Ok(Duration::from_millis(100)));
        assert_eq!(duration("1s"), Ok(Duration::from_secs(1)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("24h"), Ok(Duration::from_secs(86_400)));
        for text in ["", "1", "s", "-1s", "1.5s", "1 s", "0s", "25h", "99999999999999999999h"] {
            assert!(duration(text).is_err(), "{text:?} was read as a duration");
        }
    }

    #[test]
    fn a_number_is_whole_and_in_its_range() {
        assert_eq!(number(0..=100)("0"), Ok(0));
        assert_eq!(number(1..=500)("500"), Ok(500));
        assert_eq!(number_above_zero("1"), Ok(NonZeroU32::MIN));
        for text in ["", "0", "501", "-1", "1.5", "ten", "99999999999"] {
            assert!(number(1..=500)(text).is_err(), "{text:?} was read as a number from 1 to 500");
        }
        for text in ["", "0", "-1", "4294967296"] {
            assert!(number_above_zero(text).is_err(), "{text:?} was read as a number above 0");
        }
    }
}
