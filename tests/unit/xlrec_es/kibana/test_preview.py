"""Dashboards as an HTML file."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import pytest

from xlrec_es.errors import ClusterError, ClusterUnreachable, MissingExtra
from xlrec_es.kibana.panels import Dashboard, MarkdownPanel, Row, VegaPanel, search_url, vega_lite
from xlrec_es.kibana.preview import render
from xlrec_es.kibana.searches import dashboards_of

SPEC = vega_lite(
    search_url("shop", {"languages": {"terms": {"field": "xlrec.language"}}}),
    "aggregations.languages.buckets",
    {
        "mark": "bar",
        "encoding": {
            "y": {"field": "key", "type": "nominal", "title": "language"},
            "x": {"field": "doc_count", "type": "quantitative", "title": "documents"},
        },
    },
)
TEXT = """**Look** at [this](discover#/view/1):

- one <b>
- two

```
xlrec-es query <ID>
```
"""
BOARD = Dashboard(
    "catalog",
    "shop: Catalog",
    "What is <there>.",
    (Row((VegaPanel("How many?", SPEC, "Of each."), MarkdownPanel("Notes", TEXT)), 10),),
)
READ = dashboards_of([BOARD.saved_object("shop")])


def answering(*buckets: tuple[str, int]) -> Mapping[str, Any]:
    rows = [{"key": key, "doc_count": count} for key, count in buckets]
    return {"aggregations": {"languages": {"buckets": rows}}}


def test_a_page_has_each_picture_with_its_numbers_in_the_readers_colors() -> None:
    asked = []

    def ask(index: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        asked.append((index, body))
        return answering(("de", 3), ("en", 5))

    html = render(READ, ask)
    assert [index for index, _ in asked] == ["shop"]
    assert '<svg role="img" aria-label="How many?"' in html
    assert "var(--label)" in html
    assert "prefers-color-scheme: dark" in html
    assert "<td>de</td>" in html
    assert "default-src &#x27;none&#x27;" in html or "default-src 'none'" in html
    assert "<script" not in html
    assert "What is &lt;there&gt;." in html
    assert "grid-column: 25 / span 24" in html


def test_texts_are_shown_without_links_which_lead_into_kibana() -> None:
    html = render(READ, lambda *_: answering(("de", 3)))
    assert "<p><b>Look</b> at this:</p>" in html
    assert "<ul><li>one &lt;b&gt;</li><li>two</li></ul>" in html
    assert "<pre>xlrec-es query &lt;ID&gt;</pre>" in html
    assert "discover#" not in html


@pytest.mark.parametrize(
    "odd",
    ["B\x01", "\x00", "\uffff", "\x1b[31m", "x" * 200_000],
    ids=["control", "null", "none", "escape", "long"],
)
def test_no_value_of_a_log_ends_the_process(odd: str) -> None:
    """vl-convert aborts at characters that XML forbids, and draws long texts for minutes."""
    html = render(READ, lambda *_: answering((odd, 3), ("de", 2)))
    assert "<td>de</td>" in html
    assert odd not in html


def test_a_panel_without_data_says_so() -> None:
    assert "There is nothing to show yet." in render(READ, lambda *_: answering())


def test_a_search_that_fails_is_told_in_its_panel() -> None:
    def ask(*_: object) -> Mapping[str, Any]:
        raise ClusterError("no <permission>")

    html = render(READ, ask)
    assert "no &lt;permission&gt;" in html
    assert "<b>Look</b>" in html


def test_an_index_that_is_not_there_is_told_in_its_panel() -> None:
    """Kibana, and so `check.send`, asks with `ignore_unavailable`: no shard answers then."""
    html = render(READ, lambda *_: {"hits": {}, "_shards": {"total": 0}})
    assert "there is no index shop" in html
    assert "Vega" not in html


def test_an_answer_without_aggregations_is_told_in_its_panel() -> None:
    assert "Vega cannot draw it: " in render(READ, lambda *_: {"hits": {}})


def test_without_a_cluster_there_is_no_page() -> None:
    def ask(*_: object) -> Mapping[str, Any]:
        raise ClusterUnreachable("nobody there")

    with pytest.raises(ClusterUnreachable):
        render(READ, ask)


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xlrec_es.kibana.drawing", None)
    with pytest.raises(MissingExtra, match=r"a preview needs more packages: .*xlrec-es\[report\]"):
        render(READ, lambda *_: {})
