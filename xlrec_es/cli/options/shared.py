"""Options that both command lines share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from xlrec_es.cli.options.config_file import ConfigFile
from xlrec_es.cli.options.old_names import renamed_option
from xlrec_es.cli.options.secret_files import choose_secret
from xlrec_es.cli.options.sections import connection_option
from xlrec_es.cli.options.terminal import insecure_warnings
from xlrec_es.cli.options.values import NumberRange, name_and_value
from xlrec_es.cluster.connection import Connection
from xlrec_es.errors import XlrecError

F = TypeVar("F", bound=Callable[..., Any])

_SECRETS = {"api_key", "api_key_file", "password", "password_file"}
DEFAULT_URL = "http://127.0.0.1:9200"


def index_option(help_text: str = "Alias or index.", *, required: bool = True) -> Callable[[F], F]:
    """The option that names the index a command works on; the command receives it as `index`."""
    return click.option(
        "--index",
        "-i",
        required=required,
        envvar="XLREC_INDEX",
        show_envvar=True,
        metavar="INDEX",
        help=help_text,
    )


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON; its schema_version tells the form."
)
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Show what would be done, and change nothing."
)
quiet_option = click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
seed_option = click.option(
    "--seed",
    default=0,
    show_default=True,
    metavar="N",
    help="Random seed; the same seed gives the same result.",
)
explain_option = click.option(
    "--explain", is_flag=True, help="Show what each retriever and each liked item contributed."
)


def size_option(most: int | None = None) -> Callable[[F], F]:
    """The option that says how many results are listed; received as `size`."""
    return click.option(
        "--size",
        "-n",
        default=10,
        show_default=True,
        type=click.IntRange(1, most),
        metavar="N",
        help="Number of results to list.",
    )


def max_users_option() -> Callable[[F], F]:
    """The option that says how many users are measured on; received as `max_users`."""
    return renamed_option(
        "--max-users",
        "max_users",
        old=("--max-persons",),
        default=500,
        show_default=True,
        type=click.IntRange(min=1),
        metavar="N",
        help="Largest number of test users; a sample is drawn where there are more.",
    )


COLUMNS_OF_LIKES = "user, item, event, rating, weight or time"
"""What a file of interactions may have, for `field_option`."""

COLUMNS_OF_EVENTS = "user, item, event, time or market"
"""What is counted of it by periods."""


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
        help=f"Which column is {columns}. Repeatable.",
        show_default=default,
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


def files_read(ctx: click.Context, *, config: bool = True) -> list[str | Path | None]:
    """Files that any command may read beside its own: no output may take their place.

    Args:
        ctx: Of the command.
        config: Whether the TOML file is one of them.
    """
    toml = ctx.find_object(ConfigFile) if config else None
    given = (ctx.params.get(name) for name in ("api_key_file", "password_file", "ca_certs"))
    return [toml.path if toml else None, *given]


def connection_options(command: F) -> F:
    """Give a command the options of a connection; it receives them as `connection`."""

    @connection_option(
        "--url",
        envvar="XLREC_URL",
        show_envvar=True,
        default=DEFAULT_URL,
        show_default=True,
        metavar="URL",
        help="Elasticsearch's address.",
    )
    @connection_option(
        "--api-key",
        envvar="XLREC_API_KEY",
        show_envvar=True,
        metavar="KEY",
        help="Encoded API key.",
    )
    @connection_option(
        "--api-key-file",
        metavar="FILE",
        envvar="XLREC_API_KEY_FILE",
        show_envvar=True,
        help="File whose first line is the API key; -: standard input.",
    )
    @connection_option(
        "--username",
        envvar="XLREC_USERNAME",
        show_envvar=True,
        metavar="USER",
        help="User, in place of --api-key.",
    )
    @connection_option(
        "--password",
        envvar="XLREC_PASSWORD",
        show_envvar=True,
        metavar="PASSWORD",
        help="The user's password; the variable keeps it out of the process list.",
    )
    @connection_option(
        "--password-file",
        metavar="FILE",
        envvar="XLREC_PASSWORD_FILE",
        show_envvar=True,
        help="File whose first line is the password; -: standard input.",
    )
    @connection_option(
        "--ca-certs",
        envvar="XLREC_CA_CERTS",
        show_envvar=True,
        metavar="FILE",
        help="Certificate authority (PEM file) that signed the cluster's certificate.",
    )
    @connection_option(
        "--ca-fingerprint",
        envvar="XLREC_CA_FINGERPRINT",
        show_envvar=True,
        metavar="SHA256",
        help="SHA-256 of the certificate authority, in place of --ca-certs.",
    )
    @connection_option(
        "--timeout",
        "timeout_s",
        envvar="XLREC_TIMEOUT",
        show_envvar=True,
        default=30.0,
        show_default=True,
        type=NumberRange(min=0, min_open=True),
        metavar="SECONDS",
        help="Seconds that one request may take.",
    )
    @connection_option(
        "--insecure",
        is_flag=True,
        envvar="XLREC_INSECURE",
        show_envvar=True,
        help="Do not check the cluster's certificate; for testing only.",
    )
    @functools.wraps(command)
    def wrapper(
        *args: Any,  # noqa: ANN401 - click hands through whatever the command declares
        url: str,
        username: str | None,
        ca_certs: str | None,
        ca_fingerprint: str | None,
        timeout_s: float,
        insecure: bool,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        ctx = click.get_current_context()
        api_key, password = (choose_secret(ctx, name) for name in ("api_key", "password"))
        others = {name: value for name, value in kwargs.items() if name not in _SECRETS}
        connection = Connection(
            url, api_key, username, password, ca_certs, ca_fingerprint, timeout_s, insecure
        )
        with insecure_warnings():
            return command(*args, connection=connection, **others)

    return wrapper  # type: ignore[return-value]


def write_and_show(write: Callable[[], None] | None, show: Callable[[], None]) -> None:
    """Write results, then show them; what hinders the one does not hinder the other.

    A reader of what is shown may leave early (`| head`), which ends the program.

    Args:
        write: Writes them; None if they are not to be written.
        show: Shows them.

    Raises:
        XlrecError: They could not be written. They were shown.
    """
    failed = None
    try:
        if write is not None:
            write()
    except XlrecError as error:
        failed = error
    show()
    if failed is not None:
        raise failed


write_to_option = click.option(
    "--write-to",
    metavar="INDEX",
    help="Index to add the results to, for Kibana; it is created if it does not exist.",
)
