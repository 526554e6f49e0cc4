"""The page in a real browser, before a service that runs as it does for people."""

import importlib.util
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

# The programs as processes are the same for the page as for all others.
_spec = importlib.util.spec_from_file_location("processes", Path(__file__).parents[1] / "e2e" / "conftest.py")
processes = importlib.util.module_from_spec(_spec)
sys.modules["processes"] = processes
_spec.loader.exec_module(processes)
recommenders, sample_volume, sample_service = processes.recommenders, processes.sample_volume, processes.sample_service
stubs = processes.stubs

CHROMIUM_FLAGS = [
    *("--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    # Its sandbox does not start as root.
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
]

# The seeds of the tests: known to the letter, misspelt, and unknown.
KNOWN, MISSPELT, UNKNOWN = "French Montana - Unforgettable", "HUMBLEE", "Qwxyz and nothing like it"

expect.set_options(timeout=15_000)


@dataclass
class Witness:
    """What happened in a browser that nobody must see."""

    origin: str
    violations: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext) -> None:
        context.expose_binding("tellViolation", lambda _, told: self.violations.append(told))
        context.add_init_script(
            "addEventListener('securitypolicyviolation',"
            " (it) => tellViolation(`${it.effectiveDirective} ${it.blockedURI} ${it.sourceFile}:${it.lineNumber}`))"
        )
        context.on("weberror", lambda error: self.errors.append(str(error.error)))
        context.on("request", lambda request: self._see(request.url))

    def _see(self, url: str) -> None:
        if not url.startswith((f"{self.origin}/", "about:", "data:", "blob:")):
            self.elsewhere.append(url)


@dataclass
class Visitor:
    """Somebody with a browser."""

    browser: Browser
    origin: str
    contexts: list[tuple[BrowserContext, Witness]] = field(default_factory=list)

    def open(self, fragment: str = "", origin: str | None = None, **settings) -> Page:
        """Opens the page in a browser that knows nothing; `settings` are those of a context."""
        witness = Witness(origin or self.origin)
        context = self.browser.new_context(**{"locale": "en-GB", "viewport": {"width": 1280, "height": 900}} | settings)
        self.contexts.append((context, witness))
        witness.watch(context)
        page = context.new_page()
        page.goto(f"{witness.origin}/{fragment}")
        return page

    def leave(self) -> None:
        """Closes what was opened, and tells that nothing forbidden or broken was met."""
        for context, _ in self.contexts:
            context.close()
        for _, witness in self.contexts:
            assert witness.violations == [], "the Content-Security-Policy was violated"
            assert witness.errors == [], "a script failed"
            assert witness.elsewhere == [], "a request left the origin"


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visitor(browser, sample_service):
    """Somebody who visits the service of the sample."""
    somebody = Visitor(browser, f"http://{sample_service.address}")
    yield somebody
    somebody.leave()


@pytest.fixture(scope="session")
def axe() -> str:
    """The script that finds what keeps people out of a page."""
    return Path(os.environ["AXE"]).read_text(encoding="utf-8")


def fragment(*songs: str, **others: object) -> str:
    """The end of an address that asks for these songs."""
    return "#" + urlencode([*(("song", song) for song in songs), *others.items()])


def rows(page: Page):
    """The songs of the playlist."""
    return page.locator("#recommendations > li")


def type_song(page: Page, text: str) -> None:
    """Types into the field, key by key, and waits for the list of songs."""
    page.locator("#song").press_sequentially(text)
    expect(page.locator("#options")).to_be_visible()
