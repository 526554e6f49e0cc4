"""Times implicit's CosineRecommender in process, on one thread, and prints JSON as the recommender's example `answer_times` does.

    python benches/cosine_peer.py seeds.jsonl playlists.csv.gz...

The neighbours of each song are its 50 most similar; 10 songs are recommended for the songs of each set of seeds, which are URIs or
`artist - title`. A time is the least of five runs, microseconds.
"""

import csv
import gzip
import json
import sys
import time

import numpy
import scipy.sparse

NEIGHBOURS = 50
RUNS = 5


def rows(paths: list[str]):
    for path in paths:
        with (gzip.open(path, "rt", encoding="utf-8") if path.endswith(".gz") else open(path, encoding="utf-8")) as file:
            for row in csv.DictReader(file):
                yield (path, row["pid"]), row["track_uri"], f"{row['artist_name'].strip()} - {row['track_name'].strip()}"


def main():
    seeds, *paths = sys.argv[1:]
    import implicit.nearest_neighbours

    playlists, songs, by_name, pairs = {}, {}, {}, set()
    for playlist, uri, name in rows(paths):
        song = songs.setdefault(uri, len(songs))
        by_name.setdefault(name, song)
        pairs.add((playlists.setdefault(playlist, len(playlists)), song))
    held = numpy.array(sorted(pairs))
    shape = (len(playlists), len(songs))
    matrix = scipy.sparse.csr_matrix((numpy.ones(len(held), numpy.float32), (held[:, 0], held[:, 1])), shape)
    model = implicit.nearest_neighbours.CosineRecommender(K=NEIGHBOURS, num_threads=1)
    model.fit(matrix, show_progress=False)

    queries = []
    for line in open(seeds, encoding="utf-8"):
        known = {songs.get(text, by_name.get(text)) for text in json.loads(line)} - {None}
        of = sorted(known)
        queries.append(scipy.sparse.csr_matrix((numpy.ones(len(of), numpy.float32), ([0] * len(of), of)), (1, len(songs))))
    times = numpy.full(len(queries), numpy.inf)
    for _ in range(RUNS):
        for place, query in enumerate(queries):
            begin = time.perf_counter()
            model.recommend(0, query, N=10, filter_already_liked_items=True)
            times[place] = min(times[place], time.perf_counter() - begin)
    p50, p99 = numpy.quantile(times, [0.5, 0.99]) * 1e6
    result = {"songs": len(songs), "lists": len(queries), "neighbours": int(model.similarity.nnz)}
    print(json.dumps(result | {"recommend": {"p50": p50, "p99": p99}}))


if __name__ == "__main__":
    main()
