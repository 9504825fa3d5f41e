"""How options, environment and TOML file combine.

Click's own order decides: command line, then environment (`XLREC_*`), then TOML file, then default.
The TOML file has a table `[connection]`, and one for each command: `[recommend]`, `[run]` ... Keys
are named as options.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from xlrec_es.cli.options.old_names import current_tables
from xlrec_es.errors import ConfigError

_TYPO = 0.85  # `recomend` is that near to `recommend`; names of commands are farther apart


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """Defaults of options, as a TOML file has them.

    Attributes:
        tables: By command.
        shared: What goes to every command: keys of `[connection]`, and `[fields]` and `[history]`
            as a whole.
        path: Of the file.
    """

    tables: Mapping[str, Mapping[str, Any]]
    shared: Mapping[str, Any]
    path: Path

    @classmethod
    def read(cls, path: Path) -> ConfigFile:
        """Read a file.

        Raises:
            ConfigError: Not a TOML file, or a key that stands outside of a table.
        """
        import tomllib

        try:
            tables = tomllib.loads(path.read_text("utf-8"))
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot read {path}: {error}") from error
        for key, value in tables.items():
            if not isinstance(value, dict):
                raise ConfigError(f"{path}: {key} stands outside of a table such as [connection]")
        whole = {name: tables.get(name, {}) for name in ("fields", "history")}
        return cls(tables, {**tables.get("connection", {}), **whole}, path)

    def defaults(
        self, name: str, command: click.Command, renamed: Mapping[str, str]
    ) -> dict[str, Any]:
        """Click's `default_map` for a command; those of a group have theirs in the group's table.

        Args:
            name: The table.
            command: Whose it is.
            renamed: What commands are called now, by names they had before.

        Raises:
            ConfigError: A key stands for no option, or its value is of another kind.
        """
        tables = current_tables(self.tables, renamed)
        _check_connection(tables.get("connection", {}))
        return _defaults(tables, self.shared, name, command)

    def check_tables(self, commands: Iterable[str]) -> None:
        """Refuse a table whose name is nearly that of a command; others may be another program's.

        Raises:
            ConfigError: There is one.
        """
        known = {"connection", "fields", "history", *commands}
        for table in self.tables.keys() - known:
            if near := difflib.get_close_matches(table, known, n=1, cutoff=_TYPO):
                raise ConfigError(
                    f"the TOML file has a table [{table}], which nothing reads; "
                    f"did you mean [{near[0]}]?"
                )


def _check_connection(table: Mapping[str, Any]) -> None:
    """Refuse what no command could read: it would connect to another cluster than was meant."""
    from xlrec_es.cli.options.shared import connection_options, index_option

    known = option_keys(click.command()(connection_options(index_option()(lambda: None))))
    for key in table:
        if key.replace("-", "_") not in known:
            raise ConfigError(_no_option("connection", key, known))


def _defaults(
    tables: Mapping[str, Any], shared: Mapping[str, Any], name: str, command: click.Command
) -> dict[str, Any]:
    names = option_keys(command)
    options = {one.name: one for one in command.params}
    inner = command.commands if isinstance(command, click.Group) else {}
    own = tables.get(name, {})
    table: dict[str, Any] = {}
    for given, of in ((shared, "connection"), (own, name)):
        for key, value in given.items():
            option = names.get(key.replace("-", "_"))
            if given is shared and isinstance(value, dict):
                table[key] = value  # [history] is a table, and --history an option
            elif option is not None:
                table[option] = _fitting(options[option], value, f"[{of}] of the TOML file: {key}")
            elif given is shared:
                table[key] = value  # of the connection, for other commands
            elif key not in inner:
                raise ConfigError(_no_option(name, key, names))
    return table | {of: _defaults(own, shared, of, one) for of, one in inner.items()}


def _no_option(table: str, key: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(key.replace("-", "_"), known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"[{table}] of the TOML file has no option {key!r}{hint}"


def _fitting(option: click.Parameter, value: object, place: str) -> object:
    """A value in the form that click expects; what is wrong with a number or name, it says.

    Raises:
        ConfigError: A list or table where one value belongs, or something else than texts,
            numbers, true and false.
    """
    several = value if isinstance(value, list) else [value]
    if option.multiple or option.nargs != 1:
        fits = all(isinstance(one, str | int | float) for one in several)
        wanted = "a list of texts or numbers"
    else:
        fits, wanted = isinstance(value, str | int | float), "one text or number, or true or false"
    if not fits:
        raise ConfigError(f"{place} is {value!r}; write {wanted}")
    return several if option.multiple else value


def option_keys(command: click.Command) -> dict[str, str]:
    """What a command's table may hold: its parameters' names by every key that stands for one.

    An option goes by its own name, by those that it had before, and by that of its parameter.
    """
    keys = {one.name: one.name for one in command.params if one.name is not None}
    for option in command.params:
        if isinstance(option, click.Option) and option.name is not None:
            for spelling in (*option.opts, *getattr(option, "old", ())):
                keys[spelling.lstrip("-").replace("-", "_")] = option.name
    return keys


def read_config(ctx: click.Context, _parameter: click.Parameter, path: Path | None) -> None:
    """Callback of `--config`: keep the file for the command that is called."""
    if path is not None:
        ctx.obj = ConfigFile.read(path)


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


def table_of_service(ctx: click.Context) -> Mapping[str, Any]:
    """`[serve]` of the TOML file: what a service writes has to be found without a word."""
    config = ctx.find_object(ConfigFile)
    table = {} if config is None else config.tables.get("serve", {})
    return {key.replace("-", "_"): value for key, value in table.items()}
