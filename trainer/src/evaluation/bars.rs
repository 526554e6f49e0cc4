use std::fmt;

use super::html::Escaped;

/// The size of a chart, of which the page makes what fits.
const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 170.0;
/// Where the bars stand, and where the highest ends.
const GROUND: f64 = 145.0;
const CEILING: f64 = 22.0;
const BAR_WIDTH: f64 = 36.0;
const BAR_GAP: f64 = 8.0;

/// A bar chart of a model and popularity as SVG, without a frame: each bar has its value above it.
pub(crate) struct Bars {
    /// What it shows, for those who do not see it.
    pub(crate) alternative: String,
    /// What the chart reaches up to at least.
    pub(crate) least_top: f64,
    /// The groups of bars from left to right: what is below, and the bars of the model and of popularity.
    pub(crate) groups: Vec<(String, [Bar; 2])>,
}

pub(crate) struct Bar {
    /// At least 0.
    pub(crate) value: f64,
    /// How far a line reaches above and below the value.
    pub(crate) margin: Option<f64>,
    pub(crate) written: String,
}

impl Bar {
    fn top(&self) -> f64 {
        self.value + self.margin.unwrap_or(0.0)
    }
}

impl fmt::Display for Bars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bars = self.groups.iter().flat_map(|(_, bars)| bars);
        let top = bars.map(Bar::top).fold(self.least_top, f64::max);
        let y = |value: f64| GROUND - (GROUND - CEILING) * if top > 0.0 { value / top } else { 0.0 };
        writeln!(
            f,
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            Escaped(&self.alternative)
        )?;
        for (position, (name, bars)) in self.groups.iter().enumerate() {
            let middle = WIDTH * (position as f64 + 0.5) / self.groups.len() as f64;
            for (bar, class, x) in [
                (&bars[0], "model-bar", middle - BAR_WIDTH - BAR_GAP / 2.0),
                (&bars[1], "popularity-bar", middle + BAR_GAP / 2.0),
            ] {
                let (bar_y, centre) = (y(bar.value), x + BAR_WIDTH / 2.0);
                writeln!(
                    f,
                    "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{bar_y:.1}\" width=\"{BAR_WIDTH}\" height=\"{:.1}\" rx=\"2\"/>",
                    GROUND - bar_y
                )?;
                if let Some(margin) = bar.margin {
                    let ends = [y(bar.top()), y((bar.value - margin).max(0.0))];
                    writeln!(
                        f,
                        "<line class=\"whisker\" x1=\"{centre:.1}\" x2=\"{centre:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>",
                        ends[0], ends[1]
                    )?;
                }
                writeln!(
                    f,
                    "<text class=\"value\" x=\"{centre:.1}\" y=\"{:.1}\">{}</text>",
                    y(bar.top()) - 6.0,
                    Escaped(&bar.written)
                )?;
            }
            writeln!(f, "<text x=\"{middle:.1}\" y=\"{:.1}\">{}</text>", GROUND + 17.0, Escaped(name))?;
        }
        writeln!(f, "<line x1=\"0\" x2=\"{WIDTH}\" y1=\"{GROUND}\" y2=\"{GROUND}\"/>\n</svg>")
    }
}
