"""Changes dataset, image, replicas and model under `playlist probe`, and tells how long each took and what it cost.

    cargo build --release -p cli -p trainer -p recommender
    python3 benches/delivery.py --rounds 3

Two recommenders share a volume behind a TCP balancer, as two pods behind a Service. Two probes send requests all the time: one opens a connection
for each, so that it meets every replica, and one stays on its connection, as programs do. A restart goes as a Deployment's with `maxUnavailable: 0`
and `maxSurge: 1`: a new replica is started, has its model, gets connections, and only then an old one gets SIGTERM; the balancer learns of that a
little later, as nodes do. What the first probe saw of each change is drawn below target/benches. Exits with 1 if a request failed.
"""

import argparse
import contextlib
import datetime
import gzip
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import loading
from balancer import Balancer
from running import REAL_DATA, RELEASE, WORK, machine, real, table

# How long the balancer goes on to give connections to a replica that was told to stop.
LAG = 1.0
# How long both probes send before a change, and after it has arrived.
BEFORE = 3
AFTER = 3
# A replica that a probe has not met for so long, at five requests a second for each of two, is gone.
GONE_AFTER = 3


class Probe:
    """A running `playlist probe`."""

    def __init__(self, address: str, *args):
        argv = [RELEASE / "playlist", "probe", "--json", "--server", f"http://{address}", "--rate", ARGS.rate]
        argv += ["--duration", "1h", "--gone-after", f"{GONE_AFTER}s", *args]
        self._process = subprocess.Popen(
            [str(arg) for arg in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.lines = [self._process.stderr.readline()]
        self._reader = threading.Thread(target=lambda: self.lines.extend(self._process.stderr))
        self._reader.start()

    def end(self) -> dict:
        self._process.send_signal(signal.SIGINT)
        output = self._process.stdout.read()
        self._reader.join()
        self._process.wait()
        if not output:
            raise SystemExit("the probe told nothing:\n" + "".join(self.lines))
        return json.loads(output)


class Replicas:
    """The recommenders behind a balancer."""

    def __init__(self, volume: pathlib.Path, balancer: Balancer):
        self._volume, self._balancer = volume, balancer
        self._numbers = itertools.count(1)
        self._running: list[tuple[str, loading.Program, contextlib.ExitStack]] = []

    def start(self) -> str:
        """Starts one, and gives it connections once it has its model."""
        name = f"recommender-{next(self._numbers)}"
        stack = contextlib.ExitStack()
        settings = {"POD_NAME": name, "DRAIN_DELAY": "5s"}
        program = stack.enter_context(loading.recommender(self._volume, WORK / f"{name}.log", **settings))
        self._running.append((name, program, stack))
        self._balancer.add(program.address)
        return name

    def stop_oldest(self, how: signal.Signals = signal.SIGTERM) -> threading.Thread:
        """Tells one to stop, as a kubelet does: nobody waits for it."""
        _, program, stack = self._running.pop(0)
        program.process.send_signal(how)

        def forget():
            time.sleep(LAG)
            self._balancer.remove(program.address)
            program.process.wait()
            stack.close()

        thread = threading.Thread(target=forget)
        thread.start()
        return thread

    def names(self) -> list[str]:
        return [name for name, _, _ in self._running]

    def stop_all(self):
        for thread in [self.stop_oldest() for _ in list(self._running)]:
            thread.join()


def trainer(volume: pathlib.Path, *args, **settings):
    environment = os.environ | {"MODEL_DIR": str(volume), "LOG": "warn"} | settings
    subprocess.run([RELEASE / "trainer", *args], env=environment, check=True, stdout=subprocess.DEVNULL)


def instant(text: str) -> float:
    return datetime.datetime.fromisoformat(text).timestamp()


def measured(name: str, balancer: Balancer, change, find) -> dict:
    """Makes a change under two probes. `find` tells from the first one's report, once it has it, when the change came first and when it was complete."""
    timeline = WORK / f"delivery-{'-'.join(re.findall('[a-z0-9]+', name))}.svg"
    probes = [Probe(balancer.address, "--new-connection", "--timeline", timeline), Probe(balancer.address)]
    time.sleep(BEFORE)
    begin = time.time()
    published = change()
    time.sleep(AFTER + GONE_AFTER)
    reports = [probe.end() for probe in probes]
    first, complete = find(reports[0])
    found = {
        "change": name,
        "trained": published - begin if published else None,
        "first": first - begin,
        "complete": complete - begin,
        "reports": reports,
    }
    print(f"{name}: first {found['first']:.2f} s, complete {found['complete']:.2f} s, {failures(reports)} failed", flush=True)
    return found


def failures(reports: list[dict]) -> int:
    return sum(report["failed"] + report["shed"] for report in reports)


def model_change(report: dict) -> tuple[float, float]:
    """When another model was first served, and by every replica."""
    if len(report["changes"]) != 1 or not report["changes"][0]["every_replica_at"]:
        raise SystemExit(f"the probe has not seen one whole change of the model: {report['changes']}")
    change = report["changes"][0]
    return instant(change["first_at"]), instant(change["every_replica_at"])


def replicas_change(came: set[str], went: set[str]):
    """When the first of the replicas that came answered, and when all of them had and the last of those that went answered no more."""

    def find(report: dict) -> tuple[float, float]:
        seen = {event["served_by"]: instant(event["at"]) for event in report["events"] if event["event"] == "replica_seen"}
        last = {event["served_by"]: instant(event["last_answer_at"]) for event in report["events"] if event["event"] == "replica_gone"}
        if not (came <= seen.keys() and went <= last.keys()):
            raise SystemExit(f"{came} should have come and {went} gone; the probe has seen {report['events']}")
        begins, ends = [seen[name] for name in came], [last[name] for name in went]
        return min(begins or ends), max(begins + ends)

    return find


def scenario(datasets: list[pathlib.Path]) -> list[dict]:
    with tempfile.TemporaryDirectory(dir=WORK) as folder, Balancer() as balancer:
        volume = pathlib.Path(folder) / "volume"

        def train(dataset: pathlib.Path) -> float:
            trainer(volume, DATASET=str(dataset))
            return (volume / "CURRENT").stat().st_mtime

        train(datasets[0])
        replicas = Replicas(volume, balancer)
        try:
            for _ in range(2):
                replicas.start()
            return list(changes(datasets, volume, balancer, replicas, train))
        finally:
            replicas.stop_all()


def changes(datasets, volume, balancer, replicas, train):
    yield measured("dataset", balancer, lambda: train(datasets[1]), model_change)
    changed = (volume / "CURRENT").read_text().strip()
    yield measured("dataset, back to one that was trained before", balancer, lambda: train(datasets[0]), model_change)

    old = set(replicas.names())

    def restart():
        stopping = []
        for _ in old:
            replicas.start()
            stopping.append(replicas.stop_oldest())
        for thread in stopping:
            thread.join()

    # The names that come are the next two.
    new = {f"recommender-{number}" for number in (3, 4)}
    yield measured("image (both replicas restarted)", balancer, restart, replicas_change(new, old))
    yield measured("replicas, 2 to 3", balancer, lambda: replicas.start() and None, replicas_change({"recommender-5"}, set()))
    goes = replicas.names()[0]
    yield measured("replicas, 3 to 2", balancer, lambda: replicas.stop_oldest().join(), replicas_change(set(), {goes}))
    goes = replicas.names()[0]

    def kill():
        replicas.stop_oldest(signal.SIGKILL).join()
        replicas.start()

    yield measured("nothing; a replica was killed", balancer, kill, replicas_change({"recommender-6"}, {goes}))
    roll_back = lambda: trainer(volume, "versions", "rollback", changed)  # noqa: E731
    yield measured("model, rolled back by hand", balancer, roll_back, model_change)


def joined(paths: list[pathlib.Path], output: pathlib.Path) -> pathlib.Path:
    """The rows of CSV files of the same columns, as one file."""
    with open(output, "wb") as file:
        for place, path in enumerate(paths):
            with gzip.open(path) as rows:
                header = rows.readline()
                if place == 0:
                    file.write(header)
                shutil.copyfileobj(rows, file)
    return output


def datasets() -> list[pathlib.Path]:
    """What is served first, and what it is changed to."""
    if ARGS.data == "synthetic":
        output = [WORK / f"delivery-{seed}.csv" for seed in (1, 2)]
        for seed, path in enumerate(output, 1):
            argv = [loading.EXAMPLES / "synthesize", "--playlists", ARGS.playlists, "--seed", seed, "--output", path]
            subprocess.run([str(arg) for arg in argv], check=True)
        return output
    prefix = {"dense": "mpd/dense-ds", "long-tail": "mpd/ds"}[ARGS.data]
    parts = [real(f"{prefix}{number}-like.csv.gz") for number in (1, 2)]
    return [joined(parts[:1], WORK / "delivery-1.csv"), joined(parts, WORK / "delivery-2.csv")]


def shown(values: list[float]) -> str:
    middle = f"{statistics.median(values):.1f} s"
    return middle if len(values) == 1 else f"{middle} ({min(values):.1f}–{max(values):.1f})"


def report(rounds: list[list[dict]]) -> str:
    rows = []
    for found in zip(*rounds, strict=True):
        reports = [report for one in found for report in one["reports"]]
        trained = [one["trained"] for one in found if one["trained"] is not None]
        rows.append(
            {
                "what I changed": found[0]["change"],
                "trained": shown(trained) if trained else "–",
                "first served": shown([one["first"] for one in found]),
                "served by every replica": shown([one["complete"] for one in found]),
                "downtime": f"{sum(report['downtime_seconds'] for report in reports):.1f} s",
                "failed of requests": f"{failures(reports)} of {sum(report['requests'] for report in reports):,}",
                "sent again by the client": sum(report["retries"] for report in reports),
                "longest wait for an answer": f"{max(report['latency_ms']['max'] for report in reports):.0f} ms",
                "on a cluster": "not measured",
            }
        )
    return table(rows)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1, help="how often all changes are made, each time from the beginning (default: 1)")
    parser.add_argument("--rate", type=float, default=10, help="requests a second of each of the two probes (default: 10)")
    parser.add_argument(
        "--data",
        choices=["dense", "long-tail", "synthetic"],
        default="dense" if REAL_DATA.exists() else "synthetic",
        help="real playlists cut to the common songs or uncut, or synthetic ones (default: dense if the real data are there)",
    )
    parser.add_argument("--playlists", type=int, default=2_700, help="how many synthetic ones (default: 2700)")
    parser.add_argument("--output", type=pathlib.Path, default=WORK / "delivery.json", help="file for all reports of the probes")
    return parser.parse_args()


def main():
    WORK.mkdir(parents=True, exist_ok=True)
    on = machine()
    both = datasets()
    rounds = [scenario(both) for _ in range(ARGS.rounds)]
    ARGS.output.write_text(json.dumps({"machine": on, "data": ARGS.data, "rounds": rounds}, indent=1), encoding="utf-8")
    rows = [sum(1 for _ in path.open("rb")) - 1 for path in both]
    print(f"\n{on} Data: {ARGS.data}, {rows[0]:,} rows, then {rows[1]:,}. Rounds: {ARGS.rounds}.\n\n{report(rounds)}")
    sys.exit(1 if any(failures(found["reports"]) for one in rounds for found in one) else 0)


if __name__ == "__main__":
    ARGS = arguments()
    main()
