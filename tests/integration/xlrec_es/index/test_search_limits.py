"""Indices that allow less than others: searches stay within it, or a sentence says why not."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from elasticsearch import Elasticsearch

from catalogue import EVERYTHING, LANGUAGES, documents, write_catalogue, write_likes
from xlrec_es import History, Interaction, Options, Recommendations, Recommender
from xlrec_es.cli.main import main
from xlrec_es.cluster import scan
from xlrec_es.errors import ClusterError, IndexUnusable, UsageError
from xlrec_es.evaluate.catalogue import read_pool
from xlrec_es.index.indicators import show
from xlrec_es.index.live_index import find_live
from xlrec_es.interactions.event_source import EventSource, read_history
from xlrec_es.interactions.weighting import WeightRules
from xlrec_es.recommend.options import OF_EVERY_INDEX, SearchOptions

TIGHT = {"index.max_result_window": 7, "index.max_terms_count": 5}
LONG_AGO = 1_500_000_000_000
SEEN = [f"{topic}-{number}" for topic in ("chess", "cooking") for number in range(9)]
HOW = Options(
    rules=WeightRules(events={"view": 1.0, "seen": 0.0}),
    weights=dict.fromkeys(OF_EVERY_INDEX, 1.0),
    search=SearchOptions(candidates=7, exact=True),
)


@pytest.fixture
def client(es_each: Elasticsearch, index_name: str) -> Elasticsearch:
    """Of a server with the catalogue in three shards."""
    write_catalogue(es_each, index_name, shards=3)
    return es_each


def tighten(client: Elasticsearch, index_name: str, settings: dict[str, Any] = TIGHT) -> None:
    client.indices.put_settings(index=index_name, settings=settings)


def lists(client: Elasticsearch, index_name: str, options: Options) -> list[Recommendations]:
    """For a long history, and for one of documents that say nothing."""
    silent = [id_ for id_ in documents() if id_.startswith(("astronomy", "painting"))]
    some = History((*(Interaction(id_, "seen") for id_ in silent[:-12]), Interaction("chess-1")))
    recommender = Recommender(client, index_name, options=options)
    return [
        recommender.recommend(history, languages=LANGUAGES, size=6)
        for history in (History.of(SEEN), some)
    ]


@pytest.mark.parametrize("diversity", [0.0, 0.5])
def test_within_tight_limits_the_same_is_recommended(
    client: Elasticsearch, index_name: str, diversity: float
) -> None:
    options = replace(HOW, diversity=diversity)
    before = lists(client, index_name, options)
    tighten(client, index_name)
    after = lists(client, index_name, options)
    assert after == before
    assert [len(one.items) for one in after] == [6, 6]
    assert {one.degraded + one.unknown_items + one.notes for one in after} == {()}


def test_what_cannot_be_found_in_one_search_is_said(client: Elasticsearch, index_name: str) -> None:
    tighten(client, index_name)
    found = Recommender(client, index_name, options=EVERYTHING).recommend(
        History.of(SEEN), languages=LANGUAGES, size=12
    )
    assert not {item.work for item in found.items} & set(SEEN)
    assert any("7 documents" in note and "30 are wanted" in note for note in found.notes)
    assert found.degraded == ()


def test_all_of_an_index_is_read_in_smaller_pages(client: Elasticsearch, index_name: str) -> None:
    live = find_live(client, index_name)
    tighten(client, index_name)
    assert scan.most_hits(client, index_name) == 7
    pool = read_pool(client, live)
    assert len(pool.language) == len(documents())
    pages = list(scan.pages(client, index_name, {"_source": False}, slices=2))
    ids = [hit["_id"] for page in pages for hit in page]
    assert sorted(ids) == sorted(documents())
    with pytest.raises(ClusterError, match="unknown query"):
        list(scan.pages(client, index_name, {"query": {"unknown": {}}}))


def test_a_history_is_read_in_smaller_pages(es_each: Elasticsearch, index_name: str) -> None:
    properties = {"user": {"type": "keyword"}, "time": {"type": "date"}}
    es_each.indices.create(index=index_name, settings=TIGHT, mappings={"properties": properties})
    operations: list[dict[str, Any]] = []
    for n in range(40):
        operations += [{"index": {}}, {"user": "ann", "item": f"i{n}", "time": LONG_AGO + n % 20}]
    es_each.bulk(index=index_name, operations=operations, refresh=True)
    source = EventSource(index_name, event=None, limit=30)
    found = read_history(es_each, "ann", source).interactions
    # Of two at one time either may come first.
    assert sorted(one.item for one in found) == sorted(f"i{n}" for n in range(40) if n % 20 >= 5)


def test_more_neighbours_than_a_search_may_have_are_refused(
    client: Elasticsearch, index_name: str
) -> None:
    tighten(client, index_name)
    assert len(show(client, index_name, "chess-1", size=5).spoken_for_by) == 5
    with pytest.raises(UsageError, match=r"6 neighbors .* gives 1 to 5 in one search"):
        show(client, index_name, "chess-1", size=6)


def run(client: Elasticsearch, *arguments: str) -> Result:
    [node] = client.transport.node_pool.all()
    return CliRunner().invoke(main, [*arguments, "--url", node.base_url], env={"COLUMNS": "400"})


@pytest.mark.parametrize("command", ["list", "status"])
def test_a_name_without_an_index_is_no_empty_table(
    client: Elasticsearch, index_name: str, command: str
) -> None:
    done = run(client, "index", command, f"{index_name}-of-nothing")
    assert done.exit_code != 0
    assert f"there is no version of {index_name}-of-nothing" in done.output


def test_a_closed_index_is_a_sentence_everywhere(
    client: Elasticsearch, index_name: str, tmp_path: Path
) -> None:
    physical = f"{index_name}-xlrec-v1"
    likes = str(write_likes(tmp_path / "likes.tsv", 20))
    warm = Recommender(client, index_name)
    warm.recommend(History.of(["chess-1"]))
    client.indices.close(index=physical)
    opens = f"{physical} is closed.*open it with: POST {physical}/_open"
    with pytest.raises(ClusterError, match=opens):
        warm.recommend(History.of(["chess-1"]))
    for history in (History(), History.of(["chess-1"])):
        with pytest.raises((ClusterError, IndexUnusable), match=opens):
            Recommender(client, index_name).recommend(history)
    for arguments in (
        ("recommend", "-i", index_name, "chess-1"),
        ("inspect", "-i", index_name, "chess-1"),
        ("evaluate", likes, "-i", index_name),
    ):
        refused = run(client, *arguments)
        assert refused.exit_code == 1, arguments
        assert re.search(opens, " ".join(refused.output.split()))
    ill = run(client, "doctor", "-i", index_name)
    assert ill.exit_code == 5
    assert f"problem  index: {physical} is closed" in ill.output
    assert run(client, "index", "list", index_name).exit_code == 0


def test_a_hidden_index_is_used_by_its_name(client: Elasticsearch, index_name: str) -> None:
    tighten(client, f"{index_name}-xlrec-v1", {"index.hidden": True})
    for name in (index_name, f"{index_name}-xlrec-v1"):
        assert Recommender(client, name).recommend(History.of(["chess-1"])).items
    assert run(client, "doctor", "-i", index_name).exit_code == 0


def test_blocks_are_sentences(client: Elasticsearch, index_name: str) -> None:
    tighten(client, index_name, {"index.blocks.read_only_allow_delete": True})
    assert Recommender(client, index_name).recommend(History.of(["chess-1"])).items
    ill = run(client, "doctor", "-i", index_name)
    assert "problem  writes: refused (index.blocks.read_only_allow_delete)" in ill.output
    tighten(client, index_name, {"index.blocks.read_only_allow_delete": None})
    tighten(client, index_name, {"index.blocks.read": True})
    with pytest.raises(ClusterError, match=r'_settings {"index.blocks.read": null}'):
        Recommender(client, index_name).recommend(History.of(["chess-1"]))
    tighten(client, index_name, {"index.blocks.read": None})
    tighten(client, index_name, {"index.max_docvalue_fields_search": 1})
    ill = run(client, "doctor", "-i", index_name)
    assert "problem  limits: index.max_docvalue_fields_search is 1" in ill.output
    tighten(client, index_name, {"index.max_docvalue_fields_search": None, **TIGHT})
    told = run(client, "doctor", "-i", index_name)
    assert told.exit_code == 0
    assert "warning  limits: index.max_result_window is 7 in place of 10000" in told.output
    assert "warning  limits: index.max_terms_count is 5 in place of 65536" in told.output
