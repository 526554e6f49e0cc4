use std::{fmt, str::FromStr};

/// The most digits behind the point of a threshold, two of which a `%` takes. It keeps every comparison within 128 bits.
const MAX_DIGITS: usize = 28;

/// The support that an itemset needs at least, as it was asked for.
///
/// A bare integer is a number of baskets; a point or a `%` makes it a share of them. Shares are exact decimals, never binary
/// fractions, so 7 of 100 baskets meet `0.07`.
///
/// ```
/// # use trainer::MinSupport;
/// assert_eq!("26".parse::<MinSupport>()?.count(1293), 26);
/// assert_eq!("0.02".parse::<MinSupport>()?.count(1293), 26);
/// assert_eq!("2%".parse::<MinSupport>()?.count(1300), 26);
/// assert_eq!("1".parse::<MinSupport>()?.count(1293), 1);
/// assert_eq!("1.0".parse::<MinSupport>()?.count(1293), 1293);
/// # Ok::<(), trainer::InvalidThreshold>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MinSupport {
    text: String,
    amount: Amount,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Amount {
    Count(u32),
    Share(Decimal),
}

/// 5 %.
impl Default for MinSupport {
    fn default() -> Self {
        MinSupport {
            text: "0.05".to_owned(),
            amount: Amount::Share(Decimal { numerator: 5, denominator: 100 }),
        }
    }
}

impl MinSupport {
    /// The least number of baskets, when there are `baskets` of them: at least 1, and a share rounded up.
    pub fn count(&self, baskets: u32) -> u32 {
        match self.amount {
            Amount::Count(count) => count,
            Amount::Share(share) => share.of_rounded_up(baskets).max(1),
        }
    }
}

impl FromStr for MinSupport {
    type Err = InvalidThreshold;

    fn from_str(text: &str) -> Result<Self, InvalidThreshold> {
        let text = text.trim();
        let invalid = |problem| InvalidThreshold { text: text.to_owned(), problem };
        let (number, is_percentage) = match text.strip_suffix('%') {
            Some(number) => (number.trim_end(), true),
            None => (text, false),
        };
        let amount = if is_percentage || number.contains('.') {
            let share = Decimal::parse(number, if is_percentage { 2 } else { 0 }).map_err(invalid)?;
            if share.numerator == 0 {
                return Err(invalid(Problem::Zero));
            }
            if share.numerator > share.denominator {
                return Err(invalid(Problem::AboveAll));
            }
            Amount::Share(share)
        } else {
            if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(invalid(Problem::NotASupport));
            }
            match number.parse() {
                Ok(0) => return Err(invalid(Problem::Zero)),
                Ok(count) => Amount::Count(count),
                Err(_) => return Err(invalid(Problem::CountTooGreat)),
            }
        };
        Ok(MinSupport { text: text.to_owned(), amount })
    }
}

impl fmt::Display for MinSupport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The confidence that an itemset rule needs at least, as it was asked for: an exact decimal from 0 to 1.
///
/// ```
/// # use trainer::MinConfidence;
/// let min_confidence: MinConfidence = "0.3".parse()?;
/// assert!(min_confidence.is_met(63, 210));
/// assert!(!min_confidence.is_met(62, 210));
/// # Ok::<(), trainer::InvalidThreshold>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MinConfidence {
    text: String,
    share: Decimal,
}

/// One half.
impl Default for MinConfidence {
    fn default() -> Self {
        MinConfidence { text: "0.5".to_owned(), share: Decimal { numerator: 5, denominator: 10 } }
    }
}

impl MinConfidence {
    /// Whether a rule has the confidence whose antecedent is in `antecedent` baskets, in `both` of them with the consequent.
    ///
    /// Compares integers, so a rule exactly at the threshold has it.
    pub fn is_met(&self, both: u32, antecedent: u32) -> bool {
        u128::from(both) * self.share.denominator >= self.share.numerator * u128::from(antecedent)
    }
}

impl FromStr for MinConfidence {
    type Err = InvalidThreshold;

    fn from_str(text: &str) -> Result<Self, InvalidThreshold> {
        let text = text.trim();
        let invalid = |problem| InvalidThreshold { text: text.to_owned(), problem };
        let share = Decimal::parse(text, 0).map_err(|problem| {
            invalid(match problem {
                Problem::TooManyDigits => Problem::TooManyDigits,
                _ => Problem::NotAConfidence,
            })
        })?;
        if share.numerator > share.denominator {
            return Err(invalid(Problem::NotAConfidence));
        }
        Ok(MinConfidence { text: text.to_owned(), share })
    }
}

impl fmt::Display for MinConfidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A text is not a minimum support or a minimum confidence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` {problem}")]
pub struct InvalidThreshold {
    text: String,
    problem: Problem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error(
        "is not a support: give a number of playlists such as `26`, or a share of them such as `0.02` or `2%`"
    )]
    NotASupport,
    #[error("is not a confidence: give a decimal from 0 to 1, such as `0.5`")]
    NotAConfidence,
    #[error("would keep every itemset there could be: the least support is `1`, a single playlist")]
    Zero,
    #[error(
        "is more than all playlists: a share is at most `1.0` or `100%`, a number of playlists has no point"
    )]
    AboveAll,
    #[error("is more playlists than there can be")]
    CountTooGreat,
    #[error("has too many digits: at most 28 are read behind the point, 26 before a `%`")]
    TooManyDigits,
}

/// A fraction that was written as a decimal: `numerator / denominator`, the denominator a power of ten.
///
/// The denominator is at most 10²⁸, so a fraction up to 1 can be multiplied by a `u32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Decimal {
    numerator: u128,
    denominator: u128,
}

impl Decimal {
    /// Reads digits with at most one point among them, as a number of `10^-shift`.
    fn parse(number: &str, shift: usize) -> Result<Self, Problem> {
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let are_digits = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !are_digits(whole) || !are_digits(fraction) {
            return Err(Problem::NotASupport);
        }
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        let scale = fraction.len() + shift;
        if scale > MAX_DIGITS {
            return Err(Problem::TooManyDigits);
        }
        // More digits than `100` cannot be a share, however many there are.
        if whole.len() > shift + 1 {
            return Err(Problem::AboveAll);
        }
        let digits = whole.bytes().chain(fraction.bytes()).map(|digit| u128::from(digit - b'0'));
        Ok(Decimal {
            numerator: digits.fold(0, |number, digit| 10 * number + digit),
            denominator: (0..scale).fold(1, |power, _| 10 * power),
        })
    }

    /// This share of `whole`, rounded up; the share must not be above 1.
    fn of_rounded_up(self, whole: u32) -> u32 {
        let rounded_up = (self.numerator * u128::from(whole)).div_ceil(self.denominator);
        u32::try_from(rounded_up).unwrap_or(whole)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn min_support(text: &str) -> Result<MinSupport, String> {
        text.parse().map_err(|error: InvalidThreshold| error.to_string())
    }

    fn min_confidence(text: &str) -> Result<MinConfidence, String> {
        text.parse().map_err(|error: InvalidThreshold| error.to_string())
    }

    #[test]
    fn a_bare_integer_is_a_count_and_a_point_or_percent_sign_a_share() {
        for (text, count_of_200) in [
            ("1", 1),
            ("26", 26),
            ("4294967295", u32::MAX),
            ("007", 7),
            ("1.0", 200),
            ("1.", 200),
            ("100%", 200),
            ("100.0%", 200),
            ("0.5", 100),
            (".5", 100),
            ("50 %", 100),
            (" 2% ", 4),
            ("0.1%", 1),
            ("0.00000000000000000000000001", 1),
        ] {
            assert_eq!(min_support(text).map(|support| support.count(200)), Ok(count_of_200), "{text}");
        }
    }

    #[test]
    fn shares_are_rounded_up_exactly() {
        // In binary fractions 0.07 · 100 is 7.000000000000001 and 0.29 · 100 is 28.999999999999996.
        for (text, baskets, count) in [
            ("0.07", 100, 7),
            ("7%", 100, 7),
            ("0.29", 100, 29),
            ("0.07", 101, 8),
            ("0.3", 210, 63),
            ("0.02", 1293, 26),
            ("0.1", 0, 1),
            ("0.3333333333333333333333333333", 3, 1),
            ("1.0", u32::MAX, u32::MAX),
            ("0.9999999999999999999999999999", u32::MAX, u32::MAX),
        ] {
            assert_eq!(
                min_support(text).map(|support| support.count(baskets)),
                Ok(count),
                "{text} of {baskets}"
            );
        }
    }

    #[test]
    fn zero_too_much_and_nonsense_are_refused_with_the_way_to_write_it() {
        for (text, words) in [
            ("0", "least support is `1`"),
            ("0.0", "least support is `1`"),
            ("0%", "least support is `1`"),
            ("1.01", "more than all playlists"),
            ("26.5", "more than all playlists"),
            ("101%", "more than all playlists"),
            ("100.5%", "more than all playlists"),
            ("99999999999999999999999999999999999999999999999999.0", "more than all playlists"),
            ("4294967296", "more playlists than there can be"),
            ("0.00000000000000000000000000001", "too many digits"),
            ("0.000000000000000000000000001%", "too many digits"),
            ("", "is not a support"),
            (".", "is not a support"),
            ("%", "is not a support"),
            ("-1", "is not a support"),
            ("+1", "is not a support"),
            ("1e-2", "is not a support"),
            ("0.1.2", "is not a support"),
            ("0,02", "is not a support"),
            ("2%%", "is not a support"),
            ("NaN", "is not a support"),
            ("٢", "is not a support"),
        ] {
            let error = min_support(text).unwrap_err();
            assert!(error.starts_with(&format!("`{}` ", text.trim())) && error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_confidence_equal_to_the_threshold_is_kept() {
        // Comparisons in binary fractions lose both.
        assert!(min_confidence("0.3").unwrap().is_met(63, 210));
        assert!(min_confidence("0.07").unwrap().is_met(7, 100));
        assert!(!min_confidence("0.07").unwrap().is_met(6, 100));
        assert!(min_confidence("1").unwrap().is_met(u32::MAX, u32::MAX));
        assert!(!min_confidence("1.0").unwrap().is_met(u32::MAX - 1, u32::MAX));
        assert!(min_confidence("0").unwrap().is_met(1, u32::MAX));
    }

    #[test]
    fn a_confidence_outside_0_to_1_is_refused() {
        for text in ["1.1", "2", "-0.1", "50%", "", "half", "10"] {
            let error = min_confidence(text).unwrap_err();
            assert!(!error.contains("support"), "{error}");
        }
    }

    #[test]
    fn the_defaults_are_what_their_texts_say() {
        let support = MinSupport::default();
        assert_eq!(support.to_string().parse(), Ok(support));
        let confidence = MinConfidence::default();
        assert_eq!(confidence.to_string().parse(), Ok(confidence));
    }

    #[test]
    fn thresholds_are_shown_as_they_were_asked_for() {
        assert_eq!(min_support(" 2.50% ").unwrap().to_string(), "2.50%");
        assert_eq!(min_confidence("0.50").unwrap().to_string(), "0.50");
    }

    proptest! {
        #[test]
        fn a_share_asks_for_the_least_count_that_reaches_it(thousandths in 1u32..=1000, baskets in 1u32..=5000) {
            let count = min_support(&format!("{}.{:03}", thousandths / 1000, thousandths % 1000)).unwrap().count(baskets);
            prop_assert!(count * 1000 >= thousandths * baskets);
            prop_assert!((count - 1) * 1000 < thousandths * baskets);
        }
    }
}
