"""The site that mdBook makes of docs/."""

import re
from urllib.parse import unquote, urlsplit

from conftest import SITE, build, read_site
from pages import ROOT, links

REPOSITORY = "https://git.example/owner/repository"


def broken_links(pages: dict) -> list[str]:
    """Links within the site that lead to no file or no element."""
    broken = []
    for page, html in pages.items():
        for link in html.links | html.loads:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if not file.is_file() or not file.is_relative_to(SITE):
                broken.append(f"{page.name}: {link}: there is no such file")
            elif parts.fragment and file in pages and unquote(parts.fragment) not in pages[file].ids:
                broken.append(f"{page.name}: {link}: there is no such element")
    return broken


def test_every_page_of_the_summary_is_there(site):
    wanted = len(links((ROOT / "docs" / "SUMMARY.md").read_text(encoding="utf-8")))
    # mdBook adds the start page, which is the first one again, a page for what is not found, and the table of contents.
    assert {page.name for page in site} >= {"index.html", "404.html", "toc.html", "introduction.html", "contract.html", "overview.html"}
    assert len(site) == wanted + 3


def test_every_link_of_the_site_leads_somewhere(site):
    # The page for what is not found is written for the site's root, whatever page was asked for.
    broken = [line for line in broken_links(site) if not line.startswith("404.html: /")]
    assert not broken, "\n".join(broken)


def test_a_link_to_a_file_outside_leads_to_the_repository_if_its_address_is_known(site):
    assert not any(link.startswith(REPOSITORY) for html in site.values() for link in html.links)
    try:
        build(SOURCE_URL=f"{REPOSITORY}/", SOURCE_REVISION="a1b2c3")
        pages = read_site()
    finally:
        build()
    to_repository = {link for html in pages.values() for link in html.links if link.startswith(REPOSITORY)}
    assert f"{REPOSITORY}/blob/a1b2c3/proto/playlist/v1/playlist.proto" in to_repository
    missing = [link for link in to_repository if not (ROOT / link.partition("/a1b2c3/")[2].partition("#")[0]).exists()]
    assert not missing
    assert not [line for line in broken_links(pages) if not line.startswith("404.html: /")]


def test_nothing_is_loaded_from_elsewhere(site):
    elsewhere = [f"{page.name}: {load}" for page, html in site.items() for load in html.loads if re.match(r"(\w+:)?//", load)]
    for sheet in SITE.glob("**/*.css"):
        loaded = re.findall(r"(?:@import\s*|url\()\s*['\"]?([^'\")]+)", sheet.read_text(encoding="utf-8"))
        elsewhere += [f"{sheet.name}: {load}" for load in loaded if not load.startswith("data:")]
    assert not elsewhere, "\n".join(elsewhere)
    # With these mdBook's script would talk to play.rust-lang.org.
    assert not [page.name for page, html in site.items() if "playground" in html.classes]
    assert not list(SITE.glob("**/*.woff*"))
