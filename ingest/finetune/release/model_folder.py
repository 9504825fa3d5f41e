"""A model that this program made, as a folder: weights, tokenizer, configuration, and a card.

    model.safetensors, modules.json, ...   a sentence-transformers model, prefix included
    README.md                              the card, for people: data, settings, results, license
    curves.png                             what was measured while it was made, if anything was
    xlrec.json                             the card, for this program: fingerprint, centering

A folder comes into being at once: it is written beside its place and takes the place of an earlier
one in a single step, so that at every moment there is the one or the other, whole.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from safetensors import SafetensorError
from sentence_transformers import SentenceTransformer

from ingest.encode import model_files
from ingest.encode.checkpoint.license import license_of
from ingest.encode.model_files import ModelFiles
from ingest.encode.model_record import RECORD, read_record
from ingest.finetune.release.model_card import CURVES, Card, text_of
from xlrec_es import __version__
from xlrec_es.errors import EncoderError, MissingExtra

try:
    from xlrec_es.report import charts
except ImportError as error:
    raise MissingExtra.named("finetune", "Making a model") from error


_THIS_FOLDER = -100  # AT_FDCWD: names are as they are
_EXCHANGE = 2  # RENAME_EXCHANGE


def write_model(folder: Path, model: SentenceTransformer, card: Card) -> ModelFiles:
    """Write a model that sentence-transformers holds, and its card.

    Texts get the card's prefix from plain `SentenceTransformer(folder).encode(texts)`, too.

    Args:
        folder: Takes the place of an earlier model of this program, or of nothing.
        model: Its weights are written as they are.
        card: See `Card`.

    Raises:
        EncoderError: There is something else in the folder, or it cannot be written.
    """
    if card.prefix or any(model.prompts.values()):  # a base's own prompt must not come back
        set_prefix(model, card.prefix)
    dims = model.get_embedding_dimension()

    def write(unfinished: Path) -> None:
        model.save(str(unfinished), create_model_card=False)

    return write_folder(folder, write, card, dims=dims)


def set_prefix(model: SentenceTransformer, prefix: str) -> None:
    """Have each text get the prefix, from plain sentence-transformers, too."""
    model.prompts = {**model.prompts, "query": prefix, "document": prefix}
    model.default_prompt_name = "query"


@contextlib.contextmanager
def beside(folder: Path) -> Iterator[Path]:
    """An empty folder on the same disk, for a model that is not yet known to be wanted.

    Raises:
        EncoderError: It cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise _not_written(folder, error) from error
    try:
        yield unfinished
    except (OSError, SafetensorError) as error:  # the latter says that the disk is full, too
        raise _not_written(folder, error) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def write_folder(
    folder: Path, write: Callable[[Path], None], card: Card, *, dims: int | None = None
) -> ModelFiles:
    """As `write_model`, for what writes its files itself.

    Args:
        folder: See `write_model`.
        write: Is given an empty folder to fill.
        card: See `Card`.
        dims: Length of a vector, for the card.

    Raises:
        EncoderError: As for `write_model`.
    """
    check_free(folder)
    with beside(folder) as unfinished:
        write(unfinished)
        revision = model_files.hash_folder(unfinished)
        _write_card(unfinished, folder.name, revision, card, dims)
        unfinished.chmod(0o755)
        _put_in_place(unfinished, folder)
    return ModelFiles(folder, folder.resolve().name, revision, license_of(folder))


def _put_in_place(made: Path, folder: Path) -> None:
    """Give a folder its name; an earlier one has the name of this one then.

    Raises:
        OSError: It cannot be done; what was there is there.
    """
    try:
        made.rename(folder)  # in one step where there is nothing, or an empty folder
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise
    else:
        return
    if _exchanged(made, folder):
        return
    # Not on this system or disk. Killed between the two, both are there still, under other names.
    earlier = made.with_name(f"{made.name}.earlier")
    try:
        folder.rename(earlier)
        made.rename(folder)
    except BaseException:
        if not folder.exists():
            earlier.rename(folder)
        raise
    finally:
        if earlier.exists():
            earlier.rename(made)


def _exchanged(one: Path, other: Path) -> bool:
    """Have two folders change their names in one step, if the system can."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)  # of Linux
    if rename is None:
        return False
    names = (_THIS_FOLDER, os.fsencode(one), _THIS_FOLDER, os.fsencode(other))
    return bool(rename(*names, _EXCHANGE) == 0)


def _not_written(folder: Path, error: Exception) -> EncoderError:
    reason = (isinstance(error, OSError) and error.strerror) or str(error).partition("\n")[0]
    return EncoderError(f"cannot write the model to {folder}: {reason}")


def check_free(folder: Path) -> None:
    """See that a model may be written there, before hours are spent on it.

    Raises:
        EncoderError: There is something else than an earlier model of this program, or nothing may
            be written there.
    """
    if folder.is_symlink():
        raise EncoderError(
            f"{folder} is a symbolic link, and a model takes the place of a folder; name the "
            f"folder itself: {folder.resolve()}"
        )
    there = next(parent for parent in folder.absolute().parents if parent.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise EncoderError(
            f"cannot write the model to {folder}: {there} is no folder that may be written in"
        )
    if not folder.exists() or read_record(folder) is not None:
        return
    if not folder.is_dir() or any(folder.iterdir()):
        raise EncoderError(
            f"{folder} is there and is no model of this program; choose another place for the "
            "model, or remove it"
        )


def _write_card(folder: Path, name: str, revision: str, card: Card, dims: int | None) -> None:
    record = {
        "fingerprint": {
            "model": name,
            "revision": revision,
            "dims": dims,
            "prefix": card.prefix,
        },
        "program": f"xlrec-es {__version__}",
        **asdict(card),
    }
    text = json.dumps(record, ensure_ascii=False, indent=2, default=str)
    (folder / RECORD).write_text(text + "\n", encoding="utf-8")
    if any(card.curves.values()):
        (folder / CURVES).write_bytes(charts.curves(card.curves))
    (folder / "README.md").write_text(text_of(name, revision, card), encoding="utf-8")
