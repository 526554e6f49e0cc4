//! The contract's enumerations, each written by its name.

use std::fmt;

use proto::v1;

/// Gives an enumeration its contract name, in text and in JSON.
macro_rules! named_by_the_contract {
    ($($name:ident),+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    )+};
}

named_by_the_contract!(Source, Match, RefreshOutcome);

/// Where a recommendation comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// Not set by the service, or set by a newer one to a value that this client does not know.
    #[default]
    Unspecified,
    /// From rules whose antecedent consists of seeds; rules of the seeds' artists may have added to the score.
    Rules,
    /// From rules whose antecedent is the artist of a seed, and no others.
    Artist,
    /// From popularity alone: the rules did not fill the answer.
    Popularity,
}

impl Source {
    /// The name in the contract, such as `SOURCE_RULES`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => v1::Source::Unspecified,
            Self::Rules => v1::Source::Rules,
            Self::Artist => v1::Source::Artist,
            Self::Popularity => v1::Source::Popularity,
        }
        .as_str_name()
    }

    pub(crate) fn from_wire(value: i32) -> Self {
        match v1::Source::try_from(value) {
            Ok(v1::Source::Unspecified) | Err(_) => Self::Unspecified,
            Ok(v1::Source::Rules) => Self::Rules,
            Ok(v1::Source::Artist) => Self::Artist,
            Ok(v1::Source::Popularity) => Self::Popularity,
        }
    }
}

/// How a seed was matched with a song.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Match {
    /// Not set by the service, or set by a newer one to a value that this client does not know.
    #[default]
    Unspecified,
    /// The text is the song's title, or its artist and title in either order, letter by letter.
    Exact,
    /// The same but for case, diacritics, punctuation, or additions such as "(feat. ...)", "- Remastered" or what
    /// else stands in brackets or after a dash. Also where the letters are those of a title, but another song that
    /// has it without additions is more than twice as common.
    Normalised,
    /// The text is a misspelling of the song's title, or of artist and title in either order: from 3 characters on it
    /// takes at most one edit, and one more for every 10 characters. An edit is a letter left out, added or replaced,
    /// or two neighbours exchanged; blanks, `the` and `and` that are left out or added count as one together. Digits
    /// are the same, and of artist and title, each is similar by 0.6 or more. Of several songs that one is taken
    /// whose support count is the greatest, divided by 30 for every edit, and by 2 when additions are left out; it
    /// must be at least twice as great as that of any song of another name. See
    /// [`SeedMatch::similarity`](crate::SeedMatch::similarity).
    Fuzzy,
    /// The text is a URI of the song or a link to it.
    Uri,
    /// No song was found.
    Unknown,
}

impl Match {
    /// The name in the contract, such as `MATCH_EXACT`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => v1::Match::Unspecified,
            Self::Exact => v1::Match::Exact,
            Self::Normalised => v1::Match::Normalised,
            Self::Fuzzy => v1::Match::Fuzzy,
            Self::Uri => v1::Match::Uri,
            Self::Unknown => v1::Match::Unknown,
        }
        .as_str_name()
    }

    pub(crate) fn from_wire(value: i32) -> Self {
        match v1::Match::try_from(value) {
            Ok(v1::Match::Unspecified) | Err(_) => Self::Unspecified,
            Ok(v1::Match::Exact) => Self::Exact,
            Ok(v1::Match::Normalised) => Self::Normalised,
            Ok(v1::Match::Fuzzy) => Self::Fuzzy,
            Ok(v1::Match::Uri) => Self::Uri,
            Ok(v1::Match::Unknown) => Self::Unknown,
        }
    }
}

/// How a look for another model version ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefreshOutcome {
    /// Nobody has looked yet, or a newer service tells an outcome that this client does not know.
    #[default]
    Unspecified,
    /// The volume names the version that is in service.
    Unchanged,
    /// Another version came into service.
    Swapped,
    /// No version was ever published on the volume.
    NothingPublished,
    /// The volume could not be read, or the version on it was rejected; the model in service stays.
    Failed,
}

impl RefreshOutcome {
    /// The name in the contract, such as `REFRESH_OUTCOME_SWAPPED`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => v1::RefreshOutcome::Unspecified,
            Self::Unchanged => v1::RefreshOutcome::Unchanged,
            Self::Swapped => v1::RefreshOutcome::Swapped,
            Self::NothingPublished => v1::RefreshOutcome::NothingPublished,
            Self::Failed => v1::RefreshOutcome::Failed,
        }
        .as_str_name()
    }

    pub(crate) fn from_wire(value: i32) -> Self {
        match v1::RefreshOutcome::try_from(value) {
            Ok(v1::RefreshOutcome::Unspecified) | Err(_) => Self::Unspecified,
            Ok(v1::RefreshOutcome::Unchanged) => Self::Unchanged,
            Ok(v1::RefreshOutcome::Swapped) => Self::Swapped,
            Ok(v1::RefreshOutcome::NothingPublished) => Self::NothingPublished,
            Ok(v1::RefreshOutcome::Failed) => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_a_newer_contract_is_unspecified() {
        for value in [i32::MIN, -1, 99, i32::MAX] {
            assert_eq!(Source::from_wire(value), Source::Unspecified);
            assert_eq!(Match::from_wire(value), Match::Unspecified);
            assert_eq!(RefreshOutcome::from_wire(value), RefreshOutcome::Unspecified);
        }
    }

    #[test]
    fn every_value_of_the_contract_keeps_its_name() {
        for value in 0..=3 {
            let name = v1::Source::try_from(value).unwrap().as_str_name();
            assert_eq!(Source::from_wire(value).to_string(), name);
        }
        for value in 0..=5 {
            let name = v1::Match::try_from(value).unwrap().as_str_name();
            assert_eq!(Match::from_wire(value).to_string(), name);
        }
        for value in 0..=4 {
            let name = v1::RefreshOutcome::try_from(value).unwrap().as_str_name();
            assert_eq!(RefreshOutcome::from_wire(value).to_string(), name);
        }
    }
}
