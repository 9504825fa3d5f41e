"""Roles of Kibana as they are printed; the integration test of the same name tries them."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from xlrec_es.cli.main import main
from xlrec_es.cluster.kibana_role import INSTALLING, VIEWING, elasticsearch_role, kibana_role
from xlrec_es.errors import UsageError


def printed(*arguments: str) -> str:
    done = CliRunner().invoke(main, ["role", "kibana", "-i", "shop", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_it_reads_the_index_its_versions_and_the_data_alone() -> None:
    role = kibana_role(["shop"], data=["evaluations", "clicks-*"])
    read = ["read", "view_index_metadata"]
    assert role["elasticsearch"] == {
        "cluster": [],
        "run_as": [],
        "indices": [
            {"names": ["shop", "shop-xlrec-*"], "privileges": read},
            {"names": ["evaluations"], "privileges": read},
            {"names": ["clicks-*"], "privileges": read},
        ],
    }


def test_who_installs_writes_each_type_and_who_looks_writes_none() -> None:
    [installs] = kibana_role(["shop"], spaces=["shop"])["kibana"]
    assert installs["spaces"] == ["shop"]
    assert installs["base"] == []
    assert installs["feature"] == {name: ["all"] for name in INSTALLING}
    [views] = kibana_role(["shop"], views_only=True)["kibana"]
    assert views["spaces"] == ["default"]
    assert views["feature"] == {name: ["read"] for name in VIEWING}


def test_an_api_key_has_it_as_elasticsearch_takes_it() -> None:
    role = kibana_role(["shop"], spaces=["shop", "books"], views_only=True)
    made = elasticsearch_role(role)
    assert made["indices"] == role["elasticsearch"]["indices"]
    assert made["applications"] == [
        {
            "application": "kibana-.kibana",
            "privileges": ["feature_dashboard_v2.read", "feature_discover_v2.read"],
            "resources": ["space:shop", "space:books"],
        }
    ]


def test_what_is_printed_is_a_request() -> None:
    role = kibana_role(["shop"], data=["runs"], spaces=["shop"])
    arguments = ("--data-index", "runs", "--space", "shop")
    assert json.loads(printed(*arguments)) == role
    line, _, body = printed(*arguments, "--console").partition("\n")
    assert line == "PUT kbn:/api/security/role/xlrec-shop-kibana"
    assert json.loads(body) == role
    line, _, body = printed(*arguments, "--console", "--format", "api-key").partition("\n")
    assert line == "POST /_security/api_key"
    assert json.loads(body) == {
        "name": "xlrec-shop-kibana",
        "role_descriptors": {"xlrec-shop-kibana": elasticsearch_role(role)},
    }
    views = json.loads(printed("--view-only"))
    assert views == kibana_role(["shop"], views_only=True)


@pytest.mark.parametrize("space", ["*", "", "My Shop", "a:b"])
def test_a_space_that_is_none_or_all(space: str) -> None:
    with pytest.raises(UsageError, match="is no identifier of a space"):
        kibana_role(["shop"], spaces=[space])


@pytest.mark.parametrize("name", ["*", "/.*/", "-shop"])
def test_an_index_that_opens_more_than_it_seems_to(name: str) -> None:
    for options in ({"names": [name]}, {"names": ["shop"], "data": [name]}):
        with pytest.raises(UsageError):
            kibana_role(**options)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("kibana", "--deletes"), "by --data-index alone"),
        (("kibana", "--events-index", "clicks"), "by --data-index alone"),
        (("reader", "--view-only"), "for the kind kibana"),
        (("reader", "--space", "shop"), "for the kind kibana"),
        (("admin", "--data-index", "runs"), "for the kind kibana"),
    ],
)
def test_options_of_another_kind(arguments: tuple[str, ...], told: str) -> None:
    done = CliRunner().invoke(main, ["role", *arguments, "-i", "shop"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert told in " ".join(done.stderr.split())
