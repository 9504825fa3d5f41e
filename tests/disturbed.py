"""A catalogue of all kinds of records, and what becomes of it."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from elasticsearch import Elasticsearch

DOCUMENTS = 6000


def write_catalogue(path: Path, n: int = DOCUMENTS) -> list[int]:
    """Records, some of them bad, some in two states, some deleted; the lines that are rejected."""
    draw = random.Random(1)
    bad = []
    with path.open("w", encoding="utf-8") as file:
        for line in range(1, n + 1):
            record: Any = {"id": line, "language": "en", "title": f"title {line}", "n": line}
            kind = draw.random()
            if kind < 0.01:
                record = {"id": line}
                bad.append(line)
            elif kind < 0.02 and line > 1000:
                record = {"id": line - draw.randrange(1, 900), "language": "en", "title": "new"}
            elif kind < 0.03 and line > 1000:
                record = {"_op": "delete", "id": line - draw.randrange(1, 900)}
            elif kind < 0.04:
                texts = {"de": {"title": f"Titel {line}"}, "fr": {"title": f"titre {line}"}}
                record = {"id": line, "translations": texts}
            file.write(json.dumps(record) + "\n")
    return bad


def contents(es: Elasticsearch, index: str) -> dict[str, Any]:
    """Every document but for the time of its writing, with its vector."""
    es.indices.refresh(index=index)
    found: dict[str, Any] = {}
    query: dict[str, Any] = {"size": 2000, "sort": ["_shard_doc"], "fields": ["xlrec.embedding"]}
    pit = es.open_point_in_time(index=index, keep_alive="1m")["id"]
    while hits := es.search(**query, pit={"id": pit, "keep_alive": "1m"})["hits"]["hits"]:
        for hit in hits:
            own = {k: v for k, v in hit["_source"]["xlrec"].items() if k != "ingested_at"}
            vector = hit["fields"]["xlrec.embedding"]
            found[hit["_id"]] = hit["_source"] | {"xlrec": own, "vector": vector}
        query["search_after"] = hits[-1]["sort"]
    es.close_point_in_time(id=pit)
    return found


def rejected_lines(path: Path) -> list[int]:
    return [json.loads(line)["line"] for line in path.read_bytes().splitlines()]
