//! The picture of a probe: latencies, failures and changes over time, as SVG.

use std::{collections::BTreeSet, fmt::Write as _, time::Duration};

use chrono::SecondsFormat;

use crate::{
    output::clean,
    probe::{
        record::{Outcome, Record},
        report::Run,
    },
    texts::Lang,
};

const WIDTH: f64 = 960.0;
/// The edges of the plot.
const LEFT: f64 = 72.0;
const RIGHT: f64 = WIDTH - 24.0;
const TOP: f64 = 84.0;
const BOTTOM: f64 = 350.0;
/// The baseline of the first line below it, and the distance of the next.
const LEGEND: f64 = BOTTOM + 58.0;
const LINE: f64 = 19.0;
/// How many replicas have a colour of their own; all others share the last one.
const COLOURS: usize = 6;
/// How many changes are told in words.
const CHANGES_IN_WORDS: usize = 12;

/// Both schemes are in the picture; what shows it chooses.
const STYLE: &str = "\
text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-size:16px;font-weight:600}.small{font-size:12px;fill:#57606a}\
.ground{fill:#fff}.grid{stroke:#d8dee4}.frame{fill:none;stroke:#8c959f}.dots{fill:none;stroke-width:4;stroke-linecap:round}\
.r0{stroke:#2f6fd0}.r1{stroke:#1f9466}.r2{stroke:#8d5fd0}.r3{stroke:#1b93a8}.r4{stroke:#a06a3f}.r5{stroke:#8c959f}\
.failed{fill:none;stroke:#d1242f;stroke-width:2}.shed{fill:none;stroke:#bf8700;stroke-width:2}.down{fill:#d1242f;fill-opacity:.16}\
.change{stroke:#24292f;stroke-width:1.5}.every{stroke:#24292f;stroke-width:1.5;stroke-dasharray:5 4}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9da7b3}.ground{fill:#0d1117}.grid{stroke:#2b323b}.frame{stroke:#6e7681}\
.r0{stroke:#6aa5ff}.r1{stroke:#4cc38a}.r2{stroke:#b893f5}.r3{stroke:#4fc6d8}.r4{stroke:#d39b6b}.r5{stroke:#8b949e}\
.failed{stroke:#ff6a69}.shed{stroke:#e3b341}.down{fill:#ff6a69;fill-opacity:.22}.change,.every{stroke:#e6edf3}}";

/// Draws all requests of a probe.
pub(crate) fn svg(run: &Run<'_>, record: &Record) -> String {
    let lang = run.lang;
    let axes = Axes::new(run, record);
    let changes = record.replicas.changes();
    let in_words = changes.len().min(CHANGES_IN_WORDS);
    let (legend, legend_end) = legend(record, lang);
    let list = legend_end + 10.0;
    let height = list + LINE * (in_words as f64 + 1.0);

    let mut svg = String::new();
    let title = title(run, record);
    let _ = write!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}">
<title>{title}</title>
<style>{STYLE}</style>
<rect class="ground" width="{WIDTH}" height="{height}"/>
<text class="title" x="{LEFT}" y="28">{title}</text>
<text class="small" x="{LEFT}" y="48">{subtitle}</text>
"#,
        title = escaped(&title),
        subtitle = escaped(&subtitle(run, record)),
    );
    for span in record.outages.spans() {
        let (begin, end) = (axes.x(span.begin), axes.x(span.end.unwrap_or(run.elapsed)));
        let width = (end - begin).max(1.0);
        let height = BOTTOM - TOP;
        let _ = writeln!(
            svg,
            r#"<rect class="down" x="{begin:.1}" y="{TOP}" width="{width:.1}" height="{height}"/>"#
        );
    }
    svg.push_str(&axes.drawn(lang));
    svg.push_str(&requests(&axes, record));
    for (index, change) in changes.iter().enumerate() {
        let x = axes.x(change.first);
        if let Some(every) = change.every {
            let x = axes.x(every);
            let _ = writeln!(svg, r#"<path class="every" d="M{x:.1} {TOP}V{BOTTOM}"/>"#);
        }
        let _ = writeln!(
            svg,
            r#"<path class="change" d="M{x:.1} {top}V{BOTTOM}"/><text x="{x:.1}" y="{y}" text-anchor="middle">{number}</text>"#,
            top = TOP - 4.0,
            y = TOP - 9.0,
            number = index + 1,
        );
    }
    svg.push_str(&legend);
    for (index, change) in changes.iter().take(in_words).enumerate() {
        let every = change.every.map_or_else(
            || lang.picture_not_every(),
            |every| lang.picture_every(&lang.decimal(every.as_secs_f64(), 2)),
        );
        let n_more = changes.len() - in_words;
        let mut text = lang.picture_change(
            index + 1,
            &change.served.version,
            &change.served.model_version,
            &lang.decimal(change.first.as_secs_f64(), 2),
            &change.first_by,
            &every,
        );
        if n_more > 0 && index + 1 == in_words {
            text.push_str(&lang.picture_more(n_more));
        }
        let y = list + LINE * (index as f64 + 1.0);
        let _ = writeln!(svg, r#"<text class="small" x="{LEFT}" y="{y}">{}</text>"#, escaped(&text));
    }
    svg.push_str("</svg>\n");
    svg
}

fn title(run: &Run<'_>, record: &Record) -> String {
    let lang = run.lang;
    let shed = if record.shed > 0 { lang.picture_shed(record.shed) } else { String::new() };
    let downtime = record.outages.downtime(run.elapsed).as_secs_f64();
    lang.picture_title(record.samples.len(), record.failed, &shed, &lang.decimal(downtime, 2))
}

fn subtitle(run: &Run<'_>, record: &Record) -> String {
    let lang = run.lang;
    let connections =
        if run.probe.new_connection { lang.connection_each() } else { lang.connections_that_stay() };
    lang.picture_subtitle(
        &run.addresses.join(", "),
        &lang.number(run.probe.rate),
        &connections,
        &record.started().to_rfc3339_opts(SecondsFormat::Secs, true),
    )
}

/// Where times and latencies lie.
struct Axes {
    seconds: f64,
    /// The powers of ten, of milliseconds, at the lower and the upper edge.
    low: i32,
    high: i32,
}

impl Axes {
    fn new(run: &Run<'_>, record: &Record) -> Self {
        let milliseconds = record.samples.iter().map(|sample| in_milliseconds(sample.latency));
        let (least, most) =
            milliseconds.fold((f64::INFINITY, 0.0_f64), |(least, most), one| (least.min(one), most.max(one)));
        let power = |value: f64| value.log10().floor().clamp(-2.0, 7.0) as i32;
        let low = if least.is_finite() { power(least) } else { 0 };
        Self { seconds: run.elapsed.as_secs_f64().max(0.001), low, high: power(most.max(0.01)).max(low) + 1 }
    }

    fn x(&self, at: Duration) -> f64 {
        LEFT + (RIGHT - LEFT) * (at.as_secs_f64() / self.seconds).min(1.0)
    }

    fn y(&self, latency: Duration) -> f64 {
        let (low, high) = (f64::from(self.low), f64::from(self.high));
        let height = (in_milliseconds(latency).log10() - low) / (high - low);
        BOTTOM - (BOTTOM - TOP) * height.clamp(0.0, 1.0)
    }

    fn drawn(&self, lang: Lang) -> String {
        let mut svg = String::new();
        for power in self.low..=self.high {
            let latency = Duration::from_secs_f64(10_f64.powi(power - 3));
            let y = self.y(latency);
            let label = match power {
                ..0 => format!("{} ms", lang.number(10_f64.powi(power))),
                0..3 => format!("{:.0} ms", 10_f64.powi(power)),
                3.. => format!("{:.0} s", 10_f64.powi(power - 3)),
            };
            let _ = writeln!(
                svg,
                r#"<path class="grid" d="M{LEFT} {y:.1}H{RIGHT}"/><text class="small" x="{x}" y="{y:.1}" dy="4" text-anchor="end">{label}</text>"#,
                x = LEFT - 8.0,
            );
        }
        let step = step(self.seconds);
        let digits = if step < 1.0 { 1 } else { 0 };
        for mark in 0..=(self.seconds / step) as u32 {
            let seconds = f64::from(mark) * step;
            let x = self.x(Duration::from_secs_f64(seconds));
            let seconds = lang.decimal(seconds, digits);
            let _ = writeln!(
                svg,
                r#"<path class="grid" d="M{x:.1} {TOP}V{BOTTOM}"/><text class="small" x="{x:.1}" y="{y}" text-anchor="middle">{seconds}</text>"#,
                y = BOTTOM + 17.0,
            );
        }
        let middle = (LEFT + RIGHT) / 2.0;
        let _ = writeln!(
            svg,
            r#"<rect class="frame" x="{LEFT}" y="{TOP}" width="{width}" height="{height}"/>
<text class="small" x="{middle}" y="{y}" text-anchor="middle">{time_axis}</text>
<text class="small" transform="translate(16 {centre}) rotate(-90)" text-anchor="middle">{latency_axis}</text>"#,
            width = RIGHT - LEFT,
            height = BOTTOM - TOP,
            y = BOTTOM + 34.0,
            centre = (TOP + BOTTOM) / 2.0,
            time_axis = lang.time_axis(),
            latency_axis = lang.latency_axis(),
        );
        svg
    }
}

/// A latency for a logarithmic axis.
fn in_milliseconds(latency: Duration) -> f64 {
    (latency.as_secs_f64() * 1e3).max(0.01)
}

/// 1, 2 or 5 times a power of ten, so that there are about ten marks.
fn step(seconds: f64) -> f64 {
    let least = (seconds / 12.0).max(0.1);
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0].map(|times| times * power).into_iter().find(|step| *step >= least).unwrap_or(10.0 * power)
}

fn requests(axes: &Axes, record: &Record) -> String {
    let mut answered = vec![BTreeSet::new(); COLOURS];
    let (mut failed, mut shed) = (BTreeSet::new(), BTreeSet::new());
    for sample in &record.samples {
        let marks = match sample.outcome {
            Outcome::Answered(replica) => &mut answered[replica.min(COLOURS - 1)],
            Outcome::Failed => &mut failed,
            Outcome::Shed => &mut shed,
        };
        // In halves of a unit: what falls on the same spot is drawn once.
        let halves = |at: f64| (at * 2.0).round() as i32;
        marks.insert((halves(axes.x(sample.due)), halves(axes.y(sample.latency))));
    }
    let path = |class: &str, marks: &BTreeSet<(i32, i32)>, mark: &str| {
        let mut path = String::new();
        if !marks.is_empty() {
            let _ = write!(path, r#"<path class="{class}" d=""#);
            for (x, y) in marks {
                let _ = write!(path, "M{} {}{mark}", f64::from(*x) / 2.0, f64::from(*y) / 2.0);
            }
            path.push_str("\"/>\n");
        }
        path
    };
    let mut svg = String::new();
    for (colour, marks) in answered.iter().enumerate() {
        svg.push_str(&path(&format!("dots r{colour}"), marks, DOT));
    }
    svg.push_str(&path("shed", &shed, TRIANGLE));
    svg.push_str(&path("failed", &failed, CROSS));
    svg
}

const DOT: &str = "h0";
const CROSS: &str = "m-4 -4l8 8m0 -8l-8 8";
const TRIANGLE: &str = "m0 -5l5 8h-10z";

/// What the marks mean, and the baseline of the last line of it.
fn legend(record: &Record, lang: Lang) -> (String, f64) {
    let names = record.names.iter().take(COLOURS).enumerate().map(|(index, name)| {
        let is_shared = index + 1 == COLOURS && record.names.len() > COLOURS;
        let name = if is_shared { lang.other_replicas() } else { clean(name).into_owned() };
        (format!("dots r{index}"), DOT, name)
    });
    let mut entries: Vec<_> = names.collect();
    if record.failed > 0 {
        entries.push(("failed".to_owned(), CROSS, lang.mark_failed()));
    }
    if record.shed > 0 {
        entries.push(("shed".to_owned(), TRIANGLE, lang.mark_shed()));
    }
    if !record.outages.spans().is_empty() {
        entries.push(("down".to_owned(), "m-5 -6h10v12h-10z", lang.mark_down()));
    }
    if !record.replicas.changes().is_empty() {
        entries.push(("change".to_owned(), "m0 -7v14", lang.mark_change()));
        entries.push(("every".to_owned(), "m0 -7v14", lang.mark_every()));
    }
    let mut svg = String::new();
    let (mut x, mut y) = (LEFT + 6.0, LEGEND);
    for (class, mark, name) in entries {
        // Nothing measures text here: so much room that any letters fit.
        let width = name.chars().count() as f64 * 7.0 + 32.0;
        if x + width > RIGHT && x > LEFT + 6.0 {
            (x, y) = (LEFT + 6.0, y + LINE);
        }
        let _ = writeln!(
            svg,
            r#"<path class="{class}" d="M{x:.1} {middle}{mark}"/><text class="small" x="{after:.1}" y="{y}">{name}</text>"#,
            middle = y - 4.0,
            after = x + 10.0,
            name = escaped(&name),
        );
        x += width;
    }
    (svg, y)
}

/// Text of the other side, which XML would take for something else.
fn escaped(text: &str) -> String {
    clean(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_on_the_time_axis_are_round_numbers() {
        for (seconds, expected) in [(0.5, 0.1), (10.0, 1.0), (60.0, 5.0), (120.0, 10.0), (86_400.0, 10_000.0)]
        {
            assert!((step(seconds) - expected).abs() < 1e-9, "{seconds}: {}", step(seconds));
        }
    }

    #[test]
    fn names_of_the_other_side_stay_text() {
        assert_eq!(escaped("<a href=\"x\">&\u{1b}"), "&lt;a href=&quot;x&quot;&gt;&amp;\u{fffd}");
    }
}
