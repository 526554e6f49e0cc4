//! Durations as flags write them: `100ms`, `1s`, `2m`.

use std::time::Duration;

/// Reads `100ms`, `1s` or `2m`; at most a day, so that no sum of durations overflows.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let number_ends = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(number_ends);
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return Err("write a whole number and `ms`, `s` or `m`, as in `100ms`".to_owned()),
    };
    let number: u64 =
        number.parse().map_err(|_| "write a whole number before the unit, as in `100ms`".to_owned())?;
    number
        .checked_mul(milliseconds)
        .map(Duration::from_millis)
        .filter(|duration| *duration <= A_DAY)
        .ok_or_else(|| "it is more than a day (`1440m`)".to_owned())
}

/// The same, above 0.
pub(crate) fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("it must be above 0".to_owned()),
        duration => Ok(duration),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_whole_number_and_a_unit() {
        assert_eq!(duration("100ms"), Ok(Duration::from_millis(100)));
        assert_eq!(duration("1s"), Ok(Duration::from_secs(1)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "1", "s", "1h", "1.5s", "-1s", "1 s", "1441m", "99999999999999999999s"] {
            assert!(duration(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn polling_without_a_pause_is_misuse() {
        assert!(positive_duration("0s").is_err());
        assert!(duration("0s").is_ok());
    }
}
