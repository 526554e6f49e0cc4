//! What of the messages serde cannot write by itself as JSON in the names of the contract.

use prost_types::Timestamp;
use serde::{Serialize as _, Serializer};

use crate::v1::{Match, RefreshOutcome, Source};

/// An enumeration, whose values have names in the contract.
pub trait Named: TryFrom<i32> + Default {
    /// The name of a value, as in `MATCH_EXACT`.
    fn name(&self) -> &'static str;
}

impl Named for Match {
    fn name(&self) -> &'static str {
        self.as_str_name()
    }
}

impl Named for RefreshOutcome {
    fn name(&self) -> &'static str {
        self.as_str_name()
    }
}

impl Named for Source {
    fn name(&self) -> &'static str {
        self.as_str_name()
    }
}

/// Writes a time in RFC 3339, or `null`.
///
/// # Errors
///
/// Those of `serializer`.
pub fn time<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.collect_str(time),
        None => serializer.serialize_none(),
    }
}

/// Writes the name of a value; one that the contract does not know is the unspecified one.
pub(crate) fn name<E: Named, S: Serializer>(value: &i32, serializer: S) -> Result<S::Ok, S::Error> {
    E::try_from(*value).unwrap_or_default().name().serialize(serializer)
}
