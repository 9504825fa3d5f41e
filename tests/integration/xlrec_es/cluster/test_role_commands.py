"""Each key made from `xlrec-es role` is enough for its commands, on a node with security."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import elasticsearch
import pytest
from click.testing import CliRunner, Result

import ingest.cli.main
from catalogue import write_likes
from fakes import HashEncoder
from image_models import build_vit, pictured_catalog
from ingest.images.alignment_store import store_index
from ingest.images.options import ImageOptions
from ingest.run import assemble
from ingest.run.job import RunJob
from secured_node import Secured, delete_shop, good, leaks
from traffic import Traffic
from xlrec_es.cluster.connection import connect
from xlrec_es.cluster.roles import descriptor, forget_descriptor
from xlrec_es.errors import PermissionDenied
from xlrec_es.index.fields import IMAGE_FIELD
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


def test_a_key_of_forget_forgets_and_writes_nothing(shop: Secured) -> None:
    for name in ("clicks", "shown"):
        shop.client.indices.create(
            index=name, mappings={"properties": {"user": {"type": "keyword"}}}
        )
        shop.client.index(index=name, document={"user": "ann"}, refresh=True)
    try:
        role = forget_descriptor(["shop"], ["clicks", "shown"])
        made = shop.client.security.create_api_key(name="forget", role_descriptors={"f": role})
        shop.keys["forget"] = str(made["encoded"])
        logs = ("--events-index", "clicks", "--impressions-index", "shown")
        told = good(shop.run("forget", "forget", "ann", "-i", "shop", *logs, "--yes", "--json"))
        assert json.loads(told)["rows"] == {"events": {"clicks": 1}, "impressions": {"shown": 1}}
        good(shop.run("forget", "forget", "ann", "-i", "shop", *logs, "--verify"))
        with connect(shop.as_("forget")) as client:
            for index in ("shop", "clicks"):
                with pytest.raises(elasticsearch.AuthorizationException):
                    client.index(index=index, document={"user": "eve"})
            with pytest.raises(elasticsearch.AuthorizationException):
                client.delete(index="shop", id="chess-3")
    finally:
        shop.client.indices.delete(index="clicks,shown")


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
    assert done.exit_code == (5 if problems else 0), done.output
    findings = json.loads(done.stdout)["findings"]
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
    lines = [f"p{user},chess-{n}" for user in range(9) for n in range(9) if n != user]
    likes = tmp_path / "likes.csv"
    likes.write_text("user,item\n" + "\n".join(lines) + "\n")
    arguments = ("learn", str(likes), "--index", "shop")
    refused = shop.ingest("reader", *arguments)
    assert (refused.exit_code, "unauthorized" in refused.stderr) == (1, True), refused.output
    good(shop.ingest("writer", *arguments))
    assert "chess" in good(shop.run("reader", "inspect", "chess-3", "-i", "shop"))


def test_a_reader_evaluates_and_a_writer_tunes(shop: Secured, tmp_path: Path) -> None:
    likes = str(write_likes(tmp_path / "likes.tsv", 80))
    live = find_live(shop.client, "shop")
    update_meta(shop.client, live, replace(live.meta, weights={"dense": 0.1, "popularity": 0.9}))
    options = (likes, "-i", "shop", "--k", "3", "--json")
    assert json.loads(good(shop.run("reader", "evaluate", *options)))["users"] > 40
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


def test_an_admin_writes_what_a_gate_decides_where_it_may(shop: Secured) -> None:
    limits = ("--min-recall", "0.5", "--min-overlap", "0.3", "--no-swap")
    options = ("index", "reindex", "shop", *limits, "--write-to", "decided")
    refused = shop.run("admin", *options)
    assert (refused.exit_code, "unauthorized" in refused.stderr) == (1, True), refused.output
    role = descriptor("admin", ["shop"])
    more = {"names": ["decided"], "privileges": ["create_index", "auto_configure", "index"]}
    role["indices"].append(more)
    key = shop.client.security.create_api_key(name="deciding", role_descriptors={"it": role})
    for _ in range(2):  # the index is there then
        told = shop.run("admin", *options, XLREC_API_KEY=key["encoded"])
        good(told)
        assert "Warning" not in told.stderr
    shop.client.indices.refresh(index="decided")
    assert shop.client.count(index="decided", q="kind:gate")["count"] == 2
    shop.client.indices.delete(index="decided")


def test_a_writer_makes_pairs(shop: Secured, tmp_path: Path) -> None:
    likes = str(write_likes(tmp_path / "likes.tsv", 80))
    options = ("pairs", likes, "-i", "shop", "-o", str(tmp_path / "pairs"))
    refused = shop.ingest("reader", *options)  # it refreshes the index that it reads
    assert (refused.exit_code, "unauthorized" in refused.stderr) == (1, True), refused.output
    good(shop.ingest("writer", *options))
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


def test_a_writer_goes_on_with_pictures_that_an_admin_began(
    secured: Secured, tmp_path: Path
) -> None:
    """Their alignment with texts is in an index of its own, which the first run makes."""
    model, pictures, source = (tmp_path / name for name in ("vit", "pictures", "items.jsonl"))
    build_vit(model)
    pictures.mkdir()
    records = pictured_catalog(pictures)
    images = ImageOptions("icon", str(model), pictures, device="cpu")
    job = RunJob(str(source), "shop", images=images)

    def ingested_by(kind: str, first: int) -> dict[str, Any]:
        source.write_text("".join(f"{json.dumps(record)}\n" for record in records[:first]))
        return assemble.run(job, secured.as_(kind), encoder=HashEncoder())

    try:
        with pytest.raises(PermissionDenied, match="unauthorized"):
            ingested_by("writer", len(records))
        ingested_by("admin", len(records) - 4)
        assert ingested_by("writer", len(records))["indexed"] == 4
        found = {"exists": {"field": IMAGE_FIELD}}
        assert secured.client.count(index="shop", query=found)["count"] == len(records)
        good(secured.run("reader", "recommend", "-i", "shop", str(records[0]["id"])))
    finally:
        delete_shop(secured)
        secured.client.indices.delete(index=store_index("shop"), ignore_unavailable=True)


def test_an_admin_encodes_anew_and_goes_back(
    secured: Secured, tmp_path: Path, tiny_model: Path
) -> None:
    try:
        good(ingested(secured, "admin", tmp_path, tiny_model, "shop"))
        model = ("--model", str(tiny_model), "--quiet")
        anew = ("reencode", "shop", *model, "--centering", "none", "--min-overlap", "0")
        back = ("reencode-back", "shop", *model)
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
            (
                "index",
                "reindex",
                "shop",
                "--shards",
                "2",
                "--min-recall",
                "0.5",
                "--min-overlap",
                "0.3",
            ),
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
    arguments = ("index", "reindex", "shop", "--min-recall", "0.5", "--min-overlap", "0.3")
    assert shop.run("writer", *arguments).exit_code == 1
    good(shop.run("admin", *arguments, "--no-swap"))
    shop.client.delete(index="shop", id="chess-3", refresh=True)
    assert "1 deleted" in good(shop.run("admin", *arguments))
    assert shop.client.indices.exists_alias(index="shop-xlrec-v2", name="shop")


def test_keys_for_an_index_that_exists(secured: Secured, tiny_model: Path) -> None:
    """In place a writer's key is enough; for a companion one that may but read the index."""
    options = ("--model", str(tiny_model), "--centering", "none", "--json", "--quiet")
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


def key_for(secured: Secured, role: dict[str, object]) -> dict[str, str]:
    """The variable that gives a program an API key of this role."""
    made = secured.client.security.create_api_key(name="another", role_descriptors={"it": role})
    return {"XLREC_API_KEY": made["encoded"]}


def test_a_writer_with_deletes_deletes_and_another_is_told_how(
    secured: Secured, tmp_path: Path, tiny_model: Path
) -> None:
    deletions = tmp_path / "deletions.jsonl"
    deletions.write_text('{"_op": "delete", "id": "b"}\n')
    run = ("run", str(deletions), "--index", "shop", "--model", str(tiny_model), "--json", "-q")
    deleting = key_for(secured, descriptor("writer", ["shop"], deletes=True))
    try:
        good(ingested(secured, "admin", tmp_path, tiny_model, "shop"))
        refused = secured.ingest("writer", *run)
        assert refused.exit_code == 3, refused.output
        [reject] = Path(json.loads(refused.stdout)["rejects"]).read_text().splitlines()
        assert "unauthorized" in json.loads(reject)["reason"]
        assert "xlrec-es role writer --deletes" in json.loads(reject)["reason"]
        assert secured.client.exists(index="shop", id="b")
        assert json.loads(good(secured.ingest("writer", *run, **deleting)))["deleted"] == 1
        assert not secured.client.exists(index="shop", id="b")
        connection = replace(secured.as_("writer"), api_key=deleting["XLREC_API_KEY"])
        with connect(connection) as client, pytest.raises(elasticsearch.AuthorizationException):
            client.indices.delete(index="shop-xlrec-v1")
    finally:
        delete_shop(secured)


def test_later_runs_of_a_companion_take_a_writer_with_deletes(
    secured: Secured, tiny_model: Path
) -> None:
    for record in RECORDS:
        secured.client.index(index="shop", id=record["id"], document=record, refresh=True)
    options = ("--model", str(tiny_model), "--centering", "none", "--json", "-q")
    run = ("run", "index:shop", "--companion", *options)
    admin, plain, deleting = (
        key_for(secured, descriptor(kind, ["shop-xlrec"], source="shop", deletes=deletes))
        for kind, deletes in (("admin", False), ("writer", False), ("writer", True))
    )
    try:
        good(secured.ingest("admin", *run, **admin))
        secured.client.delete(index="shop", id="c", refresh=True)
        refused = secured.ingest("writer", *run, **plain)
        assert json.loads(refused.stdout)["deleted"] == 0
        assert "xlrec-es role writer --deletes" in refused.stderr
        assert json.loads(good(secured.ingest("writer", *run, **deleting)))["deleted"] == 1
    finally:
        for index in secured.client.indices.get(index="shop,shop-xlrec*"):
            secured.client.indices.delete(index=index)
