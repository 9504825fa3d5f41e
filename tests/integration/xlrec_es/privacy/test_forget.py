"""A user who asks for it leaves no rows behind, and nothing is learned from them again."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from elasticsearch import Elasticsearch

from catalogue import write_catalogue
from event_logs import MAPPING, event
from indicator_learning import job
from ingest.indicators.run import run
from xlrec_es.cli.main import main as xlrec_es
from xlrec_es.errors import ConfigError, IndexNotFound, UsageError, XlrecError
from xlrec_es.index.live_index import find_live, physical_name, update_meta
from xlrec_es.interactions.forgotten import REASON, Forgotten
from xlrec_es.privacy import traces
from xlrec_es.privacy.forget import forget, look
from xlrec_es.privacy.traces import Trace

USERS = ("ann", "bob", "cy")
DOCUMENTED = {"nested": {"id": "ann"}, "keyword": "ann", "float": 7, "object": {"id": "ann"}}


@pytest.fixture
def events(es_each: Elasticsearch, index_name: str) -> str:
    """An index with three events of each user, over two shards, behind a catalog."""
    write_catalogue(es_each, index_name, learned=20.0)
    name = f"{index_name}-events"
    es_each.indices.create(index=name, mappings=MAPPING, settings={"number_of_shards": 2})
    for user in USERS:
        for number in range(3):
            told = event(f"chess-{number}", number + 0.5, user=user)
            es_each.index(index=name, document=told, routing=user)
    es_each.indices.refresh(index=name)
    return name


def left(client: Elasticsearch, index: str) -> Counter[str]:
    client.indices.refresh(index=index)
    hits = client.search(index=index, size=1000)["hits"]["hits"]
    return Counter(str(hit["_source"]["user"]) for hit in hits)


def test_rows_are_deleted_and_every_version_leaves_the_user_out(
    es_each: Elasticsearch, index_name: str, events: str
) -> None:
    second = f"{index_name}-xlrec-v2"
    live = find_live(es_each, index_name)
    es_each.indices.add_block(index=live.name, block="write")
    es_each.indices.clone(index=live.name, target=second)
    for name in (live.name, second):
        es_each.indices.put_settings(index=name, settings={"index.blocks.write": None})
    found = forget(es_each, index_name, ["ann", "nobody"], [Trace("events", events)])
    assert found.rows == {"events": {events: 3}}
    assert set(found.noted) == {live.name, second}
    assert left(es_each, events) == {"bob": 3, "cy": 3}
    for name in found.noted:
        forgotten = Forgotten.from_meta(find_live(es_each, name).meta.forgotten)
        assert [user in forgotten for user in USERS] == [True, False, False]
    assert forget(es_each, index_name, ["ann"], [Trace("events", events)]).total == 0


def test_what_is_written_meanwhile_by_others_does_not_bring_a_user_back(
    es_each: Elasticsearch, index_name: str, events: str
) -> None:
    """A command that read the description before writes it after."""
    before = find_live(es_each, index_name)
    forget(es_each, index_name, ["ann"], [Trace("events", events)])
    update_meta(es_each, before, before.meta)
    forgotten = Forgotten.from_meta(find_live(es_each, index_name).meta.forgotten)
    assert "ann" in forgotten


def test_a_mistyped_name_deletes_nothing(
    es_each: Elasticsearch, index_name: str, events: str
) -> None:
    for wrong, error, sentence in (
        (Trace("clicks", f"{events}x"), IndexNotFound, "there is no index .* of clicks"),
        (Trace("clicks", events, "person"), ConfigError, "has no field 'person'"),
        (Trace("clicks", events, "time"), ConfigError, "keyword or a whole number"),
    ):
        with pytest.raises(error, match=sentence):
            forget(es_each, index_name, ["ann"], [Trace("events", events), wrong])
    assert left(es_each, events)["ann"] == 3
    assert not find_live(es_each, index_name).meta.forgotten


def test_ids_are_found_in_text_and_numbers(es_each: Elasticsearch, index_name: str) -> None:
    """An index without a mapping has texts with a keyword beside, or numbers."""
    texts, numbers = f"{index_name}-texts", f"{index_name}-numbers"
    for user in ("ann", "ann b", "7", "70"):
        es_each.index(index=texts, document={"user": user})
    for user in (7, 70):
        es_each.index(index=numbers, document={"user": user})
    es_each.indices.refresh(index=f"{index_name}*")
    users = ["ann", "7", "7.0"]
    for name, rest in ((texts, {"ann b": 1, "70": 1}), (numbers, {"70": 1})):
        [known] = traces.look_up(es_each, Trace("events", name), users)
        traces.delete(es_each, known, users)
        assert left(es_each, name) == rest
    both = traces.look_up(es_each, Trace("events", f"{index_name}-*"), ["70"])
    assert [(one.index, one.field) for one in both] == [(numbers, "user"), (texts, "user.keyword")]
    assert [traces.delete(es_each, one, ["070", "70"]) for one in both] == [1, 1]
    with pytest.raises(UsageError, match="finds no ID of more than 256 characters"):
        traces.look_up(es_each, Trace("events", texts), ["x" * 257])
    with pytest.raises(UsageError, match="more than 256 characters"):
        traces.look_up(es_each, Trace("events", texts), ["\U0001f600" * 200])


def test_an_alias_that_hides_rows_hides_none_from_this(
    es_each: Elasticsearch, index_name: str, events: str
) -> None:
    alias = f"{index_name}-some"
    only = {"term": {"event": "purchase"}}
    es_each.indices.put_alias(index=events, name=alias, filter=only, search_routing="bob")
    found = forget(es_each, index_name, ["ann"], [Trace("events", alias)])
    assert found.rows == {"events": {events: 3}}
    assert left(es_each, events) == {"bob": 3, "cy": 3}


@pytest.mark.parametrize(
    ("mapped", "user", "sentence"),
    [
        ({"type": "nested", "properties": {"id": {"type": "keyword"}}}, "user.id", "nested"),
        ({"type": "keyword", "normalizer": "lower"}, "user", "one user for another"),
        ({"type": "keyword", "ignore_above": 2}, "user", "no ID of more than 2 characters"),
        ({"type": "keyword", "index": False, "doc_values": False}, "user", "has no field"),
        ({"type": "float"}, "user", "has no field"),
        ({"type": "object", "enabled": False}, "user", "has no field"),
    ],
)
def test_fields_that_would_miss_rows_or_take_others_are_refused(
    es: Elasticsearch, index_name: str, mapped: dict[str, Any], user: str, sentence: str
) -> None:
    write_catalogue(es, index_name)
    name = f"{index_name}-events"
    lower = {"analysis": {"normalizer": {"lower": {"type": "custom", "filter": ["lowercase"]}}}}
    es.indices.create(index=name, mappings={"properties": {"user": mapped}}, settings=lower)
    es.index(index=name, document={"user": DOCUMENTED[str(mapped["type"])]}, refresh=True)
    with pytest.raises(UsageError, match=sentence):
        forget(es, index_name, ["ann"], [Trace("events", name, user)])
    assert not find_live(es, index_name).meta.forgotten


def test_a_closed_index_and_a_single_version_are_refused(
    es: Elasticsearch, index_name: str
) -> None:
    live = write_catalogue(es, index_name)
    name = f"{index_name}-events"
    es.indices.create(index=f"{name}-1", mappings=MAPPING)
    es.indices.create(index=f"{name}-2", mappings=MAPPING)
    es.indices.close(index=f"{name}-2")
    with pytest.raises(XlrecError, match="is closed"):
        forget(es, index_name, ["ann"], [Trace("events", f"{name}-*")])
    with pytest.raises(UsageError, match=f"Name the alias: {index_name}"):
        forget(es, live.name, ["ann"], [])
    assert not find_live(es, index_name).meta.forgotten


def test_more_users_than_go_into_one_search(es_each: Elasticsearch, index_name: str) -> None:
    name = f"{index_name}-events"
    users = [f"user{number}" for number in range(traces.AT_ONCE + 500)]
    lines: list[dict[str, object]] = []
    for user in (*users, "other"):
        lines += [{"index": {}}, {"user": user}]
    es_each.indices.create(index=name, mappings=MAPPING)
    es_each.bulk(index=name, operations=lines, refresh=True)
    [known] = traces.look_up(es_each, Trace("events", name), users)
    assert traces.count(es_each, known, users) == len(users)
    assert traces.delete(es_each, known, users) == len(users)
    assert left(es_each, name) == {"other": 1}


def test_learning_again_leaves_them_out_though_the_source_has_them(
    es: Elasticsearch, index_name: str, tmp_path: Path
) -> None:
    write_catalogue(es, index_name)
    path = tmp_path / "likes.tsv"
    rows = [f"user{user}\tchess-{item}" for user in range(12) for item in range(4)]
    path.write_text("\n".join(["user\titem", *rows]))
    before = run(es, job(path, index_name))
    first = forget(es, index_name, ["user3", "user5"], [])
    assert [sentence.split()[0] for sentence in first.remembers] == ["associations"]
    after = run(es, job(path, index_name))
    for users, remembers in ((["user3", "user5"], False), (["user3", "user7"], True)):
        assert bool(look(es, index_name, users, []).remembers) == remembers, "who was left out"
    assert REASON not in before["interactions"]
    assert after["interactions"][REASON] == 8
    others = [row for row in rows if row.split("\t")[0] not in ("user3", "user5")]
    path.write_text("\n".join(["user\titem", *others]))
    again = run(es, job(path, index_name))
    assert after["generation"] == again["generation"], "as if the rows had never been there"


def test_popularity_that_stays_remembers_them_until_it_is_learned_again(
    es: Elasticsearch, index_name: str, tmp_path: Path
) -> None:
    write_catalogue(es, index_name)
    path = tmp_path / "likes.tsv"
    rows = [f"user{user}\tchess-{item}" for user in range(12) for item in range(4)]
    path.write_text("\n".join(["user\titem", *rows]))
    run(es, job(path, index_name))
    forget(es, index_name, ["user3"], [])
    run(es, replace(job(path, index_name), popularity=False))
    [sentence] = look(es, index_name, ["user3"], []).remembers
    assert sentence.startswith("popularity was learned with these users' rows")
    run(es, replace(job(path, index_name), popularity=False))
    assert len(look(es, index_name, ["user3"], []).remembers) == 1, "a further run changes nothing"
    run(es, job(path, index_name))
    assert look(es, index_name, ["user3"], []).remembers == ()


def test_another_version_remembers_them(es: Elasticsearch, index_name: str, tmp_path: Path) -> None:
    first = write_catalogue(es, index_name).name
    path = tmp_path / "likes.tsv"
    rows = [f"user{user}\tchess-{item}" for user in range(12) for item in range(4)]
    path.write_text("\n".join(["user\titem", *rows]))
    run(es, job(path, index_name))
    second = physical_name(index_name, 2)
    es.indices.put_settings(index=first, settings={"index.blocks.write": True})
    es.indices.clone(index=first, target=second, settings={"index.blocks.write": None})
    es.indices.put_settings(index=first, settings={"index.blocks.write": None})
    es.indices.update_aliases(
        actions=[
            {"remove": {"index": first, "alias": index_name}},
            {"add": {"index": second, "alias": index_name}},
        ]
    )
    forget(es, index_name, ["user3"], [])
    run(es, job(path, index_name))
    [sentence] = look(es, index_name, ["user3"], []).remembers
    assert sentence.startswith(f"{first}, another version")
    assert f"xlrec-ingest learn INTERACTIONS --index {first}" in sentence


def test_the_command_counts_asks_deletes_and_proves_it(
    es: Elasticsearch, es_url: str, index_name: str, tmp_path: Path
) -> None:
    write_catalogue(es, index_name, learned=20.0)
    shown, log = f"{index_name}-shown", f"{index_name}-log"
    for name in (shown, log):
        es.indices.create(index=name, mappings=MAPPING)
        for user in USERS:
            es.index(index=name, document=event("chess-1", 1, user=user), refresh=True)
    config = tmp_path / "xlrec.toml"
    config.write_text(f'[history]\nindex = "{log}"\n[serve]\nimpressions-index = "{shown}"\n')
    people = tmp_path / "people.txt"
    people.write_bytes(b"\xef\xbb\xbfann\r\n\nbob\n")
    common = ["-i", index_name, "--users-file", str(people), "--url", es_url]
    call = ["--config", str(config), "forget", *common]

    def command(*more: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(xlrec_es, [*call, *more], input=typed)

    assert command("--dry-run").exit_code == 0
    assert command("--verify").exit_code == 5
    refused = command(typed="n\n")
    assert f"events in {log}, impressions in {shown}" in refused.output
    assert left(es, log) == dict.fromkeys(USERS, 1)
    done = command("--yes", "--json")
    told = json.loads(done.stdout)
    assert told["rows"] == {"events": {log: 2}, "impressions": {shown: 2}}
    [sentence] = told["remembers"]
    assert f"xlrec-ingest learn INTERACTIONS --index {index_name}" in sentence
    assert left(es, log) == left(es, shown) == {"cy": 1}
    verified = command("--verify")
    assert (verified.exit_code, "events: none" in verified.output) == (0, True)
    nowhere = CliRunner().invoke(xlrec_es, ["forget", *common, "--verify"])
    assert (nowhere.exit_code, "no index of rows is named" in nowhere.output) == (2, True)
    nobody = CliRunner().invoke(xlrec_es, ["forget", "-i", index_name, "--url", es_url])
    assert (nobody.exit_code, "no user to forget" in nobody.output) == (2, True)
