"""Reindexing to another encoder, on real nodes of every supported Elasticsearch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elasticsearch import Elasticsearch

from earlier_meta import as_earlier
from fakes import HashEncoder
from ingest.encode.options import DEFAULTS, EncoderOptions
from ingest.run.assemble import run
from ingest.run.job import RunJob
from ingest.versions.reindex import Wanted, prepare
from ingest.versions.rollback import prepare_rollback
from xlrec_es import History, Recommender
from xlrec_es.cluster import scan
from xlrec_es.cluster.capabilities import probe
from xlrec_es.cluster.connection import Connection
from xlrec_es.cluster.retry import Cluster
from xlrec_es.errors import FingerprintMismatch, GateFailed, IndexUnusable, NotAnXlrecIndex
from xlrec_es.index.fields import BOUGHT_TOGETHER
from xlrec_es.index.live_index import find_live, update_meta
from xlrec_es.records.field_map import FieldMap
from xlrec_es.vectors.vector import Vector
from xlrec_es.versions.gate_limits import Limits
from xlrec_es.versions.inventory import read_versions
from xlrec_es.versions.reindex import ReindexReport
from xlrec_es.versions.rollback import Rollback

WORDS = ("chess", "puzzle", "tiles", "tea", "house", "board", "game", "stars", "moon", "sea")
ITEMS = [
    {
        "id": n,
        "sku": f"s{n}",
        "price": n,
        "popularity": n,
        "translations": {
            tag: {"title": f"{WORDS[n % 10]} {WORDS[n // 3 % 10]} {tag}", "blurb": WORDS[n % 7]}
            for tag in ("en", "de")
        },
    }
    for n in range(60)
]
LIMITS = Limits(recall=0.5, overlap=0.0)


class Shop:
    """An index, and what may be done to it."""

    def __init__(self, es: Elasticsearch, name: str, folder: Path) -> None:
        self.es = es
        self.name = name
        [node] = es.transport.node_pool.all()
        self.connection = Connection(node.base_url)
        self.path = folder / "items.jsonl"
        self.path.write_text("\n".join(map(json.dumps, ITEMS)))

    def ingest(self, encoder: HashEncoder, fields: FieldMap | None = None) -> dict[str, Any]:
        job = RunJob(str(self.path), self.name, fields or FieldMap())
        return run(job, self.connection, encoder=encoder)

    def reindex(
        self,
        encoder: HashEncoder,
        *,
        fields: Mapping[str, Any] | None = None,
        options: EncoderOptions = DEFAULTS,
        centering: str | None = None,
        swap: bool = True,
    ) -> ReindexReport:
        wanted = Wanted(fields or {}, options, {}, LIMITS, centering)
        work = prepare(
            Cluster(self.es, probe(self.es)),
            read_versions(self.es, self.name),
            wanted,
            encoder=encoder,
            observe=lambda _phase, _count: None,
        )
        return work.run(swap=swap)

    def documents(self) -> dict[str, dict[str, Any]]:
        self.es.indices.refresh(index=self.name)
        body = {"_source": scan.whole_source(self.es), "fields": ["xlrec.embedding"]}
        return {
            hit["_id"]: hit["_source"] | {"vector": hit.get("fields", {}).get("xlrec.embedding")}
            for hits in scan.pages(self.es, self.name, body)
            for hit in hits
        }


@pytest.fixture
def shop(es_each: Elasticsearch, index_name: str, tmp_path: Path) -> Shop:
    return Shop(es_each, index_name, tmp_path)


def test_another_encoder(shop: Shop) -> None:
    """As if the catalogue had been read with it, but for what was learned since."""
    shop.ingest(HashEncoder())
    shop.es.update(
        index=shop.name,
        id="7@en",
        doc={
            "xlrec": {
                "indicators": [{"8": 1.5}],
                "popularity": 0.75,
                "bought_together": {"weights": [{"9": 2.0}], "from": "own", "evidence": 3.0},
            }
        },
    )
    before = find_live(shop.es, shop.name)
    noted = before.meta.with_learned(BOUGHT_TOGETHER, {"generation": "h", "complete": True})
    update_meta(shop.es, before, noted)
    new = HashEncoder(revision="2", dims=24)
    report = shop.reindex(new)
    assert report.refused == {}
    assert report.copied == len(ITEMS) * 2
    live = find_live(shop.es, shop.name)
    assert (live.meta.fingerprint.revision, live.meta.fingerprint.dims) == ("2", 24)
    documents = shop.documents()
    assert documents["7@en"]["xlrec"]["popularity"] == 0.75
    assert documents["7@en"]["xlrec"]["indicators"]
    asked = {"field": BOUGHT_TOGETHER.weights, "query_vector": {"9": 1.0}}
    found = shop.es.search(index=shop.name, query={"sparse_vector": asked})["hits"]["hits"]
    assert [(hit["_id"], hit["_score"]) for hit in found] == [("7@en", 2.0)]
    assert live.meta.relations == noted.relations
    for document in documents.values():
        [(language, text)] = document["xlrec"]["text"].items()
        expected = live.meta.centering.apply(new.encode([text]), [language])[0]
        assert np.allclose(document["vector"], expected, atol=1e-6)
    # A run with the new encoder finds all of it as it would have made it.
    encoded = len(new.encoded)
    summary = shop.ingest(new)
    assert (summary["unchanged"], summary["indexed"]) == (len(ITEMS) * 2, 0)
    assert len(new.encoded) == encoded


def test_what_was_learned_and_tuned_after_the_copy_was_planned_is_noted_too(shop: Shop) -> None:
    """A version that waits, or was refused once, is as old as its plan; its documents are not."""
    shop.ingest(HashEncoder())
    new = HashEncoder(revision="2", dims=24)
    shop.reindex(new, swap=False)
    live = find_live(shop.es, shop.name)
    note = {"generation": "g", "complete": True, "privacy": {"runs": [{"epsilon": 4.0}]}}
    weights = {"dense": 0.5, "lexical": 0.25, "sparse": 0.25}
    tuned = replace(live.meta, indicators=note, weights=weights, tuning={"seed": 1})
    update_meta(shop.es, live, replace(tuned, options={"max_interests": 4}))
    shop.es.update(index=shop.name, id="7@en", doc={"xlrec": {"indicators": [{"8": 1.5}]}})
    shop.reindex(new)
    now = find_live(shop.es, shop.name)
    assert now.name != live.name
    assert now.meta.indicators == note
    assert now.meta.weights == {"dense": 0.5, "lexical": 0.25}, "it has no sparse weights"
    assert (now.meta.options, now.meta.tuning) == ({"max_interests": 4}, {"seed": 1})
    assert now.meta.fingerprint.revision == "2"


def test_vectors_that_fit_are_copied(shop: Shop) -> None:
    encoder = HashEncoder()
    shop.ingest(encoder, FieldMap(id="sku"))
    before = shop.documents()
    shop.es.index(index=shop.name, id="by hand", document={"title": "stone house"})
    encoder.encoded.clear()
    report = shop.reindex(encoder)
    assert report.refused == {}
    after = shop.documents()
    assert after.pop("by hand") == {"title": "stone house", "vector": None}
    assert after == before
    assert len(encoder.encoded) <= 100  # the gate's sample


def test_another_recipe_and_centering(shop: Shop) -> None:
    shop.ingest(HashEncoder())
    shop.reindex(HashEncoder(), fields={"text": "blurb"}, centering="none")
    meta = find_live(shop.es, shop.name).meta
    assert meta.fingerprint.recipe.startswith("title, blurb; ")
    assert meta.centering.method == "none"
    assert meta.source["fields"]["text"] == ["blurb"]
    assert shop.documents()["7@en"]["xlrec"]["text"]["en"].endswith(f"\n{WORDS[0]}")
    assert shop.ingest(HashEncoder(), FieldMap(text=("blurb",)))["indexed"] == 0


def test_what_changed_since_is_encoded_on_the_way_back(shop: Shop) -> None:
    old, new = HashEncoder(), HashEncoder(revision="2", dims=24)
    shop.ingest(old)
    shop.reindex(new)
    # Written to the new version: a price and a title by the shop, a text by the worker.
    shop.es.update(index=shop.name, id="7@en", doc={"price": 99})
    shop.es.update(index=shop.name, id="8@en", doc={"title": "stone sea"})
    lines = [{**ITEMS[0], "translations": {"en": {"title": "moon board"}}}, *ITEMS[1:]]
    shop.path.write_text("\n".join(map(json.dumps, lines)))
    shop.ingest(new)
    old.encoded.clear()
    versions = read_versions(shop.es, shop.name)
    cluster = Cluster(shop.es, probe(shop.es))

    def prepared(encoder: HashEncoder) -> Rollback:
        observe = lambda _phase, _count: None  # noqa: E731
        return prepare_rollback(cluster, versions, DEFAULTS, encoder=encoder, observe=observe)

    with pytest.raises(FingerprintMismatch):
        prepared(new)
    report = prepared(old).run()
    assert report.without_vector == 0
    assert 0 < len(old.encoded) <= report.copied < len(ITEMS)
    live = find_live(shop.es, shop.name)
    assert live.meta.fingerprint.revision == old.revision
    documents = shop.documents()
    assert documents["0@en"]["xlrec"]["text"] == {"en": "moon board"}
    for document in documents.values():
        [(language, text)] = document["xlrec"]["text"].items()
        expected = live.meta.centering.apply(old.encode([text]), [language])[0]
        assert np.allclose(document["vector"], expected, atol=1e-6)


def test_an_index_of_an_earlier_program_is_served_kept_encoded_and_rolled_back(shop: Shop) -> None:
    """Its `_meta` says `calibration`, where it says `centering` now."""
    old, new = HashEncoder(), HashEncoder(revision="2", dims=24)
    shop.ingest(old)
    live = find_live(shop.es, shop.name)
    earlier = as_earlier(live.meta.to_meta())
    shop.es.indices.put_mapping(index=live.name, meta={"xlrec": earlier})
    assert find_live(shop.es, shop.name).meta.to_meta() == live.meta.to_meta()
    recommender = Recommender(shop.es, shop.name)
    found = recommender.recommend(History.of(["7@en", "8@en"]), languages=["de"])
    assert {item.language for item in found.items} == {"de"}
    old.encoded.clear()
    assert shop.ingest(old)["unchanged"] == len(ITEMS) * 2
    assert old.encoded == []
    shop.reindex(new)
    shop.es.update(index=shop.name, id="7@en", doc={"title": "stone sea"})
    # The version to go back to still has the names of its time.
    [body] = shop.es.indices.get_mapping(index=live.name).values()
    assert "calibration" in body["mappings"]["_meta"]["xlrec"]
    back = prepare_rollback(
        Cluster(shop.es, probe(shop.es)),
        read_versions(shop.es, shop.name),
        DEFAULTS,
        encoder=old,
        observe=lambda _phase, _count: None,
    )
    assert back.run().without_vector == 0
    now = find_live(shop.es, shop.name)
    assert (now.name, now.meta.fingerprint) == (live.name, live.meta.fingerprint)
    # What is written into it has the names of today.
    shop.ingest(old)
    shop.reindex(HashEncoder(), centering="none")
    assert find_live(shop.es, shop.name).meta.centering.method == "none"


class Failing(HashEncoder):
    """Stops after some texts."""

    left = 80

    def encode(self, texts: list[str]) -> Vector:  # type: ignore[override]
        self.left -= len(texts)
        if self.left < 0:
            raise KeyboardInterrupt
        return super().encode(texts)


def test_an_attempt_that_was_cut_off_is_gone_on_with(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its centering, although the documents are not the same any more."""
    monkeypatch.setattr("xlrec_es.cluster.scan.PAGE", 20)
    shop.ingest(HashEncoder(), FieldMap())
    failing = Failing(revision="2")
    failing.left = len(ITEMS) * 2 + 60  # the centering's sample, and three pages
    with pytest.raises(KeyboardInterrupt):
        shop.reindex(failing)
    shop.es.delete(index=shop.name, id="7@en")
    shop.es.update(index=shop.name, id="8@en", doc={"title": "new title"})
    encoder = HashEncoder(revision="2")
    report = shop.reindex(encoder)
    assert report.unchanged >= 55
    assert report.index.endswith("-v2")
    documents = shop.documents()
    assert "7@en" not in documents
    assert documents["8@en"]["xlrec"]["text"] == {"en": "new title"}
    assert len(encoder.encoded) <= 65 + 100
    shop.reindex(HashEncoder(revision="3"), swap=False)
    with pytest.raises(IndexUnusable, match="wanted something else"):
        shop.reindex(HashEncoder(revision="4"))


def test_vectors_of_a_wrong_prefix_are_found(shop: Shop) -> None:
    """They look like any others, and their documents say that they fit."""

    class Prefixed(HashEncoder):
        def encode(self, texts: list[str]) -> Vector:  # type: ignore[override]
            return super().encode([f"passage: {text}" for text in texts])

    shop.ingest(Prefixed())
    live = find_live(shop.es, shop.name)
    with pytest.raises(GateFailed, match="encoder: 100 sampled vectors agree"):
        shop.reindex(HashEncoder())
    assert find_live(shop.es, shop.name).name == live.name


def test_only_what_is_ours(es: Elasticsearch, index_name: str, tmp_path: Path) -> None:
    shop = Shop(es, index_name, tmp_path)
    with pytest.raises(IndexUnusable, match="is live"):
        shop.reindex(HashEncoder())
    es.indices.create(index=f"{index_name}-own", aliases={index_name: {}})
    with pytest.raises(NotAnXlrecIndex):
        shop.reindex(HashEncoder())
