"""The searches of one user, and the request bodies that are golden.

`python3 tests/environment.py python tests/golden_bodies.py` writes those, and
tests/unit/xlrec_es/recommend/request/test_queries.py compares them.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from xlrec_es.interactions.impressions import Shown, impressions_body
from xlrec_es.recommend.options import RETRIEVERS, Boost, Recency, SearchOptions
from xlrec_es.recommend.request.candidates import candidates_body
from xlrec_es.recommend.request.profile import HistoryDocument, Profile, build_profile
from xlrec_es.recommend.request.queries import (
    SearchRequest,
    build_requests,
    lexical_body,
    popularity_body,
)
from xlrec_es.recommend.request.read_queries import details_body, history_body, names_body
from xlrec_es.recommend.request.server_fusion import one_search_each
from xlrec_es.recommend.request.text_queries import text_body

GOLDEN = Path(__file__).parent / "unit/xlrec_es/recommend/request/golden"
RECENT = SearchOptions(recent=Recency("shop.published", "7d"))
WEIGHTS = {"dense": 0.5, "lexical": 0.125, "collaborative": 0.25, "popularity": 0.125}
ODD_ID = 'quote" brace} back\\slash ünï日本 \t'


def profile(*, read: bool = False) -> Profile:
    documents = [
        HistoryDocument("gimp@de", "gimp", "de", "GIMP", np.asarray([1, 0, 0], np.float32)),
        HistoryDocument("gimp@ja", "gimp", "ja", "GIMP", np.asarray([1, 0, 0], np.float32)),
        HistoryDocument(ODD_ID, ODD_ID, "de", None, np.asarray([0, 0.6, 0.8], np.float32)),
    ]
    if read:
        documents = [replace(document, text=f"{document.id} draws") for document in documents]
    return build_profile(documents, {"gimp": 3.0, ODD_ID: 1.0})


def requests(**changes: object) -> tuple[SearchRequest, ...]:
    arguments = {
        "languages": ["ja", "zh"],
        "retrievers": ("dense", "lexical"),
        "index": "apps-xlrec-v1",
        "options": SearchOptions(candidates=20, num_candidates=50, source=("title",)),
        **changes,
    }
    return build_requests(profile(), **arguments)  # type: ignore[arg-type]


def golden_bodies() -> dict[str, object]:
    return {
        "details": details_body(
            ["a", ODD_ID], source=("title", "brand"), read=("xlrec.indicators", "xlrec.embedding")
        ),
        "everything": [
            {"leg": r.retriever, "body": r.body}
            for r in requests(
                languages=["ja"],
                retrievers=RETRIEVERS,
                options=SearchOptions(
                    candidates=20,
                    num_candidates=50,
                    exact=True,
                    oversample=2.0,
                    min_similarity=0.25,
                    filters=({"term": {"in_stock": True}}, {"range": {"price": {"lte": 9}}}),
                    boosts=(Boost({"term": {"brand": "acme"}}, 1.5),),
                    caps={"brand": 2},
                    collapse=True,
                ),
            )
        ],
        "given": candidates_body(
            ["a", ODD_ID],
            SearchOptions(
                boosts=(Boost({"term": {"brand": "acme"}}, 1.5),),
                source=("brand",),
                binary_vectors=True,
            ),
            title="title",
        ),
        "history": history_body(["a", ODD_ID], title="title"),
        "impressions": impressions_body(
            Shown("shop-shown", ODD_ID, fields={"item": "work"}),
            {"user": {"keyword": {}}, "time": {"date": {}}},
            datetime(2026, 5, 1, tzinfo=UTC),
        ),
        "names": names_body(["a", ODD_ID]),
        "together": [
            {"language": r.language, "leg": r.retriever, "body": r.body}
            for r in requests(
                languages=["de", "ja"],
                retrievers=["collaborative"],
                options=SearchOptions(shared=20),
            )
        ],
        "recent": [
            popularity_body(build_profile([], {}), "ja", RECENT, market=market)
            for market in (None, "JP")
        ],
        "requests": [
            {"language": r.language, "leg": r.retriever, "body": r.body} for r in requests()
        ],
        "seen": history_body(["a", ODD_ID], title=None, read=()),
        "search": [
            text_body(profile(), "zh", tags, ODD_ID, search)
            for tags, search in (
                (("zh",), SearchOptions()),
                (
                    ("zh-CN", "zh-TW"),
                    SearchOptions(
                        variants={"zh": ("zh-CN", "zh-TW")},
                        filters=({"term": {"in_stock": True}},),
                        boosts=(Boost({"term": {"brand": "acme"}}, 1.5),),
                        caps={"brand": 2},
                    ),
                ),
            )
        ],
        "texts": [
            lexical_body(
                profile(read=True), language, "apps-xlrec-v1", SearchOptions(query_texts=1)
            )
            for language in ("de", "ja")
        ],
        "server_side": [
            {"language": r.language, "leg": r.retriever, "body": r.body}
            for constant in (None, 60)
            for r in one_search_each(
                requests(retrievers=RETRIEVERS), weights=WEIGHTS, rank_constant=constant
            )
        ],
    }


def knn_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    [clause] = body["query"]["bool"]["must"]
    return [query["knn"] for query in clause["dis_max"]["queries"]]


if __name__ == "__main__":
    for name, body in golden_bodies().items():
        text = json.dumps(body, indent=2, ensure_ascii=False) + "\n"
        (GOLDEN / f"{name}.json").write_text(text, "utf-8")
