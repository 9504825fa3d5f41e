"""Kibana's own libraries draw every panel, without a warning, and as `preview` draws it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from kibana_data import SINCE, UNTIL, write_everything
from kibana_marks import answered
from vega_libraries import VERSIONS, Libraries
from xlrec_es.kibana import bundle
from xlrec_es.kibana.drawing import marks
from xlrec_es.kibana.panels import VegaPanel
from xlrec_es.kibana.vega_source import TimeRange

SIZE = {"width": 600, "height": 300}

# Some downloads the first time.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def specs(es: Elasticsearch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Of each panel of each dashboard, with what Elasticsearch answers to its searches."""
    name = f"xlrec-test-{uuid.uuid4().hex}"
    names = write_everything(es, name, tmp_path_factory.mktemp("data"))
    shown = TimeRange.relative(SINCE, UNTIL)
    made = bundle.dashboards(names, bundle.read_catalog(es, name))
    panels = [one for dashboard in made for one in dashboard.panels if isinstance(one, VegaPanel)]
    yield {panel.title: answered(es, panel, shown) for panel in panels}
    for index in es.indices.get(index=f"{name}*", expand_wildcards="all"):
        es.indices.delete(index=index)


@pytest.fixture(scope="module", params=VERSIONS)
def libraries(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Libraries:
    folder = tmp_path_factory.mktemp("vega")
    return Libraries.installed(folder, VERSIONS[request.param])


def as_set(found: list[dict[str, str]]) -> set[tuple[tuple[str, str], ...]]:
    return {tuple(sorted(one.items())) for one in found}


def test_every_panel_is_drawn_as_the_preview_draws_it(
    libraries: Libraries, specs: dict[str, Any]
) -> None:
    drawn = libraries.draw({title: {**spec, **SIZE} for title, spec in specs.items()})
    assert {title: one.warnings for title, one in drawn.items() if one.warnings} == {}
    for title, spec in specs.items():
        assert drawn[title].marks, title
        # As sets: a line is one mark in a picture, and one for each of its points in a preview.
        assert as_set(drawn[title].marks) == as_set(marks(spec, **SIZE)), title


def test_without_kibanas_interpreter_they_could_not_be_drawn(
    libraries: Libraries, specs: dict[str, Any]
) -> None:
    done = libraries.run(specs, interprets=False)
    assert done.returncode == 1
    assert "Code generation from strings disallowed" in done.stderr
