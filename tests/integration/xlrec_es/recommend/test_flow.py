"""What is asked, in which order, and what becomes of it on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import pytest
from elasticsearch import Elasticsearch

from catalogue import DIMS, topics_of, work_vector, write_catalogue
from xlrec_es import History, Options, Recommender, SearchOptions
from xlrec_es.errors import ClusterUnreachable, FingerprintMismatch, UsageError
from xlrec_es.recommend.calls import SEARCH, Call, Outcome
from xlrec_es.recommend.options import Recency

KEYED = {"type": "text", "fields": {"keyword": {"type": "keyword"}}}


class OneTopicEncoder:
    """Encodes every text as a topic's vector; claims what the catalogue's fingerprint says."""

    model, revision, dims, pooling, prefix, max_tokens = "test catalogue", "1", DIMS, "none", "", 9

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return np.stack([work_vector(text, 0) for text in texts])


def test_free_text_is_encoded_and_named_as_reason(
    catalogue: Elasticsearch, index_name: str
) -> None:
    history = History(texts=("cooking",))
    recommender = Recommender(catalogue, index_name, encoder=OneTopicEncoder())
    result = recommender.recommend(history, languages=["ja", "en"], size=4)
    assert topics_of([item.work for item in result.items]) == ["cooking"] * 4
    assert result.items[0].reasons[0].item == "cooking"
    with pytest.raises(UsageError, match="need the encoder"):
        Recommender(catalogue, index_name).recommend(history)
    other = OneTopicEncoder()
    other.revision = "2"
    with pytest.raises(FingerprintMismatch, match="revision is '2' here"):
        Recommender(catalogue, index_name, encoder=other).recommend(history)


def test_a_swapped_alias_is_noticed(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = Recommender(catalogue, index_name)
    history = History.of(["chess-3"])
    assert recommender.recommend(history).index == f"{index_name}-xlrec-v1"
    write_catalogue(catalogue, f"{index_name}-second")
    second = f"{index_name}-second-xlrec-v1"
    catalogue.indices.update_aliases(
        actions=[
            {"remove": {"index": f"{index_name}-xlrec-v1", "alias": index_name}},
            {"add": {"index": second, "alias": index_name}},
        ]
    )
    assert recommender.recommend(history).index == second
    # The version that a recommender remembers is pruned, and this user has no history to tell.
    catalogue.indices.delete(index=f"{index_name}-xlrec-v1")
    stale = Recommender(catalogue, index_name)
    stale.recommend(history)
    write_catalogue(catalogue, f"{index_name}-third")
    catalogue.indices.update_aliases(
        actions=[
            {"remove_index": {"index": second}},
            {"add": {"index": f"{index_name}-third-xlrec-v1", "alias": index_name}},
        ]
    )
    assert stale.recommend(History()).index == f"{index_name}-third-xlrec-v1"


class WithoutDetails(Recommender):
    """Loses the last of the three requests."""

    def _send(self, call: Call, deadline: float) -> Outcome:
        if call.method == SEARCH and "ids" in call.arguments["body"]["query"]:
            return ClusterUnreachable("too late")
        return super()._send(call, deadline)


def test_without_the_last_request_there_is_an_answer(
    catalogue: Elasticsearch, index_name: str
) -> None:
    history = History.of(["chess-3", "chess-6"])
    whole = Recommender(catalogue, index_name).recommend(history)
    found = WithoutDetails(catalogue, index_name).recommend(history)
    assert [item.id for item in found.items] == [item.id for item in whole.items]
    assert [item.score for item in found.items] == [item.score for item in whole.items]
    assert {item.title for item in found.items} == {None}
    assert [reason.share for reason in found.items[0].reasons] == pytest.approx([0.5, 0.5])
    [sentence] = found.degraded
    assert sentence.endswith("too late")


def test_a_field_of_another_type_is_named(catalogue: Elasticsearch, index_name: str) -> None:
    """In place of Elasticsearch's own words."""
    fields = {"size": {"type": "text"}, "keyed": KEYED, "made": {"type": "date"}}
    catalogue.indices.put_mapping(index=index_name, properties=fields)
    history = History.of(["chess-3"])
    popular = {"popularity": 1.0}
    for search, said in (
        (SearchOptions(caps={"size": 1}), "'size' is text, .* cap a keyword field"),
        (SearchOptions(caps={"keyed": 1}), "'keyed' is text, .* cap keyed.keyword instead"),
        (SearchOptions(recent=Recency("size")), "'size' is text, .* name a date field"),
        (SearchOptions(recent=Recency("brand")), "'brand' is keyword, and age"),
        (SearchOptions(recent=Recency("price")), "'price' is long, and age"),
    ):
        options = Options(weights=popular, search=search)
        with pytest.raises(UsageError, match=f"the field {said}"):
            Recommender(catalogue, index_name, options=options).recommend(history)
        several = Recommender(catalogue, index_name, options=options).recommend_many([history])
        assert isinstance(next(several), UsageError)
        # Beside another retriever, too, where the list would merely be a worse one.
        both = Options(weights=popular | {"dense": 1.0}, search=search)
        with pytest.raises(UsageError, match=f"the field {said}"):
            Recommender(catalogue, index_name, options=both).recommend(history)


def test_a_field_that_is_not_there_is_named(catalogue: Elasticsearch, index_name: str) -> None:
    """Also where a history is known, whose searches would say nothing of it."""
    for search, said in (
        (SearchOptions(caps={"brnd": 1}), "the field 'brnd' is not in the mapping, .* capped"),
        (SearchOptions(recent=Recency("made")), "the field 'made' is not in the mapping, and age"),
        (SearchOptions(recent=Recency("price")), "the field 'price' is long, and age"),
    ):
        recommender = Recommender(catalogue, index_name, options=Options(search=search))
        with pytest.raises(UsageError, match=said):
            recommender.recommend(History.of(["chess-3"]))
        with pytest.raises(UsageError, match=said):
            recommender.search("chess")
        assert recommender.rank(History.of(["chess-3"]), ["chess-1"]).items


def test_types_are_asked_for_once(
    catalogue: Elasticsearch, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    field_caps = cast("Callable[..., object]", Elasticsearch.field_caps)

    def counted(self: Elasticsearch, **arguments: object) -> object:
        asked.append(arguments["fields"])
        return field_caps(self, **arguments)

    monkeypatch.setattr(Elasticsearch, "field_caps", counted)
    catalogue.indices.put_mapping(index=index_name, properties={"made": {"type": "date"}})
    search = SearchOptions(caps={"brand": 2}, recent=Recency("made"))
    options = Options(weights={"popularity": 1.0, "dense": 1.0}, search=search)
    recommender = Recommender(catalogue, index_name, options=options)
    for one in (recommender, recommender, recommender.by(Options(search=search))):
        found = one.recommend(History.of(["chess-3"]))
        assert found.items
        assert not found.degraded
    assert asked == [["brand", "made", "brand.keyword", "made.keyword"]]
