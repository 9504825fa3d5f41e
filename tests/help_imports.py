"""What the help of a program's commands imports."""

from __future__ import annotations

import json
import subprocess
import sys

_SHOW_EVERY_HELP = """
import contextlib, importlib, io, json, sys
import click
main = importlib.import_module(sys.argv[1]).main
imported, known = {}, set()

def show(*path):
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        main([*path, "--help"], standalone_mode=False)
    assert shown.getvalue().startswith("Usage: "), path
    imported[" ".join(path)] = sorted(sys.modules.keys() - known)
    known.update(sys.modules)

show()
for name in main.commands:
    show(name)
    command = main.lazy[name].load()
    for inner in command.commands if isinstance(command, click.Group) else ():
        show(name, inner)
print(json.dumps(imported))
"""


def imported_by_help(main: str) -> dict[str, set[str]]:
    """Modules that the help of each command imports, beside those of the commands before it.

    Args:
        main: The module that holds the program's group, as `main`.

    Returns:
        By the command's path, such as `index status`; the program's own is the empty text.
    """
    done = subprocess.run(
        [sys.executable, "-c", _SHOW_EVERY_HELP, main],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return {path: set(modules) for path, modules in json.loads(done.stdout).items()}


def packages(modules: set[str]) -> set[str]:
    """The top-level packages of modules."""
    return {name.partition(".")[0] for name in modules}
