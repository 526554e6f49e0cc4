"""The binaries as processes, as people and clusters run them."""

import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BINARIES = ROOT / TARGET / "debug"
SAMPLE = ROOT / "demo" / "sample" / "playlists.csv"
SAMPLE_UPDATE = ROOT / "demo" / "sample" / "playlists-update.csv"
SHARED_DATA = Path(os.environ.get("PLAYLIST_DATA", ROOT.parent / "shared" / "data"))

# What a process may find in the environment; settings of ours must not leak in from outside.
CLEAN_ENVIRONMENT = {name: value for name, value in os.environ.items() if name in ("HOME", "PATH", "TMPDIR", "TZ")}


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real data. The one thing whose absence skips a test."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no shared data: {SHARED_DATA} is not there")
    return SHARED_DATA


def run(program: str, *args: object, env: dict[str, str] | None = None, code: int = 0, timeout: float = 240) -> str:
    """Runs a binary to its end, expects its exit code, and returns its standard output."""
    done = subprocess.run(
        [BINARIES / program, *map(str, args)],
        env=CLEAN_ENVIRONMENT | (env or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == code, f"{program} {args} exited with {done.returncode}, not {code}:\n{done.stdout}{done.stderr}"
    return done.stdout


def train(volume: Path, dataset: Path, env: dict[str, str] | None = None, code: int = 0) -> dict:
    """Trains, settings from the environment as in a Job, and returns the summary."""
    settings = {"DATASET": str(dataset), "MODEL_DIR": str(volume)} | (env or {})
    return json.loads(run("trainer", "--json", env=settings, code=code))


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Lines:
    """The lines that a process writes, as they come."""

    def __init__(self, stream):
        self.seen: list[str] = []
        self._queue: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream):
        for line in stream:
            self._queue.put(line.rstrip("\n"))
        self._queue.put(None)

    def next(self, seconds: float = 30) -> str:
        """The next line; fails at the end, and when none comes in time."""
        try:
            line = self._queue.get(timeout=seconds)
        except queue.Empty:
            line = None
        assert line is not None, "no further line after:\n" + "\n".join(self.seen)
        self.seen.append(line)
        return line


@dataclass
class Recommender:
    """A recommender that runs."""

    address: str
    process: subprocess.Popen

    def playlist(self, *args: object, code: int = 0) -> str:
        """Runs `playlist` against it."""
        return run("playlist", "--server", f"http://{self.address}", *args, code=code)

    def info(self) -> dict:
        """What it says of its model."""
        return json.loads(self.playlist("info", "--json"))


class Recommenders:
    """Starts recommenders, and stops them when the test is over."""

    def __init__(self):
        self._running: list[Recommender] = []

    def start(self, volume: Path, *flags: object, env: dict[str, str] | None = None, listen: str = "127.0.0.1:0") -> Recommender:
        """Starts one with these flags, by default on a free port, and waits until that is open; its model may come later."""
        process = subprocess.Popen(
            [BINARIES / "recommender", "--listen", listen, "--metrics-listen", "127.0.0.1:0", *map(str, flags)],
            env=CLEAN_ENVIRONMENT
            | {"MODEL_DIR": str(volume), "LOG_FORMAT": "json", "POLL_INTERVAL": "100ms", "DRAIN_DELAY": "0s", "POD_NAME": "replica-1"}
            | (env or {}),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        recommender = Recommender("", process)
        self._running.append(recommender)
        log = Lines(process.stderr)
        line = log.next()
        while json.loads(line)["message"] != "serving":
            line = log.next()
        recommender.address = json.loads(line)["address"]
        return recommender

    def start_with_model(self, volume: Path, env: dict[str, str] | None = None) -> Recommender:
        """Starts one and waits until it serves a model."""
        recommender = self.start(volume, env=env)
        eventually(lambda: recommender.info()["model_version"], what="a model in service")
        return recommender

    def stop(self):
        """Stops all as a cluster does, and expects that they take it well."""
        codes = []
        for recommender in self._running:
            recommender.process.send_signal(signal.SIGTERM)
        for recommender in self._running:
            try:
                codes.append(recommender.process.wait(timeout=30))
            finally:
                recommender.process.kill()
        assert codes == [0] * len(codes), "a recommender did not drain"


@pytest.fixture
def recommenders():
    """Recommenders for one test."""
    running = Recommenders()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def sample_volume(tmp_path_factory) -> Path:
    """A volume with a model of the repository's sample; nothing may change it."""
    volume = tmp_path_factory.mktemp("sample") / "volume"
    assert train(volume, SAMPLE)["outcome"] == "published"
    return volume


@pytest.fixture(scope="session")
def sample_service(sample_volume):
    """A recommender that serves the sample."""
    running = Recommenders()
    yield running.start_with_model(sample_volume)
    running.stop()


@pytest.fixture(scope="session")
def stubs(tmp_path_factory):
    """The modules that protoc generates from the contract: messages, and the service."""
    folder = tmp_path_factory.mktemp("stubs")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            f"--proto_path={ROOT / 'proto'}",
            f"--python_out={folder}",
            f"--grpc_python_out={folder}",
            "playlist/v1/playlist.proto",
        ],
        check=True,
    )
    sys.path.insert(0, str(folder))
    from playlist.v1 import playlist_pb2, playlist_pb2_grpc

    yield playlist_pb2, playlist_pb2_grpc
    sys.path.remove(str(folder))


def current(volume: Path) -> str:
    """The version in service, as CURRENT names it."""
    line = (volume / "CURRENT").read_text(encoding="utf-8")
    assert re.fullmatch(r"[0-9A-Za-z._-]+-[0-9a-f]{16}\n", line), line
    return line.strip()


def manifest(volume: Path) -> dict:
    """The manifest of the version in service."""
    return json.loads((volume / "versions" / current(volume) / "manifest.json").read_text(encoding="utf-8"))
