"""The worker at each version of Elasticsearch."""

from __future__ import annotations

from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from worker_bench import Bench


@pytest.fixture
def bench(es_each: Elasticsearch, index_name: str, tmp_path: Path) -> Bench:
    return Bench(es_each, index_name, tmp_path)
