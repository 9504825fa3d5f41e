"""What search Kibana makes of the `data.url` of a Vega specification. Pure.

Kibana itself is not needed, so a dashboard can be tried, checked and drawn wherever Elasticsearch
is. The rules are those that Kibana documents for Vega
(https://www.elastic.co/docs/explore-analyze/visualize/custom-visualizations-with-vega), with what
its own tests of them (`es_query_parser.test.js`) say of the rest:

- `%context%`: the query is the dashboard's, and its filters.
- `%timefield%`: and a range of that field, the one that the time picker shows.
- With a query of its own, neither may be there. `%dashboard_context-must_clause%`,
  `...-filter_clause%` and `...-must_not_clause%`, as elements of a list in it, stand for those
  clauses of the dashboard.
- `{"%timefilter%": "min"}` or `"max"` is an end of the range, in milliseconds;
  `{"%timefilter%": true}` is the range itself. `shift` and `unit` move it.
- `"interval": {"%autointerval%": true}` of a date histogram is one of about 50, or as many as the
  number in place of `true`.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from xlrec_es.errors import UsageError

_CONTEXT, _TIME_FIELD, _OLD_CONTEXT = "%context%", "%timefield%", "%context_query%"
_TIME_FILTER, _AUTO_INTERVAL, _TYPE = "%timefilter%", "%autointerval%", "%type%"
_CLAUSES = {f"%dashboard_context-{name}_clause%": name for name in ("must", "filter", "must_not")}
_SEARCHES = (None, "elasticsearch")

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}
_LONG_UNITS = {"second": "s", "minute": "m", "hour": "h", "day": "d", "week": "w"}
_RELATIVE = re.compile(r"now(?:([+-])(\d+)([smhdwMy]))?(?:/[smhdwMy])?")
_DAYS = {"M": 30, "y": 365}
_NO_TIME = "is no time; write now-90d, or an ISO time such as 2026-01-31"
_FARTHEST_YEARS = 900
_FARTHEST_S = _FARTHEST_YEARS * 366 * 86_400
"""Of a time from now, and of a shift of it: together they stay within Python's years 1 to 9999."""

_INTERVALS = (
    (500, "100ms"),
    (5_000, "1s"),
    (7_500, "5s"),
    (15_000, "10s"),
    (45_000, "30s"),
    (180_000, "1m"),
    (450_000, "5m"),
    (1_200_000, "10m"),
    (2_700_000, "30m"),
    (7_200_000, "1h"),
    (21_600_000, "3h"),
    (86_400_000, "12h"),
    (604_800_000, "24h"),
    (1_814_400_000, "1w"),
    (3_628_799_999, "30d"),
)
"""Up to how many milliseconds which interval is taken; beyond them a year."""
_BUCKETS = 50
_INTERVAL = re.compile(r"\s*([1-9]\d*)\s*(ms|s|m|h|d|w|M|y)\s*")
_OF_THE_CALENDAR = ("w", "M", "y")

NO_CONTEXT: Mapping[str, Any] = {"bool": {"must": [], "filter": [], "should": [], "must_not": []}}
"""The query of a dashboard that nobody has filtered."""


@dataclass(frozen=True, slots=True)
class TimeRange:
    """What the time picker shows.

    Attributes:
        start: With a time zone.
        end: With a time zone, after `start`.
    """

    start: datetime
    end: datetime

    @classmethod
    def relative(cls, since: str, until: str = "now", *, now: datetime | None = None) -> TimeRange:
        """Read times as a dashboard has them: `now-90d`, or an ISO time.

        A month is 30 days here, and a year 365; rounding (`now/d`) is left out.

        Raises:
            UsageError: Neither.
        """
        at = now or datetime.now(UTC)
        return cls(_moment(since, at), _moment(until, at))


@dataclass(frozen=True, slots=True)
class VegaSource:
    """A search of a specification.

    Attributes:
        data: The object that has it as its `url`.
        path: Where that stands in the specification, such as `layer.0.data`.
    """

    data: Mapping[str, Any]
    path: str

    @property
    def rows(self) -> str:
        """What of the answer is drawn: `aggregations.languages.buckets`; empty for all of it."""
        return str((self.data.get("format") or {}).get("property") or "")


def sources(spec: Mapping[str, Any]) -> list[VegaSource]:
    """The searches of a specification, in the order in which they stand there."""
    return [VegaSource(data, path) for data, path in _found(spec, "", "")]


def resolved(
    url: Mapping[str, Any], time_range: TimeRange, *, context: Mapping[str, Any] = NO_CONTEXT
) -> tuple[str, dict[str, Any]]:
    """The index and the body of the search that Kibana would send.

    Args:
        url: Of a specification; it stays as it is.
        time_range: Of the time picker.
        context: The dashboard's query and filters, as a `bool` query.

    Raises:
        UsageError: It is against Kibana's rules, or no search of Elasticsearch.
    """
    if url.get(_TYPE) not in _SEARCHES:
        raise UsageError(f"a source of type {url[_TYPE]} is no search, and cannot be tried here")
    index, body = url.get("index"), copy.deepcopy(url.get("body", {}))
    if not isinstance(index, str) or not index:
        raise UsageError("a search in a Vega specification names no index (data.url.index)")
    if not isinstance(body, dict):
        raise UsageError("data.url.body must be an object")
    uses, field = _context(url, body)
    keywords = _Keywords(time_range, context)
    if "query" in body:
        if _CONTEXT in url or uses or field is not None:  # not even as false
            raise UsageError(f"{_CONTEXT} and {_TIME_FIELD} must not be there beside body.query")
        body["query"] = keywords.replaced(body["query"], in_query=True)
    else:
        body |= _query(uses, field, time_range, context)
    if "aggs" in body:
        body["aggs"] = keywords.replaced(body["aggs"], in_query=False)
    return index, body


def filled(
    spec: Mapping[str, Any], answer: Callable[[Mapping[str, Any]], Mapping[str, Any]]
) -> dict[str, Any]:
    """The specification with its answers in place of its searches, which Vega draws by itself.

    Args:
        spec: It stays as it is.
        answer: Gives the answer to a search, of its `url`.
    """
    whole = copy.deepcopy(dict(spec))
    for data, _ in _found(whole, "", ""):
        data["values"] = answer(data.pop("url"))
    return whole


def _found(part: Any, key: str, path: str) -> Iterator[tuple[dict[str, Any], str]]:  # noqa: ANN401
    if isinstance(part, list):
        for place, one in enumerate(part):
            yield from _found(one, key, f"{path}.{place}" if path else str(place))
    elif isinstance(part, dict):
        if key == "data" and isinstance(part.get("url"), dict):
            yield part, path
            return
        for name, one in part.items():
            yield from _found(one, name, f"{path}.{name}" if path else name)


def _context(url: Mapping[str, Any], body: Mapping[str, Any]) -> tuple[bool, str | None]:
    """Whether the dashboard's filters are taken, and which field its time is."""
    uses, field = bool(url.get(_CONTEXT)), url.get(_TIME_FIELD)
    if field is not None and not isinstance(field, str):
        raise UsageError(f"{_TIME_FIELD} must be the name of a field, not {field!r}")
    old = url.get(_OLD_CONTEXT)
    if old is None:
        return uses, field
    if "query" in body or _CONTEXT in url or field is not None:
        raise UsageError(f"{_OLD_CONTEXT} must be alone, without {_CONTEXT} and body.query")
    if old is not True and not (isinstance(old, str) and old):
        raise UsageError(f"{_OLD_CONTEXT} must be true, or the name of the time field")
    return True, None if old is True else old


def _query(
    uses: bool, field: str | None, time_range: TimeRange, context: Mapping[str, Any]
) -> dict[str, Any]:
    within = None if not field else {"range": {field: _range({}, time_range)}}
    if not uses:
        return {} if within is None else {"query": within}
    query = copy.deepcopy(dict(context))
    if within is not None:
        query["bool"]["must"] = [*_as_list(query["bool"].get("must")), within]
    return {"query": query}


@dataclass(frozen=True, slots=True)
class _Keywords:
    """Puts what they stand for in the place of Kibana's words."""

    time_range: TimeRange
    context: Mapping[str, Any]

    def replaced(self, part: Any, *, in_query: bool, key: str = "") -> Any:  # noqa: ANN401
        if isinstance(part, list):
            return [one for old in part for one in self._elements(old, in_query)]
        if isinstance(part, dict):
            return self._object(part, in_query, key)
        return part

    def _elements(self, old: Any, in_query: bool) -> list[Any]:  # noqa: ANN401
        if in_query and isinstance(old, str) and old in _CLAUSES:
            bool_ = self.context.get("bool", {})
            return copy.deepcopy(_as_list(bool_.get(_CLAUSES[old])))
        return [self.replaced(old, in_query=in_query)]

    def _object(self, part: Mapping[str, Any], in_query: bool, key: str) -> dict[str, Any]:
        whole: dict[str, Any] = {}
        for name, old in part.items():
            if name == "interval" and key == "date_histogram" and old:
                whole |= _interval(old, self.time_range)
            elif isinstance(old, dict) and _TIME_FILTER in old:
                whole[name] = _time(old, self.time_range)
            else:
                whole[name] = self.replaced(old, in_query=in_query, key=name)
        return whole


def _time(asked: Mapping[str, Any], time_range: TimeRange) -> Any:  # noqa: ANN401 - ms or a range
    which = asked[_TIME_FILTER]
    if which is True:
        return _range(asked, time_range)
    if which in ("min", "max"):
        at = time_range.start if which == "min" else time_range.end
        return round((at + _shift(asked)).timestamp() * 1000)
    raise UsageError(f'{_TIME_FILTER} must be true, "min" or "max", not {which!r}')


def _range(asked: Mapping[str, Any], time_range: TimeRange) -> dict[str, Any]:
    others = {n: v for n, v in asked.items() if n not in (_TIME_FILTER, "shift", "unit")}
    by = _shift(asked)
    return {
        **others,
        "gte": _iso(time_range.start + by),
        "lte": _iso(time_range.end + by),
        "format": "strict_date_optional_time",
    }


def _shift(asked: Mapping[str, Any]) -> timedelta:
    shift, unit = asked.get("shift") or 0, asked.get("unit") or "d"
    if isinstance(shift, bool) or not isinstance(shift, int | float):
        raise UsageError(f"shift must be a number, not {shift!r}")
    short = _LONG_UNITS.get(unit, unit) if isinstance(unit, str) else None
    if shift and short not in _SECONDS:
        raise UsageError(f"unit must be one of {', '.join(_LONG_UNITS)}, not {unit!r}")
    seconds = shift * _SECONDS.get(str(short), 0)
    if abs(seconds) > _FARTHEST_S:
        raise UsageError(f"shift must be {_FARTHEST_YEARS} years at most, not {shift!r} {unit}")
    return timedelta(seconds=seconds)


def _interval(asked: Any, time_range: TimeRange) -> dict[str, str]:  # noqa: ANN401 - a text or more
    if isinstance(asked, dict):
        buckets = asked.get(_AUTO_INTERVAL)
        if buckets is True:
            buckets = _BUCKETS
        if isinstance(buckets, bool) or not isinstance(buckets, int | float) or buckets <= 0:
            raise UsageError(f"{_AUTO_INTERVAL} must be true or a number above 0")
        span_ms = (time_range.end - time_range.start).total_seconds() * 1000
        fitting = (name for most, name in _INTERVALS if span_ms / buckets <= most)
        asked = next(fitting, "1y")
    found = _INTERVAL.fullmatch(asked) if isinstance(asked, str) else None
    if found is None:
        raise UsageError(f"{asked!r} is no interval; write 30m, 1h, 1d, 1w or 1M, say")
    number, unit = int(found[1]), found[2]
    if unit in _OF_THE_CALENDAR and number != 1:
        raise UsageError(f"{asked} is no interval: of weeks, months and years there is but one")
    fixed = unit in ("ms", "s") or number != 1
    return {"fixed_interval" if fixed else "calendar_interval": asked}


def _moment(text: Any, now: datetime) -> datetime:  # noqa: ANN401 - of a file that anyone wrote
    if not isinstance(text, str):
        raise UsageError(f"{text!r} {_NO_TIME}")
    found = _RELATIVE.fullmatch(text)
    if found is None:
        try:
            at = datetime.fromisoformat(text)
        except ValueError as error:
            raise UsageError(f"{text!r} {_NO_TIME}") from error
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return _within(text, (at - now).total_seconds(), now)
    sign, number, unit = found.groups()
    if sign is None:
        return now
    seconds = _DAYS[unit] * 86_400 if unit in _DAYS else _SECONDS[unit]
    return _within(text, int(f"{sign}{number}") * seconds, now)


def _within(text: str, seconds: float, now: datetime) -> datetime:
    """A time so many seconds from now; shifts of it stay within Python's years."""
    if abs(seconds) > _FARTHEST_S:
        raise UsageError(f"{text!r} is more than {_FARTHEST_YEARS} years away; write now-90d, say")
    return now + timedelta(seconds=seconds)


def _iso(at: datetime) -> str:
    """As JavaScript writes a time: in UTC, with milliseconds."""
    text = at.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _as_list(value: Any) -> list[Any]:  # noqa: ANN401 - one clause or several
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
