"""Fusion by Elasticsearch, as far as a node under a basic licence can show it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from elasticsearch import Elasticsearch

from catalogue import EVERYTHING
from xlrec_es import History, Options, Recommender
from xlrec_es.errors import UsageError
from xlrec_es.index.hits import id_of
from xlrec_es.recommend.options import OF_EVERY_INDEX
from xlrec_es.recommend.request.queries import score_of
from xlrec_es.recommend.request.server_fusion import one_search_each


def test_a_basic_licence_does_not_fuse(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = Recommender(catalogue, index_name, options=Options(server_side=True))
    with pytest.raises(UsageError, match=r"the cluster's license is basic.*leave server_side"):
        recommender.recommend(History.of(["chess-3"]))


def test_the_parts_of_a_search_that_fuses_run(catalogue: Elasticsearch, index_name: str) -> None:
    """The node has no retriever that fuses, but those that are fused, and the rest of the body."""
    options = replace(EVERYTHING, search=replace(EVERYTHING.search, boosts=(), collapse=True))
    plan = Recommender(catalogue, index_name, options=options).plan(
        History.of(["chess-0", "cooking-1"]), languages=["ja"]
    )
    [fused] = one_search_each(plan.requests, weights=plan.weights, rank_constant=None)
    parts = fused.body["retriever"]["linear"]["retrievers"]
    assert len(parts) == len(plan.requests) == len(OF_EVERY_INDEX)
    for part, retriever in zip(parts, plan.requests, strict=True):
        body = {**fused.body, "retriever": part["retriever"], "timeout": "10s"}
        found = catalogue.search(index=plan.live.name, body=body)["hits"]["hits"]
        alone = catalogue.search(index=plan.live.name, body=retriever.body)["hits"]["hits"]
        assert [score_of(hit) for hit in found] == pytest.approx([score_of(hit) for hit in alone])
        assert {id_of(hit) for hit in found} == {id_of(hit) for hit in alone}
