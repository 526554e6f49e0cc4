"""Clocks that are wrong or jump while the programs run: libfaketime gives a process another wall clock, and changes it."""

import datetime
import json
import os
from pathlib import Path

import pytest

from conftest import SAMPLE, SAMPLE_UPDATE, current, run, train
from waiting import eventually

TEN_YEARS = 3650


@pytest.fixture
def clock(tmp_path):
    """A clock whose error in days can be set at any time: `clock(days)`; `clock.environment` gives it to a process."""
    return Clock(tmp_path / "clock")


class Clock:
    """The wall clock of processes. The monotonic one is as it is, for a jump does not move that."""

    def __init__(self, file: Path):
        self._file = file
        self(0)
        library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
        assert library, "libfaketime is missing; install Debian's package faketime"
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def __call__(self, days: int):
        unfinished = self._file.with_suffix(".unfinished")
        unfinished.write_text(f"{days:+}d\n", encoding="utf-8")
        os.replace(unfinished, self._file)


def year(timestamp: str) -> int:
    return datetime.datetime.fromisoformat(timestamp).year


def test_a_service_whose_clock_jumps_goes_on_answering_and_takes_up_each_version(recommenders, clock, tmp_path):
    volume = tmp_path / "volume"
    first = train(volume, SAMPLE)["version"]
    recommender = recommenders.start_with_model(volume, env=clock.environment)
    now = datetime.datetime.now().year

    def serves(version: str, in_year: int):
        def holds():
            info = recommender.info()
            looked = info["last_refresh"]
            return info["model_version"] == version and year(looked["date"]) == in_year and not looked["outcome"].endswith("FAILED")

        eventually(holds, what=f"version {version} in the year {in_year}")
        answer = json.loads(recommender.playlist("recommend", "Unforgettable", "--json"))
        assert answer["model_version"] == version
        assert answer["songs"]
        # When it was trained is no matter of the clock of who serves it.
        assert year(answer["model_date"]) == now

    serves(first, now)
    clock(TEN_YEARS)
    serves(first, now + 10)
    second = train(volume, SAMPLE_UPDATE)["version"]
    serves(second, now + 10)
    clock(-TEN_YEARS)
    serves(second, now - 10)
    run("trainer", "versions", "rollback", first, "--model-dir", volume)
    serves(first, now - 10)
    clock(0)
    serves(first, now)


def test_a_version_that_was_trained_by_a_wrong_clock_is_served_and_kept(recommenders, clock, tmp_path):
    volume = tmp_path / "volume"
    settings = {"KEEP_VERSIONS": "2"}
    first = train(volume, SAMPLE, settings)["version"]
    recommender = recommenders.start_with_model(volume)

    # By its name, this is the oldest of all.
    clock(-TEN_YEARS)
    second = train(volume, SAMPLE_UPDATE, settings | clock.environment)["version"]
    assert second < first
    assert current(volume) == second
    eventually(lambda: recommender.info()["model_version"] == second, what="the version from the past")

    clock(TEN_YEARS)
    third = train(volume, SAMPLE, settings | clock.environment | {"MIN_PAIR_COUNT": "4"})["version"]
    assert third > first
    eventually(lambda: recommender.info()["model_version"] == third, what="the version from the future")

    fourth = train(volume, SAMPLE, settings | {"MIN_PAIR_COUNT": "5"})["version"]
    assert current(volume) == fourth
    eventually(lambda: recommender.info()["model_version"] == fourth, what="the version after it")
    run("trainer", "versions", "verify", "--model-dir", volume)
