"""Holds the recommendations against those of other recommenders, and prints what docs/quality.md shows.

    python3 -m venv target/benches/venv
    target/benches/venv/bin/pip install -r benches/requirements.txt
    target/benches/venv/bin/python benches/quality.py dense sparse --folds 0,1,2,3 --markdown target/benches/quality.md
    target/benches/venv/bin/python benches/quality.py dense --curve --markdown target/benches/curve.md

Playlists are held out of real data, all recommenders learn from the others, and are asked with 1, 5 and 25 songs of each held-out
playlist for the rest. Ours is asked over gRPC, as it is in use: the trainer publishes, the recommender serves.
"""

import argparse
import collections
import contextlib
import dataclasses
import math
import pathlib
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

from threadpoolctl import threadpool_limits

import serving
from held_out import FOLDS, MEASURES, Split, measures, read_playlists, split
from rankers import RANKERS, Items
from running import MIB, RELEASE, ROOT, WORK, machine, real, table, yes

SEEDS = (1, 5, 25)
DATA = {
    "dense": ["mpd/dense-ds1-like.csv.gz", "mpd/dense-ds2-like.csv.gz"],
    "sparse": ["mpd/ds1-like.csv.gz", "mpd/ds2-like.csv.gz"],
}
# The R-precision to reach with each number of seeds.
AIMS = {"dense": (0.200, 0.265, 0.290), "sparse": (0.10, 0.145, 0.18)}


@dataclasses.dataclass
class Figures:
    """The measures of one recommender with one number of seeds, a row for each held-out playlist of all folds."""

    rows: list[list[float]] = dataclasses.field(default_factory=list)
    # Of ours alone: whether there was an answer, and whether rules spoke for it.
    answered: list[bool] = dataclasses.field(default_factory=list)
    from_rules: list[bool] = dataclasses.field(default_factory=list)

    def add(self, recommended: list[str], hidden: set[str]):
        self.rows.append(measures(recommended, hidden))

    def add_answer(self, answer: serving.Answer, hidden: set[str]):
        self.add(answer.uris, hidden)
        self.answered.append(bool(answer.uris))
        self.from_rules.append(answer.is_from_rules)

    def values(self, measure: str) -> list[float]:
        return [row[MEASURES.index(measure)] for row in self.rows]

    def mean(self, measure: str = MEASURES[0]) -> float:
        return statistics.fmean(self.values(measure))

    def difference(self, other: "Figures") -> str:
        """How much greater the R-precision is than the other's, with its standard error by playlist."""
        pairs = zip(self.values(MEASURES[0]), other.values(MEASURES[0]), strict=True)
        differences = [own - theirs for own, theirs in pairs]
        error = statistics.stdev(differences) / math.sqrt(len(differences))
        return f"{statistics.fmean(differences):+.4f} ± {error:.4f}"


def by_seeds() -> dict[int, Figures]:
    return {seeds: Figures() for seeds in SEEDS}


@dataclasses.dataclass
class Ours:
    """Ours by one item key, over all folds."""

    by_uri: dict[int, Figures] = dataclasses.field(default_factory=by_seeds)
    typed: dict[int, Figures] = dataclasses.field(default_factory=by_seeds)
    models: list[serving.Model] = dataclasses.field(default_factory=list)
    latencies: list[float] = dataclasses.field(default_factory=list)
    # How typed seeds whose song the model knows were matched, by match and whether it was that song.
    matches: collections.Counter = dataclasses.field(default_factory=collections.Counter)


@contextlib.contextmanager
def step(name: str):
    """Says on standard error how long something took."""
    begin = time.perf_counter()
    yield
    print(f"{name}: {time.perf_counter() - begin:.1f} s", file=sys.stderr, flush=True)


def settings_of(item_key: str, **more) -> dict:
    chosen = {"ITEM_KEY": item_key} | dict(setting.split("=", 1) for setting in ARGS.settings)
    return chosen | {name: str(value) for name, value in more.items()}


def ask_ours(held_out: Split, settings: dict, modules, ours: Ours, with_typed: bool = True):
    """Trains, serves and asks ours, and adds what came to `ours`."""
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        volume, dataset = pathlib.Path(folder, "volume"), pathlib.Path(folder, "training.csv")
        held_out.write_training(dataset)
        ours.models.append(serving.train(ARGS.binaries, dataset, volume, ARGS.timeout, settings))
        with serving.serve(ARGS.binaries, volume, pathlib.Path(folder, "log"), modules) as service:
            for seeds in SEEDS:
                for playlist in held_out.asked(seeds):
                    hidden = set(playlist.uris[seeds:])
                    answer = service.recommend(playlist.uris[:seeds])
                    ours.by_uri[seeds].add_answer(answer, hidden)
                    if not with_typed:
                        continue
                    typed = service.recommend(playlist.typed[:seeds])
                    ours.typed[seeds].add_answer(typed, hidden)
                    if seeds == SEEDS[-1]:
                        for (known, meant), (match, taken) in zip(answer.seeds, typed.seeds, strict=True):
                            if known != "UNKNOWN":
                                ours.matches[match, taken == meant] += 1
            ours.latencies.append(service.latency([playlist.uris[:25] for playlist in held_out.asked(25)]))


def ask_peers(held_out: Split, peers: dict):
    """Trains and asks the peers, and adds what came to `peers`: figures by number of seeds, by setting, by recommender."""
    items = Items(held_out, ARGS.peers_by)
    for name, ranker in map(RANKERS.get, ARGS.peers):
        with step(f"  {name}"):
            for setting, score in ranker(items, ARGS.threads):
                figures = peers.setdefault(name, {}).setdefault(setting, by_seeds())
                for seeds in SEEDS:
                    asked = held_out.asked(seeds)
                    answers = items.recommend(score, [items.known(playlist.uris[:seeds]) for playlist in asked])
                    for playlist, answer in zip(asked, answers, strict=True):
                        figures[seeds].add(answer, set(playlist.uris[seeds:]))


def comparison(name: str, modules) -> str:
    playlists = read_playlists(list(map(real, DATA[name])))
    ours, peers = {item_key: Ours() for item_key in ARGS.item_key}, {}
    for fold in ARGS.folds:
        held_out = split(playlists, fold)
        print(
            f"{name}, fold {fold}: {len(held_out.training)} to train, {len(held_out.held_out)} held out",
            file=sys.stderr,
        )
        for item_key, found in ours.items():
            with step(f"  ours by {item_key}"):
                ask_ours(held_out, settings_of(item_key), modules, found)
        ask_peers(held_out, peers)
    asked = {seeds: len(next(iter(ours.values())).by_uri[seeds].rows) for seeds in SEEDS}
    parts = [
        f"## {name.capitalize()} data",
        f"{' + '.join(DATA[name])}: {len(playlists):,} playlists; folds {', '.join(map(str, ARGS.folds))} of {FOLDS}, in which "
        + ", ".join(f"{count:,} playlists have more than {seeds}" for seeds, count in asked.items())
        + f" songs. Peers learn by {ARGS.peers_by}; of several settings the one is shown that is best on these very playlists.",
        "### R-precision",
        table(r_precisions(ours, peers, AIMS[name])),
        "### Against the best peer",
        "Differences are paired by playlist; after ± stands their standard error.",
        table(against_best(ours, peers, AIMS[name])),
        "### All measures",
        table(all_measures(ours, peers)),
        "### The models",
        "Means over the folds. Latency: the median round trip from Python of a request with 25 seeds for 10 songs with reasons, "
        + "one at a time. Of typed seeds those count whose song the model knows.",
        table([model_row(item_key, found) for item_key, found in ours.items()]),
    ]
    return "\n\n".join(parts) + "\n"


def best_setting(settings: dict, seeds: int) -> tuple[str, Figures]:
    """The setting of one peer with the greatest R-precision, and its figures."""
    found = max(settings, key=lambda setting: settings[setting][seeds].mean())
    return found, settings[found][seeds]


def best_peer(peers: dict, seeds: int) -> tuple[str, Figures]:
    best = {name: best_setting(settings, seeds) for name, settings in peers.items()}
    name = max(best, key=lambda name: best[name][1].mean())
    return named(name, best[name][0]), best[name][1]


def named(name: str, setting: str) -> str:
    return f"{name}: {setting}" if setting else name


def asked_ours(ours: dict) -> dict[str, dict[int, Figures]]:
    """The figures of ours by what is asked with."""
    found = {f"ours by {item_key}, URIs": own.by_uri for item_key, own in ours.items()}
    return found | {f"ours by {item_key}, typed": own.typed for item_key, own in ours.items()}


def r_precisions(ours: dict, peers: dict, aims: tuple) -> list[dict]:
    rows = []
    for name, figures in asked_ours(ours).items():
        rows.append(
            {"recommender": name} | {f"K={seeds}": f"{figures[seeds].mean():.4f}" for seeds in SEEDS} | {"setting": ""}
        )
    for name, settings in peers.items():
        best = {seeds: best_setting(settings, seeds) for seeds in SEEDS}
        chosen = {setting: [str(seeds) for seeds in SEEDS if best[seeds][0] == setting] for setting, _ in best.values()}
        shown = "; ".join(
            setting if len(chosen) == 1 else f"{setting} (K={', '.join(of)})" for setting, of in chosen.items()
        )
        rows.append(
            {"recommender": name}
            | {f"K={seeds}": f"{best[seeds][1].mean():.4f}" for seeds in SEEDS}
            | {"setting": shown}
        )
    aim = {f"K={seeds}": f"≥ {least:.3f}" for seeds, least in zip(SEEDS, aims, strict=True)}
    return [*rows, {"recommender": "aim"} | aim | {"setting": ""}]


def against_best(ours: dict, peers: dict, aims: tuple) -> list[dict]:
    rows = []
    for name, figures in asked_ours(ours).items():
        for seeds, aim in zip(SEEDS, aims, strict=True):
            own = figures[seeds]
            row = {"asked": name, "K": seeds, "R-precision": f"{own.mean():.4f}"}
            if peers:
                peer, theirs = best_peer(peers, seeds)
                row |= {"best peer": peer, "its": f"{theirs.mean():.4f}", "difference": own.difference(theirs)}
            row |= {"aim": f"≥ {aim:.3f}", "reached": yes(own.mean() >= aim)}
            answered = {"answered": own.answered, "from rules": own.from_rules}
            rows.append(row | {name: f"{statistics.fmean(values):.1%}" for name, values in answered.items()})
    return rows


def all_measures(ours: dict, peers: dict) -> list[dict]:
    rows = []
    for seeds in SEEDS:
        shown = {name: figures[seeds] for name, figures in asked_ours(ours).items()}
        for name, settings in peers.items():
            setting, figures = best_setting(settings, seeds)
            shown[named(name, setting)] = figures
        for name, figures in shown.items():
            found = {
                measure: f"{figures.mean(measure):.2f}" if measure == "clicks" else f"{figures.mean(measure):.4f}"
                for measure in MEASURES
            }
            rows.append({"K": seeds, "recommender": name} | found)
    return rows


def model_row(item_key: str, ours: Ours) -> dict:
    def mean(value) -> float:
        return statistics.fmean(map(value, ours.models))

    known = sum(ours.matches.values())
    right = sum(count for (_, is_right), count in ours.matches.items() if is_right)
    matches = collections.Counter()
    for (match, _), count in ours.matches.items():
        matches[match] += count
    return {
        "by": item_key,
        "rules": f"{mean(lambda model: model.rules):,.0f}",
        "artist rules": f"{mean(lambda model: model.artist_rules):,.0f}",
        "version, MiB": f"{mean(lambda model: model.bytes) / MIB:.1f}",
        "training, s": f"{mean(lambda model: model.seconds):.2f}",
        "latency, ms": f"{statistics.median(ours.latencies) * 1e3:.2f}",
        "typed seeds": f"{known:,}",
        "taken for the song meant": f"{right / known:.1%}",
        "matched": ", ".join(f"{match} {count / known:.1%}" for match, count in matches.most_common()),
    }


def curve(name: str, modules) -> str:
    """What fewer rules cost, on the first of the folds."""
    held_out = split(read_playlists(list(map(real, DATA[name]))), ARGS.folds[0])
    found = {}
    for least in ARGS.min_pair_counts:
        for most in ARGS.max_rules:
            ours = found[least, most] = Ours()
            settings = settings_of(ARGS.item_key[0], MIN_PAIR_COUNT=least, MAX_RULES_PER_SONG=most)
            with step(f"  {name}: MIN_PAIR_COUNT={least} MAX_RULES_PER_SONG={most}"):
                ask_ours(held_out, settings, modules, ours, with_typed=False)
    largest = found[min(ARGS.min_pair_counts), max(ARGS.max_rules, key=lambda most: most or math.inf)]
    rows = []
    for (least, most), ours in found.items():
        row = {"MIN_PAIR_COUNT": least, "MAX_RULES_PER_SONG": most}
        row |= model_row_of_curve(ours)
        for seeds in SEEDS:
            figures = ours.by_uri[seeds]
            difference = "" if ours is largest else f" ({figures.difference(largest.by_uri[seeds])})"
            row[f"R-precision, K={seeds}"] = f"{figures.mean():.4f}{difference}"
        rows.append(row)
    return (
        f"## Rules kept against quality: {name} data\n\nFold {ARGS.folds[0]} of {FOLDS}, by {ARGS.item_key[0]}, seeds as URIs. In "
        f"parentheses the difference to the model with the most rules, paired by playlist, with its standard error.\n\n{table(rows)}\n"
    )


def model_row_of_curve(ours: Ours) -> dict:
    model = ours.models[0]
    return {
        "rules": f"{model.rules:,}",
        "artist rules": f"{model.artist_rules:,}",
        "version, MiB": f"{model.bytes / MIB:.1f}",
        "latency, ms": f"{ours.latencies[0] * 1e3:.2f}",
    }


def numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="*", metavar="data", help=f"all, or some of: {', '.join(DATA)}")
    parser.add_argument(
        "--folds", type=numbers, default=[0], metavar="N,N", help="tenths to hold out in turn, 0 to 9 (default: 0)"
    )
    parser.add_argument(
        "--item-key", nargs="+", choices=["song", "uri"], default=["song"], help="what ours learns by (default: song)"
    )
    parser.add_argument(
        "--peers-by", choices=["song", "uri"], default="uri", help="what the peers learn by (default: uri)"
    )
    parser.add_argument(
        "--peers", nargs="*", choices=RANKERS, default=list(RANKERS), metavar="PEER", help=f"of: {', '.join(RANKERS)}"
    )
    parser.add_argument(
        "--curve", action="store_true", help="rather than with others, compare with fewer rules, on the first fold"
    )
    parser.add_argument(
        "--max-rules", type=numbers, default=[25, 50, 100, 200, 500, 1_000], metavar="N,N", help="for --curve"
    )
    parser.add_argument("--min-pair-counts", type=numbers, default=[2, 3], metavar="N,N", help="for --curve")
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="another setting of the trainer",
    )
    parser.add_argument("--markdown", type=pathlib.Path, help="file to write the tables to, besides standard output")
    parser.add_argument("--threads", type=int, default=2, help="that peers learn with (default: 2)")
    parser.add_argument("--timeout", type=float, default=600, metavar="SECONDS", help="for a training (default: 600)")
    parser.add_argument("--binaries", type=pathlib.Path, default=RELEASE, help="folder of trainer and recommender")
    parser.add_argument("--no-build", action="store_true", help="take the release build as it is")
    args = parser.parse_args()
    unknown = set(args.data) - set(DATA) - {"all"}
    if unknown:
        parser.error(f"there are no data {', '.join(sorted(unknown))}; there are: {', '.join(DATA)}")
    if not args.data or "all" in args.data:
        args.data = list(DATA)
    if not set(args.folds) <= set(range(FOLDS)) or not args.folds:
        parser.error(f"folds are 0 to {FOLDS - 1}")
    return args


def main():
    if not ARGS.no_build and ARGS.binaries == RELEASE:
        build = ["cargo", "build", "--release", "--locked", "-p", "trainer", "-p", "recommender", "--bins"]
        subprocess.run(build, cwd=ROOT, check=True)
    WORK.mkdir(parents=True, exist_ok=True)
    version = subprocess.run(
        [ARGS.binaries / "trainer", "--version"], check=True, capture_output=True, text=True
    ).stdout
    texts = [f"{machine()} {version.strip()}. `{shlex.join(['benches/quality.py', *sys.argv[1:]])}`\n"]
    print(texts[0], flush=True)
    # ALS of `implicit` has threads of its own, which wait for those of BLAS.
    with (
        tempfile.TemporaryDirectory() as folder,
        serving.stubs(pathlib.Path(folder)) as modules,
        threadpool_limits(1, "blas"),
    ):
        for name in ARGS.data:
            texts.append((curve if ARGS.curve else comparison)(name, modules))
            print(texts[-1], flush=True)
            if ARGS.markdown:
                ARGS.markdown.write_text("\n".join(texts), encoding="utf-8")


if __name__ == "__main__":
    ARGS = arguments()
    main()
