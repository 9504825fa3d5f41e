"""What is read from Elasticsearch's hits."""

from __future__ import annotations

import pytest

from xlrec_es.index.hits import title_of


@pytest.mark.parametrize(
    ("source", "path", "title"),
    [
        ({"title": "Tea"}, "title", "Tea"),
        ({"meta": {"name": "Tea"}}, "meta.name", "Tea"),
        ({"title_sort": "x", "title_pt_BR": "Chá"}, "title_*", "Chá"),
        ({"i18n": {"note": {"name": "x"}, "ja": {"name": "茶"}}}, "i18n.*.name", "茶"),
        ({"title_sort": "x"}, "title_*", None),
        ({"title": 3}, "title", None),
        ({"title": "Tea"}, "title.en", None),
        ({"title": "Tea"}, None, None),
        ({}, "title", None),
    ],
)
def test_titles(source: dict[str, object], path: str | None, title: str | None) -> None:
    assert title_of({"_source": source}, path) == title
