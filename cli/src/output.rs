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

use crate::{failure::Failure, reasons};

/// A title that is wider does not push the other artists to the right, in columns.
const WIDEST_LABEL: usize = 60;

/// How answers are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// As JSON instead of text.
    pub(crate) json: bool,
    /// Text on standard output may be coloured.
    pub(crate) colours: bool,
}

impl Output {
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
            self.text(&text(answer, Style { colours: self.colours }))
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
        let _ = writeln!(io::stderr(), "{text}");
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

/// Whether text may be coloured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    pub(crate) colours: bool,
}

impl Style {
    pub(crate) fn dim(self, text: &str) -> String {
        self.sgr("2", text)
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.sgr("1", text)
    }

    fn sgr(self, code: &str, text: &str) -> String {
        if self.colours && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Writes one playlist as the prompt shows it, without colours: the version of the service, the date of the model in local
/// time, and the songs, numbered. Songs that came from an artist or from popularity alone say so; control characters in
/// names are replaced.
///
/// # Errors
///
/// What `out` fails with.
pub fn write_playlist(out: &mut impl Write, answer: &RecommendResponse) -> io::Result<()> {
    out.write_all(playlist(answer, Style { colours: false }).as_bytes())
}

/// The playlist without reasons.
pub(crate) fn playlist(answer: &RecommendResponse, style: Style) -> String {
    numbered(answer, style, |_| Vec::new())
}

/// The playlist with the reasons for each song below it.
pub(crate) fn explained_playlist(answer: &RecommendResponse, style: Style) -> String {
    numbered(answer, style, |recommendation| recommendation.rules.iter().map(reasons::in_words).collect())
}

fn numbered(
    answer: &RecommendResponse,
    style: Style,
    reasons: impl Fn(&Recommendation) -> Vec<String>,
) -> String {
    let mut text = format!(
        "API version: {}\nLatest Model Update Date: {}\nSongs:\n",
        clean(&answer.version),
        local_date(answer.model_date)
    );
    let labels: Vec<String> = answer
        .songs
        .iter()
        .enumerate()
        .map(|(index, recommendation)| format!("{} {}", index + 1, clean(&recommendation.song.title)))
        .collect();
    let width = widest(&labels).min(WIDEST_LABEL);
    for (label, recommendation) in labels.iter().zip(&answer.songs) {
        let beside = beside_title(recommendation);
        if beside.is_empty() {
            let _ = writeln!(text, "{label}");
        } else {
            let _ = writeln!(text, "{label}{}  {}", padding(label, width), style.dim(&beside));
        }
        for reason in reasons(recommendation) {
            let _ = writeln!(text, "    {}", style.dim(&reason));
        }
    }
    text
}

/// The artist, and where the song comes from unless it is from rules between songs.
fn beside_title(recommendation: &Recommendation) -> String {
    let artist = clean(&recommendation.song.artist);
    let source = match recommendation.source {
        Source::Artist => "(artist)",
        Source::Popularity => "(popular)",
        _ => "",
    };
    [artist.as_ref(), source].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
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
    columns(["Title", "Artist", "Playlists"], &rows, [false, false, true], style)
}

/// What a person should know of how their songs were understood, as lines for standard error. `offer` gives the number by
/// which a suggestion can be taken, where there is such a way.
pub(crate) fn seed_remarks(
    matches: &[SeedMatch],
    mut offer: impl FnMut(&SeedMatch, &Song) -> Option<usize>,
) -> Vec<String> {
    let mut lines = Vec::new();
    for matched in matches {
        let seed = clean(&matched.seed);
        match (&matched.song, matched.r#match) {
            (_, Match::Exact) => continue,
            (Some(song), Match::Fuzzy) => lines.push(format!(
                "`{seed}` was taken for {} ({:.0} % alike)",
                song_name(song),
                matched.similarity * 100.0
            )),
            (Some(song), _) => lines.push(format!("`{seed}` was taken for {}", song_name(song))),
            (None, _) => lines.push(format!("the model does not know `{seed}`")),
        }
        for (index, suggestion) in matched.suggestions.iter().enumerate() {
            let lead = if index == 0 { "did you mean" } else { "" };
            let number = offer(matched, suggestion).map_or_else(String::new, |n| format!("?{n} "));
            lines.push(format!("  {lead:<12} {number}{}", song_name(suggestion)));
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
        || "unknown".to_owned(),
        |date| date.with_timezone(&Local).to_rfc3339_opts(SecondsFormat::Micros, false),
    )
}

/// A table with a head, its columns aligned; `right` tells which ones at their right edge.
pub(crate) fn columns<const N: usize>(
    head: [&str; N],
    rows: &[[String; N]],
    right: [bool; N],
    style: Style,
) -> String {
    let mut widths = head.map(|name| name.width());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width().min(WIDEST_LABEL));
        }
    }
    let line = |cells: [&str; N]| {
        let mut line = String::new();
        for (index, cell) in cells.into_iter().enumerate() {
            let padding = padding(cell, widths[index]);
            if index > 0 {
                line.push_str("  ");
            }
            if right[index] {
                line.extend([padding.as_str(), cell]);
            } else {
                line.extend([cell, padding.as_str()]);
            }
        }
        line.truncate(line.trim_end().len());
        line
    };
    let mut text = style.bold(&line(head));
    text.push('\n');
    for row in rows {
        text.push_str(&line(row.each_ref().map(String::as_str)));
        text.push('\n');
    }
    text
}

fn widest(labels: &[String]) -> usize {
    labels.iter().map(|label| label.width()).max().unwrap_or(0)
}

fn padding(text: &str, width: usize) -> String {
    " ".repeat(width.saturating_sub(text.width()))
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
fn escape_controls(json: &str) -> Cow<'_, str> {
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

    const PLAIN: Style = Style { colours: false };

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
    fn columns_are_aligned_by_what_the_terminal_shows() {
        let rows = [
            ["宇多田".to_owned(), "x".to_owned(), "7".to_owned()],
            ["ab".to_owned(), String::new(), "12".to_owned()],
        ];
        assert_eq!(
            columns(["A", "B", "N"], &rows, [false, false, true], PLAIN),
            "A       B   N\n宇多田  x   7\nab         12\n"
        );
    }

    #[test]
    fn a_date_shows_its_offset_and_microseconds() {
        let date = DateTime::from_timestamp(1_735_769_862, 663_201_000).unwrap();
        let text = local_date(Some(date));
        assert_eq!(DateTime::parse_from_rfc3339(&text).unwrap(), date);
        assert!(text.contains(".663201"), "{text}");
        assert!(!text.ends_with('Z'), "{text}");
    }

    #[test]
    fn text_without_colours_has_no_escape_sequence() {
        assert_eq!(PLAIN.dim("x"), "x");
        assert_eq!(Style { colours: true }.bold("x"), "\x1b[1mx\x1b[0m");
    }
}
