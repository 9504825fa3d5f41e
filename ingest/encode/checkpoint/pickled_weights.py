"""Weights in pickles (`pytorch_model.bin`), written again once as safetensors.

A pickle can run code when it is read. PyTorch's reader refuses everything but tensors
(`weights_only`), and it runs in a process of its own, which ends with the conversion.

Source: https://docs.pytorch.org/docs/stable/generated/torch.load.html
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from xlrec_es.cache_folder import cache_dir
from xlrec_es.errors import EncoderError

PICKLED = "pytorch_model*.bin"
"""Pattern of the names of files with pickled weights."""

SHARDS = "pytorch_model.bin.index.json"
"""Name of the file that says which tensor is in which of several."""

_PREFIX = "cannot convert: "


def pickled_alone(folder: Path) -> list[Path]:
    """Pickled weights in folders of the model that have no others."""
    return sorted(
        path
        for path in folder.rglob(PICKLED)
        if not any(path.parent.glob("*.safetensors")) and not any(path.parent.glob("*.onnx"))
    )


def converted(folder: Path, model: str) -> Path:
    """The folder of the same model in safetensors, made on first use.

    Args:
        folder: Of the model, with pickled weights.
        model: Its name, for people.

    Raises:
        EncoderError: They hold more than tensors, or are damaged; or the cache cannot be written.
    """
    made = cache_dir() / "models" / f"converted-{_digest(folder)}"
    if made.is_dir():
        return made
    try:
        made.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{made.name}-", dir=made.parent))
    except OSError as error:
        raise EncoderError(
            f"cannot write the converted model to {made}: {error.strerror}; make room, or choose "
            "another folder with XLREC_CACHE"
        ) from error
    try:
        command = [sys.executable, "-m", __name__, str(folder), str(unfinished)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            said = done.stderr.strip().rpartition(_PREFIX)[2].partition("\n")[0]
            raise EncoderError(
                f"{model} has pickled weights alone, and they cannot be converted: "
                f"{said or f'the process ended with {done.returncode}'}; get the model in "
                "safetensors"
            )
        try:
            unfinished.rename(made)
        except OSError:
            if not made.is_dir():  # or another process was faster
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return made


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(_files(folder)):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and ".git" not in path.relative_to(folder).parts:
            yield path


# --- in the process


def _convert(folder: Path, made: Path) -> None:
    pickled = pickled_alone(folder)
    for path in _files(folder):
        target = made / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path in pickled:
            _write(path, target.with_name(_renamed(path.name)))
        elif path.name == SHARDS:
            index = json.loads(path.read_bytes())
            places = {name: _renamed(file) for name, file in index["weight_map"].items()}
            text = json.dumps({**index, "weight_map": places})
            target.with_name("model.safetensors.index.json").write_text(text, "utf-8")
        elif path.suffix != ".bin":
            shutil.copyfile(path, target)


def _renamed(name: str) -> str:
    return name.replace("pytorch_model", "model", 1).removesuffix(".bin") + ".safetensors"


def _write(path: Path, target: Path) -> None:
    import torch
    from safetensors.torch import save_file

    state = torch.load(path, map_location="cpu", weights_only=True)
    # Tied weights share their memory in a pickle; safetensors has each by itself.
    tensors = {name: value.clone().contiguous() for name, value in state.items()}
    save_file(tensors, target, metadata={"format": "pt"})


if __name__ == "__main__":
    try:
        _convert(Path(sys.argv[1]), Path(sys.argv[2]))
    except Exception as error:  # whatever a damaged or hostile file makes the reader raise
        reason = str(error).strip().partition("\n")[0].split(". ")[0]
        sys.exit(f"{_PREFIX}{reason or type(error).__name__}")
