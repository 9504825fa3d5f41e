"""The license of a model's weights, as its card tells it."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

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
    """The license of an encoder's weights, as an index remembers it; empty if it is not known."""
    known = getattr(encoder, "license", None)
    return {"license": known} if known else {}


def license_warning(encoder: Encoder) -> str | None:
    """A sentence on weights that are not free for commercial use; None of others."""
    license_ = license_note(encoder).get("license")
    if license_ is None or not _NON_COMMERCIAL.search(license_):
        return None
    return (
        f"the weights of {encoder.model} are licensed for non-commercial use ({license_}); ask "
        "their owners for a license before a shop uses them"
    )
