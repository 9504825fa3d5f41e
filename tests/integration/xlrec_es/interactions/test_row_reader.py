"""Interactions out of an index, on real nodes."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from elasticsearch import Elasticsearch

from xlrec_es.interactions.likes import COLUMNS
from xlrec_es.interactions.row_reader import SEVERAL, index_rows

NEEDED = ("user", "item")


def test_orders_with_lists_of_items(es_each: Elasticsearch, index_name: str) -> None:
    """Two orders of two items are four rows, of a list, of objects, and of nested objects."""
    for kind in ("object", "nested"):
        name = f"{index_name}-{kind}"
        lines = {"type": kind, "properties": {"id": {"type": "keyword"}, "n": {"type": "float"}}}
        properties = {"user": {"type": "keyword"}, "item": {"type": "keyword"}, "lines": lines}
        es_each.indices.create(index=name, mappings={"properties": properties})
        for user, items in (("u1", ["a1", "a2"]), ("u2", ["a1", "b2"])):
            order = {
                "user": user,
                "item": items,
                "lines": [{"id": item, "n": number} for number, item in enumerate(items, 1)],
            }
            es_each.index(index=name, document=order, refresh=True)
        report: Counter[str] = Counter()
        plain = list(index_rows(es_each, name, COLUMNS, {}, needed=NEEDED, report=report))
        fields = {"item": "lines.id", "weight": "lines.n"}
        deep = list(index_rows(es_each, name, COLUMNS, fields, needed=NEEDED, report=report))
        pairs = [("u1", "a1"), ("u1", "a2"), ("u2", "a1"), ("u2", "b2")]
        assert sorted((row["user"], row["item"]) for row in plain) == pairs
        assert sorted((row["user"], row["item"], row["weight"]) for row in deep) == [
            (*pair, number) for pair, number in zip(pairs, (1, 2, 1, 2), strict=True)
        ]
        assert not report
        es_each.index(index=name, document={"user": ["u1", "u2"], "item": "a1"}, refresh=True)
        assert len(list(index_rows(es_each, name, COLUMNS, {}, needed=NEEDED, report=report))) == 4
        assert report == {"rows": 1, SEVERAL: 1}


def test_dates_of_any_format_are_the_same_moment(es_each: Elasticsearch, index_name: str) -> None:
    """A field's format may be one that a reader takes for a number of seconds."""
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    written = {
        "basic_date": "20240101",
        "epoch_second": int(moment.timestamp()),
        "dd/MM/yyyy": "01/01/2024",
        "strict_date_optional_time": "2024-01-01T00:00:00.000Z",
    }
    kinds = {f"f{number}": form for number, form in enumerate(written)}
    properties = {name: {"type": "date", "format": form} for name, form in kinds.items()}
    properties["nanos"] = {"type": "date_nanos", "format": "strict_date_optional_time_nanos"}
    es_each.indices.create(index=index_name, mappings={"properties": properties})
    values = {name: written[form] for name, form in kinds.items()}
    document = {"user": "u", "item": "a", **values, "nanos": "2024-01-01T00:00:00.000000000Z"}
    es_each.index(index=index_name, document=document, refresh=True)
    for name in properties:
        [row] = index_rows(es_each, index_name, COLUMNS, {"time": name}, needed=NEEDED)
        assert row["time"] == moment, name
