"""Index templates of a cluster: what they would add to an index of ours is refused or taken off."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from elasticsearch import Elasticsearch, ElasticsearchWarning

from catalogue import add_version, write_catalogue
from secured_node import Secured, good
from xlrec_es.cluster.connection import connect
from xlrec_es.cluster.roles import ROLES
from xlrec_es.errors import IndexUnusable
from xlrec_es.index import final_pipeline
from xlrec_es.index.live_index import find_live
from xlrec_es.index.source_check import check_rewritable

Put = Callable[..., None]

HARMFUL = {
    "index.default_pipeline": "theirs",
    "index.final_pipeline": "theirs",
    "index.hidden": True,
}
MORE = {"index.number_of_replicas": 0, "index.refresh_interval": "7s"}


@pytest.fixture
def put(secured_each: Secured) -> Iterator[Put]:
    """Puts a template for every name that begins with `shop`."""
    client = secured_each.client
    undo: list[Callable[[], object]] = []

    def new(**template: Any) -> None:  # noqa: ANN401 - of any part
        more = {name: template.pop(name) for name in ("data_stream",) if name in template}
        client.indices.put_index_template(
            name="theirs", index_patterns=["shop*"], priority=300, template=template, **more
        )
        undo.append(lambda: client.indices.delete_index_template(name="theirs"))

    def old(**template: Any) -> None:  # noqa: ANN401
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ElasticsearchWarning)  # of a kind that is deprecated
            client.indices.put_template(name="theirs", index_patterns=["shop*"], **template)
        undo.append(lambda: client.indices.delete_template(name="theirs"))

    yield lambda kind="new", **template: {"new": new, "old": old}[kind](**template)
    for last in undo[-1:]:  # of several, the last took the others' place
        last()


@pytest.fixture(params=["foresees", "only looks"])
def admin(request: pytest.FixtureRequest, secured_each: Secured) -> Iterator[Elasticsearch]:
    """Whoever makes indices, and may or may not ask what templates would add."""
    foresees = request.param == "foresees"
    role = {
        "cluster": ROLES["admin"].cluster if foresees else ["monitor"],
        "indices": [{"names": ["shop", "shop-*"], "privileges": list(ROLES["admin"].index)}],
    }
    made = secured_each.client.security.create_api_key(name="a", role_descriptors={"a": role})
    secured_each.keys["a"] = made["encoded"]
    with connect(secured_each.as_("a")) as client:
        yield client


@pytest.mark.parametrize("kind", ["new", "old"])
def test_an_alias_is_refused_before_it_shows_documents_twice(
    secured_each: Secured, admin: Elasticsearch, put: Put, kind: str
) -> None:
    write_catalogue(secured_each.client, "shop")
    for alias in ("shop", "all-shops", "{index}-too"):
        put(kind, aliases={alias: {}})
        with pytest.raises(IndexUnusable, match=r"would put the alias .* documents twice; leave"):
            add_version(admin, "shop", documents=0)
        assert list(secured_each.client.indices.get(index="shop-xlrec-*")) == ["shop-xlrec-v1"]
    assert find_live(admin, "shop").name == "shop-xlrec-v1"
    done = secured_each.run("a", "index", "create", "shop")
    assert (done.exit_code, "shop-xlrec-*" in done.stderr) == (1, True), done.output


def test_its_own_name_is_no_stranger_on_the_first_version(
    secured_each: Secured, admin: Elasticsearch, put: Put
) -> None:
    put(aliases={"shop": {}})
    write_catalogue(admin, "shop")
    assert find_live(admin, "shop").name == "shop-xlrec-v1"
    secured_each.client.indices.delete(index="shop-xlrec-v1")
    put(aliases={"others": {}})
    with pytest.raises(IndexUnusable, match="the alias others on shop-xlrec-v1"):
        write_catalogue(admin, "shop")


@pytest.mark.parametrize("kind", ["new", "old"])
def test_pipelines_and_hiding_are_taken_off(
    secured_each: Secured, admin: Elasticsearch, put: Put, kind: str
) -> None:
    put(kind, settings={**HARMFUL, **MORE})
    write_catalogue(admin, "shop")
    second = add_version(admin, "shop")
    for index in ("shop-xlrec-v1", second):
        made = secured_each.client.indices.get_settings(index=index, flat_settings=True)
        settings = made[index]["settings"]
        assert {name: settings.get(name) for name in HARMFUL} == dict.fromkeys(HARMFUL)
        assert (settings["index.refresh_interval"], settings["index.number_of_replicas"]) == (
            "7s",
            "0",
        )


@pytest.mark.parametrize("kind", ["new", "old"])
def test_a_kill_right_after_it_is_made_leaves_nothing_to_be_taken_off(
    secured_each: Secured, put: Put, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(kind, settings=HARMFUL)
    with connect(secured_each.as_("admin")) as admin, monkeypatch.context() as patch:
        patch.delattr(type(admin.indices), "put_settings")  # nobody gets so far
        live = write_catalogue(admin, "shop")
        made = admin.indices.get_settings(index=live.name, flat_settings=True)[live.name]
        settings = made["settings"]
        assert {name: settings.get(name) for name in HARMFUL} == dict.fromkeys(HARMFUL)
        # What was declined is not taken for a pipeline of that name.
        check_rewritable(admin, "shop", under_their_versions=True)
        with final_pipeline.passed_by(admin, live.name):
            pass


def test_what_the_live_version_has_is_no_strangers(
    secured_each: Secured, admin: Elasticsearch, put: Put
) -> None:
    client = secured_each.client
    client.ingest.put_pipeline(id="ours", processors=[])
    live = write_catalogue(client, "shop")
    client.indices.put_settings(index=live.name, settings={"index.default_pipeline": "ours"})
    put(settings=HARMFUL)
    second = add_version(admin, "shop", documents=0)
    made = client.indices.get_settings(index=second, flat_settings=True)[second]["settings"]
    assert {name: made.get(name) for name in HARMFUL} == {
        **dict.fromkeys(HARMFUL),
        "index.default_pipeline": "ours",
    }
    client.indices.put_settings(index="shop-xlrec-*", settings={"index.default_pipeline": None})
    client.ingest.delete_pipeline(id="ours")


@pytest.mark.parametrize("kind", ["new", "old"])
@pytest.mark.parametrize(
    "part", [{"_source": {"excludes": ["title"]}}, {"_routing": {"required": True}}]
)
def test_what_would_not_keep_documents_is_refused(
    secured_each: Secured, admin: Elasticsearch, put: Put, kind: str, part: dict[str, Any]
) -> None:
    put(kind, mappings=part)
    with pytest.raises(IndexUnusable, match=f"would give shop-xlrec-v1 the {next(iter(part))}"):
        write_catalogue(admin, "shop")
    assert not secured_each.client.indices.exists(index="shop-xlrec-v1")


def test_a_template_of_data_streams_is_named(
    secured_each: Secured, admin: Elasticsearch, put: Put
) -> None:
    put(data_stream={})
    with pytest.raises(IndexUnusable, match="makes data streams of names such as shop-xlrec-v1"):
        write_catalogue(admin, "shop")


def test_a_template_above_theirs_is_the_way_out(
    secured_each: Secured, admin: Elasticsearch, put: Put
) -> None:
    """What the sentence advises."""
    put(aliases={"all-shops": {}})
    secured_each.client.indices.put_index_template(
        name="way-out", index_patterns=["shop-xlrec-*"], priority=400, template={}
    )
    try:
        write_catalogue(admin, "shop")
        new = good(secured_each.run("a", "index", "create", "shop")).strip()
        rows = json.loads(good(secured_each.run("a", "index", "list", "shop", "--json")))[
            "versions"
        ]
        assert [row["index"] for row in rows] == ["shop-xlrec-v1", new]
    finally:
        secured_each.client.indices.delete_index_template(name="way-out")
