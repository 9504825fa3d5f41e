"""Searches for many cases, without a cluster."""

from __future__ import annotations

import pytest
from elasticsearch import Elasticsearch

from xlrec_es.errors import UsageError
from xlrec_es.evaluate.case_search import answers
from xlrec_es.evaluate.protocol import Case
from xlrec_es.recommend.options import Options


def test_fusion_by_elasticsearch_is_not_evaluated() -> None:
    nowhere, case = Elasticsearch("http://127.0.0.1:9"), Case("p", "de", ("a",), frozenset({"c"}))
    with pytest.raises(UsageError, match="leave out server_side"):
        next(answers(nowhere, "i", [case], options=Options(server_side=True), languages=["de"]))
