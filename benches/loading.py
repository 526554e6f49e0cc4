"""Programs that serve, what they use of the machine, and load on them: what service.py and soak.py are made of."""

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from typing import IO

from running import RELEASE, ROOT

EXAMPLES = RELEASE / "examples"
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Program:
    """A process that serves, with its children."""

    def __init__(self, process: subprocess.Popen, address: str, log: pathlib.Path):
        self.process, self.address, self.log = process, address, log

    def pids(self) -> list[int]:
        """The process and its children: gunicorn's and uvicorn's workers."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]

    def cpu_seconds(self) -> float:
        """What all threads have spent so far, in user mode and in the kernel."""
        ticks = 0
        for pid in self.pids():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / CLOCK_TICKS

    def resident(self) -> int:
        """Bytes."""
        return int(pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * PAGE

    def open_files(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def threads(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def messages(self) -> list[dict]:
        """What a recommender has logged."""
        lines = self.log.read_text(encoding="utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")]

    def swaps(self) -> list[dict]:
        return [message for message in self.messages() if message["message"] == "model in service"]


def train(dataset: pathlib.Path, volume: pathlib.Path, settings: dict):
    """Publishes what the trainer learns from a dataset, whatever the gate thinks of it."""
    argv = [RELEASE / "trainer", "--publish-anyway", "--log", "warn"]
    environment = {"DATASET": str(dataset), "MODEL_DIR": str(volume)} | settings
    subprocess.run(argv, env=os.environ | environment, check=True, stdout=subprocess.DEVNULL)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextlib.contextmanager
def started(argv: list, address: str, log: pathlib.Path, is_ready, environment: dict | None = None):
    """A program for as long as the context lasts; `is_ready` tells when it serves."""
    with open(log, "wb") as file:
        process = subprocess.Popen(
            [str(arg) for arg in argv], env=os.environ | (environment or {}), stdin=subprocess.DEVNULL, stdout=file, stderr=file
        )
    program = Program(process, address, log)
    try:
        deadline = time.monotonic() + 120
        while not is_ready(program):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{argv[0]} does not serve:\n{log.read_text()}")
            time.sleep(0.05)
        yield program
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def eventually(condition, seconds: float):
    """Waits until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"what was waited for did not come within {seconds:.0f} s")
        time.sleep(0.02)


def is_listening(program: Program) -> bool:
    host, _, port = program.address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def recommender(volume: pathlib.Path, log: pathlib.Path, *args, **environment):
    """A recommender that has its model."""
    address = f"127.0.0.1:{free_port()}"
    argv = [RELEASE / "recommender", "--listen", address, "--metrics-listen", "127.0.0.1:0", "--model-dir", volume]
    settings = {"LOG_FORMAT": "json", "DRAIN_DELAY": "0s"} | environment
    return started([*argv, *args], address, log, lambda program: program.swaps(), settings)


def echo(of: Program, seeds: pathlib.Path, log: pathlib.Path):
    """A tonic server that decodes and encodes the messages of a recommender."""
    address = f"127.0.0.1:{free_port()}"
    argv = [EXAMPLES / "echo", address, f"http://{of.address}", seeds]
    return started(argv, address, log, lambda program: "serving" in program.log.read_text() and is_listening(program))


@dataclasses.dataclass
class Load:
    """A running load generator."""

    process: subprocess.Popen
    # A file, for a pipe that nobody reads holds it up after 64 KiB.
    output: IO[str]

    def stop(self) -> dict:
        """Ends it before its time."""
        self.process.send_signal(signal.SIGINT)
        return self.wait()

    def wait(self) -> dict:
        """All that was measured; with intervals, these are `intervals`."""
        self.process.wait()
        if self.process.returncode:
            raise SystemExit(f"the load generator ended with {self.process.returncode}")
        with self.output:
            self.output.seek(0)
            lines = [json.loads(line) for line in self.output]
        return lines[-1] | {"intervals": lines[:-1]}


def begin_load(address: str, seeds: pathlib.Path, seconds: float, **options) -> Load:
    argv = [EXAMPLES / "load", "--address", address, "--seeds", seeds, "--seconds", seconds]
    for name, value in options.items():
        argv += [f"--{name.replace('_', '-')}", value]
    output = tempfile.TemporaryFile("w+", encoding="utf-8")
    return Load(subprocess.Popen([str(arg) for arg in argv], stdin=subprocess.DEVNULL, stdout=output), output)


def load(program: Program, seeds: pathlib.Path, seconds: float, **options) -> dict:
    """Puts load on a program; adds the CPU time that an answer took of it (`cpu_us`)."""
    running = begin_load(program.address, seeds, seconds, warm_up=1, **options)
    time.sleep(1.5)
    begin, cpu = time.monotonic(), program.cpu_seconds()
    time.sleep(max(seconds - 1, 0.5))
    share = (program.cpu_seconds() - cpu) / (time.monotonic() - begin)
    result = running.wait()
    return result | {"cpu_us": share / result["answers_per_second"] * 1e6 if result["answered"] else 0.0}


def body_of(seeds: pathlib.Path, output: pathlib.Path) -> pathlib.Path:
    """The first set of seeds as the body of a gRPC request, for a load generator that is not ours."""
    songs = json.loads(seeds.open(encoding="utf-8").readline())
    message = b""
    for song in songs:
        text = song.encode()
        assert len(text) < 128, "a length of one byte is all that is needed here"
        # Field 1, with a length.
        message += bytes([0x0A, len(text)]) + text
    output.write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
    return output


def h2load(program: Program, body: pathlib.Path, seconds: int) -> float:
    """Answers a second by h2load (nghttp2), which sends the same body again and again."""
    if not shutil.which("h2load"):
        raise SystemExit("there is no `h2load`; install nghttp2-client")
    argv = ["h2load", "-c4", "-m16", f"--duration={seconds}", "--warm-up-time=1", "-d", body]
    argv += ["-H", "content-type: application/grpc", "-H", "te: trailers"]
    argv += [f"http://{program.address}/playlist.v1.PlaylistService/Recommend"]
    output = subprocess.run([str(arg) for arg in argv], check=True, capture_output=True, text=True).stdout
    failed = re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", output)
    if not failed or any(int(count) for count in failed.groups()):
        raise SystemExit(f"h2load saw failures:\n{output}")
    return float(re.search(r"finished in [^,]+, ([\d.]+) req/s", output)[1])


def python_peer(kind: str, rules: pathlib.Path, log: pathlib.Path):
    """A server of the kind `flask` or `fastapi` with so many workers as there are cores."""
    port = free_port()
    address = f"127.0.0.1:{port}"
    server = {
        "flask": ["gunicorn", "--bind", address, "--worker-class", "gthread", "--threads", 32, "--keep-alive", 60],
        "fastapi": ["uvicorn", "--host", "127.0.0.1", "--port", port, "--no-access-log", "--log-level", "warning"],
    }[kind]
    argv = [sys.executable, "-m", *server, "--workers", os.cpu_count(), f"{kind}_peer:app"]
    environment = {"RULES": str(rules), "PYTHONPATH": str(ROOT / "benches")}
    return started(argv, address, log, is_listening, environment)


def versions(volume: pathlib.Path) -> list[str]:
    return sorted(folder.name for folder in (volume / "versions").iterdir() if not folder.name.startswith("."))


def put_in_service(volume: pathlib.Path, version: str) -> float:
    """Replaces `CURRENT` as the trainer does, and tells when, in Unix time."""
    unfinished = volume / ".CURRENT-of-bench"
    unfinished.write_text(version + "\n")
    unfinished.rename(volume / "CURRENT")
    return time.time()


def store_versions(volume: pathlib.Path, count: int):
    """Stores the model in service again until there are so many versions."""
    missing = count - len(versions(volume))
    if missing > 0:
        subprocess.run([EXAMPLES / "serving_data", "store", volume, str(missing)], check=True, stdout=subprocess.DEVNULL)


def write_seeds(volume: pathlib.Path, output: pathlib.Path, sets: int = 10_000) -> pathlib.Path:
    with open(output, "wb") as file:
        subprocess.run([EXAMPLES / "serving_data", "seeds", volume, str(sets), "5"], check=True, stdout=file)
    return output


class Swaps:
    """Puts the versions of a volume in service in turn, one every so many seconds, until it is stopped."""

    def __init__(self, volume: pathlib.Path, every: float):
        self.published: list[tuple[float, str]] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(volume, every))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        self._thread.join()

    def _run(self, volume: pathlib.Path, every: float):
        names = versions(volume)
        turn = names.index((volume / "CURRENT").read_text().strip())
        while not self._stopped.wait(every):
            turn += 1
            name = names[turn % len(names)]
            self.published.append((put_in_service(volume, name), name))


def delays(published: list[tuple[float, str]], changes: list[dict]) -> list[float]:
    """The seconds from each publication to the first answer of its version, where one came before the next publication."""
    found = []
    for place, (at, version) in enumerate(published):
        until = published[place + 1][0] if place + 1 < len(published) else float("inf")
        first = [it["unix_seconds"] for it in changes if it["version"] == version and at <= it["unix_seconds"] < until]
        found += [first[0] - at] if first else []
    return found
