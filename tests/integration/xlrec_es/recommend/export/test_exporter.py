"""What is exported are the lists that are served, place by place."""

from __future__ import annotations

import dataclasses
import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elasticsearch import Elasticsearch

from catalogue import document, write_catalogue
from xlrec_es import Boost, Options, Recommendations, Recommender, SearchOptions
from xlrec_es.errors import UnknownItems
from xlrec_es.interactions.by_user import InteractionFile, UserGroups
from xlrec_es.recommend.export import exporter
from xlrec_es.recommend.options import COLLABORATIVE

TAGS = ("de", "en", "en-GB", "ja", "zh-CN")
WORKS, USERS = 120, 60
ALONE = Options(weights={COLLABORATIVE: 1.0})


def documents() -> dict[str, dict[str, Any]]:
    """Works in one to four languages; weights are few and coarse, so that many scores are equal."""
    draw = np.random.default_rng(7)
    found: dict[str, dict[str, Any]] = {}
    for number in range(WORKS):
        work = f"work-{number:03}"
        speak = {
            f"work-{other:03}": float(draw.choice([0.25, 0.5, 0.517, 1.0]))
            for other in draw.choice(WORKS, 12, replace=False)
        }
        if number % 3 == 0:
            speak["unknown"] = 0.75  # it has left the index
        evidence = float(draw.choice([0, 0, 1, 20, 20]))
        # The ids are in another order than the index has the documents in.
        for tag in draw.choice(TAGS, draw.integers(1, 5), replace=False):
            body: dict[str, Any] = document("chess", number, str(tag))
            body["brand"] = [f"brand{number % 7}"] if number % 5 else []
            body["xlrec"] |= {"work": work, "indicators": speak, "evidence": evidence}
            found[f"{draw.integers(10**6):06}-{tag}"] = body
    named_alike = document("chess", 1, "de")
    named_alike["xlrec"] |= {"work": "another"}  # type: ignore[operator]
    return {**found, "work-004": named_alike}


@pytest.fixture
def catalogue(es_each: Elasticsearch, index_name: str) -> list[str]:
    """An index of two shards; the ids of its documents."""
    found = documents()
    write_catalogue(es_each, index_name, instead=found, shards=2, languages=TAGS, learned=0.0)
    return list(found)


def write_interactions(path: Path, ids: list[str]) -> InteractionFile:
    """Histories of works, documents and unknown items: events, ratings, weights, times."""
    draw = np.random.default_rng(3)
    rows = [f"stranger{n}\tnobody-knows-{n}\tview\t\t\t" for n in range(3)]
    rows += ["neutral\twork-001\tdislike\t\t\t", "odd\twork-004\tlike\t\t\t"]
    rows += ["odd\twork-002\tlike\t\t\t", "few\twork-003\tview\t\t\t2026-01-01"]
    for user in range(USERS):
        for _ in range(int(draw.integers(1, 25))):
            some = [f"work-{draw.integers(WORKS):03}", str(draw.choice(ids[:-1] or ["unknown"]))]
            some.append("unknown")
            item = some[int(draw.choice(3, p=[0.6, 0.35, 0.05]))]
            event = str(draw.choice(["view", "purchase", "dislike", "Add to Cart"]))
            rating = str(draw.integers(1, 6)) if user % 3 == 0 else ""
            weight = str(draw.choice(["2.5", "-1", ""])) if user % 5 == 0 else ""
            time = f"2026-0{draw.integers(1, 10)}-11T07:00:00.5" if user % 4 else ""
            rows.append(f"user{user}\t{item}\t{event}\t{rating}\t{weight}\t{time}")
    draw.shuffle(rows)
    path.write_text("user\titem\tevent\trating\tweight\ttime\n" + "\n".join(rows) + "\n")
    return InteractionFile(path)


def served(
    recommender: Recommender, file: InteractionFile, options: Options, **asked: object
) -> dict[str, Recommendations]:
    """What each user is recommended, one by one, in the order of the file."""
    found = {}
    with UserGroups(file, events=options.rules.events) as groups:
        for histories in groups.batches(1000):
            for number, user in enumerate(histories.users):
                try:
                    found[user] = recommender.recommend(histories.history(number), **asked)
                except UnknownItems:
                    assert user.startswith("stranger")
    return found


def rows_of(user: str, found: Recommendations) -> list[dict[str, Any]]:
    """The rows that a list is written as."""
    rows = []
    for rank, item in enumerate(found.items, 1):
        rows.append(
            {
                "user": user,
                "rank": rank,
                "id": item.id,
                "item": item.work,
                "language": item.language,
                "score": pytest.approx(item.score, abs=1e-6),
                "title": item.title,
                "retrievers": [
                    {
                        "retriever": name,
                        "rank": said.rank,
                        "score": pytest.approx(said.score, rel=1e-6),
                        "share": said.share,
                    }
                    for name, said in item.retrievers.items()
                ],
                "reasons": [  # the relation is the whole export's, and its caller knows it
                    {
                        "item": reason.item,
                        "title": reason.title,
                        "share": pytest.approx(reason.share, abs=1e-6),
                    }
                    for reason in item.reasons
                ],
                **({"source": item.source} if "price" in item.source else {}),
            }
        )
    return rows


def peak_bytes(recommender: Recommender, folder: Path, users: int) -> int:
    """The most memory that an export holds at once."""
    draw = np.random.default_rng(0)
    works = [f"work-{number:03}" for number in range(WORKS)]
    path = folder / "interactions.tsv"
    with path.open("w") as file:
        file.write("user\titem\n")
        for _ in range(12):  # each user's rows are far from each other
            file.writelines(f"user{user}\t{draw.choice(works)}\n" for user in range(users))
    tracemalloc.start()
    try:
        exported = recommender.export(InteractionFile(path), folder / "lists.parquet")
        assert exported.lists == users
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_memory_does_not_grow_with_users(
    es: Elasticsearch, index_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_catalogue(es, index_name, instead=documents(), languages=TAGS)
    monkeypatch.setitem(UserGroups.__init__.__kwdefaults__, "part_bytes", 100_000)
    recommender = Recommender(es, index_name, options=ALONE)
    recommender.export(write_interactions(tmp_path / "some.tsv", []), tmp_path / "some.parquet")
    few, many = (peak_bytes(recommender, tmp_path, users) for users in (600, 6_000))
    assert many < 1.5 * few


CASES = {
    "cascade": (Options(), {"size": 5}),
    "cascade, equal slots": (Options(mix="equal"), {"languages": ["ja", "en", "de"], "size": 4}),
    "cascade, more places": (Options(fusion="cascade"), {"languages": ["ja", "en"], "size": 12}),
    "cascade, a narrow filter": (
        Options(
            mix="equal",
            search=SearchOptions(filters=({"range": {"price": {"gte": 100}}},)),
        ),
        {"languages": ["ja", "en"], "size": 6},
    ),
    "cascade, filters, caps and boosts": (
        Options(
            search=SearchOptions(
                filters=({"range": {"price": {"gte": 60}}},),
                caps={"brand": 1},
                boosts=(Boost({"term": {"brand": "brand1"}}, 1.5),),
            ),
        ),
        {"languages": ["ja", "en", "de"], "size": 7},
    ),
    "as they are": (ALONE, {}),
    "named languages": (ALONE, {"languages": ["ja", "en", "de"], "size": 12}),
    "variants": (ALONE, {"languages": ["en", "en-GB", "zh"]}),
    "equal slots": (dataclasses.replace(ALONE, mix="equal"), {"languages": ["ja", "en", "de"]}),
    "parts": (
        dataclasses.replace(ALONE, mix={"ja": 0.7, "en": 0.3}),
        {"languages": ["ja", "en", "de"], "size": 7},
    ),
    "excluded": (dataclasses.replace(ALONE, exclude=("en",)), {}),
    "ranks": (dataclasses.replace(ALONE, fusion="rrf"), {"languages": ["ja", "en"]}),
    "many places": (ALONE, {"languages": ["ja", "en"], "size": 60}),
    "filters, caps, boosts and fields": (
        dataclasses.replace(
            ALONE,
            search=SearchOptions(
                candidates=10,
                filters=({"range": {"price": {"gte": 20}}}, {"exists": {"field": "title"}}),
                caps={"brand": 2},
                boosts=(Boost({"term": {"brand": "brand1"}}, 1.5),),
                source=("price", "brand"),
            ),
        ),
        {"languages": ["ja", "en", "de"]},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_lists_are_those_that_are_served(
    es_each: Elasticsearch, index_name: str, catalogue: list[str], tmp_path: Path, case: str
) -> None:
    options, asked = CASES[case]
    file = write_interactions(tmp_path / "interactions.tsv", catalogue)
    recommender = Recommender(es_each, index_name, options=options)
    exported = recommender.export(file, tmp_path / "lists.jsonl", **asked)
    lists = served(recommender, file, options, **asked)
    expected = [row for user, found in lists.items() for row in rows_of(user, found)]
    rows = [json.loads(line) for line in (tmp_path / "lists.jsonl").read_text().splitlines()]
    assert rows == expected
    assert len(rows) > 3 * USERS, "lists of some length"
    assert exported.searched[exporter.ODD] >= 1
    assert exported.searched[exporter.COLD] >= 1
    assert exported.lists - exported.searched.total() > 20, "many are computed"
    cascade = case.startswith("cascade")
    assert cascade == (exported.searched[exporter.TEXTS] >= 1)
    assert cascade == (exported.searched[exporter.NEW] >= 1)
    assert (exported.searched[exporter.FEW] >= 1) == (cascade and "filter" in case)
    assert exported.without[exporter.NOBODY] == 3
    assert exported.rows == len(rows)
    assert exported.lists == sum(bool(found.items) for found in lists.values())
    assert exported.users == len(lists) + 3
    assert not exported.degraded
