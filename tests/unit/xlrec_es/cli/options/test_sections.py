"""Help pages in sections."""

from __future__ import annotations

import click
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
