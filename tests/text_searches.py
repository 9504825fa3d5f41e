"""The searches of users' texts, in each way that they could be made, for the benchmark of them."""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es import History, Recommender
from xlrec_es.recommend.answer.ranking import Searched
from xlrec_es.recommend.options import DENSE, LEXICAL
from xlrec_es.recommend.request.plan import Plan
from xlrec_es.recommend.request.queries import SearchRequest

Bodies = list[dict[str, Any]]
"""Of the searches of one user."""


class Searches:
    """The searches of some users' texts, in each way that they could be made."""

    def __init__(
        self, recommender: Recommender, some: list[History], languages: Sequence[str]
    ) -> None:
        found = recommender.search_many(some, languages=languages)
        self.plans = [one.plan for one in found if isinstance(one, Searched)]
        self.languages = languages

    def bm25(self, like: Callable[[Plan, str], list[object]]) -> list[Bodies]:
        """The searches of each user for documents that are like these."""
        found = []
        for plan in self.plans:
            mine = []
            for request in self._of(plan, LEXICAL):
                body = copy.deepcopy(request.body)
                alike = body["query"]["bool"]["must"][0]["more_like_this"]
                alike["like"] = like(plan, request.language)
                mine.append(body)
            found.append(mine)
        return found

    def terms(self, client: Elasticsearch, index: str, count: int) -> list[Bodies]:
        """Those of the terms that `more_like_this` picks, as if they were stored."""
        found = []
        for plan in self.plans:
            mine = []
            for request in self._of(plan, LEXICAL):
                body, field = copy.deepcopy(request.body), f"xlrec.text.{request.language}"
                must = body["query"]["bool"]["must"]
                told = must[0]["more_like_this"]
                texts = list(plan.profile.texts[request.language])[:10]
                known = term_vectors(client, index, texts, field)
                chosen = telling(known, count, told["max_query_terms"])
                must[0] = {"bool": {"should": [{"term": {field: term}} for term in chosen]}}
                mine.append(body)
            found.append(mine)
        return found

    def dense(self, change: Callable[[dict[str, Any]], None]) -> list[Bodies]:
        """The kNN searches of each user in each language, with changed filters."""
        found = [
            [copy.deepcopy(request.body) for request in self._of(plan, DENSE)]
            for plan in self.plans
        ]
        for knn in (knn for mine in found for body in mine for knn in knn_of(body)):
            change(knn)
        return found

    def at_once(self) -> list[Bodies]:
        """The kNN search of each user in all languages at once."""
        found = [mine[:1] for mine in self.dense(lambda _: None)]
        for [body] in found:
            body["size"] *= len(self.languages)
            for knn in knn_of(body):
                knn["filter"]["bool"]["filter"] = [{"terms": {"xlrec.language": self.languages}}]
        return found

    @staticmethod
    def _of(plan: Plan, retriever: str) -> list[SearchRequest]:
        return [request for request in plan.requests if request.retriever == retriever]


def knn_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The kNN queries of a dense search."""
    [query] = body["query"]["bool"]["must"]
    return [one["knn"] for one in (query["dis_max"]["queries"] if "dis_max" in query else [query])]


def term_vectors(
    client: Elasticsearch, index: str, ids: list[str], field: str
) -> list[dict[str, dict[str, int]]]:
    """What Elasticsearch says of the terms of each document."""
    unneeded = dict.fromkeys(("field_statistics", "offsets", "payloads", "positions"), False)
    docs = [{"_id": id_, "fields": [field], "term_statistics": True, **unneeded} for id_ in ids]
    told = client.mtermvectors(index=index, docs=docs)["docs"]
    return [doc["term_vectors"].get(field, {}).get("terms", {}) for doc in told]


def telling(vectors: list[dict[str, dict[str, int]]], count: int, most: int) -> list[str]:
    """The terms with the highest tf-idf, as `more_like_this` computes it."""
    frequency: Counter[str] = Counter()
    documents: dict[str, int] = {}
    for terms in vectors:
        for term, told in terms.items():
            frequency[term] += told["term_freq"]
            documents[term] = told["doc_freq"]
    score = {
        term: n * (1 + math.log((count + 1) / (documents[term] + 1)))
        for term, n in frequency.items()
        if documents[term] >= 2
    }
    return sorted(score, key=lambda term: (-score[term], term))[:most]


def hits_of(answer: dict[str, Any]) -> list[list[str]]:
    """The ids that each search found, in order."""
    return [
        [hit["fields"]["xlrec.id"][0] for hit in one["hits"]["hits"]] for one in answer["responses"]
    ]
