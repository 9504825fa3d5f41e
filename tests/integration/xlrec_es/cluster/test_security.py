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
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import elasticsearch
import pytest
from click.testing import CliRunner
from elasticsearch import Elasticsearch

import xlrec_es.cli.main
from secured_node import OTHERS, Secured, good, leaks
from xlrec_es.cluster.connection import connect
from xlrec_es.cluster.roles import ROLES

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
        shop.ingest("reader", "learn", "no-such-file.csv", "-i", "shop"),
        shop.ingest("reader", "run", "--help"),
        shop.ingest("reader", "run", "index:shop", "--in-place", "--keep-field", "x"),
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
