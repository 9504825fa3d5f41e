"""The tuned recommender beside its retrievers and baselines, on a catalog that is not shipped.

    python tests/bench/evaluate.py PATH/TO/anime --languages de en ja zh --min-rating 7
        [--users 300] [--seed 0] [--cold .2] [--interests 8]
        [--url URL --output FOLDER [--steps prepare before tuning after]]

By the commands of xlrec_es/EVALUATION.md: each work is put into one language, drawn among those of
its titles, and ingested with title and genres; indicators are learned from the training part; then
`evaluate`, `tune`, and `evaluate` again. A fifth of each user's likes is held out, drawn. With
--url an index that is there is used again; with --steps some of the steps are taken, and what the
folder has of the others is shown. Writes the reports into the folder, and prints recall@k of every
system before and after.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xlrec_es.node import running

Command = tuple[object, ...]


def draw_world(folder: Path, languages: set[str], seed: int) -> list[dict[str, Any]]:
    """Each work as a record in one language."""
    draw = random.Random(seed)
    records = []
    for line in (folder / "items.jsonl").open(encoding="utf-8"):
        item = json.loads(line)
        if known := sorted(set(item["titles"]) & languages):
            language = draw.choice(known)
            title, genres = item["titles"][language], ", ".join(item["genres"])
            records.append(
                {"id": str(item["id"]), "language": language, "title": title, "text": genres}
            )
    return records


def call(program: str, *arguments: object) -> str:
    """What a command prints."""
    command = [sys.executable, "-m", program, *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def recall_by_system(report: dict[str, Any]) -> dict[str, dict[str, str]]:
    """recall@k with its interval, by pool and system."""
    return {
        pool: {
            name: "{mean:.3f} [{low:.3f}, {high:.3f}]".format(**system["measures"]["recall"])
            for name, system in found["systems"].items()
        }
        for pool, found in report["pools"].items()
    }


STEPS = ("prepare", "before", "tuning", "after")


def prepare(given: argparse.Namespace, output: Path, where: Sequence[str], job: Command) -> None:
    """Make the index, and learn its indicators from the training part."""
    records = draw_world(given.folder, set(given.languages), given.seed)
    items = output / "items.jsonl"
    items.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    call("ingest", "run", items, *where, "--quiet")
    call("xlrec_es", "evaluate", *job, "--write-training", output / "training.tsv")
    call("ingest", "learn", output / "training.tsv", *where)


def summary(output: Path) -> dict[str, Any]:
    """What the folder's reports say."""
    found = {
        name: json.loads(path.read_bytes())
        for name in STEPS
        if (path := output / f"{name}.json").is_file()
    }
    names = ("before", "proposed", "gain on other users", "written", "seconds")
    return {
        name: {key: report[key] for key in names}
        if name == "tuning"
        else {
            "verdict": report["verdict"],
            "seconds": report["seconds"],
            **recall_by_system(report),
        }
        for name, report in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--languages", nargs="+", required=True)
    parser.add_argument("--min-rating", type=float, required=True)
    parser.add_argument("--users", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cold", type=float, default=0.0)
    parser.add_argument("--interests", type=int, nargs="*", default=[])
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS)
    parser.add_argument("--url")
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    with contextlib.ExitStack() as stack:
        output = given.output or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        output.mkdir(parents=True, exist_ok=True)
        url = given.url or stack.enter_context(running()).url
        where = ("--url", url, "--index", f"bench-{given.folder.name}")
        job: Command = (given.folder / "interactions.tsv", *where, "--min-rating", given.min_rating)
        job += ("--split", "random", "--min-history", 5)
        job += ("--seed", given.seed, "--max-users", given.users, "--cold-items", given.cold)
        if "prepare" in given.steps:
            prepare(given, output, where, job)
        tried = [word for number in given.interests for word in ("--interests", number)]
        for name, command in (
            ("before", ("evaluate",)),
            ("tuning", ("tune", *tried)),
            ("after", ("evaluate",)),
        ):
            if name in given.steps:
                text = call("xlrec_es", *command, *job, "--json")
                (output / f"{name}.json").write_text(text, "utf-8")
        print(json.dumps(summary(output), indent=1))


if __name__ == "__main__":
    main()
