"""A service of the catalogue and of a few odd titles, and a browser that complains of nothing."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch
from playwright.sync_api import Browser, Page

from browser import chromium
from catalogue import LANGUAGES, document, write_catalogue
from http_service import Service, service
from page_visits import ODD, READER, SAMPLES, TOKEN, Complaints


@pytest.fixture(scope="module")
def catalog_names(es: Elasticsearch) -> Iterator[list[str]]:
    """Two aliases: all topics with the odd titles, and the same with no taste learned."""
    name = f"xlrec-test-{uuid.uuid4().hex}"
    extra = {}
    for number, (id_, (language, title)) in enumerate(ODD.items()):
        extra[id_] = document("chess", 50 + number, language) | {"title": title}
    languages = (*LANGUAGES, "ar", "he")
    write_catalogue(es, name, extra, languages=languages, learned=5.0)
    write_catalogue(es, f"{name}-plain")
    yield [name, f"{name}-plain"]
    for index in es.indices.get(index=f"{name}*", expand_wildcards="all"):
        es.indices.delete(index=index)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the services' logs, spool and samples."""
    return tmp_path_factory.mktemp("service")


@pytest.fixture(scope="module")
def served(
    catalog_names: list[str], es: Elasticsearch, es_url: str, folder: Path
) -> Iterator[Service]:
    """Of both indices, with samples, and with the events of one user."""
    samples, events = folder / "samples.json", f"{catalog_names[0]}-events"
    samples.write_text(json.dumps(SAMPLES))
    arguments = ["--url", es_url, "--samples", str(samples), "--spool", str(folder / "spool")]
    arguments += [word for name in catalog_names for word in ("-i", name)]
    arguments += ["--placements-index", f"{catalog_names[0]}-placements"]
    with service(folder, *arguments, "--events-index", events) as started:
        told = [{"user": READER, "item": item} for item in ("painting-0@en", "painting-5")]
        assert started.post("/v1/events", {"events": told}).status < 300
        end = time.monotonic() + 30
        while not es.indices.exists(index=events) or _count(es, events) < len(told):
            assert time.monotonic() < end, "the events do not arrive"
            time.sleep(0.1)
        yield started


def _count(es: Elasticsearch, index: str) -> int:
    es.indices.refresh(index=index)
    found: int = es.count(index=index)["count"]
    return found


@pytest.fixture(scope="module")
def guarded(catalog_names: list[str], es_url: str, folder: Path) -> Iterator[Service]:
    """One that wants a token."""
    arguments = ("-i", catalog_names[0], "--url", es_url)
    with service(folder, *arguments, env={"XLREC_API_TOKEN": TOKEN}) as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    """None are left at the end of a test, which takes out those that it is about."""
    heard = Complaints()
    yield heard
    assert heard == []


@pytest.fixture
def page(browser: Browser, complaints: Complaints) -> Iterator[Page]:
    """A tab on a screen, whose clipboard can be read."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.set_default_timeout(20_000)
    opened = context.new_page()
    complaints.hear(opened)
    yield opened
    context.close()
