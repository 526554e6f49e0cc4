"""How good the served recommendations are, on real playlists that were held out, against the confidences of all pairs that met twice.

Prints its table with `pytest -s .ci/e2e/test_quality.py`; MAX_RULES_PER_SONG chooses other than the default.
"""

import csv
import gzip
import hashlib
import os
import random

import grpc
import numpy
import pytest

from conftest import CLEAN_ENVIRONMENT, train

# Seeds, the exponent by which popularity is damped for so many, and by how much the learned weights are better than confidence at least.
CASES = [(1, 0.0, 0.002), (5, 0.4, 0.005), (25, 0.5, 0.015)]


def read_playlists(*paths) -> dict[str, list[dict]]:
    """The rows of each playlist; of one that is in several files, those of the first."""
    playlists: dict[str, list[dict]] = {}
    for path in paths:
        of_file: dict[str, list[dict]] = {}
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                of_file.setdefault(row["pid"], []).append(row)
        for pid, rows in of_file.items():
            playlists.setdefault(pid, rows)
    return playlists


def is_held_out(pid: str) -> bool:
    """One playlist in five, whatever the others are."""
    return int(hashlib.sha256(pid.encode()).hexdigest(), 16) % 5 == 0


@pytest.fixture(scope="module")
def split(shared_data, tmp_path_factory):
    """A dataset to train from, its baskets of URIs, and the shuffled URIs of each held-out playlist that it knows."""
    playlists = read_playlists(shared_data / "mpd/dense-ds1-like.csv.gz", shared_data / "mpd/dense-ds2-like.csv.gz")
    training = {pid: rows for pid, rows in playlists.items() if not is_held_out(pid)}
    dataset = tmp_path_factory.mktemp("quality") / "training.csv"
    with open(dataset, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(next(iter(training.values()))[0]))
        writer.writeheader()
        for rows in training.values():
            writer.writerows(rows)
    baskets = [{row["track_uri"] for row in rows} for rows in training.values()]
    known = set().union(*baskets)
    shuffle = random.Random(1).shuffle
    held_out = []
    for pid, rows in playlists.items():
        if is_held_out(pid):
            uris = list(dict.fromkeys(row["track_uri"] for row in rows if row["track_uri"] in known))
            shuffle(uris)
            held_out.append(uris)
    return dataset, baskets, held_out


def mean_r_precision(held_out, n_seeds, recommend) -> float:
    """The mean share of the hidden songs among as many recommendations (RecSys Challenge 2018)."""
    shares = []
    for uris in held_out:
        seeds, hidden = uris[:n_seeds], set(uris[n_seeds:])
        if hidden:
            shares.append(len(hidden & set(recommend(seeds, len(hidden)))) / len(hidden))
    return sum(shares) / len(shares)


def dense_recommender(baskets, exponent):
    """All pairs that met twice, with exact confidences, damped by the popularity of the consequent."""
    uris = sorted(set().union(*baskets))
    position = {uri: index for index, uri in enumerate(uris)}
    held = numpy.zeros((len(baskets), len(uris)), numpy.float32)
    for row, basket in enumerate(baskets):
        held[row, [position[uri] for uri in basket]] = 1
    both = held.T @ held
    popularity = numpy.diag(both).copy()
    numpy.fill_diagonal(both, 0)
    confidence = numpy.where(both >= 2, both / popularity[:, None], 0)

    def recommend(seeds, count):
        rows = [position[uri] for uri in seeds]
        scores = confidence[rows].sum(axis=0) / popularity**exponent
        scores[rows] = -1
        return [uris[index] for index in numpy.argpartition(-scores, count - 1)[:count]]

    return recommend


def test_served_recommendations_are_better_than_those_by_confidence(split, stubs, recommenders, tmp_path):
    messages, services = stubs
    dataset, baskets, held_out = split
    settings = {"ITEM_KEY": "uri"}
    if "MAX_RULES_PER_SONG" in os.environ:
        settings["MAX_RULES_PER_SONG"] = os.environ["MAX_RULES_PER_SONG"]
    assert "MAX_RULES_PER_SONG" not in CLEAN_ENVIRONMENT
    summary = train(tmp_path / "volume", dataset, settings)
    service = recommenders.start_with_model(tmp_path / "volume")
    print(f"\n{len(held_out)} playlists held out of {len(held_out) + len(baskets)}; {summary['counts']['rules']} rules")

    with grpc.insecure_channel(service.address) as channel:
        stub = services.PlaylistServiceStub(channel)

        def served(seeds, count):
            request = messages.RecommendRequest(songs=seeds, limit=min(count, 500), max_rules_per_song=0)
            return [recommendation.song.uri for recommendation in stub.Recommend(request, timeout=10).songs]

        for n_seeds, exponent, least in CASES:
            measured = mean_r_precision(held_out, n_seeds, served)
            exact = mean_r_precision(held_out, n_seeds, dense_recommender(baskets, exponent))
            print(f"{n_seeds:2} seeds: R-precision served {measured:.4f}, by confidence {exact:.4f}")
            assert measured >= exact + least or "MAX_RULES_PER_SONG" in settings
