"""The ingest worker: encodes a catalog and writes it into Elasticsearch."""

import logging
from typing import TYPE_CHECKING

# torch takes seconds to import: it is, when `load_encoder` is first asked for (PEP 562).
if TYPE_CHECKING:
    from ingest.encode.sentence_transformer import load_encoder
else:

    def __getattr__(name: str) -> object:
        if name != "load_encoder":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from ingest.encode.sentence_transformer import load_encoder

        globals()[name] = load_encoder
        return load_encoder

    def __dir__() -> list[str]:
        return __all__


__all__ = ["load_encoder"]

logging.getLogger(__name__).addHandler(logging.NullHandler())  # silent, unless somebody listens
