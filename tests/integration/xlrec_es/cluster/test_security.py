"""Keys made from `xlrec-es role`, on a node with security and TLS: enough, and no more."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import elasticsearch
import pytest
from click.testing import CliRunner, Result
from elasticsearch import Elasticsearch

import ingest.cli.main
import xlrec_es.cli.main
from catalogue import write_likes
from secured_node import OTHERS, Secured, delete_shop, good, leaks
from traffic import Traffic
from xlrec_es.cluster.connection import connect
from xlrec_es.cluster.roles import ROLES, descriptor
from xlrec_es.index.live_index import find_live, update_meta

RECORDS = [
    {"id": "a", "language": "en", "title": "A puzzle with tiles"},
    {"id": "b", "language": "de", "title": "Ein Puzzle mit Kacheln"},
    {"id": "c", "language": "ja", "title": "数字のタイルを動かすパズルゲーム"},
]


def test_a_reader_reads(shop: Secured) -> None:
    found = json.loads(good(shop.run("reader", "recommend", "-i", "shop", "--json", "chess-3")))
    assert found["items"]
    good(shop.run("reader", "query", "-i", "shop", "chess-3"))
    assert "live" in good(shop.run("reader", "index", "list", "shop"))
    similar = good(shop.run("reader", "similar", "-i", "shop", "--json", "chess-3"))
    assert json.loads(similar)["items"]


Attempt = Callable[[Elasticsearch], object]
MOVE = {"add": {"index": "shop-xlrec-v1", "alias": "shop-xlrec-sale"}}
ROLE_OF_ALL = {"all": {"cluster": ["all"], "indices": [{"names": ["*"], "privileges": ["all"]}]}}

CHANGES: dict[str, Attempt] = {
    "write": lambda c: c.index(index="shop", document={"title": "x"}),
    "update": lambda c: c.update(index="shop", id="chess-3", doc={"title": "x"}),
    "change the mapping": lambda c: c.indices.put_mapping(
        index="shop", properties={"x": {"type": "text"}}
    ),
    "refresh": lambda c: c.indices.refresh(index="shop"),
}
ADMINISTRATION: dict[str, Attempt] = {
    "delete a document": lambda c: c.delete(index="shop", id="chess-3"),
    "delete the index": lambda c: c.indices.delete(index="shop-xlrec-v1"),
    "move the alias": lambda c: c.indices.update_aliases(actions=[MOVE]),
    "remove the index by _aliases": lambda c: c.indices.update_aliases(
        actions=[{"remove_index": {"index": "shop-xlrec-v1"}}]
    ),
    "create an index": lambda c: c.indices.create(index="shop-xlrec-v2"),
    "create an index by writing": lambda c: c.index(index="shop-xlrec-v2", document={}),
    "change settings": lambda c: c.indices.put_settings(
        index="shop", settings={"refresh_interval": "5s"}
    ),
    "close": lambda c: c.indices.close(index="shop-xlrec-v1"),
    "clone": lambda c: c.indices.clone(index="shop-xlrec-v1", target="shop-xlrec-v2"),
}
BEYOND: dict[str, Attempt] = {
    **{f"search {name}": lambda c, name=name: c.search(index=name) for name in OTHERS},  # type: ignore[misc]
    "describe another index": lambda c: c.indices.get_mapping(index="shopping"),
    "write to another index": lambda c: c.index(index="other", document={}),
    "create another index": lambda c: c.indices.create(index="shop3"),
    "make another index ours": lambda c: c.indices.update_aliases(
        actions=[{"add": {"index": "other", "alias": "shop-xlrec-other"}}]
    ),
    "give our index another name": lambda c: c.indices.update_aliases(
        actions=[{"add": {"index": "shop-xlrec-v1", "alias": "other-sale"}}]
    ),
    "read the cluster's state": lambda c: c.cluster.state(),
    "change the cluster's settings": lambda c: c.cluster.put_settings(
        persistent={"cluster.routing.allocation.enable": "all"}
    ),
    "make a user": lambda c: c.security.put_user(
        username="eve", password="long enough", roles=["superuser"]
    ),
    "make a stronger key": lambda c: c.security.create_api_key(
        name="eve", role_descriptors=ROLE_OF_ALL
    ),
}
REFUSED = [
    (kind, what)
    for kind, attempts in {
        "reader": (CHANGES, ADMINISTRATION, BEYOND),
        "writer": (ADMINISTRATION, BEYOND),
        "admin": (BEYOND,),
    }.items()
    for group in attempts
    for what in group
]
ATTEMPTS = {**CHANGES, **ADMINISTRATION, **BEYOND}


def test_anything_more_is_refused(shop: Secured, client_of: Callable[[str], Elasticsearch]) -> None:
    outcomes = {}
    for kind, what in REFUSED:
        try:
            ATTEMPTS[what](client_of(kind))
            outcomes[kind, what] = "allowed"
        except elasticsearch.ApiError as error:
            outcomes[kind, what] = f"{error.status_code} {error.error}"
    assert outcomes == dict.fromkeys(REFUSED, "403 security_exception")
    assert shop.client.count(index="shop")["count"] > 0


def test_the_attempts_fail_for_want_of_privileges_alone(
    shop: Secured, client_of: Callable[[str], Elasticsearch]
) -> None:
    for kind, group in (("writer", CHANGES), ("admin", CHANGES)):
        for attempt in group.values():
            attempt(client_of(kind))
    # The superuser can do what the admin's key, in the test above, could not.
    shop.client.search(index="shopping")
    shop.client.cluster.state()


@pytest.mark.parametrize("kind", ROLES)
def test_no_key_sees_another_pattern(
    shop: Secured, client_of: Callable[[str], Elasticsearch], kind: str
) -> None:
    client = client_of(kind)
    assert set(client.indices.get(index="*,-.*")) == {"shop-xlrec-v1"}
    seen = json.dumps(client.indices.resolve_index(name="*").body)
    seen += json.dumps(client.search(index="*", size=100).body)
    assert "shop-xlrec-v1" in seen
    assert not [other for other in OTHERS if f'"{other}"' in seen]


def ingested(secured: Secured, kind: str, folder: Path, model: Path, index: str) -> Result:
    source = folder / "items.jsonl"
    source.write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    arguments = ("--index", index, "--model", str(model), "--json", "--quiet")
    return secured.ingest(kind, "run", str(source), *arguments)


def test_each_key_is_enough_for_its_commands(
    secured: Secured, tmp_path: Path, tiny_model: Path
) -> None:
    try:
        refused = ingested(secured, "writer", tmp_path, tiny_model, "shop")
        assert refused.exit_code == 1
        assert "create_index" in refused.stderr
        assert "xlrec-es role" in refused.stderr
        good(ingested(secured, "admin", tmp_path, tiny_model, "shop"))
        for _ in range(2):
            new = good(secured.run("admin", "index", "create", "shop")).strip()
            written = json.loads(good(ingested(secured, "writer", tmp_path, tiny_model, new)))
            assert written["indexed"] == len(RECORDS)
            moved = secured.run("writer", "index", "swap", "shop")
            assert (moved.exit_code, "xlrec-es role" in moved.stderr) == (1, True)
            good(secured.run("admin", "index", "swap", "shop"))
        good(secured.run("admin", "index", "rollback", "shop"))
        good(secured.run("admin", "index", "rollback", "shop"))
        assert '"state": "live"' in good(secured.run("admin", "index", "status", "shop", "--json"))
        assert "deleted shop-xlrec-v1" in good(secured.run("admin", "index", "prune", "shop", "-y"))
        # Written through the alias, by the key that may move nothing.
        good(ingested(secured, "writer", tmp_path, tiny_model, "shop"))
        good(secured.run("reader", "recommend", "-i", "shop", "a"))
        assert not leaks(secured, json.dumps(secured.client.indices.get(index="shop*").body))
    finally:
        delete_shop(secured)


@pytest.mark.parametrize(
    ("kind", "purpose", "problems"),
    [
        ("reader", "reader", []),
        ("reader", "admin", ["not enough for writer", "not enough for admin"]),
        ("writer", "writer", []),
        ("writer", "admin", ["not enough for admin"]),
        ("admin", "admin", []),
    ],
)
def test_the_doctor_knows_what_a_key_is_enough_for(
    shop: Secured, kind: str, purpose: str, problems: list[str]
) -> None:
    done = shop.run(kind, "doctor", "--index", "shop", "--for", purpose, "--json")
    assert done.exit_code == bool(problems), done.output
    findings = json.loads(done.stdout)
    found = [f["message"].partition(" (")[0] for f in findings if f["level"] == "problem"]
    assert found == problems
    unseen = [f["topic"] for f in findings if "cannot be looked at" in f["message"]]
    assert (
        unseen
        == {
            "reader": ["version", "licence", "analyzers", "documents", "disk"],
            "writer": ["documents", "disk"],
            "admin": [],
        }[kind]
    )


def test_a_writer_brings_indicators_that_a_reader_reads(shop: Secured, tmp_path: Path) -> None:
    lines = [f"p{person},chess-{n}" for person in range(9) for n in range(9) if n != person]
    likes = tmp_path / "likes.csv"
    likes.write_text("user,item\n" + "\n".join(lines) + "\n")
    arguments = ("indicators", str(likes), "--index", "shop")
    refused = shop.ingest("reader", *arguments)
    assert (refused.exit_code, "unauthorized" in refused.stderr) == (1, True), refused.output
    good(shop.ingest("writer", *arguments))
    assert "chess" in good(shop.run("reader", "indicators", "show", "chess-3", "-i", "shop"))


def test_a_reader_evaluates_and_a_writer_tunes(shop: Secured, tmp_path: Path) -> None:
    likes = str(write_likes(tmp_path / "likes.tsv", 80))
    live = find_live(shop.client, "shop")
    update_meta(shop.client, live, replace(live.meta, weights={"dense": 0.1, "popularity": 0.9}))
    options = (likes, "-i", "shop", "--k", "3", "--json")
    assert json.loads(good(shop.run("reader", "evaluate", *options)))["persons"] > 40
    refused = shop.run("reader", "tune", *options)
    assert (refused.exit_code, "unauthorized" in refused.stderr) == (1, True), refused.output
    assert json.loads(good(shop.run("writer", "tune", *options)))["written"]


def test_a_reader_evaluates_into_an_index_that_it_may_make(shop: Secured, tmp_path: Path) -> None:
    likes = str(write_likes(tmp_path / "likes.tsv", 80))
    options = ("evaluate", likes, "-i", "shop", "--k", "3", "--json", "--write-to", "measured")
    refused = shop.run("reader", *options)
    assert (refused.exit_code, "unauthorized" in refused.stderr) == (1, True), refused.output
    role = descriptor("reader", ["shop"])
    more = {"names": ["measured"], "privileges": ["create_index", "auto_configure", "index"]}
    role["indices"].append(more)
    key = shop.client.security.create_api_key(name="measuring", role_descriptors={"it": role})
    for _ in range(2):  # the index is there then
        good(shop.run("reader", *options, XLREC_API_KEY=key["encoded"]))
    shop.client.indices.refresh(index="measured")
    assert shop.client.count(index="measured")["count"]
    shop.client.indices.delete(index="measured")


def test_a_reader_makes_pairs(shop: Secured, tmp_path: Path) -> None:
    likes = str(write_likes(tmp_path / "likes.tsv", 80))
    good(shop.ingest("reader", "pairs", likes, "-i", "shop", "-o", str(tmp_path / "pairs")))
    assert list((tmp_path / "pairs").iterdir())


def test_a_writer_replays(shop: Secured, tmp_path: Path, tiny_model: Path) -> None:
    good(ingested(shop, "admin", tmp_path, tiny_model, "shop-xlrec-v7"))
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"id": "d", "language": "en"}\n')
    rejects = tmp_path / "rejects.jsonl"
    options = ("--index", "shop-xlrec-v7", "--model", str(tiny_model), "--quiet", "--json")
    assert (
        shop.ingest("writer", "run", str(bad), *options, "--rejects", str(rejects)).exit_code == 3
    )
    rejects.write_text(rejects.read_text().replace('"id":', '"title": "Tea house", "id":'))
    replayed = json.loads(good(shop.ingest("writer", "replay", str(rejects), *options)))
    assert replayed["indexed"] == 1


def test_an_admin_encodes_anew_and_goes_back(
    secured: Secured, tmp_path: Path, tiny_model: Path
) -> None:
    try:
        good(ingested(secured, "admin", tmp_path, tiny_model, "shop"))
        model = ("--model", str(tiny_model), "--quiet")
        anew = ("reindex", "shop", *model, "--calibration", "none", "--min-overlap", "0")
        back = ("rollback", "shop", *model)
        refused = secured.ingest("writer", *anew)
        assert (refused.exit_code, "unauthorized" in refused.stderr) == (1, True), refused.output
        good(secured.ingest("admin", *anew))
        refused = secured.ingest("writer", *back)
        assert (refused.exit_code, "unauthorized" in refused.stderr) == (1, True), refused.output
        good(secured.ingest("admin", *back))
        assert find_live(secured.client, "shop").name == "shop-xlrec-v1"
    finally:
        delete_shop(secured)


def test_an_admin_adopts(secured: Secured) -> None:
    secured.client.index(index="shop", document={"title": "x"}, refresh=True)
    try:
        good(secured.run("admin", "index", "adopt", "shop", "--yes"))
        assert secured.client.count(index="shop-xlrec-v0")["count"] == 1
    finally:
        delete_shop(secured)


def test_an_admin_reindexes_and_goes_back_while_others_write(shop: Secured) -> None:
    traffic = Traffic(shop.client, "shop")
    with traffic.running():
        for command in (
            ("reindex", "shop", "--shards", "2", "--min-recall", "0.5", "--min-overlap", "0.3"),
            ("index", "rollback", "shop"),
        ):
            before = traffic.writes
            while traffic.writes < before + 10 and not traffic.failures:
                time.sleep(0.05)
            good(shop.run("admin", *command))
    assert traffic.failures == []
    assert find_live(shop.client, "shop").name == "shop-xlrec-v1"
    assert traffic.asked
    traffic.check()


def test_an_admin_reindexes(shop: Secured) -> None:
    arguments = ("reindex", "shop", "--min-recall", "0.5", "--min-overlap", "0.3")
    assert shop.run("writer", *arguments).exit_code == 1
    good(shop.run("admin", *arguments, "--no-swap"))
    shop.client.delete(index="shop", id="chess-3", refresh=True)
    assert "1 deleted" in good(shop.run("admin", *arguments))
    assert shop.client.indices.exists_alias(index="shop-xlrec-v2", name="shop")


def test_keys_for_an_index_that_exists(secured: Secured, tiny_model: Path) -> None:
    """In place a writer's key is enough; for a companion one that may but read the index."""
    options = ("--model", str(tiny_model), "--calibration", "none", "--json", "--quiet")
    for record in RECORDS:
        secured.client.index(index="shop", id=record["id"], document=record, refresh=True)
    role = {"beside": descriptor("admin", ["shop-xlrec"], source="shop")}
    key = secured.client.security.create_api_key(name="beside", role_descriptors=role)["encoded"]
    environment = secured.as_("admin").as_environment() | {"XLREC_API_KEY": key}
    try:
        beside = CliRunner().invoke(
            ingest.cli.main.main, ("run", "index:shop", "--companion", *options), env=environment
        )
        assert json.loads(good(beside))["indexed"] == len(RECORDS)
        secured.client.delete(index="shop", id="c", refresh=True)
        beside = CliRunner().invoke(
            ingest.cli.main.main, ("run", "index:shop", "--companion", *options), env=environment
        )
        assert json.loads(good(beside))["deleted"] == 1
        inside = ("run", "index:shop", "--in-place", *options)
        refused = CliRunner().invoke(ingest.cli.main.main, inside, env=environment)
        assert (refused.exit_code, "unauthorized" in refused.stderr) == (1, True), refused.output
        assert json.loads(good(secured.ingest("writer", *inside)))["indexed"] == len(RECORDS) - 1
        good(secured.run("reader", "recommend", "-i", "shop", "a"))
    finally:
        for index in secured.client.indices.get(index="shop,shop-xlrec*"):
            secured.client.indices.delete(index=index)


def test_a_role_is_as_good_as_a_key(shop: Secured) -> None:
    role = json.loads(good(shop.run("reader", "role", "reader", "--index", "shop")))
    shop.client.perform_request(
        "PUT",
        "/_security/role/xlrec-shop-reader",
        body=role,
        headers={"content-type": "application/json", "accept": "application/json"},
    )
    password = "long-and-planted"
    shop.client.security.put_user(username="ann", password=password, roles=["xlrec-shop-reader"])
    ann = replace(shop.connection, username="ann", password=password)
    with connect(ann) as client:
        assert client.search(index="shop")["hits"]["hits"]
        with pytest.raises(elasticsearch.AuthorizationException):
            client.index(index="shop", document={})


def test_secrets_are_nowhere_to_be_read(shop: Secured, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    key = shop.keys["reader"]
    runs = [
        shop.run("reader", "recommend", "-i", "shop", "chess-3"),
        shop.run("reader", "index", "status", "shop"),  # refused
        shop.run("reader", "recommend", "-i", "nothing", "chess-3"),
        shop.run("reader", "recommend", "--help"),
        shop.run("reader", "recommend", "--nonsense"),
        shop.run("reader", "query", "-i", "shop", "-f", "curl", "chess-3"),
        shop.run("reader", "query", "-i", "shop", "-f", "python", "chess-3"),
        shop.run("reader", "recommend", "-i", "shop", "x", XLREC_URL="https://127.0.0.1:9"),
        shop.run("reader", "recommend", "-i", "shop", "x", XLREC_API_KEY=f"{key}x"),
        shop.run("reader", "recommend", "-i", "shop", "x", XLREC_API_KEY=f"{key}\n"),
        shop.run("reader", "recommend", "-i", "shop", "x", XLREC_TIMEOUT="x"),
        shop.ingest("reader", "indicators", "no-such-file.csv", "-i", "shop"),
        shop.ingest("reader", "run", "--help"),
        shop.ingest("reader", "run", "index:shop", "--in-place", "--keep", "x"),
        shop.run(
            "reader",
            "recommend",
            "-i",
            "shop",
            "x",
            XLREC_URL=f"https://u:{shop.connection.password}@a:1",
        ),
    ]
    assert sum(run.exit_code == 0 for run in runs) == 5
    for run in runs:
        assert not leaks(shop, run.output), run.output
        assert not leaks(shop, repr(run.exception))
    assert caplog.text  # the client does log
    assert not leaks(shop, caplog.text)


def test_secrets_are_in_no_list_of_processes(shop: Secured) -> None:
    """Neither of the node, which has just been given a password, nor of whoever asks it."""
    command = [sys.executable, "-m", "xlrec_es", "recommend", "-i", "shop", "chess-3"]
    environment = {**os.environ, **shop.as_("reader").as_environment()}
    lines: set[str] = set()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as asking:
        while asking.poll() is None:
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):  # it has ended
                    lines.add(path.read_text("utf-8", "replace"))
    assert asking.returncode == 0
    assert [line for line in lines if "chess-3" in line]
    assert [line for line in lines if "org.elasticsearch" in line]
    assert not leaks(shop, "\n".join(lines))


def test_certificates_are_checked_unless_somebody_insists(
    shop: Secured, caplog: pytest.LogCaptureFixture
) -> None:
    untrusting = replace(shop.as_("reader"), ca_certs=None).as_environment()
    arguments = ["recommend", "-i", "shop", "chess-3"]
    refused = CliRunner().invoke(xlrec_es.cli.main.main, arguments, env=untrusting)
    assert refused.exit_code == 1
    assert "no secure connection" in refused.stderr
    assert "--ca-certs" in refused.stderr
    insisted = CliRunner().invoke(
        xlrec_es.cli.main.main, arguments, env={**untrusting, "XLREC_INSECURE": "1"}
    )
    assert insisted.exit_code == 0, insisted.output
    assert "WARNING: the cluster's certificate is not checked" in insisted.stderr
    assert insisted.stderr.count("certificate") == 1
    both = shop.run("reader", *arguments, XLREC_INSECURE="1")
    assert (both.exit_code, "contradict" in both.stderr) == (2, True)


def test_a_fingerprint_of_its_authority_is_enough_to_verify_the_cluster(shop: Secured) -> None:
    pem = Path(str(shop.connection.ca_certs)).read_text()
    pinned = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
    environment = replace(shop.as_("reader"), ca_certs=None, ca_fingerprint=pinned).as_environment()
    arguments = ["recommend", "-i", "shop", "chess-3"]
    good(CliRunner().invoke(xlrec_es.cli.main.main, arguments, env=environment))
    environment["XLREC_CA_FINGERPRINT"] = "ab" * 32
    refused = CliRunner().invoke(xlrec_es.cli.main.main, arguments, env=environment)
    assert (refused.exit_code, "--ca-certs" in refused.stderr) == (1, True), refused.output
