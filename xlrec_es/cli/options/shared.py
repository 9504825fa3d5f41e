"""Options that both command lines share, and how options, environment and TOML file combine.

Click's own order decides: command line, then environment (`XLREC_*`), then TOML file, then default.
The TOML file has a table `[connection]`, and one for each command: `[recommend]`, `[run]` ...
"""

from __future__ import annotations

import contextlib
import functools
import tomllib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

from xlrec_es.cli.options.values import name_and_value
from xlrec_es.cluster.connection import INSECURE, Connection, InsecureConnectionWarning
from xlrec_es.errors import ConfigError, UsageError, XlrecError

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_URL = "http://127.0.0.1:9200"


def load_config(path: Path, group: click.Group) -> dict[str, Any]:
    """Read a TOML file into click's `default_map`.

    Args:
        path: The file.
        group: The commands whose tables the file may have.

    Returns:
        Defaults by command; keys of `[connection]`, and `[fields]` and `[history]` as a whole, go
        to every command.

    Raises:
        ConfigError: Not a TOML file, or a key that stands outside of a table.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    for key, value in tables.items():
        if not isinstance(value, dict):
            raise ConfigError(f"{path}: {key} stands outside of a table such as [connection]")
    whole = {name: tables.get(name, {}) for name in ("fields", "history")}
    shared = {**tables.get("connection", {}), **whole}
    return _defaults(group, tables, shared)


def _defaults(group: click.Group, tables: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    """Of each command by its name; those of a group's commands stand in the group's table."""
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        table = {key.replace("-", "_"): value for key, value in tables.get(name, {}).items()}
        inner = _defaults(command, table, shared) if isinstance(command, click.Group) else {}
        found[name] = {**shared, **table, **inner}
    return found


def read_config(ctx: click.Context, _parameter: click.Parameter, path: Path | None) -> None:
    """Callback of `--config`: make the file's values the defaults of the commands."""
    if path is not None and isinstance(ctx.command, click.Group):
        ctx.default_map = load_config(path, ctx.command)


config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="XLREC_CONFIG",
    show_envvar=True,
    is_eager=True,
    expose_value=False,
    callback=read_config,
    help="TOML file with defaults: [connection], and a table for each command.",
)


def index_option(help_text: str = "Alias or index.", *, required: bool = True) -> Callable[[F], F]:
    """The option that names the index a command works on; the command receives it as `index`."""
    return click.option(
        "--index", "-i", required=required, envvar="XLREC_INDEX", show_envvar=True, help=help_text
    )


COLUMNS_OF_LIKES = "user, item, event, rating, weight or time"
"""What a file of interactions may have, for `field_option`."""


def field_option(columns: str, *, needed: str = "") -> Callable[[F], F]:
    """The option that says which column of a file is which; received as `assignments`.

    Args:
        columns: What they may be.
        needed: Those that must be there.
    """
    default = "columns of these names" + (f"; {needed} must be there" if needed else "")
    return click.option(
        "--field",
        "-f",
        "assignments",
        multiple=True,
        metavar="NAME=FIELD",
        help=f"Which column is {columns}. Repeatable.  [default: {default}]",
    )


def parse_assignments(texts: tuple[str, ...], *, example: str = "user=customer") -> dict[str, str]:
    """The field of each column.

    Args:
        texts: As `field_option` gives them.
        example: For the message.

    Raises:
        ConfigError: Not NAME=FIELD.
    """
    form = f"NAME=FIELD, such as {example}"
    return dict(name_and_value("--field", text, form=form) for text in texts)


def connection_options(command: F) -> F:
    """Give a command the options of a connection; it receives them as `connection`."""

    @click.option(
        "--url",
        envvar="XLREC_URL",
        show_envvar=True,
        default=DEFAULT_URL,
        show_default=True,
        help="Elasticsearch's address.",
    )
    @click.option("--api-key", envvar="XLREC_API_KEY", show_envvar=True, help="Encoded API key.")
    @click.option(
        "--username", envvar="XLREC_USERNAME", show_envvar=True, help="User, in place of --api-key."
    )
    @click.option(
        "--password",
        envvar="XLREC_PASSWORD",
        show_envvar=True,
        help="The user's password; the variable keeps it out of the process list.",
    )
    @click.option(
        "--ca-certs",
        envvar="XLREC_CA_CERTS",
        show_envvar=True,
        help="Certificate authority (PEM file) that signed the cluster's certificate.",
    )
    @click.option(
        "--ca-fingerprint",
        envvar="XLREC_CA_FINGERPRINT",
        show_envvar=True,
        help="SHA-256 of the certificate authority, in place of --ca-certs.",
    )
    @click.option(
        "--timeout",
        "timeout_s",
        envvar="XLREC_TIMEOUT",
        show_envvar=True,
        default=30.0,
        show_default=True,
        type=click.FloatRange(min=0, min_open=True),
        help="Seconds that one request may take.",
    )
    @click.option(
        "--insecure",
        is_flag=True,
        envvar="XLREC_INSECURE",
        show_envvar=True,
        help="Do not check the cluster's certificate; for trials alone.",
    )
    @functools.wraps(command)
    def wrapper(
        *args: Any,  # noqa: ANN401 - click hands through whatever the command declares
        url: str,
        api_key: str | None,
        username: str | None,
        password: str | None,
        ca_certs: str | None,
        ca_fingerprint: str | None,
        timeout_s: float,
        insecure: bool,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        connection = Connection(
            url, api_key, username, password, ca_certs, ca_fingerprint, timeout_s, insecure
        )
        if insecure:
            click.secho(f"WARNING: {INSECURE}.", fg="red", bold=True, err=True)
            warnings.simplefilter("ignore", InsecureConnectionWarning)  # said it better
        return command(*args, connection=connection, **kwargs)

    return wrapper  # type: ignore[return-value]


class _Misuse(click.ClickException):
    exit_code = UsageError.exit_code


class XlrecGroup(click.Group):
    """A group of commands that ends every `XlrecError` as one sentence and an exit code.

    People need not see a traceback of what they can mend themselves.
    """

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:  # noqa: ANN401
        """Read the options, among them `--config`."""
        with _one_sentence():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401
        """Run the command."""
        with _one_sentence():
            return super().invoke(ctx)


@contextlib.contextmanager
def _one_sentence() -> Iterator[None]:
    try:
        yield
    except XlrecError as error:
        kind = _Misuse if isinstance(error, UsageError) else click.ClickException
        raise kind(str(error)) from error
