"""An evaluation as one HTML file: pictures with their tables, lists of persons, how to repeat it.

The file needs nothing from anywhere: no script, no font, no network.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import orjson

from xlrec_es.errors import MissingExtra, UsageError
from xlrec_es.measures import (
    COLD,
    COVERAGE,
    DIVERSITY,
    HIT,
    MRR,
    NDCG,
    NOVELTY,
    POPULARITY,
    RECALL,
    SOURCE_SHARE,
    WARM,
)
from xlrec_es.systems import RECOMMENDER

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --own: #d2762d; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem;
  color: #1a1a1a; background: #fff; }
@media (prefers-color-scheme: dark) { body { color: #e8e8e8; background: #16181a; } }
svg { width: 100%; max-width: 40rem; height: auto; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { text-align: left; padding: .2rem .6rem; border-bottom: 1px solid var(--line);
  vertical-align: top; white-space: nowrap; }
.lists td { white-space: normal; min-width: 9rem; }
.hit { font-weight: bold; border-left: 3px solid var(--own); padding-left: .4rem; }
small, summary { opacity: .85; }
pre { overflow-x: auto; border: 1px solid var(--line); padding: .6rem; }
.verdict { border-left: 4px solid var(--own); padding-left: 1rem; font-size: 1.1rem; }
"""


def render(report: Mapping[str, Any]) -> str:
    """The HTML file.

    Args:
        report: What `experiment.run` returned, or its JSON.

    Raises:
        MissingExtra: Altair is not installed.
        UsageError: Not such a report.
    """
    try:
        import xlrec_es.charts  # noqa: F401 - to say early what is missing
    except ImportError as error:
        raise MissingExtra.named("report", "a report") from error
    try:
        body = "".join(_body(report))
    except (KeyError, TypeError) as error:
        raise UsageError(
            "this is not the JSON of an evaluation; write one with: xlrec-es evaluate --json"
        ) from error
    title = f"Evaluation of {escape(report['index'])}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{title}</h1>{body}</body></html>\n"
    )


def _body(report: Mapping[str, Any]) -> Iterable[str]:
    k = report["job"]["k"]
    said = "".join(f"<p>{escape(text)}</p>" for text in (*report["verdict"], *report["notes"]))
    yield f'<div class="verdict">{said}</div>'
    parts = report["split"]
    yield (
        f"<p>{report['cases']} cases of {report['persons']} persons. Likes are split by "
        f"{escape(parts['method'])}: {parts['training']} to learn from, {parts['held out']} held "
        f"out. A case is one person and one source language; recall@{k} counts the held-out works "
        f"in other languages that are among the first {k}. Intervals are 95%, over persons.</p>"
    )
    for kind, pool in report["pools"].items():
        yield f"<h2>{escape(kind)} pool</h2>"
        yield from _pool(pool, k)
    yield "<h2>Persons</h2>"
    for sample in report["samples"]:
        yield from _person(sample)
    yield from _configuration(report)


def _pool(pool: Mapping[str, Any], k: int) -> Iterable[str]:
    from xlrec_es.charts import bars, groups, heat_map

    systems = sorted(pool["systems"].items(), key=lambda pair: -pair[1]["measures"][RECALL]["mean"])
    measures = {name: system["measures"] for name, system in systems}
    measure = f"recall@{k}"
    rows = [{"system": name, **found[RECALL]} for name, found in measures.items()]
    yield _figure(
        "What is found",
        bars(rows, measure=measure, own=RECOMMENDER),
        _table(
            ["system", measure, "NDCG@10", "MRR", "hit rate", "recommender is better by", "p"],
            [[name, *_found(system)] for name, system in systems],
        ),
    )
    pairs = pool["systems"][RECOMMENDER]["pairs"]
    yield _figure(
        f"{measure} of the recommender, by pair of languages",
        heat_map([{**pair, **pair["recall"]} for pair in pairs]),
        _table(
            ["from", "into", "persons", measure],
            [[p["source"], p["target"], p["persons"], _interval(p["recall"])] for p in pairs],
        ),
    )
    warmth = [
        {"system": name, "group": group, "mean": found[key]["mean"] or 0.0}
        for name, found in measures.items()
        for group, key in (("warm", WARM), ("cold", COLD))
    ]
    yield _figure(
        "Works that many know, and cold ones",
        groups(warmth, measure=measure),
        _table(
            ["system", "warm", "cold"],
            [[name, _interval(m[WARM]), _interval(m[COLD])] for name, m in measures.items()],
        ),
    )
    share = pool["source share of the pool"]
    kept = (SOURCE_SHARE, NOVELTY, DIVERSITY, POPULARITY)
    yield f"<h3>What lists are like</h3><p>{share:.0%} of the pool is in the source language.</p>"
    yield _table(
        ["system", *kept, COVERAGE],
        [
            [
                name,
                *(_number(system["measures"][key]["mean"]) for key in kept),
                f"{system[COVERAGE]:.0%}",
            ]
            for name, system in systems
        ],
    )


def _found(system: Mapping[str, Any]) -> list[str]:
    measures = system["measures"]
    better = system.get("recommender is better by", {}).get(RECALL)
    return [
        _interval(measures[RECALL]),
        *(_number(measures[key]["mean"]) for key in (NDCG, MRR, HIT)),
        *([_interval(better), _number(better["p_value"])] if better else ["", ""]),
    ]


def _person(sample: Mapping[str, Any]) -> Iterable[str]:
    likes, held_out = ", ".join(sample["likes"]), ", ".join(sample["held out"])
    yield (
        f"<h3>{escape(sample['person'])}, from {escape(sample['source'])}</h3>"
        f"<p>Likes {escape(likes)}.<br>Held out: {escape(held_out)}. What was held out and found "
        f"is bold.</p>"
    )
    names = list(sample["lists"])
    places = max(map(len, sample["lists"].values()), default=0)
    rows = [[_entry(sample["lists"][name], place) for name in names] for place in range(places)]
    yield _table(names, rows, kind="lists", raw=True)


def _entry(ranked: Sequence[Mapping[str, Any]], place: int) -> str:
    if place >= len(ranked):
        return ""
    item = ranked[place]
    text = f"{escape(item['title'])} <small>({escape(item['language'])})</small>"
    if item["held out"]:
        text = f'<div class="hit">{text}</div>'
    reasons = [f"{escape(r['title'])} {r['share']:.0%}" for r in item.get("reasons", ())]
    return text + (f"<br><small>because of {', '.join(reasons)}</small>" if reasons else "")


def _configuration(report: Mapping[str, Any]) -> Iterable[str]:
    kept = {
        name: report[name]
        for name in (
            "program",
            "fingerprint",
            "weights",
            "indicators",
            "job",
            "interactions",
            "split",
        )
    }
    text = orjson.dumps(kept, option=orjson.OPT_INDENT_2).decode()
    yield f"<h2>Configuration</h2><details><summary>Everything</summary><pre>{escape(text)}</pre>"
    yield "</details><h2>To repeat it</h2>"
    yield f"<pre>{escape(command(report))}</pre>"


def command(report: Mapping[str, Any]) -> str:
    """The command line that gives the same numbers, from the same index and interactions."""
    job = report["job"]
    pool = "both" if len(job["pools"]) > 1 else job["pools"][0]
    words = ["xlrec-es", "evaluate", job["interactions"], "--index", report["index"]]
    given = {
        "--against": job["against"],
        "--min-rating": job["min_rating"],
        "--split": report["split"]["method"],
        "--held-out": job["part"],
        "--seed": job["seed"],
        "--max-persons": job["max_persons"],
        "--min-history": job["min_history"],
        "--k": job["k"],
        "--pool": pool,
        "--mix": job["mix"],
        "--renditions": "one" if job["one_language"] else None,
    }
    for option, value in given.items():
        words += [] if value is None else [option, str(value)]
    for name, column in job["fields"].items():
        words += ["--field", f"{name}={column}"]
    return shlex.join([*words, "--json"])


def _figure(caption: str, svg: str, table: str) -> str:
    picture = svg.replace("<svg ", f'<svg role="img" aria-label="{escape(caption)}" ', 1)
    return (
        f"<h3>{escape(caption)}</h3><figure>{picture}</figure>"
        f"<details><summary>The numbers</summary>{table}</details>"
    )


def _table(
    names: Sequence[str], rows: Iterable[Sequence[object]], *, kind: str = "", raw: bool = False
) -> str:
    """A table that scrolls by itself where the screen is narrow.

    Args:
        names: Of the columns.
        rows: Of the cells.
        kind: Class of the table.
        raw: The cells are HTML.
    """
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{cell if raw else escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return (
        f'<div class="wide"><table class="{kind}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _interval(found: Mapping[str, float | None]) -> str:
    ends = (found["low"], found["high"])
    if found["mean"] is None or None in ends:
        return "-"
    return f"{found['mean']:.3f} [{ends[0]:.3f}, {ends[1]:.3f}]"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
