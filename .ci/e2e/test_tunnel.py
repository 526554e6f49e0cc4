"""`playlist --ssh` opens its tunnel with a real sshd, keeps it as long as it runs, and says which hop fails."""

import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pytest

from conftest import BINARIES, CLEAN_ENVIRONMENT, Lines, free_port, run
from waiting import eventually

SSHD = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin")
SECRET = "a passphrase for tests"


def keygen(file: Path, passphrase: str = ""):
    """A key pair."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", file], check=True, stdin=subprocess.DEVNULL)


@dataclass
class Sshd:
    """An sshd on a port of loopback, and the home of somebody who may log in to it."""

    port: int
    home: Path
    process: subprocess.Popen

    @property
    def host(self) -> str:
        """As `--ssh` takes it."""
        return f"{getpass.getuser()}@127.0.0.1:{self.port}"

    @property
    def env(self) -> dict[str, str]:
        """ssh reads the home of the password database, whatever HOME says: a program on the path tells it where to look."""
        return {"PATH": f"{self.home}/bin:{os.environ['PATH']}"}

    def connections(self) -> list[int]:
        """Processes of sshd that serve somebody."""
        tree = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True, check=False)
        return [int(pid) for pid in tree.stdout.split()]


def start_sshd(folder: Path, *settings: str) -> Sshd:
    """Starts one with a key of its own; whoever has the key in the home may log in."""
    assert SSHD, "there is no sshd; install Debian's openssh-server, as .ci/run end-to-end does"
    home = folder / "home"
    (home / "bin").mkdir(parents=True)
    keygen(folder / "host")
    keygen(home / "key")
    authorized = folder / "authorized"
    authorized.write_text((home / "key.pub").read_text(encoding="utf-8"), encoding="utf-8")
    port = free_port()
    config = folder / "sshd_config"
    config.write_text(
        "\n".join(
            (
                f"Port {port}",
                "ListenAddress 127.0.0.1",
                f"HostKey {folder / 'host'}",
                f"AuthorizedKeysFile {authorized}",
                f"PidFile {folder / 'pid'}",
                "StrictModes no",
                "UsePAM no",
                "PasswordAuthentication no",
                "KbdInteractiveAuthentication no",
                "PermitRootLogin prohibit-password",
                *settings,
                "",
            )
        ),
        encoding="utf-8",
    )
    public = (folder / "host.pub").read_text(encoding="utf-8")
    (home / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}", encoding="utf-8")
    (home / "config").write_text(
        f"UserKnownHostsFile {home}/known_hosts\nGlobalKnownHostsFile none\nIdentityFile {home}/key\nIdentitiesOnly yes\n"
        "IdentityAgent none\n",
        encoding="utf-8",
    )
    wrapper = home / "bin" / "ssh"
    wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {home}/config "$@"\n', encoding="utf-8")
    wrapper.chmod(0o755)
    process = subprocess.Popen([SSHD, "-D", "-e", "-f", config], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    log = Lines(process.stderr)
    while "Server listening on" not in log.next():
        pass
    return Sshd(port, home, process)


@pytest.fixture
def sshd(tmp_path):
    """An sshd for one test."""
    running = start_sshd(tmp_path)
    yield running
    running.process.terminate()
    running.process.wait(timeout=10)


def message(sshd: Sshd, *args: str, host: str | None = None) -> str:
    """What is told when no tunnel can be opened, by the exit code that means so."""
    done = subprocess.run(
        [BINARIES / "playlist", "--ssh", host or sshd.host, *args, "info"],
        env=CLEAN_ENVIRONMENT | sshd.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, ""), done
    return done.stderr


def test_a_command_goes_through_a_tunnel_of_its_own(sshd, sample_service):
    answer = run("playlist", "--ssh", sshd.host, "--forward", sample_service.address, "info", "--json", env=sshd.env)
    assert json.loads(answer)["model_version"]
    eventually(lambda: not sshd.connections(), what="the end of the tunnel")


def test_without_a_target_the_tunnel_leads_to_the_server_as_the_host_sees_it(sshd, sample_service):
    settings = {"PLAYLIST_SSH": sshd.host, "PLAYLIST_SERVER": f"http://{sample_service.address}"}
    assert json.loads(run("playlist", "info", "--json", env=sshd.env | settings))["model_version"]


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_tunnel_ends_with_the_program_however_that_ends(sshd, sample_service, end):
    watch = subprocess.Popen(
        [BINARIES / "playlist", "--ssh", sshd.host, "--forward", sample_service.address, "watch"],
        env=CLEAN_ENVIRONMENT | sshd.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    Lines(watch.stdout).next()
    assert sshd.connections()
    watch.send_signal(end)
    watch.wait(timeout=10)
    eventually(lambda: not sshd.connections(), what="the end of the tunnel")


def test_a_person_is_asked_for_the_passphrase_and_then_has_the_prompt(sshd, sample_service):
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", SECRET, "-f", sshd.home / "key"], check=True, capture_output=True)
    terminal = pexpect.spawn(
        str(BINARIES / "playlist"),
        ["--ssh", sshd.host, "--forward", sample_service.address],
        env=CLEAN_ENVIRONMENT | sshd.env | {"TERM": "xterm", "NO_COLOR": "1"},
        encoding="utf-8",
        timeout=30,
    )
    terminal.expect("Enter passphrase for key")
    terminal.sendline(SECRET)
    terminal.expect("tunnel: http://127.0.0.1:")
    for answers in range(2):
        terminal.expect("playlist.*> ")
        terminal.sendline("Unforgettable" if answers == 0 else "HUMBLE.")
        terminal.expect("playlist.*> ")
        terminal.sendline("/send 1")
        terminal.expect("API version: ")
        terminal.expect("1 [^ ]")
        # As Ctrl-C while an answer is awaited: it goes to all in the foreground, and the tunnel goes on.
        os.killpg(terminal.pid, signal.SIGINT)
    terminal.sendline("/quit")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    eventually(lambda: not sshd.connections(), what="the end of the tunnel")


def test_nobody_is_asked_where_nobody_can_answer(sshd, sample_service):
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", SECRET, "-f", sshd.home / "key"], check=True, capture_output=True)
    told = message(sshd, "--forward", sample_service.address)
    assert "first hop" in told and "refused the login" in told, told
    assert "a key must be in the agent" in told, told


def test_a_tunnel_that_ends_on_the_way_is_told_and_opened_again(sshd, sample_service):
    prompt = pexpect.spawn(
        str(BINARIES / "playlist"),
        ["--ssh", sshd.host, "--forward", sample_service.address],
        env=CLEAN_ENVIRONMENT | sshd.env | {"HOME": str(sshd.home), "TERM": "xterm"},
        encoding="utf-8",
        dimensions=(50, 160),
        timeout=30,
    )
    prompt.expect_exact("playlist> ")
    prompt.send("Unforgettable\r")
    prompt.expect_exact("playlist[1]> ")
    prompt.send("/se")
    for pid in sshd.connections():
        os.kill(pid, signal.SIGTERM)
    prompt.expect_exact(f"(the tunnel through {getpass.getuser()}@127.0.0.1 (port {sshd.port}) has ended")
    prompt.expect_exact("is open again)")
    # The line is as it was, and what it asks for comes through the same port.
    prompt.send("nd\r")
    prompt.expect_exact("API version: ")
    prompt.expect_exact("10 ")
    prompt.send("/quit\r")
    prompt.expect(pexpect.EOF)
    prompt.close()
    assert prompt.exitstatus == 0


def test_a_tunnel_that_ended_is_tried_again_until_the_host_is_back(sshd, sample_service, tmp_path):
    watch = subprocess.Popen(
        [BINARIES / "playlist", "--ssh", sshd.host, "--forward", sample_service.address, "watch"],
        env=CLEAN_ENVIRONMENT | sshd.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    Lines(watch.stdout).next()
    log = Lines(watch.stderr)
    connections = sshd.connections()
    sshd.process.terminate()
    sshd.process.wait(timeout=10)
    for pid in connections:
        os.kill(pid, signal.SIGTERM)
    while "nothing listens for ssh" not in (line := log.next()):
        assert "open again" not in line
    again = subprocess.Popen([SSHD, "-D", "-e", "-f", tmp_path / "sshd_config"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while "is open again" not in log.next():
            pass
    finally:
        watch.kill()
        watch.wait(timeout=10)
        again.terminate()
        again.wait(timeout=10)


def test_each_hop_that_fails_is_named(sshd, sample_service, tmp_path):
    nowhere = free_port()
    user = getpass.getuser()
    for host, forward, words in (
        (f"{user}@nowhere.invalid", sample_service.address, ("first hop", "cannot be resolved")),
        (f"{user}@127.0.0.1:{nowhere}", sample_service.address, ("first hop", "nothing listens for ssh", str(nowhere))),
        (f"nobody-of-that-name@127.0.0.1:{sshd.port}", sample_service.address, ("first hop", "refused the login", "ssh -p")),
        (sshd.host, f"127.0.0.1:{nowhere}", ("second hop", f"nothing listens at 127.0.0.1:{nowhere}", "--forward <cluster-ip>")),
        (sshd.host, "nowhere.invalid:52023", ("second hop", "cannot resolve")),
    ):
        told = message(sshd, "--forward", forward, host=host)
        assert all(word in told for word in words), told
        assert "cause: ssh: " in told and "hint: " in told, told


def test_an_unknown_key_and_a_changed_one_are_told_apart(sshd, sample_service, tmp_path):
    known = sshd.home / "known_hosts"
    other = tmp_path / "other"
    keygen(other)
    known.write_text(f"[127.0.0.1]:{sshd.port} {other.with_suffix('.pub').read_text(encoding='utf-8')}", encoding="utf-8")
    told = message(sshd, "--forward", sample_service.address)
    assert "first hop" in told and "has another key than it had before" in told, told
    known.write_text("", encoding="utf-8")
    told = message(sshd, "--forward", sample_service.address)
    assert "first hop" in told and "is not known here" in told, told


def test_a_host_that_forbids_forwarding_is_to_blame(tmp_path, sample_service):
    strict = start_sshd(tmp_path, "AllowTcpForwarding no")
    try:
        told = message(strict, "--forward", sample_service.address)
    finally:
        strict.process.terminate()
        strict.process.wait(timeout=10)
    assert "second hop" in told and "does not allow" in told, told


def test_a_service_that_is_silent_behind_the_tunnel_is_told(sshd):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        told = message(sshd, "--forward", address, "--timeout", "1s")
    assert "second hop" in told and f"the service at {address} does not answer" in told, told
    # Not twice the timeout, and what ssh may add.
    assert time.monotonic() - began < 10


def test_a_tunnel_without_a_host_is_misuse(sample_service):
    done = subprocess.run(
        [BINARIES / "playlist", "--forward", sample_service.address, "info"],
        env=CLEAN_ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and "--ssh" in done.stderr, done.stderr


def test_a_probe_goes_through_the_tunnel_with_each_of_its_connections(sshd, sample_service):
    probed = run(
        "playlist",
        *("--ssh", sshd.host, "--forward", sample_service.address),
        *("probe", "--new-connection", "--duration", "2s", "--json", "Unforgettable"),
        env=sshd.env,
    )
    report = json.loads(probed)
    assert (report["requests"], report["failed"]) == (20, 0)
