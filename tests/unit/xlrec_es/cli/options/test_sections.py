"""Help pages in sections."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from xlrec_es.cli.options import sections


@sections.command()
@sections.connection_option("--url", help="Where.")
@sections.ranking_option("--mix", help="How mixed.")
@click.argument("item")
@click.option("--size", help="How many.")
def find(**_asked: str) -> None:
    """Find it."""


def test_a_commands_own_options_come_first_and_its_connection_last() -> None:
    shown = CliRunner().invoke(find, ["--help"]).output
    assert shown.partition("Options:")[2].split("\n") == [
        "",
        "  --size TEXT  How many.",
        "  --help       Show this message and exit.",
        "",
        "Ranking:",
        "  --mix TEXT  How mixed.",
        "",
        "Connection:",
        "  --url TEXT  Where.",
        "",
    ]


@sections.command()
@click.option("--index", "-i", metavar="INDEX")
@click.option("--others", metavar="INDEX", multiple=True)
@click.option("--text")
def look(**_asked: str) -> None:
    """Look at it."""


@pytest.mark.parametrize("arguments", [["-i", ""], ["-i", " "], ["--others", "a", "--others", ""]])
def test_an_index_without_a_name_is_refused_for_it_would_be_all_of_them(
    arguments: list[str],
) -> None:
    done = CliRunner().invoke(look, arguments)
    assert done.exit_code == 2
    assert "the name of an index is empty; is a variable of the shell not set?" in done.output


def test_other_options_may_be_empty_and_an_index_may_be_left_out() -> None:
    assert CliRunner().invoke(look, ["--text", ""]).exit_code == 0
    assert CliRunner().invoke(look, ["-i", "shop", "--others", "a"]).exit_code == 0
