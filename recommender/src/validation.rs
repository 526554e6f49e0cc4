//! The limits of a request. All that is wrong is told at once.

use std::num::NonZero;

use proto::v1::{RecommendRequest, SearchSongsRequest};
use tonic::Status;
use tonic_types::FieldViolation;

use crate::status;

const MAX_SEEDS: usize = 1_000;
const MAX_TEXT_BYTES: usize = 1_024;
const DEFAULT_LIMIT: u32 = 10;
const MAX_LIMIT: u32 = 500;
const DEFAULT_RULES_PER_SONG: u32 = 3;
const MAX_RULES_PER_SONG: u32 = 100;
const DEFAULT_PAGE_SIZE: u32 = 10;
const MAX_PAGE_SIZE: u32 = 100;

/// Violations that an error describes, and bytes of a value that it quotes: some clients refuse more than 8 KiB of metadata.
const MAX_VIOLATIONS: usize = 20;
const MAX_QUOTED_BYTES: usize = 64;

/// How large an answer may be, with the defaults filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecommendLimits {
    pub(crate) songs: usize,
    /// `None`: no cap.
    pub(crate) songs_per_artist: Option<NonZero<usize>>,
    pub(crate) rules_per_song: usize,
}

/// A part of the songs found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) offset: usize,
    pub(crate) size: usize,
}

/// Checks a request for recommendations.
///
/// # Errors
///
/// INVALID_ARGUMENT with every field that is out of its limits.
pub(crate) fn recommend_limits(request: &RecommendRequest) -> Result<RecommendLimits, Status> {
    let mut violations = Violations::default();
    if request.songs.is_empty() {
        violations.add("songs", || "is empty; name at least one song".to_owned());
    }
    violations.check_songs("songs", &request.songs);
    violations.check_songs("exclude_songs", &request.exclude_songs);
    violations.check_maximum("limit", request.limit, MAX_LIMIT);
    let rules_per_song = request.max_rules_per_song.unwrap_or(DEFAULT_RULES_PER_SONG);
    violations.check_maximum("max_rules_per_song", rules_per_song, MAX_RULES_PER_SONG);
    violations.into_result()?;

    Ok(RecommendLimits {
        songs: non_zero(request.limit).unwrap_or(DEFAULT_LIMIT) as usize,
        songs_per_artist: NonZero::new(request.max_songs_per_artist as usize),
        rules_per_song: rules_per_song as usize,
    })
}

/// Checks a search.
///
/// # Errors
///
/// INVALID_ARGUMENT with every field that is out of its limits.
pub(crate) fn search_page(request: &SearchSongsRequest) -> Result<Page, Status> {
    let mut violations = Violations::default();
    if let Some(problem) = problem_of_text(&request.query) {
        violations.add("query", || problem);
    }
    violations.check_maximum("page_size", request.page_size, MAX_PAGE_SIZE);
    let offset = offset_of(&request.page_token, &request.query);
    if offset.is_none() {
        violations.add("page_token", || {
            format!(
                "{} is not from an answer to the same query; leave it out to begin anew",
                quoted(&request.page_token)
            )
        });
    }
    violations.into_result()?;

    Ok(Page {
        offset: offset.unwrap_or_default(),
        size: non_zero(request.page_size).unwrap_or(DEFAULT_PAGE_SIZE) as usize,
    })
}

/// Asks for the songs found for `query` from `offset` on. The same in all replicas; clients must not look into it.
pub(crate) fn page_token(offset: usize, query: &str) -> String {
    format!("{offset:x}.{:016x}", fnv1a(query))
}

fn offset_of(page_token: &str, query: &str) -> Option<usize> {
    if page_token.is_empty() {
        return Some(0);
    }
    let (offset, _) = page_token.split_once('.')?;
    let offset = usize::from_str_radix(offset, 16).ok()?;
    // Comparing the whole token also refuses other spellings of the same number.
    (self::page_token(offset, query) == page_token).then_some(offset)
}

/// The 64-bit FNV-1a hash (Fowler, Noll and Vo), which no release of the standard library changes.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// What is wrong with the length or the characters of `text`.
fn problem_of_text(text: &str) -> Option<String> {
    if text.len() > MAX_TEXT_BYTES {
        Some(format!("has {} bytes, at most {MAX_TEXT_BYTES} are allowed: {}", text.len(), quoted(text)))
    } else if text.chars().any(char::is_control) {
        Some(format!("has control characters: {}", quoted(text)))
    } else {
        None
    }
}

/// The beginning of `text`, with all that could disturb a terminal or a log escaped.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("`");
    for c in text.chars() {
        if quoted.len() > MAX_QUOTED_BYTES {
            quoted.push('…');
            break;
        }
        match c {
            '\'' | '"' => quoted.push(c),
            _ => quoted.extend(c.escape_debug()),
        }
    }
    quoted.push('`');
    quoted
}

fn non_zero(number: u32) -> Option<u32> {
    (number != 0).then_some(number)
}

/// What is wrong with a request: the first of it, and how much there is.
#[derive(Default)]
pub(crate) struct Violations {
    first: Vec<FieldViolation>,
    total: usize,
}

impl Violations {
    pub(crate) fn add(&mut self, field: impl Into<String>, description: impl FnOnce() -> String) {
        self.total += 1;
        if self.first.len() < MAX_VIOLATIONS {
            self.first.push(FieldViolation::new(field, description()));
        }
    }

    fn check_songs(&mut self, field: &str, songs: &[String]) {
        if songs.len() > MAX_SEEDS {
            self.add(field, || format!("has {} songs, at most {MAX_SEEDS} are allowed", songs.len()));
            return;
        }
        for (position, song) in songs.iter().enumerate() {
            let problem = if song.is_empty() {
                Some("is empty".to_owned())
            } else {
                problem_of_text(song).or_else(|| song.trim().is_empty().then(|| "is blank".to_owned()))
            };
            if let Some(problem) = problem {
                self.add(format!("{field}[{position}]"), || problem);
            }
        }
    }

    fn check_maximum(&mut self, field: &str, value: u32, maximum: u32) {
        if value > maximum {
            self.add(field, || format!("is {value}, at most {maximum} is allowed"));
        }
    }

    pub(crate) fn into_result(self) -> Result<(), Status> {
        if self.total == 0 {
            return Ok(());
        }
        Err(status::invalid_request(self.first, self.total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_token_belongs_to_its_query() {
        let token = page_token(20, "hum");
        assert_eq!(offset_of(&token, "hum"), Some(20));
        assert_eq!(offset_of(&token, "humb"), None);
        assert_eq!(offset_of("", "hum"), Some(0));
        let respelt = format!("0{token}");
        for wrong in [".", "20", "x.y", &respelt, "ffffffffffffffffff.0"] {
            assert_eq!(offset_of(wrong, "hum"), None, "{wrong}");
        }
    }

    #[test]
    fn the_hash_is_the_published_one() {
        // From the test vectors of draft-eastlake-fnv.
        assert_eq!(fnv1a(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn quoted_values_are_cut_and_escaped() {
        assert_eq!(quoted("a\u{1b}[31m\n"), "`a\\u{1b}[31m\\n`");
        assert_eq!(quoted("it's \"so\""), "`it's \"so\"`");
        assert_eq!(quoted(&"é".repeat(40)), format!("`{}…`", "é".repeat(32)));
    }
}
