"""Cut the demo's sample from a full catalogue of applications.

    python tests/data/build_sample.py PATH/TO/apps

Reads `items.jsonl` and `interactions.tsv`, writes `xlrec_es/sample/`. Each application lives in ONE
language, drawn (seeded) among those it has, so that whoever likes it can only be served across a
language border; every twelfth keeps up to four renditions, so that renditions are seen at work too.
"""

from __future__ import annotations

import gzip
import json
import random
import shutil
import sys
from pathlib import Path
from typing import Any

SAMPLE = Path(__file__).parents[2] / "xlrec_es" / "sample"
SEED = 20261124
EVERY_WITH_RENDITIONS = 12
RENDITIONS = 4


def rendition(texts: dict[str, str]) -> dict[str, str]:
    """The fields of one language, empty ones left out."""
    named = {"title": texts["title"], "summary": texts["summary"], "description": texts["text"]}
    return {name: text for name, text in named.items() if text}


def sample_record(app: dict[str, Any], number: int, draw: random.Random) -> dict[str, Any]:
    """The application in one drawn language, or in several."""
    own = {name: app[name] for name in ("id", "categories", "homepage") if app[name]}
    languages = sorted(app["texts"])
    if number % EVERY_WITH_RENDITIONS == 0:
        kept = sorted(draw.sample(languages, min(RENDITIONS, len(languages))))
        return {**own, "translations": {tag: rendition(app["texts"][tag]) for tag in kept}}
    tag = draw.choice(languages)
    return {**own, "language": tag, **rendition(app["texts"][tag])}


def main(source: Path) -> None:
    """Write the sample."""
    draw = random.Random(SEED)
    apps = [json.loads(line) for line in (source / "items.jsonl").open(encoding="utf-8")]
    records = [sample_record(app, number, draw) for number, app in enumerate(apps)]
    lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    # mtime=0: the same input makes the same file.
    (SAMPLE / "items.jsonl.gz").write_bytes(gzip.compress(lines.encode(), 9, mtime=0))
    shutil.copyfile(source / "interactions.tsv", SAMPLE / "interactions.tsv")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
