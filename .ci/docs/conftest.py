"""The site as it is published, in target/book."""

import os
import subprocess
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pages import ROOT

SITE = ROOT / "target" / "book"
# What a browser fetches by itself when it sees such an element, by its attribute.
LOADS = {"src": None, "srcset": None, "poster": None, "data": {"object"}, "href": {"link", "image", "use"}}


@dataclass
class Html(HTMLParser):
    """What a page of the site refers to, and what can be referred to on it."""

    links: set[str] = field(default_factory=set)
    loads: set[str] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)
    classes: set[str] = field(default_factory=set)

    def __post_init__(self):
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Takes up an element."""
        for name, value in attrs:
            if name == "id":
                self.ids.add(value or "")
            elif name == "class":
                self.classes.update((value or "").split())
            elif name in LOADS and (LOADS[name] is None or tag in LOADS[name]):
                self.loads.add(value or "")
            elif name == "href":
                self.links.add(value or "")


def build(**environment: str) -> None:
    """Builds the site. The address of the repository comes from nowhere else than `environment`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SOURCE_", "MDBOOK_"))}
    done = subprocess.run(["mdbook", "build"], cwd=ROOT, env=clean | environment, capture_output=True, text=True, check=False)
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert "WARN" not in told and "ERROR" not in told, told


def read_site() -> dict[Path, Html]:
    """Its pages, by their files."""
    found = {}
    for file in sorted(SITE.glob("**/*.html")):
        found[file] = Html()
        found[file].feed(file.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="session")
def site() -> dict[Path, Html]:
    """The pages of the site, as it is without an address of the repository."""
    build()
    return read_site()
