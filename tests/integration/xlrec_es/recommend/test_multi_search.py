"""Several users at once."""

from __future__ import annotations

import numpy as np
import pytest
from elasticsearch import Elasticsearch

import xlrec_es.recommend.recommender
from catalogue import LANGUAGES, documents
from xlrec_es import History, Interaction, Options, Recommendations, Recommender
from xlrec_es.errors import UnknownItems, UsageError
from xlrec_es.recommend.calls import MSEARCH, Call
from xlrec_es.recommend.options import OF_EVERY_INDEX
from xlrec_es.recommend.recommender import _written


def test_of_many_users_nobody_gets_what_they_have_seen(
    catalogue: Elasticsearch, index_name: str
) -> None:
    draw = np.random.default_rng(7)
    works = sorted({body["xlrec"]["work"] for body in documents().values()})  # type: ignore[index]
    histories = [
        History(
            tuple(
                Interaction(item, weight=float(weight))
                for item, weight in zip(
                    draw.choice(works, count, replace=False),
                    draw.choice([-3, 1, 5], count),
                    strict=True,
                )
            )
        )
        for count in draw.integers(1, 9, 30)
    ]
    recommender = Recommender(
        catalogue,
        index_name,
        options=Options(weights=dict.fromkeys(OF_EVERY_INDEX, 1.0), mix="equal"),
    )
    found = recommender.recommend_many(histories, languages=LANGUAGES, size=12)
    for history, result in zip(histories, found, strict=True):
        assert isinstance(result, Recommendations)
        shown = [item.work for item in result.items]
        assert not set(shown) & set(history.items)
        assert len(set(shown)) == len(shown) == 12
        assert {share.language: share.filled for share in result.languages} == dict.fromkeys(
            LANGUAGES, 4
        )
        assert result.degraded == ()


def test_searches_that_are_too_large_together_are_sent_in_several_requests(
    catalogue: Elasticsearch, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    histories = [History.of(["chess-3", "cooking-1@de"]), History.of(["painting-4"])]
    options = Options(weights=dict.fromkeys(OF_EVERY_INDEX, 1.0))
    recommender = Recommender(catalogue, index_name, options=options)
    whole = list(recommender.recommend_many(histories, languages=LANGUAGES))
    monkeypatch.setattr(xlrec_es.recommend.recommender, "MAX_REQUEST_BYTES", 2_000)
    assert list(recommender.recommend_many(histories, languages=LANGUAGES)) == whole
    call = Call(MSEARCH, {"searches": [{"index": "i"}, {"q": "x" * 900}] * 5})
    requests = [arguments["searches"] for arguments in _written(call)]
    assert [len(lines) // 2 for lines in requests] == [2, 2, 1]


def test_many_users_get_what_each_would_get_alone(
    catalogue: Elasticsearch, index_name: str
) -> None:
    recommender = Recommender(catalogue, index_name)
    histories = [
        History.of(["chess-3"]),
        History.of(["nobody knows me"]),
        History.of(["chess-0@ja", "cooking-1"]),
        History(),
        History.of([f"astronomy-{n}" for n in range(10)]),
    ]
    alone = [
        None if number == 1 else recommender.recommend(history, size=5)
        for number, history in enumerate(histories)
    ]
    for batch, concurrency in ((3, 1), (2, 2), (1, 4)):
        together = list(
            recommender.recommend_many(histories, size=5, batch=batch, concurrency=concurrency)
        )
        assert isinstance(together[1], UnknownItems)
        assert [r if isinstance(r, Recommendations) else None for r in together] == alone
    with pytest.raises(UsageError, match="concurrency is 0"):
        next(recommender.recommend_many(histories, concurrency=0))
