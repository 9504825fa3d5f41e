"""Learned sparse weights from the model to the list, on nodes of every supported Elasticsearch."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from elasticsearch import Elasticsearch

import model_kinds
from fakes import HashEncoder, WordWeights
from ingest.cli.main import main as xlrec_ingest
from ingest.encode.options import DEFAULTS, NO_SPARSE, EncoderOptions, SparseModel
from ingest.encode.sparse.beside import beside
from ingest.encode.sparse.load import load_sparse
from ingest.run.assemble import run
from ingest.run.job import RunJob
from ingest.versions.reindex import Wanted, prepare
from ingest.versions.rollback import prepare_rollback
from ingest.write.modes import COMPANION, IN_PLACE, Mode
from xlrec_es import History, Options, Recommender
from xlrec_es.cli.main import main as xlrec_es
from xlrec_es.cluster import scan
from xlrec_es.cluster.capabilities import probe
from xlrec_es.cluster.connection import Connection
from xlrec_es.cluster.retry import Cluster
from xlrec_es.errors import FingerprintMismatch, GateFailed, UsageError
from xlrec_es.index.live_index import find_live, update_meta
from xlrec_es.recommend.request.sparse_profile import dot
from xlrec_es.records.field_map import FieldMap
from xlrec_es.vectors.encoder import Encoder
from xlrec_es.versions import reindex, rollback
from xlrec_es.versions.copier import copied_as_is
from xlrec_es.versions.gate_limits import Limits
from xlrec_es.versions.inventory import read_versions
from xlrec_es.versions.rollback import Rollback

WORDS = ("chess", "puzzle", "tiles", "tea", "house", "board", "game", "stars", "moon", "sea")
ITEMS = [
    {
        "id": str(n),
        "language": ("en", "de")[n % 2],
        "title": f"{WORDS[n % 10]} {WORDS[n // 3 % 10]} {WORDS[n * 7 % 9]}",
    }
    for n in range(40)
]
NAMED = EncoderOptions(sparse=SparseModel("words"))
"""A job names a sparse model; which one it is, the encoder that is given knows."""

SPARSE = Options(weights={"sparse": 1.0})
LIMITS = Limits(recall=0.5, overlap=0.0)


def nothing(_phase: str, _count: int) -> None:
    pass


class Shop:
    """An index with learned sparse weights, and what may be done to it."""

    def __init__(self, es: Elasticsearch, name: str, folder: Path) -> None:
        self.es, self.name, self.folder = es, name, folder
        [node] = es.transport.node_pool.all()
        self.connection = Connection(node.base_url)
        self.source = str(folder / "items.jsonl")
        self.write(ITEMS)

    def write(self, items: list[dict[str, Any]]) -> None:
        Path(self.source).write_text("\n".join(map(json.dumps, items)))

    def ingest(
        self,
        made_by: Encoder | None = None,
        options: EncoderOptions = NAMED,
        **job: Any,  # noqa: ANN401
    ) -> dict[str, Any]:
        wanted: dict[str, Any] = {"source": self.source, "index": self.name, **job}
        summary = run(RunJob(encoder=options, **wanted), self.connection, encoder=made_by)
        self.es.indices.refresh(index=f"{self.name}*")
        return summary

    def reencode(self, encoder: Encoder, sparse: str | None) -> None:
        options = EncoderOptions(sparse=None if sparse is None else SparseModel(sparse))
        cluster = Cluster(self.es, probe(self.es))
        versions = read_versions(self.es, self.name)
        wanted = Wanted({}, options, {}, LIMITS)
        prepare(cluster, versions, wanted, encoder=encoder, observe=nothing).run()

    def own(self, index: str | None = None) -> dict[str, dict[str, Any]]:
        """The object `xlrec` of each document."""
        self.es.indices.refresh(index=index or self.name)
        body = {"_source": scan.whole_source(self.es)}
        pages = scan.pages(self.es, index or self.name, body)
        return {hit["_id"]: hit["_source"].get("xlrec", {}) for hits in pages for hit in hits}

    def mapped(self) -> dict[str, Any]:
        [body] = self.es.indices.get_mapping(index=self.name).values()
        found: dict[str, Any] = body["mappings"]["properties"]["xlrec"]["properties"]
        return found


@pytest.fixture
def shop(es_each: Elasticsearch, index_name: str, tmp_path: Path) -> Shop:
    return Shop(es_each, index_name, tmp_path)


@pytest.mark.parametrize("build", [model_kinds.build_sparse, model_kinds.build_lexical])
def test_what_a_model_weighs_is_stored_and_found_by_the_exact_sum(
    shop: Shop, tiny_model: Path, build: Callable[[Path], Path]
) -> None:
    with model_kinds.quiet():
        sparse = SparseModel(str(build(shop.folder)))
        options = EncoderOptions(device="cpu", dtype="float32", sparse=sparse)
        summary = shop.ingest(options=options, model=str(tiny_model))
        model = load_sparse(sparse, options)
    assert (summary["indexed"], summary["encoded"]) == (len(ITEMS), len(ITEMS))
    live = find_live(shop.es, shop.name)
    assert live.meta.fingerprint.sparse == model.name
    assert shop.mapped()["sparse"]["type"] == "sparse_vector"
    stored = {id_: own["sparse"] for id_, own in shop.own().items()}
    for item, weights in zip(ITEMS, model.encode([one["title"] for one in ITEMS]), strict=True):
        kept = stored[item["id"]]
        assert kept.keys() == weights.keys()
        for token, weight in weights.items():
            assert abs(kept[token] - weight) <= weight / 512, "the nine bits that are kept"
    recommender = Recommender(shop.es, shop.name, options=SPARSE)
    history = History.of(["1", "3", "9"])
    plan = recommender.plan(history, languages=["en"])
    [request] = plan.requests
    [query] = request.body["query"]["bool"]["must"]
    tokens = query["sparse_vector"]["query_vector"]
    assert query["sparse_vector"]["field"] == "xlrec.sparse"
    exact = {item["id"]: dot(tokens, stored[item["id"]]) for item in ITEMS[::2]}
    expected = sorted(exact, key=lambda id_: -exact[id_])
    found = recommender.recommend(history, languages=["en"], size=20).items
    scores = [item.retrievers["sparse"].score for item in found]
    assert scores == pytest.approx([exact[id_] for id_ in expected[: len(found)]], rel=1e-5)
    assert len(found) == len([score for score in exact.values() if score > 0])
    assert not {item.id for item in found} & {"1", "3", "9"}
    again = shop.ingest(options=options, model=str(tiny_model))
    assert again["unchanged"] == len(ITEMS)


def test_reasons_name_the_tokens_that_are_shared(shop: Shop) -> None:
    shop.write(
        [
            {"id": "a", "language": "en", "title": "chess puzzle to go"},
            {"id": "b", "language": "de", "title": "stars moon"},
            {"id": "c", "language": "de", "title": "puzzle chess chess sea"},
            {"id": "d", "language": "en", "title": "moon sea"},
        ]
    )
    shop.ingest(beside(HashEncoder(), WordWeights()))
    recommender = Recommender(shop.es, shop.name, options=SPARSE)
    found = recommender.recommend(History.of(["a", "d"]), languages=["de"]).items
    reasons = {item.id: {r.item: (r.share, r.tokens) for r in item.reasons} for item in found}
    assert reasons["c"]["a"][1] == ("puzzle", "chess")
    assert reasons["c"]["d"][1] == ("sea",)
    assert reasons["c"]["a"][0] > reasons["c"]["d"][0] > 0
    assert reasons["b"] == {"d": (1.0, ("moon",))}


def test_it_is_one_retriever_of_several_and_off_by_default(shop: Shop) -> None:
    shop.ingest(beside(HashEncoder(), WordWeights()))
    history = History.of(["1", "3"])
    by_default = Recommender(shop.es, shop.name).plan(history)
    assert "dense" in {request.retriever for request in by_default.requests}
    assert "sparse" not in {request.retriever for request in by_default.requests}
    assert "xlrec.sparse" not in json.dumps([request.body for request in by_default.requests])
    weights = {"dense": 0.5, "lexical": 0.2, "sparse": 0.3}
    recommender = Recommender(shop.es, shop.name, options=Options(weights=weights))
    found = recommender.recommend(history, languages=["en", "de"], size=30)
    assert {"dense", "sparse"} <= {name for item in found.items for name in item.retrievers}
    for item in found.items:
        assert sum(said.share for said in item.retrievers.values()) == pytest.approx(1)
    [many] = recommender.recommend_many([history], languages=["en", "de"], size=30)
    assert many == found
    similar = recommender.similar("1", languages=["en"], size=3)
    assert any("sparse" in item.retrievers for item in similar.items)
    live = find_live(shop.es, shop.name)
    update_meta(shop.es, live, replace(live.meta, weights={"sparse": 1.0}))
    own = Recommender(shop.es, shop.name).plan(history, languages=["de"])
    assert [request.retriever for request in own.requests] == ["sparse"]


def test_an_index_takes_no_other_weights_than_it_has(shop: Shop) -> None:
    dense = HashEncoder()
    shop.ingest(beside(dense, WordWeights()))
    with pytest.raises(FingerprintMismatch, match=r"name the model.*--sparse-model \(words at 1;"):
        shop.ingest(dense, DEFAULTS)
    with pytest.raises(FingerprintMismatch, match=r"words at 2; .* here and words at 1; .* there"):
        shop.ingest(beside(dense, WordWeights("2")))
    assert shop.ingest(beside(dense, WordWeights()))["unchanged"] == len(ITEMS)


def test_an_index_without_weights_takes_none_and_says_how(shop: Shop) -> None:
    shop.ingest(HashEncoder(), DEFAULTS)
    assert "sparse" not in shop.mapped()
    with pytest.raises(FingerprintMismatch, match=r"reencode .* --model MODEL --sparse-"):
        shop.ingest(beside(HashEncoder(), WordWeights()))
    with pytest.raises(UsageError, match="has no learned sparse weights for the retriever sparse"):
        Recommender(shop.es, shop.name, options=SPARSE).recommend(History.of(["1"]))


def test_weights_are_made_again_with_the_text_and_with_nothing_else(shop: Shop) -> None:
    words = WordWeights()
    shop.ingest(beside(HashEncoder(), words))
    before = shop.own()
    words.encoded.clear()
    shop.write(
        [
            {**ITEMS[0], "price": 5},
            {**ITEMS[1], "title": "another"},
            {**ITEMS[2], "title": "x"},
            *ITEMS[3:],
        ]
    )
    assert shop.ingest(beside(HashEncoder(), words), centering="center")["encoded"] == 2
    assert sorted(words.encoded) == ["another", "x"]
    after = shop.own()
    assert after["0"]["sparse"] == before["0"]["sparse"], "kept, for its text is the same"
    assert after["1"]["sparse"] == {"another": 1.75}
    assert after["2"]["sparse"] == {}, "no token has a weight"
    assert after["3"] == before["3"]
    words.encoded.clear()
    shop.ingest(beside(HashEncoder(), words))
    assert words.encoded == []


@pytest.mark.parametrize("mode", [IN_PLACE, COMPANION])
def test_in_place_and_in_a_companion(shop: Shop, mode: Mode) -> None:
    own_index = f"{shop.name}-own"
    for item in ITEMS:
        shop.es.index(index=own_index, id=item["id"], document=item)
    shop.es.indices.refresh(index=own_index)
    index = own_index if mode is IN_PLACE else shop.name
    words = WordWeights()
    wanted: dict[str, Any] = {"source": f"index:{own_index}", "index": index, "mode": mode}
    wanted["rejects"] = shop.folder / "rejects"
    shop.ingest(beside(HashEncoder(), words), **wanted)
    stored = shop.own(index)
    assert stored["7"]["sparse"] == words.encode([ITEMS[7]["title"]])[0]
    shop.es.index(index=own_index, id="7", document={**ITEMS[7], "title": "x"}, refresh=True)
    if mode is IN_PLACE:  # whole, by its owner, and so without our object
        assert "7" in shop.own(index)
    shop.ingest(beside(HashEncoder(), words), **wanted)
    assert shop.own(index)["7"]["sparse"] == {}
    found = Recommender(shop.es, index, options=SPARSE).recommend(History.of(["1", "3"]))
    assert found.items


def test_a_version_gets_weights_beside_the_vectors_that_it_has(shop: Shop) -> None:
    dense = HashEncoder()
    shop.ingest(dense, DEFAULTS)
    before = shop.own()
    dense.encoded.clear()
    words = WordWeights()
    shop.reencode(beside(dense, words), "words")
    after = shop.own()
    assert len(words.encoded) >= len(ITEMS)
    assert len(dense.encoded) <= len(ITEMS), "the gate's sample alone"
    for id_, own in after.items():
        assert np.allclose(own["embedding"], before[id_]["embedding"], atol=1e-6)
        assert own["sparse"] == words.encode([ITEMS[int(id_)]["title"]])[0]
    assert Recommender(shop.es, shop.name, options=SPARSE).recommend(History.of(["1"])).items


def test_another_encoder_keeps_weights_and_none_drops_them(shop: Shop) -> None:
    words = WordWeights()
    shop.ingest(beside(HashEncoder(), words))
    live = find_live(shop.es, shop.name)
    update_meta(shop.es, live, replace(live.meta, weights={"dense": 0.5, "sparse": 0.5}))
    before, other = shop.own(), HashEncoder(revision="2")
    with pytest.raises(UsageError, match=r"has learned sparse weights.*--sparse-model none"):
        shop.reencode(other, None)
    words.encoded.clear()
    shop.reencode(beside(other, words), "words")
    assert len(words.encoded) <= len(ITEMS), "the gate's sample alone"
    assert {i: own["sparse"] for i, own in shop.own().items()} == {
        i: own["sparse"] for i, own in before.items()
    }
    assert find_live(shop.es, shop.name).meta.weights == {"dense": 0.5, "sparse": 0.5}
    shop.reencode(other, NO_SPARSE)
    meta = find_live(shop.es, shop.name).meta
    assert (meta.fingerprint.sparse, meta.weights) == (None, {"dense": 0.5})
    assert "sparse" not in shop.mapped()
    assert not any("sparse" in own for own in shop.own().values())


def test_weights_of_another_model_under_the_same_name_are_found(shop: Shop) -> None:
    class Other(WordWeights):
        def encode(self, texts: Any) -> list[dict[str, float]]:  # noqa: ANN401
            rows = super().encode(texts)
            return [{f"{word}s": weight for word, weight in row.items()} for row in rows]

    shop.ingest(beside(HashEncoder(), Other()))
    with pytest.raises(GateFailed, match=r"sparse model: .* sampled sparse weights agree"):
        shop.reencode(beside(HashEncoder(), WordWeights()), "words")


def test_a_copy_and_a_way_back_keep_weights_with_their_vectors(shop: Shop) -> None:
    words = WordWeights()
    shop.ingest(beside(HashEncoder(), words))
    before, first = shop.own(), find_live(shop.es, shop.name)
    packed = probe(shop.es).packed_vectors
    plan = reindex.plan(read_versions(shop.es, shop.name), changes={})
    copying = reindex.Reindexer(shop.es, plan, copied_as_is(packed=packed), limits=LIMITS)
    copying.run()
    copied = find_live(shop.es, shop.name)
    assert copied.name != first.name
    assert copied.meta.fingerprint == first.meta.fingerprint
    assert shop.own() == before
    other = WordWeights("2")
    shop.reencode(beside(HashEncoder(revision="2"), other), "words")
    shop.es.update(
        index=shop.name, id="5", doc={"xlrec": {"text": {"de": "moon"}, "content_hash": "2"}}
    )
    Rollback(shop.es, rollback.plan(read_versions(shop.es, shop.name)), packed).run()
    assert find_live(shop.es, shop.name).name == copied.name
    back = shop.own()
    assert "sparse" not in back["5"], "its text is another, so neither its vector nor its weights"
    assert {i: own for i, own in back.items() if i != "5"} == {
        i: own for i, own in before.items() if i != "5"
    }


def test_a_way_back_by_the_encoders_makes_weights_of_what_changed(shop: Shop) -> None:
    words = WordWeights()
    shop.ingest(beside(HashEncoder(), words))
    shop.reencode(beside(HashEncoder(revision="2"), WordWeights("2")), "words")
    shop.es.update(index=shop.name, id="5", doc={"title": "another"})
    versions = read_versions(shop.es, shop.name)
    options = EncoderOptions(sparse=SparseModel("words"))
    cluster = Cluster(shop.es, probe(shop.es))
    old = beside(HashEncoder(), words)
    prepare_rollback(cluster, versions, options, encoder=old, observe=nothing).run()
    assert shop.own()["5"]["sparse"] == {"another": 1.75}


def test_fields_of_a_recipe_are_weighed_too(shop: Shop) -> None:
    words = WordWeights()
    items = [{**item, "blurb": "lighthouse"} for item in ITEMS]
    shop.write(items)
    fields = FieldMap.from_mapping({"text": ["blurb"]})
    shop.ingest(beside(HashEncoder(), words), fields=fields)
    assert shop.own()["0"]["sparse"]["lighthouse"] == 2.5


def test_by_the_command_lines(shop: Shop, tiny_model: Path) -> None:
    with model_kinds.quiet():
        sparse = str(model_kinds.build_sparse(shop.folder))
    where = ["--url", shop.connection.url, "--index", shop.name]
    made = ["--model", str(tiny_model), "--sparse-model", sparse, "--device", "cpu"]
    done = CliRunner().invoke(xlrec_ingest, ["run", shop.source, *where, *made, "--quiet"])
    assert done.exit_code == 0, done.output
    weights = ["--weight", "dense=0.7", "--weight", "sparse=0.3"]
    asked = ["recommend", *where, "--language", "de", *weights, "0", "--json"]
    done = CliRunner().invoke(xlrec_es, asked)
    assert done.exit_code == 0, done.output
    items = json.loads(done.stdout)["items"]
    assert any("sparse" in item["retrievers"] for item in items)
    assert any(reason["tokens"] for item in items for reason in item["reasons"])
    done = CliRunner().invoke(xlrec_es, ["query", *where, "--language", "de", *weights, "0"])
    assert "# de: sparse" in done.output
    assert '"field": "xlrec.sparse"' in done.output
    done = CliRunner().invoke(xlrec_es, ["index", "status", shop.name, "--url", where[1]])
    assert "with sparse weights" in " ".join(done.output.split())
    done = CliRunner().invoke(xlrec_es, ["doctor", *where])
    assert "have learned sparse weights" in " ".join(done.output.split())
    run_again = ["run", shop.source, *where, "--model", str(tiny_model), "--quiet"]
    done = CliRunner().invoke(xlrec_ingest, run_again)
    assert done.exit_code != 0
    assert "name the model that made them with --sparse-model" in " ".join(done.output.split())
    done = CliRunner().invoke(xlrec_ingest, [*run_again, "--sparse-revision", "main"])
    assert "--sparse-revision is of a --sparse-model" in " ".join(done.output.split())
