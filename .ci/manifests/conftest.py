"""The manifests as a cluster would get them."""

import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
OVERLAYS = sorted(path.name for path in (ROOT / "k8s" / "overlays").iterdir())


def render(folder: Path) -> list[dict]:
    """The objects that kustomize makes of a folder."""
    done = subprocess.run(["kustomize", "build", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    return list(yaml.safe_load_all(done.stdout))


class Objects:
    """The objects of an overlay."""

    def __init__(self, overlay: str):
        self.overlay = overlay
        self.all = render(ROOT / "k8s" / "overlays" / overlay)

    def only(self, kind: str, name: str) -> dict:
        """The one object of this kind and name."""
        found = [one for one in self.all if one["kind"] == kind and one["metadata"]["name"] == name]
        assert len(found) == 1, f"{len(found)} objects {kind}/{name} in {self.overlay}"
        return found[0]

    @property
    def pods(self) -> list[dict]:
        """The pod templates of Deployment and Job."""
        return [one["spec"]["template"] for one in self.all if one["kind"] in ("Deployment", "Job")]


@pytest.fixture(scope="session", params=OVERLAYS)
def objects(request) -> Objects:
    """The objects of each overlay in turn."""
    return Objects(request.param)
