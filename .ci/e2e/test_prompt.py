"""`playlist` on a pseudo-terminal, typed at as a person types; and on a pipe."""

import json
import re
import subprocess

import pexpect
import pytest

from conftest import BINARIES, CLEAN_ENVIRONMENT, current

PROMPT = r"playlist(\[\d+\])?> "
# What a terminal obeys and does not show.
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]")


class Terminal:
    """A person at the prompt."""

    def __init__(self, address: str, home: str):
        self._child = pexpect.spawn(
            str(BINARIES / "playlist"),
            ["--server", f"http://{address}"],
            env=CLEAN_ENVIRONMENT | {"HOME": home, "TERM": "xterm", "TZ": "America/Sao_Paulo"},
            encoding="utf-8",
            dimensions=(50, 160),
            timeout=20,
        )
        self.greeting = self._until_prompt()

    def _until_prompt(self) -> str:
        self._child.expect(PROMPT)
        return ESCAPES.sub("", self._child.before).replace("\r", "")

    def type(self, line: str) -> str:
        """Types a line and returns what is shown until the next prompt."""
        # The line is echoed, each time from its beginning, with the prompt before it.
        self._child.send(line)
        self._child.expect_exact(line)
        self._child.send("\r")
        # What stood beside the line is taken away before it ends: the prompt is drawn once more.
        self._child.expect_exact("\n")
        return self._until_prompt()

    def press(self, keys: str) -> None:
        """Presses keys that end no line."""
        self._child.send(keys)

    def sees(self, pattern: str) -> str:
        """Waits until this is shown."""
        self._child.expect(pattern)
        return self._child.after

    def leave(self, line: str) -> int:
        """Types the last line, and returns the exit code."""
        self._child.send(line)
        self._child.expect(pexpect.EOF)
        self._child.close()
        return self._child.exitstatus


@pytest.fixture
def terminal(sample_service, tmp_path):
    return Terminal(sample_service.address, str(tmp_path))


def test_songs_are_typed_and_sent_as_in_the_original(terminal):
    assert "/send" in terminal.greeting
    terminal.type("Unforgettable")
    answer = terminal.type("/send").strip().splitlines()
    answer = answer[answer.index(next(line for line in answer if line.startswith("API version: "))) :]
    assert re.fullmatch(r"API version: \d+\.\d+\.\d+\S*", answer[0])
    # The prompt shows local time with its offset; São Paulo is three hours behind all year.
    assert re.fullmatch(r"Latest Model Update Date: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?-03:00", answer[1])
    assert answer[2] == "Songs:"
    numbers = [re.match(r"(\d+) \S", line) for line in answer[3:]]
    assert [int(number[1]) for number in numbers if number] == list(range(1, 11))
    assert not any(re.match(r"\d+ Unforgettable\b", line) for line in answer[3:])
    assert terminal.leave("/quit\r") == 0


def test_the_list_of_songs_can_be_changed(terminal):
    terminal.type("Unforgettable")
    terminal.type("HUMBLE.")
    assert "1 Unforgettable" in terminal.type("/list")
    terminal.type("/remove 1")
    listed = terminal.type("/list")
    assert "1 HUMBLE." in listed
    assert "Unforgettable" not in listed
    terminal.type("/clear")
    assert "HUMBLE." not in terminal.type("/list")
    assert "Dataset" in terminal.type("/info")
    for command in ("/send", "/list", "/remove", "/clear", "/info", "/quit"):
        assert command in terminal.type("/help")
    assert terminal.leave("\x04") == 0


def test_a_misspelt_song_brings_what_may_have_been_meant(terminal):
    terminal.type("Unforgetable")
    assert "Unforgettable" in terminal.type("/send")


def test_the_tabulator_completes_a_song(terminal):
    terminal.press("Unforg\t")
    assert terminal.sees("Unforgettable")


def test_a_pipe_gets_the_answer_without_prompts_or_colours(sample_service, sample_volume):
    done = subprocess.run(
        [BINARIES / "playlist", "--server", f"http://{sample_service.address}"],
        input="Unforgettable\n/send\n",
        env=CLEAN_ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.startswith("API version: ")
    assert "\x1b" not in done.stdout + done.stderr
    assert "playlist>" not in done.stdout
    answer = json.loads(sample_service.playlist("recommend", "Unforgettable", "--json", "--limit", 3))
    assert answer["model_version"] == current(sample_volume)
    assert len(answer["songs"]) == 3


def test_a_closed_port_says_how_to_open_a_tunnel():
    done = subprocess.run(
        [BINARIES / "playlist", "--server", "http://127.0.0.1:1", "info"],
        stdin=subprocess.DEVNULL,
        env=CLEAN_ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 3
    assert re.search(r"ssh .*-L 52023:\S+:52023", done.stderr)
    assert "port-forward service/playlist-recommender 52023" in done.stderr
