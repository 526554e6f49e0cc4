//! What stays of a name when case, diacritics and punctuation are ignored.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// The normalised form of a name: compatibility forms (NFKD) without diacritics, in lower case, the words separated by one
/// blank.
///
/// Apostrophes and the points of an acronym vanish (`Don't` is `dont`, `S.O.S.` is `sos`), `&` and `+` between words are
/// `and`, `A$AP` is `asap` and `P!nk` is `pink`; all other punctuation separates words. Letters of all scripts stay, with
/// the vowel signs of those that need them. A name that has nothing but punctuation or symbols keeps them. Empty only for
/// a blank name.
pub(crate) fn normalise(name: &str) -> String {
    if is_plain(name) {
        return name.to_ascii_lowercase();
    }
    let folded = fold(name);
    let words = words(&folded);
    if !words.is_empty() {
        return words;
    }
    let symbols = blanks_collapsed(&folded);
    if !symbols.is_empty() {
        return symbols;
    }
    blanks_collapsed(name)
}

/// Whether a name has nothing but letters and digits of ASCII and single blanks between them: most have, and it is quickly seen.
fn is_plain(name: &str) -> bool {
    let mut before = b' ';
    let is_plain = name.bytes().all(|byte| {
        let is_plain = byte.is_ascii_alphanumeric() || (byte == b' ' && before != b' ');
        before = byte;
        is_plain
    });
    is_plain && before != b' '
}

fn blanks_collapsed(name: &str) -> String {
    let mut collapsed = String::with_capacity(name.len());
    for word in name.split(|c: char| c.is_whitespace() || c.is_control()) {
        if !word.is_empty() {
            if !collapsed.is_empty() {
                collapsed.push(' ');
            }
            collapsed.extend(word.chars().flat_map(char::to_lowercase));
        }
    }
    collapsed
}

/// NFKD, lower case, no diacritics, and recomposed, so that a Hangul syllable is one character again.
fn fold(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    let mut folded = String::with_capacity(name.len());
    for c in name.nfkd().flat_map(char::to_lowercase) {
        match c {
            // Letters that look like others with a stroke or a ligature have no decomposition, but people type them so.
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'þ' => folded.push_str("th"),
            'ø' => folded.push('o'),
            'đ' | 'ð' => folded.push('d'),
            'ł' => folded.push('l'),
            'ħ' => folded.push('h'),
            'ı' => folded.push('i'),
            'ς' => folded.push('σ'),
            c if is_diacritic(c) || is_invisible(c) => {}
            c => folded.push(c),
        }
    }
    folded.nfc().collect()
}

/// Marks that people leave out when they type: those of the Latin, Greek and Cyrillic scripts, the points of Hebrew and the
/// vowel signs of Arabic. The marks of other scripts tell words apart and stay.
fn is_diacritic(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}'
        | '\u{483}'..='\u{489}'
        | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}' | '\u{5c2}' | '\u{5c4}' | '\u{5c5}' | '\u{5c7}'
        | '\u{610}'..='\u{61a}' | '\u{640}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{6d6}'..='\u{6dc}'
        | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe20}'..='\u{fe2f}')
}

/// Characters that have no width: joiners, direction marks, variation selectors.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{2069}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}')
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c)
}

fn words(folded: &str) -> String {
    let mut words = String::with_capacity(folded.len());
    let mut gap = "";
    let mut before: Option<char> = None;
    // The characters of the current word, to know the single letters of an acronym.
    let mut run = 0;
    let mut chars = folded.chars();
    while let Some(c) = chars.next() {
        let mut ahead = chars.clone();
        let next = ahead.next();
        let is_letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
        let spelt = match c {
            '$' if is_letter(before) || is_letter(next) => Some('s'),
            '!' if is_letter(before) && is_letter(next) => Some('i'),
            c if is_word(c) => Some(c),
            _ => None,
        };
        let is_acronym_point = c == '.'
            && run == 1
            && is_letter(before)
            && is_letter(next)
            && !ahead.next().is_some_and(is_word);
        if let Some(c) = spelt {
            if !words.is_empty() {
                words.push_str(gap);
            }
            gap = "";
            words.push(c);
            run += 1;
        } else if is_acronym_point {
            run = 0;
        } else if !matches!(c, '\'' | '`' | '\u{b4}' | '\u{2018}' | '\u{2019}' | '\u{2bc}') {
            run = 0;
            if matches!(c, '&' | '+') {
                gap = " and ";
            } else if gap.is_empty() {
                gap = " ";
            }
        }
        before = Some(c);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, normalised: &str) {
        assert_eq!(normalise(name), normalised, "{name:?}");
    }

    #[test]
    fn case_diacritics_and_punctuation_are_ignored() {
        check("HUMBLE.", "humble");
        check("  Look   at Me! ", "look at me");
        check("Beyonc\u{e9}", "beyonce");
        check("Beyonce\u{301}", "beyonce");
        check("Mot\u{f6}rhead / Bj\u{f6}rk", "motorhead bjork");
        check("M\u{d8} \u{141}\u{f3}d\u{17a} Stra\u{df}e", "mo lodz strasse");
        check("\u{ff26}\u{ff35}\u{ff2c}\u{ff2c}", "full");
        check("\"Awaken, My Love!\"", "awaken my love");
    }

    #[test]
    fn words_are_spelt_as_people_type_them() {
        check("Don\u{2019}t Stop Believin'", "dont stop believin");
        check("S.O.S.", "sos");
        check("m.A.A.d city", "maad city");
        check("J. Cole", "j cole");
        check("J.Cole", "j cole");
        check("396.17", "396 17");
        check("Simon & Garfunkel", "simon and garfunkel");
        check("Florence + The Machine", "florence and the machine");
        check("A$AP Rocky", "asap rocky");
        check("P!nk", "pink");
        check("Thank U, Next", "thank u next");
    }

    #[test]
    fn other_scripts_survive() {
        check("\u{b124}\u{b9c8}", "\u{b124}\u{b9c8}");
        check("\u{304c}\u{304f}\u{305b}\u{3044}", "\u{304c}\u{304f}\u{305b}\u{3044}");
        check("\u{413}\u{420}\u{423}\u{41f}\u{41f}\u{410}", "\u{433}\u{440}\u{443}\u{43f}\u{43f}\u{430}");
        check("\u{939}\u{93f}\u{928}\u{94d}\u{926}\u{940}", "\u{939}\u{93f}\u{928}\u{94d}\u{926}\u{940}");
    }

    #[test]
    fn a_name_of_punctuation_alone_keeps_it() {
        check("???", "???");
        check("+", "+");
        check("\u{f7}", "\u{f7}");
        check("\u{2764}\u{fe0f}", "\u{2764}");
        check("\u{1f525} \u{1f525}", "\u{1f525} \u{1f525}");
        check(". . .", ". . .");
    }

    #[test]
    fn a_blank_name_is_empty() {
        check("", "");
        check(" \t\u{0}\u{7} ", "");
    }
}
