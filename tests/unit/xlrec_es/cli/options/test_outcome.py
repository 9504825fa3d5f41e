"""How commands end."""

from __future__ import annotations

import inspect

import click

import cli_reference
from xlrec_es import errors
from xlrec_es.cli.options.outcome import EXIT_CODES, SCHEMA_VERSION, versioned


def test_every_error_ends_with_a_code_that_is_explained() -> None:
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]
    codes = {kind.exit_code for kind in kinds if issubclass(kind, errors.XlrecError)}
    assert codes == {1, 2, 4}
    assert codes < EXIT_CODES.keys()


def test_the_version_of_the_form_stands_in_front() -> None:
    assert [*versioned({"index": "shop"}).items()] == [
        ("schema_version", SCHEMA_VERSION),
        ("index", "shop"),
    ]


def test_every_command_that_prints_json_says_so_in_the_same_words() -> None:
    flags = [
        option
        for context in cli_reference.commands()
        for option in context.command.params
        if isinstance(option, click.Option) and "--json" in option.opts
    ]
    assert len(flags) > 20
    assert {(option.name, option.help) for option in flags} == {
        ("as_json", "Print JSON; its schema_version tells the form.")
    }
