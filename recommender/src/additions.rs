//! What stands in titles beside the name of the song: who else performs, and which recording it is.

use crate::normalised::normalise;

/// The name without such additions as `(feat. …)`, `[with …]`, `- Remastered 2011`, `- Acoustic` or `- From "…"`; `None`
/// when it has none, or when nothing else would stay.
pub(crate) fn without_additions(name: &str) -> Option<String> {
    shortened(name, |name| without(name, |addition| addition.is_some()))
}

/// The name without the additions that a recording has under one name and lacks under another: who else performs, what
/// the song was recorded for, `- Remastered 2011`, `- Radio Edit`, `- Single Version`. A live, acoustic or other
/// version and a remix are other recordings. `None` when it has none, or when nothing else would stay.
pub(crate) fn recording_name(name: &str) -> Option<String> {
    shortened(name, |name| without(name, |addition| addition == Some(Addition::Label)))
}

/// The name without anything in brackets or after a dash, as people say it; `None` when it has none of these, or when
/// nothing else would stay.
pub(crate) fn spoken_name(name: &str) -> Option<String> {
    shortened(name, |name| {
        let unbracketed = without_brackets(name, |_| true);
        let first = dash_splits(&unbracketed).map(|(left, _)| left).min_by_key(|left| left.len());
        without_featured_artists(first.unwrap_or(&unbracketed))
    })
}

/// The places at which ` - ` (or a longer dash) divides a name into artist and title or the reverse: what is on the left and
/// on the right, trimmed and not empty.
pub(crate) fn dash_splits(name: &str) -> impl Iterator<Item = (&str, &str)> {
    DASHES
        .iter()
        .flat_map(|dash| name.match_indices(dash))
        .map(|(at, dash)| (name[..at].trim(), name[at + dash.len()..].trim()))
        .filter(|(left, right)| !left.is_empty() && !right.is_empty())
}

/// A hyphen, an en dash and an em dash between blanks.
const DASHES: [&str; 3] = [" - ", " \u{2013} ", " \u{2014} "];

/// What an addition tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Addition {
    /// No more than how the recording is labelled, or who else is heard in it.
    Label,
    /// Which of several recordings it is.
    Recording,
}

fn shortened(name: &str, shorten: impl Fn(&str) -> String) -> Option<String> {
    if !may_have_additions(name) {
        return None;
    }
    let shortened = shorten(name);
    let kept = shortened.trim();
    (kept.len() < name.trim().len() && !normalise(kept).is_empty()).then(|| kept.to_owned())
}

/// Most names have none, and that is quickly seen.
fn may_have_additions(name: &str) -> bool {
    let featuring = |word: &[u8]| word.eq_ignore_ascii_case(b" feat") || word.eq_ignore_ascii_case(b" ft.");
    name.contains(['(', '['])
        || DASHES.iter().any(|dash| name.contains(dash))
        || name.as_bytes().windows(5).any(featuring)
        || name.as_bytes().windows(4).any(featuring)
}

fn without(name: &str, is_removed: impl Fn(Option<Addition>) -> bool) -> String {
    let unbracketed = without_brackets(name, |inside| {
        let credits = begins_with(inside, &["with", "from", "prod", "produced"]).then_some(Addition::Label);
        is_removed(credits.or_else(|| addition(inside)))
    });
    let mut kept = unbracketed.as_str();
    while let Some((before, tail)) = dash_splits(kept).max_by_key(|(left, _)| left.len())
        && is_removed(addition(tail))
    {
        kept = before;
    }
    without_featured_artists(kept)
}

/// The name without the brackets whose inside is removed.
fn without_brackets(name: &str, is_removed: impl Fn(&str) -> bool) -> String {
    let mut kept = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(open) = rest.find(['(', '[']) {
        let (before, bracketed) = rest.split_at(open);
        let close = closing_bracket(bracketed);
        let inside = bracketed[1..close].trim();
        kept.push_str(before);
        // The bracket that closes is as long as the one that opens; there is none when the name was cut.
        let end = bracketed.len().min(close + 1);
        if !is_removed(inside) {
            kept.push_str(&bracketed[..end]);
        }
        rest = &bracketed[end..];
    }
    kept.push_str(rest);
    kept
}

/// Where the bracket that `bracketed` begins with is closed; its length when it is not.
fn closing_bracket(bracketed: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in bracketed.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    bracketed.len()
}

const FEATURING: [&str; 3] = ["feat", "ft", "featuring"];

/// What the text in brackets or after a dash tells, if it is an addition and not a part of the name.
fn addition(text: &str) -> Option<Addition> {
    if text.len() > 200 {
        return None;
    }
    let is_from_a_film = begins_with(text, &["from"]) && text.contains(['"', '\u{201c}', '\u{2018}']);
    let text = normalise(text);
    let words: Vec<&str> = text.split(' ').collect();
    if is_from_a_film || FEATURING.contains(&words[0]) || is_label(&words) {
        return Some(Addition::Label);
    }
    match words.as_slice() {
        ["remaster" | "remastered", ..]
        | ["live" | "recorded", "at" | "from" | "in" | "on", _, ..]
        | ["ao" | "en", "vivo"]
        | ["en", "directo"]
        | [
            ..,
            "remaster" | "remastered" | "remix" | "mix" | "edit" | "version" | "live" | "acoustic" | "demo"
            | "instrumental" | "unplugged" | "soundtrack",
        ] => Some(Addition::Recording),
        _ => None,
    }
}

/// Whether words tell nothing that could be heard, but for the sound or the length of the recording.
fn is_label(words: &[&str]) -> bool {
    let is_year = |word: &str| {
        word.len() == 4
            && (word.starts_with("19") || word.starts_with("20"))
            && word.bytes().all(|byte| byte.is_ascii_digit())
    };
    let alone = |word: &str| {
        matches!(
            word,
            "remaster"
                | "remastered"
                | "mono"
                | "stereo"
                | "original"
                | "main"
                | "explicit"
                | "edit"
                | "edited"
                | "version"
                | "bonus"
                | "soundtrack"
        ) || is_year(word)
    };
    let beside_others = |word: &str| {
        matches!(
            word,
            "digital" | "digitally" | "radio" | "single" | "album" | "lp" | "clean" | "track" | "mix"
        )
    };
    match words {
        [word] => alone(word),
        words => words.iter().all(|word| alone(word) || beside_others(word)),
    }
}

/// Whether the first word of `text` is one of `words`, and another follows.
fn begins_with(text: &str, words: &[&str]) -> bool {
    text.split_once(|c: char| !c.is_alphanumeric()).is_some_and(|(first, rest)| {
        !rest.is_empty() && words.iter().any(|word| first.eq_ignore_ascii_case(word))
    })
}

/// Cuts ` feat. …` out, up to the next dash or the end.
fn without_featured_artists(name: &str) -> String {
    let mut at = 0;
    for word in name.split(' ') {
        let is_featuring = ["feat.", "feat", "ft.", "featuring"]
            .iter()
            .any(|featuring| word.eq_ignore_ascii_case(featuring));
        if is_featuring && at > 0 {
            let (before, featured) = name.split_at(at);
            let end = DASHES.iter().filter_map(|dash| featured.find(dash)).min().unwrap_or(featured.len());
            return format!("{}{}", before.trim_end(), &featured[end..]);
        }
        at += word.len() + 1;
    }
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_additions(name: &str, without: Option<&str>) {
        assert_eq!(without_additions(name).as_deref(), without, "{name:?}");
    }

    #[test]
    fn additions_are_removed() {
        check_additions("Growing Up (feat. Ed Sheeran)", Some("Growing Up"));
        check_additions("Bluffin - feat. Berner", Some("Bluffin"));
        check_additions("Gold Digger ft. Jamie Foxx", Some("Gold Digger"));
        check_additions("Gold Digger [Feat Jamie Foxx]", Some("Gold Digger"));
        check_additions("Kanye West feat. Jamie Foxx - Gold Digger", Some("Kanye West - Gold Digger"));
        check_additions("Here Comes The Sun - Remastered 2009", Some("Here Comes The Sun"));
        check_additions("Here Comes The Sun - 2009 Remaster", Some("Here Comes The Sun"));
        check_additions("Kuaga (Lost Time) (Radio Edit)", Some("Kuaga (Lost Time)"));
        check_additions("City Of Stars - From \"La La Land\" Soundtrack", Some("City Of Stars"));
        check_additions("Creep - Live at Glastonbury - Remastered", Some("Creep"));
        check_additions("No Brainer (with Quavo", Some("No Brainer"));
        check_additions("The Weight - 2000 - Remaster", Some("The Weight"));
        check_additions("Satisfaction - Mono Version / Remastered 2002", Some("Satisfaction"));
        check_additions("Take A Bow - Main", Some("Take A Bow"));
    }

    #[test]
    fn what_belongs_to_the_name_stays() {
        check_additions("(I Can't Get No) Satisfaction", None);
        check_additions("Oasis - Live Forever", None);
        check_additions("U2 - With Or Without You", None);
        check_additions("Laufey - From The Start", None);
        check_additions("Six Feet Under", None);
        check_additions("(Remix)", None);
        check_additions("Feat. of Strength", None);
        check_additions("", None);
    }

    #[track_caller]
    fn check_recording(name: &str, without: Option<&str>) {
        assert_eq!(recording_name(name).as_deref(), without, "{name:?}");
    }

    #[test]
    fn labels_are_removed_from_the_name_of_a_recording() {
        check_recording("Growing Up (feat. Ed Sheeran)", Some("Growing Up"));
        check_recording("Here Comes The Sun - Remastered 2009", Some("Here Comes The Sun"));
        check_recording("Beat It - Single Version", Some("Beat It"));
        check_recording("Omen - Radio Edit", Some("Omen"));
        check_recording("Animals - Original Mix", Some("Animals"));
        check_recording("City Of Stars (From \"La La Land\" Soundtrack)", Some("City Of Stars"));
        check_recording("Low (feat T-Pain) - Feat T-Pain Album Version", Some("Low"));
        check_recording("Creep - Live - Remastered 2011", Some("Creep - Live"));
        check_recording("Ignition (feat. Nobody) - Remix", Some("Ignition  - Remix"));
    }

    #[test]
    fn another_recording_keeps_its_name() {
        for name in [
            "Creep - Live",
            "Layla - Acoustic",
            "Ignition - Remix",
            "Here Comes The Sun - 2019 Mix - Live",
            "Gold - Thomas Jack Radio Edit",
            "Love Story (Taylor's Version)",
            "Strobe - Club Edit",
            "Hallelujah - Live at Sin-e",
            "Sweet Dreams (Are Made of This)",
        ] {
            check_recording(name, None);
        }
    }

    #[test]
    fn a_name_as_it_is_spoken_has_no_brackets_and_dashes() {
        let check =
            |name: &str, spoken: Option<&str>| assert_eq!(spoken_name(name).as_deref(), spoken, "{name:?}");
        check("Single Ladies (Put a Ring on It)", Some("Single Ladies"));
        check("(I Can't Get No) Satisfaction - Mono Version", Some("Satisfaction"));
        check("Absolutely (Story of a Girl) - Radio Mix", Some("Absolutely"));
        check("When It's Over - David Kahne Main", Some("When It's Over"));
        check("(Sittin' On) The Dock Of The Bay", Some("The Dock Of The Bay"));
        check("(Remix)", None);
        check("HUMBLE.", None);
    }
}
