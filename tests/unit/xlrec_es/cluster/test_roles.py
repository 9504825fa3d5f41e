"""Roles as they are printed; `integration/xlrec_es/cluster/test_role_commands.py` tries them."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner

import cli_reference
from xlrec_es.cli.main import main
from xlrec_es.cluster.roles import ROLES, descriptor, forget_descriptor, role_name
from xlrec_es.errors import UsageError


@pytest.mark.parametrize("kind", ROLES)
def test_a_role_names_the_index_and_its_versions_alone(kind: str) -> None:
    role = descriptor(kind, ["shop", "books"], events="clicks")
    own, events = role["indices"]
    assert own["names"] == ["shop", "shop-xlrec-*", "books", "books-xlrec-*"]
    assert events == {"names": ["clicks"], "privileges": ["read"]}
    _, source = descriptor(kind, ["shop-xlrec"], source="shop")["indices"]
    assert source == {"names": ["shop"], "privileges": ["read", "view_index_metadata"]}
    assert not {"all", "monitor", "manage", "manage_security"} & set(role["cluster"])


def test_placements_are_read_by_readers_and_written_by_others() -> None:
    for kind, privileges in (
        ("reader", ["read", "view_index_metadata"]),
        ("writer", ["read", "view_index_metadata", "index", "create_index", "maintenance"]),
    ):
        kept = {"names": ["kept"], "privileges": privileges}
        assert descriptor(kind, ["shop"], placements="kept")["indices"][1] == kept
    shown = CliRunner().invoke(main, ["role", "writer", "-i", "shop", "--placements-index", "kept"])
    assert json.loads(shown.stdout) == descriptor("writer", ["shop"], placements="kept")


def test_every_command_that_connects_is_in_one_of_the_roles() -> None:
    connecting = {
        context.command_path
        for context in cli_reference.commands()
        if {"url", "api_key"} <= {parameter.name for parameter in context.command.params}
    }
    known = {name: re.compile(rf"(the first )?{name.partition(' ')[2]}\b") for name in connecting}
    told = {
        name
        for role in ROLES.values()
        for program, commands in role.commands.items()
        for command in commands
        for name, pattern in known.items()
        if name.startswith(f"{program} ") and pattern.match(command)
    }
    assert told == connecting


def test_the_help_says_what_each_role_is_enough_for() -> None:
    shown = CliRunner().invoke(main, ["role", "--help"], env={"COLUMNS": "80"}).stdout
    _, _, table = shown.partition("each kind allows:")
    assert max(map(len, table.splitlines())) <= 80
    words = " ".join(shown.split())
    for kind, role in ROLES.items():
        assert f"{kind} {role.allows}" in words


def test_a_writer_that_deletes_has_that_privilege_more() -> None:
    plain, deleting = (descriptor("writer", ["shop"], deletes=yes) for yes in (False, True))
    [own], [more] = plain["indices"], deleting["indices"]
    assert more["privileges"] == [*own["privileges"], "delete"]
    assert plain["cluster"] == deleting["cluster"]
    assert descriptor("admin", ["shop"], deletes=True) == descriptor("admin", ["shop"])
    shown = CliRunner().invoke(main, ["role", "writer", "-i", "shop", "--deletes"])
    assert json.loads(shown.stdout) == deleting
    refused = CliRunner().invoke(main, ["role", "reader", "-i", "shop", "--deletes"])
    assert (refused.exit_code, "writer" in refused.stderr) == (2, True)


def test_a_role_of_forget_deletes_rows_and_changes_no_document() -> None:
    shown = CliRunner().invoke(
        main, ["role", "forget", "-i", "shop", "--events-index", "clicks", "--data-index", "shown"]
    )
    found = json.loads(shown.stdout)
    assert found == forget_descriptor(["shop"], ["clicks", "shown"])
    catalog, logs = found["indices"]
    assert catalog["names"] == ["shop", "shop-xlrec-*"]
    assert not {"index", "write", "delete", "manage"} & {*catalog["privileges"]}
    assert logs["names"] == ["clicks", "shown"]
    assert "delete" in logs["privileges"]
    nowhere = CliRunner().invoke(main, ["role", "forget", "-i", "shop"])
    assert (nowhere.exit_code, "name their indices" in nowhere.output) == (2, True)
    for more in (["--deletes"], ["--source-index", "x"], ["--view-only"]):
        refused = CliRunner().invoke(main, ["role", "forget", "-i", "shop", *more])
        assert refused.exit_code == 2


@pytest.mark.parametrize("name", ["*", "", " ", "*,*", "?*", "-*"])
def test_a_name_that_opens_everything_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="stands for every index"):
        descriptor("reader", [name])
    with pytest.raises(UsageError, match="stands for every index"):
        descriptor("reader", ["shop"], events=name)


@pytest.mark.parametrize(
    "name", ["/.*/", "/shop/", "shop|/.*/", "a\\*", "<shop>", "a,*", "_all", "-a"]
)
def test_a_name_that_is_an_expression_is_refused(name: str) -> None:
    for options in ({"names": [name]}, {"events": name}, {"source": name}):
        with pytest.raises(UsageError, match="is no name of an index"):
            descriptor("reader", **{"names": ["shop"], **options})  # type: ignore[arg-type]
    done = CliRunner().invoke(main, ["role", "reader", "-i", "shop", "--events-index", name])
    assert (done.exit_code, done.stdout) == (2, "")


@pytest.mark.parametrize("name", ["*s*", "?hop", "*-events"])
def test_a_pattern_begins_with_a_name(name: str) -> None:
    for options in ({"names": [name]}, {"events": name}, {"source": name}):
        with pytest.raises(UsageError, match="begins with a wildcard"):
            descriptor("reader", **{"names": ["shop"], **options})  # type: ignore[arg-type]


def test_a_pattern_of_names_is_kept() -> None:
    [own, events] = descriptor("reader", ["shop-*"], events="clicks-2026.*")["indices"]
    assert own["names"] == ["shop-*", "shop-*-xlrec-*"]
    assert events["names"] == ["clicks-2026.*"]


def test_what_is_printed_is_a_request() -> None:
    arguments = ["role", "reader", "-i", "shop", "--console"]
    line, _, body = CliRunner().invoke(main, arguments).stdout.partition("\n")
    assert line == "PUT /_security/role/xlrec-shop-reader"
    assert json.loads(body) == descriptor("reader", ["shop"])
    key = CliRunner().invoke(main, [*arguments, "--format", "api-key"]).stdout
    line, _, body = key.partition("\n")
    assert line == "POST /_security/api_key"
    assert json.loads(body) == {
        "name": "xlrec-shop-reader",
        "role_descriptors": {"xlrec-shop-reader": descriptor("reader", ["shop"])},
    }


def test_a_role_is_called_as_its_indices_are() -> None:
    assert role_name("reader", ["shop"]) == "xlrec-shop-reader"
    assert role_name("writer", ["shop-*", "books"]) == "xlrec-shop-books-writer"
