"""Serves under constant load for an hour with a swap a minute, and tells whether anything failed or grew.

    target/benches/venv/bin/python benches/soak.py --minutes 60 --output target/benches/soak.json

Three trainings of the same synthetic playlists with different settings publish their versions: each minute the trainer publishes another one
from the dataset (`--force`), rolls back to one it has, or puts one back. The load is open, at a quarter of the capacity or `--rate`;
each of its connections is let go after a minute, and two further clients read slowly. Every 10 seconds the resident memory, open files and
threads of the recommender are noted beside the latencies of these 10 seconds. The slope of the memory is that of least squares, from
`--warm-up` minutes on. Exits with 1 if a request failed.
"""

import argparse
import itertools
import json
import pathlib
import statistics
import subprocess
import sys
import threading
import time

import loading
from running import MIB, RELEASE, WORK, machine, table

INTERVAL = 10
SETTINGS = [{"MIN_PAIR_COUNT": "3"}, {"MIN_PAIR_COUNT": "4"}, {"MIN_PAIR_COUNT": "5"}]
SLOW_READERS = 2


def synthetic(playlists: int) -> pathlib.Path:
    output = ARGS.synthetic / f"p{playlists}.csv"
    if not output.exists():
        output.parent.mkdir(parents=True, exist_ok=True)
        argv = [loading.EXAMPLES / "synthesize", "--playlists", str(playlists), "--seed", "1", "--output", output]
        subprocess.run(argv, check=True)
    return output


class Publisher:
    """Puts another version in service with each call: publishes one, rolls back, puts one back, in turn. As a context, every so many seconds."""

    def __init__(self, dataset: pathlib.Path, volume: pathlib.Path, every: float):
        self._dataset, self._volume, self._every = dataset, volume, every
        self._turn = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run_on)
        self.published: list[tuple[float, str]] = []

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        self._thread.join()

    def _run_on(self):
        begin = time.monotonic()
        for turn in itertools.count(1):
            if self._stopped.wait(max(0.0, begin + turn * self._every - time.monotonic())):
                return
            self.next()

    def next(self):
        settings = SETTINGS[self._turn % len(SETTINGS)]
        if self._turn % 4 == 3:
            current = (self._volume / "CURRENT").read_text().strip()
            others = [version for version in loading.versions(self._volume) if version != current]
            self._run("versions", "rollback", others[-1], "--model-dir", self._volume)
            # Or the next training would respect the hold.
            self._run("versions", "release", current, "--model-dir", self._volume)
        else:
            force = ["--force"] if self._turn % 2 == 0 else []
            self._run("--publish-anyway", "--dataset", self._dataset, "--model-dir", self._volume, *force, **settings)
        self._turn += 1
        self.published.append((time.time(), (self._volume / "CURRENT").read_text().strip()))

    def _run(self, *args, **settings):
        environment = {"KEEP_VERSIONS": "4", "LOG": "warn", **settings}
        argv = [RELEASE / "trainer", *args]
        if self._thread.is_alive():
            # In a cluster it runs on another machine; here it takes what the service leaves.
            argv = ["nice", "-n", "19", *argv]
        subprocess.run([str(arg) for arg in argv], env=loading.os.environ | environment, check=True, stdout=subprocess.DEVNULL)


def slope(samples: list[dict], name: str) -> float:
    """What a sample grows by in a minute (least squares)."""
    return statistics.linear_regression([it["seconds"] / 60 for it in samples], [it[name] for it in samples]).slope


def steady_part(samples: list[dict]) -> list[dict]:
    return [sample for sample in samples if sample["seconds"] >= ARGS.warm_up * 60]


def soak() -> dict:
    dataset = synthetic(ARGS.playlists)
    volume = WORK / "soak-volume"
    publisher = Publisher(dataset, volume, ARGS.swap_every)
    for _ in SETTINGS:
        publisher.next()
    publisher.published.clear()
    seeds = loading.write_seeds(volume, WORK / "seeds-soak.jsonl")
    samples = []
    with loading.recommender(volume, WORK / "soak.log", *ARGS.recommender) as ours:
        begin_swaps = len(ours.swaps())
        rate = ARGS.rate or loading.load(ours, seeds, 5)["answers_per_second"] / 4
        options = {"rate": rate, "interval": INTERVAL, "reconnect": 60, "slow_readers": SLOW_READERS}
        running = loading.begin_load(ours.address, seeds, ARGS.minutes * 60, **options)
        begin = time.monotonic()
        with publisher:
            while (seconds := time.monotonic() - begin) < ARGS.minutes * 60:
                samples.append(
                    {
                        "seconds": seconds,
                        "resident": ours.resident(),
                        "open_files": ours.open_files(),
                        "threads": ours.threads(),
                        "cpu_seconds": ours.cpu_seconds(),
                    }
                )
                time.sleep(max(0.0, len(samples) * INTERVAL - (time.monotonic() - begin)))
            totals = running.wait()
        swaps = ours.swaps()[begin_swaps:]
    steady = steady_part(samples)
    return {
        "machine": machine(),
        "minutes": ARGS.minutes,
        "rate": rate,
        "published": len(publisher.published),
        "swaps": len(swaps),
        "load_seconds": [swap["seconds"] for swap in swaps],
        "publication_to_first_answer": loading.delays(publisher.published, totals["changes"]),
        "samples": samples,
        "slopes_per_minute": {name: slope(steady, name) for name in ("resident", "open_files", "threads")},
        "totals": totals,
    }


def report(result: dict) -> str:
    totals, steady = result["totals"], steady_part(result["samples"])
    latency = totals["latency_us"]
    worst = max((interval["latency_us"]["p99.9"] for interval in totals["intervals"]), default=latency["p99.9"])
    slow = totals["slow_readers"]

    def span(name: str, unit: int = 1) -> str:
        values = [it[name] / unit for it in steady]
        return f"{values[0]:,.0f} → {values[-1]:,.0f} ({min(values):,.0f}–{max(values):,.0f})"

    slopes = result["slopes_per_minute"]
    rows = [
        ("time", f"{result['minutes']:g} minutes at {result['rate']:,.0f} requests a second"),
        ("answers", f"{totals['answered']:,}"),
        ("failed, never answered", f"{totals['failed']} {totals['failures'] or ''}, {totals['never_answered']}"),
        ("sent again, since the server had not looked at them", totals["retried"]),
        ("connections opened", totals["connected"]),
        ("slow readers: answers, failures", f"{slow['answered']:,}, {slow['failures'] or 0}"),
        ("versions put in service, swaps", f"{result['published']}, {result['swaps']}"),
        ("publication to first answer, s", _quantiles(result["publication_to_first_answer"])),
        ("latency p50, p99, p99.9, max, ms", ", ".join(f"{latency[name] / 1e3:.2f}" for name in ("p50", "p99", "p99.9", "max"))),
        ("worst p99.9 of 10 s, ms", f"{worst / 1e3:.2f}"),
        ("resident memory, MiB", span("resident", MIB)),
        ("slope of the resident memory, KiB a minute", f"{slopes['resident'] / 1024:+.1f}"),
        ("open files", span("open_files")),
        ("threads", span("threads")),
    ]
    return f"{result['machine']}\n\n" + table([{"what": what, "measured": measured} for what, measured in rows])


def _quantiles(values: list[float]) -> str:
    return f"{statistics.median(values):.2f}, at most {max(values):.2f}, {len(values)} measured" if values else "–"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--warm-up", type=float, default=5, help="minutes from the beginning that do not count for slopes (default: 5)")
    parser.add_argument("--swap-every", type=float, default=60, metavar="SECONDS", help="time from swap to swap (default: 60)")
    parser.add_argument("--rate", type=float, help="requests a second (default: a quarter of the capacity)")
    parser.add_argument("--playlists", type=int, default=10_000, help="synthetic playlists to train from (default: 10000)")
    parser.add_argument("--synthetic", type=pathlib.Path, default=WORK, help="folder of the synthetic playlists; made if missing")
    parser.add_argument("--output", type=pathlib.Path, default=WORK / "soak.json", help="file for all samples")
    parser.add_argument("--recommender", action="append", default=[], metavar="ARG", help="another argument of the recommender")
    return parser.parse_args()


def main():
    WORK.mkdir(parents=True, exist_ok=True)
    result = soak()
    ARGS.output.write_text(json.dumps(result, indent=1), encoding="utf-8")
    print(report(result), flush=True)
    totals = result["totals"]
    sys.exit(1 if totals["failed"] or totals["never_answered"] else 0)


if __name__ == "__main__":
    ARGS = arguments()
    main()
