//! Answers as people read them, and as JSON.

#[cfg(unix)]
use std::thread;
use std::{
    borrow::Cow,
    fmt::Write as _,
    future,
    io::{self, Write},
};

use chrono::{DateTime, Local, SecondsFormat, Utc};
use client_lib::{Match, RecommendResponse, Recommendation, SearchSongsResponse, SeedMatch, Song, Source};
#[cfg(unix)]
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::retry_on_intr,
};
use serde::Serialize;
#[cfg(unix)]
use tokio::sync::oneshot;
use unicode_width::UnicodeWidthStr as _;

use crate::{
    args::Args,
    failure::Failure,
    layout::{self, Style, WIDEST_LABEL, columns, padding, widest},
    reasons,
    surroundings::Surroundings,
    texts::Lang,
};

/// How far a remark goes on to the right where it does not fit into one line, in columns.
const REMARK_INDENT: usize = 4;

/// How answers are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// As JSON instead of text.
    pub(crate) json: bool,
    /// Text on standard output may be coloured.
    pub(crate) colours: bool,
    /// Text on standard error may be coloured.
    pub(crate) error_colours: bool,
    pub(crate) lang: Lang,
}

impl Output {
    /// The way in which the command line and what is around ask for answers.
    pub(crate) fn new(args: &Args, surroundings: &Surroundings) -> Self {
        let lang = args.lang.unwrap_or(surroundings.lang);
        Self { json: args.json, lang, ..Self::for_people(surroundings) }
    }

    /// The language of texts in an answer: JSON is the same in every one.
    pub(crate) fn answer_lang(self) -> Lang {
        if self.json { Lang::English } else { self.lang }
    }

    /// The way in which people read answers.
    pub(crate) fn for_people(surroundings: &Surroundings) -> Self {
        let Surroundings { colours, error_colours, lang, .. } = *surroundings;
        Self { json: false, colours, error_colours, lang }
    }

    /// How text is written to standard output, into the window as wide as it is now.
    pub(crate) fn style(self) -> Style {
        Style { lang: self.lang, colours: self.colours, columns: layout::columns_of(io::stdout()) }
    }

    /// The same for standard error.
    pub(crate) fn error_style(self) -> Style {
        Style { lang: self.lang, colours: self.error_colours, columns: layout::columns_of(io::stderr()) }
    }

    /// Writes an answer to standard output: `text` of it, or itself as JSON.
    pub(crate) fn answer<A: Serialize>(
        self,
        answer: &A,
        text: impl FnOnce(&A, Style) -> String,
    ) -> Result<(), Failure> {
        if self.json {
            let mut json = serde_json::to_string_pretty(answer).map_err(Failure::Json)?;
            json.push('\n');
            self.text(&escape_controls(&json))
        } else {
            self.text(&text(answer, self.style()))
        }
    }

    /// Writes an answer to standard output as [`answer`](Self::answer) does, but on one line.
    pub(crate) fn line<A: Serialize>(
        self,
        answer: &A,
        text: impl FnOnce(&A) -> String,
    ) -> Result<(), Failure> {
        let mut line = if self.json {
            escape_controls(&serde_json::to_string(answer).map_err(Failure::Json)?).into_owned()
        } else {
            text(answer)
        };
        line.push('\n');
        self.text(&line)
    }

    /// Writes text to standard output, where it arrives at once.
    pub(crate) fn text(self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::Output)
    }

    /// Writes a line to standard error. Nobody can be told that this failed.
    pub(crate) fn remark(self, text: &str) {
        let _ = write!(io::stderr(), "{}", self.error_style().wrapped(text, REMARK_INDENT));
    }
}

/// Is ready once nobody can read standard output any more. Whoever writes seldom would learn it only from the next write.
#[cfg(unix)]
pub(crate) async fn reader_gone() {
    let (sender, gone) = oneshot::channel();
    // It ends with the process, for a poll cannot be called off.
    thread::spawn(move || {
        let out = io::stdout();
        // That nobody reads any more is told without being asked for.
        let mut polled = [PollFd::new(&out, PollFlags::empty())];
        if retry_on_intr(|| poll(&mut polled, None)).is_ok() {
            let _ = sender.send(());
        }
    });
    if gone.await.is_err() {
        future::pending().await
    }
}

/// Where this cannot be told, the next write tells.
#[cfg(not(unix))]
pub(crate) async fn reader_gone() {
    future::pending().await
}

/// Writes one playlist as the prompt shows it, without colours: the version of the service, the date of the model in local
/// time, and the songs, numbered. Songs that came from an artist or from popularity alone say so; control characters in
/// names are replaced.
///
/// # Errors
///
/// What `out` fails with.
pub fn write_playlist(out: &mut impl Write, answer: &RecommendResponse) -> io::Result<()> {
    out.write_all(playlist(answer, Style::default()).as_bytes())
}

/// The playlist without reasons.
pub(crate) fn playlist(answer: &RecommendResponse, style: Style) -> String {
    heading(answer) + &numbered(&answer.songs, 0, style, |_| Vec::new())
}

/// The playlist with the reasons for each song below it.
pub(crate) fn explained_playlist(answer: &RecommendResponse, style: Style) -> String {
    let reasons = |recommendation: &Recommendation| {
        recommendation.rules.iter().map(|rule| reasons::in_words(rule, style.lang)).collect()
    };
    heading(answer) + &numbered(&answer.songs, 0, style, reasons)
}

/// What stands above every playlist. It is the same in every language: people know it from the original, and scripts look for it.
fn heading(answer: &RecommendResponse) -> String {
    format!(
        "API version: {}\nLatest Model Update Date: {}\nSongs:\n",
        clean(&answer.version),
        local_date(answer.model_date)
    )
}

/// The songs that follow `n_before` others, numbered and with their artists in a column, or below where the window is too narrow.
pub(crate) fn numbered(
    songs: &[Recommendation],
    n_before: usize,
    style: Style,
    reasons: impl Fn(&Recommendation) -> Vec<String>,
) -> String {
    let mut text = String::new();
    let labels: Vec<String> = songs
        .iter()
        .enumerate()
        .map(|(index, recommendation)| {
            format!("{} {}", n_before + index + 1, clean(&recommendation.song.title))
        })
        .collect();
    let width =
        widest(&labels).min(WIDEST_LABEL).min(style.columns.map_or(WIDEST_LABEL, |columns| columns * 3 / 5));
    for (label, recommendation) in labels.iter().zip(songs) {
        let beside = beside_title(recommendation, style.lang);
        let padding = padding(label, width);
        if beside.is_empty() {
            let _ = writeln!(text, "{label}");
        } else if style.fits(label.width() + padding.width() + 2 + beside.width()) {
            let _ = writeln!(text, "{label}{padding}  {}", style.dim(&beside));
        } else {
            let _ = writeln!(text, "{label}\n    {}", style.dim(&beside));
        }
        for reason in reasons(recommendation) {
            for line in style.wrapped(&format!("    {reason}"), 6).lines() {
                let _ = writeln!(text, "{}", style.dim(line));
            }
        }
    }
    text
}

/// The artist, and where the song comes from unless it is from rules between songs.
fn beside_title(recommendation: &Recommendation, lang: Lang) -> String {
    let artist = clean(&recommendation.song.artist).into_owned();
    let source = match recommendation.source {
        Source::Artist => lang.source_artist(),
        Source::Popularity => lang.source_popularity(),
        _ => String::new(),
    };
    [artist, source].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

pub(crate) fn found_songs(answer: &SearchSongsResponse, style: Style) -> String {
    let rows: Vec<_> = answer
        .songs
        .iter()
        .map(|song| {
            [
                clean(&song.title).into_owned(),
                clean(&song.artist).into_owned(),
                song.support_count.to_string(),
            ]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let lang = style.lang;
    let head = [lang.head_title(), lang.head_artist(), lang.head_playlists()];
    columns(head.each_ref().map(String::as_str), &rows, [false, false, true], style)
}

/// What a person should know of how their songs were understood, as lines for standard error. `offer` gives the number by
/// which a suggestion can be taken, where there is such a way.
pub(crate) fn seed_remarks(
    matches: &[SeedMatch],
    lang: Lang,
    mut offer: impl FnMut(&SeedMatch, &Song) -> Option<usize>,
) -> Vec<String> {
    let mut lines = Vec::new();
    for matched in matches {
        let seed = clean(&matched.seed);
        match (&matched.song, matched.r#match) {
            (_, Match::Exact) => continue,
            (Some(song), Match::Fuzzy) => {
                lines.push(lang.taken_for_alike(&seed, &song_name(song), matched.similarity * 100.0));
            }
            (Some(song), _) => lines.push(lang.taken_for(&seed, &song_name(song))),
            (None, _) => lines.push(lang.not_known(&seed)),
        }
        for (index, suggestion) in matched.suggestions.iter().enumerate() {
            let meant = lang.did_you_mean_one();
            let width = meant.width();
            let lead = if index == 0 { meant.as_str() } else { "" };
            let number = offer(matched, suggestion).map_or_else(String::new, |n| format!("?{n} "));
            lines.push(format!("  {lead:<width$} {number}{}", song_name(suggestion)));
        }
    }
    lines
}

/// `artist - title`, or the title alone.
pub(crate) fn song_name(song: &Song) -> String {
    if song.artist.is_empty() {
        clean(&song.title).into_owned()
    } else {
        format!("{} - {}", clean(&song.artist), clean(&song.title))
    }
}

/// RFC 3339 with microseconds, in the local time zone with its offset.
pub(crate) fn local_date(date: Option<DateTime<Utc>>) -> String {
    date.map_or_else(
        || "?".to_owned(),
        |date| date.with_timezone(&Local).to_rfc3339_opts(SecondsFormat::Micros, false),
    )
}

/// Text from elsewhere, safe to show on a terminal: characters that would steer it are replaced.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if text.contains(steers_terminal) {
        Cow::Owned(text.replace(steers_terminal, "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Control characters, line separators, and those that change the direction of what follows.
fn steers_terminal(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// JSON whose strings hold no raw character that steers a terminal: the format itself asks only for those below U+0020.
pub(crate) fn escape_controls(json: &str) -> Cow<'_, str> {
    let needs_escape = |c: char| c != '\n' && steers_terminal(c);
    if !json.contains(needs_escape) {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if needs_escape(c) {
            // All of them lie below U+10000, so that one escape is enough.
            let _ = write!(escaped, "\\u{:04x}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_steer_a_terminal_are_replaced() {
        assert_eq!(clean("HUMBLE."), "HUMBLE.");
        assert_eq!(clean("a\u{1b}[31mb\r\n\u{9b}c\u{202e}d"), "a�[31mb���c�d");
        assert_eq!(clean("Beyoncé 宇多田ヒカル 👩‍🎤"), "Beyoncé 宇多田ヒカル 👩‍🎤");
    }

    #[test]
    fn json_escapes_what_steers_a_terminal_and_stays_the_same_text() {
        let text = "a\u{1b}\u{7f}\u{9b}\u{202e}\n\"\\é";
        let json = serde_json::to_string(text).unwrap();
        let escaped = escape_controls(&json);
        assert!(!escaped.contains(steers_terminal), "{escaped:?}");
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
    }

    #[test]
    fn a_date_shows_its_offset_and_microseconds() {
        let date = DateTime::from_timestamp(1_735_769_862, 663_201_000).unwrap();
        let text = local_date(Some(date));
        assert_eq!(DateTime::parse_from_rfc3339(&text).unwrap(), date);
        assert!(text.contains(".663201"), "{text}");
        assert!(!text.ends_with('Z'), "{text}");
    }
}
