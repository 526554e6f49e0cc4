"""The images: small, labelled, one static binary each, and able to do their work as a cluster runs them."""

import json
import os
import tomllib

import pytest

from conftest import NOBODY, ROOT, SERVICE, command, image
from waiting import eventually

VERSION = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["workspace"]["package"]["version"]
PROGRAMS = {"trainer": "trainer", "recommender": "recommender", "playlist": "cli"}
LARGEST = 30_000_000
URL = "https://datasets.test/playlists.csv"


def trust(containers) -> tuple:
    """Options by which a container trusts the authority of the web server."""
    return (f"--volume={containers.network.folder / 'trust'}:/trust:ro", "--env=SSL_CERT_FILE=/trust/ca.crt")


def train(containers, volume, *options: str, dataset: str = URL, code: int = 0):
    """Runs the trainer as the Job does, settings from the environment."""
    settings = (f"--volume={volume}:/model", "--env=MODEL_DIR=/model", f"--env=DATASET={dataset}")
    return containers.run("trainer", "--json", options=(*settings, *options), code=code)


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_image_is_small_and_labelled_and_has_an_unprivileged_user(program):
    (details,) = json.loads(command("podman", "image", "inspect", image(program)).stdout)
    print(f"{program}: {details['Size']} bytes uncompressed")
    assert 1_000_000 < details["Size"] <= LARGEST
    assert details["User"] == f"{NOBODY}:{NOBODY}"
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in details["Labels"].items()}
    assert labels["title"] == program and labels["description"]
    assert labels["version"] == VERSION
    assert labels["revision"] == os.environ["IMAGE_REVISION"]
    assert labels["source"] == os.environ["IMAGE_SOURCE"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_image_holds_one_program_and_nothing_else(program, tmp_path):
    container = command("podman", "create", "--pull=never", image(program)).stdout.strip()
    try:
        command("podman", "export", "--output", tmp_path / "files.tar", container)
    finally:
        command("podman", "rm", container)
    names = command("tar", "--list", "--verbose", "--file", tmp_path / "files.tar").stdout.splitlines()
    files = [line.split()[-1] for line in names if line.startswith("-") and line.split()[2] != "0"]
    assert files == [program]
    # No dataset, no model, and nothing that would have to be there besides.
    command("tar", "--extract", "--directory", tmp_path, "--file", tmp_path / "files.tar", program)
    assert "INTERP" not in command("readelf", "--program-headers", tmp_path / program).stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_version_tells_version_and_revision(program, containers):
    printed = containers.run(program, "--version").stdout
    assert printed == f"{program} {VERSION} ({os.environ['IMAGE_REVISION']})\n"


def test_a_name_is_resolved_and_its_server_verified_and_the_model_published(containers, volume):
    summary = json.loads(train(containers, volume, *trust(containers)).stdout)
    assert summary["outcome"] == "published"
    said = containers.network.said()
    assert "query datasets.test 1\n" in said
    assert "GET /playlists.csv" in said
    files = [path for path in volume.rglob("*") if path.is_file()]
    assert volume / "CURRENT" in files
    assert {path.stat().st_uid for path in files} == {NOBODY}


def test_a_server_is_refused_whose_authority_is_not_trusted(containers, volume):
    told = train(containers, volume, code=1).stderr
    assert "certificate" in told and "datasets.test" in told, told
    assert not (volume / "CURRENT").exists()


def test_a_name_that_does_not_exist_is_told(containers, volume):
    told = train(containers, volume, *trust(containers), dataset="https://nowhere.test/playlists.csv", code=1).stderr
    assert "nowhere.test" in told, told
    assert "query nowhere.test 1\n" in containers.network.said()


def test_what_one_container_trains_the_other_serves_and_the_third_shows(containers, volume):
    served = containers.start("recommender", options=(f"--volume={volume}:/model:ro", "--env=MODEL_DIR=/model", "--env=DRAIN_DELAY=0s"))
    ask = ("--server=http://recommender.test:52023", "--timeout=20s")

    def model() -> str:
        return json.loads(containers.run("playlist", *ask, "info", "--json").stdout)["model_version"]

    # Before the first training it is alive and has no model.
    assert model() == ""
    train(containers, volume, *trust(containers))
    name = (volume / "CURRENT").read_text(encoding="utf-8").strip()
    eventually(lambda: model() == name, what="the trained model")
    songs = containers.run("playlist", *ask, "recommend", "Unforgettable", "--limit=3").stdout
    assert songs.startswith(f"API version: {VERSION}\n"), songs
    assert f"query recommender.test 1\n" in containers.network.said()
    assert SERVICE in command("ip", "-n", containers.network.name, "address").stdout
    # A roll-back and such are run from the same image, without a shell.
    listed = containers.run("trainer", "versions", "list", options=(f"--volume={volume}:/model", "--env=MODEL_DIR=/model")).stdout
    assert name in listed
    assert containers.stop(served) == 0
