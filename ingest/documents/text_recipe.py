"""The text recipe: what of a record is searched and encoded, and how far it is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ingest.documents import text_cleaning
from ingest.encode.options import CHUNK, TRUNCATE
from ingest.encode.sparse.beside import sparse_name
from xlrec_es.vectors.encoder import Encoder, text_prefix
from xlrec_es.vectors.fingerprint import Fingerprint
from xlrec_es.vectors.language_centering import LanguageCentering

SEPARATOR = "\n"  # between fields; tokenizers take it for a space


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a document's text is made.

    Attributes:
        fields: Paths of the fields, in order.
        long_texts: One of `ingest.encode.options.LONG_TEXTS`.
    """

    fields: tuple[str, ...]
    long_texts: str = TRUNCATE

    def text(self, values: Iterable[str]) -> str:
        """Join the fields' values, each of them cleaned; empty ones are left out."""
        cleaned = (text_cleaning.clean(value) for value in values)
        return SEPARATOR.join(value for value in cleaned if value)

    def fingerprint(self, encoder: Encoder, centering: LanguageCentering) -> Fingerprint:
        """What stands for the vectors that this recipe, encoder and centering make."""
        read = f"first {encoder.max_tokens} tokens"
        if self.long_texts == CHUNK:
            read = f"mean of windows of {encoder.max_tokens} tokens"
        return Fingerprint(
            model=encoder.model,
            revision=encoder.revision,
            dims=encoder.dims,
            pooling=encoder.pooling,
            prefix=encoder.prefix,
            recipe=f"{', '.join(self.fields)}; cleaning {text_cleaning.VERSION}; {read}",
            centering=centering.name,
            text_prefix=text_prefix(encoder),
            sparse=sparse_name(encoder),
        )
