"""Holds the trainer against other programs, and prints what docs/performance.md shows.

    python3 -m venv target/benches/venv
    target/benches/venv/bin/pip install -r benches/requirements.txt
    target/benches/venv/bin/python benches/compare.py mining pairs --markdown target/benches/tables.md

Ours and the others run in turn, on the same input, and what comes out must be equal. Ratios are of one round each, and shown as their
median with the least and the greatest.
"""

import argparse
import functools
import gzip
import math
import pathlib
import statistics
import subprocess

from running import (
    MIB,
    RELEASE,
    ROOT,
    WORK,
    Cut,
    equal,
    in_turn,
    machine,
    measure,
    operation_memory,
    peer,
    process_memory,
    ratios,
    real,
    run,
    seconds,
    shown_mib,
    shown_ratios,
    shown_seconds,
    table,
    train,
    yes,
)


def as_transactions(name: str, column: str, *paths: str) -> pathlib.Path:
    """Playlists as transactions of integers, which ours and the others read alike."""
    output = WORK / f"{name}.{column}.dat"
    if not output.exists():
        run(peer("write-transactions", *map(real, paths), "--column", column, "--output", output), 600)
    return output


def synthetic(playlists: int) -> pathlib.Path:
    """Synthetic playlists with seed 1; they are made once."""
    output = ARGS.synthetic / f"p{playlists}.csv"
    if not output.exists():
        output.parent.mkdir(parents=True, exist_ok=True)
        unfinished = output.with_suffix(".unfinished")
        synthesize = RELEASE / "examples" / "synthesize"
        subprocess.run([synthesize, "--playlists", str(playlists), "--seed", "1", "--output", unfinished], check=True)
        unfinished.rename(output)
    return output


def warm(path: pathlib.Path) -> int:
    """Brings a file into the page cache; returns its lines."""
    return run(measure("newlines", path), 3600)["lines"]


DENSE = "mpd/dense-ds1-like.csv.gz"
MINERS = ["fpgrowth", "eclat", "sam", "relim"]


def mining_data() -> list[tuple[str, int, pathlib.Path]]:
    return [
        ("retail", 9, real("fimi/retail.dat.gz")),
        ("T10I4D100K", 20, real("fimi/T10I4D100K.dat.gz")),
        ("chess", 1200, real("fimi/chess.dat.gz")),
        ("mushroom", 200, real("fimi/mushroom.dat.gz")),
        ("BMS1", 37, real("fimi/BMS1.dat.gz")),
        ("dense-ds1-like by title", 10, as_transactions("dense-ds1-like", "track_name", DENSE)),
    ]


def mine_in_turn(operation: str, file, min_count: int) -> tuple[list, dict, dict, str]:
    """Ours and Borgelt's miners: our results, theirs by name, the cuts, and which of them is the fastest."""
    programs = {"ours": lambda: run(measure(operation, file, "--min-count", min_count), ARGS.timeout)}
    for miner in MINERS:
        argv = peer(operation, file, "--min-count", min_count, "--algorithm", miner)
        programs[miner] = functools.partial(run, argv, ARGS.timeout)
    results, cut = in_turn(programs, ARGS.rounds, slow=3)
    ours = results.pop("ours")
    found = {miner: runs for miner, runs in results.items() if runs}
    return ours, results, cut, min(found, key=lambda miner: statistics.median(map(seconds, found[miner])))


def mining() -> str:
    rows = []
    for name, min_count, file in mining_data():
        ours, results, cut, fastest = mine_in_turn("itemsets", file, min_count)
        conversion = [run(peer("itemsets", file, "--algorithm", fastest), ARGS.timeout) for _ in range(3)]
        found = ratios(ours, results[fastest], seconds)
        same = [same_sizes(ours[0], runs[0]) for runs in results.values() if runs]
        rows.append(
            {"data": f"{name} @ {min_count:,}", "itemsets": f"{sum(ours[0]['by_size']):,}", "ours, s": shown_seconds(ours)}
            | {f"{miner}, s": f"cut: {cut[miner]}" if miner in cut else shown_seconds(results[miner]) for miner in MINERS}
            | {
                "of it conversion, s": shown_seconds(conversion),
                "× the fastest": shown_ratios(found),
                "ours, MiB": shown_mib(ours, operation_memory),
                "the fastest, MiB": shown_mib(results[fastest], operation_memory),
                "same output": "yes" if all(same) else "**no**",
                "≥ 2 × reached": yes(statistics.median(found) >= 2),
            }
        )
    return f"""### Counting itemsets by size

Against Borgelt's C miners (pyfim, report `#`), input in memory, {ARGS.rounds} rounds; of miners that need three times as long as the
fastest, one round. Seconds are medians. Their times hold the conversion of Python's lists, which stands beside them for the fastest.
The sets made only of items that every transaction holds are added to what `fpgrowth` and `eclat` find, who lose them.

{table(rows)}
"""


def same_sizes(ours: dict, theirs: dict) -> bool:
    """Equal but for the sets made only of items that every transaction holds, which some miners lose."""
    lost = [math.comb(theirs["universal"], size) for size in range(1, len(ours["by_size"]) + 1)]
    found = theirs["by_size"] + [0] * (len(lost) - len(theirs["by_size"]))
    return ours["by_size"] in (found, [there + more for there, more in zip(found, lost, strict=True)])


def delivery() -> str:
    rows = []
    dense = as_transactions("dense-ds1-like", "track_name", DENSE)
    data = mining_data()[:2] + [("dense-ds1-like by title", 26, dense)]
    for name, min_count, file in data:
        ours, results, _, fastest = mine_in_turn("itemset-rules", file, min_count)
        found = ratios(ours, results[fastest], seconds)
        rows.append(
            {
                "data": f"{name} @ {min_count:,}",
                "itemsets": f"{ours[0]['itemsets']:,}",
                "rules": f"{ours[0]['rules']:,}",
                "ours, s": shown_seconds(ours),
                "fastest peer": fastest,
                "peer, s": shown_seconds(results[fastest]),
                "×": shown_ratios(found),
                "ours, MiB": shown_mib(ours, operation_memory),
                "peer, MiB": shown_mib(results[fastest], operation_memory),
                "same output": equal(ours[0], results[fastest][0], "itemsets", "counts", "rules"),
                "≥ 5 × reached": yes(statistics.median(found) >= 5),
            }
        )
    return f"""### Delivering every itemset and rule

`mine_itemsets` and `itemset_rules` against the fastest of Borgelt's miners with report `a` and then `arules` with `mode='o'`,
confidence 0.5, {ARGS.rounds} rounds. The output is the same when the itemsets, the sum of their supports and the rules are as many.

{table(rows)}
"""


def whole_run() -> str:
    rows = []
    compressed, plain = real(DENSE), WORK / "dense-ds1-like.csv"
    plain.write_bytes(gzip.decompress(compressed.read_bytes()))
    for name, operation, min_count, aim, rounds, dataset in [
        ("mlxtend fpgrowth, association_rules", "whole-run-mlxtend", 26, 50, ARGS.rounds, compressed),
        ("mlxtend fpgrowth, association_rules", "whole-run-mlxtend", 26, 50, ARGS.rounds, plain),
        ("fpgrowth_py", "whole-run-fpgrowth_py", 40, 500, min(ARGS.rounds, 2), compressed),
        ("fpgrowth_py", "whole-run-fpgrowth_py", 40, 500, min(ARGS.rounds, 2), plain),
    ]:
        programs = {
            "ours": functools.partial(train, dataset, ARGS.timeout, min_pair_count=0, min_support=min_count, item_key="title"),
            "peer": functools.partial(run, peer(operation, dataset, "--min-count", min_count), ARGS.timeout),
        }
        results, cut = in_turn(programs, rounds)
        ours, theirs = results["ours"], results["peer"]
        counts = ours[0]["counts"]
        row = {
            "peer": name,
            "data": f"dense-ds1-like by title @ {min_count}",
            "file": "gzip" if dataset == compressed else "plain",
            "rounds": rounds,
            "ours, s": shown_seconds(ours),
            "peer, s": shown_seconds(theirs) if theirs else f"cut: {cut['peer']}",
        }
        if theirs:
            found = ratios(ours, theirs, seconds)
            delivered = {"itemsets": counts["itemsets"], "rules": counts["itemset_rules"]}
            ratio, same = shown_ratios(found), equal(delivered, theirs[0], "itemsets", "rules")
            reached = yes(statistics.median(found) >= aim)
        else:
            found = [ARGS.timeout / seconds(own) for own in ours]
            ratio, same = f"> {min(found):.0f}", "unknown"
            reached = yes(True) if min(found) >= aim else "unknown"
        rows.append(
            row
            | {
                "×": ratio,
                "ours, MiB": shown_mib(ours, process_memory),
                "peer, MiB": shown_mib(theirs, process_memory),
                "same output": same,
                "aim": f"≥ {aim} ×",
                "reached": reached,
            }
        )
    return f"""### Whole runs

Processes from start to end, Python's imports included; ours also digests the file, publishes a version and syncs it.

{table(rows)}
"""


def ingest() -> str:
    file = synthetic(ARGS.ingest_playlists)
    warm(file)
    programs = {
        "ours by song": lambda: run(measure("read", file), ARGS.timeout),
        "ours by URI": lambda: run(measure("read", file, "--item-key", "uri"), ARGS.timeout),
        "newline scan": lambda: run(measure("newlines", file), ARGS.timeout),
    }
    for name in ["polars", "duckdb", "pandas"]:
        programs[name] = functools.partial(run, peer(f"read-{name}", file), ARGS.timeout)
    results, cut = in_turn(programs, ARGS.rounds)
    ours = results["ours by song"]
    rows = []
    for name, found in results.items():
        if name in cut:
            rows.append(dict.fromkeys(rows[0], "") | {"program": name, "seconds": f"cut: {cut[name]}"})
            continue
        times = ratios(found, ours, seconds)
        memory = ratios(found, ours, process_memory)
        median = statistics.median(times)
        aim, reached = "", ""
        if name == "newline scan":
            aim, reached = "≤ 6 × its time", yes(median <= 6)
        elif name == "polars":
            aim, reached = "faster, ≤ ¼ of its memory", yes(median < 1 and statistics.median(memory) <= 0.25)
        elif not name.startswith("ours"):
            aim, reached = "faster", yes(median < 1)
        rows.append(
            {
                "program": name,
                "seconds": shown_seconds(found),
                "whole process, s": shown_seconds(found, lambda result: result["wall"]),
                "peak, MiB": shown_mib(found, process_memory),
                "ours / its time": shown_ratios(times),
                "ours / its memory": shown_ratios(memory),
                "same output": "" if name == "newline scan" else equal(ours[0], found[0], "rows", "playlists"),
                "aim": aim,
                "reached": reached,
            }
        )
    return f"""### Reading {file.stat().st_size / 1e9:.2f} GB of CSV

{ours[0]["rows"]:,} rows of {ours[0]["playlists"]:,} synthetic playlists, in the page cache, {ARGS.rounds} rounds. Ours reads interned
baskets, songs and artists (`read_dataset`), and the digest of the bytes; by song is the default. The others read the columns `pid` and
`track_uri` and group the URIs by pid. Seconds are of the operation in its process, without start and imports; memory is the peak of
the process. The ratios are of ours by song to each: less than 1 is faster, or leaner.

{table(rows)}
"""


def pairs() -> str:
    rows = []
    for name, paths in [
        ("dense-ds1-like + dense-ds2-like", [DENSE, "mpd/dense-ds2-like.csv.gz"]),
        ("ds1-like + ds2-like", ["mpd/ds1-like.csv.gz", "mpd/ds2-like.csv.gz"]),
    ]:
        file = as_transactions(name.replace(" ", ""), "track_uri", *paths)
        programs = {
            "ours": functools.partial(run, measure("pairs", file, "--min-pair-count", 2), ARGS.timeout),
            "scipy": functools.partial(run, peer("pairs", file, "--min-count", 2), ARGS.timeout),
        }
        results, cut = in_turn(programs, ARGS.rounds)
        if cut:
            raise SystemExit(f"scipy on {name} was cut: {cut['scipy']}; allow it more with --timeout")
        ours, theirs = results["ours"], results["scipy"]
        times, memory = ratios(ours, theirs, seconds), ratios(ours, theirs, operation_memory)
        rows.append(
            {
                "data": name,
                "pairs ≥ 2": f"{ours[0]['pairs']:,}",
                "ours, s": shown_seconds(ours),
                "scipy, s": shown_seconds(theirs),
                "its time / ours": shown_ratios(times),
                "ours, MiB": shown_mib(ours, operation_memory),
                "scipy, MiB": shown_mib(theirs, operation_memory),
                "its memory / ours": shown_ratios(memory),
                "same output": equal(ours[0], theirs[0], "pairs", "counts", "checksum"),
                "time ≥ 2 × reached": yes(statistics.median(times) >= 2),
                "memory ≥ 4 × reached": yes(statistics.median(memory) >= 4),
            }
        )
    return f"""### Pairs of songs that met at least twice

One-song rules without a bound on the rules of a song against scipy's XᵀX of the same baskets (CSR, 32 bits, without the diagonal), by
URI, {ARGS.rounds} rounds; pairs in both directions, as rules. Ours come in batches that are summed up and given up, as a training
encodes them. Memory is what the operation adds to the process at its peak. The output is the same when the pairs, the sum of their counts and a checksum of all are.

{table(rows)}
"""


def memory() -> str:
    file = synthetic(200_000)
    chosen = {"min_support": ARGS.memory_support} | dict(setting.split("=", 1) for setting in ARGS.settings)
    rows = []
    # glibc keeps what was given back to it, of most sizes; musl, on which the images run, gives it back to the system, as this does.
    returning = {"glibc_tunables": "glibc.malloc.mmap_threshold=131072"}
    for settings in [
        chosen,
        chosen | returning,
        chosen | {"min_pair_count": 3},
        chosen | {"min_pair_count": 3} | returning,
        chosen | {"min_pair_count": 0},
    ]:
        result = train(file, 4 * ARGS.timeout, **settings)
        aim = {"aim": "≤ 400 MiB", "reached": yes(result["process_peak"] <= 400 * MIB)}
        rows.append({"settings": shown_settings(settings)} | run_row(result) | aim)
    return f"""### Memory of a whole run

200,000 synthetic playlists, with the settings that stand in front and the others as they are by default: with one-song rules, and
with itemsets alone. glibc keeps much of the memory that was given back to it; `GLIBC_TUNABLES` keeps it from that.

{table(rows)}
"""


def scaling() -> str:
    settings = {"min_support": ARGS.scaling_support, "min_pair_count": 3}
    settings |= dict(setting.split("=", 1) for setting in ARGS.settings)
    rows, results = [], {}
    for playlists in sorted(ARGS.sizes):
        file = synthetic(playlists)
        warm(file)
        # The short ones are noisy, and cheap to repeat.
        rounds = ARGS.rounds if playlists <= 10_000 else 1
        try:
            found = [train(file, 16 * ARGS.timeout, **settings) for _ in range(rounds)]
        except Cut as error:
            if not rows:
                raise
            rows.append(dict.fromkeys(rows[0], "") | {"playlists": f"{playlists:,}", "seconds": f"cut: {error}"})
            continue
        found.sort(key=lambda result: result["wall"])
        results[playlists] = found[len(found) // 2]
        rows.append(run_row(results[playlists]))
    against = against_size(results) if {200_000, 1_000_000} <= results.keys() else ""
    return f"""### Cost against size

Whole runs on synthetic playlists, {shown_settings(settings)}, the other settings as they are by default.

{table(rows)}

{against}
"""


def against_size(results: dict[int, dict]) -> str:
    """What is asked of the largest run."""
    large = results[1_000_000]
    times = large["wall"] / results[200_000]["wall"]
    peak = large["process_peak"] / (1 << 30)
    rows = [
        {"what": "time from 200,000 to 1,000,000", "measured": f"{times:.2f} ×", "aim": "≤ 5.5 ×", "reached": yes(times <= 5.5)},
        {"what": "peak at 1,000,000", "measured": f"{peak:.2f} GiB", "aim": "≤ 4 GiB", "reached": yes(peak <= 4)},
    ]
    row = {"what": "time against polars, which reads and groups the same file", "aim": "≤ 6 ×"}
    warm(synthetic(1_000_000))
    try:
        polars = run(peer("read-polars", synthetic(1_000_000)), 4 * ARGS.timeout)
    except Cut as error:
        return table([*rows, row | {"measured": f"polars was cut: {error}", "reached": "unknown"}])
    times = large["wall"] / seconds(polars)
    measured = f"{times:.2f} × its {seconds(polars):.1f} s ({polars['process_peak'] / (1 << 30):.1f} GiB)"
    return table([*rows, row | {"measured": measured, "reached": yes(times <= 6)}])


def shown_settings(settings: dict) -> str:
    return ", ".join(f"`{name.upper()}={value}`" for name, value in settings.items())


def run_row(result: dict) -> dict:
    """What a whole run did."""
    dataset, counts = result["dataset"], result["counts"]
    stages = ", ".join(f"{stage['stage']} {stage['seconds']:.1f}" for stage in result["stages"])
    return {
        "playlists": f"{dataset['playlists']:,}",
        "rows": f"{dataset['rows']:,}",
        "songs": f"{dataset['songs']:,}",
        "itemsets": f"{counts['itemsets']:,}",
        "rules": f"{counts['rules']:,} and {counts['artist_rules']:,} of artists",
        "seconds": f"{result['wall']:.2f}",
        "of which": stages,
        "rows/s": f"{dataset['rows'] / result['wall']:,.0f}",
        "peak, MiB": f"{result['process_peak'] / MIB:,.0f}",
    }


SECTIONS = {
    "mining": mining,
    "delivery": delivery,
    "whole-run": whole_run,
    "ingest": ingest,
    "pairs": pairs,
    "memory": memory,
    "scaling": scaling,
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="section", help=f"all, or some of: {', '.join(SECTIONS)}")
    parser.add_argument("--markdown", type=pathlib.Path, help="file to write the tables to, besides standard output")
    parser.add_argument("--rounds", type=int, default=5, help="times that each program has its turn (default: 5)")
    parser.add_argument("--timeout", type=float, default=600, metavar="SECONDS", help="after which a program is cut (default: 600)")
    parser.add_argument(
        "--synthetic", type=pathlib.Path, default=WORK, help="folder of the synthetic playlists; those that are missing are made"
    )
    parser.add_argument("--ingest-playlists", type=int, default=90_000, help="synthetic playlists to read (default: 90000, 1.08 GB)")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000, 200_000, 1_000_000], help="synthetic playlists for scaling"
    )
    parser.add_argument("--memory-support", default="0.001", help="minimum support for memory (default: 0.001)")
    parser.add_argument("--scaling-support", default="0.01", help="minimum support for scaling (default: 0.01)")
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="another setting of the trainer, for memory and scaling",
    )
    parser.add_argument("--no-build", action="store_true", help="take the release build as it is")
    args = parser.parse_args()
    unknown = set(args.sections) - set(SECTIONS) - {"all"}
    if unknown:
        parser.error(f"there is no section {', '.join(sorted(unknown))}; there are: {', '.join(SECTIONS)}")
    if not args.sections or "all" in args.sections:
        args.sections = list(SECTIONS)
    return args


def main():
    if not ARGS.no_build:
        build = ["cargo", "build", "--release", "--locked", "-p", "trainer", "--bins", "--examples"]
        subprocess.run(build, cwd=ROOT, check=True)
    WORK.mkdir(parents=True, exist_ok=True)
    texts = [machine() + "\n"]
    print(texts[0], flush=True)
    for name, section in SECTIONS.items():
        if name in ARGS.sections:
            texts.append(section())
            print(texts[-1], flush=True)
            if ARGS.markdown:
                ARGS.markdown.write_text("\n".join(texts), encoding="utf-8")


if __name__ == "__main__":
    ARGS = arguments()
    main()
