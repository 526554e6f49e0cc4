//! What stands beside a line while it is typed: how it may go on, what may be meant, and which words are commands.

use std::{borrow::Cow, sync::OnceLock};

use client_lib::Song;
use rustyline::{
    CompletionType, Context, Helper,
    completion::Completer,
    highlight::{CmdKind, Highlighter},
    hint::{Hint, Hinter},
    validate::Validator,
};
use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::{
    command::Command,
    layout::Style,
    output::{clean, song_name},
    suggestions::Suggestions,
};

/// What is shorter, in characters, may be the beginning of anything.
const SHORTEST_TEXT: usize = 2;
/// How much is left out of a text that was typed until one is found for which songs are known, in characters.
const MOST_LEFT_OUT: usize = 12;
/// A window that leaves fewer columns beside the line has no room for more.
const LEAST_ROOM: usize = 6;

/// Completes what is being typed: commands from their list, songs from the service.
pub(crate) struct Typing {
    pub(crate) suggestions: Suggestions,
    pub(crate) style: Style,
    /// The width of what stands before the line, in columns.
    pub(crate) prompt_width: usize,
}

/// The part of a line that is being completed.
enum Part<'l> {
    Command(&'l str),
    /// What stands after a command, where nothing is completed.
    Argument,
    Song(&'l str),
}

impl<'l> Part<'l> {
    fn of(line: &'l str) -> Self {
        let line = line.trim_start();
        if !line.starts_with('/') {
            return Self::Song(line);
        }
        match line.split_once(' ') {
            None => Self::Command(line),
            Some((name, argument)) => match Command::named(name) {
                Some(Command::Add) => Self::Song(argument.trim_start()),
                Some(_) => Self::Argument,
                None => Self::Command(line),
            },
        }
    }
}

/// What is shown behind the line, and what of it can be taken. While the service has not answered yet, it is a blank: then it
/// is looked for again when the line is drawn again.
pub(crate) struct Beside {
    suggestions: Suggestions,
    typed: String,
    style: Style,
    room: usize,
    shown: OnceLock<Shown>,
}

#[derive(Debug, PartialEq, Eq)]
struct Shown {
    text: String,
    rest: Option<String>,
}

impl Hint for Beside {
    fn display(&self) -> &str {
        self.shown().map_or(" ", |shown| &shown.text)
    }

    fn completion(&self) -> Option<&str> {
        self.shown().and_then(|shown| shown.rest.as_deref())
    }
}

impl Beside {
    fn shown(&self) -> Option<&Shown> {
        if self.shown.get().is_none()
            && let Some(songs) = self.suggestions.known(&self.typed)
            && let Some(shown) = beside(&self.typed, &songs, self.style, self.room)
        {
            let _ = self.shown.set(shown);
        }
        self.shown.get()
    }
}

impl Hinter for Typing {
    type Hint = Beside;

    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<Beside> {
        let room = self.style.columns?.saturating_sub(self.prompt_width + line.width() + 1);
        if pos < line.len() || room < LEAST_ROOM {
            return None;
        }
        let (typed, shown) = match Part::of(line) {
            Part::Command(typed) => ("", Some(self.command(typed, room)?)),
            Part::Argument => return None,
            Part::Song(typed) if typed.chars().count() < SHORTEST_TEXT || is_address(typed) => return None,
            // A blank at the end does not change what is looked for, but nothing goes on from there.
            Part::Song(typed) => (typed, self.song(typed, room)?),
        };
        Some(Beside {
            suggestions: self.suggestions.clone(),
            typed: typed.to_owned(),
            style: self.style,
            room,
            shown: shown.map_or_else(OnceLock::new, OnceLock::from),
        })
    }
}

impl Typing {
    /// How the only command goes on that begins so.
    fn command(&self, typed: &str, room: usize) -> Option<Shown> {
        let mut commands = Command::ALL.into_iter().filter(|command| command.name().starts_with(typed));
        let (command, None) = (commands.next()?, commands.next()) else {
            return None;
        };
        let rest = &command.name()[typed.len()..];
        let all = format!("{rest} {}", self.style.lang.arguments(command));
        shown(all.trim_end(), rest, self.style, room)
    }

    /// What stands beside the beginning of a song; nothing within it while it is not known.
    fn song(&self, typed: &str, room: usize) -> Option<Option<Shown>> {
        if self.suggestions.known(typed).is_none()
            && let Some(shown) = self.narrowed(typed, room)
        {
            // There may be others; they are for the next key.
            self.suggestions.ask(typed);
            return Some(Some(shown));
        }
        match self.suggestions.soon(typed) {
            Some(songs) => beside(typed, &songs, self.style, room).map(Some),
            None => Some(None),
        }
    }

    /// Of the songs for what was typed before, the first that begins with what is typed now.
    fn narrowed(&self, typed: &str, room: usize) -> Option<Shown> {
        let ends = typed.char_indices().rev().map(|(end, _)| end).take(MOST_LEFT_OUT);
        let songs = ends.filter(|end| *end > 0).find_map(|end| self.suggestions.known(&typed[..end]))?;
        let rest = songs.iter().find_map(|song| goes_on(typed, song))?;
        shown(&rest, &rest, self.style, room)
    }

    /// The commands that begin so.
    fn commands(typed: &str) -> Vec<String> {
        let names = Command::ALL.into_iter().map(Command::name);
        names.filter(|name| name.starts_with(typed)).map(str::to_owned).collect()
    }
}

impl Completer for Typing {
    type Candidate = String;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let line = &line[..pos];
        match Part::of(line) {
            Part::Command(typed) => Ok((pos - typed.len(), Self::commands(typed))),
            Part::Argument => Ok((pos, Vec::new())),
            Part::Song(typed) => {
                let songs = self.suggestions.in_time(typed);
                Ok((pos - typed.len(), songs.map_or_else(Vec::new, |songs| candidates(typed, &songs))))
            }
        }
    }
}

impl Highlighter for Typing {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        let end = line.find(char::is_whitespace).unwrap_or(line.len());
        match Command::named(&line[..end]) {
            Some(_) => Cow::Owned(self.style.cyan(line)),
            None => Cow::Borrowed(line),
        }
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        Cow::Owned(self.style.bold(prompt))
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(self.style.dim(hint))
    }

    fn highlight_candidate<'c>(&self, candidate: &'c str, _: CompletionType) -> Cow<'c, str> {
        Cow::Borrowed(candidate)
    }

    fn highlight_char(&self, line: &str, _: usize, kind: CmdKind) -> bool {
        self.style.colours && kind != CmdKind::MoveCursor && line.starts_with('/')
    }
}

impl Helper for Typing {}
impl Validator for Typing {}

/// What stands beside `typed` when these are the songs for it.
fn beside(typed: &str, songs: &[Song], style: Style, room: usize) -> Option<Shown> {
    if let Some(rest) = songs.iter().find_map(|song| goes_on(typed, song)) {
        return shown(&rest, &rest, style, room);
    }
    let meant = format!("  {}", style.lang.did_you_mean(&song_name(songs.first()?)));
    shown(&meant, "", style, room)
}

/// `text` as it fits in, and `rest`, which can be taken.
fn shown(text: &str, rest: &str, style: Style, room: usize) -> Option<Shown> {
    if text.is_empty() {
        return None;
    }
    // What is not dim must be told from what was typed in another way.
    let (open, close) = if style.colours { ("", "") } else { ("[", "]") };
    let (blanks, words) = text.split_at(text.len() - text.trim_start().len());
    let room = room.saturating_sub(blanks.len() + open.len() + close.len());
    let text = format!("{blanks}{open}{}{close}", cut(words, room));
    Some(Shown { text, rest: Some(rest.to_owned()).filter(|rest| !rest.is_empty()) })
}

/// As much of a text as fits in so many columns.
fn cut(text: &str, room: usize) -> Cow<'_, str> {
    if text.width() <= room {
        return Cow::Borrowed(text);
    }
    let mut width = 1;
    let fitting = text.chars().take_while(|c| {
        width += c.width().unwrap_or(0);
        width <= room
    });
    Cow::Owned(fitting.chain(['…']).collect())
}

/// The song as `title - artist` or `artist - title`, whichever begins with what was typed.
fn name_going_on(typed: &str, song: &Song) -> Option<String> {
    let (title, artist) = (clean(&song.title), clean(&song.artist));
    let names = if artist.is_empty() {
        [title.into_owned(), String::new()]
    } else {
        [format!("{title} - {artist}"), format!("{artist} - {title}")]
    };
    names.into_iter().find(|name| rest_of(name, typed).is_some())
}

fn goes_on(typed: &str, song: &Song) -> Option<String> {
    let name = name_going_on(typed, song)?;
    rest_of(&name, typed).filter(|rest| !rest.is_empty()).map(str::to_owned)
}

/// What of `name` comes after `typed`, if it begins with that but for case and diacritics.
fn rest_of<'n>(name: &'n str, typed: &str) -> Option<&'n str> {
    let mut typed: Vec<char> = folded(typed).collect();
    typed.reverse();
    for (at, c) in name.char_indices() {
        // A mark belongs to the letter before it.
        if typed.is_empty() && !is_combining_mark(c) {
            return Some(&name[at..]);
        }
        for c in folded(c.encode_utf8(&mut [0; 4])) {
            if typed.pop() != Some(c) {
                return None;
            }
        }
    }
    typed.is_empty().then_some("")
}

fn folded(text: &str) -> impl Iterator<Item = char> {
    text.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase)
}

/// A URI or a link is looked up, not searched.
fn is_address(typed: &str) -> bool {
    typed.contains("://") || (typed.contains(":track:") && !typed.contains(' '))
}

/// The songs as they can be typed: all that go on from what was typed, or else the one that is asked about beside the line.
fn candidates(typed: &str, songs: &[Song]) -> Vec<String> {
    let going_on: Vec<_> = songs.iter().filter_map(|song| name_going_on(typed, song)).collect();
    if going_on.is_empty() { songs.first().map(song_name).into_iter().collect() } else { going_on }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_goes_on_from_what_was_typed_but_for_case_and_accents() {
        assert_eq!(rest_of("HUMBLE. - Kendrick Lamar", "humb"), Some("LE. - Kendrick Lamar"));
        assert_eq!(rest_of("Evidências", "evidenc"), Some("ias"));
        assert_eq!(rest_of("Evidências", "evidê"), Some("ncias"));
        assert_eq!(rest_of("Evide\u{302}ncias", "evide"), Some("ncias"));
        assert_eq!(rest_of("São Paulo", "são paulo"), Some(""));
        assert_eq!(rest_of("宇多田ヒカル", "宇多"), Some("田ヒカル"));
        assert_eq!(rest_of("HUMBLE.", "humbel"), None);
        assert_eq!(rest_of("HUM", "humble"), None);
    }

    #[test]
    fn what_is_shown_beside_fits_in_and_can_be_told_from_what_was_typed() {
        let colours = Style { colours: true, ..Style::default() };
        let text = |style, text, room| shown(text, text, style, room).map(|shown| shown.text);
        assert_eq!(text(colours, "LE. - Kendrick Lamar", 40).as_deref(), Some("LE. - Kendrick Lamar"));
        assert_eq!(text(colours, "LE. - Kendrick Lamar", 8).as_deref(), Some("LE. - K…"));
        assert_eq!(text(colours, "田ヒカル", 6).as_deref(), Some("田ヒ…"));
        assert_eq!(text(Style::default(), "LE.", 40).as_deref(), Some("[LE.]"));
        assert_eq!(text(Style::default(), "LE. - Kendrick Lamar", 8).as_deref(), Some("[LE. -…]"));
        assert_eq!(text(colours, "", 40), None);
    }

    #[test]
    fn a_link_is_not_searched_for() {
        assert!(is_address("https://open.example.org/track/1"));
        assert!(is_address("sample:track:1"));
        assert!(!is_address("Track: 10"));
        assert!(!is_address("Unforgettable"));
    }
}
