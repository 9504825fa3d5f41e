"""What search Kibana makes of the `data.url` of a specification.

The cases named `Kibana's` are those of its own tests, `es_query_parser.test.js`.
"""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from xlrec_es.errors import UsageError
from xlrec_es.kibana.vega_source import NO_CONTEXT, TimeRange, filled, resolved, sources

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_MS = 86_400_000
DAYS = TimeRange(EPOCH + timedelta(days=10), EPOCH + timedelta(days=12))
LISTS = {"bool": {"must": [{"match_all": {"c": 3}}], "must_not": [{"d": 4}], "filter": [{"f": 6}]}}
OBJECTS = {"bool": {"must": {"match_all": {"a": 1}}, "must_not": {"b": 2}, "filter": {"e": 6}}}
RANGE = {
    "format": "strict_date_optional_time",
    "gte": "1970-01-11T00:00:00.000Z",
    "lte": "1970-01-13T00:00:00.000Z",
}
MUST, MUST_NOT, FILTER = (f"%dashboard_context-{n}_clause%" for n in ("must", "must_not", "filter"))


def body_of(
    url: dict[str, Any], context: dict[str, Any] = LISTS, time_range: TimeRange = DAYS
) -> dict[str, Any]:
    before = copy.deepcopy(url)
    index, body = resolved({"index": "_all", **url}, time_range, context=context)
    assert index == "_all"
    assert url == before
    return body


def in_query(part: object, context: dict[str, Any] = LISTS) -> object:
    return body_of({"body": {"query": {"arr": part}}}, context)["query"]["arr"]


def in_aggregations(part: object, time_range: TimeRange = DAYS) -> dict[str, Any]:
    return body_of({"body": {"aggs": {"a": part}}}, time_range=time_range)["aggs"]["a"]


def span(**long: float) -> TimeRange:
    return TimeRange(EPOCH, EPOCH + timedelta(**long))


@pytest.mark.parametrize(
    ("url", "query"),
    [
        ({"%context%": True}, LISTS),
        ({"%context_query%": True}, LISTS),
        (
            {"%context%": True, "%timefield%": "abc"},
            {
                "bool": {
                    **LISTS["bool"],
                    "must": [{"match_all": {"c": 3}}, {"range": {"abc": RANGE}}],
                }
            },
        ),
        (
            {"%context_query%": "abc"},
            {
                "bool": {
                    **LISTS["bool"],
                    "must": [{"match_all": {"c": 3}}, {"range": {"abc": RANGE}}],
                }
            },
        ),
        ({"%timefield%": "abc"}, {"range": {"abc": RANGE}}),
        ({"body": {"query": {"match_all": {}}}}, {"match_all": {}}),
    ],
)
def test_the_query_is_the_dashboards_or_the_bodys_own_as_in_kibanas(
    url: dict[str, Any], query: dict[str, Any]
) -> None:
    assert body_of(url) == {"query": query}


def test_a_search_without_context_has_no_query_as_in_kibanas() -> None:
    assert body_of({}) == {}
    assert body_of({"body": {"size": 3}}) == {"size": 3}
    assert body_of({"%context%": False, "%timefield%": ""}) == {}


def test_the_dashboards_query_is_not_changed_by_a_range() -> None:
    body_of({"%context%": True, "%timefield%": "abc"}, NO_CONTEXT)
    assert NO_CONTEXT["bool"]["must"] == []


def test_a_dashboard_with_one_clause_in_place_of_a_list_gets_the_range_too() -> None:
    query = body_of({"%context%": True, "%timefield%": "t"}, OBJECTS)["query"]
    assert query["bool"]["must"] == [{"match_all": {"a": 1}}, {"range": {"t": RANGE}}]


@pytest.mark.parametrize(
    ("part", "context", "expected"),
    [
        ([MUST], {}, []),
        ([FILTER], LISTS, [{"f": 6}]),
        ([MUST], LISTS, [{"match_all": {"c": 3}}]),
        ([MUST], OBJECTS, [{"match_all": {"a": 1}}]),
        ([1, MUST, 2, MUST_NOT, 3], LISTS, [1, {"match_all": {"c": 3}}, 2, {"d": 4}, 3]),
        ([FILTER, 1, MUST_NOT, 2], OBJECTS, [{"e": 6}, 1, {"b": 2}, 2]),
        ([{"x": [MUST]}], LISTS, [{"x": [{"match_all": {"c": 3}}]}]),
        ([], LISTS, []),
    ],
)
def test_clauses_of_the_dashboard_go_into_lists_as_in_kibanas(
    part: list[Any], context: dict[str, Any], expected: list[Any]
) -> None:
    assert in_query(part, context) == expected


def test_clauses_stand_for_nothing_in_aggregations() -> None:
    assert in_aggregations({"x": [MUST]}) == {"x": [MUST]}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"%timefilter%": "min"}, 10 * DAY_MS),
        ({"%timefilter%": "max"}, 12 * DAY_MS),
        ({"%timefilter%": "min", "shift": 2}, 12 * DAY_MS),
        ({"%timefilter%": "min", "shift": -2, "unit": "h"}, 10 * DAY_MS - 7_200_000),
        ({"%timefilter%": "min", "shift": 1, "unit": "week"}, 17 * DAY_MS),
        ({"%timefilter%": True}, RANGE),
        (
            {"%timefilter%": True, "shift": 5, "unit": "s", "boost": 2},
            {
                **RANGE,
                "boost": 2,
                "gte": "1970-01-11T00:00:05.000Z",
                "lte": "1970-01-13T00:00:05.000Z",
            },
        ),
    ],
)
def test_times_of_the_picker_as_in_kibanas(asked: dict[str, Any], expected: object) -> None:
    assert in_aggregations({"x": asked}) == {"x": expected}
    assert in_query({"x": asked}) == {"x": expected}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"%autointerval%": True}, {"calendar_interval": "1h"}),
        ({"%autointerval%": 10}, {"fixed_interval": "3h"}),
        ("30s", {"fixed_interval": "30s"}),
        ("1s", {"fixed_interval": "1s"}),
        ("1d", {"calendar_interval": "1d"}),
        ("7d", {"fixed_interval": "7d"}),
        ("1M", {"calendar_interval": "1M"}),
    ],
)
def test_intervals_of_date_histograms_as_in_kibanas(
    asked: object, expected: dict[str, str]
) -> None:
    found = in_aggregations({"date_histogram": {"field": "t", "interval": asked}})
    assert found == {"date_histogram": {"field": "t", **expected}}


def test_the_interval_of_another_histogram_stays_as_in_kibanas() -> None:
    assert in_aggregations({"histogram": {"interval": 1}}) == {"histogram": {"interval": 1}}


@pytest.mark.parametrize(
    ("time_range", "expected"),
    [
        (span(milliseconds=500), "100ms"),
        (span(seconds=4), "1s"),
        (span(seconds=6), "5s"),
        (span(seconds=15), "10s"),
        (span(seconds=16), "30s"),
        (span(minutes=3), "1m"),
        (span(minutes=4), "5m"),
        (span(minutes=20), "10m"),
        (span(minutes=21), "30m"),
        (span(hours=2), "1h"),
        (span(hours=4), "3h"),
        (span(days=1), "12h"),
        (span(days=7), "24h"),
        (span(days=21), "1w"),
        (span(days=41), "30d"),
        (span(days=42), "1y"),
    ],
)
def test_an_automatic_interval_is_rounded_as_in_kibanas(
    time_range: TimeRange, expected: str
) -> None:
    histogram = {"date_histogram": {"interval": {"%autointerval%": 1}}}
    [found] = in_aggregations(histogram, time_range)["date_histogram"].values()
    assert found == expected


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ({"index": None}, "names no index"),
        ({"%type%": "emsfile"}, "type emsfile"),
        ({"body": [1]}, "must be an object"),
        ({"%context%": True, "body": {"query": {}}}, "beside body.query"),
        ({"%timefield%": "t", "body": {"query": {}}}, "beside body.query"),
        ({"%context%": False, "body": {"query": {}}}, "beside body.query"),
        ({"%context_query%": True, "body": {"query": {}}}, "must be alone"),
        ({"%context_query%": True, "%context%": True}, "must be alone"),
        ({"%context_query%": ""}, "must be true, or"),
        ({"body": {"aggs": {"x": {"%timefilter%": "middle"}}}}, "'middle'"),
        ({"body": {"aggs": {"x": {"%timefilter%": "min", "shift": "2"}}}}, "shift"),
        ({"body": {"aggs": {"x": {"%timefilter%": "min", "shift": 2, "unit": "M"}}}}, "'M'"),
        ({"body": {"aggs": {"date_histogram": {"interval": {"%autointerval%": "x"}}}}}, "above 0"),
        ({"body": {"aggs": {"date_histogram": {"interval": "2w"}}}}, "but one"),
        ({"body": {"aggs": {"date_histogram": {"interval": "1.5h"}}}}, "is no interval"),
    ],
)
def test_what_is_against_the_rules_is_refused(url: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        resolved({"index": "_all", **url}, DAYS)


def test_a_time_range_is_read_as_dashboards_have_it() -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert TimeRange.relative("now-90d", now=now) == TimeRange(now - timedelta(days=90), now)
    assert TimeRange.relative("now-1M/d", "now+15m", now=now) == TimeRange(
        now - timedelta(days=30), now + timedelta(minutes=15)
    )
    given = TimeRange.relative("2026-01-01", "2026-01-02T01:00:00+01:00", now=now)
    assert given == TimeRange(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, 0, tzinfo=UTC))
    with pytest.raises(UsageError, match="'yesterday' is no time"):
        TimeRange.relative("yesterday")


def test_searches_are_found_wherever_they_stand_and_filled() -> None:
    search = {"url": {"index": "a"}, "format": {"property": "aggregations.x.buckets"}}
    spec = {
        "data": search,
        "layer": [
            {"mark": "bar", "data": {"url": {"index": "b"}}},
            {"transform": [{"lookup": "k", "from": {"data": {"url": {"index": "c"}}, "key": "k"}}]},
            {"mark": "point", "data": {"values": [1]}},
            {"mark": "rule", "data": {"url": "https://example.org/plain.json"}},
        ],
    }
    found = sources(spec)
    assert [(one.data["url"]["index"], one.path, one.rows) for one in found] == [
        ("a", "data", "aggregations.x.buckets"),
        ("b", "layer.0.data", ""),
        ("c", "layer.1.transform.0.from.data", ""),
    ]
    whole = filled(spec, lambda url: {"of": url["index"]})
    assert whole["data"] == {"format": search["format"], "values": {"of": "a"}}
    assert whole["layer"][0]["data"] == {"values": {"of": "b"}}
    assert whole["layer"][2:] == spec["layer"][2:]
    assert spec["data"] == search
    assert sources({"data": [{"name": "t", "url": {"index": "v"}}]})[0].path == "data.0"
