"""Itemsets and rules of real data, against what other programs found and against a count from the raw rows."""

import csv
import gzip
import unicodedata
from collections import defaultdict
from fractions import Fraction
from math import ceil

import pandas
import pytest

from conftest import current, manifest, train

SAMPLE_DS1 = "course/playlist-sample-ds1.csv"
DENSE_DS1 = "mpd/dense-ds1-like.csv.gz"

# Of the table in the data's README, by Borgelt's miners: transactions, minimum count, itemsets by size, and rules at confidence 0.5.
TABLE = [
    (SAMPLE_DS1, 500, 5, "448/61/12/1", 145),
    (DENSE_DS1, 1293, 40, "485/337/226/14", 1078),
    (DENSE_DS1, 1293, 26, "1043/1962/2908/2258/762/42", 21744),
    ("fimi/retail.dat.gz", 88162, 88, "2140/3314/1831/391/36", 5832),
    ("fimi/T10I4D100K.dat.gz", 100000, 100, "797/8831/7130/5499/3188/1429/503/130/23/2", 72054),
    ("fimi/mushroom.dat.gz", 8124, 1625, "43/376/1472/3559/6267/8802/10151/9488/7010/4004/1729/546/119/16/1", 377677),
    ("fimi/chess.dat.gz", 3196, 2237, "24/238/1237/3868/7924/11176/11167/7963/3921/1227/208/15/1", 318248),
    ("fimi/BMS1.dat.gz", 59602, 60, "343/1573/1492/522/59/2", 3928),
]


def as_playlists(path, folder):
    """The dataset itself or, of a file with a transaction a line, one in the columns of playlists."""
    if not path.name.endswith(".dat.gz"):
        return path
    written = folder / "transactions.csv"
    with gzip.open(path, "rt", encoding="ascii") as lines, written.open("w", encoding="ascii") as out:
        out.write("pid,track_name\n")
        for pid, line in enumerate(lines):
            out.writelines(f"{pid},{item}\n" for item in line.split())
    return written


def itemset_rules_only(min_support):
    """Settings that make the model hold exactly the itemset rules, by title."""
    return {"ITEM_KEY": "title", "MIN_SUPPORT": str(min_support), "MIN_CONFIDENCE": "0.5", "MIN_PAIR_COUNT": "0"}


def rules_by_title(volume):
    """Antecedent, consequent, and the counts of both together and of the antecedent, of each rule."""
    version = volume / "versions" / current(volume)
    titles = pandas.read_parquet(version / "songs.parquet")["title"].tolist()
    rules = pandas.read_parquet(version / "rules.parquet")
    return [
        (frozenset(titles[song] for song in antecedent), titles[consequent], both, alone)
        for antecedent, consequent, both, alone in zip(
            rules["antecedent"], rules["consequent"], rules["support_count"], rules["antecedent_count"], strict=True
        )
    ]


class Baskets:
    """The baskets of a CSV by title, counted without any of the project's code."""

    def __init__(self, path):
        self.holding = defaultdict(set)
        playlists = set()
        opened = gzip.open(path, "rt", encoding="utf-8", newline="") if path.suffix == ".gz" else path.open(encoding="utf-8", newline="")
        with opened as rows:
            for row in csv.DictReader(rows):
                title = unicodedata.normalize("NFC", row["track_name"].strip())
                if title:
                    self.holding[title].add(row["pid"])
                    playlists.add(row["pid"])
        self.n_playlists = len(playlists)

    def count(self, songs):
        """The playlists that hold all of these songs."""
        return len(set.intersection(*(self.holding[song] for song in songs)))


@pytest.mark.parametrize(
    ("file", "transactions", "min_count", "by_size", "n_rules"), TABLE, ids=[f"{row[0].split('/')[1].split('.')[0]}@{row[2]}" for row in TABLE]
)
def test_itemsets_by_size_and_rules_equal_the_table(shared_data, tmp_path, file, transactions, min_count, by_size, n_rules):
    dataset = as_playlists(shared_data / file, tmp_path)
    volume = tmp_path / "volume"
    summary = train(volume, dataset, itemset_rules_only(min_count))
    assert summary["dataset"]["playlists"] == transactions
    assert "/".join(map(str, summary["counts"]["itemsets_by_size"])) == by_size
    assert summary["counts"]["itemsets"] == sum(summary["counts"]["itemsets_by_size"])
    assert summary["counts"]["itemset_rules"] == n_rules
    assert summary["counts"]["one_song_rules"] == 0
    assert manifest(volume)["files"]["rules.parquet"]["rows"] == n_rules


@pytest.mark.parametrize(("file", "min_support", "min_count"), [(SAMPLE_DS1, "1%", 5), (DENSE_DS1, "26", 26)], ids=["sample-ds1", "dense-ds1"])
def test_every_rule_has_the_counts_of_the_raw_rows(shared_data, tmp_path, file, min_support, min_count):
    volume = tmp_path / "volume"
    train(volume, shared_data / file, itemset_rules_only(min_support))
    baskets = Baskets(shared_data / file)
    assert min_count == (ceil(Fraction(1, 100) * baskets.n_playlists) if min_support == "1%" else int(min_support))
    rules = rules_by_title(volume)
    for antecedent, consequent, both, alone in rules:
        assert consequent not in antecedent
        assert alone == baskets.count(antecedent)
        assert both == baskets.count(antecedent | {consequent})
        assert both >= min_count
        assert 2 * both >= alone
    assert len({(antecedent, consequent) for antecedent, consequent, *_ in rules}) == len(rules)


def test_the_rules_are_those_that_follow_from_the_itemsets_of_mlxtend(shared_data, tmp_path):
    expected_file = shared_data / "course/expected/sample-ds1.track_name.minsup0.01.mlxtend-apriori.tsv"
    lines = [line.rstrip("\n").split("\t") for line in expected_file.open(encoding="utf-8")]
    assert len(lines) == 522
    baskets = Baskets(shared_data / SAMPLE_DS1)
    expected = set()
    for support, size, songs in lines:
        itemset = frozenset(unicodedata.normalize("NFC", song.strip()) for song in songs.split(" || "))
        assert len(itemset) == int(size)
        both = round(float(support) * baskets.n_playlists)
        assert both == baskets.count(itemset)
        for consequent in itemset if len(itemset) > 1 else ():
            alone = baskets.count(itemset - {consequent})
            if 2 * both >= alone:
                expected.add((itemset - {consequent}, consequent, both, alone))
    volume = tmp_path / "volume"
    train(volume, shared_data / SAMPLE_DS1, itemset_rules_only("0.01"))
    assert set(rules_by_title(volume)) == expected
