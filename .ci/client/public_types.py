"""Tells of which crates a crate shows types in its public API, and fails if one of them is not to be seen.

    public_types.py target/doc/client_lib.json CRATE...

The JSON is rustdoc's: `RUSTC_BOOTSTRAP=1 cargo rustdoc -p client-lib --lib --all-features -- -Z unstable-options --output-format json`. The crates
that are named may be seen, besides the crate itself.
"""

import json
import pathlib
import sys


def paths_in(value, found: set[int]):
    """The ids of all items that a part of the documentation names: types, traits, and what bounds name."""
    if isinstance(value, dict):
        # A path is an object with the item's id and its generic arguments.
        if isinstance(value.get("id"), int) and "args" in value:
            found.add(value["id"])
        for part in value.values():
            paths_in(part, found)
    elif isinstance(value, list):
        for part in value:
            paths_in(part, found)


def main():
    documentation = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    allowed = set(sys.argv[2:])
    paths = documentation["paths"]
    seen: dict[str, set[str]] = {}
    for item in documentation["index"].values():
        implementation = item["inner"].get("impl")
        # What the compiler or another crate implements for every type says nothing of this one.
        if implementation and (implementation["is_synthetic"] or implementation["blanket_impl"]):
            continue
        # Items of other crates are there for their names.
        if item["crate_id"] != 0:
            continue
        found: set[int] = set()
        paths_in(item["inner"], found)
        for identifier in found:
            summary = paths.get(str(identifier))
            if summary and summary["crate_id"] != 0:
                crate = documentation["external_crates"][str(summary["crate_id"])]["name"]
                seen.setdefault(crate, set()).add("::".join(summary["path"]))
    if not seen:
        sys.exit("no type of another crate was found, not even of the standard library: this script does not read this JSON")
    for crate, names in sorted(seen.items()):
        print(f"{crate}: {', '.join(sorted(names))}")
    if hidden := sorted(set(seen) - allowed):
        sys.exit(f"the public API shows types of {', '.join(hidden)}")


if __name__ == "__main__":
    main()
