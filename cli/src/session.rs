//! What a person has typed so far, and what the next line asks for. Neither terminal nor network.

use std::{fmt::Write as _, num::NonZeroU32};

use crate::{command::Command, layout::Style, saving::Format, texts::Lang};

/// The most songs that the service takes at once.
const MAX_SONGS: usize = 1_000;
/// The longest song that the service takes, in bytes.
const MAX_SONG_BYTES: usize = 1_024;
/// The most songs that the service recommends at once.
pub(crate) const MOST_SONGS: u32 = 500;
/// The songs that `/more` adds when it is not told how many.
const MORE_SONGS: u32 = 10;
/// Where `/help` tells what a command does, in columns.
const HELP_INDENT: usize = 20;

/// What a line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing: the line is blank, or the song it holds is on the list now.
    Nothing,
    /// An answer of the session's own.
    Show(String),
    /// What there is to type.
    Help,
    /// A word about what the line has done.
    Remark(String),
    /// The line cannot be followed: why, and what to type instead.
    Misuse(String),
    /// A playlist that goes with `songs`, of the service's own length or of `limit` songs, with at most `cap` songs of one artist.
    Recommend { songs: Vec<String>, limit: Option<u32>, cap: Option<NonZeroU32> },
    /// So many songs more than the last answer has.
    More(usize),
    /// What spoke for a song of the last answer, by its position there.
    Why(usize),
    /// The last answer in a file of that name.
    Save(String, Format),
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
    lang: Lang,
}

/// A song that may have been meant.
#[derive(Debug)]
struct Offer {
    typed: String,
    meant: String,
}

impl Session {
    pub(crate) fn new(lang: Lang) -> Self {
        Self { lang, ..Self::default() }
    }

    /// What `line`, without its line break, asks for. Songs are added to the list, commands begin with `/`, and `?N`
    /// takes offer N in the place of what was typed.
    pub(crate) fn take(&mut self, line: &str) -> Step {
        let line = line.trim();
        if line.chars().any(char::is_control) {
            return Step::Misuse(self.lang.has_controls());
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

    /// The last answer has so many songs now.
    pub(crate) fn extended(&mut self, n_songs: usize) {
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

    fn command(&mut self, typed: &str, argument: &str) -> Step {
        let lang = self.lang;
        let Some(command) = Command::named(typed) else {
            return Step::Misuse(match Command::nearest(typed) {
                Some(meant) => lang.no_such_command_but(typed, meant.name()),
                None => lang.no_such_command(typed),
            });
        };
        match (command, argument) {
            (Command::Send, count) => self.send(count),
            (Command::More, count) => self.more(count),
            (Command::Why, number) => self.why(number),
            (Command::Save, name) => self.save(name),
            (Command::Cap, count) => self.cap(count),
            (Command::Remove, "") => Step::Misuse(lang.remove_what()),
            (Command::Remove, which) => self.remove(which),
            (Command::Add, "") => Step::Misuse(lang.add_what()),
            (Command::Add, song) => self.add(song),
            (Command::Help, _) => Step::Help,
            (Command::List | Command::Clear | Command::Info | Command::Quit, argument)
                if !argument.is_empty() =>
            {
                Step::Misuse(lang.takes_nothing(typed))
            }
            (Command::List, _) => Step::Show(self.list()),
            (Command::Clear, _) => {
                self.change(|songs| songs.clear());
                self.offers.clear();
                Step::Remark(lang.list_is_empty())
            }
            (Command::Info, _) => Step::Info,
            (Command::Quit, _) => Step::Quit,
        }
    }

    fn send(&mut self, count: &str) -> Step {
        let limit = match count {
            "" => None,
            count => match count.parse() {
                Ok(limit @ 1..=MOST_SONGS) => Some(limit),
                _ => return Step::Misuse(self.lang.one_to_500("/send", count)),
            },
        };
        if self.songs.is_empty() {
            return Step::Misuse(self.lang.type_a_song_first());
        }
        self.unsent = false;
        Step::Recommend { songs: self.songs.clone(), limit, cap: self.cap }
    }

    fn more(&self, count: &str) -> Step {
        let count = match count {
            "" => MORE_SONGS,
            count => match count.parse() {
                Ok(count @ 1..=MOST_SONGS) => count,
                _ => return Step::Misuse(self.lang.one_to_500("/more", count)),
            },
        };
        match self.answered {
            None => Step::Misuse(self.lang.no_answer_yet()),
            Some(n_songs) if n_songs >= MOST_SONGS as usize => {
                Step::Misuse(self.lang.no_more_at_once(n_songs))
            }
            Some(_) => Step::More(count as usize),
        }
    }

    fn save(&self, name: &str) -> Step {
        match self.answered {
            _ if name.is_empty() => Step::Misuse(self.lang.save_where()),
            None => Step::Misuse(self.lang.no_answer_yet()),
            Some(0) => Step::Misuse(self.lang.answer_is_empty()),
            Some(_) => match Format::of_name(name) {
                Some(format) => Step::Save(name.to_owned(), format),
                None => Step::Misuse(self.lang.save_as_what(name)),
            },
        }
    }

    fn cap(&mut self, count: &str) -> Step {
        let cap: Option<NonZeroU32> = match count {
            "" => None,
            count => match count.parse() {
                Ok(cap) => Some(cap),
                Err(_) => return Step::Misuse(self.lang.cap_of_what(count)),
            },
        };
        self.cap = cap;
        Step::Remark(match cap {
            Some(cap) => self.lang.capped(&self.lang.songs(cap.get() as usize)),
            None => self.lang.not_capped(),
        })
    }

    fn why(&self, number: &str) -> Step {
        let lang = self.lang;
        let choices = match self.answered {
            None => return Step::Misuse(lang.no_answer_yet()),
            Some(0) => return Step::Misuse(lang.answer_is_empty()),
            Some(1) => lang.why_only_one(),
            Some(n_songs) => lang.why_from_to(n_songs),
        };
        match number.parse::<usize>() {
            Ok(number @ 1..) if self.answered.is_some_and(|n_songs| number <= n_songs) => {
                Step::Why(number - 1)
            }
            Ok(number) => Step::Misuse(lang.why_no_such(number, &choices)),
            Err(_) if number.is_empty() => Step::Misuse(lang.why_which(&choices)),
            Err(_) => Step::Misuse(lang.why_not_a_number(number, &choices)),
        }
    }

    fn add(&mut self, song: &str) -> Step {
        if song.is_empty() {
            return Step::Nothing;
        }
        if song.len() > MAX_SONG_BYTES {
            return Step::Misuse(self.lang.line_too_long(song.len(), MAX_SONG_BYTES));
        }
        if self.songs.iter().any(|known| known == song) {
            return Step::Remark(self.lang.listed_already(song));
        }
        if self.songs.len() >= MAX_SONGS {
            return Step::Misuse(self.lang.list_is_full(MAX_SONGS));
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
                Step::Remark(self.lang.off_the_list(&song))
            }
            None => Step::Misuse(self.lang.not_on_the_list(which)),
        }
    }

    fn take_offer(&mut self, number: &str) -> Step {
        let offer = number.parse::<usize>().ok().and_then(|number| self.offers.get(number.checked_sub(1)?));
        let Some(Offer { typed, meant }) = offer else {
            return Step::Misuse(match self.offers.len() {
                0 => self.lang.nothing_to_choose(number),
                n_offers => self.lang.no_such_choice(number, n_offers),
            });
        };
        let (typed, meant) = (typed.clone(), meant.clone());
        let remark = self.lang.chosen(&meant, &typed);
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
            return format!("{}\n", self.lang.list_is_empty());
        }
        let mut text = String::new();
        for (index, song) in self.songs.iter().enumerate() {
            let _ = writeln!(text, "{} {song}", index + 1);
        }
        text
    }
}

/// What there is to type.
pub(crate) fn help(style: Style) -> String {
    let lang = style.lang;
    let mut text = style.wrapped(&lang.help_beginning(), 0);
    for command in Command::ALL {
        let usage = format!("  {} {}", command.name(), lang.arguments(command));
        let line = format!("{usage:<HELP_INDENT$}{}", lang.purpose(command));
        text.push_str(&style.wrapped(&line, HELP_INDENT));
    }
    text
}

#[cfg(test)]
mod tests;
