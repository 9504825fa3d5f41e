"""The catalogue in an index, on every version of Elasticsearch."""

from __future__ import annotations

import pytest
from elasticsearch import Elasticsearch

from catalogue import ODD_IDS, document, write_catalogue


@pytest.fixture
def catalogue(es_each: Elasticsearch, index_name: str) -> Elasticsearch:
    """With works of odd ids, in German."""
    extra = {odd: document("chess", 100 + n, "de") for n, odd in enumerate(ODD_IDS)}
    for odd, body in extra.items():
        body["xlrec"]["work"] = odd  # type: ignore[index]
    write_catalogue(es_each, index_name, extra)
    return es_each
