"""Containers from the images, in a network of their own with a name server and a web server."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "demo" / "sample" / "playlists.csv"
# Addresses that are set aside for documentation: they lead nowhere but in the network that is made here.
RESOLVER, WEB, SERVICE = "192.0.2.53", "192.0.2.80", "192.0.2.52"
NAMES = {"datasets.test": WEB, "recommender.test": SERVICE}
NOBODY = 65532


def command(*args: object, code: int = 0, timeout: float = 120) -> subprocess.CompletedProcess:
    """Runs a command and expects its exit code."""
    done = subprocess.run(
        list(map(str, args)), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == code, f"{args} exited with {done.returncode}, not {code}:\n{done.stdout}{done.stderr}"
    return done


def image(name: str) -> str:
    """The image of a program, as .ci/images/build tags it."""
    return f"localhost/playlist-recommender/{name}:{os.environ['IMAGE_VERSION']}"


@dataclass
class Network:
    """A network namespace with a name server and a web server."""

    name: str
    folder: Path
    log: Path
    _server: subprocess.Popen = field(repr=False)

    def said(self) -> str:
        """What the servers were asked."""
        return self.log.read_text(encoding="utf-8")

    def stop(self):
        """Ends the servers, and removes the network."""
        self._server.terminate()
        self._server.wait(timeout=10)
        command("ip", "netns", "delete", self.name)


def certificates(folder: Path, trust: Path):
    """An authority, and a certificate of its own for the web server."""
    authority, key, server = folder / "authority.pem", folder / "authority.key", folder / "server"
    new = ("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-sha256")
    command(*new, "-x509", "-days", "2", "-subj", "/CN=an authority for tests", "-keyout", key, "-out", authority)
    command(*new, "-subj", "/CN=datasets.test", "-keyout", f"{server}.key", "-out", f"{server}.csr")
    extensions = folder / "extensions"
    extensions.write_text("subjectAltName=DNS:datasets.test\nbasicConstraints=CA:FALSE\n", encoding="utf-8")
    sign = ("openssl", "x509", "-req", "-sha256", "-days", "2", "-CAcreateserial", "-CA", authority, "-CAkey", key)
    command(*sign, "-in", f"{server}.csr", "-extfile", extensions, "-out", f"{server}.crt")
    texts = [Path(f"{server}.{part}").read_text(encoding="utf-8") for part in ("crt", "key")]
    (folder / "server.pem").write_text("".join(texts), encoding="utf-8")
    trust.mkdir()
    shutil.copy(authority, trust / "ca.crt")


@pytest.fixture(scope="session")
def network(tmp_path_factory):
    """The network in which all containers of the tests are. It leads nowhere else."""
    folder = tmp_path_factory.mktemp("network")
    (folder / "web").mkdir()
    certificates(folder / "web", folder / "trust")
    shutil.copy(SAMPLE, folder / "web" / "playlists.csv")
    name = f"playlist-images-{os.getpid()}"
    command("ip", "netns", "add", name)
    command("ip", "-n", name, "link", "set", "lo", "up")
    for address in (RESOLVER, WEB, SERVICE):
        command("ip", "-n", name, "address", "add", f"{address}/32", "dev", "lo")
    log = folder / "log"
    with log.open("w", encoding="utf-8") as file:
        server = subprocess.Popen(
            ["ip", "netns", "exec", name, sys.executable, Path(__file__).with_name("servers.py"), f"{RESOLVER}="]
            + [f"{address}={host}" for host, address in NAMES.items()]
            + [WEB, folder / "web"],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    running = Network(name, folder, log, server)
    try:
        eventually(lambda: "serving\n" in running.said() or server.poll() is not None, what="the servers")
        assert server.poll() is None, running.said()
        yield running
    finally:
        running.stop()


@dataclass
class Containers:
    """Runs the images as a cluster does: nobody's user, no capability, nothing to write to but the volume."""

    network: Network
    _running: list[str] = field(default_factory=list)

    def arguments(self, *options: object) -> list[object]:
        """What all containers have in common."""
        return [
            "podman",
            "--runtime=runc",
            "run",
            "--pull=never",
            "--read-only",
            "--read-only-tmpfs=false",
            "--cap-drop=all",
            "--security-opt=no-new-privileges",
            # More than by default may be forbidden to whoever runs the tests.
            "--ulimit=nofile=1024:1024",
            "--ulimit=nproc=1024:1024",
            f"--network=ns:/run/netns/{self.network.name}",
            f"--dns={RESOLVER}",
            "--dns-search=.",
            *options,
        ]

    def run(self, name: str, *args: object, options: tuple = (), code: int = 0) -> subprocess.CompletedProcess:
        """Runs a program of an image to its end."""
        return command(*self.arguments("--rm", *options), image(name), *args, code=code)

    def start(self, name: str, *args: object, options: tuple = ()) -> str:
        """Starts one in the background; it is stopped after the test."""
        container = command(*self.arguments("--detach", *options), image(name), *args).stdout.strip()
        self._running.append(container)
        return container

    def stop(self, container: str) -> int:
        """Stops one as a cluster does, and tells its exit code."""
        command("podman", "stop", "--time=40", container)
        return json.loads(command("podman", "inspect", container).stdout)[0]["State"]["ExitCode"]

    def remove(self):
        """Removes what was started."""
        for container in self._running:
            command("podman", "rm", "--force", "--time=0", container)


@pytest.fixture
def containers(network):
    """Containers for one test."""
    running = Containers(network)
    yield running
    running.remove()


@pytest.fixture
def volume(tmp_path) -> Path:
    """A folder that the images' user may write to, as `fsGroup` makes it in a cluster."""
    folder = tmp_path / "volume"
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    # Somebody else's folders above would keep that user out.
    for parent in folder.parents:
        if parent.stat().st_mode & 0o001 == 0:
            parent.chmod(parent.stat().st_mode | 0o011)
    return folder
