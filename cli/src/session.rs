//! What a person has typed so far, and what the next line asks for. Neither terminal nor network.

use std::{fmt::Write as _, num::NonZeroU32};

/// The most songs that the service takes at once.
const MAX_SONGS: usize = 1_000;
/// The longest song that the service takes, in bytes.
const MAX_SONG_BYTES: usize = 1_024;

/// The commands of the prompt: name, arguments, and what it does.
pub(crate) const COMMANDS: [(&str, &str, &str); 10] = [
    ("/send", "[N]", "ask for songs that go with the list (N of them, at most 500)"),
    ("/why", "N", "tell what spoke for song N of the last answer"),
    ("/cap", "[N]", "take at most N songs of one artist into an answer; without N, any number"),
    ("/list", "", "show the songs typed so far"),
    ("/remove", "N|SONG", "take a song off the list, by its number or its text"),
    ("/clear", "", "empty the list"),
    ("/add", "SONG", "add a song whose name looks like a command"),
    ("/info", "", "show which model is in service"),
    ("/help", "", "show this"),
    ("/quit", "", "leave (so does Ctrl-D)"),
];

/// What a line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing: the line is blank, or the song it holds is on the list now.
    Nothing,
    /// An answer of the session's own.
    Show(String),
    /// A word about what the line has done.
    Remark(String),
    /// The line cannot be followed: why, and what to type instead.
    Misuse(String),
    /// A playlist that goes with `songs`, of the service's own length or of `limit` songs, with at most `cap` songs of one artist.
    Recommend { songs: Vec<String>, limit: Option<u32>, cap: Option<NonZeroU32> },
    /// What spoke for a song of the last answer, by its position there.
    Why(usize),
    /// The model in service.
    Info,
    /// The end.
    Quit,
}

/// The list of songs, in the order in which they were typed, and the songs that were offered in their place.
#[derive(Debug, Default)]
pub(crate) struct Session {
    songs: Vec<String>,
    offers: Vec<Offer>,
    /// The songs of the last answer, once there was one.
    answered: Option<usize>,
    cap: Option<NonZeroU32>,
    unsent: bool,
}

/// A song that may have been meant.
#[derive(Debug)]
struct Offer {
    typed: String,
    meant: String,
}

impl Session {
    /// What `line`, without its line break, asks for. Songs are added to the list, commands begin with `/`, and `?N`
    /// takes offer N in the place of what was typed.
    pub(crate) fn take(&mut self, line: &str) -> Step {
        let line = line.trim();
        if line.chars().any(char::is_control) {
            return Step::Misuse("the line has control characters; type a song in plain text".to_owned());
        }
        if line.starts_with('/') {
            let (command, argument) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            return self.command(command, argument.trim());
        }
        match line.strip_prefix('?') {
            Some(number) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => {
                self.take_offer(number)
            }
            _ => self.add(line),
        }
    }

    /// Remembers that `meant` may have been meant by `typed`, and returns the number by which it can be taken.
    pub(crate) fn offer(&mut self, typed: &str, meant: String) -> usize {
        self.offers.push(Offer { typed: typed.to_owned(), meant });
        self.offers.len()
    }

    /// The list was answered with so many songs: former offers are void.
    pub(crate) fn answered(&mut self, n_songs: usize) {
        self.offers.clear();
        self.answered = Some(n_songs);
    }

    /// The number of songs on a list that was never asked with, or has changed since.
    pub(crate) fn unsent(&self) -> usize {
        if self.unsent { self.songs.len() } else { 0 }
    }

    /// What stands before the line that is being typed: it counts the songs on the list.
    pub(crate) fn prompt(&self) -> String {
        match self.songs.len() {
            0 => "playlist> ".to_owned(),
            n_songs => format!("playlist[{n_songs}]> "),
        }
    }

    fn command(&mut self, command: &str, argument: &str) -> Step {
        match (command, argument) {
            ("/send", count) => self.send(count),
            ("/why", number) => self.why(number),
            ("/cap", count) => self.cap(count),
            ("/remove", "") => Step::Misuse(
                "`/remove` needs the number or the text of a song; `/list` shows both".to_owned(),
            ),
            ("/remove", which) => self.remove(which),
            ("/add", "") => Step::Misuse("`/add` needs a song".to_owned()),
            ("/add", song) => self.add(song),
            ("/list", "") => Step::Show(self.list()),
            ("/clear", "") => {
                self.change(|songs| songs.clear());
                self.offers.clear();
                Step::Remark("the list is empty".to_owned())
            }
            ("/info", "") => Step::Info,
            ("/help", _) => Step::Show(help()),
            ("/quit", "") => Step::Quit,
            (known, _) if COMMANDS.iter().any(|(name, ..)| *name == known) => {
                Step::Misuse(format!("`{known}` takes nothing after it"))
            }
            (unknown, _) => Step::Misuse(match nearest(unknown) {
                Some(name) => {
                    format!("there is no command `{unknown}`; did you mean `{name}`? `/help` shows them all")
                }
                None => format!("there is no command `{unknown}`; `/help` shows them all"),
            }),
        }
    }

    fn send(&mut self, count: &str) -> Step {
        let limit = match count {
            "" => None,
            count => match count.parse() {
                Ok(limit @ 1..=500) => Some(limit),
                _ => {
                    return Step::Misuse(format!("`/send` takes a number from 1 to 500, not `{count}`"));
                }
            },
        };
        if self.songs.is_empty() {
            return Step::Misuse("the list is empty; type a song first".to_owned());
        }
        self.unsent = false;
        Step::Recommend { songs: self.songs.clone(), limit, cap: self.cap }
    }

    fn cap(&mut self, count: &str) -> Step {
        let cap = match count {
            "" => None,
            count => match count.parse() {
                Ok(cap) => Some(cap),
                Err(_) => return Step::Misuse(format!("`/cap` takes a number from 1 on, not `{count}`")),
            },
        };
        self.cap = cap;
        Step::Remark(match cap {
            Some(cap) => format!("answers have at most {} of one artist now", counted(cap.get() as usize)),
            None => "answers have any number of songs of one artist now".to_owned(),
        })
    }

    fn why(&self, number: &str) -> Step {
        let Some(n_songs) = self.answered else {
            return Step::Misuse("there is no answer yet; `/send` asks for one".to_owned());
        };
        if n_songs == 0 {
            return Step::Misuse("the last answer has no songs".to_owned());
        }
        let numbers = match n_songs {
            1 => "it has one: `/why 1`".to_owned(),
            _ => format!("`/why 1` to `/why {n_songs}`"),
        };
        match number.parse::<usize>() {
            Ok(number @ 1..) if number <= n_songs => Step::Why(number - 1),
            Ok(number) => Step::Misuse(format!("the last answer has no song {number}; {numbers}")),
            Err(_) if number.is_empty() => {
                Step::Misuse(format!("`/why` needs the number of a song of the last answer; {numbers}"))
            }
            Err(_) => Step::Misuse(format!(
                "`/why` takes the number of a song of the last answer, not `{number}`; {numbers}"
            )),
        }
    }

    fn add(&mut self, song: &str) -> Step {
        if song.is_empty() {
            return Step::Nothing;
        }
        if song.len() > MAX_SONG_BYTES {
            return Step::Misuse(format!(
                "the line has {} bytes, a song at most {MAX_SONG_BYTES}",
                song.len()
            ));
        }
        if self.songs.iter().any(|known| known == song) {
            return Step::Remark(format!("`{song}` is on the list already"));
        }
        if self.songs.len() >= MAX_SONGS {
            return Step::Misuse(format!(
                "the list is full: it has {MAX_SONGS} songs; `/send` asks, `/clear` empties it"
            ));
        }
        self.change(|songs| songs.push(song.to_owned()));
        Step::Nothing
    }

    fn remove(&mut self, which: &str) -> Step {
        let by_number = which
            .parse::<usize>()
            .ok()
            .and_then(|number| number.checked_sub(1))
            .filter(|index| *index < self.songs.len());
        let by_text = || {
            let lower = which.to_lowercase();
            self.songs.iter().position(|song| song.to_lowercase() == lower)
        };
        match by_number.or_else(by_text) {
            Some(index) => {
                let song = self.songs[index].clone();
                self.change(|songs| drop(songs.remove(index)));
                Step::Remark(format!("`{song}` is off the list"))
            }
            None => Step::Misuse(format!("`{which}` is not on the list; `/list` shows what is")),
        }
    }

    fn take_offer(&mut self, number: &str) -> Step {
        let offer = number.parse::<usize>().ok().and_then(|number| self.offers.get(number.checked_sub(1)?));
        let Some(Offer { typed, meant }) = offer else {
            return Step::Misuse(match self.offers.len() {
                0 => format!(
                    "there is nothing to choose `?{number}` from; `/add ?{number}` adds a song of that name"
                ),
                n_offers => format!("there is no `?{number}`; choose from `?1` to `?{n_offers}`"),
            });
        };
        let (typed, meant) = (typed.clone(), meant.clone());
        let remark = format!("`{meant}` stands for `{typed}` now; `/send` asks again");
        if self.songs.contains(&meant) {
            self.change(|songs| songs.retain(|song| *song != typed));
        } else {
            self.change(|songs| match songs.iter_mut().find(|song| **song == typed) {
                Some(song) => song.clone_from(&meant),
                None => songs.push(meant.clone()),
            });
            // Another choice for the same line shall replace this one, not join it.
            for offer in &mut self.offers {
                if offer.typed == typed {
                    offer.typed.clone_from(&meant);
                }
            }
        }
        Step::Remark(remark)
    }

    fn change(&mut self, change: impl FnOnce(&mut Vec<String>)) {
        change(&mut self.songs);
        self.unsent = true;
    }

    fn list(&self) -> String {
        if self.songs.is_empty() {
            return "the list is empty\n".to_owned();
        }
        let mut text = String::new();
        for (index, song) in self.songs.iter().enumerate() {
            let _ = writeln!(text, "{} {song}", index + 1);
        }
        text
    }
}

/// The command that was most likely meant, if any is near.
fn nearest(typed: &str) -> Option<&'static str> {
    let typed = typed.to_lowercase();
    COMMANDS.iter().map(|(name, ..)| *name).find(|name| typed.len() > 1 && name.starts_with(&typed)).or_else(
        || {
            COMMANDS
                .iter()
                .map(|(name, ..)| (strsim::damerau_levenshtein(name, &typed), *name))
                .min()
                .filter(|(distance, _)| *distance <= 2)
                .map(|(_, name)| name)
        },
    )
}

fn help() -> String {
    let mut text = "\
Type songs, one a line: a title, `artist - title`, a track URI, or a link to a track.
Tab completes. When a song is not known, others are offered: `?1` takes the first of them.
"
    .to_owned();
    for (name, arguments, purpose) in COMMANDS {
        let usage = format!("{name} {arguments}");
        let _ = writeln!(text, "  {usage:<16} {purpose}");
    }
    text
}

/// `1 song`, `2 songs`.
pub(crate) fn counted(n_songs: usize) -> String {
    match n_songs {
        1 => "1 song".to_owned(),
        _ => format!("{n_songs} songs"),
    }
}

#[cfg(test)]
mod tests;
