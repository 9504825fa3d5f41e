"""What the dashboard Catalog shows of a real index, drawn, beside what `index status` counts."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from elasticsearch import Elasticsearch

from catalogue import FINGERPRINT, write_catalogue
from kibana_catalog import OLD, catalog_documents, own_part
from kibana_marks import Mark, drawn, panel_of
from xlrec_es.kibana.dashboards import catalog
from xlrec_es.kibana.indices import Indices
from xlrec_es.kibana.lens import MISSING
from xlrec_es.versions.inventory import read_versions
from xlrec_es.versions.status import WITHOUT, LanguageCoverage, measure


@pytest.fixture
def shown(es_each: Elasticsearch, index_name: str) -> Any:  # noqa: ANN401
    """Draws a panel of an index with these documents."""
    write_catalogue(es_each, index_name, instead=catalog_documents(), languages=("de", "en", "ja"))
    made = catalog.dashboard(Indices(index_name))

    def draw(title: str) -> list[Mark]:
        panel = panel_of(made, title)
        return drawn(es_each, panel, since="2026-01-01", until="2026-01-04")

    draw.index, draw.client = index_name, es_each  # type: ignore[attr-defined]
    return draw


def status_of(shown: Any) -> dict[str, LanguageCoverage]:  # noqa: ANN401
    """What `xlrec-es index status --json` says of each language."""
    [status] = measure(shown.client, read_versions(shown.client, shown.index))
    return dict(status.languages)


def test_bars_are_the_numbers_of_index_status(shown: Any) -> None:  # noqa: ANN401
    languages = status_of(shown)
    bars = shown("How many documents are there in each language?")
    assert {m["language"]: m["documents"] for m in bars} == {
        f"{MISSING if language == WITHOUT else language}  {found.documents}": str(found.documents)
        for language, found in languages.items()
    }
    sizes = [int(m["documents"]) for m in bars]
    assert sizes == sorted(sizes, reverse=True)

    shares = shown("Which share of each language has a vector, and which has associations?")
    assert {(m["language"], m["have"]): m["share of documents"] for m in shares} == {
        (language, what): f"{part / found.documents:.1%}"
        for language, found in languages.items()
        for what, part in (("a vector", found.vectors), ("associations", found.indicators))
    }


def test_parts_of_languages_are_those_of_the_documents(shown: Any) -> None:  # noqa: ANN401
    bodies = [own_part(body) for body in catalog_documents().values()]
    totals = Counter(own.get("language", "none") for own in bodies)
    for title, legend, field, missing in (
        ("How much of each language is cold?", "associations", "indicators_from", "not learned"),
        (
            "Which languages were declared, and which only detected?",
            "language is",
            "language_source",
            "not said",
        ),
    ):
        expected = Counter((o.get("language", "none"), o.get(field, missing)) for o in bodies)
        assert {(m["language"], m[legend]): m["share of documents"] for m in shown(title)} == {
            pair: f"{count / totals[pair[0]]:.1%}" for pair, count in expected.items()
        }


def test_popularity_times_and_fingerprints_are_those_of_the_documents(
    shown: Any,  # noqa: ANN401
) -> None:
    bodies = [own_part(body) for body in catalog_documents().values()]
    popular = Counter(
        # Elasticsearch keeps it in 32 bits: 0.7 is a little less.
        (o["language"], round(math.floor(float(np.float32(o["popularity"])) / 0.05) * 0.05, 2))
        for o in bodies
        if "popularity" in o
    )
    bars = shown("How is popularity spread?")
    starts = [float(m["popularity"].split(" ")[0]) for m in bars]
    assert popular == {
        (m["language"], start): int(m["documents"]) for m, start in zip(bars, starts, strict=True)
    }

    written = shown("When were the documents written?")
    days = Counter((o["ingested_at"][:10], o["language"]) for o in bodies if "ingested_at" in o)
    assert sum(int(m["documents"]) for m in written) == days.total()
    assert sorted(int(m["documents"]) for m in written) == sorted(days.values())

    made = shown("Were all vectors made by one encoder?")
    fingerprints = Counter(o.get("fingerprint", MISSING) for o in bodies)
    assert {m["fingerprint"].split("  ")[0]: int(m["documents"]) for m in made} == fingerprints
    assert set(fingerprints) == {FINGERPRINT.digest, OLD, MISSING}
