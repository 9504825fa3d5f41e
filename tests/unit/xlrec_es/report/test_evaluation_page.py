"""Reports of JSON that somebody else made: nothing in it becomes a part of the page."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest

from xlrec_es.errors import UsageError
from xlrec_es.evaluate.baselines import POPULAR
from xlrec_es.evaluate.evaluator import COVERAGE, LABELS
from xlrec_es.evaluate.protocol import BY_TIME, CROSS
from xlrec_es.evaluate.systems import RECOMMENDER
from xlrec_es.report import charts
from xlrec_es.report.evaluation_page import render

HOSTILE = "\"'><script>alert(1)</script><b onmouseover=alert(1)>&amp;"


def measured(mean: float) -> dict[str, Any]:
    interval = {"mean": mean, "low": mean - 0.1, "high": mean + 0.1}
    return {
        "measures": {name: dict(interval) for name in LABELS},
        COVERAGE: 0.5,
        "pairs": [{"source": "en", "target": "de", "users": 3, "recall": dict(interval)}],
    }


EVALUATION: dict[str, Any] = {
    "index": "shop",
    "program": "1",
    "fingerprint": {"model": "m"},
    "weights": {"dense": 1.0},
    "indicators": None,
    "encoder": {"model": "m"},
    "interactions": {"rows": 9},
    "verdict": ["it is better"],
    "notes": ["few users"],
    "cases": 4,
    "users": 3,
    "split": {"method": BY_TIME, "training": 7, "held out": 2},
    "job": {
        "k": 9,
        "interactions": "likes.tsv",
        "against": None,
        "min_rating": None,
        "part": 0.2,
        "cold": None,
        "seed": 1,
        "max_users": None,
        "min_history": 2,
        "pools": [CROSS],
        "mix": None,
        "one_language": False,
        "fields": {"item": "product"},
    },
    "pools": {
        CROSS: {
            "source share of the pool": 0.3,
            "systems": {RECOMMENDER: measured(0.6), POPULAR: measured(0.2), "third": measured(0.1)},
        }
    },
    "samples": [
        {
            "user": "ann",
            "source": "en",
            "history": ["Chess"],
            "held out": ["Schach"],
            "lists": {
                RECOMMENDER: [
                    {
                        "language": "de",
                        "title": "Schach",
                        "held out": True,
                        "reasons": [{"title": "Chess", "share": 1.0}],
                    }
                ]
            },
        }
    ],
}


class Tags(HTMLParser):
    """The elements of a page, with the names of their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: set[tuple[str, ...]] = set()
        self.texts: list[str] = []
        self.policy = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add((tag, *sorted(name for name, _ in attrs)))
        given = dict(attrs)
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The ways to every value that is no container, and to every key."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, ("key", key))
            yield from places(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from places(inner, (*path, number))
    else:
        yield path


def with_hostile(path: tuple[Any, ...]) -> dict[str, Any]:
    changed = copy.deepcopy(EVALUATION)
    *way, last = path
    inner: Any = changed
    for step in way:
        inner = inner[step]
    if isinstance(last, tuple):
        inner[HOSTILE] = inner.pop(last[1])
    else:
        inner[last] = HOSTILE
    return changed


def test_no_value_and_no_name_becomes_a_part_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    for slow in ("bars", "groups", "heat_map"):
        monkeypatch.setattr(charts, slow, lambda *_, **__: None)
    monkeypatch.setattr(charts, "as_svg", lambda *_, **__: "<svg width='1'></svg>")
    usual = Tags(render(EVALUATION)).found
    shown = 0
    for path in places(EVALUATION):
        try:
            html = render(with_hostile(path))
        except UsageError:
            continue  # a number or a name that it needs
        assert "<script" not in html, path
        assert Tags(html).found <= usual, path
        shown += any("alert(1)" in text for text in Tags(html).texts)
    assert shown > 20


def test_no_name_becomes_a_part_of_a_picture() -> None:
    usual = Tags(render(EVALUATION)).found
    changed = copy.deepcopy(EVALUATION)
    pool = changed["pools"][CROSS]["systems"]
    pool[HOSTILE] = pool.pop("third")
    pool[RECOMMENDER]["pairs"][0] |= {"source": HOSTILE, "target": HOSTILE}
    page = Tags(render(changed))
    assert page.found <= usual
    assert sum("alert(1)" in text for text in page.texts) > 5


def test_the_page_forbids_what_it_does_not_need() -> None:
    page = Tags(render(EVALUATION))
    assert page.policy.split("; ")[:2] == ["default-src 'none'", "style-src 'unsafe-inline'"]
    assert "script" not in page.policy


@pytest.mark.parametrize(
    "report",
    [
        [],
        "evaluation",
        {name: value for name, value in EVALUATION.items() if name != "index"},
        EVALUATION | {"pools": []},
        EVALUATION | {"pools": {"../../mine": EVALUATION["pools"][CROSS]}},
        EVALUATION | {"job": None},
        EVALUATION | {"job": EVALUATION["job"] | {"pools": ["none"]}},
        EVALUATION | {"samples": [{"user": 3, "source": "en", "history": [], "held out": []}]},
    ],
)
def test_what_is_no_evaluation_is_named(report: Any) -> None:  # noqa: ANN401
    with pytest.raises(UsageError, match="not the JSON of an evaluation"):
        render(report)
