"""Every object is what its kind may be: by the JSON schemas of Kubernetes, and by the Go types of those who read it."""

import shutil
import subprocess

import pytest
import yaml

from conftest import COMBINATIONS, ONE_OFF, ROOT, combination, render


@pytest.fixture(scope="module")
def everything() -> list[dict]:
    """All objects of all overlays with all sets of components, and of all one-off Jobs, each once."""
    found = {}
    for overlay, components in COMBINATIONS:
        for one in combination(overlay, components).all:
            found[yaml.safe_dump(one)] = one
    for name in ONE_OFF:
        for one in render(ROOT / "k8s" / "one-off" / name):
            found[yaml.safe_dump(one)] = one
    return list(found.values())


def is_of_kubernetes(one: dict) -> bool:
    """Whether the kind comes with Kubernetes itself."""
    return not one["apiVersion"].startswith("monitoring.coreos.com/")


def test_the_schemas_accept_everything(everything, tmp_path):
    known = [one for one in everything if is_of_kubernetes(one)]
    assert {one["kind"] for one in everything if not is_of_kubernetes(one)} == {"PodMonitor", "PrometheusRule"}
    file = tmp_path / "objects.yaml"
    file.write_text(yaml.safe_dump_all(known), encoding="utf-8")
    done = subprocess.run(["kubernetes-validate", "--strict", file], capture_output=True, text=True, check=False)
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    # It warns of versions of the API that are going away, and of kinds that it does not know.
    assert printed.count(" passed for resource ") == len(known) == len(printed.splitlines()), printed


def test_a_version_of_the_api_that_was_removed_is_not_accepted(tmp_path):
    file = tmp_path / "objects.yaml"
    file.write_text("apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata:\n  name: a\n", encoding="utf-8")
    done = subprocess.run(["kubernetes-validate", "--strict", file], capture_output=True, text=True, check=False)
    printed = done.stdout + done.stderr
    assert done.returncode != 0 or printed.count(" passed for resource ") != len(printed.splitlines()), printed


def decode(objects: list[dict]) -> tuple[int, list[str]]:
    """Decodes into Go types, unknown fields being wrong; the exit code and a line for each object."""
    assert shutil.which("typed-manifests"), "`.ci/run manifests` builds it"
    done = subprocess.run(["typed-manifests"], input=yaml.safe_dump_all(objects), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


def test_the_go_types_accept_everything(everything):
    argocd = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "argocd").glob("*.yaml"))]
    assert sorted(one["kind"] for one in argocd) == ["AppProject", "Application"]
    code, lines = decode(everything + argocd)
    assert [line for line in lines if not line.startswith("right ")] == []
    assert (code, len(lines)) == (0, len(everything) + 2)


@pytest.mark.parametrize("path", ["argocd/application.yaml", "argocd/project.yaml", "k8s/components/monitoring/podmonitor.yaml"])
def test_the_go_types_refuse_a_field_that_they_do_not_have(path):
    one = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
    one["spec"]["destinationn"] = {}
    code, lines = decode([one])
    assert code == 1 and len(lines) == 1 and 'unknown field "spec.destinationn"' in lines[0]
