"""Files that a command writes: never one that it reads."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from xlrec_es.errors import UsageError

_STANDARD_INPUT = "-"
_ITS_FILE = Path("/dev/stdin")


def is_same(one: str | Path, other: str | Path) -> bool:
    """Whether two names are of one file or folder, also through symbolic and hard links.

    Args:
        one: A path; `-` is the file that standard input comes from.
        other: Likewise.

    Returns:
        False, too, where there is nothing yet, or a device or a pipe, which loses nothing.
    """
    first, second = _path(one), _path(other)
    with contextlib.suppress(OSError, ValueError):  # no file, no permission, or no name of one
        return (first.is_file() or first.is_dir()) and first.samefile(second)
    return False


def refuse_inputs(
    output: Path, inputs: Iterable[str | Path | None], *, option: str, replaces: bool = False
) -> None:
    """See that writing a file takes nothing away that the command reads.

    Args:
        output: The file or folder that is to be written.
        inputs: Paths that the command reads, `-` for standard input; what is no path, such as
            `index:NAME`, or None, is passed over.
        option: The output's, for the message.
        replaces: Whether the output is a folder that another one takes the place of, with all that
            is in it.

    Raises:
        UsageError: It is one of the inputs; or it holds one of them, and is replaced.
    """
    for one in inputs:
        if one is None:
            continue
        if is_same(output, one):
            raise UsageError(
                f"{output} is what the command reads and is not replaced; name another with "
                f"{option}"
            )
        if replaces and any(is_same(output, parent) for parent in _path(one).resolve().parents):
            raise UsageError(
                f"{output} holds {one}, which the command reads, and is not replaced; name another "
                f"folder with {option}"
            )


def _path(name: str | Path) -> Path:
    return _ITS_FILE if name == _STANDARD_INPUT else Path(name)
