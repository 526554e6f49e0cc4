//! Why a song was recommended, in words.

use client_lib::{Recommendation, Rule, Source};

use crate::{
    layout::Style,
    output::{clean, song_name},
    texts::Lang,
};

/// How far a reason goes on to the right where it does not fit into one line, in columns.
const INDENT: usize = 4;

/// A song and what spoke for it, the strongest first.
pub(crate) fn of_song(recommendation: &Recommendation, style: Style) -> String {
    let lang = style.lang;
    let mut reasons: Vec<String> = recommendation.rules.iter().map(|rule| in_words(rule, lang)).collect();
    if recommendation.source == Source::Popularity {
        let playlists = lang.playlists(recommendation.song.support_count);
        reasons.push(lang.only_popular(&playlists, &lang.percentage(recommendation.score)));
    } else if reasons.is_empty() {
        reasons.push(lang.no_rule_named());
    }
    let mut text = format!("{}\n", style.bold(&song_name(&recommendation.song)));
    for reason in reasons {
        text.push_str(&style.wrapped(&format!("  {reason}"), INDENT));
    }
    text
}

/// A rule in words; what it recommends is known.
pub(crate) fn in_words(rule: &Rule, lang: Lang) -> String {
    let antecedent = match rule.antecedent.as_slice() {
        [] => lang.song_by(&clean(&rule.antecedent_artist)),
        [song] => clean(&song.title).into_owned(),
        [songs @ .., last] => {
            let titles: Vec<_> = songs.iter().map(|song| clean(&song.title)).collect();
            lang.both(&titles.join(", "), &clean(&last.title))
        }
    };
    lang.rule_in_words(
        rule.support_count,
        rule.antecedent_count,
        &antecedent,
        &lang.percentage(rule.confidence),
        &lang.decimal(rule.lift, usize::from(rule.lift < 10.0)),
    )
}
