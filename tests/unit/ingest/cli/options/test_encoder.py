"""Options of the commands that encode."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from ingest.cli.options.encoder import centering_option


@click.command()
@centering_option("as it was")
def command(centering: str | None) -> None:
    click.echo(repr(centering))


@pytest.mark.parametrize(
    ("words", "method"),
    [
        ([], None),
        (["--centering", "none"], "none"),
        (["--centering", "center"], "center"),
        (["--centering", "centre"], "center"),
        (["--calibration", "centre"], "center"),
        (["--calibration=none"], "none"),
    ],
)
def test_language_centering_is_asked_for_by_its_names_old_and_new(
    words: list[str], method: str | None
) -> None:
    result = CliRunner().invoke(command, words)
    assert (result.exit_code, result.output) == (0, f"{method!r}\n")


def test_help_shows_one_name() -> None:
    shown = CliRunner().invoke(command, ["--help"]).output
    assert "--centering [none|center]" in shown
    assert "calibration" not in shown
    assert "centre" not in shown


def test_another_method_is_refused() -> None:
    result = CliRunner().invoke(command, ["--calibration", "mean"])
    assert result.exit_code == 2
    assert "'mean' is not one of 'none', 'center'" in result.output
