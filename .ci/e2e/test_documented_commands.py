"""Every command of the README and the documents is run as it stands there, or says why it is not.

A block that no test can run has a first line `# not run by a test: WHY`, which readers see. All others are run by bash, document by
document and in order, in a folder that shows the repository's files, against a recommender that serves the sample.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import BINARIES, CLEAN_ENVIRONMENT, ROOT, TARGET, free_port, run

sys.path.insert(0, str(ROOT / ".ci" / "docs"))

from pages import CODE, all_pages, split_at_fences

COMMANDS = ("sh", "bash", "console", "python")
OTHERS = ("text", "rust", "yaml", "toml", "json", "http", "html", "js", "proto")
PROGRAMS = ("playlist", "trainer", "recommender")
NOT_RUN = re.compile(r"# not run by a test: \S")
# What looks like a command at the beginning of a line.
LOOKS_LIKE_A_COMMAND = re.compile(r"\$ |(playlist|trainer|recommender|grpcurl|curl|wget|kubectl|cargo|docker|git|python3?|openssl|ssh|argocd) -?\w")

# Commands that are run elsewhere: the file and what runs them there.
ELSEWHERE = {
    "cargo demo": (".ci/run", "cargo demo </dev/null"),
    "cargo test --workspace": (".ci/run", "cargo test --workspace --locked"),
}

# What is run a little differently here: programs that end only when they are told to, and what takes minutes.
DURATION = re.compile(r"--duration \d+m\b")
PRELUDE = r"""
playlist() {
    case " $* " in
    *' watch '*)
        local shown
        shown=$(timeout 2 playlist "$@" || [ $? -eq 124 ])
        [ -n "$shown" ]
        ;;
    *) command playlist "$@" ;;
    esac
}
recommender() {
    command recommender "$@" 2>recommender.log &
    echo $! >>"$STARTED"
    until grep -q ' model in service ' recommender.log; do
        kill -0 $! || { cat recommender.log >&2; return 1; }
        sleep 0.05
    done
}
# An answer that is an error is a failure.
curl() {
    command curl --fail-with-body "$@"
}
# Where the crates are the same ones as those that are built already.
cargo() {
    (cd "$ROOT" && command cargo "$@")
}
"""


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def script(self) -> str:
        """Its commands; of a session those after the `$ `."""
        if self.language != "console":
            return self.text
        return "".join(line[2:] + "\n" for line in self.text.splitlines() if line.startswith(("$ ", "> ")))


def blocks_of(page: Path) -> list[Block]:
    """All blocks of a document, in order."""
    found, line = [], 1
    for fenced, piece in split_at_fences(page.read_text(encoding="utf-8")):
        if fenced:
            first, *rest = piece.splitlines(keepends=True)
            indent = len(first) - len(first.lstrip())
            language = re.match(r"\w*", first.strip(" `~\n"))[0]
            found.append(Block(page, line, language, "".join(each[indent:] if each.strip() else each for each in rest[:-1])))
        line += piece.count("\n")
    return found


PAGES = all_pages()
BLOCKS = [block for page in PAGES for block in blocks_of(page)]
TO_RUN = [block for block in BLOCKS if block.language in COMMANDS and not NOT_RUN.match(block.text)]


def test_every_block_says_what_it_is():
    """So that no command hides in it."""
    unknown = [f"{block}: the language `{block.language}`" for block in BLOCKS if block.language not in COMMANDS + OTHERS]
    assert not unknown, f"a block is one of {', '.join(COMMANDS + OTHERS)}:\n" + "\n".join(unknown)
    hidden = [
        f"{block}: {line}"
        for block in BLOCKS
        if block.language == "text" and "playlist> " not in block.text
        for line in block.text.splitlines()
        if LOOKS_LIKE_A_COMMAND.match(line)
    ] + [
        f"{page.relative_to(ROOT)}: {line.strip()}"
        for page in PAGES
        for fenced, piece in split_at_fences(page.read_text(encoding="utf-8"))
        for line in piece.splitlines()
        if not fenced and line.startswith("    ") and LOOKS_LIKE_A_COMMAND.match(line.strip())
    ]
    assert not hidden, "commands stand in a block `sh` or `console`, so that they are run:\n" + "\n".join(hidden)


@pytest.mark.parametrize("command", ELSEWHERE)
def test_what_is_run_elsewhere_is_run_there(command):
    file, how = ELSEWHERE[command]
    assert how in (ROOT / file).read_text(encoding="utf-8")
    assert any(runs_elsewhere(line) == command for block in TO_RUN for line in block.script.splitlines()), f"no document has `{command}` any more"


def runs_elsewhere(line: str) -> str | None:
    """The command of `ELSEWHERE` that the line is, but for a remark at its end."""
    command = re.sub(r"\s+#.*", "", line).strip()
    return command if command in ELSEWHERE else None


@pytest.fixture(scope="session")
def home(tmp_path_factory) -> Path:
    """A home where nobody has been yet."""
    return tmp_path_factory.mktemp("home")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", sorted({block.page for block in TO_RUN}), ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_document_do_what_they_say(page, tmp_path, home, sample_volume, sample_service):
    # Files that commands write are written here, and files of the repository are found here.
    folder = tmp_path / "here"
    folder.mkdir()
    for entry in ROOT.iterdir():
        (folder / entry.name).symlink_to(entry)
    blocks = [block for block in TO_RUN if block.page == page]
    started = tmp_path / "started"
    started.touch()
    # A document that starts a recommender asks that one.
    own = any(re.search(r"^recommender ", block.script, re.MULTILINE) for block in blocks)
    port = str(free_port()) if own else sample_service.address.rpartition(":")[2]
    environment = CLEAN_ENVIRONMENT | {
        "HOME": str(home),
        "PATH": f"{BINARIES}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PLAYLIST_SERVER": f"http://localhost:{port}",
        "LISTEN": f"127.0.0.1:{port}",
        "METRICS_LISTEN": "127.0.0.1:0",
        "MODEL_DIR": str(sample_volume),
        "DRAIN_DELAY": "0s",
        "STARTED": str(started),
        "ROOT": str(ROOT),
        "CARGO_TARGET_DIR": str(ROOT / TARGET),
        "CARGO_HOME": os.environ.get("CARGO_HOME", str(Path.home() / ".cargo")),
        "RUSTUP_HOME": os.environ.get("RUSTUP_HOME", str(Path.home() / ".rustup")),
    }
    try:
        for block in blocks:
            run_block(block, port, folder, environment)
    finally:
        for process in started.read_text(encoding="utf-8").split():
            os.kill(int(process), signal.SIGTERM)


def run_block(block: Block, port: str, folder: Path, environment: dict[str, str]) -> None:
    """Runs a block to its end, and expects that each of its commands succeeds."""
    script = "".join(line + "\n" for line in block.script.splitlines() if not runs_elsewhere(line))
    script = DURATION.sub("--duration 2s", script.replace("52023", port))
    if block.language == "python":
        interpreter = [sys.executable, "-c", script]
    else:
        interpreter = ["bash", "-euo", "pipefail", "-c", f"{PRELUDE}\nset -x\n{script}"]
    # What a block leaves running keeps no pipe open that is read here.
    with (folder.parent / "output").open("w+", encoding="utf-8") as output:
        done = subprocess.run(
            interpreter, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=240, check=False
        )
        output.seek(0)
        told = output.read()
    if done.returncode != 0:
        what_to_do = "mend them, or write `# not run by a test: WHY` as the first line of the block"
        pytest.fail(f"{block}: the commands end with {done.returncode}; {what_to_do}\n{block.text}\n{told[-4000:]}", pytrace=False)


@pytest.mark.parametrize("block", [block for block in BLOCKS if re.search(r"^playlist> ", block.text, re.MULTILINE)], ids=str)
def test_a_session_at_the_prompt_shows_what_the_document_shows(block, sample_service):
    lines = block.text.splitlines()
    typed = [match[1] for line in lines if (match := re.match(r"playlist(?:\[\d+\])?> (.*)", line))]
    expected = [line for line in lines if not re.match(r"playlist(\[\d+\])?> |\$ ", line)]
    done = subprocess.run(
        [BINARIES / "playlist", "--server", f"http://{sample_service.address}"],
        input="\n".join(typed) + "\n",
        env=CLEAN_ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    shown = done.stdout + done.stderr
    # A line `…` stands for any that are left out.
    wanted = r"\n".join(re.escape(line) if line != "…" else r"(?s:.*?)" for line in comparable("\n".join(expected)))
    if not re.fullmatch(wanted, "\n".join(comparable(shown))):
        pytest.fail(f"{block}: the document shows\n{block.text}\nand the prompt\n{shown}", pytrace=False)


def comparable(shown: str) -> list[str]:
    """The lines without what depends on the day and on widths."""
    shown = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d:\d\d|Z)", "DATE", shown)
    return [" ".join(line.split()) for line in shown.splitlines() if line.strip()]


def settings(*command: str) -> set[str]:
    """The flags that `--help` of a command tells."""
    return set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", run(*command, "--help"))) | {"--version"}


def test_flags_that_the_text_names_exist():
    """Of commands in the middle of a sentence, which are not run."""
    known = {program: settings(program) for program in PROGRAMS}
    subcommands = {program: set(re.findall(r"^  ([a-z-]+)  ", run(program, "--help"), re.MULTILINE)) for program in PROGRAMS}
    wrong = []
    for page in PAGES:
        for fenced, piece in split_at_fences(page.read_text(encoding="utf-8")):
            for _, code in [] if fenced else CODE.findall(piece):
                if not re.match(rf"({'|'.join(PROGRAMS)}) [\w-]", code) or "…" in code:
                    continue
                program, *arguments = shlex.split(code.replace("\n", " "))
                flags = set(known[program])
                for argument in arguments:
                    if argument in subcommands[program]:
                        flags |= settings(program, argument)
                wrong += [f"{page.relative_to(ROOT)}: `{code}`: {flag}" for flag in arguments if flag.startswith("--") and flag.split("=")[0] not in flags]
    assert not wrong, "there are no such flags:\n" + "\n".join(wrong)
