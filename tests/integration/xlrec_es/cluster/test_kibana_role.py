"""What `xlrec-es role kibana` prints is taken by Elasticsearch, and opens what it says alone."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace

import elasticsearch
import pytest
from elasticsearch import Elasticsearch

from secured_node import OTHERS, Secured, good
from xlrec_es.cluster.connection import connect
from xlrec_es.cluster.kibana_role import (
    INSTALLING,
    VIEWING,
    elasticsearch_role,
    kibana_role,
)
from xlrec_es.kibana import bundle
from xlrec_es.kibana.check import check
from xlrec_es.kibana.indices import Indices
from xlrec_es.kibana.searches import searches_of

APPLICATION = "kibana-.kibana"
DATA = "evaluations"

TYPES = {
    "dashboard_v2": "dashboard",
    "discover_v2": "search",
    "visualize_v2": "lens",
    "indexPatterns": "index-pattern",
    "savedObjectsManagement": "config",
}
"""A type of objects that each feature of Kibana allows to write."""


@pytest.fixture(scope="module")
def application(secured: Secured) -> Iterator[None]:
    """With privileges of Kibana, which it registers when it starts."""
    privileges = {
        f"feature_{feature}.{privilege}": {"actions": [action(feature, privilege)]}
        for feature in TYPES
        for privilege in ("all", "read")
    }
    secured.client.security.put_privileges(privileges={APPLICATION: privileges})
    yield
    for name in privileges:
        secured.client.security.delete_privileges(application=APPLICATION, name=name)


def action(feature: str, privilege: str) -> str:
    verb = {"all": "bulk_create", "read": "bulk_get"}[privilege]
    return f"saved_object:{TYPES[feature]}/{verb}"


@pytest.fixture
def evaluated(shop: Secured) -> Iterator[Secured]:
    """With an index of data beside the catalog."""
    shop.client.index(index=DATA, document={"recall": 0.5}, refresh=True)
    yield shop
    shop.client.indices.delete(index=DATA)


@contextlib.contextmanager
def key(secured: Secured, *arguments: str) -> Iterator[Elasticsearch]:
    """A client with the key that the command prints."""
    options = ("-i", "shop", "--space", "shop", "--data-index", DATA, "--format", "api-key")
    body = json.loads(good(secured.run("reader", "role", "kibana", *options, *arguments)))
    made = secured.client.security.create_api_key(**body)
    owner = replace(secured.as_("reader"), api_key=made["encoded"])
    with contextlib.closing(connect(owner)) as client:
        yield client
    secured.client.security.invalidate_api_key(ids=[made["id"]])


def may(client: Elasticsearch, feature: str, privilege: str, space: str) -> bool:
    """Whether Kibana, which asks for actions, lets it."""
    asked = {
        "application": APPLICATION,
        "privileges": [action(feature, privilege)],
        "resources": [f"space:{space}"],
    }
    return bool(client.security.has_privileges(application=[asked])["has_all_requested"])


@pytest.mark.parametrize("options", [(), ("--view-only",)])
def test_dashboards_search_their_indices_and_no_others(
    evaluated: Secured, options: tuple[str, ...]
) -> None:
    with key(evaluated, *options) as client:
        made = bundle.objects(Indices("shop"), bundle.read_catalog(client, "shop"))
        searches = [*searches_of(made)]
        assert len(searches) > 10
        assert [one.why for one in check(client, searches) if one.failed] == []
        assert client.search(index=DATA)["hits"]["hits"]
        for other in OTHERS:
            with pytest.raises(elasticsearch.AuthorizationException):
                client.search(index=other)
        for index in ("shop", DATA):
            with pytest.raises(elasticsearch.AuthorizationException):
                client.index(index=index, document={"title": "new"})
        with pytest.raises(elasticsearch.AuthorizationException):
            client.indices.delete(index="shop-xlrec-v1")
        with pytest.raises(elasticsearch.AuthorizationException):
            client.cluster.health()


@pytest.mark.usefixtures("application")
def test_who_installs_may_write_into_one_space(evaluated: Secured) -> None:
    with key(evaluated) as client:
        for feature in INSTALLING:
            assert may(client, feature, "all", "shop")
            assert not may(client, feature, "all", "default")
        assert not may(client, "savedObjectsManagement", "all", "shop")


@pytest.mark.usefixtures("application")
def test_who_looks_may_not_write(evaluated: Secured) -> None:
    with key(evaluated, "--view-only") as client:
        for feature in VIEWING:
            assert may(client, feature, "read", "shop")
            assert not may(client, feature, "read", "default")
            assert not may(client, feature, "all", "shop")


def test_elasticsearch_takes_the_role_that_kibana_makes_of_it(shop: Secured) -> None:
    role = elasticsearch_role(kibana_role(["shop"], data=[DATA], spaces=["shop"]))
    shop.client.security.put_role(name="dashboards", **role)
    kept = shop.client.security.get_role(name="dashboards")["dashboards"]
    shop.client.security.delete_role(name="dashboards")
    assert kept["applications"] == role["applications"]
    assert [entry["names"] for entry in kept["indices"]] == [["shop", "shop-xlrec-*"], [DATA]]
