"""What compare.py and quality.py run programs with, and how they show what came of it."""

import datetime
import json
import math
import os
import pathlib
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
RELEASE = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
WORK = ROOT / "target" / "benches"
MIB = 1 << 20
REAL_DATA = pathlib.Path(os.environ.get("PLAYLIST_DATA", ROOT.parent / "shared" / "data"))


class Cut(Exception):
    """A program took longer than it may."""


def run(argv: list, timeout: float, environment: dict | None = None) -> dict:
    """The JSON that a program prints, with the seconds (`wall`) and the peak memory in bytes (`process_peak`) of its process."""
    with tempfile.TemporaryFile() as output:
        begin = time.perf_counter()
        process = subprocess.Popen(
            [str(arg) for arg in argv], stdin=subprocess.DEVNULL, stdout=output, env=os.environ | (environment or {})
        )
        # `wait4` has no time limit, and nothing else tells the memory of one child.
        late = threading.Event()

        def end():
            late.set()
            process.send_signal(signal.SIGKILL)

        timer = threading.Timer(timeout, end)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        if late.is_set():
            raise Cut(f"more than {timeout:.0f} s")
        if process.returncode:
            raise SystemExit(f"{' '.join(map(str, argv))} ended with {process.returncode}")
        output.seek(0)
        result = json.loads(output.read())
    return result | {"wall": wall, "process_peak": usage.ru_maxrss * 1024}


def real(path: str) -> pathlib.Path:
    found = REAL_DATA / path
    if not found.exists():
        raise SystemExit(f"there is no `{found}`; name the folder of the real data with PLAYLIST_DATA")
    return found


def measure(*args) -> list:
    return [RELEASE / "examples" / "measure", *args]


def peer(*args) -> list:
    return [sys.executable, ROOT / "benches" / "peers.py", *args]


def train(dataset, timeout: float, **settings) -> dict:
    """A whole run of the trainer into a fresh folder."""
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        environment = {"DATASET": str(dataset), "MODEL_DIR": folder + "/volume"}
        environment |= {name.upper(): str(value) for name, value in settings.items()}
        return run([RELEASE / "trainer", "--json", "--log", "warn"], timeout, environment)


def seconds(result: dict) -> float:
    """Of the operation alone, where the program tells them."""
    return min(result["seconds"]) if "seconds" in result else result["wall"]


def operation_memory(result: dict) -> int:
    """What an operation adds to its process at the peak; what adds nothing, takes a page."""
    return max(result["peak"] - result["before"], 4096)


def process_memory(result: dict) -> int:
    """The peak of a whole process. The kernel counts what this script has as its child's, too: some 16 MiB, below which nothing shows."""
    return result["process_peak"]


def in_turn(programs: dict, rounds: int, slow: float = math.inf) -> tuple[dict, dict]:
    """Runs the programs one after the other, several times; ours is the first.

    Returns the results by name, and why a program was cut. A peer that needs `slow` times as long as the fastest has one round alone.
    """
    results = {name: [] for name in programs}
    cut = {}
    for turn in range(rounds):
        fastest = min((seconds(found[0]) for found in list(results.values())[1:] if found), default=math.inf)
        for name, program in programs.items():
            ours = name == next(iter(programs))
            if name in cut or (turn and not ours and seconds(results[name][0]) > slow * fastest):
                continue
            try:
                results[name].append(program())
            except Cut as error:
                if ours:
                    raise
                cut[name] = str(error)
    return results, cut


def ratios(ours: list, theirs: list, value) -> list[float]:
    """How many times as much theirs takes as ours, round by round."""
    return [value(peer) / value(own) for own, peer in zip(ours, theirs, strict=False)]


def shown_ratios(found: list[float]) -> str:
    median = statistics.median(found)
    digits = 0 if median >= 100 else 1 if median >= 10 else 2
    return f"{median:.{digits}f} ({min(found):.{digits}f}–{max(found):.{digits}f})"


def shown_seconds(results: list, value=seconds) -> str:
    if not results:
        return "–"
    found = statistics.median(map(value, results))
    return f"{found:.4f}" if found < 0.1 else f"{found:.3f}" if found < 10 else f"{found:.1f}"


def shown_mib(results: list, value) -> str:
    return f"{statistics.median(map(value, results)) / MIB:,.1f}" if results else "–"


def yes(reached: bool) -> str:
    return "yes" if reached else "**no**"


def equal(ours: dict, theirs: dict, *names: str) -> str:
    """Whether the outputs are the same; a comparison of speed is worth nothing otherwise."""
    differing = [f"{name}: {ours[name]} and {theirs[name]}" for name in names if ours[name] != theirs[name]]
    return "**differs**: " + "; ".join(differing) if differing else "yes"


def table(rows: list[dict]) -> str:
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    lines += ["| " + " | ".join(str(row[name]) for name in names) + " |" for row in rows]
    return "\n".join(lines)


def machine() -> str:
    """What the figures depend on."""

    def output(*argv: str) -> str:
        return subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()

    def line(file: str, name: str) -> str:
        lines = pathlib.Path(file).read_text().splitlines()
        return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "unknown")

    changed = " with changes" if output("git", "status", "--porcelain", "--untracked-files=no") else ""
    kibibytes = int(line("/proc/meminfo", "MemTotal").split()[0])
    return (
        f"{line('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores, {kibibytes / MIB:.0f} GiB, Linux {platform.release()}, "
        f"{output('rustc', '--version')}, Python {platform.python_version()}; "
        f"commit {output('git', 'rev-parse', '--short=12', 'HEAD')}{changed}, {datetime.date.today().isoformat()}, "
        f"load {os.getloadavg()[0]:.1f} at the start."
    )
