"""Files that anyone wrote: `check`, `preview` and `install` refuse them in a sentence."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xlrec_es.errors import UsageError, XlrecError
from xlrec_es.index.mapping import load_mapping
from xlrec_es.kibana import bundle
from xlrec_es.kibana.indices import Indices
from xlrec_es.kibana.labels.field_labels import labels_of
from xlrec_es.kibana.preview import render
from xlrec_es.kibana.saved_objects import read_ndjson
from xlrec_es.kibana.saved_searches import CatalogSearches
from xlrec_es.kibana.searches import dashboards_of, searches_of, with_catalog

FOUND = bundle.Catalog(
    CatalogSearches("0123456789ab", "title"), labels_of(load_mapping()["mappings"])
)
LINES = [
    one.to_json()
    for one in bundle.objects(
        Indices("shop", "quality", "shown", "clicks", "runs", "runs-rejects"), FOUND
    )
]
WITHIN = ("panelsJSON", "searchSourceJSON", "spec")
"""Texts that hold JSON."""

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["now-5000y", "now+99999999999y", "0001-01-01", "%timefilter%", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


def unfolded(part: Any) -> Any:  # noqa: ANN401 - JSON
    """The same, with objects in place of the texts that hold them."""
    if isinstance(part, list):
        return [unfolded(one) for one in part]
    if not isinstance(part, dict):
        return part
    inside = {n: orjson.loads(v) if n in WITHIN else v for n, v in part.items()}
    return {name: unfolded(value) for name, value in inside.items()}


def folded(part: Any) -> Any:  # noqa: ANN401 - JSON
    """The inverse."""
    if isinstance(part, list):
        return [folded(one) for one in part]
    if not isinstance(part, dict):
        return part
    whole = {name: folded(value) for name, value in part.items()}
    return {
        n: orjson.dumps(v).decode() if n in WITHIN and isinstance(v, dict | list) else v
        for n, v in whole.items()
    }


UNFOLDED = [unfolded(line) for line in LINES]


def places(part: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401
    """Where there is something in a JSON value."""
    if path:
        yield path
    if isinstance(part, dict | list):
        for name, value in part.items() if isinstance(part, dict) else enumerate(part):
            yield from places(value, (*path, name))


PLACES = [(n, path) for n, line in enumerate(UNFOLDED) for path in places(line)]


def answer(_index: str, _body: object) -> dict[str, Any]:
    return {"hits": {"total": {"value": 0}}, "aggregations": {}, "_shards": {"total": 1}}


def use(path: Path) -> None:
    """All that is done with a file before anything is written anywhere."""
    objects = read_ndjson(path)
    assert all(isinstance(part, str) for one in objects for part in (one.type, one.id, one.title))
    list(searches_of(with_catalog(objects, "other")))
    list(searches_of(objects))


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.sampled_from(PLACES), value=VALUES)
def test_whatever_stands_in_an_object_there_is_no_other_error(
    tmp_path: Path, place: tuple[int, tuple[Any, ...]], value: object
) -> None:
    number, (*way, last) = place
    lines = copy.deepcopy(UNFOLDED)
    part = lines[number]
    for name in way:
        part = part[name]
    part[last] = value
    path = tmp_path / "foreign.ndjson"
    path.write_bytes(b"".join(orjson.dumps(folded(line)) + b"\n" for line in lines))
    try:
        use(path)
    except XlrecError as error:
        assert str(error)  # noqa: PT017 - most values are taken as they are


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(line=st.dictionaries(st.sampled_from(["type", "id", "attributes", "references"]), VALUES))
def test_a_line_that_is_no_saved_object_is_refused(tmp_path: Path, line: dict[str, Any]) -> None:
    path = tmp_path / "foreign.ndjson"
    path.write_bytes(orjson.dumps(line))
    if isinstance(line.get("attributes"), dict) and all(
        isinstance(line.get(name), str) for name in ("type", "id")
    ):
        return
    with pytest.raises(UsageError, match="is no saved object of Kibana"):
        use(path)


DRAWN = [
    (n, path)
    for n, path in PLACES
    if path[:2] == ("attributes", "panelsJSON")
    and UNFOLDED[n]["attributes"]["title"][-7:] == "Traffic"
]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.sampled_from(DRAWN), value=VALUES)
def test_whatever_stands_in_a_dashboard_a_preview_tells_it(
    tmp_path: Path, place: tuple[int, tuple[Any, ...]], value: object
) -> None:
    number, (*way, last) = place
    line = copy.deepcopy(UNFOLDED[number])
    part = line
    for name in way:
        part = part[name]
    part[last] = value
    path = tmp_path / "foreign.ndjson"
    path.write_bytes(orjson.dumps(folded(line)))
    try:
        page = render(dashboards_of(read_ndjson(path)), answer)
    except XlrecError as error:
        assert str(error)  # noqa: PT017
    else:
        assert page.startswith("<!doctype html>")
