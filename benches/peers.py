"""Runs one operation of another program, in a process of its own, and prints one line of JSON as the trainer's example `measure` does.

`seconds` are of the operation alone, with its input in memory, unless the operation is a whole run. `before` and `peak` are the
memory of the process in bytes without the operation and with it. compare.py calls this and says what is compared.
"""

import argparse
import collections
import csv
import gzip
import json
import pathlib
import time
import unicodedata


def memory(name: str) -> int:
    """A line of what the kernel knows of the memory of this process, in bytes."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


def timed(run, describe):
    """Runs once; what `describe` says of the output, with the seconds and the memory that it took."""
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    begin = time.perf_counter()
    output = run()
    seconds = time.perf_counter() - begin
    peak = memory("VmHWM")
    return {**describe(output), "seconds": [seconds], "before": before, "peak": peak}


def open_text(path: str):
    if path.endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return open(path, encoding="utf-8", newline="")


def transactions(path: str) -> list[list[int]]:
    with open_text(path) as file:
        return [[int(item) for item in line.split()] for line in file if line.strip()]


def playlists(paths: list[str], column: str) -> list[set[str]]:
    """The baskets of all files, one file after the other: texts as the trainer takes them, trimmed and in Unicode's form C."""
    baskets: dict[tuple[str, str], set[str]] = {}
    for path in paths:
        with open_text(path) as file:
            for row in csv.DictReader(file):
                item = unicodedata.normalize("NFC", row[column].strip())
                if item:
                    baskets.setdefault((path, row["pid"]), set()).add(item)
    return list(baskets.values())


def write_transactions(args):
    """Playlists as transactions of integers, for ours and for the peers alike; numbered by falling support as the trainer does."""
    baskets = playlists(args.files, args.column)
    counts = collections.Counter(item for basket in baskets for item in basket)
    numbers = {item: number for number, item in enumerate(sorted(counts, key=lambda item: (-counts[item], item)))}
    with open(args.output, "w", encoding="ascii") as file:
        file.writelines(" ".join(map(str, sorted(numbers[item] for item in basket))) + "\n" for basket in baskets)
    return {"baskets": len(baskets), "items": len(numbers)}


def itemsets(args):
    """Borgelt's miners count itemsets by size (report `#`) without delivering them."""
    import fim

    baskets = transactions(args.files[0])
    # A support that nothing reaches costs the conversion of the input alone.
    support = -args.min_count if args.min_count else -(len(baskets) + 1)
    # Three of the miners lose the sets made only of items that every transaction holds.
    universal = len(set.intersection(*map(set, baskets)))

    def by_size(spectrum):
        sizes = collections.Counter()
        # Without any itemset it is an empty list.
        for (size, _), sets in dict(spectrum).items():
            sizes[size] += int(sets)
        return {"by_size": [sizes[size] for size in range(1, max(sizes, default=0) + 1)], "universal": universal}

    miner = getattr(fim, args.algorithm)
    return timed(lambda: miner(baskets, target="s", supp=support, zmin=1, report="#"), by_size)


def itemset_rules(args):
    """Borgelt's miners deliver every itemset with its support (report `a`), and `arules` every rule of confidence 0.5."""
    import fim

    baskets = transactions(args.files[0])
    miner = getattr(fim, args.algorithm)

    def run():
        found = miner(baskets, target="s", supp=-args.min_count, zmin=1, report="a")
        rules = fim.arules(baskets, supp=-args.min_count, conf=50, zmin=2, mode="o", report="a")
        return found, rules

    def describe(output):
        found, rules = output
        return {"itemsets": len(found), "counts": sum(support for _, support in found), "rules": len(rules)}

    return timed(run, describe)


def pairs(args):
    """scipy multiplies the transposed matrix of the baskets with itself, and drops the diagonal and what is rare."""
    import numpy
    import scipy.sparse

    baskets = transactions(args.files[0])
    lengths = numpy.array([len(basket) for basket in baskets])
    items = numpy.concatenate([numpy.array(basket, numpy.int32) for basket in baskets])
    starts = numpy.concatenate([[0], lengths.cumsum()])
    matrix = scipy.sparse.csr_matrix((numpy.ones(len(items), numpy.int32), items, starts))
    del baskets, items, lengths, starts

    def run():
        both = (matrix.T @ matrix).tocsr()
        both.setdiag(0)
        both.data[both.data < args.min_count] = 0
        both.eliminate_zeros()
        return both

    def describe(both):
        both = both.tocoo()
        pair = both.row.astype(numpy.uint64) * numpy.uint64(1_000_003) + both.col.astype(numpy.uint64)
        checksum = (pair * both.data.astype(numpy.uint64)).sum(dtype=numpy.uint64)
        return {"pairs": both.nnz, "counts": int(both.data.sum(dtype=numpy.int64)), "checksum": int(checksum)}

    return timed(run, describe)


def read_polars(args):
    import polars

    def run():
        rows = polars.scan_csv(args.files[0]).select("pid", "track_uri").collect()
        return rows.group_by("pid").agg(polars.col("track_uri"))

    return timed(run, lambda found: {"playlists": found.height, "rows": int(found["track_uri"].list.len().sum())})


def read_duckdb(args):
    import duckdb

    def run():
        database = duckdb.connect()
        query = "CREATE TABLE baskets AS SELECT pid, list(track_uri) AS songs FROM read_csv(?, header = true) GROUP BY pid"
        database.execute(query, [args.files[0]])
        return database

    def describe(database):
        counted = database.execute("SELECT count(*), sum(len(songs)) FROM baskets").fetchone()
        return {"playlists": counted[0], "rows": int(counted[1])}

    return timed(run, describe)


def read_pandas(args):
    import pandas

    def run():
        rows = pandas.read_csv(args.files[0], usecols=["pid", "track_uri"])
        return rows.groupby("pid")["track_uri"].agg(list)

    return timed(run, lambda found: {"playlists": len(found), "rows": int(found.map(len).sum())})


def whole_run_mlxtend(args):
    import pandas
    from mlxtend.frequent_patterns import association_rules, fpgrowth
    from mlxtend.preprocessing import TransactionEncoder

    rows = pandas.read_csv(args.files[0], usecols=["pid", "track_name"], dtype=str, keep_default_na=False)
    rows["track_name"] = rows["track_name"].str.strip().str.normalize("NFC")
    baskets = rows[rows["track_name"] != ""].groupby("pid")["track_name"].agg(set)
    encoder = TransactionEncoder()
    table = pandas.DataFrame(encoder.fit_transform(baskets), columns=encoder.columns_)
    # Half a basket less, so that no rounding loses what meets the threshold exactly.
    found = fpgrowth(table, min_support=(args.min_count - 0.5) / len(table), use_colnames=True)
    rules = association_rules(found, metric="confidence", min_threshold=0.5)
    return {"itemsets": len(found), "rules": int((rules["consequents"].map(len) == 1).sum())}


def whole_run_fpgrowth_py(args):
    from fpgrowth_py import fpgrowth

    baskets = [sorted(basket) for basket in playlists(args.files, "track_name")]
    # Its confidences must exceed the threshold; ours may equal it.
    found, rules = fpgrowth(baskets, (args.min_count - 0.5) / len(baskets), 0.5 - 1e-9)
    return {"itemsets": len(found), "rules": sum(len(consequent) == 1 for _, consequent, _ in rules)}


OPERATIONS = {
    "write-transactions": write_transactions,
    "itemsets": itemsets,
    "itemset-rules": itemset_rules,
    "pairs": pairs,
    "read-polars": read_polars,
    "read-duckdb": read_duckdb,
    "read-pandas": read_pandas,
    "whole-run-mlxtend": whole_run_mlxtend,
    "whole-run-fpgrowth_py": whole_run_fpgrowth_py,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("operation", choices=OPERATIONS)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--algorithm", choices=["eclat", "fpgrowth", "relim", "sam"])
    parser.add_argument("--column", choices=["track_name", "track_uri"])
    parser.add_argument("--min-count", type=int, default=0)
    parser.add_argument("--output")
    args = parser.parse_args()
    print(json.dumps(OPERATIONS[args.operation](args)))


if __name__ == "__main__":
    main()
