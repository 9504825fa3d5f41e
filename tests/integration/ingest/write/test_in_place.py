"""Recommendations in an index that exists, and beside it, on nodes of every supported version."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elasticsearch import Elasticsearch

from fakes import HashEncoder
from ingest.encode.options import DEFAULTS
from ingest.run.assemble import run
from ingest.run.job import RunJob
from ingest.shard import Shard
from ingest.versions.reindex import Wanted, prepare
from ingest.write.modes import COMPANION, IN_PLACE, VERSION, Mode
from xlrec_es.cluster.capabilities import probe
from xlrec_es.cluster.connection import Connection
from xlrec_es.cluster.retry import Cluster
from xlrec_es.errors import ConfigError, IndexUnusable, SourceError
from xlrec_es.index.live_index import find_live
from xlrec_es.interactions.history import History
from xlrec_es.recommend.options import Options, SearchOptions
from xlrec_es.recommend.recommender import Recommender
from xlrec_es.records.field_map import FieldMap
from xlrec_es.vectors.vector import Vector
from xlrec_es.versions import adoption
from xlrec_es.versions.gate_limits import Limits
from xlrec_es.versions.inventory import read_versions

WORDS = ("chess", "puzzle", "tiles", "tea", "house")
MAPPINGS = {
    "_meta": {"owner": "the shop"},
    "dynamic": "strict",
    "properties": {
        "name": {"type": "text"},
        "lang": {"type": "keyword"},
        "brand": {"type": "keyword"},
        "odd": {"type": "object", "enabled": False},
        "vector": {"type": "dense_vector", "dims": 3},
    },
}
# As no program would write it again: white space, order, numbers, escapes.
ODD = (
    r'{"z": 1, "a": [ ], "b":{}, "n": null, "big": 123456789012345678901234567890, "one": 1.0, '
    r'"tiny": 1e-7, "text": "\u00fc 茶\u2028"}'
)
FIELDS = FieldMap(title="name", language="lang")


def raw(number: int, language: str) -> str:
    name = f"{WORDS[number % 5]} {WORDS[number // 5]} {language}"
    return (
        f'{{"name": "{name}", "lang": "{language}", "brand": "{"ab"[number % 2]}", "odd": {ODD}, '
        '"vector": [0.25, 0.5, 0.75]}'
    )


DOCUMENTS = {f"{n}-{language}": raw(n, language) for n in range(20) for language in ("en", "de")}
ROUTED = "3-en"


class Shop:
    """A team's own index, and what it is asked to be."""

    def __init__(self, es: Elasticsearch, name: str, folder: Path) -> None:
        self.es, self.name, self.folder = es, name, folder
        [node] = es.transport.node_pool.all()
        self.url = node.base_url
        es.indices.create(index=name, settings={"number_of_shards": 2}, mappings=MAPPINGS)
        lines = []
        for id_, document in DOCUMENTS.items():
            routing = {"routing": "elsewhere"} if id_ == ROUTED else {}
            lines += [json.dumps({"index": {"_id": id_, **routing}}), document]
        body = "\n".join([*lines, ""]).encode()
        assert not es.bulk(index=name, operations=body)["errors"]  # type: ignore[arg-type]

    def run(self, mode: Mode, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
        encoder = changes.pop("encoder", None) or HashEncoder()
        index = self.name if mode is IN_PLACE else f"{self.name}-xlrec"
        wanted = {"source": f"index:{self.name}", "index": index, "fields": FIELDS, **changes}
        job = RunJob(mode=mode, rejects=self.folder / "rejects", **wanted)
        summary = run(job, Connection(self.url), encoder=encoder)
        self.es.indices.refresh(index=f"{self.name}*")
        return summary

    def source(self, id_: str, index: str | None = None) -> list[tuple[str, Any]]:
        """The document's fields in their order, as Elasticsearch sends them, but for `xlrec`.

        Its own spelling of a number (1.0E-7 for 1e-7) is what an update may change.
        """
        routing = "?routing=elsewhere" if id_ == ROUTED else ""
        address = f"{self.url}/{index or self.name}/_source/{id_}{routing}"
        with urllib.request.urlopen(address) as answer:
            pairs = json.load(answer, object_pairs_hook=list, parse_float=float, parse_int=str)
        return [(name, value) for name, value in pairs if name != "xlrec"]

    def vectors(self, index: str | None = None) -> dict[str, dict[str, list[float]]]:
        """By document, what is left out of its source."""
        fields = ["vector", "xlrec.embedding"]
        hits = self.es.search(index=index or self.name, size=100, fields=fields)["hits"]["hits"]
        return {hit["_id"]: hit["fields"] for hit in hits}

    def own(self, id_: str) -> dict[str, Any]:
        body: dict[str, Any] = self.es.get(index=self.name, id=id_)["_source"]["xlrec"]
        return body


@pytest.fixture
def shop(es_each: Elasticsearch, index_name: str, tmp_path: Path) -> Shop:
    return Shop(es_each, index_name, tmp_path)


def counts(summary: dict[str, Any]) -> tuple[int, int, int]:
    return summary["indexed"], summary["unchanged"], summary["encoded"]


def test_an_index_is_completed_in_place(shop: Shop) -> None:
    before = {id_: shop.source(id_) for id_ in DOCUMENTS}
    assert counts(shop.run(IN_PLACE)) == (40, 0, 40)
    assert {id_: shop.source(id_) for id_ in DOCUMENTS} == before
    vectors = shop.vectors()
    assert all(len(fields["xlrec.embedding"]) == 16 for fields in vectors.values())
    assert {tuple(fields["vector"]) for fields in vectors.values()} == {(0.25, 0.5, 0.75)}
    mappings = shop.es.indices.get_mapping(index=shop.name)[shop.name]["mappings"]
    assert mappings["_meta"].keys() == {"owner", "xlrec"}
    assert mappings["properties"].keys() == {*MAPPINGS["properties"], "xlrec"}  # type: ignore[misc]
    # It is an index like any other for whoever recommends.
    options = Options(search=SearchOptions(filters=({"term": {"brand": "a"}},)))
    recommender = Recommender(shop.es, shop.name, options=options)
    found = recommender.recommend(History.of(["0-en"]), languages=["de"]).items
    assert found[0].title is not None
    assert found[0].title.startswith("chess")
    assert {int(item.id.partition("-")[0]) % 2 for item in found} == {0}

    # What its owner writes costs no encoding, unless it is the text.
    shop.es.update(index=shop.name, id="0-en", doc={"brand": "c"})
    assert shop.vectors()["0-en"] == vectors["0-en"]
    assert counts(shop.run(IN_PLACE)) == (0, 40, 0)
    shop.es.update(
        index=shop.name, id="1-en", doc={"xlrec": {"indicators": [{"7": 1.5}], "evidence": 3}}
    )
    shop.es.update(index=shop.name, id="1-en", doc={"name": "tea tea", "lang": "de"})
    again = {"name": "tiles", "lang": "en"}  # as a whole, and so without `xlrec`
    shop.es.index(index=shop.name, id="2-en", document=again)
    shop.es.index(index=shop.name, id="new", document={"name": "a house", "lang": "ja"})
    encoder = HashEncoder()
    assert counts(shop.run(IN_PLACE, encoder=encoder)) == (3, 38, 3)
    assert "tea tea" in encoder.encoded
    own = shop.own("1-en")
    assert {k: v for k, v in own["text"].items() if v} == {"de": "tea tea"}
    assert own["evidence"] == 3
    assert set(find_live(shop.es, shop.name).meta.languages) == {"de", "en", "ja"}
    assert "owner" in shop.es.indices.get_mapping(index=shop.name)[shop.name]["mappings"]["_meta"]


class Interrupted(HashEncoder):
    """While it encodes, somebody else writes."""

    def __init__(self, shop: Shop) -> None:
        super().__init__()
        self.shop: Shop | None = shop

    def encode(self, texts: Sequence[str]) -> Vector:
        if self.shop:
            es, name = self.shop.es, self.shop.name
            es.update(index=name, id="0-en", doc={"name": "chess of another kind"})
            es.delete(index=name, id="1-en")
            self.shop = None
        return super().encode(texts)


def test_what_is_written_meanwhile_in_place_stays(shop: Shop) -> None:
    summary = shop.run(IN_PLACE, encoder=Interrupted(shop), centering="none")
    assert (summary["indexed"], summary["superseded"], summary["rejected"]) == (38, 2, 0)
    assert dict(shop.source("0-en"))["name"] == "chess of another kind"
    assert not shop.es.exists(index=shop.name, id="1-en")
    assert counts(shop.run(IN_PLACE, centering="none")) == (1, 38, 1)


def test_an_index_in_place_is_not_written_over(shop: Shop, tmp_path: Path) -> None:
    items = tmp_path / "items.jsonl"
    items.write_text('{"id": "0-en", "name": "chess"}\n')
    with pytest.raises(IndexUnusable, match="not made by xlrec-es"):
        shop.run(VERSION, source=str(items), index=shop.name)
    shop.run(IN_PLACE)
    with pytest.raises(IndexUnusable, match="--in-place"):
        shop.run(VERSION, source=str(items), index=shop.name)
    shop.es.indices.create(
        index=f"{shop.name}-2", mappings={"properties": {"xlrec": {"type": "keyword"}}}
    )
    shop.es.index(index=f"{shop.name}-2", document={"name": "chess"}, refresh=True)
    with pytest.raises(IndexUnusable, match="has a field xlrec already"):
        shop.run(IN_PLACE, source=f"index:{shop.name}-2", index=f"{shop.name}-2")


def test_from_in_place_to_versions(shop: Shop) -> None:
    """Adopted, it is reindexed like any other: nothing that is unchanged is encoded again."""
    shop.run(IN_PLACE)
    before = {id_: shop.source(id_)[:3] for id_ in DOCUMENTS}
    vectors = shop.vectors()
    adoption.adopt(shop.es, read_versions(shop.es, shop.name))
    for encoder, encoded in ((HashEncoder(), 40), (HashEncoder(revision="2"), 40 + 40 + 40)):
        work = prepare(
            Cluster(shop.es, probe(shop.es)),
            read_versions(shop.es, shop.name),
            Wanted({}, DEFAULTS, {}, Limits(recall=0.5, overlap=0.0)),
            encoder=encoder,
            observe=lambda _phase, _count: None,
        )
        assert work.run().swapped
        assert len(encoder.encoded) == encoded  # 40 by the gate; 40 by the centering
        assert {id_: shop.source(id_)[:3] for id_ in DOCUMENTS} == before
        after = shop.vectors()
        same = all(
            np.allclose(after[id_]["xlrec.embedding"], v["xlrec.embedding"])
            for id_, v in vectors.items()
        )
        assert same == (encoded == 40)
    # It goes on in place, in the version that is live.
    shop.es.index(index=shop.name, id="new", document={"name": "a house", "lang": "en"})
    assert counts(shop.run(IN_PLACE, encoder=HashEncoder(revision="2"))) == (1, 40, 1)


def test_a_companion_leaves_the_index_alone(shop: Shop) -> None:
    def state() -> object:
        hits = shop.es.search(index=shop.name, size=100, seq_no_primary_term=True)["hits"]["hits"]
        return shop.es.indices.get(index=shop.name).body, {h["_id"]: h["_seq_no"] for h in hits}

    shop.es.indices.refresh(index=shop.name)
    before = state()
    summary = shop.run(COMPANION, keep=("brand",))
    assert counts(summary) == (40, 0, 40)
    assert state() == before
    companion = f"{shop.name}-xlrec"
    assert summary["version"] == f"{companion}-xlrec-v1"
    kept = dict(shop.source("0-en", companion))
    assert kept == {"name": "chess chess en", "brand": "a"}
    options = Options(search=SearchOptions(filters=({"term": {"brand": "a"}},)))
    recommender = Recommender(shop.es, companion, options=options)
    found = recommender.recommend(History.of(["0-en"]), languages=["de"]).items
    assert {item.id for item in found} <= DOCUMENTS.keys()
    assert found[0].title == dict(shop.source(found[0].id))["name"]

    # It follows: what it does not keep does not matter, and what is gone goes.
    shop.es.update(index=shop.name, id="0-en", doc={"odd": {}})
    shop.es.update(index=shop.name, id="1-en", doc={"brand": "c"})
    shop.es.delete(index=shop.name, id="2-en", refresh=True)
    summary = shop.run(COMPANION)
    assert (*counts(summary), summary["deleted"]) == (1, 38, 0, 1)
    assert shop.vectors(companion).keys() == DOCUMENTS.keys() - {"2-en"}
    with pytest.raises(IndexUnusable, match="keeps name, brand of each document"):
        shop.run(COMPANION, keep=("lang",))
    with pytest.raises(IndexUnusable, match="is a companion"):
        prepare(
            Cluster(shop.es, probe(shop.es)),
            read_versions(shop.es, companion),
            Wanted({}, DEFAULTS, {}, Limits()),
            encoder=HashEncoder(),
            observe=lambda _phase, _count: None,
        )


def test_documents_in_several_languages(es: Elasticsearch, index_name: str, tmp_path: Path) -> None:
    """Each rendition is a document of a companion; in place there is no room for them."""
    es.indices.create(index=index_name)
    for number in range(6):
        body = {"t_en": f"chess {number}", "t_de": f"Schach {number}", "price": number}
        es.index(index=index_name, id=str(number), document=body, refresh=True)
    [node] = es.transport.node_pool.all()

    def go(job: RunJob) -> dict[str, Any]:
        return run(job, Connection(node.base_url), encoder=HashEncoder())

    rejects = tmp_path / "rejects"
    fields = FieldMap(title="t_{language}")
    beside = RunJob(
        f"index:{index_name}", f"{index_name}-xlrec", fields, mode=COMPANION, rejects=rejects
    )
    assert counts(go(beside)) == (12, 0, 12)
    assert es.get(index=beside.index, id="3@de")["_source"].keys() == {"t_de", "xlrec"}
    es.delete(index=index_name, id="3", refresh=True)
    assert go(beside)["deleted"] == 2
    inside = replace(beside, mode=IN_PLACE, index=index_name)
    with pytest.raises(SourceError, match="no record that can be indexed"):
        go(inside)
    assert "takes an index beside it: --companion" in rejects.read_text()
    with pytest.raises(ConfigError, match="without --shard"):
        go(replace(inside, shard=Shard.parse("1/2")))
