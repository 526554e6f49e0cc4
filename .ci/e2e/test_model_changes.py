"""A service, and the models that come and go while it runs: training, roll-back, real data."""

import csv
import gzip
import json
import subprocess
from collections import Counter

from conftest import BINARIES, CLEAN_ENVIRONMENT, SAMPLE, SAMPLE_UPDATE, Lines, current, run, train
from waiting import eventually


def test_clients_see_an_update_and_a_roll_back_and_training_respects_it(recommenders, tmp_path):
    volume = tmp_path / "volume"
    first = train(volume, SAMPLE)["version"]
    recommender = recommenders.start_with_model(volume)
    watch = subprocess.Popen(
        [BINARIES / "playlist", "--server", f"http://{recommender.address}", "watch", "--json"],
        env=CLEAN_ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        changes = Lines(watch.stdout)
        assert json.loads(changes.next())["model_version"] == first

        summary = train(volume, SAMPLE_UPDATE)
        second = summary["version"]
        assert (summary["outcome"], current(volume)) == ("published", second)
        assert second != first
        assert json.loads(changes.next())["model_version"] == second
        assert recommender.info()["model_version"] == second

        run("trainer", "versions", "rollback", first, "--model-dir", volume)
        assert json.loads(changes.next())["model_version"] == first
        answer = json.loads(recommender.playlist("recommend", "Unforgettable", "--json"))
        assert answer["model_version"] == first

        # The same training again would undo what a person did.
        held = train(volume, SAMPLE_UPDATE, code=4)
        assert (held["outcome"], current(volume)) == ("held", first)
        run("trainer", "versions", "release", second, "--model-dir", volume)
        assert train(volume, SAMPLE_UPDATE)["outcome"] == "put-back"
        assert json.loads(changes.next())["model_version"] == second
    finally:
        watch.kill()
        watch.wait()

    assert train(volume, SAMPLE_UPDATE)["outcome"] == "up-to-date"
    run("trainer", "versions", "verify", "--model-dir", volume)
    listed = run("trainer", "versions", "list", "--model-dir", volume)
    assert first in listed
    assert f"* {second}" in listed


def test_a_line_written_into_current_is_a_roll_back(recommenders, tmp_path):
    volume = tmp_path / "volume"
    first = train(volume, SAMPLE)["version"]
    second = train(volume, SAMPLE_UPDATE)["version"]
    recommender = recommenders.start_with_model(volume)
    assert recommender.info()["model_version"] == second
    (volume / "CURRENT").write_text(f"{first}\n", encoding="utf-8")
    eventually(lambda: recommender.info()["model_version"] == first, what="the roll-back")


def test_a_damaged_version_never_replaces_the_one_in_service(recommenders, tmp_path):
    volume = tmp_path / "volume"
    first = train(volume, SAMPLE)["version"]
    recommender = recommenders.start_with_model(volume)
    second = train(volume, SAMPLE_UPDATE)["version"]
    eventually(lambda: recommender.info()["model_version"] == second, what="the update")
    (volume / "CURRENT").write_text(f"{first}\n", encoding="utf-8")
    eventually(lambda: recommender.info()["model_version"] == first, what="the roll-back")

    rules = volume / "versions" / second / "rules.parquet"
    content = bytearray(rules.read_bytes())
    content[len(content) // 2] ^= 1
    rules.write_bytes(content)
    (volume / "CURRENT").write_text(f"{second}\n", encoding="utf-8")
    refresh = eventually(lambda: (refresh := recommender.info()["last_refresh"])["outcome"].endswith("FAILED") and refresh, what="the rejection")
    assert refresh["model_version"] == second
    assert "rules.parquet" in refresh["reason"]
    answer = json.loads(recommender.playlist("recommend", "Unforgettable", "--json"))
    assert answer["model_version"] == first
    run("trainer", "versions", "verify", "--model-dir", volume, code=1)


def test_real_playlists_are_trained_served_and_asked(shared_data, recommenders, tmp_path):
    dataset = shared_data / "mpd" / "dense-ds1-like.csv.gz"
    with gzip.open(dataset, "rt", encoding="utf-8", newline="") as rows:
        songs = Counter((row["artist_name"], row["track_name"]) for row in csv.DictReader(rows))
    volume = tmp_path / "volume"
    summary = train(volume, dataset)
    assert summary["dataset"]["rows"] == 96_863
    assert summary["dataset"]["playlists"] == 1_293
    recommender = recommenders.start_with_model(volume)
    asked = [f"{artist} - {title}" for (artist, title), _ in songs.most_common(200)]
    for song in asked:
        answer = json.loads(recommender.playlist("recommend", song, "--json", "--limit", 20))
        assert len(answer["songs"]) == 20
        assert not answer["unknown_songs"]
        assert answer["songs"][0]["source"] == "SOURCE_RULES"
        recommended = [(found["song"]["artist"], found["song"]["title"]) for found in answer["songs"]]
        assert len(set(recommended)) == 20
