"""What is drawn in a panel, as the values that each mark stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import vl_convert
from elasticsearch import Elasticsearch

from xlrec_es.kibana.drawing import as_vega
from xlrec_es.kibana.panels import Dashboard, MarkdownPanel, VegaPanel
from xlrec_es.kibana.vega_source import NO_CONTEXT, TimeRange, filled, resolved

WIDTH, HEIGHT = 600, 300
Mark = dict[str, str]


def panel_of(dashboard: Dashboard, title: str) -> VegaPanel:
    """The panel of that title."""
    [panel] = [one for one in dashboard.panels if one.title == title]
    assert isinstance(panel, VegaPanel), panel
    return panel


def texts_of(dashboard: Dashboard) -> dict[str, str]:
    """The text of each Markdown panel by its title."""
    return {one.title: one.text for one in dashboard.panels if isinstance(one, MarkdownPanel)}


def answered(client: Elasticsearch, panel: VegaPanel, time_range: TimeRange) -> Mapping[str, Any]:
    """The specification of a panel, with what the cluster answers to its searches."""
    return filled(panel.spec, asking(client, time_range))


def asking(
    client: Elasticsearch, time_range: TimeRange
) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """Sends the search of a `data.url` as Kibana does."""

    def ask(url: Mapping[str, Any]) -> Mapping[str, Any]:
        index, body = resolved(url, time_range, context=NO_CONTEXT)
        answer: Mapping[str, Any] = client.search(index=index, body=body).body
        assert answer["_shards"]["failed"] == 0, answer
        return answer

    return ask


def marks(spec: Mapping[str, Any], kind: str | None = None) -> list[Mark]:
    """The values of each mark that is drawn, as its description has them: `{"language": "de"}`.

    Args:
        spec: With values in place of searches.
        kind: Of the marks, such as `bar`, `point`, `rect` or `text mark`; None for all.
    """
    vega = as_vega(spec, width=WIDTH, height=HEIGHT)
    found = _items(vl_convert.vega_to_scenegraph(vega)["scenegraph"])
    return [
        _values(item["description"])
        for item in found
        if "description" in item and kind in (None, item.get("ariaRoleDescription"))
    ]


def drawn(
    client: Elasticsearch,
    panel: VegaPanel,
    kind: str | None = None,
    *,
    since: str = "now-90d",
    until: str = "now",
) -> list[Mark]:
    """What a panel shows of a cluster; see `marks`."""
    return marks(answered(client, panel, TimeRange.relative(since, until)), kind)


def _items(group: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for item in group.get("items", ()):
        if group.get("role") == "mark":
            yield item
        yield from _items(item)


def _values(description: str) -> Mark:
    parts = (part.partition(": ") for part in description.split("; "))
    return {name: value for name, _, value in parts}
