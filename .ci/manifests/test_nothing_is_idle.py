"""Kustomize is silent about a patch whose target matches nothing. Here, what can be left out without a difference is found."""

import shutil
from pathlib import Path

import pytest
import yaml

from conftest import COMPONENTS, ONE_OFF, OVERLAYS, ROOT, combination, edited, render, stacked

# The lists of a kustomization whose entries must do something.
LISTS = ("resources", "components", "patches", "images", "replicas", "replacements", "configMapGenerator", "labels")


def entries() -> list[tuple[str, str, int]]:
    """Every entry of every list of every kustomization: the file, the list and the position."""
    found = []
    for file in sorted((ROOT / "k8s").rglob("kustomization.yaml")):
        kustomization = yaml.safe_load(file.read_text(encoding="utf-8"))
        unknown = kustomization.keys() - {*LISTS, "apiVersion", "kind", "namespace"}
        assert not unknown, f"{file}: is {unknown} checked somewhere?"
        path = str(file.relative_to(ROOT))
        found += [(path, name, index) for name in LISTS for index in range(len(kustomization.get(name, [])))]
    return found


def users(folder: Path, file: str) -> list[Path]:
    """Folders to render, in a copy of the manifests, that a kustomization has a part in."""
    _, kind, name, *_ = Path(file).parts
    if kind == "components":
        # On top of an overlay, for one that takes up the autoscaler has no `replicas` to remove any more.
        return [stacked(folder / overlay, overlay, (name,)) for overlay in OVERLAYS]
    shutil.copytree(ROOT / "k8s", folder / "k8s")
    if kind == "one-off":
        return [folder / "k8s/one-off" / user for user in (ONE_OFF if name == "versions" else [name])]
    return [folder / "k8s/overlays" / overlay for overlay in OVERLAYS if kind == "base" or name == overlay]


def is_idle(folder: Path, file: str, name: str, index: int) -> bool:
    """Whether kustomize makes the same of `folder` without an entry of a list in a file."""
    path = Path(file)
    whole = path.read_text(encoding="utf-8")
    before = render(folder)
    kustomization = yaml.safe_load(whole)
    del kustomization[name][index]
    path.write_text(yaml.safe_dump(kustomization), encoding="utf-8")
    try:
        return render(folder) == before
    except AssertionError:
        # It cannot do without.
        return False
    finally:
        path.write_text(whole, encoding="utf-8")


@pytest.mark.parametrize(("file", "name", "index"), entries(), ids=lambda value: str(value).removesuffix("/kustomization.yaml"))
def test_each_entry_makes_a_difference(tmp_path, file, name, index):
    for user in users(tmp_path, file):
        # The copy that this folder is in.
        (root,) = [parent.parent for parent in user.parents if parent.name == "k8s"]
        assert not is_idle(user, root / file, name, index), f"{user} is the same without entry {index} of `{name}` in {file}"


def test_a_patch_that_matches_nothing_is_found(tmp_path):
    patch = {"target": {"kind": "Deployment", "name": "nobody"}, "patch": "- op: remove\n  path: /spec/replicas"}
    folder = edited(tmp_path, "prod", lambda kustomization: kustomization["patches"].append(patch))
    assert is_idle(folder, folder / "kustomization.yaml", "patches", 1)
    assert not is_idle(folder, folder / "kustomization.yaml", "patches", 0)


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("components", [*((component,) for component in COMPONENTS), tuple(COMPONENTS)], ids="+".join)
def test_components_do_the_same_in_an_overlay_and_on_top_of_it(overlay, components, tmp_path):
    on_top = render(stacked(tmp_path, overlay, components))

    def by_name(objects: list[dict]) -> list[dict]:
        return sorted(objects, key=lambda one: (one["kind"], one["metadata"]["name"]))

    assert by_name(on_top) == by_name(combination(overlay, components).all)
    assert by_name(on_top) != by_name(combination(overlay, ()).all)
