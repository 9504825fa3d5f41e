"""What tests of indicators share: small likes, a job, and a look at what documents hold."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch
from scipy.sparse import csr_array

from ingest.indicators.cold_start import Transfer
from ingest.indicators.learners import LocalEase
from ingest.indicators.run import IndicatorJob

N_USERS, N_WORKS = 300, 60
COLD = "chess-9"
SPARSE = ("xlrec.indicators", "xlrec.market_popularity")
OMITTED = ("embedding", "indicators", "market_popularity")  # some versions leave them out


def as_likes(table: object) -> csr_array:
    """A row a user, a column a work."""
    return csr_array(np.asarray(table, np.float32))


def all_works(likes: csr_array) -> np.ndarray:
    """The number of every work, shape (n_works,)."""
    return np.arange(likes.shape[1], dtype=np.int32)


def job(likes: Path, name: str, **options: Any) -> IndicatorJob:  # noqa: ANN401 - of any field
    """What to do with these likes in an index of the catalogue; options change some of it."""
    learner = LocalEase(regularization=10, top=20)
    transfer = Transfer(neighbours=5, speaking=5, top=20)
    plain = IndicatorJob(str(likes), name, learner=learner, transfer=transfer)
    return dataclasses.replace(plain, **options)


def documents(client: Elasticsearch, index: str) -> dict[str, dict[str, Any]]:
    """All documents, vectors and all, by id; version and source apart from what is learned."""
    body = {"size": 1000, "version": True, "fields": ["xlrec.embedding", *SPARSE]}
    hits = client.search(index=index, body=body)["hits"]["hits"]
    found = {}
    for hit in hits:
        source = hit["_source"]
        own = {k: v for k, v in source["xlrec"].items() if k not in OMITTED}
        learned = {
            name: own.pop(name, None)
            for name in ("indicators_from", "evidence", "generation", "popularity")
        }
        learned["market_popularity"] = hit["fields"].get("xlrec.market_popularity")
        vector = np.array(hit["fields"]["xlrec.embedding"], np.float32).tobytes()
        found[hit["_id"]] = {
            "version": hit["_version"],
            "kept": {**source, "xlrec": own, "vector": vector},
            "learned": learned,
            "indicators": hit["fields"].get("xlrec.indicators", [{}])[0],
        }
    return found
