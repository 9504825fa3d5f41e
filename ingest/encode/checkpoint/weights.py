"""Whether files with weights are whole, told by their headers."""

from __future__ import annotations

from pathlib import Path

from xlrec_es.errors import EncoderError


def check_whole(folder: Path, model: str) -> None:
    """See that each file of weights in safetensors has all that its header says.

    Args:
        folder: Of the model.
        model: Its name, for people.

    Raises:
        EncoderError: One does not: it was not copied or downloaded to its end.
    """
    from safetensors import SafetensorError, safe_open

    for path in sorted(folder.rglob("*.safetensors")):
        try:
            with safe_open(path, framework="np"):
                pass
        except (SafetensorError, OSError) as error:
            reason = str(error).partition("\n")[0]
            raise EncoderError(
                f"the weights of {model!r} are damaged: {path.relative_to(folder)} is not whole "
                f"({reason}); get the model again"
            ) from error
