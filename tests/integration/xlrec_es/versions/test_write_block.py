"""Writes are refused for a moment, and allowed again by whatever ends a command."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from elasticsearch import Elasticsearch

from catalogue import write_catalogue
from fault_proxy import Fault, FaultProxy, fault_proxy
from xlrec_es.index.live_index import find_live
from xlrec_es.versions import write_block
from xlrec_es.versions.inventory import read_versions
from xlrec_es.versions.write_block import KEY, writes_refused

GATE = ("--min-recall", "0.5", "--min-overlap", "0.3")


class Killed(BaseException):
    """As abrupt as a test can be in the same process."""


def leave_block(es: Elasticsearch, index: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a kill does."""
    with monkeypatch.context() as patch:
        patch.setattr(write_block, "_whatever_comes", lambda _action: None)
        with pytest.raises(Killed), writes_refused(es, index):
            raise Killed


def note_of(es: Elasticsearch, index: str) -> object:
    return es.indices.get_mapping(index=index)[index]["mappings"].get("_meta", {}).get(KEY)


@pytest.mark.parametrize("earlier", [None, "false"])
def test_a_block_that_was_left_is_taken_over(
    es_each: Elasticsearch, index_name: str, monkeypatch: pytest.MonkeyPatch, earlier: str | None
) -> None:
    settings = {} if earlier is None else {"index.blocks.write": earlier}
    es_each.indices.create(index=index_name, settings=settings, mappings={"_meta": {"owner": "me"}})
    leave_block(es_each, index_name, monkeypatch)
    assert write_block.is_blocked(es_each, index_name)
    with writes_refused(es_each, index_name) as block:
        assert block.earlier == earlier
    assert not write_block.is_blocked(es_each, index_name)
    assert note_of(es_each, index_name) is None
    assert es_each.indices.get_mapping(index=index_name)[index_name]["mappings"]["_meta"] == {
        "owner": "me"
    }


def test_the_block_of_an_owner_is_none_that_was_left(
    es: Elasticsearch, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = write_catalogue(es, index_name)
    es.indices.put_settings(index=live.name, settings={"index.blocks.write": True})
    leave_block(es, live.name, monkeypatch)
    write_block.take_off_left(es, read_versions(es, index_name).live, None)
    assert write_block.is_blocked(es, live.name)
    es.indices.put_settings(index=live.name, settings={"index.blocks.write": None})
    leave_block(es, live.name, monkeypatch)
    seen = read_versions(es, index_name).live
    write_block.take_off_left(es, seen)
    assert not write_block.is_blocked(es, live.name)
    es.indices.put_settings(index=live.name, settings={"index.blocks.write": True})
    write_block.take_off_left(es, seen)  # an older look
    assert write_block.is_blocked(es, live.name)


def test_a_note_without_its_block_is_removed(
    es: Elasticsearch, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a block that the owner puts there later would be taken for one that a kill left."""
    live = write_catalogue(es, index_name)
    leave_block(es, live.name, monkeypatch)
    es.indices.put_settings(index=live.name, settings={"index.blocks.write": None})
    write_block.take_off_left(es, read_versions(es, index_name).live)
    assert note_of(es, live.name) is None
    assert find_live(es, index_name).meta.fingerprint == live.meta.fingerprint


@pytest.mark.parametrize("signalled", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_while_it_is_taken_off_does_not_leave_it(
    es: Elasticsearch,
    index_name: str,
    monkeypatch: pytest.MonkeyPatch,
    signalled: type[BaseException],
) -> None:
    es.indices.create(index=index_name)
    taken_off = write_block._take_off
    coming = [signalled]

    def broken(*arguments: object) -> None:
        if coming:
            raise coming.pop()
        taken_off(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(write_block, "_take_off", broken)
    with pytest.raises(signalled), writes_refused(es, index_name):
        pass
    assert not write_block.is_blocked(es, index_name)


@pytest.fixture
def proxy(es_url: str) -> Iterator[FaultProxy]:
    with fault_proxy(es_url) as proxy:
        yield proxy


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "number"),
    [
        ("reindex", signal.SIGTERM),
        ("rollback", signal.SIGTERM),
        ("adopt", signal.SIGTERM),
        ("adopt", signal.SIGHUP),
        ("adopt", signal.SIGINT),
    ],
)
def test_a_signal_in_the_last_second_allows_writes_again(
    es: Elasticsearch, proxy: FaultProxy, index_name: str, command: str, number: signal.Signals
) -> None:
    """The request that moves the alias, or makes the clone, does not get through."""
    if command == "adopt":
        es.indices.create(index=index_name)
        live = index_name
        proxy.path = f"{index_name}-xlrec-v0"
    else:
        live = write_catalogue(es, index_name).name
        proxy.path = "_aliases"
    arguments = {
        "reindex": ("index", "reindex", index_name, *GATE),
        "rollback": ("index", "rollback", index_name),
        "adopt": ("index", "adopt", index_name, "--yes"),
    }[command]
    if command == "rollback":
        subprocess.run(program("index", "reindex", index_name, *GATE, url=proxy.url), check=True)
        live = f"{index_name}-xlrec-v2"
    reached = threading.Event()

    def hold(_body: bytes) -> Fault:
        reached.set()
        return Fault(forward=False, wait_s=10)

    proxy.when = hold
    process = subprocess.Popen(program(*arguments, url=proxy.url), stderr=subprocess.PIPE)
    assert reached.wait(60)
    assert write_block.is_blocked(es, live)
    proxy.when = lambda _body: None
    start = time.monotonic()
    process.send_signal(number)
    process.communicate(timeout=60)
    assert time.monotonic() - start < 9
    assert process.returncode == (1 if number == signal.SIGINT else 128 + number)
    assert not write_block.is_blocked(es, live)
    assert note_of(es, live) is None
    es.index(index=index_name, id="after", document={"title": "x"})
    if command == "adopt":
        assert set(es.indices.get(index=f"{index_name}*")) == {index_name}
    else:
        assert find_live(es, index_name).name == live
    # And the same command again does it.
    again = subprocess.run(program(*arguments, url=proxy.url), check=True, capture_output=True)
    assert again.returncode == 0
    assert set(es.indices.get_alias(name=index_name)) != {live}


def program(*arguments: str, url: str) -> list[str]:
    return [sys.executable, "-m", "xlrec_es", *arguments, "--url", url]
