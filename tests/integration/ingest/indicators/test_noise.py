"""`xlrec-ingest learn --epsilon` on a real index: what is written, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from elasticsearch import Elasticsearch

from catalogue import write_catalogue
from ingest.cli.main import main
from xlrec_es.index.live_index import find_live


def learn(es: Elasticsearch, index: str, path: Path, *more: str) -> Result:
    [node] = es.transport.node_pool.all()
    command = ["learn", str(path), "--index", index, "--url", node.base_url, *more]
    return CliRunner().invoke(main, command)


@pytest.fixture
def likes(tmp_path: Path) -> Path:
    """Two thousand users, each of whom likes three items of one topic."""
    path = tmp_path / "likes.tsv"
    rows = [
        f"user{user}\t{('chess', 'cooking')[user % 2]}-{(user + step) % 4}"
        for user in range(2000)
        for step in range(3)
    ]
    path.write_text("\n".join(["user\titem", *rows]))
    return path


def test_indicators_are_learned_from_noise_and_nothing_tells_the_rows(
    es_each: Elasticsearch, index_name: str, likes: Path
) -> None:
    write_catalogue(es_each, index_name)
    command = ("--epsilon", "4", "--max-items", "3")
    done = learn(es_each, index_name, likes, *command, "--json")
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert summary["privacy"]["epsilon"] == 4
    assert summary["privacy"]["items of a user"] == 3
    assert "Protected: the rows of any one user" in summary["privacy"]["statement"][0]
    meta = find_live(es_each, index_name).meta.indicators
    assert meta["privacy"] == {k: v for k, v in summary["privacy"].items() if k != "statement"}
    assert meta["learned_from"] == {}, "neither a digest nor a count of the rows"
    assert meta["markets"]["names"] == []
    assert meta["complete"]
    hits = es_each.search(index=index_name, size=1000)["hits"]["hits"]
    own = {hit["_id"]: hit["_source"]["xlrec"] for hit in hits}
    assert not any(one.get("market_popularity") for one in own.values())
    taught = {"sparse_vector": {"field": "xlrec.indicators", "query_vector": {"chess-0": 1.0}}}
    found = es_each.search(index=index_name, query=taught, size=100)["hits"]["hits"]
    assert "chess-3" in {hit["_id"] for hit in found}, "500 users are more than the noise"
    assert own["chess-3"]["evidence"] != round(own["chess-3"]["evidence"]), "noised"

    assert meta["privacy"]["together"] == {"epsilon": 4, "delta": 1e-6}

    again = json.loads(learn(es_each, index_name, likes, *command, "--json").stdout)
    assert again["generation"] != summary["generation"], "which no guess of the rows gives"
    privacy = find_live(es_each, index_name).meta.indicators["privacy"]
    assert privacy["runs"] == [{"epsilon": 4, "delta": 1e-6, "times": 2}]
    assert privacy["together"]["epsilon"] == pytest.approx(5.934, abs=0.001)
    assert privacy == {k: v for k, v in again["privacy"].items() if k != "statement"}
    told = learn(es_each, index_name, likes, *command, "--dry-run").stderr
    assert "This is run 3 on this index with --epsilon" in told
    assert find_live(es_each, index_name).meta.indicators["privacy"] == privacy, "nothing written"


def test_the_statement_is_printed_for_people(
    es: Elasticsearch, index_name: str, likes: Path
) -> None:
    write_catalogue(es, index_name)
    done = learn(es, index_name, likes, "--epsilon", "1", "--dry-run")
    assert done.exit_code == 0, done.output
    for begin in ("Protected: ", "Against: ", "Not protected: ", "Each run on the same users"):
        assert begin in done.stderr


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--epsilon", "0"], "0.0 is not in the range x>0"),
        (["--epsilon", "1", "--delta", "1"], "1.0 is not in the range 0<x<1"),
        (["--delta", "0.1"], "--delta is a part of --epsilon"),
        (["--epsilon", "1", "--max-items", "1"], "pairs need 2 items of a user"),
        (["--epsilon", "1", "--min-co-users", "5"], "together with --min-co-users"),
        (["--epsilon", "1", "--shard", "1/2"], "together with --shard"),
        (["--epsilon", "1", "--learner", "rp3beta"], "use --learner local-ease"),
    ],
)
def test_bad_values_end_with_one_sentence(
    es: Elasticsearch, index_name: str, likes: Path, options: list[str], why: str
) -> None:
    write_catalogue(es, index_name)
    done = learn(es, index_name, likes, *options)
    assert done.exit_code == 2
    assert why in " ".join(done.output.split())
    assert "Traceback" not in done.output
    assert find_live(es, index_name).meta.indicators == {}, "nothing was written"
