"""Playlists that are held out of a training, what people would type of them, and how well an answer meets them."""

import csv
import dataclasses
import gzip
import hashlib
import math
import pathlib
import random
import re
import unicodedata

# One playlist in so many is in a fold.
FOLDS = 10
# The recommendations of which an answer consists in the challenge, and those that are shown at a time.
MOST = 500
PAGE = 10
MEASURES = ["R-precision", "nDCG", "clicks", "precision at 10", "hit rate at 10"]


@dataclasses.dataclass
class HeldOut:
    """A playlist to test with: what is typed for a song and its URI, in the order in which they become seeds."""

    pid: str
    uris: list[str]
    typed: list[str]


@dataclasses.dataclass
class Split:
    """The rows to train from by pid, and the playlists to test with."""

    training: dict[str, list[dict]]
    held_out: list[HeldOut]

    def asked(self, seeds: int) -> list[HeldOut]:
        """The playlists in which something is left to find beside so many seeds."""
        return [playlist for playlist in self.held_out if len(playlist.uris) > seeds]

    def write_training(self, path: pathlib.Path):
        """All columns of the training playlists, as CSV."""
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(next(iter(self.training.values()))[0]))
            writer.writeheader()
            for rows in self.training.values():
                writer.writerows(rows)


def read_playlists(paths: list[pathlib.Path]) -> dict[str, list[dict]]:
    """The rows of each playlist by pid; of one that is in several files, those of the first."""
    playlists: dict[str, list[dict]] = {}
    for path in paths:
        of_file: dict[str, list[dict]] = {}
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                of_file.setdefault(row["pid"], []).append(row)
        for pid, rows in of_file.items():
            playlists.setdefault(pid, rows)
    return playlists


def hash_of(*parts: str) -> int:
    """The same on every machine, and another than the trainer's, whose own hold-out must not be empty or all of ours."""
    return int.from_bytes(hashlib.sha256("\n".join(["quality", *parts]).encode()).digest()[:8], "big")


def split(playlists: dict[str, list[dict]], fold: int) -> Split:
    """Holds out the playlists whose hash is in the fold, whatever the other playlists are."""
    is_held_out = {pid: hash_of(pid) % FOLDS == fold for pid in playlists}
    held_out = []
    for pid, rows in playlists.items():
        if is_held_out[pid]:
            by_uri = {row["track_uri"]: row for row in reversed(rows)}
            uris = sorted(by_uri, key=lambda uri: hash_of(pid, uri))
            rng = random.Random(hash_of(pid, "typed"))
            typed = [as_typed(by_uri[uri]["artist_name"], by_uri[uri]["track_name"], rng) for uri in uris]
            held_out.append(HeldOut(pid, uris, typed))
    return Split({pid: rows for pid, rows in playlists.items() if not is_held_out[pid]}, held_out)


FEATURED = re.compile(
    r"\s*(?:[(\[](?:feat|ft|featuring|with)\b[^)\]]*[)\]]|\s(?:feat|ft|featuring)\b.*$)", re.IGNORECASE
)


def as_typed(artist: str, title: str, rng: random.Random) -> str:
    """What a hurried person types for a song: its title, or artist and title, with one letter wrong.

    Featured artists are left out, and control characters, of which the data have some; case and punctuation are as it happens. Of names
    with fewer than four letters none is changed: too little would be left.
    """
    artist, title = (
        "".join(letter for letter in text if unicodedata.category(letter) != "Cc") for text in (artist, title)
    )
    title = FEATURED.sub("", title).strip() or title
    parts = [artist, title] if rng.random() < 0.5 and artist.strip() else [title]
    if rng.random() < 0.5:
        parts = [without_punctuation(part) for part in parts]
    text = with_mistake(" - ".join(parts), rng)
    return rng.choice([str, str.lower, str.lower, str.upper])(" ".join(text.split()))


def without_punctuation(text: str) -> str:
    kept = "".join(letter for letter in text if not unicodedata.category(letter).startswith("P"))
    return kept if any(map(str.isalnum, kept)) else text


def with_mistake(text: str, rng: random.Random) -> str:
    """One letter dropped, exchanged with the next, doubled or replaced."""
    letters = [at for at, letter in enumerate(text) if letter.isalpha()]
    if len(letters) < 4:
        return text
    at = rng.choice(letters)
    letter, after = text[at], text[at + 1 :]
    kind = rng.choice(["drop", "exchange", "double", "replace"])
    if kind == "exchange" and after[:1].isalpha() and after[0] != letter:
        return text[:at] + after[0] + letter + after[1:]
    if kind == "double":
        return text[:at] + letter + letter + after
    if kind == "drop":
        return text[:at] + after
    return text[:at] + rng.choice([other for other in "abcdefghijklmnopqrstuvwxyz" if other != letter.lower()]) + after


def measures(recommended: list[str], hidden: set[str]) -> list[float]:
    """How well recommended URIs, the best first, meet the hidden ones, in the order of `MEASURES`.

    After the RecSys Challenge 2018. A hidden URI that no training playlist holds is a miss; one that is recommended twice is found once.
    """
    first_ranks: dict[str, int] = {}
    for rank, uri in enumerate(recommended[:MOST], 1):
        first_ranks.setdefault(uri, rank)
    ranks = [rank for uri, rank in first_ranks.items() if uri in hidden]
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(len(hidden), MOST) + 1))
    first = sum(rank <= PAGE for rank in ranks)
    return [
        sum(rank <= len(hidden) for rank in ranks) / len(hidden),
        sum(1 / math.log2(rank + 1) for rank in ranks) / ideal,
        (ranks[0] - 1) // PAGE if ranks else MOST // PAGE + 1,
        first / PAGE,
        float(first > 0),
    ]
