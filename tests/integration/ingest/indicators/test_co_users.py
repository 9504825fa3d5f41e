"""`xlrec-ingest learn --min-co-users` on a real index: a user alone does not show in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from elasticsearch import Elasticsearch

from catalogue import write_catalogue
from ingest.cli.main import main
from xlrec_es.index.live_index import find_live

OTHERS = [
    f"user{user}\t{topic}-{item}"
    for user, topic in enumerate(["chess", "cooking"] * 6)
    for item in range(4)
]
ALONE = ["alone\tchess-0", "alone\tcooking-0"]


def learn(es: Elasticsearch, index: str, path: Path, rows: list[str], *more: str) -> Result:
    [node] = es.transport.node_pool.all()
    path.write_text("\n".join(["user\titem", *rows]) + "\n")
    command = ["learn", str(path), "--index", index, "--url", node.base_url, "--json", *more]
    return CliRunner().invoke(main, command)


def associations(es: Elasticsearch, index: str) -> dict[str, set[str]]:
    """With which items those of each document are associated."""
    es.indices.refresh(index=index)
    hits = es.search(index=index, size=1000, source_includes=["xlrec.indicators"])["hits"]["hits"]
    found = {hit["_id"]: hit["_source"]["xlrec"].get("indicators", {}) for hit in hits}
    # `learn` writes a list of one object, which 9.5 gives back without the list.
    return {
        id_: set().union(*([some] if isinstance(some, dict) else some))
        for id_, some in found.items()
    }


def test_whether_a_user_is_there_does_not_show(
    es_each: Elasticsearch, index_name: str, tmp_path: Path
) -> None:
    write_catalogue(es_each, index_name)
    path = tmp_path / "likes.tsv"

    def learned(rows: list[str], *more: str) -> tuple[dict[str, set[str]], dict[str, Any]]:
        done = learn(es_each, index_name, path, rows, *more)
        assert done.exit_code == 0, done.output
        return associations(es_each, index_name), json.loads(done.stdout)

    shown, told = learned([*OTHERS, *ALONE])
    assert "cooking-0" in shown["chess-0@de"], "without the option the user shows"
    assert "of too few users" not in told
    kept, told = learned([*OTHERS, *ALONE], "--min-co-users", "5")
    assert told["of too few users"] == 2  # one from either side
    assert find_live(es_each, index_name).meta.indicators["min_co_users"] == 5
    assert "chess-1" in kept["chess-0@de"], "six users stand behind it"
    assert "cooking-0" not in kept["chess-0@de"]
    without, told = learned(OTHERS, "--min-co-users", "5")
    assert told["of too few users"] == 0
    assert kept == without


@pytest.mark.parametrize("least", ["0", "-1", "few"])
def test_a_number_that_is_none_is_refused(
    es: Elasticsearch, index_name: str, tmp_path: Path, least: str
) -> None:
    write_catalogue(es, index_name)
    done = learn(es, index_name, tmp_path / "likes.tsv", OTHERS, "--min-co-users", least)
    assert done.exit_code == 2
    assert "Invalid value for '--min-co-users'" in done.output
    assert "Traceback" not in done.output
    assert find_live(es, index_name).meta.indicators == {}, "nothing was written"
