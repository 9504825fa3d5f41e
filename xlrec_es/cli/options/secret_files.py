"""Secrets from files and standard input, so that no list of processes shows them."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from click.core import ParameterSource

from xlrec_es.cli.options.terminal import echo
from xlrec_es.errors import ConfigError

STANDARD_INPUT = "-"
_RANKS = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT, ParameterSource.DEFAULT_MAP)


def choose_secret(ctx: click.Context, name: str) -> str | None:
    """The value of an option or of its file: what was given in the place that counts more.

    Args:
        ctx: Of a command that has the options `name` and `<name>_file`.
        name: Of the parameter, such as `api_key`.

    Raises:
        ConfigError: Both were given in one place, or the file cannot be read.
    """
    file_name = f"{name}_file"
    warn_of_exposed(ctx, name, f"--{_spelled(name)}-file or XLREC_{name.upper()}")
    value, path = ctx.params[name], ctx.params[file_name]
    if path is None:
        return value  # type: ignore[no-any-return]
    if value is not None:
        own, other = _rank(ctx, name), _rank(ctx, file_name)
        if own == other:
            option = _spelled(name)
            raise ConfigError(f"give --{option} or --{option}-file, not both")
        if own < other:
            return value  # type: ignore[no-any-return]
    return read_secret(path)


def warn_of_exposed(ctx: click.Context, name: str, other: str) -> None:
    """Warn of a secret on the command line, where the list of processes shows it.

    Args:
        ctx: Of the command.
        name: Of the secret's parameter.
        other: What to use instead.
    """
    if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
        echo(
            f"Warning: other users of this machine can read --{_spelled(name)} in the list of "
            f"processes; use {other}.",
            err=True,
        )


def _spelled(name: str) -> str:
    return name.replace("_", "-")


def _rank(ctx: click.Context, name: str) -> int:
    """The lower, the more it counts."""
    source = ctx.get_parameter_source(name)
    return _RANKS.index(source) if source in _RANKS else len(_RANKS)


def read_secret(path: str) -> str:
    """The first line of a file.

    Args:
        path: Of the file; `-` is standard input, of which no more than that line is read.

    Raises:
        ConfigError: It cannot be read, or is empty; what it holds is not shown.
    """
    place = "standard input" if path == STANDARD_INPUT else path
    try:
        if path == STANDARD_INPUT:
            line = sys.stdin.buffer.readline()
        else:
            with Path(path).open("rb") as file:
                line = file.readline()
        secret = line.decode().rstrip("\r\n")
    except OSError as error:
        raise ConfigError(f"cannot read a secret from {place}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise ConfigError(f"the secret in {place} is not UTF-8") from None
    if not secret:
        raise ConfigError(f"the first line of {place} is empty; it must be the secret")
    return secret
