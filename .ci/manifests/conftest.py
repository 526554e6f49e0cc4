"""The manifests as a cluster would get them: each overlay, alone and with every set of components."""

import functools
import itertools
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BINARIES = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug"
# What a program may find in the environment; settings of ours must not leak in from outside.
CLEAN_ENVIRONMENT = {name: value for name, value in os.environ.items() if name in ("HOME", "PATH", "TMPDIR")}
OVERLAYS = sorted(path.name for path in (ROOT / "k8s" / "overlays").iterdir())
COMPONENTS = sorted(path.name for path in (ROOT / "k8s" / "components").iterdir())
ONE_OFF = sorted(path.parent.name for path in (ROOT / "k8s" / "one-off").glob("*/kustomization.yaml") if path.parent.name != "versions")
COMBINATIONS = [
    (overlay, components)
    for overlay in OVERLAYS
    for count in range(len(COMPONENTS) + 1)
    for components in itertools.combinations(COMPONENTS, count)
]


def render(folder: Path) -> list[dict]:
    """The objects that kustomize makes of a folder."""
    done = subprocess.run(["kustomize", "build", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{folder}: {done.stderr}"
    # It warns of what is going to be removed from it.
    assert not done.stderr, f"{folder}: {done.stderr}"
    return list(yaml.safe_load_all(done.stdout))


def take_up(kustomization: dict, components: tuple[str, ...]) -> None:
    """Adds components to an overlay, as the documents tell."""
    if components:
        kustomization["components"] = [f"../../components/{component}" for component in components]
    if "hpa" in components:
        del kustomization["replicas"]


def edited(folder: Path, overlay: str, change) -> Path:
    """A copy of the manifests whose overlay was changed; `change` gets its kustomization."""
    shutil.copytree(ROOT / "k8s", folder / "k8s", dirs_exist_ok=True)
    file = folder / "k8s" / "overlays" / overlay / "kustomization.yaml"
    kustomization = yaml.safe_load(file.read_text(encoding="utf-8"))
    change(kustomization)
    file.write_text(yaml.safe_dump(kustomization), encoding="utf-8")
    return file.parent


def stacked(folder: Path, overlay: str, components: tuple[str, ...]) -> Path:
    """An overlay on top of another one, which stays as it is, that takes components up."""
    shutil.copytree(ROOT / "k8s", folder / "k8s", dirs_exist_ok=True)
    top = folder / "k8s" / "overlays" / "stacked"
    top.mkdir(exist_ok=True)
    below = yaml.safe_load((folder / "k8s" / "overlays" / overlay / "kustomization.yaml").read_text(encoding="utf-8"))
    kustomization = {
        "namespace": below["namespace"],
        "resources": [f"../{overlay}"],
        "components": [f"../../components/{component}" for component in components],
    }
    (top / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), encoding="utf-8")
    return top


class Objects:
    """The objects of an overlay with components."""

    def __init__(self, overlay: str, components: tuple[str, ...], objects: list[dict]):
        self.overlay = overlay
        self.components = components
        self.all = objects

    def only(self, kind: str, name: str) -> dict:
        """The one object of this kind and name."""
        found = self.named(kind, name)
        assert len(found) == 1, f"{len(found)} objects {kind}/{name} in {self.overlay}"
        return found[0]

    def named(self, kind: str, name: str) -> list[dict]:
        """The objects of this kind and name, which are one or none."""
        return [one for one in self.all if one["kind"] == kind and one["metadata"]["name"] == name]

    def pod(self, kind: str, name: str) -> dict:
        """The pod template of the one object of this kind and name."""
        return template(self.only(kind, name))

    @property
    def pods(self) -> list[dict]:
        """All pod templates."""
        return [template(one) for one in self.all if one["kind"] in ("Deployment", "Job", "CronJob")]


def template(workload: dict) -> dict:
    """The pod template of a workload."""
    spec = workload["spec"]
    if workload["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    return spec["template"]


def container(pod: dict) -> dict:
    """The one container of a pod template."""
    (only,) = pod["spec"]["containers"]
    return only


def environment(pod: dict) -> dict:
    """The literal environment of a pod template."""
    return {entry["name"]: entry.get("value") for entry in container(pod).get("env", [])}


@functools.cache
def combination(overlay: str, components: tuple[str, ...]) -> Objects:
    """The objects of an overlay that took up these components."""
    with tempfile.TemporaryDirectory() as folder:
        rendered = render(edited(Path(folder), overlay, lambda kustomization: take_up(kustomization, components)))
    return Objects(overlay, components, rendered)


def name_of(param: tuple[str, tuple[str, ...]]) -> str:
    """As in `prod+tls`."""
    return "+".join((param[0], *param[1]))


@pytest.fixture(scope="session", params=COMBINATIONS, ids=name_of)
def objects(request) -> Objects:
    """The objects of each overlay with each set of components in turn."""
    return combination(*request.param)


@pytest.fixture(scope="session", params=OVERLAYS)
def plain(request) -> Objects:
    """The objects of each overlay as it is."""
    return combination(request.param, ())


class Help:
    """What a binary's `--help` says of its settings."""

    def __init__(self, *command: str):
        done = subprocess.run(
            [BINARIES / command[0], *command[1:], "--help"], env=CLEAN_ENVIRONMENT, capture_output=True, text=True, check=True
        )
        self.text = done.stdout
        # By variable: the default, or None.
        self.settings = {}
        for block in re.split(r"\n(?= {2,6}-)", self.text):
            variable = re.search(r"\[env: (\w+)", block)
            default = re.search(r"\[default: ([^\]]*)\]", block)
            if variable:
                self.settings[variable[1]] = default and default[1]

    @property
    def exit_codes(self) -> set[int]:
        """All that it names."""
        return {int(code) for code in re.findall(r"^  (\d+) ", self.text.partition("Exit codes:")[2], re.MULTILINE)}


@functools.cache
def help_of(*command: str) -> Help:
    """What `--help` of a binary says."""
    return Help(*command)
