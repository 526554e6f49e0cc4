//! Times of the wire as dates.

use chrono::{DateTime, Datelike as _, Utc};
use prost_types::Timestamp;

/// A time of the wire, or nothing when it is not set or outside the range of `google.protobuf.Timestamp`,
/// years 1 to 9999.
pub(crate) fn date(timestamp: Option<Timestamp>) -> Option<DateTime<Utc>> {
    let Timestamp { seconds, nanos } = timestamp?;
    let nanos = u32::try_from(nanos).ok()?;
    DateTime::from_timestamp(seconds, nanos).filter(|date| (1..=9999).contains(&date.year()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_keeps_its_nanoseconds() {
        let date = date(Some(Timestamp { seconds: 1_735_769_862, nanos: 663_201_000 }));
        assert_eq!(date.unwrap().to_rfc3339(), "2025-01-01T22:17:42.663201+00:00");
    }

    #[test]
    fn a_time_out_of_range_is_no_date() {
        for (seconds, nanos) in [
            (i64::MAX, 0),
            (i64::MIN, i32::MIN),
            (0, -1),
            (0, 1_000_000_000),
            (0, i32::MAX),
            (253_402_300_800, 0),
            (-62_135_596_801, 0),
        ] {
            assert_eq!(date(Some(Timestamp { seconds, nanos })), None, "{seconds} {nanos}");
        }
        assert_eq!(date(None), None);
    }
}
