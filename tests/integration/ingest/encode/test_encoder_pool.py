"""An encoder process for each device: here two on the CPU."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from elasticsearch import Elasticsearch

from ingest.encode.encoder_pool import EncoderPool, encoder_for
from ingest.encode.options import EncoderOptions
from ingest.encode.raw_vectors import parallel
from ingest.encode.sentence_transformer import MAX_STREAMS, SentenceTransformerEncoder, load_encoder
from ingest.run import assemble as runs
from ingest.run.counts import Tally
from ingest.run.job import RunJob
from tiny_model import TEXTS
from xlrec_es.cluster.connection import Connection
from xlrec_es.errors import EncoderError

OPTIONS = EncoderOptions(device="cpu", dtype="float32", batch_tokens=256)
RECORDS = 4000


@pytest.fixture(scope="module")
def single(tiny_model: Path) -> SentenceTransformerEncoder:
    return load_encoder(str(tiny_model), options=OPTIONS)


@pytest.fixture(scope="module")
def pool(tiny_model: Path) -> Iterator[EncoderPool]:
    """Used up by the last test, which kills one of its processes."""
    with closing(EncoderPool(str(tiny_model), OPTIONS, ["cpu", "cpu"])) as pool:
        yield pool


def test_it_is_the_same_encoder(pool: EncoderPool, single: SentenceTransformerEncoder) -> None:
    for name in ("model", "revision", "pooling", "prefix", "max_tokens", "dims", "dtype"):
        assert getattr(pool, name) == getattr(single, name), name
    assert (pool.device, pool.parallel) == ("cpu,cpu", 2)
    texts = [[*TEXTS[n:], f"text {n}"] for n in range(8)]
    before = single.tokens
    expected = [single.encode(some) for some in texts]
    with ThreadPoolExecutor(4) as threads:
        for found, wanted in zip(threads.map(pool.encode, texts), expected, strict=True):
            np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert pool.tokens == single.tokens - before


def test_errors_come_out_of_the_processes(tiny_model: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(EncoderError, match=r"no modules\.json"),
        encoder_for(str(tmp_path), replace(OPTIONS, device="cpu,cpu")),
    ):
        pass
    with pytest.raises(EncoderError, match="one device is enough here; name one of cpu,cpu"):
        load_encoder(str(tiny_model), options=replace(OPTIONS, device="cpu,cpu"))


@pytest.fixture
def three_threads() -> Iterator[None]:
    """Torch computes with three; in the other tests with one."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("three_threads")
def test_streams_on_a_cpu_are_the_same_encoder(
    tiny_model: Path, single: SentenceTransformerEncoder
) -> None:
    texts = [f"{text} {number}" for number in range(40) for text in TEXTS]
    windows = [texts[start::4] for start in range(4)]
    with encoder_for(str(tiny_model), OPTIONS) as encoder:
        assert parallel(encoder) == min(3, MAX_STREAMS)
    with closing(load_encoder(str(tiny_model), options=OPTIONS)) as encoder:
        encoder.start_streams(6)
        with ThreadPoolExecutor(encoder.parallel) as threads:
            found = list(threads.map(encoder.encode, windows))
    before = single.tokens
    for vectors, window in zip(found, windows, strict=True):
        np.testing.assert_allclose(vectors, single.encode(window), atol=1e-6)
    assert encoder.parallel == 6
    assert encoder.tokens == single.tokens - before
    assert torch.get_num_threads() == 3, "of other threads"


def stored(es: Elasticsearch, index: str) -> dict[str, Any]:
    es.indices.refresh(index=index)
    body = {"size": 10_000, "fields": ["xlrec.embedding"], "_source": ["n"]}
    hits = es.search(index=index, body=body)["hits"]["hits"]
    return {hit["_id"]: (hit["_source"]["n"], hit["fields"]["xlrec.embedding"]) for hit in hits}


@pytest.mark.slow
def test_a_process_that_dies_ends_the_run_and_nothing_is_lost(
    es: Elasticsearch,
    es_url: str,
    index_name: str,
    tmp_path: Path,
    pool: EncoderPool,
    single: SentenceTransformerEncoder,
) -> None:
    texts = [f"{TEXTS[n % len(TEXTS)]} {n}" for n in range(RECORDS)]
    source = tmp_path / "items.jsonl"
    with source.open("w", encoding="utf-8") as file:
        for n, text in enumerate(texts):
            file.write(json.dumps({"id": n, "language": "en", "title": text, "n": n}) + "\n")
    job = RunJob(str(source), index_name, centering="none")
    checkpoint = Path(f"{source}.{index_name}.checkpoint.json")

    victim, _ = multiprocessing.active_children()

    def kill(phase: str, tally: Tally, _fraction: float | None) -> None:
        if phase == "index" and tally.documents > 500:
            victim.kill()

    with pytest.raises(EncoderError, match="the encoder's process on cpu has ended") as failed:
        runs.run(job, Connection(es_url), encoder=pool, observe=kill)
    assert "run again with --resume" in str(failed.value)
    settled = json.loads(checkpoint.read_text())["state"]["position"]
    assert 500 < settled < RECORDS
    there = stored(es, index_name)
    assert there.keys() >= {str(n) for n in range(settled)}  # the checkpoint never promises more

    summary = runs.run(replace(job, resume=True), Connection(es_url), encoder=single)
    assert summary["resumed_after"] == settled
    assert summary["documents"] == RECORDS
    there = stored(es, index_name)
    assert there.keys() == {str(n) for n in range(RECORDS)}
    expected = single.encode(texts)
    for id_, (n, vector) in there.items():
        assert id_ == str(n)
        np.testing.assert_allclose(vector, expected[n], atol=1e-5)
