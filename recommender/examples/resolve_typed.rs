//! Measures how well songs are understood that are typed with small mistakes.
//!
//! ```sh
//! cargo run --release -p recommender --example resolve_typed -- --model-dir <volume> [--songs 2000] [--seed 1] [--show 0]
//! ```
//!
//! Songs are drawn from the version in service as they occur in playlists, so that common ones come more often. Each is typed as its title,
//! `artist - title`, `title artist` and `title by artist`, with every kind of mistake that its name allows, always the same for a
//! seed. Right is the song itself, another recording of it, or for a bare title a song that is at least as common and has the same
//! one. `taken` tells how many of the wrong ones are what was typed, letter for letter but for case and punctuation: the mistake made
//! another song's name. `--show` prints so many of the failures of each kind.
//!
//! With `--unknown-from <volume>`, the last lines tell how many songs of that volume are taken for another, though this one
//! does not have them and there is no mistake in them.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement at a terminal")]

use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
    time::Instant,
};

mod synthetic;

use clap::Parser;
use model::{Song, SongId, Volume};
use recommender::{MatchKind, ServedModel};
use synthetic::Random;

#[derive(Parser)]
struct Args {
    /// Folder of a published volume.
    #[arg(long)]
    model_dir: PathBuf,
    /// Songs to draw.
    #[arg(long, default_value_t = 2_000)]
    songs: usize,
    /// Which songs and mistakes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder of another volume: its songs that this one does not have are asked for too.
    #[arg(long)]
    unknown_from: Option<PathBuf>,
    /// Failures of each kind to print.
    #[arg(long, default_value_t = 0)]
    show: usize,
}

/// The ways in which a song is named; the first is without its artist.
const FORMS: [&str; 4] = ["title", "artist - title", "title artist", "title by artist"];

/// A name with a mistake, or `None` where it cannot be made.
type Mistake = fn(&str, &mut Random) -> Option<String>;

/// Mistakes anywhere in what is typed.
const SLIPS: [(&str, Mistake); 8] = [
    ("a letter left out", |name, random| slip(name, random, |_, _| vec![])),
    ("a letter doubled", |name, random| slip(name, random, |c, _| vec![c, c])),
    ("neighbours exchanged", exchanged),
    ("a neighbouring key", |name, random| slip(name, random, |c, random| vec![neighbour(c, random)])),
    ("another key between", |name, random| slip(name, random, |c, random| vec![c, neighbour(c, random)])),
    ("a blank left out", without_blank),
    ("two slips, from 10 letters on", two_slips),
    ("another case", |name, _| other(name, name.to_lowercase())),
];

/// Differences in the title alone.
const VARIANTS: [(&str, Mistake); 10] = [
    ("no mistake", |title, _| Some(title.to_owned())),
    ("no punctuation and accents", |title, _| other(title, plain(title))),
    ("without additions", |title, _| other(title, core(title).to_owned())),
    ("(feat. ...) added", |title, _| Some(format!("{title} (feat. Somebody)"))),
    ("- Remastered 2011 added", |title, _| Some(format!("{title} - Remastered 2011"))),
    ("- From \"...\" added", |title, _| Some(format!("{title} - From \"A Film\""))),
    ("& for and, or the reverse", |title, _| {
        let and = title.replace(" & ", " and ");
        other(title, if and == title { title.replace(" and ", " & ").replace(" And ", " & ") } else { and })
    }),
    ("without the", |title, _| {
        let title = title.strip_prefix("The ").unwrap_or(title);
        let words: Vec<&str> = title.split(' ').filter(|word| !word.eq_ignore_ascii_case("the")).collect();
        other(title, words.join(" "))
    }),
    ("without additions, a slip", |title, random| {
        let slipped = any_slip(core(title), random)?;
        (core(title) != title).then_some(slipped)
    }),
    ("without punctuation, a slip", |title, random| {
        let plain = plain(title);
        (plain != title).then(|| any_slip(&plain, random)).flatten()
    }),
];

fn main() {
    let args = Args::parse();
    let model = load(&args.model_dir);
    let mut random = Random(args.seed);
    let drawn = draw(&model, args.songs, &mut random);

    for (form, name) in FORMS.into_iter().enumerate() {
        let mut kinds: BTreeMap<(usize, &str), Outcomes> = BTreeMap::new();
        for &id in &drawn {
            let song = model.song(id);
            if form > 0 && song.artist.is_empty() {
                continue;
            }
            let typed = SLIPS.iter().enumerate().map(|(at, &(kind, slip))| {
                ((at, kind), slip(&in_form(form, song.title, song.artist), &mut random))
            });
            let typed: Vec<_> = typed.collect();
            let varied = VARIANTS.iter().enumerate().map(|(at, &(kind, vary))| {
                let title = vary(song.title, &mut random);
                ((SLIPS.len() + at, kind), title.map(|title| in_form(form, &title, song.artist)))
            });
            for (kind, typed) in typed.into_iter().chain(varied.collect::<Vec<_>>()) {
                let Some(typed) = typed.filter(|typed| !typed.trim().is_empty()) else { continue };
                kinds.entry(kind).or_default().ask(&model, id, form == 0, &typed);
            }
        }
        println!(
            "\n{name:<31} {:>7} {:>7} {:>7} {:>7} {:>9} {:>10}",
            "typed", "right", "wrong", "taken", "unknown", "suggested"
        );
        let mut all = Outcomes::default();
        for ((_, kind), outcomes) in &kinds {
            outcomes.print(kind);
            all.add(outcomes);
        }
        all.print("all");
        let mut times = all.times;
        times.sort_unstable();
        println!(
            "  {} us in the median, {} us at p99",
            times[times.len() / 2],
            times[times.len() * 99 / 100]
        );
        for ((_, kind), outcomes) in &kinds {
            for failure in outcomes.failures.iter().take(args.show) {
                println!("  {kind}: {failure}");
            }
        }
    }
    if let Some(other) = &args.unknown_from {
        ask_for_unknown(&model, &load(other), &args, &mut random);
    }
}

fn load(volume: &Path) -> ServedModel {
    let volume = Volume::new(volume);
    let version = volume.current().unwrap().unwrap();
    ServedModel::build(volume.load(&version).unwrap())
}

/// Asks for songs of another model that this one does not have.
fn ask_for_unknown(model: &ServedModel, other: &ServedModel, args: &Args, random: &mut Random) {
    let known: HashSet<(String, String)> = (0..model.song_count() as SongId)
        .map(|id| model.song(id))
        .map(|song| (squeezed(core(song.title)), squeezed(song.artist)))
        .collect();
    let titles: HashSet<&String> = known.iter().map(|(title, _)| title).collect();
    let drawn: Vec<Song<'_>> = draw(other, args.songs * 20, random)
        .into_iter()
        .map(|id| other.song(id))
        .filter(|song| !song.artist.is_empty())
        .filter(|song| !known.contains(&(squeezed(core(song.title)), squeezed(song.artist))))
        .take(args.songs)
        .collect();
    println!("\nunknown songs{:>25} {:>7} {:>7}", "typed", "fuzzy", "other");
    for (form, name) in FORMS.into_iter().enumerate() {
        let (mut typed, mut fuzzy, mut otherwise) = (0, 0, 0);
        for song in &drawn {
            if form == 0 && titles.contains(&squeezed(core(song.title))) {
                continue;
            }
            let text = in_form(form, song.title, song.artist);
            let found = model.resolve(&text);
            typed += 1;
            let is_fuzzy = found.kind == MatchKind::Fuzzy;
            fuzzy += usize::from(is_fuzzy);
            otherwise += usize::from(!is_fuzzy && found.song.is_some());
            if let Some(taken) = found.song.filter(|_| is_fuzzy && fuzzy <= args.show) {
                let taken = model.song(taken);
                println!(
                    "  `{text}` was taken for {} - {} ({})",
                    taken.artist, taken.title, taken.support_count
                );
            }
        }
        let share = |count: usize| format!("{:.2} %", 100.0 * count as f64 / typed as f64);
        println!("  {name:<29} {typed:>7} {:>7} {:>7}", share(fuzzy), share(otherwise));
    }
}

/// What became of the texts with one kind of mistake.
#[derive(Default)]
struct Outcomes {
    right: usize,
    wrong: usize,
    /// Of the wrong ones, those that have the very name of another song.
    taken: usize,
    unknown: usize,
    /// Of the unknown ones, those whose suggestions hold the right song.
    suggested: usize,
    failures: Vec<String>,
    /// Microseconds.
    times: Vec<u128>,
}

impl Outcomes {
    fn ask(&mut self, model: &ServedModel, meant: SongId, by_title: bool, typed: &str) {
        let begin = Instant::now();
        let found = model.resolve(typed);
        self.times.push(begin.elapsed().as_micros());
        let name = |id: SongId| {
            let song = model.song(id);
            format!("{} - {} ({})", song.artist, song.title, song.support_count)
        };
        let is_meant = |id| is_meant(model.song(id), model.song(meant), by_title);
        match found.song {
            Some(song) if is_meant(song) => self.right += 1,
            Some(song) => {
                self.wrong += 1;
                self.taken += usize::from(found.kind != MatchKind::Fuzzy);
                self.failures.push(format!("`{typed}` of {} was taken for {}", name(meant), name(song)));
            }
            None => {
                let is_suggested = found.suggestions.iter().any(|&song| is_meant(song));
                self.unknown += 1;
                self.suggested += usize::from(is_suggested);
                let suggestions: Vec<String> = found.suggestions.iter().map(|&song| name(song)).collect();
                self.failures.push(format!("`{typed}` of {} is unknown: {suggestions:?}", name(meant)));
            }
        }
    }

    fn add(&mut self, other: &Outcomes) {
        self.right += other.right;
        self.wrong += other.wrong;
        self.taken += other.taken;
        self.unknown += other.unknown;
        self.suggested += other.suggested;
        self.times.extend(&other.times);
    }

    fn print(&self, kind: &str) {
        let typed = self.times.len();
        let share = |count: usize| format!("{:.2} %", 100.0 * count as f64 / typed as f64);
        let [right, wrong, taken, unknown, suggested] =
            [self.right, self.wrong, self.taken, self.unknown, self.suggested].map(share);
        println!("  {kind:<29} {typed:>7} {right:>7} {wrong:>7} {taken:>7} {unknown:>9} {suggested:>10}");
    }
}

fn is_meant(song: Song<'_>, meant: Song<'_>, by_title: bool) -> bool {
    let same_title = squeezed(core(song.title)) == squeezed(core(meant.title));
    let same_artist = squeezed(song.artist) == squeezed(meant.artist);
    same_title && (same_artist || by_title && song.support_count >= meant.support_count)
}

/// Songs as they occur in playlists.
fn draw(model: &ServedModel, count: usize, random: &mut Random) -> Vec<SongId> {
    let mut ends = Vec::with_capacity(model.song_count());
    let mut end = 0;
    for song in 0..model.song_count() as SongId {
        end += model.song(song).support_count as usize;
        ends.push(end);
    }
    (0..count)
        .map(|_| {
            let occurrence = random.below(end);
            ends.partition_point(|&end| end <= occurrence) as SongId
        })
        .collect()
}

fn in_form(form: usize, title: &str, artist: &str) -> String {
    match form {
        0 => title.to_owned(),
        1 => format!("{artist} - {title}"),
        2 => format!("{title} {artist}"),
        _ => format!("{title} by {artist}"),
    }
}

fn other(name: &str, changed: String) -> Option<String> {
    (changed != name).then_some(changed)
}

/// A title up to its first bracket, dash or `feat.`.
fn core(title: &str) -> &str {
    let ends = [" (", " [", " - ", " feat.", " ft."];
    let end = ends.iter().filter_map(|end| title.find(end)).min().unwrap_or(title.len());
    if end == 0 { title } else { title[..end].trim_end() }
}

/// Letters, digits and blanks in lower case, without accents where Latin-1 and its neighbours have them.
fn plain(name: &str) -> String {
    use unicode_normalization::UnicodeNormalization as _;
    let letters = name.nfd().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '/'));
    let spelt: String = letters.map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    spelt.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn squeezed(name: &str) -> String {
    plain(name).replace(' ', "")
}

/// Puts what `becomes` gives in the place of a letter, if there are enough for the name to be recognised.
fn slip(name: &str, random: &mut Random, becomes: fn(char, &mut Random) -> Vec<char>) -> Option<String> {
    let mut letters: Vec<char> = name.chars().collect();
    let places: Vec<usize> = (0..letters.len()).filter(|&at| letters[at].is_ascii_alphabetic()).collect();
    if places.len() < 3 {
        return None;
    }
    let at = places[random.below(places.len())];
    let becomes = becomes(letters[at], random);
    letters.splice(at..=at, becomes);
    Some(letters.into_iter().collect())
}

fn exchanged(name: &str, random: &mut Random) -> Option<String> {
    let mut letters: Vec<char> = name.chars().collect();
    let is_place = |&at: &usize| {
        let (left, right) = (letters[at], letters[at + 1]);
        left.is_ascii_alphabetic() && right.is_ascii_alphabetic() && !left.eq_ignore_ascii_case(&right)
    };
    let places: Vec<usize> = (0..letters.len().saturating_sub(1)).filter(is_place).collect();
    if letters.len() < 3 || places.is_empty() {
        return None;
    }
    let at = places[random.below(places.len())];
    letters.swap(at, at + 1);
    Some(letters.into_iter().collect())
}

fn without_blank(name: &str, random: &mut Random) -> Option<String> {
    let blanks: Vec<usize> = name.match_indices(' ').map(|(at, _)| at).collect();
    let at = *blanks.get(random.below(blanks.len().max(1)))?;
    Some(format!("{}{}", &name[..at], &name[at + 1..]))
}

fn any_slip(name: &str, random: &mut Random) -> Option<String> {
    SLIPS[random.below(5)].1(name, random)
}

fn two_slips(name: &str, random: &mut Random) -> Option<String> {
    let letters = name.chars().filter(char::is_ascii_alphabetic).count();
    let once = (letters >= 10).then(|| any_slip(name, random)).flatten()?;
    any_slip(&once, random)
}

/// A letter beside this one on the keyboard.
fn neighbour(letter: char, random: &mut Random) -> char {
    const ROWS: [&str; 3] = ["qwertyuiop", "asdfghjkl", "zxcvbnm"];
    let lower = letter.to_ascii_lowercase();
    let beside: Vec<char> = (ROWS.iter().enumerate())
        .filter_map(|(row, keys)| Some((row, keys.find(lower)?)))
        .flat_map(|(row, at)| {
            let key = |row: usize, at: usize| ROWS.get(row)?.chars().nth(at);
            let left = at.checked_sub(1).and_then(|at| key(row, at));
            [left, key(row, at + 1), row.checked_sub(1).and_then(|row| key(row, at)), key(row + 1, at)]
        })
        .flatten()
        .collect();
    let new = beside[random.below(beside.len())];
    if letter.is_ascii_uppercase() { new.to_ascii_uppercase() } else { new }
}
