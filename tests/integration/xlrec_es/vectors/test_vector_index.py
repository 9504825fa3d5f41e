"""Every way to index vectors, made, searched and changed on every supported Elasticsearch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from elasticsearch import Elasticsearch

from fakes import HashEncoder
from ingest.run.assemble import run
from ingest.run.job import RunJob
from xlrec_es.cli.main import main
from xlrec_es.cluster.connection import Connection
from xlrec_es.errors import IndexUnusable
from xlrec_es.index.mapping import vector_options
from xlrec_es.vectors.vector_index import QUANTIZATIONS, STRUCTURES, VectorIndex

WORDS = ("chess", "puzzle", "tiles", "tea", "house", "board", "game", "stars", "moon", "sea")
DIMS = 64


class Shop:
    """An index that a run makes, and what is done to it."""

    def __init__(self, es: Elasticsearch, name: str, folder: Path) -> None:
        self.es, self.name = es, name
        [node] = es.transport.node_pool.all()
        self.url = node.base_url
        self.path = folder / "items.jsonl"
        items = [
            {
                "id": n,
                "title": f"{WORDS[n % 10]} {WORDS[n // 3 % 10]} {n}",
                "language": ("en", "de")[n % 2],
            }
            for n in range(80)
        ]
        self.path.write_text("\n".join(map(json.dumps, items)))

    def run(self, **vectors: Any) -> None:  # noqa: ANN401
        job = RunJob(str(self.path), self.name, vectors=vectors)
        run(job, Connection(self.url), encoder=HashEncoder(dims=DIMS))

    def options(self) -> Any:  # noqa: ANN401
        [body] = self.es.indices.get_mapping(index=self.name).values()
        return vector_options(body["mappings"])

    def cli(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, [*arguments, "--url", self.url])

    def found(self) -> list[str]:
        done = self.cli("similar", "-i", self.name, "-l", "de", "--similarity", "cosine", "7")
        assert done.exit_code == 0, done.output
        return done.output.split()


@pytest.fixture
def shop(es_each: Elasticsearch, index_name: str, tmp_path: Path) -> Shop:
    return Shop(es_each, index_name, tmp_path)


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("quantization", QUANTIZATIONS)
def test_an_index_is_made_and_searched(shop: Shop, quantization: str, structure: str) -> None:
    shop.run(quantization=quantization, structure=structure)
    read = VectorIndex.of(shop.options())
    assert read is not None
    assert read.options(DIMS) == VectorIndex(quantization, structure).options(DIMS)
    assert "stars" in shop.found()


def test_a_reindex_changes_it_and_the_next_one_keeps_it(shop: Shop) -> None:
    shop.run()
    assert shop.options()["type"] == "int8_hnsw"
    done = shop.cli("index", "reindex", shop.name, "--quantization", "bbq", "--hnsw-m", "24")
    assert done.exit_code == 0, done.output
    assert (shop.options()["type"], shop.options()["m"]) == ("bbq_hnsw", 24)
    assert "recall" in done.output
    done = shop.cli("index", "reindex", shop.name, "--shards", "2")
    assert done.exit_code == 0, done.output
    assert (shop.options()["type"], shop.options()["m"]) == ("bbq_hnsw", 24)
    done = shop.cli(
        "index", "reindex", shop.name, "--vector-index", "flat", "--quantization", "none"
    )
    assert done.exit_code == 0, done.output
    assert shop.options()["type"] == "flat"


def test_a_run_leaves_it_and_says_how_to_change_it(shop: Shop) -> None:
    shop.run(quantization="int4")
    shop.run()
    shop.run(quantization="int4")
    with pytest.raises(IndexUnusable, match=r"indexes vectors as int4_hnsw.*index reindex"):
        shop.run(quantization="int8")
    assert shop.options()["type"] == "int4_hnsw"


def test_what_cannot_be_indexed_so_is_told_in_a_sentence(shop: Shop) -> None:
    job = RunJob(str(shop.path), shop.name)
    run(job, Connection(shop.url), encoder=HashEncoder(dims=33))
    for quantization, told in (("bbq", "64 dimensions or more"), ("int4", "an even number")):
        done = shop.cli("index", "reindex", shop.name, "--quantization", quantization)
        assert done.exit_code == 2
        assert told in done.output
    assert shop.options()["type"] == "int8_hnsw"


def test_the_doctor_estimates_by_it(shop: Shop) -> None:
    shop.run(quantization="bbq")
    done = shop.cli("doctor", "--index", shop.name)
    assert "80 vectors of 64 dimensions, bbq_hnsw" in " ".join(done.output.split())
