//! The alerts and the dashboard of `k8s/components/monitoring` ask for what a server really tells, and `docs/operations.md` explains it.
#![cfg(test)]

mod service_support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use promql_parser::{
    label::{Labels, MatchOp, Matcher},
    parser::{self, Expr, LabelModifier},
};
use proto::v1::{SearchSongsRequest, WatchModelRequest};
use serde_json::Value;
use service_support::{TestServer, TestVolume, seeds};
use yaml_rust2::{Yaml, YamlLoader};

/// What Prometheus adds to every metric of a pod that it scrapes through a PodMonitor.
const TARGET_LABELS: [&str; 6] = ["namespace", "pod", "container", "job", "instance", "endpoint"];

/// Metrics with their labels that this server does not tell, and why not.
const ELSEWHERE: [(&str, &[&str]); 2] = [
    // Prometheus tells it.
    ("up", &[]),
    // Only where calls are served with TLS.
    ("recommender_tls_certificate_expiry_timestamp_seconds", &[]),
];

/// The status codes of gRPC; a server tells those that calls have ended with.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// The labels of each metric, with the values that were seen.
type Metrics = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

fn file(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All metrics of a server that has a model and has been called in every way.
async fn told_by_a_server() -> Metrics {
    let volume = TestVolume::new();
    volume.publish(1);
    let server = TestServer::start_ready(&volume).await;
    let mut client = server.client().await;
    client.recommend(seeds(["DNA.", "qqqqqqqq"])).await.unwrap();
    client.search_songs(SearchSongsRequest::default()).await.unwrap();
    client.watch_model(WatchModelRequest {}).await.unwrap();
    server.model_info().await;
    let mut metrics = Metrics::new();
    for line in server.get("/metrics").await.lines().filter(|line| !line.starts_with('#')) {
        let (series, _value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let known = metrics.entry(name.to_owned()).or_default();
        // No value of ours has a comma or a quote.
        for label in labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty()) {
            let (label, value) = label.split_once('=').unwrap();
            known.entry(label.to_owned()).or_default().insert(value.trim_matches('"').to_owned());
        }
    }
    metrics
}

/// What is known, for checking queries against.
struct Checker {
    metrics: Metrics,
}

impl Checker {
    async fn new() -> Self {
        let mut metrics = told_by_a_server().await;
        for (name, labels) in ELSEWHERE {
            let labels = labels.iter().map(|label| ((*label).to_owned(), BTreeSet::new())).collect();
            metrics.entry(name.to_owned()).or_insert(labels);
        }
        let codes = metrics.get_mut("recommender_requests_total").unwrap().get_mut("code").unwrap();
        codes.extend(CODES.map(str::to_owned));
        Checker { metrics }
    }

    /// Checks a query, and returns the labels that its result has.
    fn check(&self, query: &str) -> Result<BTreeSet<String>, String> {
        let query = query.replace("$__rate_interval", "5m");
        let expression = parser::parse(&query).map_err(|error| format!("{query}: {error}"))?;
        let labels = self.labels(&expression).map_err(|error| format!("{query}: {error}"))?;
        Ok(labels.unwrap_or_default())
    }

    /// The labels of an expression's result; `None` of a number or a text, which have none.
    fn labels(&self, expression: &Expr) -> Result<Option<BTreeSet<String>>, String> {
        match expression {
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) => Ok(None),
            Expr::Paren(inner) => self.labels(&inner.expr),
            Expr::Unary(inner) => self.labels(&inner.expr),
            Expr::Subquery(inner) => self.labels(&inner.expr),
            Expr::MatrixSelector(matrix) => self.labels(&Expr::VectorSelector(matrix.vs.clone())),
            Expr::VectorSelector(selector) => {
                let name = selector.name.as_deref().ok_or("a metric without a name")?;
                let metric = self.metrics.get(name).ok_or(format!("there is no metric {name}"))?;
                let alternatives = selector.matchers.or_matchers.iter().flatten();
                for matcher in selector.matchers.matchers.iter().chain(alternatives) {
                    check_matcher(name, metric, matcher)?;
                }
                let own = metric.keys().cloned();
                Ok(Some(own.chain(TARGET_LABELS.map(str::to_owned)).collect()))
            }
            Expr::Aggregate(aggregate) => {
                let inner = self.labels(&aggregate.expr)?.ok_or("a number cannot be aggregated")?;
                match &aggregate.modifier {
                    None => Ok(Some(BTreeSet::new())),
                    Some(modifier) => {
                        let named = named_labels(modifier.labels(), &inner)?;
                        Ok(Some(match modifier {
                            LabelModifier::Include(_) => named,
                            LabelModifier::Exclude(_) => &inner - &named,
                        }))
                    }
                }
            }
            Expr::Binary(binary) => {
                let (left, right) = (self.labels(&binary.lhs)?, self.labels(&binary.rhs)?);
                let (left, right) = match (left, right) {
                    (Some(left), Some(right)) => (left, right),
                    (one, other) => return Ok(one.or(other)),
                };
                let matching = binary.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref());
                match matching {
                    Some(modifier) => {
                        named_labels(modifier.labels(), &left)?;
                        named_labels(modifier.labels(), &right)?;
                    }
                    // Otherwise no series of one side has the labels of one of the other side.
                    None if left != right => return Err(format!("{left:?} never matches {right:?}")),
                    None => {}
                }
                Ok(Some(left))
            }
            Expr::Call(call) => {
                let mut labels = None;
                for argument in &call.args.args {
                    labels = self.labels(argument)?.or(labels);
                }
                match call.func.name {
                    "histogram_quantile" => {
                        let mut labels = labels.ok_or("a quantile of a number")?;
                        labels.remove("le").then_some(Some(labels)).ok_or("a quantile needs `le`".to_owned())
                    }
                    "absent" => Ok(Some(BTreeSet::new())),
                    _ => Ok(labels),
                }
            }
            Expr::Extension(_) => Err("an extension of the parser".to_owned()),
        }
    }
}

/// Those of `labels` that stand in a query, all of which must be `known`.
fn named_labels(labels: &Labels, known: &BTreeSet<String>) -> Result<BTreeSet<String>, String> {
    match labels.labels.iter().find(|label| !known.contains(*label)) {
        Some(label) => Err(format!("there is no label {label} in {known:?}")),
        None => Ok(labels.labels.iter().cloned().collect()),
    }
}

fn check_matcher(
    name: &str,
    metric: &BTreeMap<String, BTreeSet<String>>,
    matcher: &Matcher,
) -> Result<(), String> {
    if TARGET_LABELS.contains(&&*matcher.name) {
        return Ok(());
    }
    let Some(values) = metric.get(&matcher.name) else {
        return Err(format!("{name} has no label {}", matcher.name));
    };
    // A metric that is told elsewhere has values that are not known here.
    let is_known = |pattern: &str| {
        values.is_empty()
            || values.iter().any(|value| match &matcher.op {
                MatchOp::Equal | MatchOp::NotEqual => value == pattern,
                MatchOp::Re(_) | MatchOp::NotRe(_) => {
                    Matcher::new_matcher(parser::token::T_EQL_REGEX, matcher.name.clone(), pattern.to_owned())
                        .is_ok_and(|matcher| matcher.is_match(value))
                }
            })
    };
    // Each alternative of a pattern has to match something.
    let patterns: Vec<&str> = match matcher.op {
        MatchOp::Equal | MatchOp::NotEqual => vec![&matcher.value],
        MatchOp::Re(_) | MatchOp::NotRe(_) => matcher.value.split('|').collect(),
    };
    match patterns.iter().find(|pattern| !is_known(pattern)) {
        Some(pattern) => Err(format!("no {} of {name} is {pattern}: {values:?}", matcher.name)),
        None => Ok(()),
    }
}

/// The texts between `begin` and a character that cannot be in a label.
fn labels_after<'t>(text: &'t str, begin: &str) -> Vec<&'t str> {
    let is_end = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    text.split(begin).skip(1).map(|rest| rest.split(is_end).next().unwrap_or_default()).collect()
}

/// Name and fields of each alert.
fn alerts() -> Vec<(String, Yaml)> {
    let rules =
        YamlLoader::load_from_str(&file("k8s/components/monitoring/prometheusrule.yaml")).unwrap().remove(0);
    let groups = rules["spec"]["groups"].as_vec().unwrap();
    let rules = groups.iter().flat_map(|group| group["rules"].as_vec().unwrap());
    rules.map(|rule| (rule["alert"].as_str().unwrap().to_owned(), rule.clone())).collect()
}

fn dashboard() -> Value {
    serde_json::from_str(&file("k8s/components/monitoring/dashboard.json")).unwrap()
}

#[tokio::test]
async fn alerts_ask_for_metrics_and_labels_that_a_server_tells() {
    let checker = Checker::new().await;
    let alerts = alerts();
    assert!(!alerts.is_empty());
    for (name, alert) in &alerts {
        let query = alert["expr"].as_str().unwrap();
        let labels = checker.check(query).unwrap_or_else(|error| panic!("{name}: {error}"));
        for annotation in ["summary", "description"] {
            let text = alert["annotations"][annotation]
                .as_str()
                .unwrap_or_else(|| panic!("{name}: no {annotation}"));
            for label in labels_after(text, "$labels.") {
                assert!(
                    labels.contains(label),
                    "{name}: the {annotation} shows {label}, the query has {labels:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn the_dashboard_asks_for_metrics_and_labels_that_a_server_tells() {
    let checker = Checker::new().await;
    let dashboard = dashboard();
    let mut queries = 0;
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let title = &panel["title"];
            let query = target["expr"].as_str().unwrap();
            let labels = checker.check(query).unwrap_or_else(|error| panic!("{title}: {error}"));
            for label in labels_after(target["legendFormat"].as_str().unwrap(), "{{") {
                assert!(
                    labels.contains(label),
                    "{title}: the legend shows {label}, the query has {labels:?}"
                );
            }
            queries += 1;
        }
    }
    assert!(queries > 0);
    for annotation in dashboard["annotations"]["list"].as_array().unwrap() {
        checker.check(annotation["expr"].as_str().unwrap()).unwrap();
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        if let Some(query) = variable["query"]["query"].as_str() {
            let arguments = query.strip_prefix("label_values(").and_then(|it| it.strip_suffix(')')).unwrap();
            let (metric, label) = arguments.rsplit_once(", ").unwrap();
            assert!(checker.check(metric).unwrap().contains(label), "{query}");
        }
    }
}

#[tokio::test]
async fn whatever_is_misspelt_in_a_query_is_found() {
    let checker = Checker::new().await;
    for right in [
        r#"sum by (match) (rate(recommender_seeds_total{match="unknown"}[5m]))"#,
        r#"recommender_requests_total{code=~"INTERNAL|DATA_LOSS", pod="a"}"#,
        "histogram_quantile(0.9, sum by (le) (rate(recommender_request_duration_seconds_bucket[5m])))",
        "process_open_fds / process_max_fds > 0.5",
    ] {
        checker.check(right).unwrap();
    }
    for wrong in [
        "recommender_seed_total",
        "rate(recommender_seeds_totals[5m])",
        "time() - max(recommender_model_trained_timestamp_second)",
        r#"recommender_seeds_total{matched="unknown"}"#,
        r#"recommender_seeds_total{match="unkown"}"#,
        r#"recommender_requests_total{code=~"INTERNAL|DATALOSS"}"#,
        r#"recommender_requests_total{method=~"playlists[.].*"}"#,
        "sum by (matched) (recommender_seeds_total)",
        "sum without (matched) (recommender_seeds_total)",
        "sum by (pod) (recommender_seeds_total) / sum by (namespace) (recommender_seeds_total)",
        "recommender_seeds_total / on (matched) recommender_seeds_total",
        "sum by (match) (sum by (pod) (recommender_seeds_total))",
        "histogram_quantile(0.9, sum by (pod) (rate(recommender_request_duration_seconds_bucket[5m])))",
        "sum(recommender_seeds_total",
    ] {
        assert!(checker.check(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn every_alert_has_a_severity_and_a_runbook() {
    let operations = file("docs/operations.md");
    let mut names = BTreeSet::new();
    for (name, alert) in alerts() {
        let severity = alert["labels"]["severity"].as_str().unwrap();
        assert!(["critical", "warning"].contains(&severity), "{name}: {severity}");
        let runbook = alert["annotations"]["runbook_url"].as_str().unwrap();
        let anchor = format!("docs/operations.md#{}", name.to_lowercase());
        assert!(runbook.ends_with(&anchor), "{name}: {runbook}");
        let section = operations.split("\n### ").find(|section| section.starts_with(&format!("{name}\n")));
        assert!(
            section.is_some_and(|section| section.len() > 200),
            "{name} has no section in docs/operations.md"
        );
        assert!(names.insert(name.clone()), "{name} is there twice");
    }
    let sections =
        operations.split("\n### Recommender").skip(1).map(|it| it.lines().next().unwrap_or_default());
    for section in sections {
        assert!(names.contains(&format!("Recommender{section}")), "there is no alert Recommender{section}");
    }
}

#[tokio::test]
async fn the_operations_manual_lists_every_metric_and_no_other() {
    let told: BTreeSet<String> = told_by_a_server()
        .await
        .into_keys()
        .map(|name| {
            let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
            histogram.filter(|base| base.ends_with("_seconds")).map_or(name.clone(), str::to_owned)
        })
        .chain(ELSEWHERE.map(|(name, _)| name.to_owned()).into_iter().filter(|name| name != "up"))
        .collect();
    let operations = file("docs/operations.md");
    let rows = operations.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let listed: BTreeSet<String> = rows
        .filter(|name| name.starts_with("recommender_") || name.starts_with("process_"))
        .map(|name| name.split('{').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(listed, told);
}

#[test]
fn the_dashboard_finds_its_data_in_any_grafana() {
    let dashboard = dashboard();
    assert_eq!(dashboard["uid"], "playlist-recommender");
    assert!(dashboard["schemaVersion"].as_u64().unwrap() >= 39);
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{}: its id is there twice", panel["title"]);
        if panel["type"] == "row" {
            continue;
        }
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
        for target in panel["targets"].as_array().unwrap() {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
            let query = target["expr"].as_str().unwrap();
            assert!(query.contains(r#"namespace="$namespace""#), "{query}");
        }
    }
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let names: Vec<_> = variables.iter().map(|variable| variable["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["datasource", "namespace"]);
}
