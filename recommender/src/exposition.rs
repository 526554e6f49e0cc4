//! In which of Prometheus' text formats metrics are sent.

use http::{HeaderMap, header};

/// The format that the registry writes.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The older format, which everything reads that reads metrics, people in browsers among them.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// No metrics at all.
pub(crate) const PLAIN_TEXT: &str = "text/plain; charset=utf-8";

/// The content type and the text for a client that sent `headers`: OpenMetrics if it asks for that.
pub(crate) fn negotiate(headers: &HeaderMap, openmetrics: String) -> (&'static str, String) {
    let asks_for_openmetrics = headers
        .get_all(header::ACCEPT)
        .iter()
        .any(|accept| accept.to_str().is_ok_and(|accept| accept.contains("application/openmetrics-text")));
    if asks_for_openmetrics { (OPENMETRICS, openmetrics) } else { (TEXT_FORMAT, text_format(&openmetrics)) }
}

/// The same metrics in the text format 0.0.4. It describes a counter under the name of its samples, `_total` included, knows
/// no info metrics, which are gauges there, and has no end mark.
fn text_format(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len() + 1024);
    // HELP comes before TYPE, which tells what both are about.
    let mut help = "";
    for line in openmetrics.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest;
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or((rest, "untyped"));
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                kind => ("", kind),
            };
            if let Some(help) = help.strip_prefix(name) {
                text.extend(["# HELP ", name, suffix, help, "\n"]);
            }
            text.extend(["# TYPE ", name, suffix, " ", kind, "\n"]);
        } else if line != "# EOF" && !line.starts_with("# UNIT ") {
            text.extend([line, "\n"]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_format_describes_counters_and_infos_under_the_names_of_their_samples() {
        let openmetrics = "# HELP a Calls.\n# TYPE a counter\na_total{code=\"OK\"} 1\n\
            # HELP b A build.\n# TYPE b info\nb_info{version=\"1\"} 1\n\
            # HELP c_seconds Time.\n# TYPE c_seconds gauge\n# UNIT c_seconds seconds\nc_seconds 0.5\n# EOF\n";
        let expected = "# HELP a_total Calls.\n# TYPE a_total counter\na_total{code=\"OK\"} 1\n\
            # HELP b_info A build.\n# TYPE b_info gauge\nb_info{version=\"1\"} 1\n\
            # HELP c_seconds Time.\n# TYPE c_seconds gauge\nc_seconds 0.5\n";
        assert_eq!(text_format(openmetrics), expected);
    }
}
