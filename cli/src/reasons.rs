//! Why a song was recommended, in words.

use std::fmt::Write as _;

use client_lib::{Recommendation, Rule, Source};

use crate::output::{Style, clean, song_name};

/// A song and what spoke for it, the strongest first.
pub(crate) fn of_song(recommendation: &Recommendation, style: Style) -> String {
    let mut text = format!("{}\n", style.bold(&song_name(&recommendation.song)));
    for rule in &recommendation.rules {
        let _ = writeln!(text, "  {}", in_words(rule));
    }
    if recommendation.source == Source::Popularity {
        let _ = writeln!(
            text,
            "  no rule spoke for it; it is popular: in {}, {} of all",
            counted_playlists(recommendation.song.support_count),
            percentage(recommendation.score)
        );
    } else if recommendation.rules.is_empty() {
        text.push_str("  the service names no rule\n");
    }
    text
}

/// A rule in words; what it recommends is known.
pub(crate) fn in_words(rule: &Rule) -> String {
    let antecedent = match rule.antecedent.as_slice() {
        [] => format!("a song by {}", clean(&rule.antecedent_artist)),
        [song] => clean(&song.title).into_owned(),
        [songs @ .., last] => {
            let titles: Vec<_> = songs.iter().map(|song| clean(&song.title)).collect();
            format!("{} and {}", titles.join(", "), clean(&last.title))
        }
    };
    let lift = if rule.lift < 10.0 { format!("{:.1}", rule.lift) } else { format!("{:.0}", rule.lift) };
    format!(
        "in {} of the {} playlists with {antecedent} (confidence {}, {lift} times as often as anywhere)",
        rule.support_count,
        rule.antecedent_count,
        percentage(rule.confidence)
    )
}

fn counted_playlists(n_playlists: u32) -> String {
    if n_playlists == 1 { "1 playlist".to_owned() } else { format!("{n_playlists} playlists") }
}

/// A share as people read it: `54 %`, `0.3 %`.
fn percentage(share: f64) -> String {
    let percent = share * 100.0;
    if percent < 9.95 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}
