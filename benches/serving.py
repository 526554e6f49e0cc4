"""Ours, as it is in use: the trainer publishes a model, and a recommender that serves it is asked over gRPC."""

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time

import grpc

from held_out import MOST
from running import ROOT, run


@dataclasses.dataclass
class Answer:
    """What came for some seeds."""

    uris: list[str]
    # Whether a rule of songs or artists spoke for one of the recommendations.
    is_from_rules: bool
    # How each seed was matched, and the URI of the song it was taken for.
    seeds: list[tuple[str, str]]


@dataclasses.dataclass
class Model:
    """What a training published."""

    rules: int
    artist_rules: int
    # Of all files of the version on the volume.
    bytes: int
    seconds: float


def train(binaries: pathlib.Path, dataset: pathlib.Path, volume: pathlib.Path, timeout: float, settings: dict) -> Model:
    environment = {"DATASET": str(dataset), "MODEL_DIR": str(volume)} | settings
    summary = run([binaries / "trainer", "--json", "--log", "warn"], timeout, environment)
    files = (volume / "versions" / summary["version"]).iterdir()
    counts = summary["counts"]
    return Model(counts["rules"], counts["artist_rules"], sum(file.stat().st_size for file in files), summary["wall"])


@contextlib.contextmanager
def stubs(folder: pathlib.Path):
    """The modules that protoc generates from the contract: messages, and the service."""
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={ROOT / 'proto'}"]
    protoc += [f"--python_out={folder}", f"--grpc_python_out={folder}", "playlist/v1/playlist.proto"]
    subprocess.run(protoc, check=True)
    sys.path.insert(0, str(folder))
    try:
        from playlist.v1 import playlist_pb2, playlist_pb2_grpc

        yield playlist_pb2, playlist_pb2_grpc
    finally:
        sys.path.remove(str(folder))


class Service:
    """A recommender that serves a model."""

    def __init__(self, messages, stub):
        self._messages, self._stub = messages, stub

    def recommend(self, seeds: list[str]) -> Answer:
        """Asks for as many recommendations as there can be. One answer serves all measures: a shorter one is its beginning."""
        request = self._messages.RecommendRequest(songs=seeds, limit=MOST, max_rules_per_song=0)
        response = self._stub.Recommend(request, timeout=60)
        messages = self._messages
        return Answer(
            [recommendation.song.uri for recommendation in response.songs],
            any(found.source in (messages.SOURCE_RULES, messages.SOURCE_ARTIST) for found in response.songs),
            [(messages.Match.Name(seed.match).removeprefix("MATCH_"), seed.song.uri) for seed in response.seeds],
        )

    def latency(self, lists: list[list[str]]) -> float:
        """The median of the seconds from a request to its answer of 10 songs with reasons, asked one after the other."""
        times = []
        for seeds in lists:
            request = self._messages.RecommendRequest(songs=seeds)
            begin = time.perf_counter()
            self._stub.Recommend(request, timeout=60)
            times.append(time.perf_counter() - begin)
        return statistics.median(times)


@contextlib.contextmanager
def serve(binaries: pathlib.Path, volume: pathlib.Path, log: pathlib.Path, modules):
    """A recommender on a free port, for as long as the context lasts."""
    messages, services = modules
    argv = [binaries / "recommender", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"]
    settings = {"MODEL_DIR": str(volume), "LOG_FORMAT": "json", "DRAIN_DELAY": "0s"}
    with open(log, "wb") as file:
        process = subprocess.Popen(argv, env=os.environ | settings, stdin=subprocess.DEVNULL, stderr=file)
    try:
        address = eventually(lambda: address_in(log, process))
        with grpc.insecure_channel(address) as channel:
            stub = services.PlaylistServiceStub(channel)
            eventually(lambda: stub.ModelInfo(messages.ModelInfoRequest(), timeout=60).model_version)
            yield Service(messages, stub)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def address_in(log: pathlib.Path, process: subprocess.Popen) -> str | None:
    """Where the recommender listens, once its log says so."""
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    if process.poll() is not None:
        raise SystemExit("the recommender ended:\n" + "".join(lines))
    messages = [json.loads(line) for line in lines if line.endswith("\n")]
    return next((message["address"] for message in messages if message["message"] == "serving"), None)


def eventually(condition, seconds: float = 60):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise SystemExit(f"the recommender was not ready within {seconds:.0f} s")
        time.sleep(0.02)
    return value
