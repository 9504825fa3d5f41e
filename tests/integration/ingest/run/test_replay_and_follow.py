"""Other ways to run the worker: again on what was set aside, following a file, being watched."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from fakes import HashEncoder
from ingest.run import assemble as runs
from ingest.run.job import RunJob
from ingest.run.observe.prometheus import serve_metrics
from ingest.run.reject_file import replaced
from ingest.run.signals import Stop
from ingest.run.worker import Worker
from ingest.sources.rejects import SCHEME
from xlrec_es.cluster import scan
from xlrec_es.cluster.connection import Connection
from xlrec_es.errors import ConfigError, PointInTimeLost, SourceError

GOOD = {"id": "a", "language": "en", "title": "A puzzle"}


def jsonl(*records: Any) -> str:  # noqa: ANN401
    return "".join(
        (record if isinstance(record, str) else json.dumps(record)) + "\n" for record in records
    )


def run(job: RunJob, url: str, stop: Stop | None = None) -> dict[str, Any]:
    return runs.run(job, Connection(url), encoder=HashEncoder(), stop=stop)


def ids(es: Elasticsearch, index: str) -> set[str]:
    es.indices.refresh(index=index)
    return {hit["_id"] for hit in es.search(index=index, size=100)["hits"]["hits"]}


def test_what_was_set_aside_is_indexed_once_it_is_mended(
    es: Elasticsearch, es_url: str, index_name: str, tmp_path: Path
) -> None:
    source = tmp_path / "items.jsonl"
    dated = {"id": "c", "language": "en", "title": "with a date", "when": "not yet"}
    source.write_text(jsonl(GOOD, "{broken", {"id": "b"}, dated))
    job = RunJob(str(source), index_name, centering="none")
    es.indices.put_index_template(
        name=index_name,
        index_patterns=[f"{index_name}*"],
        template={"mappings": {"properties": {"when": {"type": "date"}}}},
    )
    try:
        assert run(job, es_url)["rejected"] == 3
    finally:
        es.indices.delete_index_template(name=index_name)
    rejects = Path(f"{source}.{index_name}.rejects.jsonl")

    def replay() -> dict[str, Any]:
        with replaced(rejects) as still:
            again = RunJob(f"{SCHEME}{rejects}", index_name, centering="none", rejects=still)
            return run(again, es_url)

    before = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert replay()["rejected"] == 3  # nothing was mended
    after = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [entry | {"time": 0} for entry in before] == [entry | {"time": 0} for entry in after]

    after[0]["record"] = json.dumps({"id": "d", "language": "de", "title": "Geflickt"})
    after[2]["record"]["when"] = "2026-01-01"
    rejects.write_text(jsonl(*after, {"line": 9}, {"no": "entry"}))
    summary = replay()
    assert (summary["indexed"], summary["rejected"]) == (2, 3)
    assert ids(es, index_name) == {"a", "c", "d"}
    reasons = [json.loads(line)["reason"] for line in rejects.read_text().splitlines()]
    assert reasons[1:] == [
        "not an entry of a reject file: it has no record",
        "not an entry of a reject file: it has no line",
    ]
    rejects.write_text(jsonl(after[2]))
    assert replay()["unchanged"] == 1
    assert not rejects.exists()
    with pytest.raises(ConfigError, match="there is no reject file"):
        replay()


def until(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it does not come true"
        time.sleep(0.1)


class Following:
    """A run that follows a file or an index, in a thread."""

    def __init__(self, source: Path | str, url: str, index: str, **options: Any) -> None:  # noqa: ANN401
        self.stop = Stop()
        self.result: Any = None
        self._job = RunJob(str(source), index, centering="none", follow=True, **options)
        self._url = url
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = run(self._job, self._url, self.stop)
        except SourceError as error:
            self.result = error

    def end(self) -> Any:  # noqa: ANN401
        self.stop.requested.set()
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self.result


def test_a_growing_file_is_followed(
    es: Elasticsearch, es_url: str, index_name: str, tmp_path: Path
) -> None:
    source = tmp_path / "items.jsonl"
    source.write_text("")
    following = Following(source, es_url, index_name)
    with source.open("a") as file:

        def write(text: str) -> None:
            file.write(text)
            file.flush()

        time.sleep(1)  # an empty file is waited for
        write(jsonl(GOOD))
        until(lambda: bool(es.indices.exists(index=index_name)))
        until(lambda: ids(es, index_name) == {"a"})
        whole = jsonl({"id": "b", "language": "en", "title": "in two halves"}, "{")
        write(whole[:20])
        time.sleep(1)
        write(whole[20:] + jsonl({"_op": "delete", "id": "a"}))
        until(lambda: ids(es, index_name) == {"b"})
    summary = following.end()
    assert (summary["indexed"], summary["deleted"], summary["rejected"]) == (2, 1, 1)
    assert not summary["complete"]
    state = json.loads(Path(f"{source}.{index_name}.checkpoint.json").read_text())["state"]
    assert state["position"] == 4


def test_a_clock_that_was_set_back_is_told(
    es: Elasticsearch, es_url: str, index_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no field says what is newer, it is the clock."""
    source = tmp_path / "items.jsonl"
    source.write_text(jsonl(GOOD))
    job = RunJob(str(source), index_name, centering="none")
    assert run(job, es_url)["warnings"] == []
    source.write_text(jsonl(GOOD | {"title": "Another puzzle"}))
    earlier = time.time_ns() - 3600 * 10**9
    with monkeypatch.context() as patch:
        patch.setattr("ingest.documents.builder.time.time_ns", lambda: earlier)
        summary = run(job, es_url)
    assert (summary["indexed"], summary["superseded"]) == (0, 1)
    [warning] = summary["warnings"]
    assert "1 documents were left as they are" in warning
    assert "the clock was set back" in warning
    assert run(job, es_url)["warnings"] == []
    assert (es.get(index=index_name, id="a")["_source"]["title"]) == "Another puzzle"


def test_an_index_is_followed(
    es: Elasticsearch,
    es_url: str,
    index_name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """New and changed documents of a part of it, by `_seq_no`; a point in time may be lost."""
    own, made = f"{index_name}-own", f"{index_name}-made"
    es.indices.create(index=own, settings={"number_of_shards": 3, "refresh_interval": "-1"})

    def write(*ids: int, title: str = "A puzzle", shop: str = "a") -> None:
        for n in ids:
            document = {"title": f"{title} {n}", "language": "en", "shop": shop}
            es.index(index=own, id=str(n), document=document)

    def titles() -> dict[str, str]:
        es.indices.refresh(index=made)
        hits = es.search(index=made, size=100)["hits"]["hits"]
        return {hit["_id"]: hit["_source"]["title"] for hit in hits}

    lost: list[str] = []
    pages = scan.pages

    def lose(*arguments: Any, **options: Any) -> Iterator[Any]:  # noqa: ANN401
        """The first time that there is something, it gets lost after it was read."""
        for hits in pages(*arguments, **options):
            yield hits
            if not lost:
                lost.append("once")
                raise PointInTimeLost("a node was restarted")

    query = '{"term": {"shop.keyword": "a"}}'
    following = Following(f"index:{own}", es_url, made, query=query, rejects=tmp_path / "rejects")
    time.sleep(1)  # an empty index is waited for
    write(*range(30))
    write(100, shop="b")
    until(lambda: bool(es.indices.exists(index=made)))
    until(lambda: titles() == {str(n): f"A puzzle {n}" for n in range(30)})
    monkeypatch.setattr(scan, "pages", lose)
    write(3, 50, title="Another puzzle")
    write(100, shop="b", title="Not chosen")
    expected = {str(n): f"A puzzle {n}" for n in range(30)}
    expected |= {str(n): f"Another puzzle {n}" for n in (3, 50)}
    until(lambda: titles() == expected)
    write(4, shop="c", title="Not chosen any more")
    write(5, title="The last")
    until(lambda: titles() == expected | {"5": "The last 5"})
    summary = following.end()
    assert lost
    assert (summary["indexed"], summary["rejected"]) == (33, 0)
    # Only what was written is read again, and what was read when it got lost.
    assert 33 <= summary["documents"] <= 40


def test_a_file_that_is_cut_or_replaced_ends_the_run(
    es: Elasticsearch, es_url: str, index_name: str, tmp_path: Path
) -> None:
    source = tmp_path / "items.jsonl"
    source.write_text(jsonl(GOOD))
    following = Following(source, es_url, index_name)
    until(lambda: bool(es.indices.exists(index=index_name)))
    until(lambda: ids(es, index_name) == {"a"})
    source.write_text("")
    until(lambda: isinstance(following.result, SourceError))
    assert "has been cut or replaced by another file" in str(following.end())


def test_only_plain_lines_can_be_followed(es_url: str, index_name: str, tmp_path: Path) -> None:
    import gzip

    source = tmp_path / "items.jsonl.gz"
    source.write_bytes(gzip.compress(jsonl(GOOD).encode()))
    with pytest.raises(SourceError, match="is compressed; only plain lines can be followed"):
        run(RunJob(str(source), index_name, follow=True), es_url)
    with pytest.raises(ConfigError, match="can be followed, - cannot"):
        run(RunJob("-", index_name, follow=True), es_url)


def test_a_run_shows_its_figures_to_prometheus(
    es_url: str, index_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "items.jsonl"
    source.write_text(jsonl(GOOD, "{", {**GOOD, "id": "b"}))
    workers: list[Worker] = []
    original = Worker.run
    monkeypatch.setattr(Worker, "run", lambda self: (workers.append(self), original(self))[1])
    run(RunJob(str(source), index_name, centering="none", metrics_port=0), es_url)
    with serve_metrics(workers[0], 0) as address:
        assert address
        with urllib.request.urlopen(address) as answer:
            lines = answer.read().decode().splitlines()
    figures = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert figures['xlrec_documents_total{outcome="indexed"}'] == "2.0"
    assert figures['xlrec_documents_total{outcome="rejected"}'] == "1.0"
    assert float(figures['xlrec_stage_seconds_total{stage="write"}']) > 0
    assert figures["xlrec_bytes_in_flight"] == "0.0"
    assert figures["xlrec_retries_total"] == "0.0"
    assert figures["xlrec_tokens_total"] == "4.0"
    assert figures['xlrec_queue_ratio{stage="write"}'] == "0.0"
