"""Makes the pages of docs/, which are written for a git host, a book.

mdBook runs it: `preprocessor.py supports RENDERER`, and then without arguments, with the book as JSON on standard input and output.
Pages that stand beside docs/ get a place in the book. A link to another page leads to that page of the book, and a link to a file
that is not in it to SOURCE_URL, the address of the repository, at SOURCE_REVISION; without SOURCE_URL its text alone is left.
"""

import json
import os
import posixpath
import sys

from pages import replace_links

DOCS = "docs/"
# As git hosts write the address of a file or folder; HEAD is the default branch.
PLACE_IN_REPOSITORY = "{url}/blob/{revision}/{path}"


def chapters(items: list) -> list[dict]:
    """All chapters that have a page, in order."""
    found = []
    for item in items:
        if isinstance(item, dict) and (chapter := item.get("Chapter")):
            found += [chapter] * bool(chapter["path"]) + chapters(chapter["sub_items"])
    return found


def place(path: str) -> str:
    """Where a file of the repository stands in the book."""
    if path.startswith(DOCS):
        return path.removeprefix(DOCS)
    # mdBook would make a `README.md` the start page of its folder.
    return path.lower().replace("/", "-").replace("readme", "overview")


def link_to(target: str, source: str, pages: set[str]) -> str | None:
    """What a link to `target` in the file `source` becomes in the book; none if it leads nowhere."""
    if ":" in target or target.startswith("#"):
        return target
    path, mark, anchor = target.partition("#")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    # What is in docs/ and no page, such as a picture, is copied to where it is.
    if path in pages or path.startswith(DOCS):
        return posixpath.relpath(place(path), posixpath.dirname(place(source)) or ".") + mark + anchor
    if url := os.environ.get("SOURCE_URL", "").removesuffix("/"):
        revision = os.environ.get("SOURCE_REVISION") or "HEAD"
        return PLACE_IN_REPOSITORY.format(url=url, revision=revision, path=path) + mark + anchor
    return None


def main() -> None:
    """Reads a book and writes it again."""
    if sys.argv[1:2] == ["supports"]:
        sys.exit(0 if sys.argv[2:] == ["html"] else 1)
    _, book = json.load(sys.stdin)
    found = {posixpath.normpath(DOCS + chapter["source_path"]): chapter for chapter in chapters(book["items"])}
    for source, chapter in found.items():

        def replace(image: str, text: str, target: str, source: str = source) -> str:
            link = link_to(target, source, set(found))
            return f"{image}[{text}]({link})" if link else text

        chapter["content"] = replace_links(chapter["content"], replace)
        chapter["path"] = place(source)
    json.dump(book, sys.stdout)


if __name__ == "__main__":
    main()
