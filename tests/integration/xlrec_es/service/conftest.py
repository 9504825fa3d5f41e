"""A service of the catalogue, for all tests of a module."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from catalogue import write_catalogue
from http_service import Service, service


@pytest.fixture(scope="module")
def catalog_name(es: Elasticsearch) -> Iterator[str]:
    """The catalogue's alias; indices whose names begin with it are deleted afterwards."""
    name = f"xlrec-test-{uuid.uuid4().hex}"
    write_catalogue(es, name)
    yield name
    for index in es.indices.get(index=f"{name}*", expand_wildcards="all"):
        es.indices.delete(index=index)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the service's log and spool."""
    return tmp_path_factory.mktemp("service")


@pytest.fixture(scope="module")
def served(catalog_name: str, es_url: str, folder: Path) -> Iterator[Service]:
    """With indices of events and of impressions, named after the catalogue's."""
    arguments = ("-i", catalog_name, "--url", es_url, "--spool", str(folder / "spool"))
    arguments += ("--events-index", f"{catalog_name}-events")
    arguments += ("--impressions-index", f"{catalog_name}-shown")
    arguments += ("--placements-index", f"{catalog_name}-placements")
    with service(folder, *arguments) as started:
        yield started
