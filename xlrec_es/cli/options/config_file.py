"""How options, environment and TOML file combine.

Click's own order decides: command line, then environment (`XLREC_*`), then TOML file, then default.
The TOML file has a table `[connection]`, and one for each command: `[recommend]`, `[run]` ... Keys
are named as options.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from xlrec_es.cli.options.old_names import current_tables
from xlrec_es.errors import ConfigError


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
            ConfigError: A key of the table stands for no option of the command.
        """
        return _defaults(current_tables(self.tables, renamed), self.shared, name, command)


def _defaults(
    tables: Mapping[str, Any], shared: Mapping[str, Any], name: str, command: click.Command
) -> dict[str, Any]:
    names = option_keys(command)
    inner = command.commands if isinstance(command, click.Group) else {}
    own = tables.get(name, {})
    table = {}
    for key, value in own.items():
        if key in inner:
            continue  # a table of its own, below
        if (option := names.get(key.replace("-", "_"))) is None:
            near = difflib.get_close_matches(key.replace("-", "_"), names, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ConfigError(f"[{name}] of the TOML file has no option {key!r}{hint}")
        table[option] = value
    found = {of: _defaults(own, shared, of, one) for of, one in inner.items()}
    return {**shared, **table, **found}


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
