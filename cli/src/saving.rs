//! An answer in a file: a playlist for players, a table for spreadsheets, or JSON for programs.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use client_lib::{RecommendResponse, Recommendation, Source};

use crate::output::{clean, escape_controls, song_name};

/// The format of a file, which the end of its name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Extended M3U in UTF-8.
    M3u8,
    /// RFC 4180, with a head.
    Csv,
    /// The answer in the names of the contract.
    Json,
}

impl Format {
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        let (stem, extension) = name.rsplit_once('.')?;
        if stem.is_empty() || stem.ends_with(std::path::is_separator) {
            return None;
        }
        match extension.to_ascii_lowercase().as_str() {
            "m3u8" => Some(Self::M3u8),
            "csv" => Some(Self::Csv),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// The path that a person means by `name`: no shell stands between them and the prompt to know `~/`.
pub(crate) fn path(name: &str, home: Option<&Path>) -> PathBuf {
    match (name.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(name),
    }
}

/// Writes the answer into a file that was not there before. A file that cannot be written to its end is removed.
pub(crate) fn save(answer: &RecommendResponse, path: &Path, format: Format) -> io::Result<()> {
    let file = File::create_new(path)?;
    let mut out = BufWriter::new(file);
    let written = write(answer, format, &mut out).and_then(|()| out.flush());
    if written.is_err() {
        // What is half written is of no use to anybody; why it could not be written tells more than that it stays.
        let _ = fs::remove_file(path);
    }
    written
}

/// The songs that a player cannot be told of.
pub(crate) fn without_uri(answer: &RecommendResponse) -> usize {
    answer.songs.iter().filter(|recommendation| uri(recommendation).is_none()).count()
}

fn write(answer: &RecommendResponse, format: Format, out: &mut impl Write) -> io::Result<()> {
    match format {
        Format::M3u8 => m3u8(answer, out),
        Format::Csv => csv(answer, out),
        Format::Json => json(answer, out),
    }
}

/// A song is the line `#EXTINF` with its name, its length not being known, and a line with its URI.
fn m3u8(answer: &RecommendResponse, out: &mut impl Write) -> io::Result<()> {
    let seeds: Vec<_> = answer.seeds.iter().map(|matched| clean(&matched.seed)).collect();
    writeln!(out, "#EXTM3U\n#PLAYLIST:{}", seeds.join(", "))?;
    for recommendation in &answer.songs {
        let name = song_name(&recommendation.song);
        match uri(recommendation) {
            Some(uri) => writeln!(out, "#EXTINF:-1,{name}\n{uri}")?,
            // With `#EXTINF` it would be taken for the name of the next one.
            None => writeln!(out, "# {name}")?,
        }
    }
    Ok(())
}

/// The track URI, if it is one that a line of a playlist can be.
fn uri(recommendation: &Recommendation) -> Option<&str> {
    let uri = recommendation.song.uri.as_str();
    let is_one_word = !uri.contains(|c: char| c.is_control() || c.is_whitespace());
    Some(uri).filter(|uri| !uri.is_empty() && !uri.starts_with('#') && is_one_word)
}

fn csv(answer: &RecommendResponse, out: &mut impl Write) -> io::Result<()> {
    let mut table = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    table.write_record(["position", "title", "artist", "uri", "support_count", "score", "source"])?;
    for (index, Recommendation { song, score, source, .. }) in answer.songs.iter().enumerate() {
        table.write_record([
            (index + 1).to_string(),
            no_formula(&song.title),
            no_formula(&song.artist),
            no_formula(&song.uri),
            song.support_count.to_string(),
            score.to_string(),
            name(*source)?,
        ])?;
    }
    table.flush()
}

/// Text that no spreadsheet calculates: one that could be a formula has an apostrophe before it, as OWASP advises.
fn no_formula(text: &str) -> String {
    let text = clean(text);
    if text.starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']) {
        format!("'{text}")
    } else {
        text.into_owned()
    }
}

/// The name that the contract gives a source.
fn name(source: Source) -> io::Result<String> {
    match serde_json::to_value(source)? {
        serde_json::Value::String(name) => Ok(name),
        value => Err(io::Error::other(format!("{value} is not the name of a source"))),
    }
}

fn json(answer: &RecommendResponse, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}", escape_controls(&serde_json::to_string_pretty(answer)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_name_tells_the_format() {
        assert_eq!(Format::of_name("party.m3u8"), Some(Format::M3u8));
        assert_eq!(Format::of_name("~/my songs/Party.CSV"), Some(Format::Csv));
        assert_eq!(Format::of_name("a.b.json"), Some(Format::Json));
        for name in ["party", "party.m3u", "party.txt", ".json", "folder/.csv", "csv", "party."] {
            assert_eq!(Format::of_name(name), None, "{name}");
        }
    }

    #[test]
    fn the_home_directory_is_known_by_its_sign() {
        let home = Path::new("/home/a");
        assert_eq!(path("~/party.csv", Some(home)), Path::new("/home/a/party.csv"));
        assert_eq!(path("~b/party.csv", Some(home)), Path::new("~b/party.csv"));
        assert_eq!(path("party.csv", Some(home)), Path::new("party.csv"));
        assert_eq!(path("~/party.csv", None), Path::new("~/party.csv"));
    }

    #[test]
    fn a_cell_that_a_spreadsheet_would_calculate_is_marked_as_text() {
        assert_eq!(no_formula("=HYPERLINK(\"http://example.org\")"), "'=HYPERLINK(\"http://example.org\")");
        assert_eq!(no_formula("+44"), "'+44");
        assert_eq!(no_formula("@ My Worst"), "'@ My Worst");
        assert_eq!(no_formula("-"), "'-");
        assert_eq!(no_formula("1985"), "1985");
        assert_eq!(no_formula("Don't Stop -"), "Don't Stop -");
    }
}
