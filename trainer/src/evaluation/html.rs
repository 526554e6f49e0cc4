use std::fmt::{self, Display, Write as _};

use super::{
    bars::{Bar, Bars},
    report::EvaluationReport,
    table::{Compared, Form, METRICS, Metric},
};
use crate::summary::number;

/// Both themes have the same two colours for the same two things, at a contrast of at least 3 to 1 to what is behind them.
const STYLE: &str = "\
:root { color-scheme: light dark; --back: #fff; --text: #1c2430; --quiet: #5c6675; --line: #d8dde5; --model: #2563c9; --popularity: #8a93a1; }
@media (prefers-color-scheme: dark) {
  :root { --back: #14181f; --text: #e4e8ee; --quiet: #9aa5b5; --line: #323a47; --model: #6ea4f5; --popularity: #7b8595; }
}
body { background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .25rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p, figcaption, dt { color: var(--quiet); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 1rem 0; }
dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; white-space: nowrap; }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
th[scope=row] { text-align: left; }
th[colspan] { text-align: center; }
th:nth-child(3n+2):not([colspan]), td:nth-child(3n+2), th[colspan] { border-left: 1px solid var(--line); }
thead tr + tr th, .gain, .count td { color: var(--quiet); font-weight: 400; }
td.model { font-weight: 600; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); gap: 1.5rem; }
figure { margin: 0; }
figcaption { font-size: .85rem; }
figcaption b { display: block; color: var(--text); font-size: 1rem; }
svg { width: 100%; height: auto; }
svg text { font: 12px system-ui, sans-serif; fill: var(--quiet); text-anchor: middle; }
svg .value { fill: var(--text); }
svg line { stroke: var(--line); }
svg .whisker { stroke: var(--text); stroke-width: 1.5; }
.model-bar { fill: var(--model); }
.popularity-bar { fill: var(--popularity); }
.scroll + p { font-size: .85rem; }
.key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin: 0 .3em 0 .8em; vertical-align: -.05em; }
.key:first-child { margin-left: 0; }
";

/// A page that needs nothing but itself.
pub(crate) struct Html<'r>(pub(crate) &'r EvaluationReport);

impl Display for Html<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        let compared = Compared::all(&report.evaluation);
        let title = format!("Evaluation of {}", file_name(&report.dataset.location));
        let title = Escaped(&title);
        writeln!(f, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">")?;
        writeln!(f, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")?;
        writeln!(f, "<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>")?;
        writeln!(
            f,
            "<p>A twin of the model was trained without {} held-out playlists, was given 1, 5 or 25 songs of each as seeds, and had to find the \
             others. Popularity recommends the most common songs to everybody.</p>",
            number(report.evaluation.held_out_playlists.into()),
        )?;
        facts(f, report)?;
        if compared.is_empty() {
            writeln!(f, "<p>No playlist was held out, for all are short or there are too few.</p>")?;
        } else {
            table(f, &compared)?;
            charts(f, &compared)?;
        }
        writeln!(f, "</body>\n</html>")
    }
}

/// The last part of a path or URL.
fn file_name(location: &str) -> &str {
    location.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or(location)
}

fn facts(f: &mut fmt::Formatter<'_>, report: &EvaluationReport) -> fmt::Result {
    let EvaluationReport { evaluated_at, trainer, dataset, parameters, evaluation } = report;
    let all_or = |limit: Option<u32>| limit.map_or("any number of".to_owned(), |limit| number(limit.into()));
    let facts: [(&str, String); 6] = [
        ("dataset", dataset.location.clone()),
        (
            "contents",
            format!(
                "{} playlists, {} songs by {} artists, {} rows ({} skipped)",
                number(dataset.playlists.into()),
                number(dataset.songs.into()),
                number(dataset.artists.into()),
                number(dataset.rows),
                number(dataset.skipped_rows),
            ),
        ),
        ("SHA-256", dataset.sha256.clone()),
        (
            "parameters",
            format!(
                "item key {}, support {} ({} playlists), confidence {}, itemsets of {} songs, pairs in {} playlists, {} rules per song",
                parameters.item_key,
                parameters.min_support,
                number(parameters.min_support_count.into()),
                parameters.min_confidence,
                all_or(parameters.max_length),
                number(parameters.min_pair_count.into()),
                all_or(parameters.max_rules_per_song),
            ),
        ),
        (
            "held out",
            format!(
                "{} playlists to measure with, {} to fit with",
                number(evaluation.held_out_playlists.into()),
                number(evaluation.validation_playlists.into()),
            ),
        ),
        (
            "evaluated",
            format!(
                "{} by trainer {} ({})",
                evaluated_at.format("%Y-%m-%d %H:%M UTC"),
                trainer.version,
                trainer.revision
            ),
        ),
    ];
    writeln!(f, "<dl>")?;
    for (name, fact) in facts {
        writeln!(f, "<dt>{name}</dt><dd>{}</dd>", Escaped(&fact))?;
    }
    writeln!(f, "</dl>")
}

fn table(f: &mut fmt::Formatter<'_>, compared: &[Compared<'_>]) -> fmt::Result {
    write!(f, "<h2>Figures</h2>\n<div class=\"scroll\">\n<table>\n<thead>\n<tr><td></td>")?;
    for both in compared {
        write!(f, "<th colspan=\"3\" scope=\"colgroup\">{}</th>", both.seeds())?;
    }
    write!(f, "</tr>\n<tr><td></td>")?;
    for _ in compared {
        write!(
            f,
            "<th scope=\"col\">model</th><th scope=\"col\">popularity</th><th scope=\"col\">gain</th>"
        )?;
    }
    writeln!(f, "</tr>\n</thead>\n<tbody>")?;
    for metric in &METRICS {
        write!(f, "<tr><th scope=\"row\" title=\"{}\">{}</th>", Escaped(metric.meaning), metric.name)?;
        for both in compared {
            let [model, popularity] = [both.model, both.popularity].map(metric.of);
            write!(
                f,
                "<td class=\"model\">{}</td><td>{}</td><td class=\"gain\">{}</td>",
                metric.written(model),
                metric.written(popularity),
                metric.gain(model, popularity),
            )?;
        }
        writeln!(f, "</tr>")?;
    }
    write!(f, "<tr class=\"count\"><th scope=\"row\">playlists</th>")?;
    for both in compared {
        write!(f, "<td>{}</td><td></td><td></td>", number(both.model.r_precisions.playlists() as u64))?;
    }
    writeln!(
        f,
        "</tr>\n</tbody>\n</table>\n</div>\n<p>Fewer clicks are better. Answered are the playlists for which a rule had something to say; \
         popularity has no rules.</p>"
    )
}

fn charts(f: &mut fmt::Formatter<'_>, compared: &[Compared<'_>]) -> fmt::Result {
    writeln!(
        f,
        "<h2>By number of seeds</h2>\n<p><span class=\"key\" style=\"background: var(--model)\"></span>model\
         <span class=\"key\" style=\"background: var(--popularity)\"></span>popularity. \
         Lines on bars of the R-precision are 95 % intervals.</p>\n<div class=\"charts\">"
    )?;
    // What is answered from rules is mostly all for the model, and nothing for popularity.
    for metric in &METRICS[..METRICS.len() - 1] {
        let bars = bars(metric, compared);
        writeln!(
            f,
            "<figure>\n<figcaption><b>{}</b>{}</figcaption>\n{bars}</figure>",
            metric.name,
            Escaped(metric.meaning)
        )?;
    }
    writeln!(f, "</div>")
}

/// A metric as bars, those of a number of seeds beside each other.
fn bars(metric: &Metric, compared: &[Compared<'_>]) -> Bars {
    let is_r_precision = metric.name == METRICS[0].name;
    let bar = |figures: &model::EvaluationFigures| {
        let value = (metric.of)(figures);
        Bar {
            value,
            margin: is_r_precision.then(|| margin(figures)).flatten(),
            written: metric.written(value),
        }
    };
    let mut alternative = metric.name.to_owned();
    for both in compared {
        let [model, popularity] = [both.model, both.popularity].map(metric.of);
        let (model, popularity) = (metric.written(model), metric.written(popularity));
        let _ = write!(alternative, "; {}: model {model}, popularity {popularity}", both.seeds());
    }
    Bars {
        alternative,
        least_top: if metric.form == Form::Clicks { 1.0 } else { 0.0 },
        groups: compared.iter().map(|both| (both.seeds(), [bar(both.model), bar(both.popularity)])).collect(),
    }
}

/// Half of the width of the mean's 95 % interval; `None` for fewer than two playlists.
fn margin(figures: &model::EvaluationFigures) -> Option<f64> {
    let values: Vec<f64> = figures.r_precisions.iter().flatten().collect();
    let (count, mean) = (values.len() as f64, values.iter().sum::<f64>() / values.len() as f64);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| 1.96 * (squares / (count - 1.0) / count).sqrt())
}

/// A text in HTML, in an attribute or outside.
pub(crate) struct Escaped<'t>(pub(crate) &'t str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            _ => f.write_char(c),
        })
    }
}
