"""An evaluation as one HTML file: pictures with their tables, lists of users, how to repeat it.

The file needs nothing from anywhere: no script, no font, no network.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import orjson

from xlrec_es.errors import MissingExtra, UsageError
from xlrec_es.evaluate.baselines import POPULAR
from xlrec_es.evaluate.evaluator import (
    COVERAGE,
    DIVERSITY,
    LABELS,
    NOVELTY,
    POPULARITY,
    RECALL,
    SOURCE_SHARE,
    labels_at,
)
from xlrec_es.evaluate.protocol import BY_TIME, COLD_POOL, CROSS, MIXED, POOLS_BY_NAME
from xlrec_es.evaluate.systems import AGAINST, RECOMMENDER
from xlrec_es.report.figures import _by_recall, _interval, _number, figures
from xlrec_es.report.html_page import figure, page, table


def render(report: Mapping[str, Any]) -> str:
    """The HTML file.

    Args:
        report: What `experiment.run_experiment` returned, or its JSON.

    Raises:
        MissingExtra: Altair is not installed.
        UsageError: Not such a report.
    """
    try:
        import xlrec_es.report.charts  # noqa: F401 - to say early what is missing
    except ImportError as error:
        raise MissingExtra.named("report", "a report") from error
    try:
        return page(f"Evaluation of {report['index']}", "".join(_body(report)))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UsageError(
            "this is not the JSON of an evaluation; write one with: xlrec-es evaluate --json"
        ) from error


def _body(report: Mapping[str, Any]) -> Iterable[str]:
    k = report["job"]["k"]
    said = "".join(
        f"<p>{escape(text[:1].upper() + text[1:])}.</p>"
        for text in (*report["verdict"], *report["notes"])
    )
    yield f'<div class="verdict">{said}</div>'
    yield (
        '<p class="note">Only statistically significant differences are named above. Each '
        "comparison is made at 95%, so that of many between pairs of languages some are chance.</p>"
    )
    parts = report["split"]
    how = "by time" if parts["method"] == BY_TIME else "at random"
    counts = (
        f"{report['cases']} cases of {report['users']} users. Interactions are split "
        f"{how}: {parts['training']} to learn from, {parts['held out']} held out. "
        f"A case is one user and one source language; recall@{k} counts the held-out items in "
        f"other languages that are among the first {k}. Intervals are 95%, over users."
    )
    yield f"<p>{escape(counts)}</p>"
    yield "<h2>In short</h2>"
    yield table("In short", *_in_short(report), kind="short")
    for kind in report["pools"]:
        yield f"<h2>{escape(kind)} pool</h2>"
        yield f'<p class="note">{_POOLS[kind]}</p>'
        yield from _pool(report, kind)
    yield "<h2>Users</h2>"
    for sample in report["samples"]:
        yield from _user(sample)
    yield from _configuration(report)


_POOLS = {
    CROSS: "What is recommended is in any language but the source.",
    MIXED: "All languages compete, the source language too.",
    COLD_POOL: "Only items without training interactions, in any language but the source.",
}


def _in_short(report: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Each pool's recommender beside the best of the others and what matters most."""
    recall = labels_at(report["job"]["k"])[RECALL]
    names = ["pool", f"recommender's {recall}", "best of the others", POPULAR, AGAINST]
    rows = []
    for kind, pool in report["pools"].items():
        found = {name: system["measures"][RECALL] for name, system in pool["systems"].items()}
        best = max(found.keys() - {RECOMMENDER}, key=lambda name: (found[name]["mean"], name))
        other = _interval(found[AGAINST]) if AGAINST in found else "-"
        rows.append(
            [
                kind,
                _interval(found[RECOMMENDER]),
                f"{best}: {_interval(found[best])}",
                _interval(found[POPULAR]),
                other,
            ]
        )
    shown = 5 if report["job"]["against"] else 4
    return names[:shown], [row[:shown] for row in rows]


def _pool(report: Mapping[str, Any], kind: str) -> Iterable[str]:
    from xlrec_es.report.charts import as_svg

    yield '<div class="figures">'
    for one in figures(report, kind):
        svg = as_svg(one.chart, ink="currentColor", background=None)
        yield figure(one.caption, svg, one.numbers)
    yield "</div>"
    pool = report["pools"][kind]
    share = pool["source share of the pool"]
    kept = (SOURCE_SHARE, NOVELTY, DIVERSITY, POPULARITY)
    yield f"<h3>What lists are like</h3><p>{share:.0%} of the pool is in the source language.</p>"
    yield table(
        f"What lists are like, {kind} pool",
        ["system", *(LABELS[key] for key in (*kept, COVERAGE))],
        [
            [
                name,
                *(_number(system["measures"][key]["mean"]) for key in kept),
                f"{system[COVERAGE]:.0%}",
            ]
            for name, system in _by_recall(pool)
        ],
        own=RECOMMENDER,
    )


def _user(sample: Mapping[str, Any]) -> Iterable[str]:
    likes, held_out = ", ".join(sample["history"]), ", ".join(sample["held out"])
    yield (
        f"<h3>{escape(sample['user'])}, from {escape(sample['source'])}</h3>"
        f"<p>Liked: {escape(likes)}.<br>Held out: {escape(held_out)}. What was held out and found "
        f"is bold.</p>"
    )
    names = list(sample["lists"])
    places = max(map(len, sample["lists"].values()), default=0)
    rows = [
        [str(place + 1), *(_entry(sample["lists"][name], place) for name in names)]
        for place in range(places)
    ]
    yield table(f"Lists for {sample['user']}", ["place", *names], rows, kind="lists", raw=True)


def _entry(ranked: Sequence[Mapping[str, Any]], place: int) -> str:
    if place >= len(ranked):
        return ""
    item = ranked[place]
    language = escape(item["language"])
    text = f'<span lang="{language}">{escape(item["title"])}</span> <small>({language})</small>'
    if item["held out"]:
        text = f'<div class="hit">{text}</div>'
    reasons = [f"{escape(r['title'])} {r['share']:.0%}" for r in item.get("reasons", ())]
    return text + (f"<div><small>because of {', '.join(reasons)}</small></div>" if reasons else "")


def _configuration(report: Mapping[str, Any]) -> Iterable[str]:
    kept = {
        name: report[name]
        for name in (
            "program",
            "fingerprint",
            "weights",
            "indicators",
            "encoder",
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
    [pool] = (name for name, own in POOLS_BY_NAME.items() if own == tuple(job["pools"]))
    words = ["xlrec-es", "evaluate", job["interactions"], "--index", report["index"]]
    given = {
        "--against": job["against"],
        "--min-rating": job["min_rating"],
        "--time-format": job.get("time_format"),
        "--split": report["split"]["method"],
        "--held-out": job["part"],
        "--cold-items": job["cold"] or None,
        "--seed": job["seed"],
        "--max-users": job["max_users"],
        "--min-history": job["min_history"],
        "--k": job["k"],
        "--pool": pool,
        "--mix": job["mix"],
        "--language-versions": "one" if job["one_language"] else None,
    }
    for option, value in given.items():
        words += [] if value is None else [option, str(value)]
    for name, column in job["fields"].items():
        words += ["--field", f"{name}={column}"]
    for name, weight in (job.get("events") or {}).items():
        words += ["--event", f"{name}={weight:g}"]
    return shlex.join([*words, "--json"])
