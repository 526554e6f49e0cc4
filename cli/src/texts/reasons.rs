//! How songs were understood, and why others were recommended.

use super::{Lang, texts};

texts! {
    // Beside a song.
    source_artist(): "(artist)" | "(artista)";
    source_popularity(): "(popular)" | "(popular)";

    // Seeds.
    taken_for_alike(seed: &str, song: &str, percent: f64):
        "`{seed}` was taken for {song} ({percent:.0} % alike)"
        | "`{seed}` foi entendida como {song} ({percent:.0} % igual)";
    taken_for(seed: &str, song: &str):
        "`{seed}` was taken for {song}" | "`{seed}` foi entendida como {song}";
    not_known(seed: &str):
        "the model does not know `{seed}`" | "o modelo não conhece `{seed}`";
    did_you_mean_one(): "did you mean" | "você quis dizer";
    how_to_choose():
        "(`?1` takes the first one instead, `?2` the second, ...)"
        | "(`?1` aceita a primeira no lugar, `?2` a segunda, ...)";
    excluded(line: &str): "excluded: {line}" | "excluída: {line}";
    no_song_found(): "no song was found" | "nenhuma música foi encontrada";

    // Reasons.
    only_popular(playlists: &str, share: &str):
        "no rule spoke for it; it is popular: in {playlists}, {share} of all"
        | "nenhuma regra falou a favor dela; ela é popular: está em {playlists}, {share} de todas";
    no_rule_named():
        "the service names no rule" | "o serviço não diz nenhuma regra";
    song_by(artist: &str):
        "a song by {artist}" | "uma música de {artist}";
    both(first: &str, last: &str):
        "{first} and {last}" | "{first} e {last}";
    rule_in_words(both: u32, all: u32, antecedent: &str, confidence: &str, lift: &str):
        "in {both} of the {all} playlists with {antecedent} (confidence {confidence}, {lift} times as often as anywhere)"
        | "em {both} das {all} playlists com {antecedent} (confiança {confidence}, {lift} vezes a frequência geral)";
    head_title(): "Title" | "Título";
    head_artist(): "Artist" | "Artista";
    head_playlists(): "Playlists" | "Playlists";
}

impl Lang {
    /// `1 playlist`, `2 playlists`, which is the same word in both languages.
    pub(crate) fn playlists(self, playlists: u32) -> String {
        if playlists == 1 { "1 playlist".to_owned() } else { format!("{playlists} playlists") }
    }

    /// A share as people read it: `54 %`, `0.3 %`; in Portuguese with a comma.
    pub(crate) fn percentage(self, share: f64) -> String {
        let percent = share * 100.0;
        let digits = usize::from(percent < 9.95);
        format!("{} %", self.decimal(percent, digits))
    }

    /// A number with so many digits after the point, or the comma.
    pub(crate) fn decimal(self, number: f64, digits: usize) -> String {
        self.with_comma(format!("{number:.digits$}"))
    }

    /// A number with as many digits as it needs.
    pub(crate) fn number(self, number: f64) -> String {
        self.with_comma(number.to_string())
    }

    fn with_comma(self, number: String) -> String {
        match self {
            Self::English => number,
            Self::Portuguese => number.replace('.', ","),
        }
    }
}
