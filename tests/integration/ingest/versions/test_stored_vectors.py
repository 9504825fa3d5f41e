"""Fewer dimensions and other centerings out of stored vectors, on every supported Elasticsearch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from elasticsearch import Elasticsearch

from fakes import HashEncoder
from ingest.encode.options import DEFAULTS
from ingest.run.assemble import run
from ingest.run.job import RunJob
from ingest.versions.reencoder import Reencoder
from ingest.versions.reindex import Wanted, prepare
from xlrec_es.cluster import scan
from xlrec_es.cluster.capabilities import probe
from xlrec_es.cluster.connection import Connection
from xlrec_es.cluster.retry import Cluster
from xlrec_es.errors import GateFailed
from xlrec_es.index.fields import LANGUAGE_FIELD, VECTOR_FIELD
from xlrec_es.index.live_index import find_live
from xlrec_es.vectors.vector import Vector
from xlrec_es.versions.gate_limits import Limits
from xlrec_es.versions.inventory import read_versions
from xlrec_es.versions.reindex import Reindexer

WORDS = ("chess", "puzzle", "tiles", "tea", "house", "board", "game", "stars", "moon", "sea")
N_DOCUMENTS = 80
SAMPLED = 100  # by the gate, at most


@pytest.fixture
def name(es_each: Elasticsearch, index_name: str, tmp_path: Path) -> str:
    """An index of vectors of 16 dimensions, centered."""
    path = tmp_path / "items.jsonl"
    items = [
        {
            "id": n,
            "title": f"{WORDS[n % 10]} {WORDS[n // 3 % 10]} {n}",
            "language": ("en", "de")[n % 2],
        }
        for n in range(N_DOCUMENTS)
    ]
    path.write_text("\n".join(map(json.dumps, items)))
    [node] = es_each.transport.node_pool.all()
    run(RunJob(str(path), index_name), Connection(node.base_url), encoder=HashEncoder())
    return index_name


def reencode(
    es: Elasticsearch, name: str, encoder: HashEncoder, centering: str | None = None
) -> Reindexer:
    wanted = Wanted({}, DEFAULTS, {}, Limits(recall=0.5, overlap=0.0), centering)
    work = prepare(
        Cluster(es, probe(es)),
        read_versions(es, name),
        wanted,
        encoder=encoder,
        observe=lambda _phase, _count: None,
    )
    work.run()
    return work


def vectors(es: Elasticsearch, name: str) -> dict[str, tuple[str, Vector]]:
    es.indices.refresh(index=name)
    body = {"_source": False, "fields": [VECTOR_FIELD, LANGUAGE_FIELD]}
    return {
        hit["_id"]: (
            hit["fields"][LANGUAGE_FIELD][0],
            np.asarray(hit["fields"][VECTOR_FIELD], np.float32),
        )
        for hits in scan.pages(es, name, body)
        for hit in hits
    }


@pytest.mark.parametrize(("dims", "centering"), [(8, None), (8, "none"), (16, "none")])
def test_a_part_of_what_is_stored_needs_no_encoding(
    es_each: Elasticsearch, name: str, dims: int, centering: str | None
) -> None:
    encoder = HashEncoder(dims=dims)
    texts = {
        id_: f"{WORDS[n % 10]} {WORDS[n // 3 % 10]} {n}"
        for n, id_ in enumerate(map(str, range(N_DOCUMENTS)))
    }
    work = reencode(es_each, name, encoder, centering)
    assert isinstance(work.transform, Reencoder)
    assert (work.transform.cut, work.transform.encoded) == (N_DOCUMENTS, 0)
    assert len(encoder.encoded) <= SAMPLED, "by the gate alone"
    meta = find_live(es_each, name).meta
    assert meta.fingerprint.dims == dims
    assert meta.centering.method == (centering or "center")
    for id_, (language, vector) in vectors(es_each, name).items():
        raw = HashEncoder(dims=dims).encode([texts[id_]])
        np.testing.assert_allclose(vector, meta.centering.apply(raw, [language])[0], atol=1e-5)


def test_what_is_no_part_of_it_is_encoded(es_each: Elasticsearch, name: str) -> None:
    for encoder in (HashEncoder(dims=24), HashEncoder(dims=8, revision="2")):
        work = reencode(es_each, name, encoder)
        assert isinstance(work.transform, Reencoder)
        assert (work.transform.cut, work.transform.encoded) == (0, N_DOCUMENTS)


def test_a_model_whose_vectors_cannot_be_cut_fails_the_gate(
    es_each: Elasticsearch, name: str
) -> None:
    """It says that it is the same model, and its shorter vectors are no prefix."""

    class Projected(HashEncoder):
        def encode(self, texts: list[str]) -> Vector:  # type: ignore[override]
            return np.ascontiguousarray(super().encode(texts)[:, ::-1])

    before = find_live(es_each, name).name
    with pytest.raises(GateFailed, match="encoder: 80 sampled vectors agree"):
        reencode(es_each, name, Projected(dims=8))
    assert find_live(es_each, name).name == before
