"""The language analyzers that the plugin brings, on every server that can be tested here."""

from __future__ import annotations

from typing import Any

import pytest
from elasticsearch import Elasticsearch

from xlrec_es.cluster.analyzers import CANDIDATE_ANALYZERS, available_analyzers

OF_ELASTICS_OWN_PLUGINS = {"kuromoji", "nori", "polish", "smartcn", "ukrainian"}


def tokens(es: Elasticsearch, text: str, **analysis: Any) -> list[str]:  # noqa: ANN401
    return [token["token"] for token in es.indices.analyze(text=text, **analysis)["tokens"]]


def test_every_language_that_lucene_can_read_is_there(es_each: Elasticsearch) -> None:
    assert available_analyzers(es_each) == CANDIDATE_ANALYZERS - OF_ELASTICS_OWN_PLUGINS


@pytest.mark.parametrize(
    ("analyzer", "text", "expected"),
    [
        ("arabic", "الكتب", ["كتب"]),
        ("brazilian", "as crianças", ["crianc"]),
        ("cjk", "東京都", ["東京", "京都"]),
        ("english", "the running foxes", ["run", "fox"]),
        ("french", "l'élève des écoles", ["elev", "ecol"]),
        ("german", "die Häuser", ["haus"]),
        ("hindi", "किताबें", ["किताब"]),
        ("russian", "в домах", ["дом"]),
        ("thai", "ภาษาไทย", ["ภาษา", "ไทย"]),
        ("turkish", "İstanbul'da", ["istanbul"]),
    ],
)
def test_each_language_is_read_as_such(
    es_each: Elasticsearch, analyzer: str, text: str, expected: list[str]
) -> None:
    assert tokens(es_each, text, analyzer=analyzer) == expected


def test_an_indexed_text_is_found_by_another_form_of_its_words(
    es_each: Elasticsearch, index_name: str
) -> None:
    field = {"type": "text", "analyzer": "german"}
    es_each.indices.create(index=index_name, mappings={"properties": {"text": field}})
    es_each.index(index=index_name, document={"text": "Die alten Häuser"}, refresh=True)
    for words, hits in (("Haus", 1), ("haeuser alter", 1), ("Maus", 0)):
        found = es_each.search(index=index_name, query={"match": {"text": words}})
        assert found["hits"]["total"]["value"] == hits, words


def test_the_parts_that_the_security_index_needs(es_each: Elasticsearch) -> None:
    capture = {"type": "pattern_capture", "patterns": [r"([^@]+)", r"(\p{L}+)"]}
    text = "write jo-ann@example.com or write"
    assert tokens(
        es_each, text, tokenizer="uax_url_email", filter=[capture, "lowercase", "unique"]
    ) == [
        "write",
        "jo-ann@example.com",
        "jo-ann",
        "jo",
        "ann",
        "example.com",
        "example",
        "com",
        "or",
    ]
