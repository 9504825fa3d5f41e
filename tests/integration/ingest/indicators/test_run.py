"""Indicators learned from interactions, written into documents of real nodes, and served."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from elasticsearch import Elasticsearch

from catalogue import DIMS, FINGERPRINT, LANGUAGES, TOPICS, WORKS_PER_TOPIC, write_catalogue
from catalogue import document as written
from indicator_learning import COLD, documents, job
from ingest.cli.main import main as ingest_main
from ingest.indicators import generation_meta
from ingest.indicators.catalogue import Catalogue, Entry, read_catalogue
from ingest.indicators.cold_start import Blend, Transfer
from ingest.indicators.interaction_matrix import LikeMatrix, LikeRules, collect
from ingest.indicators.interaction_reader import read
from ingest.indicators.learners import LEARNERS, LocalEase
from ingest.indicators.run import IndicatorJob, learn, run
from ingest.shard import Shard
from xlrec_es.cli.main import main as xlrec_main
from xlrec_es.cluster.bulk import Operation
from xlrec_es.errors import SourceError, UnknownItems
from xlrec_es.index.indicators import show
from xlrec_es.index.live_index import find_live
from xlrec_es.interactions.likes import read_likes

NAMES = ["a.b", "a..b", ".a", "a.", " ", 'a"b', "a'b", "日本語🎉", "a\0b", "a\nb", "a\\b", "*", "é"]
NAMES += ["e\u0301", "k" * 512, "日" * 170]


def test_vectors_texts_and_fields_stay_byte_for_byte(
    es_each: Elasticsearch, index_name: str, likes: Path
) -> None:
    live = write_catalogue(es_each, index_name)
    before = documents(es_each, live.name)
    summary = run(es_each, job(likes, index_name))
    after = documents(es_each, live.name)
    assert summary["changed"] == len(before) == len(after)
    assert summary["refused"] == []
    for id_, document in after.items():
        assert document["kept"] == before[id_]["kept"]
        assert document["learned"]["generation"] == summary["generation"]
    meta = find_live(es_each, index_name).meta
    assert meta.indicators["complete"]
    assert meta.indicators["generation"] == summary["generation"]
    transfer = dataclasses.asdict(job(likes, index_name).transfer)
    del transfer["device"]
    assert meta.indicators["transfer"] == transfer
    items = read_catalogue(es_each, live).items
    assert meta.indicators["learned_from"]["digest"] == read_likes(likes, items).digest()
    assert meta.fingerprint == FINGERPRINT


def test_renditions_share_and_languages_do_not_matter(
    es: Elasticsearch, index_name: str, likes: Path
) -> None:
    live = write_catalogue(es, index_name)
    run(es, job(likes, index_name))
    found = documents(es, live.name)
    renditions = [found[f"chess-0@{language}"]["indicators"] for language in LANGUAGES]
    assert renditions[0] == renditions[1] == renditions[2]
    speakers = sorted(renditions[0], key=renditions[0].__getitem__)[-3:]
    assert all(work.startswith("chess-") for work in speakers)


def test_a_work_that_nobody_has_met_inherits(
    es: Elasticsearch, index_name: str, likes: Path
) -> None:
    live = write_catalogue(es, index_name)
    run(es, job(likes, index_name))
    cold = documents(es, live.name)[COLD]
    assert cold["learned"]["indicators_from"] == "inherited"
    assert cold["learned"]["evidence"] == 0
    assert max(cold["indicators"], key=cold["indicators"].__getitem__).startswith("chess-")
    run(es, job(likes, index_name, transfer=Transfer(neighbours=0)))
    cold = documents(es, live.name)[COLD]
    assert cold["learned"]["indicators_from"] == "none"
    assert cold["indicators"] == {}


def test_only_what_changed_is_written_and_what_is_gone_has_no_effect(
    es_each: Elasticsearch, index_name: str, likes: Path
) -> None:
    live = write_catalogue(es_each, index_name)
    first = run(es_each, job(likes, index_name))
    before = documents(es_each, live.name)
    again = run(es_each, job(likes, index_name))
    assert again["changed"] == 0
    assert again["generation"] == first["generation"]
    assert documents(es_each, live.name) == before
    lines = likes.read_text().splitlines()
    likes.write_text("\n".join(line for line in lines if "cooking" not in line) + "\n")
    third = run(es_each, job(likes, index_name, transfer=Transfer(neighbours=0)))
    found = documents(es_each, live.name)
    assert third["generation"] != first["generation"]
    for id_, document in found.items():
        if id_.startswith("cooking"):
            assert document["indicators"] == {}
            assert document["learned"]["evidence"] == document["learned"]["popularity"] == 0
        else:
            assert not any(name.startswith("cooking") for name in document["indicators"])


def test_a_run_that_was_cut_short_is_known_and_finished(
    es: Elasticsearch, index_name: str, likes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = write_catalogue(es, index_name)
    some = 20

    def half(_writer: object, operations: Iterable[Operation[Entry]]) -> None:
        body = b"".join(operation.body for operation in itertools.islice(operations, some))
        es.bulk(index=live.name, operations=body, refresh=True)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("ingest.indicators.run.BulkWriter.write", half)
        with pytest.raises(KeyboardInterrupt):
            run(es, job(likes, index_name))
    assert not find_live(es, index_name).meta.indicators["complete"]
    assert not show(es, index_name, "chess-1").complete
    summary = run(es, job(likes, index_name))
    assert summary["unchanged"] == some
    assert show(es, index_name, "chess-1").complete


def test_shards_together_are_the_whole(
    es: Elasticsearch, index_name: str, likes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation_meta, "SETTLED_S", 0.01)  # they run one after another
    live = write_catalogue(es, index_name)
    whole_run = run(es, job(likes, index_name))
    whole = documents(es, live.name)
    other = write_catalogue(es, f"{index_name}-shards")
    runs = []
    for n in (2, 1, 3):
        runs.append(run(es, job(likes, f"{index_name}-shards", shard=Shard(n, 3))))
        assert show(es, other.name, "chess-1").complete == (len(runs) == 3)
    assert [one["complete"] for one in runs] == [False, False, True]
    assert {one["generation"] for one in runs} == {whole_run["generation"]}
    counts = [one["changed"] for one in runs]
    assert sum(counts) == len(whole)
    assert min(counts) > 0
    parts = documents(es, other.name)
    for id_, document in whole.items():
        assert parts[id_]["learned"] == document["learned"]
        # Where a sum in another order ends on the other side of a rounding, by a bit of nine.
        assert parts[id_]["indicators"] == pytest.approx(document["indicators"], rel=1 / 256)
    # A shard of other likes begins another generation, which one shard does not complete.
    fewer = likes.read_text().splitlines()[:-100]
    likes.write_text("\n".join(fewer) + "\n")
    changed = run(es, job(likes, other.name, shard=Shard(1, 3)))
    assert not changed["complete"]
    assert find_live(es, other.name).meta.indicators["done"] == [1]


@pytest.mark.parametrize("name", LEARNERS)
def test_whatever_the_table_holds_no_weight_is_nonsense(
    es: Elasticsearch, index_name: str, tmp_path: Path, name: str
) -> None:
    """Every row that does not count has a reason; what is written is finite and above zero."""
    live = write_catalogue(es, index_name)
    works = [f"{topic}-{n}" for topic in TOPICS for n in range(WORKS_PER_TOPIC)]
    rows = [("robot", work, "1", "") for work in works]  # one user with every item
    rows += [("alone", "chess-3", "1", "")] * 5 + [("hermit", "chess-4", "1e-38", "1970-01-01")]
    rows += [("p1", w, "100", "2020-01-01") for w in works[:5]]
    rows += [("p2", w, "0.00001", "9999-01-01") for w in works[3:9]]
    absurd = ["nan", "inf", "-inf", "1e99", "many", "-5", "0", "-1e99"]
    rows += [("p3", "chess-1", weight, "2020-01-01") for weight in absurd]
    rows += [("p4", "no such", "1", ""), ("", "chess-1", "1", ""), ("p5", "", "1", "")]
    path = tmp_path / "likes.csv"
    lines = ["user,item,weight,time", *(",".join(row) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    rules = LikeRules(half_life_days=1, max_works=20)
    summary = run(es, job(path, index_name, learner=LEARNERS[name](), rules=rules))
    assert summary["refused"] == []
    assert summary["interactions"] == {
        "rows": len(rows),
        "in the future, taken for the latest": 6,
        "without user or item": 2,
        "unknown item": 1,
        "absurd weight or rating": 6,
        "not liked": 2,
        "again": 4,
        "over the limit of a user": 20,
        "positive interactions": 20 + 1 + 1 + 5 + 6,
    }
    for document in documents(es, live.name).values():
        weights = np.array(list(document["indicators"].values()), np.float32)
        assert np.isfinite(weights).all()
        assert (weights > 0).all()
        assert 0 <= document["learned"]["popularity"] <= 1
        assert document["learned"]["evidence"] >= 0


@pytest.mark.parametrize("whole", [True, False])
def test_any_work_id_is_a_feature_name(
    es_each: Elasticsearch, index_name: str, tmp_path: Path, whole: bool
) -> None:
    """Written, searched, read back and updated, whatever is in it."""
    vector = [1.0] + [0.0] * (DIMS - 1)
    extra = {
        f"doc{number}": {
            "title": repr(name),
            "xlrec": {"work": name, "language": "en", "embedding": vector},
        }
        for number, name in enumerate(NAMES)
    }
    write_catalogue(es_each, index_name, extra)
    rows = [{"user": f"p{p}", "item": name} for p in range(5) for name in NAMES if whole or p]
    path = tmp_path / "likes.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    for regularization in (1, 2):  # the second time, over what is there
        learner = LocalEase(regularization=regularization)
        run(es_each, job(path, index_name, learner=learner, transfer=Transfer(neighbours=0)))
    for name in NAMES:
        body = {"sparse_vector": {"field": "xlrec.indicators", "query_vector": {name: 1.0}}}
        hits = es_each.search(index=index_name, query=body, size=100)["hits"]["hits"]
        assert {hit["_id"] for hit in hits} == {f"doc{n}" for n, o in enumerate(NAMES) if o != name}
        spoken = show(es_each, index_name, name, size=100).spoken_for_by
        assert {neighbour.work for neighbour in spoken} == set(NAMES) - {name}


def test_every_document_that_the_owner_made_has_an_outcome(
    es_each: Elasticsearch, index_name: str, likes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the index is somebody's own: routed, not ingested yet, unfit for updates, deleted."""
    live = write_catalogue(es_each, index_name, shards=3)
    count = {"type": "integer", "ignore_malformed": True}
    es_each.indices.put_mapping(index=live.name, properties={"count": count})
    # One id is a document in each shard; two of them are not where the id leads.
    for topic, routing in zip(TOPICS * 3, "abcdefghijkl", strict=True):
        es_each.index(
            index=live.name, id="routed", document=written(topic, 5, "en"), routing=routing
        )
    es_each.index(index=live.name, id="no xlrec", document={"title": "chess"})
    es_each.index(
        index=live.name, id="unfit", document={**written("chess", 1, "en"), "count": "many"}
    )
    es_each.index(index=live.name, id="doomed", document=written("chess", 1, "en"), refresh=True)
    strict = {**count, "ignore_malformed": False}
    es_each.indices.put_mapping(index=live.name, properties={"count": strict})

    def delete_and_learn(of: IndicatorJob, found: LikeMatrix, catalogue: Catalogue) -> Blend:
        es_each.delete(index=live.name, id="doomed")
        return learn(of, found, catalogue)

    with monkeypatch.context() as patched:
        patched.setattr("ingest.indicators.run.learn", delete_and_learn)
        summary = run(es_each, job(likes, index_name))
    [refusal] = summary["refused"]
    assert refusal["id"] == "unfit"
    assert "failed to parse field [count]" in refusal["reason"]
    assert summary["gone"] == 1
    assert not summary["complete"]
    ours = {"exists": {"field": "xlrec.work"}}
    fields = ["xlrec.work", "xlrec.generation", "xlrec.popularity", "xlrec.indicators"]
    hits = es_each.search(index=live.name, query=ours, size=1000, fields=fields)["hits"]["hits"]
    learned = {hit["_id"]: hit["fields"] for hit in hits if hit["_id"] != "routed"}
    routed = [hit["fields"] for hit in hits if hit["_id"] == "routed"]
    assert len(routed) == 3
    for found in routed:
        assert found.pop("xlrec.generation") == [summary["generation"]]
        [work] = found["xlrec.work"]
        assert found == {name: learned[work][name] for name in found}
    with pytest.raises(UnknownItems):
        show(es_each, index_name, "no xlrec")
    es_each.update(index=live.name, id="unfit", doc={"count": 1}, refresh=True)
    again = run(es_each, job(likes, index_name))
    assert (again["changed"], again["refused"], again["complete"]) == (1, [], True)


def test_what_is_served_is_what_was_learned(
    es_each: Elasticsearch, index_name: str, likes: Path
) -> None:
    live = write_catalogue(es_each, index_name)
    work_job = job(likes, index_name)
    run(es_each, work_job)
    catalogue = read_catalogue(es_each, live)
    found = collect(read(str(likes), {}), catalogue.items, LikeRules(), now_s=0)
    indicators = learn(work_job, found, catalogue).indicators
    history = ["chess-1", "chess-2", "painting-4"]
    query = {"sparse_vector": {"field": "xlrec.indicators", "query_vector": {}}}
    query["sparse_vector"]["query_vector"] = dict.fromkeys(history, 1 / 3)
    hits = es_each.search(
        index=live.name, query=query, size=1000, fields=["xlrec.work"], source=False
    )["hits"]["hits"]
    columns = [catalogue.works.index(work) for work in history]
    scores = indicators[:, columns].sum(axis=1) / 3
    served = {hit["fields"]["xlrec.work"][0]: hit["_score"] for hit in hits}
    expected = dict(zip(catalogue.works, scores, strict=True))
    assert served.keys() == {work for work, score in expected.items() if score > 0}
    for work, score in served.items():
        assert score == pytest.approx(expected[work], rel=1e-5)


def test_both_commands(es_url: str, es: Elasticsearch, index_name: str, likes: Path) -> None:
    live = write_catalogue(es, index_name)
    arguments = ["learn", str(likes), "--index", index_name, "--url", es_url]
    before = documents(es, live.name)
    dry = CliRunner().invoke(ingest_main, [*arguments, "--dry-run", "--json"])
    assert dry.exit_code == 0, dry.output
    planned = json.loads(dry.stdout)
    assert planned["changed"] == len(before)
    assert planned["bytes"] > len(before) * len('{"update":{"_id":""}}')
    told = CliRunner().invoke(ingest_main, [*arguments, "--dry-run"])
    assert f"{len(before)}, {planned['bytes'] / 1e6:.1f} MB of updates" in told.output
    assert documents(es, live.name) == before
    done = CliRunner().invoke(ingest_main, arguments)
    assert done.exit_code == 0, done.output
    assert "goes to users who liked" in done.output
    shown = CliRunner().invoke(
        xlrec_main, ["inspect", COLD, "--index", index_name, "--url", es_url]
    )
    assert shown.exit_code == 0, shown.output
    assert "associations inherited" in shown.output
    asked = ["inspect", "no such", "--index", index_name, "--url", es_url]
    assert "no document or work" in CliRunner().invoke(xlrec_main, asked).output
    for wrong, message in (
        (["--shard", "4/3"], "use 1/3 to 3/3"),
        (["--event", "purchase"], "write NAME=WEIGHT, such as purchase=5"),
    ):
        bad = CliRunner().invoke(ingest_main, [*arguments, *wrong])
        assert bad.exit_code == 2
        assert message in bad.output
    cold_start = [
        "recommend",
        "--no-history",
        "--market",
        "fr",
        "--index",
        index_name,
        "--url",
        es_url,
    ]
    bad = CliRunner().invoke(xlrec_main, cold_start)
    assert bad.exit_code == 2
    assert "knows no market 'fr', but de, en, ja" in bad.output


def test_interactions_that_do_not_fit_change_nothing(
    es: Elasticsearch, index_name: str, tmp_path: Path
) -> None:
    live = write_catalogue(es, index_name)
    before = documents(es, live.name)
    path = tmp_path / "other.csv"
    path.write_text("user,item\n1,nothing of ours\n")
    with pytest.raises(SourceError, match="unknown item: 1"):
        run(es, job(path, index_name))
    path.write_text("")
    with pytest.raises(SourceError, match="it is empty"):
        run(es, job(path, index_name))
    assert documents(es, live.name) == before
