"""What is drawn in a panel, as the values that each mark stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es.kibana.check import send
from xlrec_es.kibana.drawing import headline, marks
from xlrec_es.kibana.lens import LensPanel
from xlrec_es.kibana.panels import Dashboard, MarkdownPanel, VegaPanel
from xlrec_es.kibana.vega_source import NO_CONTEXT, TimeRange, filled, resolved

Mark = dict[str, str]


def panel_of(dashboard: Dashboard, title: str) -> VegaPanel:
    """The panel of that title; of one by Lens the picture."""
    [panel] = [one for one in dashboard.panels if one.title == title]
    found = panel.picture() if isinstance(panel, LensPanel) else panel
    assert isinstance(found, VegaPanel), panel
    return found


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
        answer = send(client, index, body)
        assert answer["_shards"]["failed"] == 0, answer
        return answer

    return ask


def drawn(
    client: Elasticsearch,
    panel: VegaPanel,
    kind: str | None = None,
    *,
    since: str = "now-90d",
    until: str = "now",
) -> list[Mark]:
    """What a panel shows of a cluster; see `drawing.marks`."""
    return marks(answered(client, panel, TimeRange.relative(since, until)), kind)


def headline_of(client: Elasticsearch, panel: VegaPanel, *, since: str, until: str) -> str:
    """What a panel says above its picture."""
    return headline(answered(client, panel, TimeRange.relative(since, until)))
