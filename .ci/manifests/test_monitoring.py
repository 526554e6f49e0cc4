"""The optional component `monitoring`, added to each overlay. Its queries are checked by recommender/tests/monitoring.rs."""

import json
import re

import pytest

from conftest import OVERLAYS, Objects, combination


@pytest.fixture(scope="module", params=OVERLAYS)
def monitored(request) -> Objects:
    """The objects of an overlay that has the component."""
    return combination(request.param, ("monitoring",))


def test_it_adds_three_objects_and_changes_none(monitored):
    without = combination(monitored.overlay, ()).all
    added = [one for one in monitored.all if one not in without]
    assert [one for one in monitored.all if one in without] == without
    assert {(one["kind"], one["metadata"]["name"]) for one in added} == {
        ("ConfigMap", "recommender-dashboard"),
        ("PodMonitor", "recommender"),
        ("PrometheusRule", "recommender"),
    }
    for one in added:
        assert one["metadata"]["namespace"] == "playlist-recommender"
        assert one["metadata"]["labels"].items() >= {
            "app.kubernetes.io/name": "recommender",
            "app.kubernetes.io/part-of": "playlist-recommender",
        }.items()


def test_the_monitor_finds_the_pods_and_their_port(monitored):
    spec = monitored.only("PodMonitor", "recommender")["spec"]
    template = monitored.only("Deployment", "recommender")["spec"]["template"]
    labels = template["metadata"]["labels"]
    assert spec.keys() == {"jobLabel", "selector", "podMetricsEndpoints"}
    assert spec["selector"].keys() == {"matchLabels"}
    assert spec["selector"]["matchLabels"].items() <= labels.items()
    # The trainer has no metrics, and the alerts ask for this job.
    assert not spec["selector"]["matchLabels"].items() <= monitored.only("Job", "trainer")["spec"]["template"]["metadata"]["labels"].items()
    assert labels[spec["jobLabel"]] == "recommender"
    (endpoint,) = spec["podMetricsEndpoints"]
    assert endpoint.keys() == {"port", "path", "interval", "scrapeTimeout"}
    assert endpoint["path"] == "/metrics"
    (container,) = template["spec"]["containers"]
    assert endpoint["port"] in {port["name"] for port in container["ports"]}


def test_the_rules_have_what_the_operator_asks_for(monitored):
    duration = re.compile(r"([0-9]+(s|m|h|d))+")
    spec = monitored.only("PrometheusRule", "recommender")["spec"]
    assert spec.keys() == {"groups"}
    groups = [group["name"] for group in spec["groups"]]
    assert len(groups) == len(set(groups)) > 0
    for group in spec["groups"]:
        assert group.keys() == {"name", "rules"}
        for rule in group["rules"]:
            assert {"alert", "expr", "labels", "annotations"} <= rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
            assert re.fullmatch(r"Recommender[A-Za-z]+", rule["alert"])
            assert isinstance(rule["expr"], str) and duration.fullmatch(rule.get("for", "1m"))
            assert rule["labels"].keys() == {"severity"}
            assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
            for text in rule["annotations"].values():
                assert text.count("{{") == text.count("}}")


def test_grafana_finds_the_dashboard(monitored):
    config = monitored.only("ConfigMap", "recommender-dashboard")
    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"
    (name,) = config["data"]
    assert name.endswith(".json")
    dashboard = json.loads(config["data"][name])
    assert dashboard["uid"] and dashboard["title"] and dashboard["panels"]
    # `kubectl apply` notes the whole object in an annotation, which has a limit.
    assert len(json.dumps(config)) < 200_000
