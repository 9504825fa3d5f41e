"""Reindexing on real nodes of every supported Elasticsearch, beside people who read and write."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elasticsearch import ApiError, Elasticsearch

from catalogue import LANGUAGES, TOPICS, document, documents, write_catalogue, write_likes
from traffic import Traffic, everything
from transforms import broken, of_another_encoder, with_vector
from xlrec_es.cluster.capabilities import probe
from xlrec_es.cluster.scan import Hit
from xlrec_es.errors import AliasMoved, GateFailed, IndexUnusable
from xlrec_es.evaluate.dataset import EvaluationJob
from xlrec_es.index.live_index import find_live
from xlrec_es.versions import rollback, swap_note, write_block
from xlrec_es.versions.aliases import AliasChange, change_aliases, plan_rollback, plan_swap
from xlrec_es.versions.copier import Transform, copied_as_is
from xlrec_es.versions.gate_evaluation import Comparison
from xlrec_es.versions.gate_limits import Limits
from xlrec_es.versions.inventory import read_versions
from xlrec_es.versions.reindex import Reindexer, ReindexReport, plan

EXTRA = {
    f"extra-{topic}-{number}": document(topic, number, LANGUAGES[number % 3])
    for topic in TOPICS
    for number in range(100, 200)
}


LIMITS = Limits(recall=0.8)  # hundreds of vectors in four heaps are hard to tell apart in 8 bits


def prepare(
    client: Elasticsearch,
    name: str,
    *,
    changes: Mapping[str, Any] | None = None,
    transform: Transform | None = None,
) -> Reindexer:
    packed = probe(client).packed_vectors
    planned = plan(read_versions(client, name), changes=changes or {})
    return Reindexer(client, planned, transform or copied_as_is(packed=packed), limits=LIMITS)


SHARDS = {"settings": {"index": {"number_of_shards": 3}}}


def test_numbers_are_copied_digit_for_digit(es_each: Elasticsearch, index_name: str) -> None:
    """What no 64 bits hold: orjson by itself would make a float of it."""
    live = write_catalogue(es_each, index_name)
    es_each.indices.put_mapping(
        index=live.name, properties={"own": {"type": "object", "enabled": False}}
    )
    numbers = ("123456789012345678901234567890", "-9223372036854775809", "18446744073709551615")
    body = document("chess", 60, "en") | {"own": [Decimal(number) for number in numbers]}
    body["xlrec"] |= {"id": "numbers"}  # type: ignore[operator]
    es_each.index(index=index_name, id="numbers", document=body)
    exact = [*numbers, "0.1000000000000000055511151231257827", "1E+400"]
    es_each.index(
        index=index_name, id="plain", document={"own": [Decimal(number) for number in exact]}
    )
    before = everything(es_each, index_name)
    prepare(es_each, index_name).run()
    found = everything(es_each, index_name)
    assert found == before
    assert [str(number) for number in found["numbers"][1]["own"]] == list(numbers)
    if not probe(es_each).hides_vectors:
        # Later servers give back 0.1 and "Infinity" when they are asked for vectors, too.
        assert [str(number) for number in found["plain"][1]["own"]] == exact


def test_a_copy_is_equal_and_live(es_each: Elasticsearch, index_name: str) -> None:
    live = write_catalogue(es_each, index_name, EXTRA | {"bare": {"title": "x"}})
    es_each.update(index=index_name, id="bare", doc={"price": 3})  # version 2
    before = everything(es_each, index_name)
    report = prepare(es_each, index_name, changes=SHARDS).run()
    assert (report.source, report.index) == (live.name, f"{index_name}-xlrec-v2")
    assert (report.copied, report.refused, report.deleted) == (len(before), {}, 0)
    assert [check.ok for check in report.checks] == [True] * 7
    now = find_live(es_each, index_name)
    assert now.name == report.index
    assert everything(es_each, index_name) == before
    settings = es_each.indices.get_settings(index=now.name, flat_settings=True)[now.name]
    assert settings["settings"]["index.number_of_shards"] == "3"
    assert now.meta.centering.name == live.meta.centering.name
    # Both can be written to, and it can be taken back.
    for index in (now.name, live.name):
        es_each.index(index=index, id="after", document={"title": "x"})
    change_aliases(es_each, plan_rollback(read_versions(es_each, index_name)))
    assert find_live(es_each, index_name).name == live.name
    # What was swapped in once is not gone on with.
    assert not plan(read_versions(es_each, index_name), changes=SHARDS).exists


def test_no_write_is_lost_and_no_query_fails(es_each: Elasticsearch, index_name: str) -> None:
    write_catalogue(es_each, index_name, EXTRA)
    traffic = Traffic(es_each, index_name)
    with traffic.running():
        for dims in (24, 16):
            time.sleep(0.3)
            before = traffic.writes
            report = of_another_encoder(es_each, index_name, dims).run()
            assert traffic.writes > before
            assert report.blocked_s < 60
        assert find_live(es_each, index_name).name == f"{index_name}-xlrec-v3"
    assert traffic.failures == []
    assert traffic.writes > 50
    assert traffic.asked > 0
    traffic.check()


def test_no_query_fails_while_encoders_change(es_each: Elasticsearch, index_name: str) -> None:
    """Forth and back at once: each query is of one version from beginning to end."""
    write_catalogue(es_each, index_name)
    of_another_encoder(es_each, index_name, 24).run()
    traffic = Traffic(es_each, index_name, writers=0)
    with traffic.running():
        while traffic.asked < 10 and not traffic.failures:
            change_aliases(es_each, plan_rollback(read_versions(es_each, index_name)))
    assert traffic.failures == []
    assert len(traffic.versions) == 2


def random_vector(source: dict[str, Any], number: int) -> dict[str, Any]:
    vector = np.random.default_rng(number).normal(size=32)
    return with_vector(source, (vector / np.linalg.norm(vector)).tolist())


SAME_NAME = {"analysis": {"analyzer": {"standard": {"type": "standard", "max_token_length": 2}}}}
L2 = {"properties": {"embedding": {"similarity": "l2_norm"}}}
FAULTS: dict[str, tuple[str, Callable[..., Any] | None, dict[str, Any]]] = {
    "1% missing": ("counts", lambda s, n: s if n % 100 else "left out", {}),
    "without vectors": ("vectors", lambda s, n: s if n % 100 else with_vector(s, None), {}),
    "zero vectors": (
        "vectors",
        lambda s, n: s if n % 100 else with_vector(s, [0] * 32),
        {"mappings": {"properties": {"xlrec": L2}}},
    ),
    "long vectors": (
        "vectors",
        lambda s, n: s if n % 100 else with_vector(s, [1] * 32),
        {"mappings": {"properties": {"xlrec": L2}}},
    ),
    "another encoder": ("overlap", random_vector, {}),
    "changed fields": ("fields", lambda s, _: {**s, "price": -1}, {}),
    "lost fields": ("fields", lambda s, _: {k: v for k, v in s.items() if k != "brand"}, {}),
    "an analyzer of the same name": ("analyzers", None, {"settings": {"index": SAME_NAME}}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_leaves_the_alias_where_it_is(
    es: Elasticsearch, index_name: str, fault: str
) -> None:
    name, change, changes = FAULTS[fault]
    live = write_catalogue(es, index_name, EXTRA)
    before = everything(es, index_name)
    transform = broken(change) if change else None
    work = prepare(es, index_name, changes=changes, transform=transform)
    with pytest.raises(GateFailed, match=f"does not take the place of {live.name}.* {name}: ") as f:
        work.run()
    assert {check.name for check in f.value.checks if not check.ok} >= {name}
    assert find_live(es, index_name).name == live.name
    assert everything(es, index_name) == before
    es.index(index=index_name, id="after", document={"title": "x"})  # nothing is blocked


def test_what_people_like_must_be_found_as_before(
    es: Elasticsearch, index_name: str, tmp_path: Path
) -> None:
    live = write_catalogue(es, index_name)
    job = EvaluationJob(write_likes(tmp_path / "likes.tsv", 80), live.name, k=5)
    good = prepare(es, index_name)
    good.more_checks.append(Comparison.of(es, live, job, max_loss=0.0).check)
    evaluated = [check for check in good.run(swap=False).checks if check.name == "evaluation"]
    assert len(evaluated) == 2
    es.indices.delete(index=good.plan.new.index)

    def forgetful(source: dict[str, Any], number: int) -> dict[str, Any]:
        made = random_vector(source, number)
        own = {name: v for name, v in made["xlrec"].items() if name != "indicators"}
        return {**made, "xlrec": own}

    bad = prepare(es, index_name, transform=broken(forgetful))
    bad.limits = replace(LIMITS, overlap=0.0)
    bad.more_checks.append(Comparison.of(es, live, job, max_loss=0.0).check)
    with pytest.raises(GateFailed, match=r"evaluation: cross pool: recall@5 .* -0\.\d+ \[-"):
        bad.run()
    assert find_live(es, index_name).name == live.name


class Killed(BaseException):
    """As abrupt as a test can be in the same process."""


@pytest.mark.parametrize("pages", [0, 1, 3])
def test_an_attempt_that_was_cut_off_is_gone_on_with(
    es_each: Elasticsearch, index_name: str, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    monkeypatch.setattr("xlrec_es.cluster.scan.PAGE", 100)
    write_catalogue(es_each, index_name, EXTRA)
    whole = copied_as_is(packed=probe(es_each).packed_vectors)
    left = iter(range(pages))

    def dying(hits: Sequence[Hit]) -> Sequence[Mapping[str, Any] | str]:
        if next(left, None) is None:
            raise Killed
        return whole(hits)

    with pytest.raises(Killed):
        prepare(es_each, index_name, transform=dying).run()
    es_each.delete(index=index_name, id="chess-0@de")
    es_each.update(index=index_name, id="chess-0@en", doc={"title": "new"})
    es_each.index(index=index_name, id="late", document={"title": "late"})
    before = everything(es_each, index_name)
    with pytest.raises(IndexUnusable, match="wanted something else"):
        prepare(es_each, index_name, changes=SHARDS)
    work = prepare(es_each, index_name)
    assert work.plan.exists
    report = work.run()
    assert report.index == f"{index_name}-xlrec-v2"
    assert report.unchanged >= 100 * pages - 2
    assert everything(es_each, index_name) == before


def test_a_block_that_was_left_is_taken_off(
    es_each: Elasticsearch, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt that dies between the block and the swap leaves the live version read-only."""
    write_catalogue(es_each, index_name)
    work = prepare(es_each, index_name)
    with monkeypatch.context() as patch:
        patch.setattr("xlrec_es.versions.write_block._whatever_comes", lambda _action: None)

        def die(*_: object) -> None:
            raise Killed

        patch.setattr("xlrec_es.versions.swap_note.change_aliases", die)
        with pytest.raises(Killed):
            work.run()
    with pytest.raises(ApiError, match="block"):
        es_each.index(index=index_name, id="x", document={"title": "x"})
    work = prepare(es_each, index_name)
    assert work.plan.live.is_blocked
    work.run(swap=False)
    es_each.index(index=index_name, id="x", document={"title": "x"})
    # Whoever looked while it was there blocks it again, for the swap.
    assert work.run().swapped
    assert everything(es_each, index_name).keys() >= {"x"}


def move_and_die(client: Elasticsearch, change: AliasChange) -> None:
    change_aliases(client, change)
    raise Killed


@pytest.mark.parametrize("blocked", [True, False])
def test_an_attempt_that_had_moved_the_alias_is_brought_to_its_end(
    es_each: Elasticsearch, index_name: str, monkeypatch: pytest.MonkeyPatch, blocked: bool
) -> None:
    """By SIGKILL, which leaves the version before read-only, or by SIGTERM, which does not."""
    live = write_catalogue(es_each, index_name)
    before = everything(es_each, index_name)
    with monkeypatch.context() as patch:
        patch.setattr("xlrec_es.versions.swap_note.change_aliases", move_and_die)
        if blocked:
            patch.setattr("xlrec_es.versions.write_block._whatever_comes", lambda _action: None)
        with pytest.raises(Killed):
            prepare(es_each, index_name).run()
    assert write_block.is_blocked(es_each, live.name) is blocked
    es_each.index(index=index_name, id="since", document={"title": "x"})
    report = prepare(es_each, index_name).run()
    assert (report.index, report.source) == (f"{index_name}-xlrec-v2", live.name)
    assert (report.swapped, report.copied) == (True, 0)
    assert find_live(es_each, index_name).name == report.index
    assert not write_block.is_blocked(es_each, live.name)
    assert everything(es_each, live.name) == before
    # What was written since is known, and the next one is another.
    planned = rollback.plan(read_versions(es_each, index_name))
    assert swap_note.count_since(es_each, report.index, planned.note.done) == 1
    assert prepare(es_each, index_name).run().index == f"{index_name}-xlrec-v3"


def test_whoever_wants_something_else_then_gets_it(
    es: Elasticsearch, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = write_catalogue(es, index_name)
    with monkeypatch.context() as patch:
        patch.setattr("xlrec_es.versions.swap_note.change_aliases", move_and_die)
        patch.setattr("xlrec_es.versions.write_block._whatever_comes", lambda _action: None)
        with pytest.raises(Killed):
            prepare(es, index_name).run()
    report = prepare(es, index_name, changes=SHARDS).run()
    assert (report.index, report.copied) == (f"{index_name}-xlrec-v3", len(documents()))
    assert not write_block.is_blocked(es, live.name)
    # The second went live once, so it is no attempt to go on with when the first is live again.
    for target in (live.name, report.index, live.name):
        found = read_versions(es, index_name)
        change_aliases(es, plan_swap(found, found.named(target)))
    assert not prepare(es, index_name).plan.exists


def test_what_was_refused_before_a_kill_is_tried_again(
    es: Elasticsearch, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many documents on both sides are not the same ones: one was refused, another deleted."""
    write_catalogue(es, index_name)
    whole = copied_as_is(packed=probe(es).packed_vectors)

    def refusing(hits: Sequence[Hit]) -> Sequence[Mapping[str, Any] | str]:
        made = zip(hits, whole(hits), strict=True)
        return ["odd" if hit["_id"] == "chess-4" else source for hit, source in made]

    with monkeypatch.context() as patch:
        patch.setattr(Reindexer, "_verify", lambda _self: die())
        with pytest.raises(Killed):
            prepare(es, index_name, transform=refusing).run()
    es.delete(index=index_name, id="chess-5")
    prepare(es, index_name).run()
    assert "chess-4" in (found := everything(es, index_name))
    assert "chess-5" not in found


def die() -> None:
    raise Killed


def test_whoever_swaps_first_wins(
    es_each: Elasticsearch, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_catalogue(es_each, index_name)
    mine = prepare(es_each, index_name)
    theirs = write_catalogue(es_each, f"{index_name}-other")
    seen = read_versions(es_each, index_name, also=theirs.name)
    change_aliases(es_each, plan_swap(seen, seen.named(theirs.name)))
    with pytest.raises(AliasMoved, match="was moved meanwhile"):
        mine.run()
    assert find_live(es_each, index_name).name == theirs.name


def test_a_language_that_comes_meanwhile(es_each: Elasticsearch, index_name: str) -> None:
    live = write_catalogue(es_each, index_name)
    report: list[ReindexReport] = []
    work = prepare(es_each, index_name)
    work.run(swap=False)
    es_each.indices.put_mapping(
        index=live.name,
        properties={"xlrec": {"properties": {"text": {"properties": {"ko": {"type": "text"}}}}}},
        meta={
            "xlrec": {
                **live.meta.to_meta(),
                "analyzers": {**live.meta.analyzers, "ko": "standard"},
            }
        },
    )
    body = document("chess", 50, "ja")
    body["xlrec"] |= {"id": "ko", "language": "ko", "text": {"ko": "체스"}}  # type: ignore[operator]
    es_each.index(index=index_name, id="ko", document=body)
    report.append(prepare(es_each, index_name).run())
    assert report[0].refused == {}
    assert "ko" in find_live(es_each, index_name).meta.languages


def test_an_analyzer_may_be_changed(es: Elasticsearch, index_name: str) -> None:
    write_catalogue(es, index_name)
    mine = {"analyzer": {"mine": {"type": "standard", "max_token_length": 2}}}
    text = {"text": {"properties": {"de": {"analyzer": "mine"}}}}
    changes = {
        "settings": {"index": {"analysis": mine}},
        "mappings": {"properties": {"xlrec": {"properties": text}}},
    }
    prepare(es, index_name, changes=changes).run()
    assert find_live(es, index_name).meta.analyzers["de"] == "mine"
    assert es.count(index=index_name, query={"match": {"xlrec.text.de": "ch"}})["count"] > 0


def test_what_cannot_be_copied_is_told(es: Elasticsearch, index_name: str) -> None:
    with pytest.raises(IndexUnusable, match="is live, so there is none to copy"):
        plan(read_versions(es, index_name))
    es.indices.create(index=index_name)
    with pytest.raises(IndexUnusable, match="was not made by xlrec-es"):
        plan(read_versions(es, index_name))
