"""Restarts two replicas in turn under load through client-lib, and tells what became of the calls.

    cargo build --release -p recommender -p trainer --bins
    cargo build --release -p trainer --example synthesize && cargo build --release -p client-lib --example client_load
    python3 benches/restarts.py --minutes 10 --output target/benches/restarts.json

The load is open, at `--share` of the answers a second that the same client gets from both replicas in ten seconds before. First the client has
the addresses of both (`many`); a replica is told to stop, and begins again at its address. Then it has the address of a balancer alone (`one`),
which deals connections out as a Service of Kubernetes does, and a successor begins before the old replica is told to stop. `--minutes` is for each
of the two. Refusals for overload are counted apart: on one machine a replica that starts takes its time from the other. Exits with 1 if a
call failed.
"""

import argparse
import contextlib
import json
import pathlib
import subprocess
import sys
import time

import loading
from balancer import Balancer
from running import RELEASE, WORK, machine

DRAIN = {"DRAIN_DELAY": "2s", "LOG_FORMAT": "json"}


class Replica:
    """A recommender that can be told to stop and begun again."""

    def __init__(self, volume: pathlib.Path, name: str):
        self._volume, self._log = volume, WORK / f"restarts-{name}.log"
        self._stack = contextlib.ExitStack()
        self.address = f"127.0.0.1:{loading.free_port()}"

    def begin(self) -> "Replica":
        argv = [RELEASE / "recommender", "--listen", self.address, "--metrics-listen", "127.0.0.1:0", "--model-dir", self._volume]
        self._stack.enter_context(
            loading.started(argv, self.address, self._log, lambda program: program.swaps(), DRAIN)
        )
        return self

    def end(self):
        """SIGTERM, and its drain."""
        self._stack.close()


def load(urls: str, seconds: float, *rate: float) -> subprocess.Popen:
    argv = [loading.EXAMPLES / "client_load", urls, seconds, *rate]
    return subprocess.Popen([str(arg) for arg in argv], stdout=subprocess.PIPE, text=True)


def told(process: subprocess.Popen) -> dict:
    output, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"the load ended with {process.returncode}")
    return json.loads(output)


def url(address: str) -> str:
    return f"http://{address}"


def under_load(urls: str, restart, wanted: float | None) -> dict:
    """Measures the capacity, and then restarts one replica after the other under a share of it."""
    capacity = told(load(urls, 10))["answers_per_second"]
    rate = wanted or capacity * ARGS.share
    running = load(urls, ARGS.minutes * 60, rate)
    end = time.monotonic() + ARGS.minutes * 60
    restarts = 0
    # The last one is over before the load is.
    while time.monotonic() < end - 15:
        time.sleep(2)
        restart(restarts % 2)
        restarts += 1
    return {"capacity": capacity, "rate": rate, "restarts": restarts} | told(running)


def many(volume: pathlib.Path) -> dict:
    replicas = [Replica(volume, f"many-{number}").begin() for number in range(2)]

    def restart(number: int):
        replicas[number].end()
        replicas[number].begin()

    try:
        return under_load(",".join(url(replica.address) for replica in replicas), restart, ARGS.rate)
    finally:
        for replica in replicas:
            replica.end()


def one(volume: pathlib.Path) -> dict:
    with Balancer() as balancer:
        replicas = [Replica(volume, f"one-{number}").begin() for number in range(2)]
        for replica in replicas:
            balancer.add(replica.address)

        def restart(number: int):
            old, replicas[number] = replicas[number], Replica(volume, f"one-{number}").begin()
            balancer.add(replicas[number].address)
            balancer.remove(old.address)
            old.end()

        try:
            return under_load(url(balancer.address), restart, ARGS.rate)
        finally:
            for replica in replicas:
                replica.end()


def trained() -> pathlib.Path:
    """A volume with a model of synthetic playlists."""
    dataset, volume = WORK / "restarts.csv", WORK / "restarts-volume"
    argv = [loading.EXAMPLES / "synthesize", "--playlists", ARGS.playlists, "--seed", 1, "--output", dataset]
    subprocess.run([str(arg) for arg in argv], check=True)
    loading.train(dataset, volume, {})
    return volume


def main():
    WORK.mkdir(parents=True, exist_ok=True)
    volume = ARGS.volume or trained()
    result = {"machine": machine(), "minutes": ARGS.minutes, "share": ARGS.share}
    for addresses in ARGS.addresses:
        result[addresses] = {"many": many, "one": one}[addresses](volume)
        print(addresses, json.dumps(result[addresses], indent=2), flush=True)
    if ARGS.output:
        ARGS.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if failed := sum(result[addresses]["failed"] for addresses in ARGS.addresses):
        sys.exit(f"{failed} calls failed")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10, help="of load, for each way to address the replicas")
    parser.add_argument("--addresses", nargs="+", choices=["many", "one"], default=["many", "one"])
    parser.add_argument("--share", type=float, default=0.8, help="of the capacity")
    parser.add_argument("--rate", type=float, help="calls a second, instead of a share of the capacity")
    parser.add_argument("--playlists", type=int, default=20_000)
    parser.add_argument("--volume", type=pathlib.Path, help="one that has a model, instead of a new one")
    parser.add_argument("--output", type=pathlib.Path, help="all figures, as JSON")
    ARGS = parser.parse_args()
    main()
