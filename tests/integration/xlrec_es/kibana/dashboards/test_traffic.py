"""What the dashboard Traffic draws is what a service was told of lists and clicks."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from elasticsearch import Elasticsearch

from catalogue import write_catalogue
from http_service import Service, service
from kibana_marks import Mark, drawn, headline_of, panel_of
from xlrec_es.cli.main import main
from xlrec_es.kibana.check import check
from xlrec_es.kibana.dashboards import traffic
from xlrec_es.kibana.dashboards.marks import ENDS
from xlrec_es.kibana.indices import Indices
from xlrec_es.kibana.searches import searches_of

DAYS = ("2026-01-01T12:00:00Z", "2026-01-02T12:00:00Z")
Draw = Callable[..., list[Mark]]
Z = 1.959963984540054


@dataclass
class Log:
    """What a service was told.

    Attributes:
        client: Of the cluster.
        names: Of the indices.
        items: Each that was shown: with its list's id, place, variant and time.
        clicked: Those that were clicked, each once.
        asked: Languages of each list.
        partial: How many lists were.
        served: The service.
    """

    client: Elasticsearch
    names: Indices
    items: list[dict[str, Any]] = field(default_factory=list)
    clicked: list[dict[str, Any]] = field(default_factory=list)
    asked: list[list[str]] = field(default_factory=list)
    partial: Counter[str] = field(default_factory=Counter)
    served: Service | None = None

    def post(self, events: list[dict[str, Any]]) -> None:
        """Tell the service of further events, and wait until they are in the index."""
        assert self.served is not None
        before = self.client.count(index=str(self.names.clicks))["count"]
        assert self.served.post("/v1/events", {"events": events}).status == 202
        _await(self.client, str(self.names.clicks), before + len(events))


@pytest.fixture
def log(es_each: Elasticsearch, index_name: str, tmp_path: Path) -> Iterator[Log]:
    """Two variants, of which the second is clicked more, and a user who clicks twice."""
    write_catalogue(es_each, index_name)
    [node] = es_each.transport.node_pool.all()
    found = Log(es_each, Indices(index_name, shown=f"{index_name}-s", clicks=f"{index_name}-c"))
    options = ("-i", index_name, "--url", node.base_url, "--spool", str(tmp_path / "spool"))
    options += ("--impressions-index", f"{index_name}-s", "--events-index", f"{index_name}-c")
    with service(tmp_path, *options) as served:
        for number in range(24):
            _show(served, found, number)
        events = [_click(one) for one in found.clicked for _ in range(1 + one["place"] % 2)]
        events.append(_click(found.items[-1]) | {"event": "hide"})
        assert served.post("/v1/events", {"events": events}).status == 202
        _await(es_each, f"{index_name}-s", len(found.items))
        _await(es_each, f"{index_name}-c", len(found.clicked) + 1)
        found.served = served
        yield found


def _show(served: Service, log: Log, number: int) -> None:
    variant, asked = "ab"[number % 2], [["ja"], ["ja", "de"]][number % 3 == 0]
    list_id, when, user = f"list-{number}", DAYS[number % 4 == 0], f"u{number}"
    question = {"history": [f"chess-{number % 5}"], "languages": asked, "size": 5}
    items = served.post("/v1/recommend", question).json["items"]
    told = {"id": list_id, "time": when, "user": user, "variant": variant, "languages": asked}
    told |= {"items": items, "degraded": ["a shard failed"] if number % 6 == 0 else []}
    assert served.post("/v1/impressions", told).status == 202
    log.asked.append(asked)
    log.partial[when] += number % 6 == 0
    for place, item in enumerate(items, 1):
        log.items.append(
            {"query_id": list_id, "place": place, "variant": variant, "time": when, "user": user}
            | {name: item[name] for name in ("id", "language", "retrievers")}
        )
        if place <= number % 3 + (variant == "b"):
            log.clicked.append(log.items[-1])


def _click(one: dict[str, Any]) -> dict[str, Any]:
    names = ("query_id", "place", "variant", "language", "retrievers")
    shown = {name: one[name] for name in names}
    return {name: one[name] for name in ("user", "time")} | {
        "item": one["id"], "event": "click", "shown": shown
    }  # fmt: skip


def _await(client: Elasticsearch, index: str, count: int) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if client.indices.exists(index=index):
            client.indices.refresh(index=index)
            if client.count(index=index)["count"] == count:
                return
        time.sleep(0.2)
    raise AssertionError(f"{index} does not get {count} documents: {client.count(index=index)}")


def rates(
    log: Log, kinds: Callable[[dict[str, Any]], Iterable[object]]
) -> dict[str, tuple[int, int]]:
    """Of each kind, how many were clicked of how many."""
    shown, clicked = (
        Counter(str(kind) for one in rows for kind in kinds(one))
        for rows in (log.items, log.clicked)
    )
    return {kind: (clicked[kind], n) for kind, n in shown.items()}


def wilson(clicks: int, n: int) -> tuple[float, float]:
    """Ends of the interval, as the roots of (p - rate)^2 = z^2 p (1 - p) / n."""
    a, b, c = 1 + Z**2 / n, -(2 * clicks / n + Z**2 / n), (clicks / n) ** 2
    root = math.sqrt(b * b - 4 * a * c)
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


def drawer(log: Log) -> Draw:
    made = traffic.dashboard(log.names)

    def draw(title: str, kind: str | None = None) -> list[Mark]:
        return drawn(
            log.client, panel_of(made, title), kind, since="2026-01-01", until="2026-01-04"
        )

    return draw


def test_marks_are_the_numbers_of_the_log(log: Log) -> None:
    draw = drawer(log)
    _rates(draw, log)
    _over_time(draw, log)
    _languages(draw, log)
    _all_can_be_sent(log)


def _rates(draw: Draw, log: Log) -> None:
    for title, axis, kinds in (
        (traffic.VARIANTS, "variant", lambda one: [one["variant"]]),
        (traffic.LANGUAGES, "language of the item", lambda one: [one["language"]]),
        (traffic.SOURCES, "found by", lambda one: one["retrievers"]),
        (traffic.RANKS, "rank", lambda one: [one["place"]]),
    ):
        expected = rates(log, kinds)
        points = {m[axis].split("  ")[0]: m for m in draw(title)}
        assert points.keys() == expected.keys(), title
        assert len(expected) > 1, title
        for kind, (clicks, n) in expected.items():
            assert points[kind]["clicked"] == f"{clicks / n:.1%}", title
            if axis != "rank":
                assert points[kind][axis] == f"{kind}  {clicks} of {n}"
            ends = [points[kind][name] for name in ENDS.values()]
            assert ends == [f"{end:.1%}" for end in wilson(clicks, n)], title
    assert (
        rates(log, lambda one: [one["variant"]])["a"]
        < rates(log, lambda one: [one["variant"]])["b"]
    )


def _over_time(draw: Draw, log: Log) -> None:
    shown = Counter((one["time"], one["variant"]) for one in log.items)
    bars = draw(traffic.SHOWN)
    found = Counter({(m["variant"], int(m["recommendations"])): 1 for m in bars})
    assert found == Counter({(variant, n): 1 for (_, variant), n in shown.items()})
    by_day = rates(log, lambda one: [one["time"]])
    assert sorted(m["clicked"] for m in draw(traffic.RATE, "point")) == sorted(
        f"{clicks / n:.1%}" for clicks, n in by_day.values()
    )
    lists = Counter(one["time"] for one in log.items if one["place"] == 1)
    points = draw(traffic.PARTIAL, "point")
    assert sorted(m["share of the lists"] for m in points) == sorted(
        f"{log.partial[day] / n:.1%}" for day, n in lists.items()
    )


def _languages(draw: Draw, log: Log) -> None:
    asked = Counter(language for some in log.asked for language in some)
    given = Counter(one["language"] for one in log.items)
    assert {(m["language"], m["of"]): m["share"] for m in draw(traffic.ASKED)} == {
        **{
            (lang, "lists that asked for it"): f"{n / len(log.asked):.1%}"
            for lang, n in asked.items()
        },
        **{
            (lang, "recommendations in it"): f"{n / given.total():.1%}" for lang, n in given.items()
        },
    }


def test_clicks_on_what_was_not_logged_count_as_little_as_in_compare_logs(log: Log) -> None:
    events = [
        _click(one | {"query_id": f"unlogged-{number}"})
        for number, one in enumerate(log.items)
        if number % 2
    ]
    log.post(events)
    made, draw = traffic.dashboard(log.names), drawer(log)
    _rates(draw, log)
    told = _compared(log)
    assert told["log"]["clicks on what was not shown"] >= len(events)
    shown = {m["variant"] for m in draw(traffic.VARIANTS)}
    assert shown == {
        f"{name}  {found['clicks']} of {found['shown']}" for name, found in told["variants"].items()
    }
    said = headline_of(
        log.client, panel_of(made, traffic.RATE), since="2026-01-01", until="2026-01-04"
    )
    assert said.startswith(f"{len(events)} clicks on what was not logged in this time count here")


def _compared(log: Log) -> dict[str, Any]:
    [node] = log.client.transport.node_pool.all()
    logs = [f"index:{log.names.shown}", "--clicks", f"index:{log.names.clicks}"]
    done = CliRunner().invoke(main, ["compare-logs", *logs, "--json", "--url", node.base_url])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_clicks_that_are_not_there_yet_are_no_clicks_of_zero_percent(log: Log) -> None:
    made = traffic.dashboard(replace(log.names, clicks=f"{log.names.clicks}-notyet"))
    for title in traffic.OF_CLICKS:
        panel = panel_of(made, title)
        assert drawn(log.client, panel, since="2026-01-01", until="2026-01-04") == [], title
        said = headline_of(log.client, panel, since="2026-01-01", until="2026-01-04")
        assert said == (
            "There is no click that says where it was shown. Make some with: xlrec-es serve "
            f"--impressions-index {log.names.shown} --events-index {log.names.clicks}-notyet"
        )
    found = check(log.client, searches_of([made.saved_object("shop")]))
    whys = {one.search.title: one.why for one in found if one.failed}
    assert whys == dict.fromkeys(traffic.OF_CLICKS, f"there is no index {log.names.clicks}-notyet")


def _all_can_be_sent(log: Log) -> None:
    made = traffic.dashboard(log.names)
    failed = [
        one for one in check(log.client, searches_of([made.saved_object("shop")])) if one.failed
    ]
    assert [(one.search.title, one.why) for one in failed] == []
