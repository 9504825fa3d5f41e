"""The license of a model's weights, as its card tells it."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from ingest.encode.sparse.beside import SparseEncoder, sparse_of
from xlrec_es.vectors.encoder import Encoder

CARD = "README.md"
_NON_COMMERCIAL = re.compile(r"(^|[-_ ])nc([-_ ]|$)|non-?commercial|research", re.IGNORECASE)


def license_of(folder: Path) -> str | None:
    """What the card in a model's folder says.

    Args:
        folder: Of the model.

    Returns:
        As the Hugging Face hub spells it (`mit`, `cc-by-nc-4.0`), or the name that the card gives
        in place of `other`; None if there is no card, or it does not say.
    """
    # Whatever is wrong with the card, the model can be used.
    with contextlib.suppress(Exception):
        from huggingface_hub import RepoCard  # what needs a license alone needs no hub

        data = RepoCard.load(folder / CARD).data
        known = data.get("license")
        named = data.get("license_name") if known in (None, "other") else None
        return str(named or known) if named or known else None
    return None


def license_note(encoder: Encoder) -> dict[str, str]:
    """The licenses of an encoder's weights, as an index remembers them; without what is not known.

    Returns:
        `license`, and `sparse_license` of the sparse encoder beside it.
    """
    found = {"license": encoder, "sparse_license": sparse_of(encoder)}
    told = {name: getattr(one, "license", None) for name, one in found.items()}
    return {name: known for name, known in told.items() if known}


def license_warnings(encoder: Encoder) -> list[str]:
    """`license_warning` of an encoder, and of the sparse one beside it."""
    both = (encoder, sparse_of(encoder))
    return [told for one in both if one is not None and (told := license_warning(one))]


def license_warning(encoder: Encoder | SparseEncoder) -> str | None:
    """A sentence on weights that are not free for commercial use; None of others."""
    license_ = getattr(encoder, "license", None)
    if license_ is None or not _NON_COMMERCIAL.search(license_):
        return None
    return (
        f"the weights of {encoder.model} are licensed for non-commercial use ({license_}); ask "
        "their owners for a license before a shop uses them"
    )
