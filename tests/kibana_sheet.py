"""All dashboards of Kibana on one picture: of the demo's index, evaluated, shown and clicked."""

from __future__ import annotations

import io
import json
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

from PIL import Image

from browser import chromium
from http_service import Service, service
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.cluster.result_index import add
from xlrec_es.demo import INDEX
from xlrec_es.evaluate.result_rows import TYPES, rows_of_evaluation

Run = Callable[..., str]
"""Runs a command of a package and returns what it prints: see `pictures`."""

EVALUATIONS, RUNS, SHOWN, CLICKS = (
    f"{INDEX}-{name}" for name in ("evaluations", "runs", "shown", "clicks")
)
SCALE = 0.5
WIDTH = 2560  # of two dashboards side by side, in their own pixels
LISTS = 150
CLICKED = 0.35  # of the first place of a list; of the second half of that, and so on

_STYLE = f"""
body {{ max-width: none; width: {WIDTH}px; margin: 0; padding: 24px; box-sizing: border-box;
  display: grid; grid-template-columns: 1fr 1fr; gap: 32px; align-items: start; }}
body > :not(article), .note, details {{ display: none; }}
h2 {{ font-size: 34px; margin: 0 0 12px; }}
"""
_WRAP = """
for (const heading of document.querySelectorAll('h2')) {
  const board = document.createElement('article');
  heading.before(board);
  while (board.nextElementSibling && !board.nextElementSibling.matches('article')) {
    const next = board.nextElementSibling;
    if (next.matches('h2') && next !== heading) break;
    board.append(next);
  }
  document.body.append(board);
}
"""


def write_data(run: Run, url: str, place: Path) -> Path:
    """What the dashboards show, beside the demo's index; returns their preview.

    Numbers are measured, and times of evaluations and lists are spread over weeks. Users click by
    chance, the less the further down.

    Args:
        run: Runs commands.
        url: Of the cluster with the demo's index.
        place: For files on the way, with the demo's `items.jsonl` and `interactions.tsv`.
    """
    client = connect(Connection(url))
    client.options(ignore_status=404).indices.delete(index=f"{EVALUATIONS},{RUNS},{SHOWN},{CLICKS}")
    now = datetime.now(UTC)
    # Of one split, whose training the index has learned from, and of more users each time.
    for weeks, users in ((9, "40"), (6, "80"), (3, "120")):
        evaluate = ("evaluate", "interactions.tsv", "-i", INDEX, "--max-users", users, "--json")
        told = json.loads(run("xlrec_es", *evaluate, url=url, cwd=place))
        rows = rows_of_evaluation(told, now - timedelta(weeks=weeks))
        add(client, EVALUATIONS, rows, types=TYPES)
    _write_traffic(url, place, now)
    ingest = ("run", "items.jsonl", "-i", INDEX, "--model", "embedded", "--quiet")
    run("ingest", *ingest, "--write-to", RUNS, url=url, cwd=place)
    # What was decided: by tune, and by the gate of a copy.
    tune = ("tune", "interactions.tsv", "-i", INDEX, "--dry-run", "--write-to", EVALUATIONS)
    run("xlrec_es", *tune, url=url, cwd=place)
    reindex = ("index", "reindex", INDEX, "--no-swap", "--quiet", "--write-to", EVALUATIONS)
    run("xlrec_es", *reindex, url=url, cwd=place)
    indices = ("--evaluations", EVALUATIONS, "--runs", RUNS, "--shown", SHOWN, "--clicks", CLICKS)
    export = ("kibana", "export", "-i", INDEX, *indices, "-o", "kibana.ndjson")
    run("xlrec_es", *export, url=url, cwd=place)
    run("xlrec_es", "kibana", "preview", "kibana.ndjson", "-o", "kibana.html", url=url, cwd=place)
    client.close()
    return place / "kibana.html"


def _write_traffic(url: str, place: Path, now: datetime) -> None:
    """Lists for the demo's users, and clicks by chance."""
    chance = random.Random(0)
    path = resources.files("xlrec_es") / "sample" / "histories.json"
    users = json.loads(path.read_text("utf-8"))
    options = ["-i", INDEX, "--url", url, "--spool", str(place / "spool")]
    options += ["--impressions-index", SHOWN, "--events-index", CLICKS]
    with service(place, *options) as served:
        for number in range(LISTS):
            user = users[number % len(users)]
            when = now - timedelta(days=chance.uniform(0, 60))
            clicks = _shown(served, user, number, when.isoformat(), chance)
            if clicks:
                assert served.post("/v1/events", {"events": clicks}).status == 202
        time.sleep(5)  # until they are delivered


def _shown(
    served: Service, user: dict[str, Any], number: int, when: str, chance: random.Random
) -> list[dict[str, Any]]:
    variant = "ab"[number // 3 % 2]
    options = {"diversity": 0.3} if variant == "b" else {}
    asked = {"history": user["history"], "languages": user["languages"], "options": options}
    items = served.post("/v1/recommend", asked).json["items"]
    who = {"user": f"u{number}", "time": when}
    told = {"id": f"list-{number}", "variant": variant, "languages": user["languages"], **who}
    assert served.post("/v1/impressions", {**told, "items": items}).status == 202
    return [
        {
            **who,
            "item": item["id"],
            "event": "click",
            "shown": {
                "query_id": told["id"],
                "place": place,
                "variant": variant,
                **{name: item[name] for name in ("language", "retrievers")},
            },
        }
        for place, item in enumerate(items, 1)
        if chance.random() < CLICKED / place
    ]


def sheet(page: Path, theme: str) -> bytes:
    """The dashboards of a preview, two side by side."""
    with chromium() as browser:
        options = {"bypass_csp": True, "device_scale_factor": SCALE}
        shown = browser.new_page(color_scheme=theme, **options)  # type: ignore[arg-type]
        shown.set_viewport_size({"width": WIDTH, "height": 1000})
        shown.goto(page.as_uri())
        shown.evaluate(_WRAP)
        shown.add_style_tag(content=_STYLE)
        return _in_few_colors(shown.screenshot(full_page=True))


def _in_few_colors(png: bytes) -> bytes:
    """The picture in 256 colors: enough for panels, and well under half of the bytes."""
    written = io.BytesIO()
    with Image.open(io.BytesIO(png)) as picture:
        picture.convert("RGB").quantize(256).save(written, "png", optimize=True)
    return written.getvalue()
