"""Rules in dictionaries, as small recommenders in Python keep them: what flask_peer.py and fastapi_peer.py answer from.

    python benches/dict_rules.py target/benches/volume target/benches/rules.pickle

writes the rules with one song as antecedent of the version in service: by name of the antecedent, the names of the consequents with the
confidences, the strongest first.
"""

import collections
import os
import pathlib
import pickle
import sys


def export(volume: pathlib.Path, output: pathlib.Path):
    import pyarrow.parquet

    version = volume / "versions" / (volume / "CURRENT").read_text().strip()
    songs = pyarrow.parquet.read_table(version / "songs.parquet", columns=["artist", "title"])
    names = [
        f"{artist} - {title}" if artist else title
        for artist, title in zip(songs["artist"].to_pylist(), songs["title"].to_pylist(), strict=True)
    ]
    rules = pyarrow.parquet.read_table(version / "rules.parquet")
    by_antecedent = collections.defaultdict(list)
    columns = [rules[name].to_pylist() for name in ("antecedent", "consequent", "support_count", "antecedent_count")]
    for antecedent, consequent, support, of in zip(*columns, strict=True):
        if len(antecedent) == 1:
            by_antecedent[names[antecedent[0]]].append((names[consequent], support / of))
    for found in by_antecedent.values():
        found.sort(key=lambda rule: -rule[1])
    with open(output, "wb") as file:
        pickle.dump((dict(by_antecedent), version.name), file)


class Rules:
    """The rules of the file that `RULES` names."""

    def __init__(self):
        with open(os.environ["RULES"], "rb") as file:
            self.by_antecedent, self.version = pickle.load(file)

    def recommend(self, songs: list[str], limit: int) -> dict:
        """The songs with the greatest sums of confidences."""
        scores: dict[str, float] = {}
        for song in songs:
            for consequent, confidence in self.by_antecedent.get(song, ()):
                scores[consequent] = scores.get(consequent, 0.0) + confidence
        for song in songs:
            scores.pop(song, None)
        best = sorted(scores, key=scores.get, reverse=True)[:limit]
        return {"songs": best, "version": "0.1.0", "model_date": self.version}


if __name__ == "__main__":
    export(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
