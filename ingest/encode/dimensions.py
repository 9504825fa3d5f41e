"""How many dimensions the vectors of a model have: all, or as many as they are cut to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xlrec_es.errors import EncoderError
from xlrec_es.vectors.vector import MAX_DIMS

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_FILE = "config_sentence_transformers.json"


def choose_dims(
    transformer: SentenceTransformer, model: str, wanted: int | None
) -> tuple[int, int | None]:
    """Have a model's vectors cut as is asked for, else as its folder says.

    Args:
        transformer: The model, as it was loaded; set to cut them.
        model: Its name.
        wanted: Dimensions that are asked for; None for what the folder says.

    Returns:
        Dimensions of the vectors, and of what the folder's `truncate_dim` cut them from; None where
        it cut nothing.

    Raises:
        EncoderError: The model does not say how many it has, or has fewer than it is cut to, or too
            many; or its folder says a number that is none.
    """
    saved = transformer.truncate_dim
    transformer.truncate_dim = None
    whole: int | None = transformer.get_embedding_dimension()
    if whole is None:
        raise EncoderError(f"{model} does not say how long its vectors are")
    if wanted is None and saved is not None and not _is_within(saved, whole):
        raise EncoderError(
            f"{_FILE} of {model} says truncate_dim {saved!r}, and its vectors can be cut to a "
            f"whole number of dimensions from 1 to {whole}; correct it there"
        )
    dims = wanted or saved or whole
    if dims > whole:
        raise EncoderError(
            f"{model} has {whole} dimensions, so its vectors cannot be cut to {dims}"
        )
    if dims > MAX_DIMS:
        raise EncoderError(
            f"{model} has {whole} dimensions, and Elasticsearch holds {MAX_DIMS}; cut them "
            "(--dims, or MODEL@DIMS of compare-encoders) if the model was trained for it "
            "(Matryoshka), else use another model"
        )
    transformer.truncate_dim = dims if dims < whole else None
    return dims, whole if wanted is None and dims < whole else None


def _is_within(saved: object, whole: int) -> bool:
    return isinstance(saved, int) and not isinstance(saved, bool) and 1 <= saved <= whole
