"""What lies on the volume, read by programs that do not know this project."""

import hashlib

import duckdb
import pandas
import pyarrow
import pyarrow.parquet
import pytest

from conftest import current, manifest, run

FILES = ("songs", "rules", "artists", "artist_rules")


@pytest.fixture(scope="module")
def version(sample_volume):
    """The folder of the version in service."""
    return sample_volume / "versions" / current(sample_volume)


def test_the_name_of_a_version_ends_in_its_manifests_digest(version):
    assert version.name.endswith("-" + hashlib.sha256((version / "manifest.json").read_bytes()).hexdigest()[:16])


def test_the_manifest_knows_size_and_digest_of_every_file(version, sample_volume):
    files = manifest(sample_volume)["files"]
    assert set(files) == {f"{name}.parquet" for name in FILES}
    for name, told in files.items():
        content = (version / name).read_bytes()
        assert told["bytes"] == len(content)
        assert told["sha256"] == hashlib.sha256(content).hexdigest()


def test_the_manifest_names_the_build_that_trained(sample_volume):
    trainer = manifest(sample_volume)["trainer"]
    assert run("trainer", "--version") == f"trainer {trainer['version']} ({trainer['revision']})\n"
    assert trainer["revision"] not in ("", "unknown")


def test_files_may_be_read_by_other_users(version):
    for path in (version.parent.parent / "CURRENT", *version.iterdir()):
        assert path.stat().st_mode & 0o777 == 0o644, path
    assert version.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("name", FILES)
def test_three_readers_find_the_rows_that_the_manifest_counts(version, sample_volume, name):
    path = str(version / f"{name}.parquet")
    rows = manifest(sample_volume)["files"][f"{name}.parquet"]["rows"]
    assert rows > 0
    assert len(pandas.read_parquet(path)) == rows
    assert pyarrow.parquet.read_table(path).num_rows == rows
    assert duckdb.sql(f"SELECT count(*) FROM read_parquet('{path}')").fetchall() == [(rows,)]


def test_numbers_are_32_bits_and_nothing_is_null(version):
    rules = pyarrow.parquet.read_schema(version / "rules.parquet")
    assert rules.field("antecedent").type == pyarrow.list_(pyarrow.field("element", pyarrow.int32(), nullable=False))
    for name in ("consequent", "support_count", "antecedent_count", "weight", "many_weight"):
        assert rules.field(name).type == pyarrow.int32(), name
    songs = pyarrow.parquet.read_schema(version / "songs.parquet")
    assert [field.name for field in songs] == ["id", "title", "artist", "uri", "uris", "support_count"]
    for schema in (rules, songs):
        assert not any(field.nullable for field in schema)


def test_the_tables_agree_with_the_manifest_and_with_each_other(version, sample_volume):
    told = manifest(sample_volume)
    songs = pandas.read_parquet(version / "songs.parquet")
    rules = pandas.read_parquet(version / "rules.parquet")
    assert len(songs) == told["dataset"]["songs"]
    assert len(rules) == told["counts"]["rules"]
    assert songs["id"].tolist() == list(range(len(songs)))
    assert songs["support_count"].between(1, told["dataset"]["playlists"]).all()
    assert rules["antecedent"].map(len).min() >= 1
    assert rules["consequent"].between(0, len(songs) - 1).all()
    assert (rules["support_count"] <= rules["antecedent_count"]).all()
    assert (rules["support_count"].to_numpy() <= songs["support_count"].to_numpy()[rules["consequent"]]).all()


def test_duckdb_tells_the_strongest_rules_by_name(version):
    query = f"""
        SELECT antecedent.title, consequent.title, rules.support_count / rules.antecedent_count AS confidence
        FROM read_parquet('{version}/rules.parquet') rules
        JOIN read_parquet('{version}/songs.parquet') antecedent ON antecedent.id = rules.antecedent[1]
        JOIN read_parquet('{version}/songs.parquet') consequent ON consequent.id = rules.consequent
        WHERE len(rules.antecedent) = 1 AND antecedent.title = 'Unforgettable'
        ORDER BY confidence DESC LIMIT 5
    """
    rows = duckdb.sql(query).fetchall()
    assert len(rows) == 5
    assert all(antecedent == "Unforgettable" != consequent and 0 < confidence <= 1 for antecedent, consequent, confidence in rows)
