"""What draws a list, and what pushes it away."""

from __future__ import annotations

from elasticsearch import Elasticsearch

from catalogue import topics_of
from xlrec_es import History, Interaction, Recommender


def test_weights_pull_towards_what_weighs_more(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = Recommender(catalogue, index_name)
    history = History((Interaction("chess-3", weight=1.0), Interaction("cooking-3", weight=50.0)))
    result = recommender.recommend(history, languages=["ja"], size=3)
    assert topics_of([item.work for item in result.items]) == ["cooking"] * 3


def test_dislikes_are_never_recommended_and_do_not_empty_the_result(
    catalogue: Elasticsearch, index_name: str
) -> None:
    history = History((Interaction("chess-3", "like"), Interaction("astronomy-3", "dislike")))
    result = Recommender(catalogue, index_name).recommend(history, languages=["ja"], size=20)
    assert len(result.items) == 20
    assert "astronomy-3" not in {item.work for item in result.items}
    assert topics_of([result.items[0].work]) == ["chess"]
    only = History((Interaction("chess-3", "dislike"),))
    assert Recommender(catalogue, index_name).recommend(only, languages=["ja"]).items
