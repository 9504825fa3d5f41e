"""Presets are data: each line is an option that there is, with a reason in plain words."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from ingest.cli.main import main as xlrec_ingest
from xlrec_es.cli.main import main as xlrec_es
from xlrec_es.cli.options.config_file import option_keys
from xlrec_es.configuration.columns import columns_of
from xlrec_es.configuration.presets import LEARN, bound, load, preset_names, roles
from xlrec_es.configuration.toml_file import REPEATED, Plan, Setting, text_of
from xlrec_es.errors import UsageError

ASKED_FOR = {"shop", "news", "media", "social", "education", "travel", "workplace"}
COMMANDS = {LEARN: xlrec_ingest, "recommend": xlrec_es}


def option(table: str, name: str) -> click.Parameter:
    group = COMMANDS[table]
    command = group.get_command(click.Context(group), table)
    assert command is not None
    [found] = [one for one in command.params if one.name == option_keys(command)[name]]
    return found


def test_there_are_those_that_were_asked_for() -> None:
    assert set(preset_names()) == ASKED_FOR
    with pytest.raises(UsageError, match="no preset 'roles'; use education, media"):
        load("roles")


@pytest.mark.parametrize("name", sorted(ASKED_FOR))
def test_each_line_is_an_option_with_a_reason(name: str) -> None:
    preset = load(name)
    for line in preset.lines:
        known = option(line.table, line.option)
        assert known.multiple == (line.option in REPEATED)
        assert line.why.endswith(".")
        assert len(line.why.split()) > 3
        assert set(line.roles) <= roles().keys()
    assert max(preset.events.values()) <= 5 * preset.events["view"]
    for wanted in ("half_life", "recent", "filter", "cap", "boost", "event"):
        assert any(line.option == wanted for line in preset.lines), wanted


@pytest.mark.parametrize("name", sorted(ASKED_FOR))
def test_what_a_catalog_lacks_is_a_comment_and_the_file_is_toml_all_the_same(
    name: str, tmp_path: Path
) -> None:
    import tomllib

    nothing = bound(load(name), {})
    connection = [Setting("url", "http://127.0.0.1:9200", "here")]
    table = tomllib.loads(text_of(Plan("xlrec-es init", connection, preset=nothing)))
    assert table["recommend"] == {"size": 10}
    assert table[LEARN].keys() == {"event", "half_life"}
    assert table["evaluate"] == table["tune"] == {"event": table[LEARN]["event"]}


def test_fields_are_named_as_they_are_searched() -> None:
    record = {"vendor": "Acme", "in_stock": "yes", "released": "2026-05-01", "stars": 4}
    preset = bound(load("shop"), columns_of([record]))
    lines = {line.option: line for line in preset.lines if line.table == "recommend"}
    assert lines["cap"].value == "vendor.keyword=2"
    assert lines["cap"].fields == ("vendor",)
    assert lines["recent"].value == "released=90d"
    assert '"stars"' in str(lines["boost"].value)
    assert lines["filter"].missing == ("stock",)  # a text is not true or false
