"""How the client reads and writes JSON: see `xlrec_es.exact_json`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from elasticsearch.serializer import OrjsonSerializer

from xlrec_es import exact_json
from xlrec_es.errors import InvalidJson


class Serializer(OrjsonSerializer):
    """For the client."""

    def json_loads(self, data: bytes) -> Any:  # noqa: ANN401
        """See `exact_json.loads_all`.

        Around it, the client names what is no JSON, and takes an empty answer.
        """
        try:
            return exact_json.loads_all(data)
        except InvalidJson as error:
            raise ValueError(str(error)) from error

    def default(self, data: Any) -> Any:  # noqa: ANN401
        """How to write what orjson does not know."""
        return exact_json.written(data) if isinstance(data, Decimal) else super().default(data)
