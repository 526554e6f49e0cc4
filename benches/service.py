"""Holds the recommender against other servers and against itself without swaps, and prints what docs/serving.md shows.

    python3 -m venv target/benches/venv
    target/benches/venv/bin/pip install -r benches/requirements.txt
    target/benches/venv/bin/python benches/service.py throughput swaps --markdown target/benches/serving.md

Servers run in turn and never at the same time, with the load generator on the same machine; ratios are of one round each, and shown as
their median with the least and the greatest. The load generator is the recommender's example `load`, which sends 10,000 different sets of
seeds in turn; h2load, which sends one of them alone, is there to check it.
"""

import argparse
import contextlib
import csv
import functools
import gzip
import pathlib
import statistics
import subprocess
import sys
import time

import loading
from running import RELEASE, ROOT, WORK, machine, real, run, shown_ratios, table, yes


@functools.cache
def volume(rules: str) -> pathlib.Path:
    """A volume with three versions of a trained model, which differ in their dates alone; it is made once.

    `1e6`: of 10,000 synthetic playlists, `1e7`: of 90,000, `7e6`: of the real ones by URI.
    """
    folder = ARGS.volumes / rules
    if not (folder / "CURRENT").exists():
        if rules == "7e6":
            settings = {"ITEM_KEY": "uri", "MAX_RULES_PER_SONG": "0"}
            loading.train(real_playlists(), folder, settings)
        else:
            playlists, least = {"1e6": (10_000, 3), "1e7": (90_000, 5)}[rules]
            loading.train(synthetic(playlists), folder, {"MIN_PAIR_COUNT": str(least)})
    loading.store_versions(folder, 3)
    return folder


def real_playlists() -> pathlib.Path:
    """ds1-like and ds2-like in one file."""
    output = WORK / "real.csv"
    if not output.exists():
        unfinished = output.with_suffix(".unfinished")
        with open(unfinished, "w", encoding="utf-8", newline="") as file:
            writer = None
            for number, path in enumerate(["mpd/ds1-like.csv.gz", "mpd/ds2-like.csv.gz"]):
                with gzip.open(real(path), "rt", encoding="utf-8", newline="") as part:
                    reader = csv.DictReader(part)
                    if not writer:
                        writer = csv.DictWriter(file, reader.fieldnames)
                        writer.writeheader()
                    # Both number their playlists from 0 on.
                    writer.writerows(row | {"pid": f"{row['pid']}{number}"} for row in reader)
        unfinished.rename(output)
    return output


def synthetic(playlists: int) -> pathlib.Path:
    output = ARGS.synthetic / f"p{playlists}.csv"
    if not output.exists():
        output.parent.mkdir(parents=True, exist_ok=True)
        argv = [loading.EXAMPLES / "synthesize", "--playlists", str(playlists), "--seed", "1", "--output", output]
        subprocess.run(argv, check=True)
    return output


@functools.cache
def seeds(rules: str) -> pathlib.Path:
    return loading.write_seeds(volume(rules), WORK / f"seeds-{rules}.jsonl")


def facts(rules: str, program: loading.Program) -> str:
    swap = program.swaps()[-1]
    return f"{swap['songs']:,} songs, {swap['rules']:,} rules and {swap['artist_rules']:,} of artists"


LOG = WORK / "service.log"


def throughput() -> str:
    """Recommend against an echo of the same messages."""
    body = loading.body_of(seeds("1e6"), WORK / "body.bin")
    found = {"ours": [], "echo": []}
    with loading.recommender(volume("1e6"), LOG, *ARGS.recommender) as ours:
        about = facts("1e6", ours)
        with loading.echo(ours, seeds("1e6"), WORK / "echo.log") as echo:
            for _ in range(ARGS.rounds):
                for name, program in {"ours": ours, "echo": echo}.items():
                    result = loading.load(program, seeds("1e6"), ARGS.seconds)
                    check(result)
                    found[name].append(result | {"h2load": loading.h2load(program, body, ARGS.seconds)})
    rows = []
    for measure, what in [
        ("answers_per_second", "answers a second, 10,000 sets of seeds"),
        ("h2load", "answers a second, h2load with one set"),
        ("cpu_us", "CPU time of the server for an answer, µs"),
    ]:
        pairs = [(own[measure], other[measure]) for own, other in zip(found["ours"], found["echo"], strict=True)]
        shares = [other / own if measure == "cpu_us" else own / other for own, other in pairs]
        rows.append(
            {
                "what": what,
                "ours": f"{statistics.median(own for own, _ in pairs):,.0f}",
                "echo": f"{statistics.median(other for _, other in pairs):,.0f}",
                "ours / echo": shown_ratios(shares) if measure != "cpu_us" else f"1 / {shown_ratios([1 / it for it in shares])}",
                "≥ 60 % reached": yes(statistics.median(shares) >= 0.6),
            }
        )
    own = found["ours"][0]
    return f"""### Throughput

5 seeds, 10 songs with 3 reasons each, {about}; 4 connections of 16 streams, {ARGS.rounds} rounds of {ARGS.seconds} s. An answer has
{own["bytes_per_answer"]:,.0f} bytes. The echo decodes and encodes the same messages on tonic's own server and the same runtime.

{table(rows)}
"""


def peers() -> str:
    """Recommend against Python's servers, which look rules up in dictionaries."""
    rules = WORK / "rules.pickle"
    volume("1e6")
    subprocess.run([sys.executable, ROOT / "benches" / "dict_rules.py", volume("1e6"), rules], check=True)
    found = {"ours": [], "flask": [], "fastapi": []}
    for _ in range(ARGS.rounds):
        with loading.recommender(volume("1e6"), LOG, *ARGS.recommender) as ours:
            about = facts("1e6", ours)
            found["ours"].append(check(loading.load(ours, seeds("1e6"), ARGS.seconds)))
        for kind in ["flask", "fastapi"]:
            with loading.python_peer(kind, rules, WORK / f"{kind}.log") as peer:
                options = {"json_path": "/api/recommend", "connections": 64}
                found[kind].append(check(loading.load(peer, seeds("1e6"), ARGS.seconds, **options)))
    rows = []
    for kind, name, aim in [("flask", "Flask, gunicorn", 10), ("fastapi", "FastAPI, uvicorn", 5)]:
        speeds = [own["answers_per_second"] / peer["answers_per_second"] for own, peer in zip(found["ours"], found[kind], strict=True)]
        costs = [peer["cpu_us"] / own["cpu_us"] for own, peer in zip(found["ours"], found[kind], strict=True)]
        rows.append(
            {
                "peer": name,
                "ours, answers/s": f"{statistics.median(it['answers_per_second'] for it in found['ours']):,.0f}",
                "peer, answers/s": f"{statistics.median(it['answers_per_second'] for it in found[kind]):,.0f}",
                "×": shown_ratios(speeds),
                "× in CPU time": shown_ratios(costs),
                "aim": f"≥ {aim} ×",
                "reached": yes(statistics.median(speeds) >= aim),
            }
        )
    return f"""### Against servers in Python

The same seeds and 10 songs, {about}; the peers sum the confidences of the one-song rules of each seed, and answer with names alone. They have a worker
process a core and are asked over 64 connections, one request at a time on each; ours over 4 connections of 16 streams. {ARGS.rounds} rounds of {ARGS.seconds} s.

{table(rows)}
"""


def in_process() -> str:
    """The ranking alone, on one core, against implicit's neighbours."""
    playlists = real_playlists()
    argv = [loading.EXAMPLES / "answer_times", volume("7e6"), seeds("7e6")]
    cosine = [sys.executable, ROOT / "benches" / "cosine_peer.py", seeds("7e6"), playlists]
    threads = {name: "1" for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")}
    ours = [run(argv, 600) for _ in range(ARGS.rounds)]
    theirs = [run(cosine, 1200, threads) for _ in range(min(ARGS.rounds, 3))]

    def row(name: str, results: list, measure: str, is_ours: bool) -> dict:
        median, p99 = (statistics.median(result[measure][quantile] for result in results) for quantile in ("p50", "p99"))
        reached = yes(median <= 50 and p99 <= 200) if is_ours else ""
        return {"what": name, "median, µs": f"{median:.1f}", "p99, µs": f"{p99:.1f}", "≤ 50 and ≤ 200 reached": reached}

    rows = [
        row("ours: 5 texts to songs", ours, "resolve", False),
        row("ours: 10 recommendations", ours, "recommend", True),
        row("ours: the same with 3 reasons each", ours, "recommend_with_reasons", True),
        row("implicit CosineRecommender, 50 neighbours", theirs, "recommend", False),
    ]
    return f"""### Recommending in process

{ours[0]["songs"]:,} songs, {ours[0]["rules"]:,} rules and {ours[0]["artist_rules"]:,} of artists; {ours[0]["lists"]:,} different sets of 5 seeds; one thread; of each set the
least of five runs, and of {ARGS.rounds} such processes the median.

{table(rows)}
"""


def swaps() -> str:
    """p99.9 with swaps over p99.9 without, at half of the capacity."""
    rows = [swaps_of(rules, every) for rules, every in [("1e6", 1.0), ("1e7", 10.0)] if rules in (ARGS.model or [rules])]
    return f"""### Latency with swaps

Constant rate at half of what a closed load reaches, 4 connections; latency from the moment a request was due. {ARGS.pairs} pairs of runs with and
without swaps, one after the other, the first of a pair in turn; {ARGS.seconds} s each, or three swaps if that is longer. Microseconds, medians of the runs.

{table(rows)}
"""


def swaps_of(rules: str, every: float) -> dict:
    seconds = max(ARGS.seconds, 3 * every)
    with_swaps, without, found_delays = [], [], []
    with loading.recommender(volume(rules), LOG, *ARGS.recommender) as ours:
        capacity = statistics.median(loading.load(ours, seeds(rules), 5)["answers_per_second"] for _ in range(3))
        for pair in range(ARGS.pairs):
            for is_swapping in [pair % 2 == 0, pair % 2 == 1]:
                with contextlib.ExitStack() as stack:
                    swapping = stack.enter_context(loading.Swaps(volume(rules), every)) if is_swapping else None
                    result = check(loading.load(ours, seeds(rules), seconds, rate=capacity / 2))
                (with_swaps if is_swapping else without).append(result)
                if swapping:
                    found_delays += loading.delays(swapping.published, result["changes"])
        loads = [swap["seconds"] for swap in ours.swaps()]

    def at(results: list, quantile: str) -> list[float]:
        return [result["latency_us"][quantile] for result in results]

    ratios = [own / other for own, other in zip(at(with_swaps, "p99.9"), at(without, "p99.9"), strict=True)]
    bound = 1.0 + max(loads)
    return {
        "model": f"{rules}, every {every:.0f} s",
        "rate": f"{capacity / 2:,.0f}/s",
        **{
            f"{quantile} with / without": f"{statistics.median(at(with_swaps, quantile)):,.0f} / {statistics.median(at(without, quantile)):,.0f}"
            for quantile in ("p50", "p99", "p99.9", "max")
        },
        "ratio of p99.9": shown_ratios(ratios),
        "≤ 1.5 reached": yes(statistics.median(ratios) <= 1.5),
        "failed": sum(result["failed"] + result["never_answered"] for result in with_swaps),
        "load, s": f"{statistics.median(loads):.2f}, at most {max(loads):.2f}",
        "publication to first answer, s": f"{statistics.median(found_delays):.2f}, at most {max(found_delays):.2f}",
        "≤ poll + load reached": yes(max(found_delays) <= bound),
    }


def many_swaps() -> str:
    """A thousand swaps under load: failures and memory."""
    folder = volume("1e6")
    names = loading.versions(folder)
    counted = sorted({5, 500, ARGS.swaps})
    memory = {}
    with loading.recommender(folder, LOG, "--poll-interval", "100ms", *ARGS.recommender) as ours:
        capacity = loading.load(ours, seeds("1e6"), 5)["answers_per_second"]
        running = loading.begin_load(ours.address, seeds("1e6"), 24 * 3600, rate=capacity / 4)
        turn = names.index((folder / "CURRENT").read_text().strip())
        for swap in range(1, ARGS.swaps + 1):
            turn += 1
            loading.put_in_service(folder, names[turn % len(names)])
            loading.eventually(lambda count=swap: len(ours.swaps()) > count, 60)
            if swap in counted:
                memory[swap] = settled(ours)
        totals = running.stop()
    ratio = memory[500] / memory[5]
    row = {
        "swaps": f"{ARGS.swaps:,}",
        "answers": f"{totals['answered']:,}",
        "failed": totals["failed"],
        "0 reached": yes(totals["failed"] == 0),
        **{f"MiB after {swap:,}": f"{bytes / (1 << 20):,.0f}" for swap, bytes in memory.items()},
        "after 500 / after 5": f"{ratio:.3f}",
        "≤ 1.1 reached": yes(ratio <= 1.1),
    }
    return f"""### A thousand swaps

One after the other as fast as they come, polled every 100 ms, at a quarter of the capacity ({capacity / 4:,.0f}/s). Resident memory is the median of two seconds
of load, from one second after a swap on, for until then the model before it may be there, too.

{table([row])}
"""


def settled(program: loading.Program) -> float:
    """Resident bytes when the last swap is over: the model before is dropped when the last request that reads it has ended."""
    time.sleep(1)
    samples = []
    for _ in range(20):
        samples.append(program.resident())
        time.sleep(0.1)
    return statistics.median(samples)


def rotations() -> str:
    """Connections that the server lets go under load."""
    known = subprocess.run([RELEASE / "recommender", "--help"], check=True, capture_output=True, text=True).stdout
    if "--max-connection-age" not in known:
        return "### Connection age\n\nThis build has no `--max-connection-age`.\n"
    seconds = max(ARGS.seconds, 40)
    with loading.recommender(volume("1e6"), LOG, "--max-connection-age", "1s", *ARGS.recommender) as ours:
        capacity = loading.load(ours, seeds("1e6"), 5)["answers_per_second"]
        result = loading.load(ours, seeds("1e6"), seconds, rate=capacity / 2)
    lost = result["failed"] + result["never_answered"]
    row = {
        "connections that were let go": result["connected"] - 4,
        "answers": f"{result['answered']:,}",
        "sent again": result["retried"],
        "failed": lost,
        "0 in ≥ 100 reached": yes(lost == 0 and result["connected"] - 4 >= 100),
        "p99.9, µs": f"{result['latency_us']['p99.9']:,.0f}",
    }
    return f"""### Connection age

`--max-connection-age 1s`, 4 connections at half of the capacity for {seconds:.0f} s. A request that the server has not looked at is sent again on the next connection.

{table([row])}
"""


def check(result: dict) -> dict:
    if result["failed"] or result["never_answered"]:
        raise SystemExit(f"requests failed: {result['failures']}, {result['never_answered']} were never answered")
    return result


SECTIONS = {
    "throughput": throughput,
    "peers": peers,
    "in-process": in_process,
    "swaps": swaps,
    "many-swaps": many_swaps,
    "rotations": rotations,
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="section", help=f"all, or some of: {', '.join(SECTIONS)}")
    parser.add_argument("--markdown", type=pathlib.Path, help="file to write the tables to, besides standard output")
    parser.add_argument("--rounds", type=int, default=5, help="times that each program has its turn (default: 5)")
    parser.add_argument("--seconds", type=int, default=10, help="of load in a round (default: 10)")
    parser.add_argument("--pairs", type=int, default=10, help="pairs of runs with and without swaps (default: 10)")
    parser.add_argument("--swaps", type=int, default=1_000, help="swaps of `many-swaps`, at least 500 (default: 1000)")
    parser.add_argument("--model", action="append", choices=["1e6", "1e7"], help="a model of `swaps` (default: both)")
    parser.add_argument("--volumes", type=pathlib.Path, default=WORK / "volumes", help="folder of the models; those that are missing are trained")
    parser.add_argument("--synthetic", type=pathlib.Path, default=WORK, help="folder of the synthetic playlists; those that are missing are made")
    parser.add_argument("--recommender", action="append", default=[], metavar="ARG", help="another argument of the recommender, as `--recommender=--flag`")
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
        examples = ["load", "echo", "serving_data", "answer_times"]
        build = ["cargo", "build", "--release", "--locked", "-p", "recommender", "-p", "trainer", "--bins", "--example", "synthesize"]
        subprocess.run([*build, *(word for name in examples for word in ("--example", name))], cwd=ROOT, check=True)
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
