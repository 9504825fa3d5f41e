"""Options as requests and placements name them, over those of the service. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from xlrec_es.errors import UsageError
from xlrec_es.index.fields import RELATIONS
from xlrec_es.placements.query_check import check_fuzzy_terms, check_query
from xlrec_es.recommend.options import Boost, Options, Recency, SearchOptions
from xlrec_es.relations.names import COUNTED

NAMED = (*RELATIONS, *COUNTED)
"""The relations that a placement may name."""

_IN_SEARCH = frozenset(field.name for field in fields(SearchOptions))


def overlaid(given: Mapping[str, Any], base: Options) -> Options:
    """Options, and what stands in place of some of them. Only filters add up.

    Args:
        given: By the name of the option, as JSON has it; null: it stays.
        base: The options.

    Raises:
        UsageError: They cannot be.
    """
    found = {name: value for name, value in given.items() if value is not None}
    boosted = [boost["query"] for boost in found.get("boosts", ())]
    queries = [*found.get("filters", ()), *boosted]
    for query in queries:
        check_query(query)
    check_fuzzy_terms(queries)
    if "filters" in found:
        found["filters"] = (*base.search.filters, *found["filters"])
    if "boosts" in found:
        found["boosts"] = tuple(Boost(one["query"], one["factor"]) for one in found["boosts"])
    if "recent" in found:
        found["recent"] = Recency(**found["recent"])
    for name in ("source", "exclude"):
        if name in found:
            found[name] = tuple(found[name])
    search = {name: value for name, value in found.items() if name in _IN_SEARCH}
    if "candidates" in search and "num_candidates" not in search:
        search["num_candidates"] = max(base.search.num_candidates, search["candidates"])
    others = {name: value for name, value in found.items() if name not in _IN_SEARCH}
    if "relation" in found and base.search.relation is None:
        base = base.related(found["relation"])  # what weighs otherwise does not matter then
    return replace(base, search=replace(base.search, **search), **others)


def counted_of(given: Mapping[str, Any]) -> tuple[Mapping[str, Any], str | None]:
    """Options without a relation that is counted from events, and that relation.

    Args:
        given: As for `overlaid`.
    """
    relation = given.get("relation")
    if relation not in COUNTED:
        return given, None
    return {name: value for name, value in given.items() if name != "relation"}, relation


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_truth(value: object) -> bool:
    return isinstance(value, bool)


def _is_query(value: object) -> bool:
    return isinstance(value, dict)


def _is_recency(value: object) -> bool:
    if not isinstance(value, dict) or "field" not in value:
        return False
    return set(value) <= {"field", "half_life"} and all(map(_is_text, value.values()))


def _is_boost(value: object) -> bool:
    if not isinstance(value, dict) or set(value) != {"query", "factor"}:
        return False
    return _is_query(value["query"]) and _is_number(value["factor"])


def _list_of(fits: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list | tuple) and all(map(fits, value))


def _by_name(fits: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, dict) and all(map(fits, value.values()))


_NUMBER = (_is_number, "a number")
_WHOLE = (_is_whole, "a whole number")
_TEXT = (_is_text, "a text")
_TRUTH = (_is_truth, "true or false")
_TEXTS = (_list_of(_is_text), "a list of texts")
_NUMBERS = (_by_name(_is_number), "an object with a number for each name")

KINDS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "weights": _NUMBERS,
    "fusion": _TEXT,
    "mix": _TEXT,
    "exclude": _TEXTS,
    "diversity": _NUMBER,
    "explore": _NUMBER,
    "explain": _TRUTH,
    "push": _NUMBER,
    "max_interests": _WHOLE,
    "search_weights": _NUMBERS,
    "filters": (_list_of(_is_query), "a list of queries"),
    "boosts": (_list_of(_is_boost), 'a list of objects such as {"query": {...}, "factor": 1.5}'),
    "caps": (_by_name(_is_whole), "an object with a whole number for each field"),
    "source": _TEXTS,
    "collapse": _TRUTH,
    "market": _TEXT,
    "relation": (lambda value: value in NAMED, f"one of {', '.join(NAMED)}"),
    "recent": (_is_recency, 'an object such as {"field": "published", "half_life": "7d"}'),
    "min_similarity": _NUMBER,
    "candidates": _WHOLE,
    "num_candidates": _WHOLE,
    "exact": _TRUTH,
}
"""What each option holds: a test of it, and its description for people."""


def faults_of(given: object, place: str) -> Iterator[str]:
    """What is wrong with the form of options, in sentences.

    Args:
        given: As for `overlaid`, from wherever.
        place: What they are called.
    """
    if not isinstance(given, dict):
        yield f"{place} must be an object with options"
        return
    for name, value in given.items():
        if name not in KINDS:
            yield f"{place} has no {name!r}; there are {', '.join(KINDS)}"
        elif value is not None and not KINDS[name][0](value):
            yield f"{name} of {place} must be {KINDS[name][1]}"


def valid(given: Mapping[str, Any], base: Options, place: str) -> Options | str:
    """The options, or a sentence that says why they cannot be.

    Args:
        given: As for `overlaid`; of the right form.
        base: As for `overlaid`.
        place: What they are called.
    """
    try:
        return overlaid(counted_of(given)[0], base)
    except UsageError as error:
        return f"{place}: {error}"
