"""What the pages of this repository consist of: links, headings, and the anchors that these get."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^( *)(```+|~~~+)")
# A link or an image. Its text may hold code and one level of brackets; its target has no blanks and no brackets.
LINK = re.compile(r"(!?)\[((?:`[^`]*`|[^\[\]`]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
CODE = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)


def all_pages() -> list[Path]:
    """Every Markdown file that belongs to the repository, committed or about to be."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def split_at_fences(text: str) -> list[tuple[bool, str]]:
    """The text in pieces, each with whether it is a fenced block."""
    pieces: list[tuple[bool, str]] = []
    prose: list[str] = []
    block: list[str] = []
    fence = ""
    for line in text.splitlines(keepends=True):
        found = FENCE.match(line)
        if not block and found:
            pieces.append((False, "".join(prose)))
            prose, block, fence = [], [line], found[2]
        elif block:
            block.append(line)
            if found and found[2].startswith(fence) and not line.strip(" `~\n"):
                pieces.append((True, "".join(block)))
                block = []
        else:
            prose.append(line)
    pieces.append((bool(block), "".join(block or prose)))
    return pieces


def replace_links(text: str, replace) -> str:
    """The text with each link outside of code given to `replace(image, text, target)`, which returns what to write instead."""

    def in_prose(prose: str) -> str:
        # Code may look like a link; a link may hold code. So what begins first counts.
        done, at = [], 0
        while True:
            link, code = LINK.search(prose, at), CODE.search(prose, at)
            if code and (not link or code.start() < link.start()):
                done.append(prose[at : code.end()])
                at = code.end()
            elif link:
                done += [prose[at : link.start()], replace(link[1], link[2], link[3])]
                at = link.end()
            else:
                return "".join([*done, prose[at:]])

    return "".join(piece if fenced else in_prose(piece) for fenced, piece in split_at_fences(text))


def links(text: str) -> list[str]:
    """The targets of all links and images, in order."""
    found = []
    replace_links(text, lambda image, label, target: found.append(target) or "")
    return found


def anchors(text: str) -> set[str]:
    """What `#…` may stand for, as git hosts and mdBook alike make it of headings."""
    seen: dict[str, int] = {}
    names = set()
    for fenced, piece in split_at_fences(text):
        for heading in [] if fenced else re.findall(r"^#{1,6} +(.+?) *#*$", piece, re.MULTILINE):
            shown = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
            name = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
            count = seen.get(name, 0)
            seen[name] = count + 1
            names.add(f"{name}-{count}" if count else name)
    return names
