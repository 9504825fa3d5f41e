"""What documents say is so: commands parse, code compiles, tables equal what they are tables of."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import json
import re
import tomllib
from pathlib import Path

import click
import pytest

import xlrec_es
from cli_reference import PROGRAMS, parse
from documents import GENERATED, RENDERED, ROOT, Document, documents, leaves
from xlrec_es import errors
from xlrec_es.cli.options.command_group import XlrecGroup
from xlrec_es.cli.options.config_file import ConfigFile, option_keys
from xlrec_es.cli.options.outcome import EXIT_CODES
from xlrec_es.cli.options.shared import connection_options
from xlrec_es.cluster.roles import ROLES
from xlrec_es.doctor.capacity import Need
from xlrec_es.index.mapping import index_body
from xlrec_es.index.meta import IndexMeta
from xlrec_es.interactions.event_source import EventSource
from xlrec_es.interactions.weighting import EVENT_WEIGHTS
from xlrec_es.placements.placement import read_placement
from xlrec_es.records.field_map import FieldMap
from xlrec_es.service.web.access import read_tokens
from xlrec_es.vectors.vector_index import DEFAULT, VectorIndex

DOCUMENTS = {one.name: one for one in documents()}
GUIDES = {name: one for name, one in DOCUMENTS.items() if name not in GENERATED}
SERVING = Document("xlrec_es/README.md")
OPERATIONS = Document("xlrec_es/OPERATIONS.md")
_CODE = re.compile(r"`([^`]+)`")


def in_code(cell: str) -> list[str]:
    """What stands between backticks."""
    return _CODE.findall(cell)


def calls(document: Document) -> list[tuple[str, bool]]:
    """Each command that it shows, and whether all of it: in a sentence or a table it may be cut."""
    whole = [(line, True) for line in document.commands()]
    return whole + [(call, False) for call in document.mentions()]


@pytest.mark.parametrize("name", GUIDES)
def test_commands_parse(name: str) -> None:
    for line, whole in calls(GUIDES[name]):
        try:
            parse(line, whole=whole)
        except click.UsageError as error:
            pytest.fail(f"{line}: {error.format_message()}")


@pytest.mark.parametrize(
    "line",
    [
        "xlrec-es recommnd -i shop 7",
        "xlrec-es recommend -i shop --langage ja 7",
        "xlrec-es recommend --language ja 7 --size many",
        "xlrec-es evaluate likes.tsv -i shop --mix sometimes",
        "xlrec-ingest adapt pairs",
    ],
)
def test_a_command_that_does_not_parse_is_found(line: str) -> None:
    with pytest.raises(click.UsageError):
        parse(line)


def test_every_command_occurs_in_a_guide() -> None:
    shown = {
        " ".join(parse(line, whole=whole)) for one in GUIDES.values() for line, whole in calls(one)
    }
    assert leaves() - shown == set()


@pytest.mark.parametrize("name", GUIDES)
def test_commands_go_by_their_present_names(name: str) -> None:
    written = " ".join(RENDERED.sub("", GUIDES[name].text).split())
    for line in (line for line, _ in calls(GUIDES[name]) if " ".join(line.split()) in written):
        program, *words = line.split()
        main = PROGRAMS[program]
        assert isinstance(main, XlrecGroup)
        old = [one for one in main.renamed if words[: len(one.split())] == one.split()]
        assert old == [], line


def test_the_map_of_commands_has_them_all_by_their_sections() -> None:
    rows = {name: cell for name, cell in SERVING.table("| for | commands |")}
    shown = {}
    for program, main in PROGRAMS.items():
        assert isinstance(main, XlrecGroup)
        for heading, commands in main.sections.items():
            shown[heading.lower()] = [f"{program} {next(iter(commands))}", *[*commands][1:]]
    assert rows.keys() == shown.keys()
    for heading, names in shown.items():
        outside = re.sub(r"\(.*?\)", "", rows[heading])
        assert in_code(outside) == names
    inner = in_code(rows["operate"].partition("(")[2].partition(")")[0])
    leading = {path.split()[2] for path in leaves() if path.startswith("xlrec-es index ")}
    assert sorted(inner) == sorted(leading)


@pytest.mark.parametrize("name", GUIDES)
def test_python_compiles_and_imports_what_there_is(name: str) -> None:
    for block in GUIDES[name].blocks:
        if block.kind == "python":
            for node in ast.walk(ast.parse(block.text)):
                if isinstance(node, ast.ImportFrom):
                    assert node.module is not None
                    module = importlib.import_module(node.module)
                    # `ingest` imports torch for a name; its `__all__` is enough.
                    there = getattr(module, "__all__", dir(module))
                    assert {alias.name for alias in node.names} <= {*there, *dir(module)}


@pytest.mark.parametrize("name", GUIDES)
def test_json_loads(name: str) -> None:
    for block in GUIDES[name].blocks:
        if block.kind == "json":
            try:
                json.loads(block.text)
            except json.JSONDecodeError:
                for line in block.text.splitlines():
                    json.loads(line)


@pytest.mark.parametrize("name", GUIDES)
def test_toml_is_a_configuration_or_tokens_or_a_placement(name: str, tmp_path: Path) -> None:
    for number, block in enumerate(one for one in GUIDES[name].blocks if one.kind == "toml"):
        path = tmp_path / f"{number}.toml"
        path.write_text(block.text)
        if "[[token]]" in block.text:
            assert read_tokens(path)
            continue
        if "variants" in block.text:
            assert read_placement(tomllib.loads(block.text)).variants
            continue
        for table, entries in ConfigFile.read(path).tables.items():
            assert entries.keys() <= known_keys(table), table


def known_keys(table: str) -> set[str]:
    """What a table of the TOML file may hold."""

    @click.command
    @connection_options
    def connecting() -> None:
        pass

    if table == "connection":
        return {parameter.name or "" for parameter in connecting.params}
    if table == "history":
        return {field.name for field in dataclasses.fields(EventSource)}
    if table == "fields":
        return {field.name for field in dataclasses.fields(FieldMap)}
    for program in PROGRAMS.values():
        assert isinstance(program, click.Group)
        command = program.get_command(click.Context(program), table)
        if command is not None:
            return {*option_keys(command)}
    raise AssertionError(f"[{table}] is no command")


def test_the_table_of_roles_is_that_of_the_program() -> None:
    rows = OPERATIONS.table("| kind | is enough for |")
    shown = {in_code(kind)[0]: (commands, *lists) for kind, commands, *lists in rows}
    assert {kind: told[0] for kind, told in shown.items()} == {
        kind: role.allows for kind, role in ROLES.items()
    }
    for kind, role in ROLES.items():
        assert in_code(shown[kind][1]) == list(role.cluster)
        assert in_code(shown[kind][2]) == list(role.index)


def test_the_table_of_errors_has_them_all() -> None:
    shown = [
        name for row in OPERATIONS.table("| error | likely cause |") for name in in_code(row[0])
    ]
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    bases = {errors.XlrecError, errors.ClusterError, errors.IndexUnusable, errors.IngestError}
    own = {kind for kind in kinds if issubclass(kind, errors.XlrecError)}
    assert sorted(shown) == sorted(kind.__name__ for kind in own - bases)


def test_the_table_of_exit_codes_is_that_of_the_program() -> None:
    rows = OPERATIONS.table("| code | meaning |")
    assert {int(code): meaning for code, meaning, _ in rows if "+" not in code} == EXIT_CODES
    assert [code for code, _, _ in rows if "+" in code] == ["128 + n"]


def test_the_table_of_sizes_is_the_doctors() -> None:
    numbers = {"1 million": 1_000_000, "10 million": 10_000_000, "1 billion": 1_000_000_000}
    rows = OPERATIONS.table("| documents | dimensions |")
    assert len(rows) == 3
    for documents_, dims, disk, cache in rows:
        number, _, quantization = documents_.partition(", ")
        index = VectorIndex(in_code(quantization)[0]) if quantization else DEFAULT
        need = Need(numbers[number], int(dims), vectors=index)
        assert disk == f"{need.disk / 1e9:,.1f} GB"
        assert cache == f"{need.memory / 1e9:,.1f} GB"


def test_the_table_of_variables_has_them_all() -> None:
    sources = [*ROOT.glob("xlrec_es/**/*.py"), *ROOT.glob("ingest/**/*.py")]
    texts = [path.read_text("utf-8") for path in (*sources, ROOT / "docker-compose.yml")]
    used = set(re.findall(r"\bXLREC_[A-Z_]*[A-Z]\b(?!\*)", "\n".join(texts)))
    rows = SERVING.table("| variable | option |")
    assert [name for row in rows for name in in_code(row[0])] == list(
        dict.fromkeys(name for row in rows for name in in_code(row[0]))
    )
    assert {name for row in rows for name in in_code(row[0])} == used


def test_the_table_of_event_weights_is_that_of_the_program() -> None:
    rows = SERVING.table("| event | weight |")
    assert {in_code(event)[0]: float(weight) for event, weight, _ in rows} == EVENT_WEIGHTS


def test_the_table_of_the_python_api_has_all_of_it() -> None:
    shown = [name for row in SERVING.table("| name | purpose |") for name in in_code(row[0])]
    assert sorted(shown) == sorted(xlrec_es.__all__)


def test_the_table_of_fields_is_the_mapping() -> None:
    # With what an index has only where it was asked for, too.
    asked = {"fingerprint": {"sparse": "splade"}, "images": {"fingerprint": {"dims": 1}}}
    mapping = index_body(dims=1, analyzers={}, meta=asked)
    fields = mapping["mappings"]["properties"]["xlrec"]["properties"]
    rows = Document("mappings/README.md").table("| field | type |")
    types = {in_code(field)[0]: kind for field, kind, _ in rows}
    assert types.keys() == {f"xlrec.{name}" for name in fields}
    for name, field in fields.items():
        kind = types[f"xlrec.{name}"]
        assert (in_code(kind)[0] if "type" in field else kind) == field.get("type", "object")


def test_the_table_of_the_meta_has_all_keys() -> None:
    rows = Document("mappings/README.md").table("| key | content |")
    keys = {field.name for field in dataclasses.fields(IndexMeta)}
    assert {name for row in rows for name in in_code(row[0])} == keys


def test_the_table_of_extras_has_them_all() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    rows = Document("README.md").table("| extra | for |")
    assert {in_code(row[0])[0] for row in rows} == {*project["project"]["optional-dependencies"]}
    python = project["project"]["requires-python"].removeprefix(">=")
    assert f"Python {python}+" in Document("README.md").text
