"""The recommenders that ours is held against: each learns from the same playlists, and scores all items for some seeds.

A recommender is a function that takes `Items` and the number of threads, and yields its settings, each with a function from a CSR matrix of
seeds (queries × items, ones) to a dense array of scores (queries × items).
"""

import collections
import functools
import unicodedata
import warnings

import numpy
import scipy.linalg
import scipy.sparse

from held_out import MOST, Split

# Queries that are scored at a time; so many rows of 170,000 scores take 43 MB.
BLOCK = 64
# The songs of which EASE^R inverts the matrix, at most.
EASE_ITEMS = 5_600


class Items:
    """The training playlists as a matrix of playlists × items; the most common item is the first."""

    def __init__(self, split: Split, item_key: str):
        def key(row: dict) -> tuple[str, ...]:
            if item_key == "uri":
                return (row["track_uri"],)
            return tuple(
                unicodedata.normalize("NFC", row[name].strip()).casefold() for name in ("artist_name", "track_name")
            )

        baskets = [{key(row) for row in rows} for rows in split.training.values()]
        counts = collections.Counter(item for basket in baskets for item in basket)
        order = sorted(counts, key=lambda item: (-counts[item], item))
        numbers = {item: number for number, item in enumerate(order)}
        uris = collections.Counter((key(row), row["track_uri"]) for rows in split.training.values() for row in rows)
        self.of_uri = {uri: numbers[item] for item, uri in uris}
        self.uris = [""] * len(order)
        # From the rarest to the commonest, so that each item keeps the commonest of its URIs.
        for item, uri in sorted(uris, key=lambda found: (uris[found], found)):
            self.uris[numbers[item]] = uri
        self.playlists = rows_of_ones([sorted(numbers[item] for item in basket) for basket in baskets], len(order))
        self.popularity = numpy.asarray(self.playlists.sum(axis=0)).ravel()

    @functools.cached_property
    def confidences(self) -> scipy.sparse.csr_matrix:
        """P(column | row) of the items that met at least twice. Made from slices of rows: all pairs at once take gigabytes."""
        by_item = self.playlists.T.tocsr()
        slices = []
        for begin in range(0, len(self.uris), 1_024):
            met = (by_item[begin : begin + 1_024] @ self.playlists).tocoo()
            kept = (met.data >= 2) & (met.row + begin != met.col)
            row, column, count = met.row[kept], met.col[kept], met.data[kept]
            confidence = count / self.popularity[row + begin]
            slices.append(scipy.sparse.csr_matrix((confidence, (row, column)), shape=met.shape))
        return scipy.sparse.vstack(slices, format="csr")

    def known(self, uris: list[str]) -> list[int]:
        """The items of those URIs that the training knows."""
        return sorted({self.of_uri[uri] for uri in uris if uri in self.of_uri})

    def recommend(self, score, seeds: list[list[int]]):
        """For each list of seeds at most 500 URIs, the best first. What has the same score is ordered by popularity."""
        for begin in range(0, len(seeds), BLOCK):
            block = seeds[begin : begin + BLOCK]
            for own, scores in zip(block, score(rows_of_ones(block, len(self.uris))), strict=True):
                yield [self.uris[item] for item in best(scores, own)]


def rows_of_ones(rows: list[list[int]], width: int) -> scipy.sparse.csr_matrix:
    starts = numpy.cumsum([0, *map(len, rows)])
    columns = numpy.concatenate([numpy.array(row, numpy.int32) for row in rows])
    return scipy.sparse.csr_matrix((numpy.ones(len(columns), numpy.float32), columns, starts), shape=(len(rows), width))


def best(scores: numpy.ndarray, seeds: list[int]) -> numpy.ndarray:
    """The items with the greatest scores without the seeds; of equal ones those with the smallest numbers."""
    scores = numpy.array(scores)
    scores[seeds] = -numpy.inf
    count = min(MOST, len(scores) - len(seeds))
    least = numpy.partition(scores, len(scores) - count)[len(scores) - count]
    above = numpy.flatnonzero(scores > least)
    above = above[numpy.argsort(-scores[above], kind="stable")]
    return numpy.concatenate([above, numpy.flatnonzero(scores == least)[: count - len(above)]])


def popularity(items: Items, _threads: int):
    yield "", lambda seeds: numpy.broadcast_to(items.popularity, seeds.shape)


def pair_confidence(items: Items, _threads: int):
    yield "", lambda seeds: (seeds @ items.confidences).toarray()


def damped_pair_confidence(items: Items, _threads: int):
    damping = items.popularity**0.4
    yield "", lambda seeds: (seeds @ items.confidences).toarray() / damping


def als(items: Items, threads: int):
    """Hu, Koren and Volinsky: "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008."""
    from implicit.cpu.als import AlternatingLeastSquares

    for regularization, alpha in [(0.01, 1), (1, 10), (10, 10)]:
        model = AlternatingLeastSquares(64, regularization, alpha, iterations=15, num_threads=threads, random_state=1)
        model.fit(items.playlists, show_progress=False)

        def score(seeds, model=model):
            return model.recalculate_user(numpy.arange(seeds.shape[0]), seeds) @ model.item_factors.T

        yield f"regularization {regularization}, alpha {alpha}", score


def neighbours(recommender: str):
    """Item-item neighbours by a similarity of `implicit`."""

    def settings(items: Items, threads: int):
        import implicit.nearest_neighbours
        import implicit.utils

        for count in (200, 500):
            model = getattr(implicit.nearest_neighbours, recommender)(K=count, num_threads=threads)
            with warnings.catch_warnings():
                # It turns the matrix over, and then warns that it got one that is turned over.
                warnings.simplefilter("ignore", implicit.utils.ParameterWarning)
                model.fit(items.playlists, show_progress=False)
            yield f"{count} neighbours", lambda seeds, model=model: (seeds @ model.similarity).toarray()

    return settings


def ease(items: Items, _threads: int):
    """Steck: "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019; of the most common items where there are many."""
    count = min(len(items.uris), EASE_ITEMS)
    playlists = items.playlists[:, :count]
    gram = (playlists.T @ playlists).toarray()
    for regularization in (200, 500):
        inverse = scipy.linalg.inv(gram + regularization * numpy.eye(count, dtype=numpy.float32), assume_a="pos")
        weights = inverse / -numpy.diag(inverse)
        numpy.fill_diagonal(weights, 0)

        def score(seeds, weights=weights):
            scores = numpy.zeros(seeds.shape, numpy.float32)
            scores[:, :count] = seeds[:, :count] @ weights
            return scores

        yield f"lambda {regularization}" + (f", {count:,} songs" if count < len(items.uris) else ""), score


# By what they are called on the command line: their names, and what they are.
RANKERS = {
    "popularity": ("popularity", popularity),
    "pairs": ("pair confidence", pair_confidence),
    "damped-pairs": ("pair confidence / popularity^0.4", damped_pair_confidence),
    "als": ("implicit ALS, 64 factors", als),
    "cosine": ("implicit Cosine", neighbours("CosineRecommender")),
    "bm25": ("implicit BM25", neighbours("BM25Recommender")),
    "ease": ("EASE^R", ease),
}
