"""What the Dockerfiles have in common, and what no build of one of them would notice."""

import re
import tomllib

import pytest

from conftest import ROOT

DOCKERFILES = sorted(path.name for path in ROOT.glob("Dockerfile.*"))
MEMBERS = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["workspace"]["members"]


def read(name: str) -> str:
    """A Dockerfile."""
    return (ROOT / name).read_text(encoding="utf-8")


def test_both_services_and_the_program_for_people_have_an_image():
    assert DOCKERFILES == ["Dockerfile.cli", "Dockerfile.recommender", "Dockerfile.trainer"]


def test_all_images_share_the_layer_of_dependencies():
    layers = {re.search(r"^FROM .*?^RUN .*?[^\\]\n", read(name), re.MULTILINE | re.DOTALL).group() for name in DOCKERFILES}
    assert len(layers) == 1
    (layer,) = layers
    for member in MEMBERS:
        assert f"COPY {member}/Cargo.toml {member}/\n" in layer
    # Nothing that changes with every commit comes before it.
    assert "SOURCE_REVISION" not in layer and "VERSION" not in layer


@pytest.mark.parametrize("name", DOCKERFILES)
def test_what_is_ours_is_built_from_its_sources_and_not_from_the_empty_crates(name):
    text = read(name)
    cleaned = set(re.findall(r"--package ([a-z-]+)", re.search(r"cargo clean .*?[^\\]\n", text, re.DOTALL).group()))
    # What the program is made of, by the manifests.
    needed, package = set(), re.findall(r"cargo build --release --locked --package ([a-z-]+) &&", text)[-1]
    waiting = [package]
    while waiting:
        crate = waiting.pop()
        needed.add(crate)
        manifest = tomllib.loads((ROOT / crate / "Cargo.toml").read_text(encoding="utf-8"))
        waiting += [name for name in manifest["dependencies"] if name in MEMBERS and name not in needed]
    for crate in needed:
        assert f"\nCOPY {crate} {crate}\n" in text
    assert needed <= cleaned
