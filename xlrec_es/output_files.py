"""Files that a command writes: never in the place of one that it reads, or that others made."""

from __future__ import annotations

import contextlib
import errno
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from xlrec_es.errors import UsageError

_STANDARD_INPUT = "-"
_ITS_FILE = Path("/dev/stdin")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


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


def refuse_others(output: Path, is_earlier: Callable[[Path], bool], *, kind: str) -> None:
    """See that a file takes the place of an earlier one of its kind alone.

    Args:
        output: The file that is to be written; a device or a pipe loses nothing.
        is_earlier: Whether a file that is there and not empty is what the command writes.
        kind: What it writes, for the message.

    Raises:
        UsageError: Something else is there, or it cannot be read; or there is no folder for it.
    """
    with explained(output):  # a name that no file can have, or of a folder that none may look into
        has_folder, is_there = output.parent.is_dir(), output.is_file()
    if not has_folder:
        raise UsageError(f"there is no folder {output.parent}; make it first")
    if not is_there:
        return
    try:
        is_replaced = output.stat().st_size == 0 or is_earlier(output)
    except OSError as error:
        raise UsageError(
            f"{output} is there and cannot be read ({error.strerror}), and is not replaced; name "
            "another file, or remove it"
        ) from error
    if not is_replaced:
        raise UsageError(
            f"{output} is there and is no {kind}, and is not replaced; name another file, or "
            "remove it"
        )


def beginning(path: Path, size: int) -> bytes:
    """The first bytes of a file, at most `size` of them.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return file.read(size)


@contextlib.contextmanager
def explained(output: Path) -> Iterator[None]:
    """Say in one sentence that a file cannot be written, whatever is why.

    Raises:
        UsageError: It cannot.
    """
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"cannot write {output} ({error.strerror or error}); name another file, or make room "
            "for it"
        ) from error


@contextlib.contextmanager
def whole(output: Path) -> Iterator[Path]:
    """A file that takes an output's name once all of it is written, and is gone if it is not.

    So a disk that is full costs neither what was there, nor leaves half of what was to be there.

    Args:
        output: The file; through a symbolic link, what it points to. A device or a pipe is written
            itself.

    Yields:
        What to write.

    Raises:
        UsageError: It cannot be given its name.
    """
    if output.exists() and not output.is_file():
        yield output
        return
    target = output.resolve()
    # Of a part of its name: a file may have the longest one that there is.
    unfinished = target.with_name(f".{target.name[:40]}.{uuid.uuid4().hex[:8]}.unfinished")
    try:
        yield unfinished
        with explained(output):
            if target.exists():
                shutil.copymode(target, unfinished)
            unfinished.replace(target)
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)


@contextlib.contextmanager
def writing(output: Path) -> Iterator[Path]:
    """The same, where nothing but writing is done meanwhile.

    Yields:
        What to write.

    Raises:
        UsageError: It cannot be written.
    """
    with explained(output), whole(output) as unfinished:
        yield unfinished


@contextlib.contextmanager
def temporary(folder: str | Path, *, named_by: str = "TMPDIR") -> Iterator[None]:
    """Say in one sentence that temporary files have no room.

    Args:
        folder: That they are in.
        named_by: The environment variable or the option that names another one.

    Raises:
        UsageError: They have none.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise UsageError(
            f"there is no room for temporary files in {folder} ({error.strerror}); make some, or "
            f"name another folder by {named_by}"
        ) from error


def _path(name: str | Path) -> Path:
    return _ITS_FILE if name == _STANDARD_INPUT else Path(name)
