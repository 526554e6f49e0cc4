"""Links between the pages of the repository, as a git host follows them."""

import re
import subprocess
from pathlib import Path

import pytest

from pages import ROOT, all_pages, anchors, links, replace_links, split_at_fences

PAGES = all_pages()
SUMMARY = ROOT / "docs" / "SUMMARY.md"
# A document as code, settings and manifests name it.
NAMED = re.compile(r"(?<![\w/.-])(?:https://git\.example/playlist-recommender/blob/main/)?(docs/[\w-]+\.md|[A-Z]+\.md)(?:#([\w-]+))?")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def why_broken(page: Path, target: str) -> str | None:
    """Why a link leads nowhere; none if it leads somewhere, or out of the repository."""
    if re.match(r"[a-z]+:", target):
        return None
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    if not file.is_relative_to(ROOT):
        return "it leads out of the repository"
    if not file.exists():
        return f"there is no {name_of(file)}"
    if anchor and file.suffix == ".md" and anchor not in anchors(text_of(file)):
        return f"{name_of(file)} has no heading for #{anchor}; it has {', '.join(sorted(anchors(text_of(file))))}"
    return None


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page):
    broken = {target: reason for target in links(text_of(page)) if (reason := why_broken(page, target))}
    assert not broken, "\n".join(f"{name_of(page)}: `{target}`: {reason}" for target, reason in broken.items())


def test_every_page_of_docs_is_in_the_book():
    listed = links(text_of(SUMMARY))
    missing = [name_of(page) for page in PAGES if page.parent == SUMMARY.parent and page != SUMMARY and page.name not in listed]
    assert not missing, f"docs/SUMMARY.md does not list {', '.join(missing)}"
    assert len(listed) == len(set(listed)), "docs/SUMMARY.md lists a page twice"


def test_pictures_of_the_book_lie_in_docs():
    """Nothing else is copied into the site."""
    outside = []
    for target in links(text_of(SUMMARY)):
        page = (SUMMARY.parent / target).resolve()

        def look(image: str, label: str, target: str, page: Path = page) -> str:
            if image and ":" not in target and not (page.parent / target).resolve().is_relative_to(SUMMARY.parent):
                outside.append(f"{name_of(page)}: {target}")
            return ""

        replace_links(text_of(page), look)
    assert not outside, "\n".join(outside)


def test_documents_that_other_files_name_are_there():
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    broken = []
    for file in files:
        try:
            content = text_of(ROOT / file)
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue
        for document, anchor in NAMED.findall(content):
            named = ROOT / document
            if document.startswith("docs/") and not named.is_file():
                broken.append(f"{file} names {document}, which is not there")
            elif anchor and named.is_file() and anchor not in anchors(text_of(named)):
                broken.append(f"{file} names {document}#{anchor}, which has no such heading")
    assert not broken, "\n".join(broken)


def test_links_in_code_are_none_and_links_may_hold_code():
    text = "[`a[0]`](x.md) `[no](link)` ![b](c.svg)\n\n```sh\n[neither](this)\n```\n[d [e]](f#g)\n"
    assert links(text) == ["x.md", "c.svg", "f#g"]
    assert replace_links(text, lambda image, label, target: label).startswith("`a[0]` `[no](link)` b\n")
    assert [fenced for fenced, _ in split_at_fences(text)] == [False, True, False]


def test_headings_have_the_anchors_of_git_hosts():
    text = "# What's *new*, `x_y`?\n## Two words\n## Two words\n```sh\n# no heading\n```\n### A [link](there.md)\n"
    assert anchors(text) == {"whats-new-x_y", "two-words", "two-words-1", "a-link"}
